# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of capabilities covers what the preflight asks for, and is all that is granted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils import _usecase
from ansible_collections.kubedebug.core.plugins.module_utils._access.manifests import ACCESS_SPEC
from ansible_collections.kubedebug.core.plugins.module_utils._access.rules import (
    CAPABILITIES,
    CAPABILITY_NAMES,
    CapabilityName,
    rules,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent import (
    preflight as agent_preflight,
)
from ansible_collections.kubedebug.core.plugins.module_utils._agent.info import info_rules
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.facts import PLURALS
from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.needs import (
    all_rules,
)
from ansible_collections.kubedebug.core.plugins.module_utils._copies.making import (
    delete_rules,
    make_rules,
)
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.preflight import (
    debug_rules,
    exec_rules,
)
from ansible_collections.kubedebug.core.plugins.module_utils._inventory.fetch import list_rule
from ansible_collections.kubedebug.core.plugins.module_utils._kube.access import Rule
from ansible_collections.kubedebug.core.plugins.module_utils._pods import workload

__all__: list[str] = []

_ROOT = Path(str(_usecase.__file__)).parents[2]
_Triple = tuple[str, str, str]


def _granted(*names: CapabilityName) -> set[_Triple]:
    return {
        (group, resource, verb)
        for rule in rules(names)
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def _asked(wanted: Iterable[Rule]) -> set[_Triple]:
    return {
        (
            rule.group,
            f"{rule.resource}/{rule.subresource}" if rule.subresource else rule.resource,
            rule.verb,
        )
        for rule in wanted
    }


@pytest.mark.parametrize("wanted", [debug_rules, exec_rules])
def test_debug_grants_what_the_preflight_asks_for(wanted: Callable[[str], list[Rule]]) -> None:
    missing = _asked(wanted("shop")) - _granted("debug")

    assert missing == set()


def test_debug_grants_nothing_else_but_the_log() -> None:
    asked = _asked([*debug_rules("shop"), *exec_rules("shop")])

    assert _granted("debug") - asked == {("", "pods/log", "get")}


def test_cleanup_grants_what_its_decisions_ask_for_and_what_it_reads() -> None:
    reads = {
        *(("apps", plural, "get") for plural in PLURALS.values()),
        ("policy", "poddisruptionbudgets", "list"),
    }

    assert _granted("cleanup") == _asked(all_rules("shop")) | reads


def test_agent_grants_what_the_preflight_asks_for_and_nothing_else() -> None:
    asked = [
        *agent_preflight.agent_rules("shop", execs=True),
        *agent_preflight.end_rules("shop"),
        *agent_preflight.trial_rules("shop"),
        *agent_preflight.event_rules("shop"),
        *info_rules("shop"),
    ]

    assert _granted("agent") == _asked(asked)


@pytest.mark.parametrize("name", ["copies", "nodes"])
def test_copies_and_nodes_grant_what_making_a_pod_asks_for_and_the_log(
    name: CapabilityName,
) -> None:
    asked = _asked([*make_rules("shop"), *delete_rules("shop")])

    assert _granted(name) == asked | {("", "pods/log", "get")}


def test_info_grants_what_the_inventory_asks_for() -> None:
    assert _asked([list_rule("shop")]) <= _granted("info")


def test_workloads_grants_what_their_lookup_reads() -> None:
    granted = _granted("workloads")

    for kind in workload._KINDS.values():
        group = kind.group.partition("/")[0]
        assert (group, kind.plural, "get") in granted
        if kind.between:
            assert (group, kind.between, "list") in granted


def test_nothing_is_granted_by_a_wildcard_and_nothing_dangerous() -> None:
    granted = _granted(*CAPABILITY_NAMES)

    assert not [triple for triple in granted if "*" in triple]
    assert not {resource for _group, resource, _verb in granted} & {
        *("secrets", "nodes", "nodes/proxy", "pods/attach", "serviceaccounts"),
    }
    assert {verb for _group, _resource, verb in granted} == {
        *("get", "list", "watch", "patch", "create", "delete"),
    }
    # What may delete anything has to be asked for by its own name.
    assert {triple for triple in granted if triple[2] == "delete"} <= _granted("cleanup")


def test_rules_are_merged_sorted_and_without_repetition() -> None:
    merged = rules(["info", "debug"])

    assert merged == rules(["debug", "info"]) == rules(["debug"])
    assert merged[0] == {
        "apiGroups": [""],
        "resources": ["pods"],
        "verbs": ["get", "list", "watch"],
    }
    assert rules(["info"]) == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]
    assert rules([]) == []


def test_the_option_offers_every_capability() -> None:
    assert ACCESS_SPEC["capabilities"]["choices"] == list(CAPABILITIES) == list(CAPABILITY_NAMES)


def test_every_module_of_a_capability_exists() -> None:
    modules = {path.stem for path in (_ROOT / "plugins" / "modules").glob("*.py")}

    named = {name for one in CAPABILITIES.values() for name in one.modules if " " not in name}
    assert named - modules == set()


def _documented() -> dict[str, set[_Triple]]:
    """The tables of docs/rbac.md: a heading for each capability, a row for each grant."""
    text = (_ROOT / "docs" / "rbac.md").read_text(encoding="utf-8")
    found: dict[str, set[_Triple]] = {}
    for section in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        name = section.partition("\n")[0].strip().strip("`")
        rows = re.findall(r"^\| `(.*?)` \| (.*?) \| (.*?) \|", section, flags=re.MULTILINE)
        found[name] = {
            (group.strip('"'), resource, verb)
            for group, resources, verbs in rows
            for resource in re.findall(r"`(.+?)`", resources)
            for verb in re.findall(r"`(.+?)`", verbs)
        }
    return found


def test_the_documentation_tells_the_same() -> None:
    wanted: dict[str, Any] = {name: _granted(name) for name in CAPABILITY_NAMES}

    assert {name: _documented().get(name) for name in wanted} == wanted
