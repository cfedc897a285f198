# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python environments: found or made, outside of the checkout, keyed by what is in them.

An environment's folder is named by its purpose, its Python and a hash of its requirement files, so
a change of either makes a new one and an interrupted installation (no `complete` marker) is made
again.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.kubedebug.core.tests.tools.layout import CACHE, ROOT, TREE, file_hash

__all__ = [
    "ENVIRONMENTS",
    "Environment",
    "EnvironmentFailed",
    "ensure",
    "ensure_peer",
    "find_python",
    "variables",
]

VERSIONS = ("3.11", "3.12", "3.13", "3.14")


class EnvironmentFailed(Exception):
    """An environment cannot be made; the text says what to do."""


@dataclass(frozen=True)
class Wanted:
    """What an environment is made of: a file in requirements/ and the Pythons it is for, the best
    first.
    """

    requirements: str
    pythons: tuple[str, ...]


@dataclass(frozen=True)
class Environment:
    """A finished virtual environment."""

    name: str
    path: Path
    version: str
    """Of its Python, as `3.13`."""

    @property
    def bin(self) -> Path:
        """Return the folder of its commands."""
        return self.path / "bin"

    @property
    def python(self) -> Path:
        """Return its interpreter."""
        return self.bin / "python"


ENVIRONMENTS = {
    # ansible-core 2.21 and kubernetes 37 on the newest Python of the support table; 3.14 only for
    # want of these.
    "newest": Wanted("newest.txt", ("3.13", "3.12", "3.11", "3.14")),
    # The oldest pair; on a machine without Python 3.11 the lower bounds are still tested, on the
    # next one.
    "oldest": Wanted("oldest.txt", ("3.11", "3.12", "3.13")),
    "importer": Wanted("importer.txt", ("3.13", "3.12", "3.11", "3.14")),
}


def works(python: str, version: str) -> bool:
    """Tell whether `python` really runs, is of that version and can make environments.

    A pyenv shim is on the PATH for versions that are not active, and then fails; Debian ships
    Python without venv.
    """
    probe = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run(
            [python, "-c", probe], capture_output=True, text=True, check=False, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and answer.stdout.strip() == version


def candidates(version: str) -> Iterator[str]:
    """Yield where a Python of this version may be: what the user named, the PATH, and pyenv's
    folders.
    """
    if named := os.environ.get("KUBEDEBUG_PYTHON"):
        yield named
    for command in (f"python{version}", "python3", f"/usr/bin/python{version}"):
        if found := shutil.which(command):
            yield found
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for folder in sorted(pyenv.glob(f"versions/{version}.*"), reverse=True):
        yield str(folder / "bin" / f"python{version}")


def find_python(versions: Sequence[str]) -> tuple[str, str]:
    """Return (path, version) of the first of `versions` that works here.

    Raises EnvironmentFailed when none does.
    """
    for version in versions:
        for candidate in candidates(version):
            if works(candidate, version):
                return candidate, version
    raise EnvironmentFailed(
        f"None of Python {', '.join(versions)} with venv is here. "
        "Install one (Debian: apt-get install python3 python3-venv) or name it by KUBEDEBUG_PYTHON."
    )


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock beside `path`, since suites that start together may want the same environment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def ensure(name: str) -> Environment:
    """Return the environment, made first when it is missing.

    Raises EnvironmentFailed with the end of pip's output when the installation fails.
    """
    wanted = ENVIRONMENTS[name]
    requirements = ROOT / "requirements" / wanted.requirements
    python, version = find_python(wanted.pythons)
    path = CACHE / "envs" / f"{name}-{version}-{file_hash(requirements, extra=python)}"
    with locked(path):
        if not (path / "complete").is_file():
            print(f"Making the environment {name} (Python {version}) in {path}", flush=True)
            shutil.rmtree(path, ignore_errors=True)
            call([python, "-m", "venv", str(path)])
            call([str(path / "bin/python"), "-m", "pip", *PIP, "-r", str(requirements)])
            (path / "complete").touch()
    return Environment(name, path, version)


PIP = ("install", "--quiet", "--disable-pip-version-check", "--no-input")


def ensure_peer() -> Path:
    """Return a site-packages folder with kubernetes.core and the metadata of the `ansible` package
    it comes from.

    The wheel's 60 other namespaces would cost half a gigabyte, so only what is compared with is
    unpacked.
    """
    requirements = ROOT / "requirements" / "peer.txt"
    path = CACHE / "envs" / f"peer-{file_hash(requirements)}"
    with locked(path):
        if not (path / "complete").is_file():
            print(f"Unpacking kubernetes.core into {path}", flush=True)
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(parents=True)
            python, _version = find_python(ENVIRONMENTS["newest"].pythons)
            with tempfile.TemporaryDirectory() as folder:
                options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--dest", folder]
                only = ["--only-binary", ":all:", "--ignore-requires-python"]
                call([python, "-m", "pip", "download", *options, *only, "-r", str(requirements)])
                (wheel,) = Path(folder).glob("ansible-*.whl")
                unpack_peer(wheel, path)
            (path / "complete").touch()
    return path


def unpack_peer(wheel: Path, path: Path) -> None:
    """Unpack the `kubernetes` namespace and the distribution's metadata of the `ansible` wheel."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            parts = Path(name).parts
            if parts[:2] == ("ansible_collections", "kubernetes") or parts[0].endswith(
                ".dist-info"
            ):
                archive.extract(name, path)


def call(argv: Sequence[str]) -> None:
    """Run a command quietly.

    Raises EnvironmentFailed with its last lines when it fails.
    """
    # PYTHONPATH leads to our tree, which an installation must not see.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    answer = subprocess.run(
        argv,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        env=environment,
    )
    if answer.returncode:
        tail = "\n".join(answer.stdout.splitlines()[-15:])
        raise EnvironmentFailed(f"{' '.join(argv)} ended with {answer.returncode}:\n{tail}")


def variables(environment: Environment) -> dict[str, str]:
    """Return the process environment in which the collection is importable and the environment's
    commands come first.

    Variables that would change what Ansible does are taken out, so that a user's own settings do
    not decide a test.
    """
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("ANSIBLE_", "K8S_AUTH_", "PYTEST_")) and key != "VIRTUAL_ENV"
    }
    return {
        **kept,
        "PATH": f"{environment.bin}{os.pathsep}{kept.get('PATH', os.defpath)}",
        "VIRTUAL_ENV": str(environment.path),
        "PYTHONPATH": str(TREE),
        "ANSIBLE_COLLECTIONS_PATH": str(TREE),
        "ANSIBLE_LOCALHOST_WARNING": "False",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "False",
        "ANSIBLE_NOCOWS": "1",
        "LC_ALL": "C.UTF-8",
    }
