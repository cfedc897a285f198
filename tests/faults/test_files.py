# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a target while connections break."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from e2ekit.cluster import Space
from e2ekit.playbooks import Playbooks
from e2ekit.proxy import Cut, FaultProxy

__all__: list[str] = []

_EXEC = r"^GET .*/pods/web/exec\?"
_MARK = b"<the middle>"
_WRITE = f"""
part = bytes(range(256)) * 40000
with open("/tmp/big", "wb") as file:
    file.write(part + {_MARK!r} + part[::-1])
with open("/tmp/holes", "wb") as file:
    file.seek(50_000_000)
    file.write(b"end")
open("/tmp/ready", "w").close()
import time
time.sleep(600)
"""


def _fetch(space: Space, **args: Any) -> dict[str, Any]:
    return {
        "namespace": space.name,
        "name": "web",
        "image": space.cluster.toolbox,
        "recurse": True,
        **args,
    }


def test_small_files_go_on_after_a_cut(
    space: Space, play: Playbooks, proxy: FaultProxy, tmp_path: Path
) -> None:
    space.web()
    # The list does not have it; the stream of the files is cut within, and again within the next.
    fault = proxy.inject(_EXEC, Cut(marker=b"leaf\n"), times=3)

    fetched = play.task("pod_fetch", _fetch(space, paths=["/srv", "/web"], dest=str(tmp_path)))

    assert fault.met == 3
    home = tmp_path / space.name / "web" / "web"
    assert fetched.pod["problems"] == []
    for each in fetched.pod["files"]:
        if each["type"] == "file":
            content = (home / each["path"].lstrip("/")).read_bytes()
            assert hashlib.sha256(content).hexdigest() == each["sha256"]
    assert (home / "srv/deep/a/b/c/leaf.txt").read_bytes() == b"leaf\n"
    assert not list(tmp_path.rglob(".kubedebug-*"))


def test_large_files_go_on_where_they_were_cut(
    space: Space, play: Playbooks, proxy: FaultProxy, tmp_path: Path
) -> None:
    ready = {"exec": {"command": ["test", "-e", "/tmp/ready"]}, "periodSeconds": 1}
    space.web(
        image=space.cluster.toolbox,
        container={"command": ["python3", "-c", _WRITE], "readinessProbe": ready},
    )
    fault = proxy.inject(_EXEC, Cut(marker=_MARK), times=2)

    fetched = play.task(
        "pod_fetch", _fetch(space, paths=["/tmp/big", "/tmp/holes"], dest=str(tmp_path))
    )

    assert fault.met == 2
    part = bytes(range(256)) * 40000
    home = tmp_path / space.name / "web" / "web" / "tmp"
    assert (home / "big").read_bytes() == part + _MARK + part[::-1]
    assert (home / "holes").read_bytes() == bytes(50_000_000) + b"end"
    assert sorted(each.name for each in home.iterdir()) == ["big", "holes"]
    assert [each["whole"] for each in fetched.pod["files"]] == [True, True]
