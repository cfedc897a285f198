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
from e2ekit.cluster import ACCOUNT, Space
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


_RBAC = "rbac.authorization.k8s.io"
_NAME_FIELD = {"fieldPath": "metadata.name"}


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


_SECRETS: dict[str, Any] = {
    "automountServiceAccountToken": True,
    "volumes": [
        {"name": "tls", "secret": {"secretName": "tls"}},
        {
            "name": "mixed",
            "projected": {
                "sources": [
                    {"serviceAccountToken": {"path": "token", "audience": "elsewhere"}},
                    {"downwardAPI": {"items": [{"path": "n", "fieldRef": _NAME_FIELD}]}},
                ]
            },
        },
        {"name": "plain", "downwardAPI": {"items": [{"path": "n", "fieldRef": _NAME_FIELD}]}},
    ],
}
_SECRET_MOUNTS = [
    {"name": "tls", "mountPath": "/srv/tls"},
    # One file of it, which is a mount of its own.
    {"name": "tls", "mountPath": "/srv/one.key", "subPath": "tls.key"},
    {"name": "mixed", "mountPath": "/var/run/mixed"},
    {"name": "plain", "mountPath": "/srv/plain"},
]


def test_secrets_are_not_brought_home_by_accident(
    space: Space, play: Playbooks, tmp_path: Path
) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "tls"}}
    space.create({**secret, "stringData": {"tls.key": "a private key"}})
    space.web(spec=_SECRETS, container={"volumeMounts": _SECRET_MOUNTS})
    args = {**_where(play), "recurse": True}
    token = "/var/run/secrets/kubernetes.io/serviceaccount"

    fetched = play.task(
        "pod_fetch", {**args, "paths": ["/var", "/srv"], "dest": str(tmp_path / "home")}
    )
    named = play.task(
        "pod_fetch",
        {**args, "paths": ["/srv/tls/tls.key", token], "dest": str(tmp_path / "named")},
        ok=False,
    )
    wanted = play.task(
        "pod_fetch",
        {**args, "secrets": True, "paths": ["/srv/tls"], "dest": str(tmp_path / "wanted")},
    )

    home = tmp_path / "home" / space.name / "web" / "web"
    left = {each["path"] for each in fetched.pod["problems"]}
    assert left >= {"/srv/tls", "/srv/one.key"}
    assert {path.rpartition("/")[2] for path in left} == {
        *("tls", "one.key", "mixed", "serviceaccount")
    }
    assert fetched.pod["partial"] is False
    contents = [each.read_bytes() for each in home.rglob("*") if each.is_file()]
    assert not [each for each in contents if b"private" in each or each.startswith(b"eyJ")]
    assert (home / "srv/hello.txt").exists()
    # What is no secret in a volume comes.
    assert [each.read_bytes() for each in (home / "srv/plain").rglob("n")] == [b"web"]
    assert "2 of what paths name could not be read" in named.msg
    assert "secrets=true reads it" in named.msg
    assert not list((tmp_path / "named").rglob("*.key"))
    keys = [each.read_bytes() for each in (tmp_path / "wanted").rglob("tls.key")]
    assert keys == [b"a private key"]
    assert wanted.pod["problems"] == []


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


def test_what_a_debugger_may_not_read_is_told_and_the_rest_comes(
    space: Space, play: Playbooks, tmp_path: Path
) -> None:
    space.web(container={"securityContext": {"runAsUser": 1234}})
    same = {"profile": "restricted", "custom": {"securityContext": {"runAsUser": 1234}}}
    args = {**_where(play), **same, "paths": ["/srv"], "recurse": True}

    failed = play.task("pod_fetch", {**args, "dest": str(tmp_path / "failed")}, ok=False)
    taken = play.task("pod_fetch", {**args, "allow_partial": True, "dest": str(tmp_path / "taken")})

    assert "1 of what paths name could not be read: /srv/secret: Permission denied" in failed.msg
    assert taken.pod["problems"] == [
        {"path": "/srv/secret", "path_base64": None, "reason": "Permission denied"}
    ]
    assert (taken.pod["partial"], taken.pod["error"]) == (True, None)
    for folder in ("failed", "taken"):
        home = tmp_path / folder / space.name / "web" / "web"
        assert (home / "srv/pattern.bin").read_bytes() == bytes(range(256)) * 256
        assert not (home / "srv/secret").exists()


def test_an_agent_reads_what_a_debugger_would(
    new_space: NewSpace, new_play: NewPlay, tmp_path: Path
) -> None:
    space = new_space(rules=[*manifests.DEBUG_RULES, *manifests.AGENT_RULES])
    strict = new_space(rules=manifests.DEBUG_RULES, level="baseline")
    guest = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": space.name}
    role = {"apiGroup": _RBAC, "kind": "Role", "name": ACCOUNT}
    binding = {"apiVersion": f"{_RBAC}/v1", "kind": "RoleBinding", "metadata": {"name": "guest"}}
    strict.create({**binding, "roleRef": role, "subjects": [guest]})
    play = new_play(space)
    strict.web(container={"securityContext": {"runAsUser": 1234}})
    where = {**_where(play), "namespace": strict.name}
    args = {**where, "paths": ["/srv"], "recurse": True, "dest": str(tmp_path)}

    nowhere = play.task("pod_fetch", args, ok=False)
    fetched = play.task("pod_fetch", {**args, "agent_namespace": space.name})
    again = play.task("pod_fetch", {**args, "agent_namespace": space.name})
    asked = play.task("pod_fetch", {**args, "agent_namespace": space.name, "mode": "job"})

    assert strict.entries("web") == []
    assert "can have no agent: ephemeral: " in nowhere.msg
    assert "Pod Security level baseline" in nowhere.msg
    assert "; job: " in nowhere.msg
    assert (fetched.pod["mode"], fetched.pod["action"]) == ("job", "created")
    assert fetched.pod["reasons"][0].startswith("ephemeral: ")
    assert "refuses profile=general" in fetched.pod["reasons"][0]
    assert fetched.pod["reasons"][1:] == ["job: nothing speaks against it"]
    assert (again["changed"], again.pod["agent"]) == (False, fetched.pod["agent"])
    assert again.pod["reasons"][1:] == ["job: it runs already"]
    assert (asked.pod["agent"], asked.pod["reasons"]) == (fetched.pod["agent"], [])
    home = tmp_path / strict.name / "web" / "web"
    assert (home / "srv/secret").read_bytes() == b"only for root\n"
    assert (home / "srv/pattern.bin").read_bytes() == bytes(range(256)) * 256
