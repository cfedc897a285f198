# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A use case that does whatever its options say, for the tests of the two shells.

The tests lay it over the collection as ``module_utils/_toy.py``, so that it is found, packed and
run in the same ways as a real one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError
from ansible_collections.kubedebug.core.plugins.module_utils._options import OptionError, Spec
from ansible_collections.kubedebug.core.plugins.module_utils._usecase import (
    Context,
    Params,
    Result,
    UseCase,
)

__all__ = ["TOY"]

_SPEC = Spec.compose(
    {
        "do": {
            "type": "str",
            "choices": ["succeed", "change", "warn", "fail", "defect", "refuse"],
            "default": "succeed",
        },
        "text": {"type": "str"},
        "texts": {"type": "list", "elements": "str", "default": []},
        "size": {"type": "int", "default": 0},
        "token": {"type": "str", "no_log": True},
        "nested": {"type": "dict", "options": {"pin": {"type": "str", "no_log": True}}},
        "hidden": {"type": "dict", "default": {}},
        "any": {"type": "dict", "default": {}},
        "read": {"type": "list", "elements": "str", "default": []},
    },
    mutually_exclusive=(("text", "texts"),),
    required_if=(("do", "refuse", ("text",)),),
)


def _secrets(params: Params) -> set[str]:
    return {str(value) for value in params["hidden"].values()}


def _run(params: Params, context: Context) -> Result:
    facts = {"text": params["text"], "texts": params["texts"], "token_seen": params["token"]}
    if params["do"] == "fail":
        raise DebugError(f"The toy broke: {params['text']}", facts={**facts, "changed": True})
    if params["do"] == "refuse":
        raise OptionError(f"text={params['text']} cannot be meant: give another one.")
    if params["do"] == "defect":
        raise RuntimeError(f"wound up too far: {params['text']}")
    if params["size"]:
        facts["large"] = "x" * params["size"]
    changed = params["do"] == "change"
    return Result(
        changed=changed,
        data={
            **facts,
            "any": params["any"],
            "types": sorted({type(value).__name__ for value in _values(params)}),
            "environ": _read(params, context),
            "ran": _ran(context),
        },
        diff=({"before": {"size": 0}, "after": {"size": params["size"]}},) if changed else (),
        warnings=("The toy squeaks.", "It rattles, too.") if params["do"] == "warn" else (),
    )


def _read(params: Params, context: Context) -> dict[str, str | None]:
    return {name: context.environ.get(name) for name in params["read"]}


def _values(value: Any) -> Iterator[Any]:
    yield value
    if isinstance(value, (dict, list)):
        for item in [*value, *value.values()] if isinstance(value, dict) else value:
            yield from _values(item)


def _ran(context: Context) -> dict[str, Any]:
    """Where and how the run took place; what differs between the shells stands here alone."""
    return {
        "in_process": "ansible.plugins.action" in sys.modules,
        "executable": sys.executable,
        "parent": os.getppid(),
        "check_mode": context.check_mode,
    }


TOY = UseCase(name="toy", spec=_SPEC, run=_run, secrets=_secrets)
