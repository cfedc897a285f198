# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The process that keeps one forward open after the task has returned.

It is a fork of the task's process: so the credentials get to it in memory, and are never on disk
or on a command line. It has left the task's session and its descriptors behind, and it ends by
itself: at its deadline, with the playbook, with the pod, or by SIGTERM.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ansible_collections.kubedebug.core.plugins.module_utils._forward.processes import (
    current,
)
from ansible_collections.kubedebug.core.plugins.module_utils._forward.store import (
    Record,
    Store,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.auth import AuthOptions
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    DebugError,
    Forbidden,
    KubeError,
    NotFound,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.port_forward import (
    PortStream,
    open_port,
    probe,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.relay import Relay
from ansible_collections.kubedebug.core.plugins.module_utils._kube.watch import Stream, Watch
from ansible_collections.kubedebug.core.plugins.module_utils._pods.state import (
    is_deleting,
    is_finished,
)

if TYPE_CHECKING:
    import socket

__all__ = ["ForwardError", "Launch", "Starting", "launch"]

DEADLINE = "its lifetime was over"
PLAYBOOK = "the playbook that started it has ended"
STOPPED = "it was stopped"
DELETED = "the pod was deleted"

_OPEN_TIMEOUT = 30.0
_WATCH_SECONDS = 24 * 3600.0
_WATCH_PAUSE = 15.0
_ANSWER_LIMIT = 64 * 1024
_SLACK = 10.0
"""Seconds for the start of the process itself, beyond the time of its first connection."""


class ForwardError(DebugError):
    """A forward could not be started."""


@dataclass(frozen=True, kw_only=True)
class Launch:
    """What the process is to do. `timeout` is in seconds, for its first connection."""

    record: Record
    params: Mapping[str, Any]
    environ: Mapping[str, str]
    probe: bool
    timeout: float


@dataclass(frozen=True, kw_only=True)
class Starting:
    """A process that has been forked, and the pipe on which it tells how it went."""

    launch: Launch
    reader: int
    deadline: float

    def wait(self) -> Record:
        """Wait until it serves; raises ForwardError with its reason, and then there is none."""
        ref = f"{self.launch.record.namespace}/{self.launch.record.pod}"
        try:
            answer = self._read()
        finally:
            # It gives up when nobody hears it.
            os.close(self.reader)
        if answer is None:
            raise ForwardError(
                f"{ref}: the forward did not start within {self.launch.timeout:g} seconds. Raise "
                "timeout if the API server is only slow."
            )
        try:
            told = json.loads(answer)
        except ValueError:
            raise ForwardError(
                f"{ref}: the process of the forward ended before it listened; the system may have "
                "killed it for want of memory. Try again."
            ) from None
        if "error" in told:
            raise ForwardError(told["error"])
        return Record(**told)

    def _read(self) -> bytes | None:
        data = b""
        while len(data) < _ANSWER_LIMIT:
            remaining = self.deadline - time.monotonic()
            if not select.select([self.reader], [], [], max(0.0, remaining))[0]:
                return None
            part = os.read(self.reader, _ANSWER_LIMIT)
            if not part:
                break
            data += part
        return data


def launch(wanted: Launch, listener: socket.socket, store: Store) -> Starting:
    """Fork the process that serves `listener`, which the caller then closes for itself.

    It is to be called by the main thread, with no other thread around.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _detach(lambda: _serve(wanted, listener, store, writer), keep={listener.fileno(), writer})
    os.close(writer)
    # The first child ends at once; its own child belongs to nobody but init.
    os.waitpid(child, 0)
    deadline = time.monotonic() + wanted.timeout + _SLACK
    return Starting(launch=wanted, reader=reader, deadline=deadline)


def _detach(work: Callable[[], None], *, keep: set[int]) -> NoReturn:
    """Do the work in a process of its own session; nothing of Ansible's runs at its end."""
    try:
        os.setsid()
        if os.fork() == 0:
            # Objects of the task stay as they are: one that is collected would close a
            # descriptor by its number, which may be another's by then.
            gc.freeze()
            _leave_descriptors(keep)
            work()
    finally:
        os._exit(0)


def _leave_descriptors(keep: set[int]) -> None:
    """Close what was the task's: a pipe that stays open would keep its reader waiting."""
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    for number in _open_descriptors():
        if number > 2 and number not in keep:
            with contextlib.suppress(OSError):
                os.close(number)


def _open_descriptors() -> list[int]:
    for folder in ("/proc/self/fd", "/dev/fd"):
        with contextlib.suppress(OSError):
            return [int(path.name) for path in Path(folder).iterdir()]
    return list(range(3, 4096))


def _serve(wanted: Launch, listener: socket.socket, store: Store, writer: int) -> None:
    """Open the forward, tell so, and serve it to its end."""
    try:
        server = _Server(wanted, listener, store)
        answer: dict[str, Any] = asdict(server.open())
    except DebugError as error:
        _tell(writer, {"error": error.msg})
        return
    finally:
        defect = sys.exception()
        if defect is not None and not isinstance(defect, DebugError):
            text = f"The process of the forward met {type(defect).__name__}: {defect}"
            _tell(writer, {"error": text})
    if _tell(writer, answer):
        server.run()
    else:
        store.remove(wanted.record.id)


def _tell(writer: int, answer: Mapping[str, Any]) -> bool:
    """Returns whether somebody was there to hear it."""
    try:
        os.write(writer, json.dumps(answer).encode())
    except BrokenPipeError:
        return False
    finally:
        os.close(writer)
    return True


class _Server:
    """The forward as the process sees it."""

    def __init__(self, wanted: Launch, listener: socket.socket, store: Store) -> None:
        self._wanted = wanted
        self._store = store
        self._record = wanted.record
        self._client = Client(
            AuthOptions.from_params(wanted.params), environ=wanted.environ, pool_size=4
        )
        self._reload = False
        self._deadline = 0.0
        self._note_deadline()
        self._relay = Relay(
            listener, self._open, deadline=self._until, on_failure=self._look_for_the_pod
        )

    def open(self) -> Record:
        """Get ready to serve, and write down who does; raises DebugError."""
        signal.signal(signal.SIGTERM, lambda _number, _frame: self._relay.end(STOPPED))
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGUSR1, lambda _number, _frame: self._extended())
        self._end_with_the_playbook()
        if self._wanted.probe:
            probe(
                self._client,
                namespace=self._record.namespace,
                pod=self._record.pod,
                port=self._record.port,
                timeout=self._wanted.timeout,
            )
        own = current()
        self._record = replace(self._record, pid=own.pid, began=own.began)
        self._store.write(self._record)
        return self._record

    def run(self) -> None:
        """Serve to the end, and leave the last word."""
        threading.Thread(target=self._watch_pod, name="kubedebug-pod", daemon=True).start()
        reason = "an error of its own"
        try:
            reason = self._relay.run()
        finally:
            if reason == PLAYBOOK:
                # Nobody is left who could ask.
                self._store.remove(self._record.id)
            else:
                self._store.write(
                    replace(
                        self._record,
                        ended=reason,
                        ended_at=time.time(),
                        **asdict(self._relay.totals),
                    )
                )

    def _open(self) -> PortStream:
        return open_port(
            self._client,
            namespace=self._record.namespace,
            pod=self._record.pod,
            port=self._record.port,
            timeout=_OPEN_TIMEOUT,
        )

    def _until(self) -> float:
        if self._reload:
            self._reload = False
            self._record = self._store.get(self._record.id) or self._record
            self._note_deadline()
        if time.monotonic() >= self._deadline:
            self._relay.end(DEADLINE)
        return self._deadline

    def _note_deadline(self) -> None:
        self._deadline = time.monotonic() + self._record.expires - time.time()

    def _extended(self) -> None:
        self._reload = True
        self._relay.wake()

    def _end_with_the_playbook(self) -> None:
        playbook = self._record.controller
        if playbook is None:
            return
        descriptor = playbook.open()
        if descriptor is not None:
            self._relay.end_with(descriptor, PLAYBOOK)
            return
        # No such descriptor on this system, or it has ended already.
        threading.Thread(target=self._look_at_the_playbook, daemon=True).start()

    def _look_at_the_playbook(self) -> None:
        playbook = self._record.controller
        while playbook is not None and playbook.runs:
            time.sleep(1.0)
        self._relay.end(PLAYBOOK)

    def _watch_pod(self) -> None:
        """End the forward when the pod goes. A new pod of its name is another pod."""
        path = f"/api/v1/namespaces/{self._record.namespace}/pods"
        chosen = {"fieldSelector": f"metadata.name={self._record.pod}"}
        known = {
            "metadata": {
                "uid": self._record.uid,
                "name": self._record.pod,
                "namespace": self._record.namespace,
            }
        }
        while True:
            try:
                stream = Stream(path, chosen, known=[known])
                with Watch(self._client, [stream], deadline_seconds=_WATCH_SECONDS) as events:
                    for event in events:
                        if event.object["metadata"].get("uid") != self._record.uid:
                            continue
                        gone = event.type == "DELETED"
                        if gone or (is_finished(event.object) and is_deleting(event.object)):
                            self._relay.end(DELETED)
                        elif is_finished(event.object):
                            self._relay.end(
                                f"the pod has finished ({event.object['status']['phase']})"
                            )
            except Forbidden:
                # The failure of a connection tells it, too, only later.
                return
            except KubeError:
                time.sleep(_WATCH_PAUSE)

    def _look_for_the_pod(self, error: DebugError) -> None:
        if isinstance(error, NotFound) and error.details.get("kind") == "pods":
            self._relay.end(DELETED)
