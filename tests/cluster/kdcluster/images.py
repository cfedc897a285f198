# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images of the test cluster, as archives in the cache named by a hash of their sources."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from kdcluster import archive, contents, ee
from kdcluster.archive import Entry, Image
from kdcluster.build import build, web_build
from kdcluster.packages import Tools
from kdcluster.progress import Progress
from kdcluster.settings import SOURCE, Settings
from kdcluster.shell import command_path, run
from kdcluster.versions import build_key

__all__ = [
    "EE",
    "PAUSE",
    "TOOLBOX",
    "TOOLBOX_NONROOT",
    "WEB",
    "Archive",
    "archives",
    "fetch",
    "make",
    "names",
]

PAUSE = "localhost/kubedebug/pause:dev"
WEB = "localhost/kubedebug/web:dev"
TOOLBOX = "localhost/kubedebug/toolbox:dev"
TOOLBOX_NONROOT = "localhost/kubedebug/toolbox-nonroot:dev"
EE = "localhost/kubedebug/ee:dev"

_PATH = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
_SOURCES = ("archive.py", "contents.py", "images.py")
_SYSTEM_PYTHON = Path("/usr/bin/python3")


@dataclass(frozen=True, kw_only=True)
class Archive:
    """One tar; `key` names its content, `images` are the names in it."""

    label: str
    key: str
    path: Path
    images: tuple[Image, ...]


def _fingerprint(paths: Iterable[Path | None]) -> bytes:
    """Of files of the system: size and time, since hashing them would slow down each `up`."""
    lines = []
    for path in paths:
        if path is not None and path.exists():
            stat = path.stat()
            lines.append(f"{path} {stat.st_size} {stat.st_mtime_ns}")
    return "\n".join(lines).encode()


def _code() -> list[bytes]:
    """This program's own part in an image's content."""
    return [(SOURCE / "kdcluster" / name).read_bytes() for name in _SOURCES]


def _archive(settings: Settings, label: str, parts: list[bytes], *images: Image) -> Archive:
    key = build_key([*_code(), *parts])
    path = settings.cache / "images" / f"{label}-{key}.tar"
    return Archive(label=label, key=key, path=path, images=images)


def archives(settings: Settings, busybox: Path | None) -> list[Archive]:
    """All images as they should be now, whether built or not."""
    system = [command_path(name) for name in (*contents.PROGRAMS, "python3")]
    pause = (SOURCE / "images" / "pause" / "pause.c").read_bytes()
    toolbox = Image(name=TOOLBOX, command=("/bin/sh",), environment=_PATH, workdir="/")
    nonroot = Image(
        name=TOOLBOX_NONROOT,
        command=("/bin/sh",),
        environment={**_PATH, "HOME": "/tmp"},
        user="65532:65532",
    )
    tools = _archive(settings, "toolbox", [_fingerprint([busybox, *system])], toolbox, nonroot)
    return [
        _archive(
            settings, "pause", [pause], Image(name=PAUSE, entrypoint=("/pause",), environment={})
        ),
        _archive(
            settings,
            "web",
            [web_build(settings).target.name.encode()],
            Image(name=WEB, entrypoint=("/web",), environment=_PATH),
        ),
        tools,
        _environment(settings, tools),
    ]


def _packages(settings: Settings) -> Archive:
    """The layer of Python packages; no image of its own."""
    own = (SOURCE / "kdcluster" / "ee.py").read_bytes()
    parts = [own, ee.REQUIREMENTS.read_bytes(), _fingerprint([_SYSTEM_PYTHON.resolve()])]
    return _archive(settings, "packages", parts)


def _environment(settings: Settings, tools: Archive) -> Archive:
    """It changes with each change of the collection, so its lower layers are kept apart."""
    image = Image(
        name=EE,
        command=("ansible-playbook", "--version"),
        environment=ee.ENVIRONMENT,
        user=ee.USER,
        workdir="/tmp",
    )
    below = [item.key.encode() for item in (tools, _packages(settings))]
    return _archive(settings, "ee", [*below, *ee.collection_parts()], image)


def names(settings: Settings, busybox: Path | None) -> dict[str, str]:
    """The image names with the keys of their content, as the cluster's record keeps them."""
    return {image.name: item.key for item in archives(settings, busybox) for image in item.images}


def fetch(settings: Settings) -> None:
    """Installs the packages that the cache lacks: half a minute of mostly waiting for the network,
    that can go on while something else is built."""
    path = _packages(settings).path
    if not path.exists():
        for stale in path.parent.glob("packages-*.tar*"):
            stale.unlink()
        ee.make_packages(path)


def make(settings: Settings, tools: Tools, progress: Progress) -> list[Archive]:
    """Builds the archives that the cache lacks; returns all."""
    wanted = archives(settings, tools.busybox)
    for item in wanted:
        if item.path.exists():
            continue
        if item.label == "web":
            build(web_build(settings), settings, progress)
        for stale in item.path.parent.glob(f"{item.label}-*.tar*"):
            stale.unlink()
        with progress.step(f"writing the image {item.images[0].name}"):
            entries = _makers(settings, tools)[item.label]()
            below = _below(settings, wanted) if item.label == "ee" else []
            archive.write_archive(item.path, images=item.images, entries=entries, below=below)
    return wanted


def _below(settings: Settings, wanted: Iterable[Archive]) -> list[Path]:
    fetch(settings)
    toolbox = [item.path for item in wanted if item.label == "toolbox"]
    return [*toolbox, _packages(settings).path]


def _makers(settings: Settings, tools: Tools) -> dict[str, Callable[[], list[Entry]]]:
    def pause() -> list[Entry]:
        program = settings.cache / "images" / "pause"
        program.parent.mkdir(parents=True, exist_ok=True)
        source = SOURCE / "images" / "pause" / "pause.c"
        run(["gcc", "-static", "-Os", "-s", "-Wall", "-Wextra", "-o", program, source])
        return contents.pause_entries(program)

    def web() -> list[Entry]:
        return contents.web_entries(web_build(settings).target / "web")

    def toolbox() -> list[Entry]:
        return contents.toolbox_entries(tools.busybox)

    return {"pause": pause, "web": web, "toolbox": toolbox, "ee": ee.entries}
