# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every error that a user may see, and the one place that cleans text of a server.

Text that comes from an API server, a runtime or a container is data: it may hold terminal
escapes, bidirectional overrides or megabytes. `clean` is what makes it fit for a message.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any

__all__ = [
    "ApiError",
    "BadRequest",
    "CertificateInvalid",
    "ConfigError",
    "Conflict",
    "ConnectionFailed",
    "DebugError",
    "ExecError",
    "ExecInterrupted",
    "ExecStartFailed",
    "ExecTimeout",
    "Forbidden",
    "Gone",
    "Invalid",
    "KubeError",
    "LibraryMissing",
    "NotFound",
    "RequestTimeout",
    "ServerError",
    "TooManyRequests",
    "Unauthorized",
    "api_error",
    "clean",
]

MESSAGE_LIMIT = 256
"""Characters of a server's message that a user reads (the cut that kopf makes as well)."""

FULL_MESSAGE_LIMIT = 4096
"""Characters kept for a caller that parses the message, as of Pod Security's refusals."""

_ESCAPE_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])"
)
_WHITE_SPACE = re.compile(r"[\s\u2028\u2029]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def clean(text: str, *, limit: int = MESSAGE_LIMIT) -> str:
    """Make text of a stranger safe for one line of a terminal, and at most `limit` characters.

    Escape sequences go as a whole, so that no half of one stays; bidirectional overrides go
    as well, since they can make a refusal read like a success.
    """
    # Nothing past this can survive the cut, and the patterns need not run over megabytes.
    head = text[: limit * 16]
    head = _ESCAPE_SEQUENCE.sub("", head)
    head = _CONTROL.sub("", _WHITE_SPACE.sub(" ", head)).strip()
    return head if len(head) <= limit else head[: limit - 1].rstrip() + "…"


class DebugError(Exception):
    """A failure that the user reads; `facts` go into the result beside the message."""

    def __init__(self, msg: str, *, facts: Mapping[str, Any] | None = None) -> None:
        super().__init__(msg)
        self.msg: str = msg
        self.facts: dict[str, Any] = dict(facts or {})


class KubeError(DebugError):
    """A failure on the way to, or of, the API server."""


class LibraryMissing(KubeError):
    """A Python package is not there for the interpreter that runs."""

    def __init__(self, package: str, *, requirement: str, cause: str) -> None:
        super().__init__(
            f"The Python package {package} is missing for {sys.executable} ({clean(cause)}). "
            f"Install it for that interpreter: {sys.executable} -m pip install '{requirement}', "
            "or set ansible_python_interpreter to one that has it.",
            facts={"package": package, "interpreter": sys.executable},
        )
        self.package = package


class ConfigError(KubeError):
    """The options, the environment or the kubeconfig do not lead to a cluster."""


class ConnectionFailed(KubeError):
    """No answer came from the API server.

    `sent` tells whether the request may have reached the server, so that a caller knows
    whether a repetition is safe.
    """

    def __init__(self, msg: str, *, sent: bool = False) -> None:
        super().__init__(msg)
        self.sent = sent


class CertificateInvalid(ConnectionFailed):
    """The server's certificate does not verify, or the server refuses the client's."""


class RequestTimeout(ConnectionFailed):
    """The server did not answer within the time of one request."""


class ApiError(KubeError):
    """The API server answered with a failure.

    `message` is what a user reads, `message_full` (up to 4096 characters, cleaned as well) is
    for a caller that takes a refusal apart. `details` and `metadata` are the Status object's.
    """

    way_out = ""

    def __init__(
        self,
        *,
        status: int,
        reason: str,
        message: str,
        method: str = "",
        path: str = "",
        details: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.status = status
        self.reason = clean(reason, limit=64)
        self.message = clean(message)
        self.message_full = clean(message, limit=FULL_MESSAGE_LIMIT)
        self.method = method
        self.path = path
        self.details: dict[str, Any] = dict(details or {})
        self.metadata: dict[str, Any] = dict(metadata or {})
        self.retry_after = retry_after
        head = f"{status} {self.reason}".rstrip()
        text = f"{head}: {self.message}" if self.message else head
        if self.way_out:
            text = f"{text.rstrip('.')}. {self.way_out}"
        super().__init__(text, facts={"status": status, "reason": self.reason})


class BadRequest(ApiError):
    """400."""


class Unauthorized(ApiError):
    """401."""

    way_out = (
        "The API server does not accept these credentials: check api_key, the kubeconfig's "
        "user and context, or renew a token that has expired."
    )


class Forbidden(ApiError):
    """403, by RBAC, an admission plugin or Pod Security."""


class NotFound(ApiError):
    """404."""


class Conflict(ApiError):
    """409: another writer was faster, or the name is taken (`reason` AlreadyExists)."""


class Gone(ApiError):
    """410: a resource version or a continue token is too old."""


class Invalid(ApiError):
    """422."""


class TooManyRequests(ApiError):
    """429, also of an eviction that a PodDisruptionBudget refuses."""

    way_out = "Try again later, or lower concurrency."


class ServerError(ApiError):
    """5xx."""

    way_out = "Try again later; the API server's log tells more."


_CLASS_OF_STATUS: dict[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
}


def api_error(
    status: int,
    body: Mapping[str, Any] | None,
    *,
    http_reason: str = "",
    method: str = "",
    path: str = "",
    retry_after: float | None = None,
) -> ApiError:
    """Make the error of one HTTP status.

    `body` counts only when it is a Status object: a proxy's HTML page is not for the user.
    """
    known = body if body is not None and body.get("kind") == "Status" else {}
    details = known.get("details")
    metadata = known.get("metadata")
    cls = _CLASS_OF_STATUS.get(status) or (ServerError if status >= 500 else ApiError)
    return cls(
        status=status,
        reason=str(known.get("reason") or http_reason),
        message=str(known.get("message") or ""),
        method=method,
        path=path,
        details=details if isinstance(details, Mapping) else None,
        metadata=metadata if isinstance(metadata, Mapping) else None,
        retry_after=retry_after,
    )


class ExecError(KubeError):
    """A command in a container did not come to its end as asked.

    `stdout` and `stderr` hold what had arrived until then (cut at the caller's limit), `totals`
    how many bytes there were of each.
    """

    def __init__(
        self,
        msg: str,
        *,
        stdout: bytes = b"",
        stderr: bytes = b"",
        totals: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(msg)
        self.stdout = stdout
        self.stderr = stderr
        self.totals = totals or (len(stdout), len(stderr))


class ExecTimeout(ExecError):
    """The time was over before the command ended.

    The connection is closed then; the API has no way to signal the process, so a caller that
    wants it gone makes the command end itself (its standard input ends, for one).
    """


class ExecStartFailed(ExecError):
    """The runtime could not start the command, as one that the image does not have."""


class ExecInterrupted(ExecError):
    """The connection ended before the exit status came: what the command did is unknown."""
