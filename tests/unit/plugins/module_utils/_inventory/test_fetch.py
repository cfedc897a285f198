# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose pods the cache may give back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._inventory.fetch import reader_of
from ansible_collections.kubedebug.core.plugins.module_utils._kube.auth import (
    AuthOptions,
    load_configuration,
)

__all__: list[str] = []


def _kubeconfig(
    path: Path,
    *,
    server: str = "https://a",
    token: str = "t",
    namespace: str = "shop",
    current: str = "one",
) -> None:
    """Two contexts; the arguments are of the first."""
    contexts = {"one": namespace, "two": "bank"}
    config = {
        "current-context": current,
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [
            {"name": name, "context": {"cluster": "c", "user": "u", "namespace": space}}
            for name, space in contexts.items()
        ],
    }
    path.write_text(json.dumps(config), encoding="utf-8")


def _reader(auth: dict[str, Any], environ: dict[str, str]) -> dict[str, Any]:
    return reader_of(load_configuration(AuthOptions.from_params(auth), environ)[0])


@pytest.mark.parametrize(
    "changed",
    [
        {"server": "https://b"},
        {"token": "u"},
        {"namespace": "other"},
        {"current": "two"},
    ],
    ids=str,
)
def test_the_same_file_may_lead_elsewhere_by_now(tmp_path: Path, changed: dict[str, Any]) -> None:
    path = tmp_path / "config"
    auth = {"kubeconfig": str(path)}
    _kubeconfig(path)
    before = _reader(auth, {})
    assert _reader(auth, {}) == before

    _kubeconfig(path, **changed)

    assert _reader(auth, {}) != before


def test_the_environment_counts(tmp_path: Path) -> None:
    for name in ("a", "b"):
        _kubeconfig(tmp_path / name, server=f"https://{name}")

    found = [_reader({}, {"KUBECONFIG": str(tmp_path / name)}) for name in ("a", "b")]

    assert [each["host"] for each in found] == ["https://a", "https://b"]
