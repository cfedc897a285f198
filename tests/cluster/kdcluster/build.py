# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the components once and keeps them in the user's cache folder.

A build runs as a process of its own that survives this program: a killed `up` loses nothing, the
next one waits for the same build.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kdcluster.errors import ClusterError
from kdcluster.process import is_alive, read_pid, spawn
from kdcluster.progress import Progress, Step
from kdcluster.settings import SOURCE, Settings
from kdcluster.shell import environ
from kdcluster.versions import Pair, build_key, go_mod_text

__all__ = ["GoBuild", "build", "containerd_build", "kube_build", "stop_builds", "web_build"]

_SCRIPT = """
{ go list -deps $4 > packages.new && mv packages.new packages \
  && go build -v -trimpath -o "$1" -ldflags "$3" $4; }
echo $? > "$2.new" && mv "$2.new" "$2"
"""


@dataclass(frozen=True, kw_only=True)
class GoBuild:
    """One `go build`. `files` are copied into an empty module folder; `patterns` are what to build;
    the result is the folder `target` with the programs and the symbolic `links` to the first."""

    title: str
    target: Path
    files: dict[str, Path]
    patterns: str
    program: str
    ldflags: str = "-s -w"
    links: tuple[str, ...] = ()


def _target(settings: Settings, label: str, parts: Sequence[bytes]) -> Path:
    return settings.cache / "bin" / f"{label}-{build_key(parts)}"


def kube_build(settings: Settings, pair: Pair) -> GoBuild:
    folder = SOURCE / "go" / "kube"
    files = {
        "go.mod": folder / f"{pair.name}.mod",
        "go.sum": folder / f"{pair.name}.sum",
        "main.go": folder / "main.go",
    }
    parts = [path.read_bytes() for path in files.values()]
    parts += [pair.ldflags.encode(), go_mod_text(pair).encode()]
    return GoBuild(
        title=f"building Kubernetes {pair.kubernetes} (about 10 minutes on 2 cores, only once)",
        target=_target(settings, f"kube-{pair.kubernetes}", parts),
        files=files,
        patterns=".",
        program="kube",
        ldflags=pair.ldflags,
        links=(
            "etcd",
            "kube-apiserver",
            "kube-controller-manager",
            "kube-scheduler",
            "kubelet",
            "kubectl",
        ),
    )


def containerd_build(settings: Settings, pair: Pair) -> GoBuild:
    """For a pair that has a containerd of its own only."""
    folder = SOURCE / "go" / "containerd"
    files = {"go.mod": folder / f"{pair.name}.mod", "go.sum": folder / f"{pair.name}.sum"}
    flags = f"-s -w -X github.com/containerd/containerd/v2/version.Version={pair.containerd}"
    parts = [path.read_bytes() for path in files.values()] + [flags.encode()]
    return GoBuild(
        title=f"building containerd {pair.containerd} (about 1 minute, only once)",
        target=_target(settings, f"containerd-{pair.containerd}", parts),
        files=files,
        patterns="tool",
        program="containerd",
        ldflags=flags,
    )


def web_build(settings: Settings) -> GoBuild:
    folder = SOURCE / "images" / "web"
    files = {"go.mod": folder / "go.mod", "main.go": folder / "main.go"}
    return GoBuild(
        title="building the web server",
        target=_target(settings, "web", [path.read_bytes() for path in files.values()]),
        files=files,
        patterns=".",
        program="web",
    )


def build(job: GoBuild, settings: Settings, progress: Progress) -> Path:
    """The folder with the built programs; builds them when the cache lacks them.

    Raises ClusterError with the compiler's last lines when the build fails.
    """
    if (job.target / job.program).exists():
        return job.target
    work = settings.cache / "work" / job.target.name
    pid_file, log, code = work / "pid", work / "build.log", work / "exit-code"
    running = read_pid(pid_file)
    if running is None or not is_alive(running):
        _start(job, work)
    with progress.step(job.title) as step:
        _wait(work, step)
        result = code.read_text(encoding="ascii").strip() if code.exists() else "killed"
        if result != "0":
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
            shown = "\n  ".join(line for line in lines[-12:] if line)
            raise ClusterError(f"{job.title} failed ({result}); the log is {log}:\n  {shown}")
        for link in job.links:
            (work / "out" / link).symlink_to(job.program)
        job.target.parent.mkdir(parents=True, exist_ok=True)
        (work / "out").rename(job.target)
    shutil.rmtree(work)
    return job.target


def _start(job: GoBuild, work: Path) -> None:
    shutil.rmtree(work, ignore_errors=True)
    (work / "out").mkdir(parents=True)
    for name, source in job.files.items():
        shutil.copyfile(source, work / name)
    output = work / "out" / (job.program if job.patterns == "." else "")
    words = [str(output), "exit-code", job.ldflags, job.patterns]
    if job.patterns != ".":
        words[0] += "/"
    # go.work and flags of the user's own would change what is built.
    settings = environ({"CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": "-buildvcs=false"})
    spawn(
        ["/bin/sh", "-c", _SCRIPT, "build", *words],
        pid_file=work / "pid",
        log=work / "build.log",
        environ=settings,
        cwd=work,
    )


def _wait(work: Path, step: Step) -> None:
    """Until the build has left its exit code, or is dead. A Ctrl-C ends the build too."""
    try:
        while not (work / "exit-code").exists():
            identity = read_pid(work / "pid")
            if identity is None or not is_alive(identity):
                return  # Its last act is the exit code: without one it was killed.
            step.beat(_detail(work))
            time.sleep(0.2)
    except KeyboardInterrupt:
        _kill_group(work / "pid")
        raise


def _detail(work: Path) -> str:
    log = (work / "build.log").read_text(encoding="utf-8", errors="replace").splitlines()
    try:
        total = len((work / "packages").read_text(encoding="utf-8").splitlines())
    except FileNotFoundError:
        return f"{len(log)} modules fetched"
    compiled = sum(1 for line in log if line and " " not in line)
    return f"compiled {compiled} of {total} packages" if compiled < total else "linking"


def _kill_group(pid_file: Path) -> None:
    identity = read_pid(pid_file)
    if identity is not None and is_alive(identity):
        # The build leads a group of its own (spawn), which holds its compilers too.
        os.killpg(identity.pid, signal.SIGKILL)


def stop_builds(settings: Settings) -> None:
    """Ends builds that a killed `up` left running."""
    for pid_file in (settings.cache / "work").glob("*/pid"):
        _kill_group(pid_file)
