# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ansible-builder makes of the built archive: what it finds that the collection needs, and the
build context of the definition in docs/execution-environment.

From the archive, not from the checkout, since that is what people install: a file that the build
leaves out is missing here as well.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.kubedebug.core.tests.tools.environments import ensure, variables
from ansible_collections.kubedebug.core.tests.tools.layout import ROOT

__all__ = ["create", "found_problems", "introspect", "main", "requirement_lines"]

DEFINITION = ROOT / "docs" / "execution-environment"
BINDEP = ROOT / "meta" / "ee-bindep.txt"


def requirement_lines(text: str) -> list[str]:
    """Return the entries of a requirements or bindep file, without comments, in their order."""
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines())
    return [line for line in lines if line]


def found_problems(kind: str, found: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Say what ansible-builder sees too much or too little of."""
    missing = [line for line in wanted if line not in found]
    others = [line for line in found if line not in wanted]
    return [f"{kind}: {line} is not seen" for line in missing] + [
        f"{kind}: {line} is seen and is not needed" for line in others
    ]


def run(*argv: str, cwd: Path) -> None:
    """Run one of the importer environment's commands.

    Raises CalledProcessError when it fails; what it prints is shown.
    """
    environment = ensure("importer")
    env = {
        key: value
        for key, value in variables(environment).items()
        # Our tree must not be found before what was installed.
        if key not in ("PYTHONPATH", "ANSIBLE_COLLECTIONS_PATH")
    }
    subprocess.run([environment.bin / argv[0], *argv[1:]], cwd=cwd, env=env, check=True)


def archive(folder: Path) -> Path:
    """Return the archive that the suite has built in `folder`.

    Raises ValueError unless there is exactly one.
    """
    (found,) = folder.glob("kubedebug-core-*.tar.gz")
    return found


def fresh(path: Path) -> Path:
    """Return an empty folder."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    return path


def read(path: Path) -> str:
    """Return a file's text; ansible-builder writes none for what it finds nothing of."""
    return path.read_text(encoding="utf-8") if path.exists() else ""


def introspect(folder: Path) -> list[str]:
    """Install the archive, and compare what ansible-builder sees with what the tests run with."""
    installed = fresh(folder / "introspect")
    offline = ("--offline", "--collections-path", str(installed))
    run("ansible-galaxy", "collection", "install", *offline, str(archive(folder)), cwd=folder)
    python, system = installed / "python.txt", installed / "system.txt"
    files = (f"--write-pip={python}", f"--write-bindep={system}")
    run("ansible-builder", "introspect", *files, str(installed), cwd=folder)
    own = requirement_lines(read(ROOT / "requirements.txt"))
    # ansible-core is what an execution environment is made of, and chosen by its definition.
    needed = [line for line in own if not line.startswith("ansible-core")]
    return [
        *found_problems("python", requirement_lines(read(python)), needed),
        *found_problems("system", requirement_lines(read(system)), requirement_lines(read(BINDEP))),
    ]


def create(folder: Path) -> list[str]:
    """Have ansible-builder make the build context of the definition, as `ansible-builder build`
    does before it calls podman; return what is wrong with it.
    """
    place = fresh(folder / "create")
    definition = shutil.copytree(DEFINITION, place / "definition")
    built = Path(shutil.copy(archive(folder), definition))
    options = ("--file=execution-environment.yml", "--output-filename=Containerfile")
    run("ansible-builder", "create", *options, f"--context={place}/context", cwd=definition)
    context = place / "context"
    # A file that is not there is no error for ansible-builder.
    if not (context / "_build" / "archives" / built.name).is_file():
        return [f"{built.name} is not in the build context"]
    steps = read(context / "Containerfile").splitlines()
    wanted = (
        f"COPY _build/archives/{built.name} /tmp/{built.name}",
        "ENV LC_ALL=C.UTF-8",
        "USER 1000",
    )
    problems = [f"Containerfile: no {line!r}" for line in wanted if line not in steps]
    if f"name: /tmp/{built.name}" not in read(context / "_build" / "requirements.yml"):
        problems.append(f"requirements.yml does not install /tmp/{built.name}")
    return problems


def main(argv: Sequence[str]) -> int:
    """Run `introspect FOLDER` or `create FOLDER`; returns the exit status."""
    name, folder = argv
    check = {"introspect": introspect, "create": create}[name]
    problems = check(Path(folder).resolve())
    print("\n".join(problems) or f"{name}: as it has to be", flush=True)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
