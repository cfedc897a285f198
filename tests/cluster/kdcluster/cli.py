# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: results go to the standard output, progress and errors to the other."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from kdcluster import images, packages, report, runtime
from kdcluster.components import ORDER
from kdcluster.down import down
from kdcluster.errors import ClusterError
from kdcluster.modules import relock
from kdcluster.progress import Progress
from kdcluster.record import load
from kdcluster.settings import Settings
from kdcluster.up import restart, up
from kdcluster.versions import PAIRS, choose_pair

__all__ = ["main"]

_Command = Callable[[argparse.Namespace, Settings, Progress], int]


def _up(options: argparse.Namespace, settings: Settings, progress: Progress) -> int:
    start = time.monotonic()
    pair = choose_pair(options.version or os.environ.get("KUBEDEBUG_CLUSTER_PAIR"))
    done = up(settings, pair, progress)
    verb = "is up already" if done.action == "nothing" else "is up"
    took = time.monotonic() - start
    progress.say(
        f"Kubernetes {pair.kubernetes} {verb} ({took:.1f} s); its kubeconfig, and how to use it:"
    )
    print(settings.kubeconfig)
    print(f"export KUBECONFIG={shlex.quote(str(settings.kubeconfig))}")
    return 0


def _down(options: argparse.Namespace, settings: Settings, progress: Progress) -> int:
    did = down(settings, progress)
    progress.say("the cluster is gone" if did else "no cluster is up")
    return 0


def _restart(options: argparse.Namespace, settings: Settings, progress: Progress) -> int:
    restart(settings, options.component, progress)
    progress.say(f"{options.component} was killed and runs again")
    return 0


def _status(options: argparse.Namespace, settings: Settings, progress: Progress) -> int:
    now = report.status(settings)
    if options.json:
        print(json.dumps(now, indent=2))
    else:
        pair = f" (pair {now['pair']})" if now["pair"] else ""
        print(f"{now['state']}{pair}, node {now['node']} ready: {now['node_ready']}")
        for name, pid in now["components"].items():
            print(f"  {name:<24} {pid or 'not running'}")
        print(f"kubeconfig: {now['kubeconfig'] or '-'}\nlogs: {now['logs']}")
    return 0 if now["state"] == "up" else 1


def _need_up(settings: Settings) -> None:
    if not settings.kubeconfig.exists():
        raise ClusterError("no cluster is up: run `cluster.py up` first")


def _kubeconfig(options: argparse.Namespace, settings: Settings, progress: Progress) -> int:
    _need_up(settings)
    print(settings.kubeconfig)
    return 0


def _kubectl_path(settings: Settings) -> Path:
    record = load(settings.record)
    if record is None:
        raise ClusterError("no cluster is up: run `cluster.py up` first")
    return Path(record.kube) / "kubectl"


def _kubectl_environment(settings: Settings) -> dict[str, str]:
    """Without KUBECACHEDIR kubectl would keep its discovery cache in ~/.kube, the user's folder."""
    return {
        "KUBECONFIG": str(settings.kubeconfig),
        "KUBECACHEDIR": str(settings.state / "kubectl-cache"),
    }


def _env(options: argparse.Namespace, settings: Settings, progress: Progress) -> int:
    _need_up(settings)
    values = {
        "KUBEDEBUG_TOOLBOX_IMAGE": images.TOOLBOX,
        "KUBEDEBUG_TOOLBOX_NONROOT_IMAGE": images.TOOLBOX_NONROOT,
        "KUBEDEBUG_WEB_IMAGE": images.WEB,
        "KUBEDEBUG_EE_IMAGE": images.EE,
        "KUBEDEBUG_KUBECTL": str(_kubectl_path(settings)),
        "KUBEDEBUG_NODE": settings.node,
        **_kubectl_environment(settings),
    }
    for name, value in values.items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def _load(options: argparse.Namespace, settings: Settings, progress: Progress) -> int:
    _need_up(settings)
    record = load(settings.record)
    if record is None:
        raise ClusterError("no cluster is up: run `cluster.py up` first")
    for archive in options.archive:
        if not archive.is_file():
            raise ClusterError(f"{archive} is no file: give an archive of `docker save`")
        with progress.step(f"loading {archive.name}"):
            runtime.import_archive(settings, Path(record.ctr), archive.resolve())
    return 0


def _images(options: argparse.Namespace, settings: Settings, progress: Progress) -> int:
    if options.build:
        pair = choose_pair(os.environ.get("KUBEDEBUG_CLUSTER_PAIR"))
        tools = packages.ensure(pair, progress)
        for item in images.make(settings, tools, progress):
            print(f"{item.path}  {' '.join(image.name for image in item.images)}")
        return 0
    _need_up(settings)
    record = load(settings.record)
    for name in runtime.image_names(settings, Path(record.ctr)) if record else []:
        print(name)
    return 0


def _kubectl(options: argparse.Namespace, settings: Settings, progress: Progress) -> NoReturn:
    _need_up(settings)
    program = _kubectl_path(settings)
    environment = {**os.environ, **_kubectl_environment(settings)}
    os.execve(program, [str(program), *options.words], environment)


def _logs(options: argparse.Namespace, settings: Settings, progress: Progress) -> int:
    if options.component:
        print("\n".join(report.tail(settings, options.component, options.lines)))
        return 0
    for name in ORDER:
        print(settings.logs / f"{name}.log")
    return 0


def _diagnose(options: argparse.Namespace, settings: Settings, progress: Progress) -> int:
    print("\n".join(report.diagnose(settings)))
    return 0


def _lock(options: argparse.Namespace, settings: Settings, progress: Progress) -> int:
    for pair in PAIRS.values():
        relock(pair, progress)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cluster.py",
        description="A single-node Kubernetes for the tests and the demo of kubedebug.core.",
        epilog="KUBEDEBUG_CLUSTER_PAIR=new|old chooses the versions as --version does.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, function: _Command, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(function=function)
        return command

    pairs = ", ".join(f"{pair.name}: Kubernetes {pair.kubernetes}" for pair in PAIRS.values())
    add(
        "up", _up, "start it, or repair it; the first time builds for about 10 minutes"
    ).add_argument("--version", choices=sorted(PAIRS), help=pairs)
    add("down", _down, "end it and remove all that it made, but the logs and the built programs")
    add(
        "restart", _restart, "kill a component and start it again, for tests of its clients"
    ).add_argument("component", choices=ORDER)
    add("status", _status, "what runs; the exit code is 0 when all does").add_argument(
        "--json", action="store_true"
    )
    add("kubeconfig", _kubeconfig, "print the path of the administrator's kubeconfig")
    add("env", _env, 'print the variables that the tests use: eval "$(cluster.py env)"')
    add("load", _load, "import images (docker-archive)").add_argument(
        "archive", nargs="+", type=Path
    )
    add("images", _images, "list the images on the node").add_argument(
        "--build", action="store_true", help="build the archives instead, and print their paths"
    )
    add("kubectl", _kubectl, "run kubectl with the cluster's kubeconfig").add_argument(
        "words", nargs=argparse.REMAINDER
    )
    logs = add("logs", _logs, "print the paths of the logs, or the end of one")
    logs.add_argument("component", nargs="?", choices=ORDER)
    logs.add_argument("--lines", type=int, default=100)
    add("diagnose", _diagnose, "last errors, pods that do not run, last events")
    add("lock", _lock, "for maintainers: write the go.mod and go.sum files of all pairs anew")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Returns the exit code. `kubectl` takes all its words as they are, also `--help`."""
    progress = Progress()
    try:
        settings = Settings.from_environ(os.environ)
        if arguments and arguments[0] == "kubectl":
            _kubectl(argparse.Namespace(words=list(arguments[1:])), settings, progress)
        options = _parser().parse_args(arguments)
        code: int = options.function(options, settings, progress)
        return code
    except ClusterError as error:
        print(f"cluster.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("cluster.py: interrupted; the next `up` goes on from here", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
