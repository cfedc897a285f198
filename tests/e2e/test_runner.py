# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A job as AWX runs it: ansible-runner, a checkout as the project, answers of a survey, and the
environment of a credential of the type "OpenShift or Kubernetes API Bearer Token".
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from e2ekit.cluster import Space
from e2ekit.playbooks import REPOSITORY

__all__: list[str] = []

_BOUND = 120

# As AWX writes them (awx/main/utils/safe_yaml.py): texts of people are never templates, and from
# ansible-core 2.19 on an empty one is null.
_UNSAFE = "!unsafe"


def _job(space: Space, folder: Path, answers: Mapping[str, str]) -> None:
    """Lay out the private data folder of one job."""
    server, authority = space.cluster.server()
    for name in ("env", "inventory"):
        (folder / name).mkdir(parents=True)
    (folder / "project").symlink_to(REPOSITORY)
    (folder / "inventory" / "hosts").write_text(
        f"localhost ansible_connection=local ansible_python_interpreter={sys.executable}\n",
        encoding="utf-8",
    )
    lines = [f"{name}: {_UNSAFE} {json.dumps(text)}" for name, text in answers.items()]
    (folder / "env" / "extravars").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "ca.crt").write_bytes(authority)
    (folder / "env" / "envvars").write_text(
        json.dumps(
            {
                "K8S_AUTH_HOST": server,
                "K8S_AUTH_API_KEY": space.cluster.token(space.name),
                "K8S_AUTH_VERIFY_SSL": "True",
                "K8S_AUTH_SSL_CA_CERT": str(folder / "ca.crt"),
            }
        ),
        encoding="utf-8",
    )


def _run(folder: Path, collections: Path, playbook: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("ansible-runner")
    home = folder / "home"
    home.mkdir()
    # An empty one, so that nobody's own settings count.
    (folder / "ansible.cfg").touch()
    return subprocess.run(
        [str(program), "run", str(folder), "-p", playbook, "--ident", "1"],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_BOUND,
        check=False,
        env={
            "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
            "LC_ALL": "C.UTF-8",
            "HOME": str(home),
            "ANSIBLE_COLLECTIONS_PATH": str(collections),
            "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
        },
    )


def _events(folder: Path) -> list[dict[str, Any]]:
    paths = (folder / "artifacts" / "1" / "job_events").glob("*.json")
    found = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    return sorted(found, key=lambda event: int(event["counter"]))


def test_a_job_of_awx(space: Space, collections: Path, tmp_path: Path) -> None:
    space.web()
    folder = tmp_path / "job"
    answers = {
        "awx_user_name": "alice",
        "debug_namespace": space.name,
        "debug_name": "web",
        "debug_workload": "",
        "debug_label_selectors": "",
        "debug_where": "",
        "debug_container": "",
        "debug_image": space.cluster.toolbox,
        "debug_inherit": "",
        "debug_commands": 'echo \'{{ lookup("env", "HOME") }}\' $HOME\n',
        "debug_probe_count": "2",
        "debug_probe_interval": "0.01",
        "debug_probe_max_loss": "",
        "debug_lifetime": "600",
        "debug_keep": "false",
        "debug_reason": "{{ 7 * 6 }}",
        "debug_ticket": "",
        "debug_evidence_dir": "",
    }
    _job(space, folder, answers)

    done = _run(folder, collections, "playbooks/debug-pod.yml")

    assert done.returncode == 0, done.stdout + done.stderr
    events = _events(folder)
    (stats,) = [each for each in events if each["event"] == "playbook_on_stats"]
    artifact = stats["event_data"]["artifact_data"]["kubedebug"]
    assert (artifact["outcome"], artifact["problems"], artifact["pods"]) == ("ok", 0, ["web"])
    (entry,) = space.entries("web")
    marks = {item["name"]: item["value"] for item in entry["env"]}
    assert "alice" in marks.values(), "the session belongs to AWX' user"
    assert "{{ 7 * 6 }}" in marks.values(), "an answer is text, never a template"
    assert "terminated" in space.states("web")[entry["name"]]
    # The command saw the text as it was typed: nothing on the controller or in the pod expanded it.
    assert '{{ lookup("env", "HOME") }} $HOME' in done.stdout
    token = json.loads((folder / "env" / "envvars").read_text(encoding="utf-8"))["K8S_AUTH_API_KEY"]
    told = [path for path in (folder / "artifacts").rglob("*") if path.is_file()]
    # Runner itself notes the environment of its command in this one file, for AWX to hide.
    leaks = [path for path in told if path.name != "command" and token in path.read_text("utf-8")]
    assert leaks == []


def test_a_job_whose_token_is_no_longer_good(
    shared: Space, collections: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "job"
    _job(shared, folder, {"debug_namespace": shared.name, "debug_name": "web"})
    variables = json.loads((folder / "env" / "envvars").read_text(encoding="utf-8"))
    variables["K8S_AUTH_API_KEY"] = "no-token-at-all"
    (folder / "env" / "envvars").write_text(json.dumps(variables), encoding="utf-8")

    done = _run(folder, collections, "playbooks/debug-pod.yml")

    assert done.returncode != 0
    assert "does not accept these credentials" in " ".join(done.stdout.split())
    assert "Traceback" not in done.stdout + done.stderr
