# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watches through everything that ends one: the server, the network, time, and the consumer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._kube import errors, lines
from ansible_collections.kubedebug.core.plugins.module_utils._kube.watch import (
    Event,
    Stream,
    Watch,
)

PODS = "/api/v1/namespaces/shop/pods"
MORE = "/api/v1/namespaces/till/pods"
LONG = 60.0


def pod(name: str, version: int, *, uid: str = "") -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": uid or name, "resourceVersion": str(version)}}


def pods(*items: dict[str, Any], version: int) -> dict[str, Any]:
    return {"metadata": {"resourceVersion": str(version)}, "items": list(items)}


def event(kind: str, item: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "object": item}


def error(code: int, reason: str = "Expired") -> dict[str, Any]:
    body = {"kind": "Status", "code": code, "reason": reason, "message": f"it is {code}"}
    return event("ERROR", body)


def bookmark(version: int) -> dict[str, Any]:
    return event("BOOKMARK", {"metadata": {"resourceVersion": str(version)}})


Step = Callable[[Any], None]


def script(api: Any, path: str, *steps: Step) -> None:
    """Answer lists and watches of a path one after another; the last step is for ever."""
    api.on("GET", path, *steps)


def listing(*items: dict[str, Any], version: int) -> Step:
    return lambda x: x.reply(200, pods(*items, version=version))


def watching(*events: dict[str, Any], end: bool = True) -> Step:
    return lambda x: x.lines(*events, end=end)


def silent(*events: dict[str, Any]) -> Step:
    """Send events and then nothing, without an end."""

    def respond(exchange):
        exchange.start_chunked()
        for each in events:
            import json

            exchange.chunk(json.dumps(each).encode() + b"\n")
        exchange.hang()

    return respond


def take(watch: Watch, count: int) -> list[tuple[str, str]]:
    """Return the type and the name of the next events."""
    found: list[tuple[str, str]] = []
    for each in watch:
        found.append(name_of(each))
        if len(found) == count:
            return found
    raise AssertionError(f"the watch ended after {found}")


def name_of(each: Event) -> tuple[str, str]:
    return each.type, each.object["metadata"]["name"]


def versions(api: Any) -> list[str | None]:
    """Return the resource version of each request; None for a list."""
    return [request.query.get("resourceVersion", [None])[0] for request in api.requests]


def test_what_exists_comes_first_and_changes_follow(api, client):
    script(
        api,
        PODS,
        listing(pod("a", 1), pod("b", 2), version=5),
        silent(event("MODIFIED", pod("a", 6)), event("ADDED", pod("c", 7))),
    )
    with Watch(client, [Stream(PODS, {"labelSelector": "x=y"})], deadline_seconds=LONG) as watch:
        assert take(watch, 4) == [("ADDED", "a"), ("ADDED", "b"), ("MODIFIED", "a"), ("ADDED", "c")]
    first, second = api.requests
    assert first.query["labelSelector"] == second.query["labelSelector"] == ["x=y"]
    assert second.query["resourceVersion"] == ["5"]
    assert second.query["allowWatchBookmarks"] == ["true"]
    assert 1 <= int(second.query["timeoutSeconds"][0]) <= 30


def test_it_resumes_from_the_last_version_it_saw(api, client):
    script(
        api,
        PODS,
        listing(version=5),
        watching(event("ADDED", pod("a", 8))),
        watching(bookmark(20)),
        silent(event("DELETED", pod("a", 21))),
    )
    with Watch(client, [Stream(PODS)], deadline_seconds=LONG) as watch:
        assert take(watch, 2) == [("ADDED", "a"), ("DELETED", "a")]
    assert versions(api) == [None, "5", "8", "20"]


@pytest.mark.parametrize(
    "gone",
    [
        pytest.param(watching(error(410)), id="as-an-event"),
        pytest.param(lambda x: x.reply(410, error(410)["object"]), id="as-the-answer"),
    ],
)
def test_after_a_410_it_lists_anew_and_tells_the_difference(api, client, gone):
    script(
        api,
        PODS,
        listing(pod("same", 1), pod("changed", 2), pod("gone", 3), version=5),
        gone,
        listing(pod("same", 1), pod("changed", 9), pod("new", 8), version=10),
        silent(),
    )
    with Watch(client, [Stream(PODS)], deadline_seconds=LONG) as watch:
        found = take(watch, 6)
    assert found[3:] == [("DELETED", "gone"), ("MODIFIED", "changed"), ("ADDED", "new")]


def test_what_the_caller_knew_and_is_gone_before_the_watch_comes_as_deleted(api, client):
    script(api, PODS, listing(pod("here", 7), version=7), silent())
    known = [{"metadata": {"uid": uid}} for uid in ("gone", "here")]
    with Watch(client, [Stream(PODS, known=known)], deadline_seconds=LONG) as watch:
        iterator = iter(watch)
        first, second = next(iterator), next(iterator)
    assert (first.type, first.object) == ("DELETED", {"metadata": {"uid": "gone"}})
    # What is still there is told as well, also when it has not changed since.
    assert (second.type, second.object["metadata"]["name"]) == ("MODIFIED", "here")


def test_a_pod_of_the_same_name_is_another_pod(api, client):
    script(
        api,
        PODS,
        listing(pod("web-0", 1, uid="old"), version=5),
        watching(error(410)),
        listing(pod("web-0", 9, uid="new"), version=10),
        silent(),
    )
    with Watch(client, [Stream(PODS)], deadline_seconds=LONG) as watch:
        events = []
        for each in watch:
            events.append((each.type, each.object["metadata"]["uid"]))
            if len(events) == 3:
                break
    assert events == [("ADDED", "old"), ("DELETED", "old"), ("ADDED", "new")]


def test_a_broken_connection_loses_nothing(api, client):
    script(
        api,
        PODS,
        listing(version=5),
        watching(event("ADDED", pod("a", 6)), end=False),
        lambda x: x.drop(),
        silent(event("MODIFIED", pod("a", 7))),
    )
    with Watch(client, [Stream(PODS)], deadline_seconds=LONG) as watch:
        assert take(watch, 2) == [("ADDED", "a"), ("MODIFIED", "a")]
    assert versions(api) == [None, "5", "6", "6"]


def test_a_dead_connection_is_noticed(api, client):
    """No byte and no end: only the clock tells, for the server should have ended the watch."""
    script(api, PODS, listing(version=5), silent(), silent(event("ADDED", pod("a", 6))))
    streams = [Stream(PODS)]
    with Watch(client, streams, deadline_seconds=LONG, period=0.0, slack=-0.9) as watch:
        assert take(watch, 1) == [("ADDED", "a")]
    assert versions(api)[:3] == [None, "5", "5"]


@pytest.mark.parametrize(
    ("answer", "cls"),
    [
        pytest.param(403, errors.Forbidden, id="forbidden"),
        pytest.param(404, errors.NotFound, id="not-found"),
    ],
)
@pytest.mark.parametrize("when", ["list", "watch"])
def test_a_refusal_is_raised_at_once(api, client, answer, cls, when):
    def refuse(request: Any) -> None:
        request.reply(answer, error(answer, "No")["object"])

    script(api, PODS, *([refuse] if when == "list" else [listing(version=5), refuse]))
    with (
        Watch(client, [Stream(PODS)], deadline_seconds=LONG) as watch,
        pytest.raises(cls, match=f"it is {answer}"),
    ):
        next(iter(watch))


def test_an_outage_is_survived_for_a_while_and_then_raised(api, make_client, clock):
    api.fail("GET", PODS, 503)
    client = make_client(api.url, retry=clock.policy(first_delay=0.001, longest_delay=0.001))
    with (
        Watch(client, [Stream(PODS)], deadline_seconds=LONG) as watch,
        pytest.raises(errors.ServerError),
    ):
        next(iter(watch))
    assert len(api.requests) == 9
    assert clock.slept == [], "the pauses of a watch can be interrupted"


def test_an_event_that_is_cut_off_is_no_event(api, client):
    def cut(exchange):
        exchange.start_chunked()
        exchange.chunk(b'{"type": "ADDED", "object": {"metadata"\n')
        exchange.chunk(b"")

    script(api, PODS, listing(version=5), cut, silent(event("ADDED", pod("a", 6))))
    with Watch(client, [Stream(PODS)], deadline_seconds=LONG) as watch:
        assert take(watch, 1) == [("ADDED", "a")]


def test_several_streams_come_in_one(api, client):
    script(api, PODS, listing(pod("a", 1), version=5), silent())
    script(api, MORE, listing(pod("b", 1), version=5), silent())
    with Watch(client, [Stream(PODS), Stream(MORE)], deadline_seconds=LONG) as watch:
        assert sorted(take(watch, 2)) == [("ADDED", "a"), ("ADDED", "b")]


def test_it_ends_at_the_deadline(api, client):
    script(api, PODS, listing(pod("a", 1), version=5), silent())
    watch = Watch(client, [Stream(PODS)], deadline_seconds=0.2)
    with watch:
        assert {name_of(each) for each in watch} <= {("ADDED", "a")}
    assert watch.expired


def test_a_close_by_another_thread_ends_it_at_once(api, client):
    watching_now = threading.Event()

    def respond(exchange):
        exchange.start_chunked()
        watching_now.set()
        exchange.hang()

    script(api, PODS, listing(version=5), respond)
    watch = Watch(client, [Stream(PODS)], deadline_seconds=LONG)

    def close() -> None:
        watching_now.wait(10)
        watch.close()

    closer = threading.Thread(target=close)
    closer.start()
    assert list(watch) == []
    closer.join()
    assert not watch.expired
    threads = [each for each in threading.enumerate() if each.name == "kubedebug-watch"]
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)


def test_a_slow_consumer_bounds_the_memory(api, client):
    """The thread waits for room; nothing is lost, and a close frees it."""
    many = [event("ADDED", pod(f"p{n}", n + 10)) for n in range(3000)]
    script(api, PODS, listing(version=5), silent(*many))
    with Watch(client, [Stream(PODS)], deadline_seconds=LONG) as watch:
        iterator = iter(watch)
        assert name_of(next(iterator)) == ("ADDED", "p0")
        rest = [next(iterator) for _round in range(2000)]
        assert name_of(rest[-1]) == ("ADDED", "p2000")


def test_a_defect_of_a_stream_reaches_the_consumer(api, client, monkeypatch):
    monkeypatch.setattr(threading, "excepthook", lambda _args: None)

    def broken(*_args: Any, **_kwargs: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(client, "list_versioned", broken)
    with (
        Watch(client, [Stream(PODS)], deadline_seconds=LONG) as watch,
        pytest.raises(ZeroDivisionError),
    ):
        next(iter(watch))


def test_a_line_has_a_bound(api, client, monkeypatch):
    monkeypatch.setattr(lines, "_LONGEST_LINE", 1000)

    def endless(exchange):
        exchange.start_chunked()
        for _round in range(100):
            exchange.chunk(b"x" * 1000)

    script(api, PODS, listing(version=5), endless)
    with (
        Watch(client, [Stream(PODS)], deadline_seconds=LONG) as watch,
        pytest.raises(errors.KubeError, match="a line of more than 1000 bytes"),
    ):
        next(iter(watch))


def test_lines_are_put_together_across_chunks(api, client):
    def respond(exchange):
        exchange.start_chunked()
        for part in (b"o", b"ne\ntwo\nth", b"ree", b"\n", b"rest"):
            exchange.chunk(part)
        exchange.chunk(b"")

    api.on("GET", PODS, respond)
    stream = lines.LineStream(client, PODS, read_timeout=10)
    assert list(stream) == [b"one", b"two", b"three"]
    stream.close()
