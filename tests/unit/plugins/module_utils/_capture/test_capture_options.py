# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task may say of a capture."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._capture.capture_options import (
    CAPTURE_SPEC,
    CaptureOptions,
    FetchOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._options import OptionError


def _params(**given: Any) -> dict[str, Any]:
    return {**{key: each.get("default") for key, each in CAPTURE_SPEC.items()}, **given}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param({"capture": "../x"}, ["capture=", "letters, digits"], id="a path"),
        pytest.param({"capture": ""}, ["capture="], id="no name"),
        pytest.param({"capture": "a_b"}, ["capture="], id="an underscore"),
        pytest.param({"interface": "-w"}, ["interface='-w'"], id="an option"),
        pytest.param({"interface": "any; reboot"}, ["interface="], id="a command"),
        pytest.param({"filter": "tcp\x00"}, ["filter", "control"], id="NUL"),
        pytest.param({"filter": "a" * 4097}, ["filter", "4096"], id="a long filter"),
        pytest.param({"snaplen": -1}, ["snaplen=-1"], id="snaplen"),
        pytest.param({"max_seconds": 0}, ["max_seconds=0"], id="no time"),
        pytest.param({"max_seconds": 86401}, ["max_seconds=86401", "86400"], id="too long"),
        pytest.param({"max_bytes": 100}, ["max_bytes=100"], id="too little"),
        pytest.param({"max_packets": -1}, ["max_packets=-1"], id="packets"),
        pytest.param({"buffer_size": 1}, ["buffer_size=1"], id="buffer"),
        pytest.param({"files": 3}, ["files=3", "file_size=0", "ring"], id="half a ring"),
        pytest.param({"file_size": 10}, ["files=1", "file_size=10"], id="the other half"),
    ],
)
def test_bad_options(given: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(OptionError) as refused:
        CaptureOptions.from_params(_params(**given))

    assert all(word in refused.value.msg for word in words)


def test_a_filter_of_several_lines_is_one() -> None:
    assert CaptureOptions.from_params(_params(filter=" tcp\n  port 80 ")).filter == "tcp port 80"


def test_a_ring_is_bounded_by_its_files() -> None:
    options = CaptureOptions.from_params(_params(files=4, file_size=1_000_001, max_bytes=1))

    assert options.file_size == 2_000_000
    assert options.max_bytes == 4 * (2_000_000 + 262_144)


def test_the_identity_is_of_all_options_and_stands_in_the_spec() -> None:
    one = CaptureOptions.from_params(_params())
    other = CaptureOptions.from_params(_params(filter="udp"))

    assert one.identity != other.identity
    assert json.loads(one.spec)["identity"] == one.identity
    assert "\n" not in one.spec


@pytest.mark.parametrize("state", ["fetched", "completed"])
@pytest.mark.parametrize("dest", [None, "", " "])
def test_what_fetches_needs_a_place(state: str, dest: str | None) -> None:
    with pytest.raises(OptionError, match=f"state={state} needs dest"):
        FetchOptions.from_params(_params(state=state, dest=dest))


def test_fetching_options() -> None:
    assert FetchOptions.from_params(_params(state="started")) is None
    assert FetchOptions.from_params(_params(state="stopped", dest="x")) is None
    with pytest.raises(OptionError, match=r"merge_dest .* merge=true"):
        FetchOptions.from_params(_params(dest="x", merge_dest="y"))
    with pytest.raises(OptionError, match="fetch_timeout=0"):
        FetchOptions.from_params(_params(dest="x", fetch_timeout=0))
    given = FetchOptions.from_params(_params(dest="x", merge=True, merge_dest=""))
    assert given is not None
    assert (given.dest, given.merge, given.merge_dest) == ("x", True, None)
