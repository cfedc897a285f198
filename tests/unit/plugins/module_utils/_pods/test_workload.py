# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import TargetError
from ansible_collections.kubedebug.core.plugins.module_utils._pods.workload import (
    owned_by,
    parse_workload,
    selector_text,
)


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        pytest.param("deployment/web", "deployment/web", id="deployment"),
        pytest.param("Deployment/web", "deployment/web", id="as-the-kind-is-written"),
        pytest.param("deployments/web", "deployment/web", id="plural"),
        pytest.param("deploy/web", "deployment/web", id="short"),
        pytest.param("sts/db", "statefulset/db", id="statefulset"),
        pytest.param("ds/agent", "daemonset/agent", id="daemonset"),
        pytest.param("rs/web-1", "replicaset/web-1", id="replicaset"),
        pytest.param("jobs/sum", "job/sum", id="job"),
        pytest.param("cj/nightly", "cronjob/nightly", id="cronjob"),
    ],
)
def test_parsed(text: str, ref: str) -> None:
    assert parse_workload(text).ref == ref


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("web", "workload=web is not KIND/NAME", id="name-only"),
        pytest.param("deployment/", "is not KIND/NAME", id="no-name"),
        pytest.param("deployment/a/b", "is not KIND/NAME", id="two-names"),
        pytest.param("service/web", "with one of the kinds cronjob, daemonset", id="other-kind"),
        pytest.param("pod/web", "give name=web instead", id="pod"),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(TargetError) as raised:
        parse_workload(text)
    assert message in raised.value.msg


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        pytest.param({"matchLabels": {"a": "b", "c": "d"}}, "a=b,c=d", id="labels"),
        pytest.param(
            {
                "matchLabels": {"a": "b"},
                "matchExpressions": [
                    {"key": "t", "operator": "In", "values": ["x", "y"]},
                    {"key": "u", "operator": "NotIn", "values": ["z"]},
                    {"key": "v", "operator": "Exists"},
                    {"key": "w", "operator": "DoesNotExist"},
                ],
            },
            "a=b,t in (x,y),u notin (z),v,!w",
            id="expressions",
        ),
        pytest.param({}, None, id="empty"),
        pytest.param(None, None, id="none"),
    ],
)
def test_selector_text(selector: dict[str, Any] | None, text: str | None) -> None:
    assert selector_text(selector) == text


@pytest.mark.parametrize(
    ("references", "owned"),
    [
        pytest.param([{"uid": "u1", "controller": True}], True, id="controller"),
        pytest.param([{"uid": "u1"}], False, id="owner-but-no-controller"),
        pytest.param([{"uid": "u2", "controller": True}], False, id="of-another"),
        pytest.param(None, False, id="none"),
    ],
)
def test_owned_by(references: list[dict[str, Any]] | None, owned: bool) -> None:
    assert owned_by({"metadata": {"ownerReferences": references}}, {"u1"}) is owned
