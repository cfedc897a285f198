# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of the toy's playbook through a real ansible-playbook, shared by all tests here."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubedebug.core.tests.unit.plugins.plugin_utils.toy.overlay import lay

_TOY = Path(__file__).parent / "toy"


@dataclass(frozen=True)
class Run:
    """What a run printed at -vvv, and each result by host and task."""

    output: str
    results: dict[tuple[str, str], dict[str, Any]]


def _other_python(folder: Path) -> Path:
    """An interpreter of another virtual environment, with the same packages to import."""
    venv.create(folder, symlinks=True, with_pip=False)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = folder / "lib" / version / "site-packages"
    (packages / "same.pth").write_text(sysconfig.get_paths()["purelib"], encoding="utf-8")
    return folder / "bin" / "python"


def _environ(folder: Path) -> dict[str, str]:
    foreign = ("ANSIBLE_", "K8S_AUTH_", "KUBE")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)} | {
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "ANSIBLE_COLLECTIONS_PATH": str(lay(folder / "collections")),
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
        "ANSIBLE_CALLBACKS_ENABLED": "kubedebug.core.records",
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_ASYNC_DIR": str(folder / "async"),
        "TOY_RECORDS": str(folder / "records.jsonl"),
        "TOY_OTHER_PYTHON": str(_other_python(folder / "other")),
        "TOY_PROCESS": "process",
    }


def _run(folder: Path, *, options: Sequence[str] = (), environ: Mapping[str, str]) -> None:
    folder.mkdir(parents=True)
    (folder / "ansible.cfg").write_text("[defaults]\n", encoding="utf-8")
    command = [sys.executable, "-m", "ansible", "playbook", "-vvv", "-i", "inventory.yml"]
    with (folder / "output").open("wb") as output:
        subprocess.run(
            [*command, *options, "playbook.yml"],
            cwd=_TOY,
            env=_environ(folder) | dict(environ),
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=300,
            check=False,
        )


def _run_once(
    factory: pytest.TempPathFactory,
    name: str,
    *,
    options: Sequence[str] = (),
    environ: Mapping[str, str],
) -> Run:
    """Run the playbook, unless another worker of pytest-xdist has done so already."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _run(folder, options=options, environ=environ)
    output = (folder / "output").read_text(encoding="utf-8", errors="replace")
    records = folder / "records.jsonl"
    if not records.exists():
        pytest.fail(f"the playbook did not run:\n{output}")
    lines = [json.loads(line) for line in records.read_text(encoding="utf-8").splitlines()]
    return Run(
        output=output,
        results={(line["host"], line["task"]): line["result"] for line in lines},
    )


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The whole playbook, as Ansible is set up by default."""
    return _run_once(tmp_path_factory, "toy", environ={})


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Its tasks with secrets, where Ansible shows arguments and tracebacks."""
    return _run_once(
        tmp_path_factory,
        "told",
        options=["--limit", "controller,other", "--tags", "told"],
        environ={"ANSIBLE_INJECT_INVOCATION": "true", "ANSIBLE_DISPLAY_TRACEBACK": "error"},
    )
