# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When to try again, for how long, and when not to."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    ApiError,
    Conflict,
    ConnectionFailed,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.failures import is_retryable

__all__ = ["RetryPolicy", "call_with_retries", "is_transient", "retry_conflict"]

Value = TypeVar("Value")

_NOT_PROCESSED = frozenset({429, 503})
"""The server did not take the request, so that any method may be repeated."""

_STARTING = re.compile('"system:(basic-user|discovery)" not found')
"""A 403 of an API server that has not read its own roles yet: everybody has these two.

Source: k8s.io/kubernetes, plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go.
"""

_NOT_GRANTED = re.compile(r'\bUser ".*" cannot [a-z]+ resource ')
"""A 403 of the authorizer, and not of an admission plugin.

Source: k8s.io/apiserver, pkg/endpoints/handlers/responsewriters/errors.go.
"""

_UNKNOWN = frozenset({502, 504})
"""A gateway gave up on the server, which may have done the work."""


@dataclass(frozen=True)
class RetryPolicy:
    """Bounds of repetition, in seconds; a server's Retry-After counts for more than the backoff.

    `connect_attempts` is lower, since a server that is not there is what a user has to hear of.
    `granted` says that the rights were asked for before: the server of a 403 has just been started
    then, and has not read all of its roles yet.
    """

    attempts: int = 6
    connect_attempts: int = 3
    first_delay: float = 0.25
    longest_delay: float = 8.0
    total: float = 60.0
    granted: bool = False
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    random: Callable[[], float] = random.random

    def delay(self, attempt: int, retry_after: float | None = None) -> float:
        """Return the pause after the failure of `attempt` (from 1), half of it by chance.

        Without chance, the threads of one task would come back all at once.
        """
        longest = min(self.longest_delay, self.first_delay * 2.0 ** (attempt - 1))
        backoff = longest * (0.5 + self.random() / 2)
        return max(backoff, retry_after or 0.0)


def is_transient(
    error: ApiError | ConnectionFailed, *, idempotent: bool, granted: bool = False
) -> bool:
    """Tell whether the same request may succeed later, and may be sent again."""
    if isinstance(error, ConnectionFailed):
        return is_retryable(error) and (idempotent or not error.sent)
    if error.status in _NOT_PROCESSED:
        return True
    if error.status == 403:
        known = _NOT_GRANTED if granted else _STARTING
        return known.search(error.message_full) is not None
    if error.status in _UNKNOWN:
        return idempotent
    return error.status == 500 and (error.retry_after is not None or error.method == "GET")


def call_with_retries(
    policy: RetryPolicy,
    call: Callable[[], Value],
    *,
    transient: Callable[[ApiError | ConnectionFailed], bool],
) -> Value:
    """Call until it succeeds, the failure is not transient, or the policy's bounds are reached."""
    begin = policy.clock()
    attempt = 1
    while True:
        try:
            return call()
        except (ApiError, ConnectionFailed) as error:
            unreachable = isinstance(error, ConnectionFailed)
            most = policy.connect_attempts if unreachable else policy.attempts
            if attempt >= most or not transient(error):
                raise
            pause = policy.delay(attempt, getattr(error, "retry_after", None))
            if policy.clock() - begin + pause > policy.total:
                raise
        policy.sleep(pause)
        attempt += 1


def retry_conflict(call: Callable[[], Value], *, policy: RetryPolicy | None = None) -> Value:
    """Call again after a 409, for a `call` that reads the object anew each time.

    AlreadyExists is a 409 as well, but no race: it is raised at once.
    """
    return call_with_retries(
        policy or RetryPolicy(),
        call,
        transient=lambda error: isinstance(error, Conflict) and error.reason != "AlreadyExists",
    )
