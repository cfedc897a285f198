# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest
from kdcluster.archive import Entry, Image, directory, write_archive, write_layer

IMAGES = [
    Image(name="localhost/x/one:dev", entrypoint=("/one",), environment={"B": "2", "A": "1"}),
    Image(name="localhost/x/two:dev", command=("sh",), environment={}, user="7:7"),
]


def layer(entries: list[Entry]) -> tuple[bytes, str]:
    stream = io.BytesIO()
    digest = write_layer(entries, stream)
    return stream.getvalue(), digest


def members(data: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {member.name: member for member in tar}


def read(path: Path) -> dict[str, bytes]:
    found = {}
    with tarfile.open(path) as tar:
        for member in tar:
            stream = tar.extractfile(member)
            assert stream is not None
            found[member.name] = stream.read()
    return found


def test_a_layer_does_not_depend_on_the_order_of_its_entries() -> None:
    entries = [Entry(path="b", content=b"1"), Entry(path="a/c", content=b"2"), directory("z")]
    assert layer(entries) == layer(entries[::-1])


def test_a_layer_does_not_depend_on_the_times_of_the_files(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"text")
    first = layer([Entry(path="a", content=source)])
    os.utime(source, (1, 1))
    assert layer([Entry(path="a", content=source)]) == first


def test_the_digest_is_that_of_the_layer() -> None:
    data, digest = layer([Entry(path="a", content=b"text")])
    assert digest == "sha256:" + hashlib.sha256(data).hexdigest()


def test_a_layer_has_each_parent_folder_before_what_is_in_it() -> None:
    data, _digest = layer([Entry(path="a/b/c", content=b"1")])
    assert list(members(data)) == ["a", "a/b", "a/b/c"]
    assert members(data)["a"].isdir()


def test_a_later_entry_of_a_path_wins() -> None:
    data, _digest = layer([Entry(path="a", content=b"1"), Entry(path="a", mode=0o755)])
    assert members(data)["a"].size == 0
    assert members(data)["a"].mode == 0o755


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        pytest.param(Entry(path="x"), tarfile.REGTYPE, id="file"),
        pytest.param(directory("x", 0o1777), tarfile.DIRTYPE, id="directory"),
        pytest.param(Entry(path="x", kind="fifo"), tarfile.FIFOTYPE, id="fifo"),
        pytest.param(
            Entry(path="x", kind="symlink", target="../../etc/passwd"),
            tarfile.SYMTYPE,
            id="symlink",
        ),
    ],
)
def test_kinds(entry: Entry, kind: bytes) -> None:
    member = members(layer([entry])[0])["x"]
    assert member.type == kind
    assert member.linkname == entry.target
    assert (member.uid, member.gid, member.uname, member.mode) == (0, 0, "", entry.mode)


@pytest.mark.parametrize("name", ["gr\u00fc\u00dfe", "a blank", "a\nbreak", "x" * 150])
def test_names_survive(name: str) -> None:
    assert name in members(layer([Entry(path=name)])[0])


def test_an_archive_names_its_images(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "image.tar"
    write_archive(path, images=IMAGES, entries=[Entry(path="one", content=b"1")])
    content = read(path)
    manifest: list[dict[str, Any]] = json.loads(content["manifest.json"])
    assert [item["RepoTags"] for item in manifest] == [[image.name] for image in IMAGES]
    for item in manifest:
        config = content[item["Config"]]
        assert hashlib.sha256(config).hexdigest() + ".json" == item["Config"]
        data = content[item["Layers"][0]]
        expected = ["sha256:" + hashlib.sha256(data).hexdigest()]
        assert json.loads(config)["rootfs"]["diff_ids"] == expected
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["image.tar"]


def test_the_configuration_of_an_image(tmp_path: Path) -> None:
    path = tmp_path / "image.tar"
    write_archive(path, images=IMAGES, entries=[])
    content = read(path)
    first, second = (
        json.loads(content[item["Config"]])["config"]
        for item in json.loads(content["manifest.json"])
    )
    assert (first["Env"], first["Entrypoint"], first["Cmd"]) == (["A=1", "B=2"], ["/one"], None)
    assert (second["Cmd"], second["User"]) == (["sh"], "7:7")


def test_the_same_archive_has_the_same_bytes(tmp_path: Path) -> None:
    entries = [Entry(path="a/b", content=b"1"), Entry(path="c", content=b"2")]
    for name in ("first", "second"):
        write_archive(tmp_path / name, images=IMAGES, entries=entries)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def test_an_archive_stands_on_the_layers_of_others(tmp_path: Path) -> None:
    first, second, whole = tmp_path / "first.tar", tmp_path / "second.tar", tmp_path / "whole.tar"
    write_archive(first, images=IMAGES, entries=[Entry(path="one", content=b"1")])
    write_archive(second, images=IMAGES[:1], entries=[Entry(path="two", content=b"2")])

    write_archive(
        whole,
        images=IMAGES[1:],
        entries=[Entry(path="three", content=b"3")],
        below=[first, second],
    )

    files = read(whole)
    (manifest,) = json.loads(files["manifest.json"])
    layers = [files[name] for name in manifest["Layers"]]
    assert [list(members(layer)) for layer in layers] == [["one"], ["two"], ["three"]]
    config = json.loads(files[manifest["Config"]])
    assert config["rootfs"]["diff_ids"] == [
        "sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers
    ]
    assert layers[0] == read(first)[json.loads(read(first)["manifest.json"])[0]["Layers"][0]]
    assert len(config["history"]) == 3
