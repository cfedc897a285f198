# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The script that writes a file in the pod, run here by each shell that there is."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._connection import putting

__all__: list[str] = []

_FOUND = {name: shutil.which(name) for name in ("sh", "dash", "bash", "busybox")}
_SHELLS = [
    pytest.param([path, "sh"] if name == "busybox" else [path], id=name)
    for name, path in _FOUND.items()
    if path
]
_DATA = bytes(range(256)) * 1000


def _put(
    shell: list[str],
    target: str,
    data: bytes,
    *,
    digest: str | None = None,
    path: str | None = None,
) -> subprocess.CompletedProcess[bytes]:
    wanted = hashlib.sha256(data).hexdigest() if digest is None else digest
    argv = [*shell, "-c", putting._PUT, "kubedebug-put", target, ".kubedebug-part", wanted]
    environ = {"PATH": path} if path else None
    return subprocess.run(
        argv, input=data, capture_output=True, check=False, timeout=60, env=environ
    )


@pytest.mark.parametrize("shell", _SHELLS)
@pytest.mark.parametrize(
    "name",
    [
        "plain",
        "-n",
        "two words",
        "it's",
        'a"b',
        "$(touch pwned)",
        "`touch pwned`",
        "a\nb",
        "é%s\\n",
    ],
)
def test_names_are_only_names(tmp_path: Path, shell: list[str], name: str) -> None:
    target = tmp_path / name

    done = _put(shell, str(target), _DATA)

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert target.read_bytes() == _DATA
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("shell", _SHELLS)
def test_a_relative_name_with_a_dash(
    tmp_path: Path, shell: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert _put(shell, "-rf", b"").returncode == 0

    assert [path.name for path in tmp_path.iterdir()] == ["-rf"]


@pytest.mark.parametrize("shell", _SHELLS)
def test_what_is_not_whole_gets_no_name(tmp_path: Path, shell: list[str]) -> None:
    target = tmp_path / "file"
    target.write_text("before", encoding="utf-8")

    done = _put(shell, str(target), _DATA[:-1], digest=hashlib.sha256(_DATA).hexdigest())

    assert "another SHA-256" in putting._reason(done.returncode, done.stderr)
    assert target.read_text(encoding="utf-8") == "before"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("shell", _SHELLS)
@pytest.mark.parametrize(
    ("target", "words"),
    [
        pytest.param(".", "it is a directory", id="folder"),
        pytest.param("nowhere/file", "", id="no-folder"),
    ],
)
def test_what_cannot_be_written_is_read_to_its_end(
    tmp_path: Path, shell: list[str], target: str, words: str
) -> None:
    """Else a node may wait for a reader of the input for ever."""
    done = _put(shell, str(tmp_path / target), _DATA * 10)

    assert done.returncode == 1
    assert words in putting._reason(done.returncode, done.stderr)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shell", _SHELLS[:1])
def test_without_anything_that_sums(tmp_path: Path, shell: list[str]) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("cat", "mv", "rm"):
        (tools / name).symlink_to(str(shutil.which(name)))

    done = _put(shell, str(tmp_path / "file"), _DATA, path=str(tools))

    assert "none of sha256sum, openssl and python3" in putting._reason(done.returncode, done.stderr)
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize("shell", _SHELLS[:1])
@pytest.mark.parametrize("tool", ["openssl", "python3"])
def test_other_tools_that_sum(tmp_path: Path, shell: list[str], tool: str) -> None:
    found = shutil.which(tool)
    if found is None:
        pytest.skip(f"there is no {tool} here")
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("cat", "mv", "rm"):
        (tools / name).symlink_to(str(shutil.which(name)))
    # A link would lose a Python its libraries.
    (tools / tool).write_text(f'#!/bin/sh\nexec {found} "$@"\n', encoding="utf-8")
    (tools / tool).chmod(0o755)

    done = _put(shell, str(tmp_path / "file"), _DATA, path=str(tools))

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "file").read_bytes() == _DATA


def test_a_name_that_is_no_text() -> None:
    with pytest.raises(putting.FileRefused, match="no UTF-8"):
        putting.check_name("a\udcffb")
