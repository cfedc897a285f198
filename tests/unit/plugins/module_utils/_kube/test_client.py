# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests against a real server: answers, failures, retries, pages, threads."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._kube import errors
from ansible_collections.kubedebug.core.plugins.module_utils._kube.fanout import fan_out

PODS = "/api/v1/pods"
POD = "/api/v1/namespaces/shop/pods/web"


def status(code: int, reason: str, message: str, **more: Any) -> dict[str, Any]:
    return {"kind": "Status", "code": code, "reason": reason, "message": message, **more}


def page(*names: str, token: str = "", version: str = "7") -> dict[str, Any]:
    items = [{"metadata": {"name": n, "uid": f"uid-{n}", "resourceVersion": "1"}} for n in names]
    return {
        "kind": "PodList",
        "metadata": {"resourceVersion": version, "continue": token},
        "items": items,
    }


def names(items: Any) -> list[str]:
    return [item["metadata"]["name"] for item in items]


def test_get_sends_who_we_are_and_returns_the_object(api, client):
    api.json("GET", POD, {"kind": "Pod", "metadata": {"name": "web"}})
    assert client.get(POD, {"pretty": None, "limit": 5, "watch": False})["kind"] == "Pod"
    (request,) = api.requests
    assert request.header("Authorization") == "Bearer s3cr3t-token"
    assert request.header("User-Agent") == "kubedebug.core (Ansible)"
    assert request.query == {"limit": ["5"], "watch": ["false"]}


def test_bodies_and_content_types(api, client):
    for method in ("POST", "PATCH", "DELETE"):
        api.json(method, POD, {"kind": "Pod"})
    client.post(POD, {"a": 1})
    client.patch(POD, {"b": 2})
    client.patch(POD, [{"op": "test"}], content_type="application/json-patch+json")
    client.delete(POD, {"c": 3}, {"gracePeriodSeconds": 0})
    assert [(r.method, r.header("Content-Type"), r.json()) for r in api.requests] == [
        ("POST", "application/json", {"a": 1}),
        ("PATCH", "application/strategic-merge-patch+json", {"b": 2}),
        ("PATCH", "application/json-patch+json", [{"op": "test"}]),
        ("DELETE", "application/json", {"c": 3}),
    ]
    assert api.requests[-1].query == {"gracePeriodSeconds": ["0"]}


@pytest.mark.parametrize(
    ("code", "reason", "cls"),
    [
        pytest.param(400, "BadRequest", errors.BadRequest, id="400"),
        pytest.param(401, "Unauthorized", errors.Unauthorized, id="401"),
        pytest.param(403, "Forbidden", errors.Forbidden, id="403"),
        pytest.param(404, "NotFound", errors.NotFound, id="404"),
        pytest.param(409, "AlreadyExists", errors.Conflict, id="409"),
        pytest.param(410, "Expired", errors.Gone, id="410"),
        pytest.param(422, "Invalid", errors.Invalid, id="422"),
        pytest.param(429, "TooManyRequests", errors.TooManyRequests, id="429"),
        pytest.param(500, "InternalError", errors.ServerError, id="500"),
        pytest.param(503, "ServiceUnavailable", errors.ServerError, id="503"),
        pytest.param(418, "Teapot", errors.ApiError, id="another"),
    ],
)
def test_each_status_has_its_error(api, client, code, reason, cls):
    body = status(code, reason, f"it is {reason}", details={"name": "web"})
    api.on("POST", POD, lambda x: x.reply(code, body))
    with pytest.raises(errors.ApiError) as caught:
        client.post(POD, {})
    error = caught.value
    assert error.__class__ is cls
    assert error.msg.startswith(f"{code} {reason}: it is {reason}")
    assert (error.method, error.path, error.details) == ("POST", POD, {"name": "web"})
    assert error.facts == {"status": code, "reason": reason}


def test_a_body_that_is_no_status_is_not_shown(api, client):
    api.on("GET", POD, lambda x: x.reply(403, b"<html>blocked by ACME</html>"))
    with pytest.raises(errors.Forbidden) as caught:
        client.get(POD)
    assert caught.value.msg == "403 Forbidden"


def test_a_secret_that_a_server_echoes_is_cut_out(api, client):
    body = status(403, "Forbidden", "bad token s3cr3t-token in Bearer s3cr3t-token")
    api.on("GET", POD, lambda x: x.reply(403, body))
    with pytest.raises(errors.Forbidden) as caught:
        client.get(POD)
    assert caught.value.message == "bad token ******** in ********"
    assert "s3cr3t" not in repr(vars(caught.value))


@pytest.mark.parametrize(
    ("code", "body"),
    [
        pytest.param(200, b"<html>log in here</html>", id="html"),
        pytest.param(200, b"[1]", id="list"),
        pytest.param(302, b"", id="redirect"),
    ],
)
def test_what_is_no_api_server_is_named(api, client, code, body):
    api.on("GET", POD, lambda x: x.reply(code, body, {"Location": "http://127.0.0.1:1/"}))
    with pytest.raises(errors.ConfigError, match=r"127\.0\.0\.1:\d+ answers with .* Check host"):
        client.get(POD)
    assert len(api.requests) == 1


@pytest.mark.parametrize(
    ("method", "statuses", "tries"),
    [
        pytest.param("GET", (500, 502, 503, 504, 429), 6, id="get-any"),
        pytest.param("POST", (429, 503, 429), 4, id="post-not-processed"),
        pytest.param("POST", (502,), 1, id="post-unknown-gateway"),
        pytest.param("POST", (504,), 1, id="post-unknown-timeout"),
        pytest.param("PATCH", (502, 504), 3, id="patch-is-repeatable"),
        pytest.param("PATCH", (500,), 1, id="patch-500"),
        pytest.param("DELETE", (503, 504), 3, id="delete"),
        pytest.param("GET", (409,), 1, id="conflict"),
        pytest.param("GET", (404,), 1, id="not-found"),
    ],
)
def test_which_failures_are_tried_again(api, client, clock, *, method, statuses, tries):
    api.fail(method, POD, *statuses, then={"kind": "Pod"})
    send = {
        "GET": lambda: client.get(POD),
        "POST": lambda: client.post(POD, {}),
        "PATCH": lambda: client.patch(POD, {}),
        "DELETE": lambda: client.delete(POD),
    }[method]
    if tries > len(statuses):
        assert send() == {"kind": "Pod"}
    else:
        with pytest.raises(errors.ApiError):
            send()
    assert len(api.requests) == tries
    assert len(clock.slept) == tries - 1


def test_a_json_patch_is_not_repeated_after_an_unknown_outcome(api, client):
    api.fail("PATCH", POD, 504, then={})
    with pytest.raises(errors.ServerError):
        client.patch(POD, [], content_type="application/json-patch+json")
    assert len(api.requests) == 1


def test_retries_end(api, client, clock):
    api.fail("GET", POD, 503)
    with pytest.raises(errors.ServerError):
        client.get(POD)
    assert len(api.requests) == 6
    assert clock.slept == [0.25, 0.5, 1.0, 2.0, 4.0]


def test_retry_after_is_honoured(api, client, clock):
    slow = status(429, "TooManyRequests", "slow down")
    api.on(
        "GET",
        POD,
        lambda x: x.reply(429, slow, {"Retry-After": "7"}),
        lambda x: x.reply(200, {"kind": "Pod"}),
    )
    client.get(POD)
    assert clock.slept == [7.0]


def test_retry_after_beyond_the_bound_fails_at_once(api, client, clock):
    slow = status(429, "TooManyRequests", "slow down")
    api.on("GET", POD, lambda x: x.reply(429, slow, {"Retry-After": "3600"}))
    with pytest.raises(errors.TooManyRequests) as caught:
        client.get(POD)
    assert (caught.value.retry_after, clock.slept) == (3600.0, [])


def test_a_broken_answer_is_asked_for_again_where_that_is_safe(api, client):
    api.on("GET", POD, lambda x: x.drop(), lambda x: x.reply(200, {"kind": "Pod"}))
    api.on("POST", POD, lambda x: x.drop())
    assert client.get(POD) == {"kind": "Pod"}
    with pytest.raises(errors.ConnectionFailed) as caught:
        client.post(POD, {})
    assert caught.value.sent
    assert [r.method for r in api.requests] == ["GET", "GET", "POST"]


def test_an_answer_that_is_cut_off(api, make_client):
    def cut(exchange):
        exchange.handler.send_response(200)
        exchange.handler.send_header("Content-Length", "1000")
        exchange.handler.end_headers()
        exchange.handler.wfile.write(b'{"kind":')
        exchange.drop()

    api.on("GET", POD, cut)
    with pytest.raises(errors.ConnectionFailed, match="ended before the answer was whole"):
        make_client(api.url).get(POD)


def test_connection_refused_is_tried_a_few_times(make_client, clock):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(errors.ConnectionFailed) as caught:
        make_client(f"http://127.0.0.1:{port}").post(POD, {})
    assert caught.value.msg == (
        f"No answer from 127.0.0.1:{port}: connection refused. Check that the API server runs and "
        "that host, context and proxy lead to it."
    )
    assert not caught.value.sent
    assert len(clock.slept) == 2


def test_a_name_that_does_not_resolve(make_client):
    with pytest.raises(errors.ConnectionFailed, match=r"api\.invalid.*: the name does not resolve"):
        make_client("https://api.invalid:6443").get(POD)


def test_silence_is_bounded(api, make_client, clock):
    api.on("GET", POD, lambda x: x.hang())
    client = make_client(api.url, request_timeout=0.05)
    with pytest.raises(errors.RequestTimeout, match=r"nothing came within 0\.05 seconds"):
        client.get(POD)
    assert len(clock.slept) == 2


def test_plain_http_to_a_tls_port_is_named(api, client):
    """Go's net/http answers so."""
    text = b"Client sent an HTTP request to an HTTPS server.\n"
    api.on("GET", POD, lambda x: x.reply(400, text, {"Content-Type": "text/plain"}))
    with pytest.raises(errors.ConfigError, match=r"speaks TLS only\. Begin host with https://"):
        client.get(POD)


def test_no_library_error_leaks(api, make_client):
    api.on("GET", POD, lambda x: x.drop())
    with pytest.raises(errors.KubeError) as caught:
        make_client(api.url).get(POD)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "urllib3" not in str(caught.value)


def test_connections_are_reused_after_failures_too(api, client):
    api.fail("GET", POD, 404, 409, 422, then={"kind": "Pod"})
    for _round in range(3):
        with pytest.raises(errors.ApiError):
            client.get(POD)
    client.get(POD)
    assert api.connections == 1


def test_impersonation_headers(api, make_client):
    api.json("GET", POD, {"kind": "Pod"})
    client = make_client(api.url, impersonate_user="jane", impersonate_groups=("dev", "ops"))
    client.get(POD)
    (request,) = api.requests
    assert request.header("Impersonate-User") == "jane"
    assert request.all("Impersonate-Group") == ["dev", "ops"]


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/api/v1/namespaces/../../secrets", id="dots"),
        pytest.param("/api/v1/pods/a?dryRun=All", id="query"),
        pytest.param("/api/v1/pods/a#b", id="fragment"),
        pytest.param("/api/v1/pods/a%2fb", id="percent"),
        pytest.param("/api/v1/pods/a b", id="space"),
        pytest.param("/api/v1/pods/\r\nX: y", id="line-break"),
        pytest.param("/api/v1//pods", id="empty-segment"),
        pytest.param("//evil.example/api", id="other-host"),
        pytest.param("api/v1/pods", id="relative"),
    ],
)
def test_a_name_cannot_lead_elsewhere(api, client, path):
    with pytest.raises(errors.ConfigError, match="is not a path of the Kubernetes API"):
        client.get(path)
    assert api.requests == []


def test_a_host_with_a_path_keeps_it(api, make_client):
    api.json("GET", "/k8s/clusters/c-1" + POD, {"kind": "Pod"})
    assert make_client(api.url + "/k8s/clusters/c-1/").get(POD) == {"kind": "Pod"}


def test_list_goes_through_the_pages(api, client):
    api.json("GET", PODS, page("a", "b", token="t1"), page("c", token="t2"), page("d"))
    assert names(client.list(PODS, {"labelSelector": "x"}, page_size=2)) == ["a", "b", "c", "d"]
    assert [r.query.get("continue") for r in api.requests] == [None, ["t1"], ["t2"]]
    assert {(r.query["limit"][0], r.query["labelSelector"][0]) for r in api.requests} == {
        ("2", "x")
    }


def test_list_is_lazy(api, client):
    api.json("GET", PODS, page("a", token="t1"), page("b"))
    items = client.list(PODS)
    assert next(items)["metadata"]["name"] == "a"
    assert len(api.requests) == 1


def test_list_goes_on_with_the_token_that_a_410_offers(api, client):
    gone = status(410, "Expired", "too old", metadata={"continue": "fresh"})
    api.on(
        "GET",
        PODS,
        lambda x: x.reply(200, page("a", token="t1")),
        lambda x: x.reply(410, gone),
        lambda x: x.reply(200, page("b")),
    )
    assert names(client.list(PODS)) == ["a", "b"]
    assert api.requests[-1].query["continue"] == ["fresh"]


def test_list_begins_anew_without_duplicates(api, client):
    api.on(
        "GET",
        PODS,
        lambda x: x.reply(200, page("a", "b", token="t1")),
        lambda x: x.reply(410, status(410, "Expired", "too old")),
        lambda x: x.reply(200, page("a", "b", "c")),
    )
    assert names(client.list(PODS)) == ["a", "b", "c"]
    assert "continue" not in api.requests[-1].query


def test_a_410_of_the_first_page_is_no_loop(api, client):
    api.fail("GET", PODS, 410)
    with pytest.raises(errors.Gone):
        list(client.list(PODS))
    assert len(api.requests) == 1


def test_list_versioned_never_mixes_snapshots(api, client):
    offered = status(410, "Expired", "too old", metadata={"continue": "fresh"})
    api.on(
        "GET",
        PODS,
        lambda x: x.reply(200, page("a", token="t1", version="5")),
        lambda x: x.reply(410, offered),
        lambda x: x.reply(200, page("b", "c", version="9")),
    )
    items, version = client.list_versioned(PODS)
    assert (names(items), version) == (["b", "c"], "9")
    assert "limit" not in api.requests[-1].query


def test_list_versioned_takes_the_version_of_the_snapshot(api, client):
    api.json("GET", PODS, page("a", token="t", version="5"), page("b", version="5"))
    items, version = client.list_versioned(PODS)
    assert (names(items), version) == (["a", "b"], "5")


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        pytest.param(b'"b"', ["b"], id="second-page"),
        pytest.param(b'"c"', ["c"], id="last-page"),
        pytest.param(b'"z"', [], id="no-page"),
        pytest.param(None, ["a", "b", "c"], id="all-pages"),
    ],
)
def test_list_leaves_out_pages_that_do_not_hold_the_mark(api, client, mark, expected):
    api.json("GET", PODS, page("a", token="t1"), page("b", token="t2"), page("c"))
    assert names(client.list(PODS, page_size=1, containing=mark)) == expected


def test_a_marked_list_of_no_api_server(api, client):
    api.on("GET", PODS, lambda x: x.reply(200, b"<html>sign in</html>"))
    with pytest.raises(errors.ConfigError, match="no API server"):
        list(client.list(PODS, containing=b'"b"'))


def test_pages_raw_gives_the_bytes(api, client):
    api.json("GET", PODS, page("a", token="t1"), page("b"))
    raw = list(client.pages_raw(PODS, page_size=1))
    assert [names(json.loads(each)["items"]) for each in raw] == [["a"], ["b"]]


def test_pages_raw_after_a_410(api, client):
    api.on(
        "GET",
        PODS,
        lambda x: x.reply(200, page("a", token="t1")),
        lambda x: x.reply(410, status(410, "Expired", "old", metadata={"continue": "fresh"})),
        lambda x: x.reply(200, page("b", token="t2")),
        lambda x: x.reply(410, status(410, "Expired", "old")),
    )
    pages = client.pages_raw(PODS)
    assert [names(json.loads(next(pages))["items"]) for _round in range(2)] == [["a"], ["b"]]
    with pytest.raises(errors.Gone):
        next(pages)


def test_read_text_is_bounded_and_replaces_what_is_no_text(api, client):
    api.on("GET", POD + "/log", lambda x: x.reply(200, b"ab\xff" + b"c" * 100_000))
    api.json("GET", POD, {"kind": "Pod"})
    assert client.read_text(POD + "/log", {"container": "web"}, max_bytes=5) == "ab\ufffdcc"
    assert client.get(POD) == {"kind": "Pod"}


def test_server_time_is_that_of_the_last_date(api, client):
    begin_of_2020 = 1577836800
    assert client.server_time() > begin_of_2020 + 86400, "without an answer, it is our own time"
    api.on(
        "GET",
        POD,
        lambda x: x.reply(200, {}, {"Date": "Wed, 01 Jan 2020 00:00:00 GMT"}),
        lambda x: x.reply(200, {}, {"Date": "some day"}),
    )
    for _round in range(2):
        client.get(POD)
        assert begin_of_2020 <= client.server_time() < begin_of_2020 + 86400


def test_many_threads_share_a_client(api, client):
    api.json("GET", POD, {"kind": "Pod"})
    outcomes = fan_out(lambda _: client.get(POD), range(200), limit=32)
    assert all(outcome.unwrap() == {"kind": "Pod"} for outcome in outcomes)
    assert api.connections <= 32
