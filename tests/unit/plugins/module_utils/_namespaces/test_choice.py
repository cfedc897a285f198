# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which debugger is looked from."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._namespaces.choice import (
    choose_debugger,
)
from ansible_collections.kubedebug.core.plugins.module_utils._options import OptionError
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target
from ansible_collections.kubedebug.core.plugins.module_utils._pods.targets import target_of

_RUNNING = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
_ENDED = {"terminated": {"exitCode": 0}}


def _entry(
    name: str,
    *,
    joined: str | None = "web",
    managed: bool = True,
    started: str = "2026-01-01T00:00:00Z",
    state: dict[str, Any] | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    marks = [{"name": "KUBEDEBUG_MANAGED_BY", "value": "kubedebug.core"}] if managed else []
    spec = {"name": name, "image": "toolbox", "env": marks}
    if joined is not None:
        spec["targetContainerName"] = joined
    return spec, {"name": name, "state": state or {"running": {"startedAt": started}}}


def _target(
    *entries: tuple[dict[str, Any], dict[str, Any]], helper_state: dict[str, Any] | None = None
) -> Target:
    statuses = [
        {"name": "web", "state": _RUNNING},
        {"name": "helper", "state": helper_state or _RUNNING},
    ]
    return target_of(
        {
            "metadata": {"namespace": "shop", "name": "web-0", "uid": "u"},
            "spec": {
                "containers": [{"name": "web"}, {"name": "helper"}],
                "ephemeralContainers": [spec for spec, _status in entries],
            },
            "status": {
                "phase": "Running",
                "containerStatuses": statuses,
                "ephemeralContainerStatuses": [status for _spec, status in entries],
            },
        },
        "web",
    )


@pytest.mark.parametrize(
    ("entries", "name", "expected"),
    [
        pytest.param([_entry("a")], None, "a", id="the-only-one"),
        pytest.param(
            [_entry("a"), _entry("b", started="2026-01-02T00:00:00Z")], None, "b", id="the-newest"
        ),
        pytest.param([_entry("a"), _entry("b")], None, "b", id="of-equals-the-later-entry"),
        pytest.param(
            [_entry("a"), _entry("b", joined=None, started="2026-01-02T00:00:00Z")],
            None,
            "a",
            id="one-that-joined-before-a-newer-one",
        ),
        pytest.param(
            [_entry("a", joined="helper"), _entry("b", joined="web")], None, "b", id="the-target's"
        ),
        pytest.param([_entry("a", joined="helper")], None, "a", id="another's-is-better-than-none"),
        pytest.param(
            [_entry("a"), _entry("b", state=_ENDED)], None, "a", id="one-that-ended-is-none"
        ),
        pytest.param([_entry("a"), _entry("b", managed=False)], None, "a", id="ours-alone"),
        pytest.param([_entry("a"), _entry("b", managed=False)], "b", "b", id="named-of-others"),
        pytest.param([], "helper", "helper", id="ordinary-container"),
    ],
)
def test_choice(entries: list[Any], name: str | None, expected: str) -> None:
    assert choose_debugger(_target(*entries), name).name == expected


def test_ordinary_container_has_joined_nothing() -> None:
    assert choose_debugger(_target(), "helper").joined is None
    assert choose_debugger(_target(_entry("a")), None).joined == "web"


@pytest.mark.parametrize(
    ("target", "name", "message"),
    [
        pytest.param(_target(), None, "ephemeral_container", id="none"),
        pytest.param(
            _target(_entry("x", managed=False)), None, "of another origin: x (debugger=NAME"
        ),
        pytest.param(_target(_entry("a", state=_ENDED)), "a", "a of shop/web-0 is finished"),
        pytest.param(_target(_entry("a")), "b", "does not exist. Running debuggers there: a"),
        pytest.param(_target(_entry("a")), "web", "the very container", id="the-target-itself"),
        pytest.param(_target(helper_state=_ENDED), "helper", "is not running", id="helper-ended"),
    ],
)
def test_refused(target: Target, name: str | None, message: str) -> None:
    with pytest.raises(OptionError) as refused:
        choose_debugger(target, name)
    assert message in refused.value.msg
    assert "ephemeral_container" in refused.value.msg or "leave the option out" in refused.value.msg
