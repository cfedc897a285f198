# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""JMESPath in the options: ``where`` keeps pods, ``query`` shapes what an info module returns.

The data are the API's own JSON, so that an expression of ``kubectl get -o json`` works unchanged.
Source of the language: the JMESPath specification, https://jmespath.org/specification.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn, TypeAlias

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    DebugError,
    LibraryMissing,
)
from ansible_collections.kubedebug.core.plugins.module_utils._pods.model import ref_of

try:
    import jmespath
    from jmespath import exceptions as jmespath_errors
    from jmespath import functions as jmespath_functions
except ImportError as import_error:
    _MISSING: ImportError | None = import_error
else:
    _MISSING = None

__all__ = [
    "ExpressionError",
    "Predicate",
    "Query",
    "Search",
    "compile_expression",
    "compile_query",
    "compile_where",
    "fields_of",
    "is_true",
]

Predicate: TypeAlias = Callable[[Mapping[str, Any]], bool]
Query: TypeAlias = Callable[[Any], Any]
Search: TypeAlias = Callable[[Any, str], Any]


class ExpressionError(DebugError):
    """A JMESPath expression of the task is not valid, or does not fit the data."""


def compile_where(expression: str) -> Predicate:
    """A test of a raw pod (``metadata``, ``spec``, ``status``): kept where the result is true.

    Raises LibraryMissing without jmespath, ExpressionError for what is not JMESPath; the test
    raises ExpressionError where a function does not fit a pod's data.
    """
    search = _compile("where", expression)

    def keeps(pod: Mapping[str, Any]) -> bool:
        return is_true(search(pod, f"pod {ref_of(pod)}"))

    return keeps


def compile_query(expression: str) -> Query:
    """A projection of a module's ``pods``; raises as compile_where does."""
    search = _compile("query", expression)
    return lambda data: search(data, "the result")


def compile_expression(option: str, expression: str) -> Search:
    """A search in data of any kind, which takes the name of the data for messages besides; raises
    as compile_where does.
    """
    return _compile(option, expression)


def fields_of(option: str, expression: str) -> frozenset[str]:
    """The names of fields that an expression looks at, on whatever level."""
    _compile(option, expression)
    return frozenset(_nodes(jmespath.compile(expression).parsed, "field"))


def is_true(value: Any) -> bool:
    """Truth as JMESPath has it: null, false and what is empty are false; the number 0 is true."""
    return value is not None and value is not False and value not in ("", [], {})


def _compile(option: str, expression: str) -> Search:
    if _MISSING is not None:
        raise LibraryMissing("jmespath", requirement="jmespath", cause=str(_MISSING))
    try:
        compiled = jmespath.compile(expression)
    except jmespath_errors.JMESPathError as error:
        _refuse(option, expression, error)
    # jmespath itself looks when it meets them.
    called = set(_nodes(compiled.parsed, "function_expression"))
    unknown = sorted(called - jmespath_functions.Functions.FUNCTION_TABLE.keys())
    if unknown:
        raise ExpressionError(
            f"{option}: JMESPath has no function {', '.join(unknown)}(): {expression!r}."
        )

    def search(data: Any, subject: str) -> Any:
        try:
            return compiled.search(data)
        except jmespath_errors.JMESPathError as error:
            raise ExpressionError(
                f"{option} does not fit {subject}: {_describe(error)}: {expression!r}. "
                "Test for the field first (FIELD && function(FIELD))."
            ) from error

    return search


def _nodes(node: Mapping[str, Any], kind: str) -> Iterator[str]:
    """The values of an expression's nodes of a kind, as the functions that it calls."""
    if node.get("type") == kind:
        yield node["value"]
    for child in node.get("children") or []:
        if isinstance(child, dict):
            yield from _nodes(child, kind)


def _refuse(option: str, expression: str, error: Exception) -> NoReturn:
    position = getattr(error, "lex_position", None)
    where = "" if position is None else f" at character {min(position, len(expression)) + 1}"
    raise ExpressionError(
        f"{option} is not valid JMESPath{where}: {_describe(error)}: {expression!r}."
    ) from error


def _describe(error: Exception) -> str:
    """jmespath's reason without its drawing and without the value, which may be a secret."""
    if isinstance(error, jmespath_errors.IncompleteExpressionError):
        return "the expression is incomplete"
    if isinstance(error, jmespath_errors.LexerError):
        return str(error.message)
    if isinstance(error, jmespath_errors.ArityError):
        return str(error)
    if isinstance(error, jmespath_errors.ParseError):
        if error.token_type == "EOF":
            return "the expression is incomplete"
        return f"unexpected {error.token_value!r}"
    if isinstance(error, jmespath_errors.JMESPathTypeError):
        return (
            f"{error.function_name}() takes {' or '.join(error.expected_types)}, "
            f"not {error.actual_type}"
        )
    return str(error).rstrip(".")
