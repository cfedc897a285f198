# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""A host's debugger: found, opened or remembered, and the commands of a task that run in it.

A task costs one request for each of its commands, the exec itself. Only the first task of a run,
and one that finds its debugger gone, looks at the pod.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, BinaryIO

from ansible_collections.kubedebug.core.plugins.module_utils._connection.memory import (
    Known,
    Memory,
)
from ansible_collections.kubedebug.core.plugins.module_utils._connection.place import Place
from ansible_collections.kubedebug.core.plugins.module_utils._kube import exec as kube_exec
from ansible_collections.kubedebug.core.plugins.module_utils._kube.auth import AuthOptions
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    ConnectionFailed,
    DebugError,
    ExecError,
    ExecInterrupted,
    ExecStartFailed,
    Forbidden,
    NotFound,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Seat

__all__ = ["Link"]

_SLACK = 30.0
_MOST_OUTPUT = 256 * 1024 * 1024
# A debugger that ends within so many seconds is not worth starting a task in.
_ENOUGH = 15.0
# What a shell gives for the end by HUP, TERM and KILL, which is how a debugger ends its commands.
_SIGNALLED = (129, 137, 143)

# A node does not always notice that a command has ended that has not read all of its input; then
# nobody would hear of its end. So what is left of the input is read by somebody else.
_WITH_INPUT = 'sh -c "$1"; rc=$?; cat >/dev/null; exit "$rc"'


class Link:
    """The way to one host, for one task; nothing is asked for before the first command.

    *folder* is where the tasks of a run leave their notes, *say* and *warn* take a line for people.
    All methods raise DebugError.
    """

    def __init__(
        self,
        place: Place,
        auth: Mapping[str, Any],
        *,
        folder: str | None,
        environ: Mapping[str, str],
        say: Callable[[str], None],
        warn: Callable[[str], None],
    ) -> None:
        self.place = place
        self._auth = AuthOptions.from_params(auth)
        self._environ = environ
        self._memory = Memory(folder, place.key(auth))
        self._say, self._warn = say, warn
        self._client: Client | None = None
        self._known: Known | None = None
        self._proven = False

    @property
    def client(self) -> Client:
        """The client of this task, made at its first use."""
        if self._client is None:
            self._client = Client(self._auth, environ=self._environ)
        return self._client

    @property
    def seat(self) -> Seat:
        """The container that the commands run in."""
        known = self._open()
        return Seat(namespace=known.namespace, pod=known.pod, container=known.container)

    @property
    def patience(self) -> float | None:
        """How many seconds a command can take: with its debugger, it ends."""
        remaining = self._open().remaining
        return None if remaining is None else max(remaining, 0.0) + _SLACK

    def command(self, line: str, stdin: bytes | None) -> kube_exec.ExecResult:
        """Run a line of shell, which is what Ansible has for a connection."""
        argv = ["sh", "-c", line]
        if stdin is not None:
            argv = ["sh", "-c", _WITH_INPUT, "kubedebug", line]
        result = self.run(argv, stdin=stdin)
        if result.stdout_bytes > _MOST_OUTPUT or result.stderr_bytes > _MOST_OUTPUT:
            raise ExecError(
                f"{self.place.ref}: a command wrote more than {_MOST_OUTPUT} bytes, and Ansible "
                "would have to hold all of it. Write it to a file in the debugger, and fetch that."
            )
        return result

    def run(
        self, argv: Sequence[str], *, stdin: bytes | BinaryIO | None = None
    ) -> kube_exec.ExecResult:
        """Run an argv to its end.

        Where the debugger that an earlier task has used is gone, another is opened and nothing has
        been run yet; where it goes while a command runs, what that did is unknown.
        """
        begin = 0 if stdin is None or isinstance(stdin, bytes) else stdin.tell()
        try:
            return self._run(argv, stdin)
        except NotFound as error:
            if self._proven or self.place.seat is not None:
                raise self._gone(error) from error
        before = self._known
        self._memory.forget()
        self._known = None
        if before is not None:
            self._tell_of(before, self._open())
        if stdin is not None and not isinstance(stdin, bytes):
            # Some of it may be on its way before the node says that the container is gone.
            stdin.seek(begin)
        try:
            return self._run(argv, stdin)
        except NotFound as error:
            raise self._gone(error) from error

    def prove(self) -> None:
        """See to it that the container is there, for what does not begin with `run`."""
        if not self._proven:
            self.run(["sh", "-c", ":"])

    def reset(self) -> None:
        """Forget what is known of the debugger, and end it where it is not to be kept."""
        known = self._memory.recall()
        self._memory.forget()
        self._known, self._proven = None, False
        if known is None or not known.made or self.place.keep:
            return
        _opening().end_debugger(self.client, self.place, known, say=self._say)

    def close(self) -> None:
        """Give back the connections of this task; the debugger stays for the next one."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _run(self, argv: Sequence[str], stdin: bytes | BinaryIO | None) -> kube_exec.ExecResult:
        seat, timeout = self.seat, self.patience
        try:
            result = kube_exec.run(
                self.client,
                namespace=seat.namespace,
                pod=seat.pod,
                container=seat.container,
                argv=argv,
                stdin=stdin,
                timeout=timeout,
                max_output=_MOST_OUTPUT,
                more=self._more,
            )
        except ExecInterrupted as error:
            raise self._ended() or error from error
        except ConnectionFailed as error:
            if not error.sent:
                raise
            raise ExecInterrupted(
                f"{seat.ref}: {error.msg} Whether the command has begun is unknown, and it is not "
                "sent again; run it again if it is safe to."
            ) from error
        except Forbidden as error:
            raise _opening().explained(self.client, seat, error) from error
        except ExecStartFailed as error:
            raise ExecError(
                f"{error.msg} Nothing can be run where there is no sh: set kubedebug_image to "
                "an image that has one."
            ) from error
        self._proven = True
        if result.rc in _SIGNALLED and (ended := self._ended()) is not None:
            raise ended
        return result

    def _more(self) -> float:
        """The seconds for which a debugger stays whose time is over, as somebody extended it."""
        if self.place.seat is not None:
            return 0.0
        try:
            left: float = _opening().extension(self.client, self.place, self._open())
        except DebugError:
            return 0.0
        return left + _SLACK if left > 0 else 0.0

    def _ended(self) -> ExecError | None:
        """Why a command ended with its debugger; None where that has not ended."""
        known = self._open()
        reason = None
        if self.place.seat is None:
            reason = _opening().ended(self.client, self.place, known)
        if reason is None:
            return None
        return ExecInterrupted(
            f"{self.seat.ref}: the debugger ended while a command ran in it: {reason}. How far the "
            "command came is unknown; run it again if it is safe to."
        )

    def _gone(self, error: NotFound) -> ExecError:
        return ExecError(
            f"{self.seat.ref}: the pod or the container is gone ({error.message.rstrip('.')}), and "
            "what was put there with it. Run the play again on the pod that replaces it."
        )

    def _open(self) -> Known:
        if self._known is not None:
            return self._known
        if self.place.seat is not None:
            self._known = Known(
                namespace=self.place.namespace or self.client.default_namespace,
                pod=self.place.pod,
                container=self.place.seat,
            )
            return self._known
        recalled = self._memory.recall()
        if recalled is not None and (recalled.remaining or 0.0) > _ENOUGH:
            self._known = recalled
        else:
            self._known = _opening().open_debugger(
                self.client,
                self.place,
                renewed=recalled is not None,
                say=self._say,
                warn=self._warn,
            )
            self._proven = True
            self._memory.note(self._known)
            if recalled is not None:
                self._tell_of(recalled, self._known)
        return self._known

    def _tell_of(self, before: Known, now: Known) -> None:
        """Say what it means where the tasks go on in another debugger."""
        if now.container != before.container:
            self._warn(
                f"{self.place.ref}: debugger {before.container} is gone or ends soon, and the "
                f"tasks go on in {now.container}. What they had put there is gone with it; raise "
                "kubedebug_lifetime where its time was over."
            )


def _opening() -> ModuleType:
    return importlib.import_module(
        "ansible_collections.kubedebug.core.plugins.module_utils._connection.opening"
    )
