# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that are missing, and our name."""

from __future__ import annotations

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._kube.access import (
    Rule,
    missing_rules,
    whoami,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import Unauthorized

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
SUBJECT = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


def allow(*verbs: str):
    def respond(exchange):
        verb = exchange.request.json()["spec"]["resourceAttributes"]["verb"]
        exchange.reply(201, {"status": {"allowed": verb in verbs}})

    return respond


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        pytest.param(
            Rule(verb="patch", group="", resource="pods", subresource="ephemeralcontainers"),
            'verbs ["patch"] on resources ["pods/ephemeralcontainers"] in apiGroup ""',
            id="subresource",
        ),
        pytest.param(
            Rule(verb="create", group="batch", resource="jobs", namespace="shop"),
            'verbs ["create"] on resources ["jobs"] in apiGroup "batch"',
            id="group",
        ),
    ],
)
def test_describe(rule, text):
    assert rule.describe() == text


def test_missing_rules_are_asked_once_each_and_keep_their_order(api, client):
    api.on("POST", REVIEWS, allow("get"))
    rules = [
        Rule(verb=verb, group="", resource="pods", namespace="shop", name="web")
        for verb in ("watch", "get", "list", "watch")
    ]
    assert [rule.verb for rule in missing_rules(client, rules)] == ["watch", "list"]
    assert len(api.requests) == 3
    assert api.requests[0].json()["spec"]["resourceAttributes"] | {"verb": ""} == {
        "verb": "",
        "group": "",
        "resource": "pods",
        "subresource": "",
        "namespace": "shop",
        "name": "web",
    }


def test_a_review_that_fails_is_no_missing_rule(api, client):
    api.fail("POST", REVIEWS, 401)
    with pytest.raises(Unauthorized):
        missing_rules(client, [Rule(verb="get", group="", resource="pods")])


def test_a_review_is_repeated_after_a_gateway_failed(api, client):
    api.fail("POST", REVIEWS, 504, then={"status": {"allowed": True}})
    assert missing_rules(client, [Rule(verb="get", group="", resource="pods")]) == []


@pytest.mark.parametrize(
    ("status", "body", "name"),
    [
        pytest.param(201, {"status": {"userInfo": {"username": "jane"}}}, "jane", id="known"),
        pytest.param(404, {"kind": "Status"}, "", id="old-server"),
        pytest.param(403, {"kind": "Status"}, "", id="forbidden"),
        pytest.param(201, {}, "", id="empty"),
    ],
)
def test_whoami(api, client, status, body, name):
    api.on("POST", SUBJECT, lambda x: x.reply(status, body))
    assert whoami(client) == name
