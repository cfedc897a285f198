# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The suites that look at files and need no cluster: style, types, documentation, sanity, and what
Galaxy and builders of execution environments make of the archive.
"""

from __future__ import annotations

import os
import shutil
import sys

from ansible_collections.kubedebug.core.tests.tools.environments import ensure, variables
from ansible_collections.kubedebug.core.tests.tools.layout import CACHE, ROOT, TREE, copy_tree
from ansible_collections.kubedebug.core.tests.tools.run_suites import Step
from ansible_collections.kubedebug.core.tests.tools.sanity_home import sanity_home
from ansible_collections.kubedebug.core.tests.tools.steps import (
    ARGUMENTS,
    PACKAGE,
    commands_step,
    own_variables,
)

__all__ = ["docs", "importer", "lint", "sanity", "types"]

SHELL_SCRIPTS = (".ci/run", "tests/tools/install-tshark", "tests/tools/run")
PLAYBOOK_FOLDERS = ("playbooks", "roles", "tests/e2e", "tests/demo")
PROGRAMS = {
    "tests/cluster": "tests/cluster",
    "tests/e2e/e2ekit": "tests/e2e",
    "tests/bench": "tests/bench",
}
"""Folders whose files import each other by names of their own, and where those names begin."""


def lint() -> list[Step]:
    """Python's style and format, YAML, playbooks and roles, shell scripts."""
    environment = ensure("newest")
    env = {
        **variables(environment),
        # ansible-lint would install galaxy.yml's collection and look for newer releases over the
        # network.
        "ANSIBLE_LINT_SKIP_SCHEMA_UPDATE": "1",
        "ANSIBLE_HOME": str(CACHE / "ansible-home"),
    }
    commands: list[tuple[str, ...]] = [
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("yamllint", "--strict", "."),
    ]
    # No path is no error for ansible-lint but means everything, so the folders that are there are
    # named.
    folders = [folder for folder in PLAYBOOK_FOLDERS if (ROOT / folder).is_dir()]
    commands.append(("ansible-lint", "--offline", "--strict", "--nocolor", *folders))
    if shutil.which("shellcheck"):
        commands.append(("shellcheck", *SHELL_SCRIPTS))
    return [commands_step(environment, env, command) for command in commands]


def types() -> list[Step]:
    """Check the types of the collection (by its importable name), of the tools and of the cluster's
    program.
    """
    environment = ensure("newest")
    config = f"--config-file={ROOT / 'pyproject.toml'}"
    cache = f"--cache-dir={CACHE / 'mypy'}"
    packages = [
        f"plugins.{folder.name}"
        for folder in sorted((ROOT / "plugins").iterdir())
        if any(folder.rglob("*.py"))
    ]
    collection: list[str] = []
    for name in (*packages, "tests.tools"):
        collection += ["-p", f"{PACKAGE}.{name}"]
    environment_variables = variables(environment)
    env = {**environment_variables, "MYPYPATH": str(TREE)}
    steps = [commands_step(environment, env, ("mypy", config, cache, *collection), TREE)]
    for programs, base in PROGRAMS.items():
        if (ROOT / programs).is_dir():
            path = f"{ROOT / base}{os.pathsep}{TREE}"
            env = {**environment_variables, "MYPYPATH": path}
            steps.append(commands_step(environment, env, ("mypy", config, cache, programs)))
    return steps


def docs() -> list[Step]:
    """Check the plugins' documentation and the changelog fragments."""
    environment = ensure("newest")
    env = variables(environment)
    linter = (
        "antsibull-docs",
        "lint-collection-docs",
        "--plugin-docs",
        "--validate-collection-refs=dependent",
        "--disallow-unknown-collection-refs",
        ".",
    )
    folder = TREE / "ansible_collections/kubedebug/core"
    return [
        commands_step(environment, env, linter, folder),
        commands_step(environment, env, ("antsibull-changelog", "lint"), folder),
    ]


def sanity() -> list[Step]:
    """Run ansible-test sanity without any ignore file; each of its tests counts."""
    environment = ensure("newest")
    copy = copy_tree("sanity")
    ignores = sorted(copy.glob("tests/sanity/ignore*"))
    if ignores:
        names = ", ".join(path.name for path in ignores)
        raise RuntimeError(f"tests/sanity has {names}: repair what it hides, and delete it")
    junit = copy / "tests" / "output" / "junit"
    junit.mkdir(parents=True, exist_ok=True)
    env = {**variables(environment), "HOME": str(sanity_home(environment))}
    command = ("ansible-test", "sanity", "--local", "--python", environment.version)
    options = ("--junit", "--truncate", "0", "--color", "no")
    step = commands_step(environment, env, (*command, *options, *ARGUMENTS), copy)
    return [Step("ansible-test sanity", step.argv, step.env, step.cwd, junit)]


def importer() -> list[Step]:
    """Build the collection's archive, run Galaxy's own import checks on it, and see what a builder
    of execution environments makes of it.
    """
    environment = ensure("importer")
    folder = TREE.parent / f"{TREE.name}-archive"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    copy = copy_tree("build")
    # The importer unpacks the archive, and ansible-lint in it, by itself: our tree must not be
    # found first.
    env = {
        key: value
        for key, value in variables(environment).items()
        if key not in ("PYTHONPATH", "ANSIBLE_COLLECTIONS_PATH")
    }
    env["ANSIBLE_HOME"] = str(CACHE / "ansible-home")
    build = ("ansible-galaxy", "collection", "build", "--output-path", str(folder), str(copy))
    check = ("sh", "-c", 'exec "$0" -m galaxy_importer.main ./*.tar.gz', str(environment.python))
    builder = (sys.executable, "-P", "-m", f"{PACKAGE}.tests.tools.execution_environment")
    return [
        commands_step(environment, env, build),
        commands_step(environment, env, check, folder),
        *(
            Step(f"ansible-builder {name}", (*builder, name, str(folder)), own_variables(), ROOT)
            for name in ("introspect", "create")
        ),
    ]
