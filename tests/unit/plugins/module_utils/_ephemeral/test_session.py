# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which debugger a pod gets; and `Cluster`, the API server that other tests of this folder use."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, TypeAlias

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral import spec
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.session import (
    Plan,
    Session,
    open_sessions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.auth import AuthOptions
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._options import (
    DebuggerOptions,
    WaitOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import Target
from ansible_collections.kubedebug.core.plugins.module_utils._pods.targets import target_of
from ansible_collections.kubedebug.core.plugins.module_utils._usecase import (
    Context,
    Result,
    UseCase,
)
from ansible_collections.kubedebug.core.tests.unit.plugins.module_utils._kube.conftest import (
    Exchange,
    Request,
    _serve,
)

Json: TypeAlias = dict[str, Any]
Refusal: TypeAlias = tuple[int, str]

RUNNING: Json = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
_REASONS = {403: "Forbidden", 404: "NotFound", 422: "Invalid"}


def waits(reason: str, message: str = "") -> Json:
    return {"waiting": {"reason": reason, "message": message}}


def ended(code: int) -> Json:
    return {"terminated": {"exitCode": code, "reason": "Error" if code else "Completed"}}


def make_entry(
    name: str, state: Json | None = None, *, joins: str | None = "app", **marks: Any
) -> tuple[Json, Json]:
    """An ephemeral container as spec and status; *marks* are written as the collection does."""
    env = [{"name": f"KUBEDEBUG_{key.upper()}", "value": str(val)} for key, val in marks.items()]
    if marks:
        env.append({"name": "KUBEDEBUG_MANAGED_BY", "value": "kubedebug.core"})
    container = {"name": name, "image": "toolbox:1", "env": env}
    if joins is not None:
        container["targetContainerName"] = joins
    return container, {"name": name, "state": state or {}}


def make_pod(
    name: str = "web-0",
    *entries: tuple[Json, Json],
    uid: str = "",
    controller: str | None = None,
    app: Json | None = None,
    **status: Any,
) -> Json:
    """A running pod of namespace shop with one container, app."""
    metadata: Json = {"namespace": "shop", "name": name, "uid": uid or name, "resourceVersion": "7"}
    if controller is not None:
        metadata["ownerReferences"] = [{"uid": "no-controller"}]
        metadata["ownerReferences"] += [{"uid": controller, "controller": True}]
    return {
        "metadata": metadata,
        "spec": {
            "nodeName": "node-1",
            "containers": [{"name": "app", "image": "shop:1"}],
            "ephemeralContainers": [container for container, _status in entries],
        },
        "status": {
            "phase": "Running",
            "containerStatuses": [{"name": "app", "state": app or RUNNING}],
            "ephemeralContainerStatuses": [status for _container, status in entries],
            **status,
        },
    }


def target(pod: Json) -> Target:
    return target_of(pod, None)


class Cluster:
    """Pods, what is refused, and every request; a patch adds its entry as a real server does."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = Client(AuthOptions(host=url, api_key="token"), environ={})
        self.requests: list[Request] = []
        # Rules that the credentials lack, as "patch pods/ephemeralcontainers".
        self.denied: set[str] = set()
        # What the kubelet makes of a new entry; {} is a kubelet that does not report.
        self.starts: Json = RUNNING
        # Asked before each patch: the path of the pod, the entry, and whether it is a dry run.
        self.admit: Callable[[str, Json, bool], Refusal | None] = lambda _path, _entry, _dry: None
        self.log: tuple[int, bytes] = (200, b"")
        self.events: list[tuple[str, Json]] = []
        self._pods: dict[str, Json] = {}
        self._lock = threading.Lock()

    def add(self, *pods: Json) -> list[Target]:
        # A target is the pod as it was read: what happens to the pod later does not show in it.
        targets = [target(deepcopy(pod)) for pod in pods]
        self._pods |= {each.path: pod for each, pod in zip(targets, pods, strict=True)}
        return targets

    def run(self, use_case: UseCase, *, check_mode: bool = False, **params: Any) -> Result:
        """A use case with its options' defaults, on all pods."""
        options = use_case.spec.argument_spec.items()
        defaults = {name: option.get("default") for name, option in options}
        names = [pod["metadata"]["name"] for pod in self._pods.values()]
        where = {"host": self.url, "api_key": "token", "namespace": "shop", "name": names}
        context = Context(check_mode=check_mode, environ={})
        return use_case.run({**defaults, **where, **params}, context)

    def patches(self, *, dry: bool = False) -> list[Request]:
        found = [asked for asked in self.requests if asked.method == "PATCH"]
        return [asked for asked in found if is_dry(asked) is dry]

    def lists(self) -> list[tuple[str, dict[str, list[str]]]]:
        """Path and selectors of each list that a watch began with."""
        return [
            (asked.path, {key: val for key, val in asked.query.items() if "Selector" in key})
            for asked in self.requests
            if asked.path.endswith("/pods") and "watch" not in asked.query
        ]

    def respond(self, exchange: Exchange) -> None:
        asked = exchange.request
        with self._lock:
            self.requests.append(asked)
            code, answer = self._answer(asked)
        if "watch" not in asked.query:
            exchange.reply(code, answer)
            return
        exchange.start_chunked()
        for kind, pod in self.events:
            if selected(asked, pod):
                exchange.chunk(json.dumps({"type": kind, "object": pod}).encode() + b"\n")
        exchange.hang()

    def _answer(self, asked: Request) -> tuple[int, Any]:
        path, _slash, last = asked.path.rpartition("/")
        if last == "selfsubjectaccessreviews":
            return 201, {"status": {"allowed": not self._denies(asked.json())}}
        if last == "selfsubjectreviews":
            return 201, {"status": {"userInfo": {"username": "jane"}}}
        if last == "pods":
            found = [pod for pod in self._pods.values() if selected(asked, pod)]
            return 200, {"metadata": {"resourceVersion": "9"}, "items": found}
        if last == "log":
            return self.log
        if asked.method == "PATCH":
            return self._patch(path, asked)
        pod = self._pods.get(asked.path)
        return (200, pod) if pod else status_of(404, f"{last} not found")

    def _denies(self, body: Json) -> bool:
        rule = body["spec"]["resourceAttributes"]
        parts = filter(None, (rule["resource"], rule["subresource"]))
        return f"{rule['verb']} {'/'.join(parts)}" in self.denied

    def _patch(self, path: str, asked: Request) -> tuple[int, Json]:
        (entry,) = asked.json()["spec"]["ephemeralContainers"]
        dry = is_dry(asked)
        refusal = self.admit(path, entry, dry)
        if refusal is not None:
            return status_of(*refusal)
        if not dry:
            pod = self._pods[path]
            pod["spec"]["ephemeralContainers"].append(entry)
            pod["status"]["ephemeralContainerStatuses"].append(
                {"name": entry["name"], "state": self.starts}
            )
        return 200, self._pods[path]


def is_dry(asked: Request) -> bool:
    return asked.query.get("dryRun") == ["All"]


def selected(asked: Request, pod: Json) -> bool:
    return asked.query.get("fieldSelector") in (None, [f"metadata.name={pod['metadata']['name']}"])


def status_of(code: int, message: str) -> tuple[int, Json]:
    return code, {"kind": "Status", "reason": _REASONS.get(code, ""), "message": message}


def serve_cluster() -> Iterator[Cluster]:
    """What a fixture yields from."""
    for api in _serve(None):
        cluster = Cluster(api.url)
        api.respond = cluster.respond  # type: ignore[method-assign]
        with cluster.client:
            yield cluster


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    yield from serve_cluster()


OPTIONS = DebuggerOptions(image="toolbox:1", env={}, custom={})
IDENTITY = spec.identity(OPTIONS, owner="jane", container="app")
NAME = f"kubedebug-{IDENTITY}"
ALONE = DebuggerOptions(image="toolbox:1", env={}, custom={}, target_container=False)


def plan(*, options: DebuggerOptions = OPTIONS, wait: bool = True, **more: Any) -> Plan:
    waiting = WaitOptions(wait=wait, timeout=30)
    return Plan(options=options, owner="jane", wait=waiting, **more)


def own_entry(state: Json, *, left: float = 3600.0, name: str = NAME) -> tuple[Json, Json]:
    """A debugger of the plan's identity that ends in *left* seconds."""
    expires = int(time.time() + left)
    return make_entry(name, state, identity=IDENTITY, owner="jane", expires_at=expires)


def opened(cluster: Cluster, pod: Json, **more: Any) -> Session:
    (session,) = open_sessions(cluster.client, cluster.add(pod), plan(**more))
    return session


@pytest.mark.parametrize(
    ("entry", "more", "action", "debugger"),
    [
        pytest.param(own_entry(RUNNING), {}, "reused", NAME, id="running"),
        pytest.param(own_entry({}), {"wait": False}, "reused", NAME, id="not-reported-yet"),
        pytest.param(own_entry(ended(0)), {}, "created", f"{NAME}-2", id="finished"),
        pytest.param(own_entry(RUNNING, left=5), {}, "created", f"{NAME}-2", id="ends-soon"),
        pytest.param(
            own_entry(RUNNING, left=1000),
            {"min_remaining": 2000.0},
            "created",
            f"{NAME}-2",
            id="ends-before-the-work",
        ),
        pytest.param(
            own_entry(RUNNING),
            {"goal": "finished", "wait": False},
            "created",
            f"{NAME}-2",
            id="finishing-is-what-is-wanted",
        ),
        pytest.param(
            make_entry(NAME, RUNNING, identity="other", owner="jane"),
            {},
            "created",
            f"{NAME}-2",
            id="other-identity",
        ),
        pytest.param(make_entry(NAME, RUNNING), {}, "created", f"{NAME}-2", id="not-ours"),
    ],
)
def test_reuse_or_new_entry(
    cluster: Cluster, entry: tuple[Json, Json], more: Json, action: str, debugger: str
) -> None:
    session = opened(cluster, make_pod("web-0", entry), **more)
    assert (session.action, session.debugger, session.error) == (action, debugger, None)
    assert session.changed is (action == "created")
    assert len(cluster.patches()) == (action == "created")


def spec_of(body: bytes) -> Json:
    """The one entry that a patch adds."""
    (entry,) = json.loads(body)["spec"]["ephemeralContainers"]
    return dict(entry)


def test_two_runs_never_send_the_same_patch(cluster: Cluster) -> None:
    # Else the slower of two that begin within a second would take the other's entry for its own.
    for pod in (make_pod("a"), make_pod("b")):
        opened(cluster, pod)
    first, second = (spec_of(each.body) for each in cluster.patches())
    assert first["name"] == second["name"]
    assert first["env"][-1] != second["env"][-1]


def test_new_entry_is_rehearsed_then_sent_and_awaited(cluster: Cluster) -> None:
    session = opened(cluster, make_pod())
    assert (session.action, session.changed) == ("created", True)
    assert session.entry and (session.entry.name, session.entry.state) == (NAME, "running")
    (rehearsed,), (sent,) = cluster.patches(dry=True), cluster.patches()
    before, after = (spec_of(each.body) for each in (rehearsed, sent))
    assert after == spec.stamped(before, after["env"][-1]["value"])
    assert sent.path == "/api/v1/namespaces/shop/pods/web-0/ephemeralcontainers"
    assert sent.query == {"fieldManager": ["kubedebug.core"]}
    assert cluster.lists()


def test_without_wait_nothing_is_watched(cluster: Cluster) -> None:
    cluster.starts = waits("ContainerCreating")
    session = opened(cluster, make_pod(), wait=False)
    assert session.action == "created"
    assert session.entry and session.entry.state == "waiting"
    assert cluster.lists() == []


def test_entry_that_fails_to_start_stays_a_change(cluster: Cluster) -> None:
    cluster.starts = waits("ErrImageNeverPull")
    session = opened(cluster, make_pod())
    assert (session.action, session.changed) == ("failed", True)
    assert session.error and "ErrImageNeverPull" in session.error.msg


@pytest.mark.parametrize(
    ("options", "app", "error"),
    [
        pytest.param(
            OPTIONS,
            waits("CrashLoopBackOff"),
            "container app is waiting: CrashLoopBackOff. Set target_container=false",
            id="join-one-that-waits",
        ),
        pytest.param(OPTIONS, ended(1), "container app has ended: Error", id="join-an-end"),
        pytest.param(ALONE, waits("CrashLoopBackOff"), None, id="alone-beside-one-that-waits"),
        pytest.param(OPTIONS, RUNNING, None, id="join-one-that-runs"),
    ],
)
def test_target_without_a_process(
    cluster: Cluster, options: DebuggerOptions, app: Json, error: str | None
) -> None:
    session = opened(cluster, make_pod(app=app), options=options)
    assert (session.action, session.changed) == (("failed", False) if error else ("created", True))
    assert len(cluster.patches()) == (0 if error else 1)
    if error is not None:
        assert session.error and error in session.error.msg


def lose_races(cluster: Cluster, pod: Json, *states: Json) -> None:
    """Let another run be faster with each patch; its entry is in the given state, then."""
    left = list(states)

    def admit(_path: str, entry: Json, dry: bool) -> Refusal | None:
        if dry or not left:
            return None
        container, status = own_entry(left.pop(0), name=entry["name"])
        pod["spec"]["ephemeralContainers"].append(container)
        pod["status"]["ephemeralContainerStatuses"].append(status)
        return 422, f'existing ephemeral containers "{entry["name"]}" may not be changed'

    cluster.admit = admit


@pytest.mark.parametrize(
    ("states", "action", "debugger"),
    [
        pytest.param([RUNNING], "reused", NAME, id="the-other-run-wants-the-same"),
        pytest.param([ended(0)], "created", f"{NAME}-2", id="its-entry-has-ended"),
        pytest.param([ended(0), RUNNING], "reused", f"{NAME}-2", id="lost-twice"),
        pytest.param([ended(0)] * 4, "created", f"{NAME}-5", id="lost-four-times"),
    ],
)
def test_lost_race_for_a_name(
    cluster: Cluster, states: list[Json], action: str, debugger: str
) -> None:
    pod = make_pod()
    lose_races(cluster, pod, *states)
    session = opened(cluster, pod)
    assert (session.action, session.debugger, session.error) == (action, debugger, None)
    assert session.changed is (action == "created")


def test_race_that_is_none_ends(cluster: Cluster) -> None:
    pod = make_pod()
    lose_races(cluster, pod, *[ended(0)] * 9)
    session = opened(cluster, pod)
    assert (session.action, session.changed) == ("failed", False)
    assert session.error and "other runs took the name of the debugger 5" in session.error.msg
    assert len(cluster.patches()) == 5


def test_refusal_stays_with_its_pod(cluster: Cluster) -> None:
    targets = cluster.add(*(make_pod(name, controller="rs") for name in ("a", "b", "c")))
    cluster.admit = lambda path, _entry, dry: (
        (404, "gone") if path.endswith("/b") and not dry else None
    )
    sessions = open_sessions(cluster.client, targets, plan())
    assert [session.action for session in sessions] == ["created", "failed", "created"]
    assert [session.target.name for session in sessions] == ["a", "b", "c"]
    assert [session.changed for session in sessions] == [True, False, True]
    error = sessions[1].error
    assert error and error.msg.startswith("shop/b: the pod was deleted before the debugger was")


def test_check_mode_only_rehearses_on_each_pod(cluster: Cluster) -> None:
    targets = cluster.add(
        *(make_pod(name, controller="rs") for name in ("a", "b")),
        make_pod("c", own_entry(RUNNING), controller="rs"),
    )
    sessions = open_sessions(cluster.client, targets, plan(check_mode=True))
    assert [session.action for session in sessions] == ["planned", "planned", "reused"]
    assert [session.changed for session in sessions] == [True, True, False]
    assert (len(cluster.patches(dry=True)), cluster.patches()) == (2, [])
