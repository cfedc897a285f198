# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy's numbers, and the repetition after a conflict."""

from __future__ import annotations

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    ApiError,
    CertificateInvalid,
    Conflict,
    ConnectionFailed,
    api_error,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.retry import (
    RetryPolicy,
    is_transient,
    retry_conflict,
)


@pytest.mark.parametrize(
    ("attempt", "chance", "retry_after", "delay"),
    [
        pytest.param(1, 1.0, None, 0.25, id="first"),
        pytest.param(1, 0.0, None, 0.125, id="first-by-chance"),
        pytest.param(4, 1.0, None, 2.0, id="grows"),
        pytest.param(40, 1.0, None, 8.0, id="is-bounded"),
        pytest.param(1, 1.0, 5.0, 5.0, id="the-server-says-longer"),
        pytest.param(4, 1.0, 0.0, 2.0, id="the-server-says-shorter"),
    ],
)
def test_delay(attempt, chance, retry_after, delay):
    policy = RetryPolicy(random=lambda: chance)
    assert policy.delay(attempt, retry_after) == delay


def _forbidden(role: str) -> ApiError:
    message = (
        'pods is forbidden: User "x" cannot list resource "pods" in API group "": RBAC: '
        f'[clusterrole.rbac.authorization.k8s.io "{role}" not found]'
    )
    return api_error(403, {"kind": "Status", "reason": "Forbidden", "message": message})


@pytest.mark.parametrize(
    ("error", "idempotent", "transient"),
    [
        pytest.param(ConnectionFailed("x", sent=False), False, True, id="never-sent"),
        pytest.param(ConnectionFailed("x", sent=True), False, False, id="sent"),
        pytest.param(ConnectionFailed("x", sent=True), True, True, id="sent-idempotent"),
        pytest.param(CertificateInvalid("x"), True, False, id="certificate"),
        pytest.param(api_error(500, None, method="GET"), True, True, id="500-get"),
        pytest.param(api_error(500, None, method="PATCH"), True, False, id="500-patch"),
        pytest.param(api_error(500, None, retry_after=1.0), False, True, id="500-retry-after"),
        pytest.param(api_error(504, None), False, False, id="504-post"),
        pytest.param(api_error(410, None), True, False, id="410"),
        pytest.param(_forbidden("system:discovery"), False, True, id="403-of-a-server-that-starts"),
        pytest.param(_forbidden("on-call"), True, False, id="403-of-a-role-that-is-gone"),
    ],
)
def test_is_transient(error, idempotent, transient):
    assert is_transient(error, idempotent=idempotent) is transient


@pytest.mark.parametrize(
    ("message", "transient"),
    [
        pytest.param(
            'pods "a" is forbidden: User "system:serviceaccount:a:b" cannot watch resource "pods"',
            True,
            id="the-authorizer",
        ),
        pytest.param(
            'admission webhook "keep.example.com" denied the request', False, id="webhook"
        ),
        pytest.param('pods "a" is forbidden: violates PodSecurity "x:y"', False, id="pod-security"),
    ],
)
def test_a_right_that_was_granted_before_comes_again(message, transient):
    """A server that has just been started knows its roles a moment later."""
    error = api_error(403, {"kind": "Status", "reason": "Forbidden", "message": message})

    assert is_transient(error, idempotent=False, granted=True) is transient
    assert is_transient(error, idempotent=True) is False


def test_the_total_time_is_bounded(clock):
    calls = []

    def conflict() -> None:
        calls.append(1)
        raise api_error(409, None, retry_after=25.0)

    with pytest.raises(Conflict):
        retry_conflict(conflict, policy=clock.policy(total=60.0))
    assert clock.slept == [25.0, 25.0]
    assert len(calls) == 3


def test_a_conflict_is_tried_again_and_a_taken_name_is_not(clock):
    outcomes = [api_error(409, {"kind": "Status", "reason": "Conflict"}), None]

    def once() -> str:
        error = outcomes.pop(0)
        if error is not None:
            raise error
        return "done"

    assert retry_conflict(once, policy=clock.policy()) == "done"
    outcomes = [api_error(409, {"kind": "Status", "reason": "AlreadyExists"}), None]
    with pytest.raises(Conflict):
        retry_conflict(once, policy=clock.policy())
