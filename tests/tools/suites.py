# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make test` is made of: each suite's commands and what it needs. To add a suite, add it to
SUITES.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from ansible_collections.kubedebug.core.tests.tools.environments import (
    Environment,
    ensure,
    ensure_peer,
    variables,
)
from ansible_collections.kubedebug.core.tests.tools.layout import (
    CACHE,
    OUTPUT,
    ROOT,
    TREE,
    copy_tree,
)
from ansible_collections.kubedebug.core.tests.tools.run_suites import Step, Suite
from ansible_collections.kubedebug.core.tests.tools.sanity_home import sanity_home

__all__ = [
    "ARGUMENTS",
    "PARTS",
    "SUITES",
    "cluster_up",
    "cluster_variables",
    "playbook_variables",
    "whole",
]

PACKAGE = "ansible_collections.kubedebug.core"
JUNIT = OUTPUT / "junit"
SHELL_SCRIPTS = (".ci/run", "tests/tools/install-tshark", "tests/tools/run")
PLAYBOOK_FOLDERS = ("playbooks", "roles", "tests/e2e", "tests/demo")
PROGRAMS = {
    "tests/cluster": "tests/cluster",
    "tests/e2e/e2ekit": "tests/e2e",
    "tests/bench": "tests/bench",
}
"""Folders whose files import each other by names of their own, and where those names begin."""

ARGUMENTS: list[str] = []
"""What the user added for pytest (`make unit ARGS="-k retry"`); set by the command line."""


def own_variables() -> dict[str, str]:
    """Return the variables for a step that is one of these tools again, or the cluster's
    program.
    """
    return {**os.environ, "PYTHONUNBUFFERED": "1"}


def tool(name: str, *arguments: str) -> list[Step]:
    """Return the step that runs one of these tools' own commands."""
    module = f"{PACKAGE}.tests.tools"
    argv = (sys.executable, "-P", "-m", module, name, *arguments)
    return [Step(" ".join((name, *arguments)), argv, own_variables(), ROOT)]


def cluster_up() -> list[Step]:
    """Bring the test cluster up, unless the user named one by KUBECONFIG."""
    if os.environ.get("KUBECONFIG"):
        probe = "import os; print('Using the cluster of KUBECONFIG:', os.environ['KUBECONFIG'])"
        return [Step("KUBECONFIG", (sys.executable, "-c", probe), own_variables(), ROOT)]
    argv = (sys.executable, str(ROOT / "tests/cluster/cluster.py"), "up")
    return [Step("cluster up", argv, own_variables(), ROOT)]


def tshark() -> list[Step]:
    """Install what captures are read with, where it is missing and apt is there."""
    return [Step("tshark", ("sh", "tests/tools/install-tshark"), own_variables(), ROOT)]


def cluster_variables() -> dict[str, str]:
    """Return KUBECONFIG and the images' variables as the cluster's program tells them.

    With KUBECONFIG set by the user all of them are the user's. The program prints `NAME=value`,
    with or without `export`, quoted for a shell.

    Raises RuntimeError with the program's own words when it fails.
    """
    if os.environ.get("KUBECONFIG"):
        return {}
    answer = subprocess.run(
        (sys.executable, str(ROOT / "tests/cluster/cluster.py"), "env"),
        cwd=ROOT,
        env=own_variables(),
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        raise RuntimeError(f"cluster.py env: {answer.stderr.strip() or answer.returncode}")
    return parse_assignments(answer.stdout)


def parse_assignments(text: str) -> dict[str, str]:
    """Return the variables of shell assignments."""
    found = {}
    for word in shlex.split(text, comments=True):
        name, equals, value = word.partition("=")
        if equals:
            found[name] = value
    return found


def playbook_variables() -> dict[str, str]:
    """Return the variables of a step that talks to the cluster from the newest environment."""
    return {
        **variables(ensure("newest")),
        **cluster_variables(),
        "KUBEDEBUG_PEER_SITE_PACKAGES": str(ensure_peer()),
    }


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


def commands_step(
    environment: Environment, env: Mapping[str, str], command: Sequence[str], cwd: Path = ROOT
) -> Step:
    """Return the step that runs one of an environment's commands."""
    own = environment.bin / command[0]
    argv = (str(own) if own.exists() else command[0], *command[1:])
    words = [word for word in command if not word.startswith("-")]
    return Step(" ".join(words[:2]), argv, env, cwd)


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


def pytest(
    suite: str,
    folder: str,
    *,
    env: Mapping[str, str],
    environment: Environment,
    workers: str,
    seconds: int,
) -> Step:
    """Return the step that runs pytest over a folder, each test bounded by `seconds`."""
    junit = JUNIT / f"{suite}.xml"
    argv = (
        str(environment.python),
        "-m",
        "pytest",
        f"--junitxml={junit}",
        f"--override-ini=cache_dir={CACHE / 'pytest' / suite}",
        f"--timeout={seconds}",
        "--dist=worksteal",
        "-n",
        workers,
        folder,
        *ARGUMENTS,
    )
    return Step(f"pytest {folder}", argv, env, ROOT, junit)


def unit(name: str) -> list[Step]:
    """Run the unit tests in one of the two environments."""
    environment = ensure(name)
    env = variables(environment)
    # Found by importlib.metadata as if `ansible` were installed beside our ansible-core.
    env["PYTHONPATH"] += f"{os.pathsep}{ensure_peer()}"
    return [
        pytest(
            f"unit-{name}",
            "tests/unit",
            env=env,
            environment=environment,
            workers="2",  # much of the time is waiting for processes
            # A net for what hangs, above the bounds that the tests have themselves (300 s).
            seconds=400,
        )
    ]


def on_cluster(suite: str, folder: str) -> list[Step]:
    """Run a pytest suite against the cluster, two tests at once: one mostly waits for the
    kubelet.
    """
    workers = os.environ.get("KUBEDEBUG_TEST_WORKERS", "2")
    return [
        pytest(
            suite,
            folder,
            env=playbook_variables(),
            environment=ensure("newest"),
            workers=workers,
            seconds=900,
        )
    ]


def integration() -> list[Step]:
    """Run each ansible-test integration target against the cluster; a target is one test.

    The targets read what they need from integration_config.yml: `kubedebug_kubeconfig` and the
    KUBEDEBUG_ variables of the cluster in lower case, as `kubedebug_toolbox_image`.
    """
    environment = ensure("newest")
    env = playbook_variables()
    copy = copy_tree("integration")
    targets = [
        path.name
        for path in sorted((copy / "tests/integration/targets").glob("*/"))
        if path.is_dir() and not path.name.startswith(("setup_", "prepare_"))
    ]
    config = {"kubedebug_kubeconfig": env["KUBECONFIG"]}
    config |= {key.lower(): value for key, value in env.items() if key.startswith("KUBEDEBUG_")}
    if targets:
        text = json.dumps(config, indent=2)  # JSON is YAML
        (copy / "tests/integration/integration_config.yml").write_text(
            f"{text}\n", encoding="utf-8"
        )
    command = ("ansible-test", "integration", "--local", "--python", environment.version)
    wanted = [target for target in targets if not ARGUMENTS or target in ARGUMENTS]
    return [
        Step(
            target,
            commands_step(environment, env, (*command, "--color", "no", target)).argv,
            env,
            copy,
        )
        for target in wanted
    ]


def importer() -> list[Step]:
    """Build the collection's archive and run Galaxy's own import checks on it."""
    environment = ensure("importer")
    folder = CACHE / "trees" / "build"
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
    return [
        commands_step(environment, env, build),
        commands_step(environment, env, check, folder),
    ]


def bench() -> list[Step]:
    """Run the benches one after the other; each prints its table."""
    scripts = sorted(ROOT.glob("tests/bench/bench_*.py"))
    env = playbook_variables()
    python = str(ensure("newest").python)
    wanted = [path for path in scripts if not ARGUMENTS or path.stem in ARGUMENTS]
    return [Step(path.name, (python, str(path)), env, ROOT) for path in wanted]


BASE = ("environment",)
CLUSTER = ("environment", "peer", "cluster", "tshark")

SUITES = (
    # The cluster first: its first build takes ten minutes, beside which the rest runs.
    Suite("cluster", cluster_up, setup=True, timeout=3000),
    # After the cluster, which installs packages as well: apt does one thing at a time.
    Suite("tshark", tshark, ("cluster",), setup=True, timeout=1200),
    Suite("environment", partial(tool, "env", "newest"), setup=True),
    Suite("lint", lint, BASE),
    Suite("types", types, BASE),
    Suite("docs", docs, BASE),
    Suite("peer", partial(tool, "env", "peer"), setup=True),
    Suite("integration", integration, CLUSTER),  # the longest: beside it runs the rest
    Suite("unit-newest", partial(unit, "newest"), ("environment", "peer")),
    Suite("environment-old", partial(tool, "env", "oldest"), setup=True),
    Suite("unit-oldest", partial(unit, "oldest"), ("environment-old", "peer")),
    Suite("sanity", sanity, BASE),
    Suite("environment-importer", partial(tool, "env", "importer"), setup=True),
    Suite("importer", importer, ("environment-importer",)),
    # Two workers of its own on two cores: nothing else beside it.
    Suite("e2e", partial(on_cluster, "e2e", "tests/e2e"), CLUSTER, weight=2, timeout=3000),
    Suite("faults", partial(on_cluster, "faults", "tests/faults"), CLUSTER, weight=2, timeout=3000),
    Suite("bench", bench, CLUSTER, weight=2, timeout=3600),
)

PARTS: dict[str, tuple[str, ...]] = {
    "lint": ("lint",),
    "types": ("types",),
    "docs": ("docs",),
    "sanity": ("sanity",),
    "unit": ("unit-newest", "unit-oldest"),
    "importer": ("importer",),
    "integration": ("integration",),
    "e2e": ("e2e",),
    "faults": ("faults",),
    "bench": ("bench",),
}
"""What a name on the command line stands for."""


def whole() -> tuple[str, ...]:
    """Return the parts of `make test`: all but the bench, and the faults once there are any."""
    without = {"bench"} if any(ROOT.glob("tests/faults/**/test_*.py")) else {"bench", "faults"}
    return tuple(name for name in PARTS if name not in without)
