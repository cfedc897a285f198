# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a target without a shell: what arrives, what must not, and what stays untouched."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path
from typing import Any

from e2ekit import manifests
from e2ekit.cluster import Space
from e2ekit.fixtures import NewPlay, NewSpace
from e2ekit.playbooks import Playbooks

__all__: list[str] = []

_LISTING = """
import hashlib, os, sys
for folder, folders, files in os.walk("/proc/1/root/srv"):
    for name in sorted(folders + files):
        path = os.path.join(folder, name)
        status = os.lstat(path)
        print([path, status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns,
               status.st_atime_ns if not os.path.isdir(path) else 0, status.st_ino])
"""


def _tree(play: Playbooks) -> str:
    """Everything that a stat tells of the target's files."""
    argv = ["python3", "-I", "-c", _LISTING]
    found = play.task("ephemeral_command", {**_where(play), "argv": argv})
    return str(found.pod["stdout"])


def _where(play: Playbooks) -> dict[str, Any]:
    extra = play.extra_vars
    return {"namespace": extra["kd_namespace"], "name": "web", "image": extra["kd_toolbox"]}


def test_files_arrive_whole_and_the_target_stays_as_it_was(
    space: Space, play: Playbooks, tmp_path: Path
) -> None:
    space.web(container={"securityContext": {"runAsUser": 0, "readOnlyRootFilesystem": True}})
    before = _tree(play)
    assert "/srv/hello.txt" in before

    run = play.play("files", kd_dest=str(tmp_path))

    assert _tree(play) == before
    home = tmp_path / space.name / "web" / "web"
    assert (home / "srv/pattern.bin").read_bytes() == bytes(range(256)) * 256
    assert (home / "srv/line\nbreak.txt").read_bytes() == b"a line break in the name\n"
    assert (home / "srv/deep/a/b/c/leaf.txt").read_bytes() == b"leaf\n"
    assert (home / "etc/os-release").read_bytes().startswith(b"ID=kubedebug-web\n")
    assert (home / "srv/empty").read_bytes() == b""
    assert (home / "srv/empty-folder").is_dir()
    assert stat.S_IMODE((home / "srv/secret").stat().st_mode) == 0o600
    assert (home / "web").stat().st_mtime == 1_700_000_000
    assert (tmp_path / "hello").read_bytes() == b"hello from the target\n"
    assert (tmp_path / "status").read_bytes().startswith(b"Name:\tweb\n")
    assert not (tmp_path / "never").exists()
    assert (tmp_path / "some" / space.name / "web/web/srv/hello.txt").exists()
    assert not [each for each in tmp_path.rglob("*") if each.is_symlink() or each.is_fifo()]
    files = {each["path"]: each for each in run.task("Fetch it again").pod["files"]}
    digest = hashlib.sha256((home / "web").read_bytes()).hexdigest()
    assert files["/web"]["sha256"] == digest
    assert files["/srv/pipe"]["type"] == "fifo"
    assert "not read, only reported: fifo" in run.text


def test_a_token_is_not_brought_home_by_accident(
    space: Space, play: Playbooks, tmp_path: Path
) -> None:
    space.web(spec={"automountServiceAccountToken": True})

    fetched = play.task(
        "pod_fetch",
        {**_where(play), "paths": ["/var"], "recurse": True, "dest": str(tmp_path / "home")},
    )

    assert not list(tmp_path.rglob("token"))
    assert fetched.pod["problems"] == []


def test_a_target_of_another_user_without_the_right_is_said(
    space: Space, play: Playbooks, tmp_path: Path
) -> None:
    space.web(container={"securityContext": {"runAsUser": 1234}})
    paths = {"paths": ["/srv/hello.txt", "/srv/secret"], "dest": str(tmp_path)}

    fetched = play.task("pod_fetch", {**_where(play), **paths})
    other = {"profile": "restricted", "custom": {"securityContext": {"runAsUser": 4321}}}
    refused = play.task("pod_fetch", {**_where(play), **paths, **other}, ok=False)

    assert [each["whole"] for each in fetched.pod["files"]] == [True, True]
    assert "the target's root cannot be opened: Permission denied" in refused.msg
    assert "profile=general" in refused.msg


def test_an_agent_reads_what_a_debugger_would(
    new_space: NewSpace, new_play: NewPlay, tmp_path: Path
) -> None:
    space = new_space(rules=[*manifests.DEBUG_RULES, *manifests.AGENT_RULES])
    play = new_play(space)
    space.web(container={"securityContext": {"runAsUser": 1234}})
    args = {**_where(play), "mode": "job", "paths": ["/srv"], "recurse": True}

    fetched = play.task("pod_fetch", {**args, "dest": str(tmp_path)})
    again = play.task("pod_fetch", {**args, "dest": str(tmp_path)})

    assert space.entries("web") == []
    assert (fetched.pod["mode"], fetched.pod["action"]) == ("job", "created")
    assert (again["changed"], again.pod["agent"]) == (False, fetched.pod["agent"])
    home = tmp_path / space.name / "web" / "web"
    assert (home / "srv/secret").read_bytes() == b"only for root\n"
    assert (home / "srv/pattern.bin").read_bytes() == bytes(range(256)) * 256
