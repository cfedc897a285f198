# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The development tools' command line; `make` calls it through the script `tests/tools/run`."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from ansible_collections.kubedebug.core.tests.tools import steps, suites
from ansible_collections.kubedebug.core.tests.tools.demo import demo
from ansible_collections.kubedebug.core.tests.tools.environments import (
    ENVIRONMENTS,
    EnvironmentFailed,
    ensure,
    ensure_peer,
)
from ansible_collections.kubedebug.core.tests.tools.layout import CACHE, OUTPUT, ROOT, copy_tree
from ansible_collections.kubedebug.core.tests.tools.run_suites import Options, order, run_suites

__all__ = ["main"]


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(prog="tests/tools/run", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    test = commands.add_parser("test", help="run suites and sum up")
    test.add_argument(
        "parts", nargs="*", help=f"of {', '.join(suites.PARTS)}; default: all but bench"
    )
    test.add_argument("--live", action="store_true", help="show the suites' output as it comes")
    test.add_argument("--args", default="", help="more arguments for pytest or ansible-test")
    env = commands.add_parser("env", help="make an environment and print its folder")
    env.add_argument("name", choices=(*ENVIRONMENTS, "peer"))
    commands.add_parser("build", help="build the collection's archive into the checkout")
    commands.add_parser("clean", help="remove results, environments and generated trees")
    show = commands.add_parser("demo", help="cluster, demo application and debug-pod.yml")
    show.add_argument("--args", default="", help="more arguments for debug-pod.yml")
    cluster = commands.add_parser("cluster", help="call tests/cluster/cluster.py")
    cluster.add_argument("argv", nargs=argparse.REMAINDER)
    shell = commands.add_parser("exec", help="run a command as the suites on the cluster do")
    shell.add_argument("argv", nargs=argparse.REMAINDER)
    return top


def test(parts: Sequence[str], *, live: bool, arguments: str) -> int:
    """Run parts, or all of `make test`."""
    unknown = sorted(set(parts) - set(suites.PARTS))
    if unknown:
        sys.stderr.write(
            f"no such part: {', '.join(unknown)}; there are {', '.join(suites.PARTS)}\n"
        )
        return 2
    steps.ARGUMENTS[:] = shlex.split(arguments)
    names = [name for part in parts or suites.whole() for name in suites.PARTS[part]]
    slots = int(os.environ.get("KUBEDEBUG_JOBS", "2"))
    (OUTPUT / "junit").mkdir(parents=True, exist_ok=True)
    options = Options(OUTPUT / "logs", slots, live)
    return run_suites(order(suites.SUITES, names), options)


def build() -> int:
    """Build the archive from a copy that holds only what git knows."""
    environment = ensure("newest")
    copy = copy_tree("build")
    argv = (environment.bin / "ansible-galaxy", "collection", "build", "--force")
    return subprocess.run((*argv, "--output-path", ROOT, copy), check=False).returncode


def clean() -> int:
    """Remove what these tools made; the cluster's builds in the same cache stay."""
    for path in (
        OUTPUT,
        *(CACHE / name for name in ("ansible-home", "envs", "mypy", "pytest", "sanity", "trees")),
    ):
        shutil.rmtree(path, ignore_errors=True)
    for path in ROOT.glob("kubedebug-core-*.tar.gz"):
        path.unlink()
    return 0


def execute(argv: Sequence[str]) -> int:
    """Run a command where ansible-playbook, kubectl, the collection and the cluster are found."""
    env = steps.playbook_variables()
    if kubectl := env.get("KUBEDEBUG_KUBECTL"):
        env["PATH"] += f"{os.pathsep}{Path(kubectl).parent}"
    return subprocess.run(argv, env=env, check=False).returncode


def interrupted(number: int, _frame: FrameType | None) -> NoReturn:
    """Turn SIGTERM into what Ctrl-C is, so that the running steps are ended with us."""
    raise KeyboardInterrupt(signal.Signals(number).name)


def main(argv: Sequence[str]) -> int:
    """Run one command; returns the exit status."""
    signal.signal(signal.SIGTERM, interrupted)
    # A shell without job control lets what it starts in the background ignore these, and so would
    # every process below, down to the shells whose heed of Ctrl-C is tested.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    options = parser().parse_args(argv)
    try:
        match options.command:
            case "test":
                return test(options.parts, live=options.live, arguments=options.args)
            case "env":
                name = options.name
                print(ensure_peer() if name == "peer" else ensure(name).path)
                return 0
            case "build":
                return build()
            case "clean":
                return clean()
            case "demo":
                return demo(shlex.split(options.args))
            case "cluster":
                program = ROOT / "tests/cluster/cluster.py"
                return subprocess.run(
                    (sys.executable, program, *options.argv), check=False
                ).returncode
            case _:
                return execute(options.argv or [os.environ.get("SHELL") or "sh"])
    except (EnvironmentFailed, RuntimeError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
