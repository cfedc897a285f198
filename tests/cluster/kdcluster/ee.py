# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The execution environment: ansible-core, the client library and the collection of this checkout.

Three layers, from the slowest to the fastest to change: the toolbox, the packages, the collection.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from kdcluster import archive
from kdcluster.archive import Entry, Image
from kdcluster.contents import PythonHome, find_python
from kdcluster.errors import ClusterError
from kdcluster.settings import SOURCE
from kdcluster.shell import run

__all__ = [
    "ENVIRONMENT",
    "REQUIREMENTS",
    "USER",
    "collection_files",
    "collection_parts",
    "entries",
    "make_packages",
]

REQUIREMENTS = SOURCE / "images" / "ee" / "requirements.txt"
# As in AWX's own environments: an ordinary user of the group 0.
USER = "1000:0"

_LIBRARY = "opt/ee/lib"
_COLLECTIONS = "usr/share/ansible/collections"
_REPOSITORY = SOURCE.parent.parent
# What a run needs of the collection; `ansible-galaxy collection build` would need an ansible here.
_COLLECTION = ("galaxy.yml", "meta", "playbooks", "plugins", "roles")
# Half of the packages' size, and never imported by what the collection does: ansible-test, and the
# client's asynchronous twin.
_LEFT_OUT = (("ansible_test",), ("bin",), ("kubernetes", "aio"))
# Each start of a container would compile these anew. Not the 1500 models of the client.
_COMPILED = ("ansible", "jinja2", "jmespath", "markupsafe", "packaging", "urllib3", "yaml")
_PASSWD = (
    b"root:x:0:0:root:/root:/bin/sh\n"
    b"ee:x:1000:0:execution environment:/tmp:/bin/sh\n"
    b"nobody:x:65534:65534:nobody:/:/bin/false\n"
)
_PROGRAM = (
    b"#!/usr/bin/python3\nimport sys\n\nfrom ansible.cli.%s import main\n\nsys.exit(main())\n"
)

ENVIRONMENT = {
    "PATH": "/opt/ee/bin:/usr/bin:/bin",
    "PYTHONPATH": f"/{_LIBRARY}",
    "PYTHONDONTWRITEBYTECODE": "1",
    "LC_ALL": "C.UTF-8",
    "HOME": "/tmp",
    "ANSIBLE_COLLECTIONS_PATH": f"/{_COLLECTIONS}",
}


def make_packages(path: Path) -> None:
    """Writes the archive with the Python packages.

    Raises ClusterError when pip cannot be had, or does not find the packages.
    """
    work = path.with_name(path.name + ".work")
    shutil.rmtree(work, ignore_errors=True)
    try:
        home = find_python()
        _install(home, work)
        # An archive has to have an image; nobody runs this one.
        image = Image(name="localhost/kubedebug/packages:dev", environment=ENVIRONMENT)
        archive.write_archive(path, images=[image], entries=_package_entries(work / "site"))
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _install(home: PythonHome, work: Path) -> None:
    site = work / "site"
    install: list[str | Path] = [
        *_pip(home, work),
        *("install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-compile"),
        # For the Python in the image, also where another one runs pip.
        *("--only-binary", ":all:", "--python-version", home.library.name.removeprefix("python")),
        *("--target", str(site), "--requirement", str(REQUIREMENTS)),
    ]
    run(install, timeout=900)
    # Byte code that is valid whatever the times of the files are, which the layer changes.
    compiled = [
        *("-m", "compileall", "-q", "-j", "2", "--invalidation-mode", "unchecked-hash"),
        *("-s", str(site), "-p", f"/{_LIBRARY}"),
        *(str(site / name) for name in _COMPILED),
    ]
    run([home.program, "-I", *compiled], timeout=600)


def _pip(home: PythonHome, work: Path) -> list[str | Path]:
    for program in (home.program, Path(sys.executable)):
        made = run([program, "-I", "-m", "venv", work / "venv"], check=False, timeout=300)
        if made.returncode == 0:
            return [work / "venv" / "bin" / "python", "-m", "pip"]
    raise ClusterError(
        f"neither {home.program} nor {sys.executable} can make a virtual environment, which brings "
        "pip: install python3-venv"
    )


def _package_entries(site: Path) -> Iterator[Entry]:
    # Ansible wants a locale of UTF-8, and the C library has none built in.
    locales = Path("/usr/lib/locale")
    whole = locales / "C.utf8"
    for path in sorted(whole.rglob("*") if whole.is_dir() else locales.glob("locale-archive")):
        if path.is_file():
            yield Entry(path=str(path).lstrip("/"), content=path)
    for path in sorted(site.rglob("*")):
        inside = path.relative_to(site)
        if path.is_file() and not any(inside.parts[: len(left)] == left for left in _LEFT_OUT):
            yield Entry(path=f"{_LIBRARY}/{inside}", content=path)
    for name in ("playbook", "adhoc", "doc"):
        command = "ansible" if name == "adhoc" else f"ansible-{name}"
        content = _PROGRAM % name.encode()
        yield Entry(path=f"opt/ee/bin/{command}", mode=0o755, content=content)


def collection_files() -> dict[str, bytes]:
    """The files of the collection in this checkout, by their paths in it."""
    found = {}
    for name in _COLLECTION:
        top = _REPOSITORY / name
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.suffix == ".pyc" or path.is_dir():
                continue
            # An editor's temporary file may be gone by now.
            with contextlib.suppress(FileNotFoundError):
                found[str(path.relative_to(_REPOSITORY))] = path.read_bytes()
    return found


def collection_parts() -> list[bytes]:
    """What the layer of the collection is made of, for its key."""
    return [part for path, data in collection_files().items() for part in (path.encode(), data)]


def entries() -> list[Entry]:
    """The layer of the collection."""
    base = f"{_COLLECTIONS}/ansible_collections/kubedebug/core"
    files = collection_files().items()
    return [
        Entry(path="etc/passwd", content=_PASSWD),
        *(Entry(path=f"{base}/{path}", content=data) for path, data in files),
    ]
