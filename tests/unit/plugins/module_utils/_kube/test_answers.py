# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Items found in the text of a page without parsing the others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._kube.answers import marked_items

_MARK = b'"ephemeralContainers"'


def _pod(name: str, *, entries: bool = False, **more: Any) -> dict[str, Any]:
    spec = {"containers": [{"name": "web"}], **more}
    if entries:
        spec["ephemeralContainers"] = [{"name": "debugger"}]
    return {"metadata": {"name": name, "uid": name}, "spec": spec, "status": {"phase": "Running"}}


def _page(*pods: dict[str, Any], **json_options: Any) -> bytes:
    page = {"kind": "PodList", "metadata": {"resourceVersion": "1"}, "items": list(pods)}
    return json.dumps(page, **{"separators": (",", ":"), **json_options}).encode()


_CLAIM = {"volumes": [{"ephemeral": {"volumeClaimTemplate": {"metadata": {"name": "x"}}}}]}
_NOTE = {"note": 'a text with "ephemeralContainers" and {"metadata":{ in it'}


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        pytest.param([], [], id="empty"),
        pytest.param([_pod("a"), _pod("b")], [], id="none"),
        pytest.param([_pod("a", entries=True)], ["a"], id="only"),
        pytest.param([_pod("a", entries=True), _pod("b")], ["a"], id="first"),
        pytest.param([_pod("a"), _pod("b", entries=True)], ["b"], id="last"),
        pytest.param(
            [_pod("a", entries=True), _pod("b", entries=True), _pod("c")], ["a", "b"], id="two"
        ),
        pytest.param(
            [_pod("a", **_CLAIM, entries=True), _pod("b", **_CLAIM)], ["a"], id="claim-template"
        ),
        pytest.param([_pod("a", **_NOTE), _pod("b", entries=True)], ["b"], id="quoted-in-a-text"),
        pytest.param([_pod("\u00fc\U0001f600", entries=True)], ["\u00fc\U0001f600"], id="unicode"),
    ],
)
@pytest.mark.parametrize(
    "layout",
    [
        pytest.param({"ensure_ascii": False}, id="as-of-an-api-server"),
        pytest.param({"indent": 1, "separators": (", ", ": ")}, id="indented"),
        pytest.param({"sort_keys": True}, id="other-order"),
    ],
)
def test_the_items_with_the_mark(
    pods: list[dict[str, Any]], expected: list[str], layout: dict[str, Any]
) -> None:
    found = marked_items(_page(*pods, **layout), _MARK)

    assert found == [pod for pod in pods if pod["metadata"]["name"] in expected]


@pytest.mark.parametrize("layout", [{"ensure_ascii": False}, {"sort_keys": True}])
def test_the_items_with_one_of_several_marks(layout: dict[str, Any]) -> None:
    """Also where an item has both, and where one comes late or never."""
    pods = [
        _pod("a", label="second"),
        _pod("b"),
        _pod("c", entries=True, label="second"),
        _pod("d", entries=True),
        _pod("e"),
        _pod("f", label="second"),
    ]

    found = marked_items(_page(*pods, **layout), _MARK, b'"label":"second"', b'"never"')

    assert [item["metadata"]["name"] for item in found] == ["a", "c", "d", "f"]


def test_items_without_the_mark_are_not_parsed() -> None:
    page = _page(_pod("a"), _pod("b", entries=True)).replace(b'"name":"web"', b"not json", 1)

    assert [item["metadata"]["name"] for item in marked_items(page, _MARK)] == ["b"]
