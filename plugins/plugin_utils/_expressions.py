# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""Which variables the value of a Jinja2 expression depends on. Pure."""

from __future__ import annotations

import functools

import jinja2
from jinja2 import meta, nodes

__all__ = ["dependencies"]

# Filters whose value depends on what they are given and on nothing else. Others, of which some
# are made to differ each time, are left to be evaluated each time.
_PURE = frozenset(
    {"abs", "bool", "d", "default", "dict2items", "first", "float", "int", "join", "last"}
    | {"length", "list", "lower", "max", "min", "regex_replace", "regex_search", "replace"}
    | {"round", "sort", "split", "string", "sum", "trim", "unique", "upper"}
)
# The same of Ansible's tests; those of Jinja2 itself all are. Others are evaluated each time.
_PURE_TESTS = frozenset(
    {"contains", "falsy", "match", "regex", "search", "subset", "superset", "truthy", "version"}
)


def _named(*_values: object) -> str:
    """Stands for a filter or a test of which the name alone is asked for."""
    return ""


def _environment() -> jinja2.Environment:
    """One that knows the names of Ansible's filters and tests, for it refuses what it does not."""
    environment = jinja2.Environment()
    for known, names in ((environment.filters, _PURE), (environment.tests, _PURE_TESTS)):
        known.update(dict.fromkeys(names - known.keys(), _named))
    return environment


@functools.lru_cache(maxsize=1024)
def dependencies(expression: str) -> frozenset[str] | None:
    """The names that an expression reads; None where that cannot be told for certain.

    A function such as `lookup` counts as a name, so it is no variable of a host.
    """
    try:
        tree = _environment().parse("{{ " + expression + " }}")
        if any(each.name not in _PURE for each in tree.find_all(nodes.Filter)):
            return None
        return frozenset(meta.find_undeclared_variables(tree))
    except jinja2.TemplateError:
        return None
