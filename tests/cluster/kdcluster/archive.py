# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes container images without a registry or a daemon: a docker-archive is a tar of a layer tar,
a configuration and a manifest (moby's image specification v1.2, the form of `docker save`).

The same entries give the same bytes: names are sorted, and times and owners are fixed.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

__all__ = ["Entry", "Image", "directory", "write_archive", "write_layer"]

# A fixed time, but not 0: busybox's ls and some tools show that one as an error.
_TIME = 1_700_000_000
_TYPES = {
    "file": tarfile.REGTYPE,
    "directory": tarfile.DIRTYPE,
    "symlink": tarfile.SYMTYPE,
    "fifo": tarfile.FIFOTYPE,
}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One file of a layer; `path` without a leading slash, `content` the bytes or a file to copy,
    `target` what a symbolic link holds, word for word."""

    path: str
    kind: Literal["file", "directory", "symlink", "fifo"] = "file"
    mode: int = 0o644
    content: bytes | Path = b""
    target: str = ""


@dataclass(frozen=True, kw_only=True)
class Image:
    """One name for the layer of an archive, with what is run from it."""

    name: str
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, str]
    user: str = ""
    workdir: str = "/"


def directory(path: str, mode: int = 0o755) -> Entry:
    return Entry(path=path, kind="directory", mode=mode)


def _with_parents(entries: Iterable[Entry]) -> list[Entry]:
    """Sorted by path, with each missing parent folder; a later entry of a path wins."""
    known = {entry.path: entry for entry in entries}
    for path in list(known):
        for parent in Path(path).parents:
            if str(parent) != ".":
                known.setdefault(str(parent), directory(str(parent)))
    return [known[path] for path in sorted(known)]


def _header(name: str, *, size: int, mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, mode, _TIME
    return info


def write_layer(entries: Iterable[Entry], stream: IO[bytes]) -> str:
    """Writes an uncompressed layer; returns its digest `sha256:...` (the layer's diff ID)."""
    hashed = _Hashed(stream)
    with tarfile.open(fileobj=hashed, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for entry in _with_parents(entries):
            data = b""
            if entry.kind == "file":
                content = entry.content
                data = content if isinstance(content, bytes) else content.read_bytes()
            info = _header(entry.path, size=len(data), mode=entry.mode)
            info.type, info.linkname = _TYPES[entry.kind], entry.target
            tar.addfile(info, io.BytesIO(data))
    return "sha256:" + hashed.digest.hexdigest()


class _Hashed(io.RawIOBase):
    """Passes bytes on and hashes them, so that a large layer is read once."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # the tar writer passes bytes
        self.digest.update(data)
        return self._stream.write(data)


def _configuration(image: Image, diff_ids: Sequence[str]) -> bytes:
    config: dict[str, object] = {
        "Env": [f"{name}={value}" for name, value in sorted(image.environment.items())],
        "Entrypoint": list(image.entrypoint) or None,
        "Cmd": list(image.command) or None,
        "WorkingDir": image.workdir,
    }
    if image.user:
        config["User"] = image.user
    whole = {
        "architecture": "amd64",
        "os": "linux",
        "created": "2023-11-14T22:13:20Z",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": list(diff_ids)},
        "history": [
            {"created": "2023-11-14T22:13:20Z", "created_by": "kubedebug tests"}
            for _layer in diff_ids
        ],
    }
    return json.dumps(whole, sort_keys=True).encode()


def write_archive(
    path: Path,
    *,
    images: Sequence[Image],
    entries: Iterable[Entry],
    below: Sequence[Path] = (),
) -> None:
    """Writes the images, which share their layers, to a docker-archive (in one rename): those of
    the archives *below*, in order, and above them one of *entries*."""
    path.parent.mkdir(parents=True, exist_ok=True)
    layer_file, new = path.with_name(path.name + ".layer"), path.with_name(path.name + ".new")
    with layer_file.open("w+b") as layer:
        diff_id = write_layer(entries, layer)
        size = layer.tell()
        layer.seek(0)
        with tarfile.open(new, mode="w", format=tarfile.PAX_FORMAT) as tar:
            diff_ids = [found for archive in below for found in _copy_layers(archive, tar)]
            diff_ids.append(diff_id)
            tar.addfile(_header(_layer_name(diff_id), size=size), layer)
            _add_images(tar, images, diff_ids)
    layer_file.unlink()
    new.replace(path)


def _layer_name(diff_id: str) -> str:
    return diff_id.removeprefix("sha256:") + "/layer.tar"


def _copy_layers(archive: Path, tar: tarfile.TarFile) -> list[str]:
    """The layers of another archive of ours, byte by byte, so that the runtime knows them again."""
    with tarfile.open(archive) as source:
        manifest = json.loads(_read(source, "manifest.json"))
        config = json.loads(_read(source, manifest[0]["Config"]))
        for name in manifest[0]["Layers"]:
            tar.addfile(source.getmember(name), source.extractfile(name))
    found: list[str] = config["rootfs"]["diff_ids"]
    return found


def _read(tar: tarfile.TarFile, name: str) -> bytes:
    stream = tar.extractfile(name)
    return b"" if stream is None else stream.read()


def _add_images(tar: tarfile.TarFile, images: Sequence[Image], diff_ids: Sequence[str]) -> None:
    layers = [_layer_name(diff_id) for diff_id in diff_ids]
    manifest = []
    for image in images:
        config = _configuration(image, diff_ids)
        name = hashlib.sha256(config).hexdigest() + ".json"
        tar.addfile(_header(name, size=len(config)), io.BytesIO(config))
        manifest.append({"Config": name, "RepoTags": [image.name], "Layers": layers})
    data = json.dumps(manifest, sort_keys=True).encode()
    tar.addfile(_header("manifest.json", size=len(data)), io.BytesIO(data))
