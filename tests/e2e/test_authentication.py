# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways to say which cluster, and that no credential shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from e2ekit.cluster import Space
from e2ekit.playbooks import Playbooks

__all__: list[str] = []


@pytest.mark.parametrize("way", ["options", "dictionary", "environment", "task environment"])
@pytest.mark.parametrize("shell", ["in process", "module"])
def test_the_ways_to_name_a_cluster(
    shared: Space, shared_play: Playbooks, tmp_path: Path, way: str, shell: str
) -> None:
    server, authority = shared.cluster.server()
    token = shared.cluster.token(shared.name)
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority)
    environ = {
        "K8S_AUTH_HOST": server,
        "K8S_AUTH_API_KEY": token,
        "K8S_AUTH_SSL_CA_CERT": str(ca),
    }
    args: dict[str, Any] = {"namespace": shared.name, "name": "web"}
    keywords: dict[str, Any] = {}
    if way == "options":
        args |= {"host": server, "api_key": token, "ca_cert": str(ca)}
    elif way == "dictionary":
        config = json.loads(shared.kubeconfig.read_text(encoding="utf-8"))
        config["users"][0]["user"]["token"] = token
        args |= {"kubeconfig": config}
    elif way == "task environment":
        keywords = {"environment": environ}
    if shell == "module":
        keywords |= {"async": 60, "poll": 1}

    given = environ if way == "environment" else {}
    # At -vvv Ansible itself prints the environment that a task gives to a module.
    verbosity = "-vv" if (way, shell) == ("task environment", "module") else "-vvv"
    found = shared_play.task(
        "ephemeral_container_info",
        args,
        verbosity,
        # Nothing else may lead to the cluster.
        environ={"K8S_AUTH_KUBECONFIG": "", **given},
        **keywords,
    )

    assert found["pods"] == []
    assert token not in shared_play.runs[-1].output
    assert token not in json.dumps(found.result)
