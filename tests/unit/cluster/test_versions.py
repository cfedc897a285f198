# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
from pathlib import Path

import pytest
from kdcluster.errors import ClusterError
from kdcluster.settings import SOURCE
from kdcluster.versions import (
    PAIRS,
    Pair,
    build_key,
    choose_pair,
    containerd_mod_text,
    go_mod_text,
)

LOCKS = SOURCE / "go"
_PAIRS = [pytest.param(pair, id=pair.name) for pair in PAIRS.values()]


def replaces(text: str) -> list[str]:
    return re.findall(r"^\s*(?:replace )?(k8s\.io/\S+ => \S+ \S+)$", text, re.MULTILINE)


def test_go_mod_text_of_the_new_pair() -> None:
    text = go_mod_text(PAIRS["new"])
    assert text.startswith(
        "module kubedebug.invalid/kube\n\ngo 1.26.0\n\nrequire k8s.io/kubernetes v1.37.2\n\n"
    )
    assert "\tk8s.io/api => k8s.io/api v0.37.2\n" in text
    assert "\tk8s.io/streaming => k8s.io/streaming v0.37.2\n" in text
    assert text.endswith(")\n")


def test_the_old_pair_has_no_module_that_its_release_lacks() -> None:
    assert "streaming" not in go_mod_text(PAIRS["old"])


@pytest.mark.parametrize("pair", _PAIRS)
def test_the_lock_file_is_of_these_versions(pair: Pair) -> None:
    locked = (LOCKS / "kube" / f"{pair.name}.mod").read_text(encoding="ascii")
    assert replaces(locked) == replaces(go_mod_text(pair))
    assert f"k8s.io/kubernetes {pair.kubernetes}\n" in locked
    assert f"\ngo {pair.go}\n" in locked


@pytest.mark.parametrize("pair", _PAIRS)
def test_containerd_is_locked_where_it_is_built(pair: Pair) -> None:
    lock: Path = LOCKS / "containerd" / f"{pair.name}.mod"
    assert lock.exists() == (pair.containerd is not None)
    if pair.containerd:
        wanted = re.findall(r"^\t(\S+/cmd/\S+)$", containerd_mod_text(pair), re.MULTILINE)
        locked = lock.read_text(encoding="ascii")
        assert re.findall(r"^\t(\S+/cmd/\S+)$", locked, re.MULTILINE) == wanted
        assert f"github.com/containerd/containerd/v2 {pair.containerd} " in locked


@pytest.mark.parametrize("pair", _PAIRS)
def test_the_components_report_their_version(pair: Pair) -> None:
    minor = pair.kubernetes.split(".")[1]
    assert f".gitVersion={pair.kubernetes} " in pair.ldflags
    assert pair.ldflags.endswith(f".gitMinor={minor}")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param(None, "new", id="none-is-the-default"),
        pytest.param("", "new", id="an-empty-variable-is-the-default"),
        pytest.param("old", "old", id="old"),
    ],
)
def test_choose_pair(name: str | None, expected: str) -> None:
    assert choose_pair(name).name == expected


def test_choose_pair_names_the_choices() -> None:
    with pytest.raises(ClusterError, match="'newest'; the pairs are: new, old"):
        choose_pair("newest")


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([b"ab", b"d"], id="other-content"),
        pytest.param([b"a", b"bc"], id="moved-to-the-next-part"),
        pytest.param([b"ab", b"c", b""], id="one-more-part"),
    ],
)
def test_build_key_changes(parts: list[bytes]) -> None:
    assert build_key(parts) != build_key([b"ab", b"c"])
    assert re.fullmatch("[0-9a-f]{12}", build_key(parts))


def test_build_key_is_the_same_for_the_same_parts() -> None:
    assert build_key([b"ab", b"c"]) == build_key(iter([b"ab", b"c"]))
