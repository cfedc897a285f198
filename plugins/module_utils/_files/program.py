# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The commands that are run in the debugger, made of this folder's own sources. Pure."""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.running import Command
from ansible_collections.kubedebug.core.plugins.module_utils._files import opener, rootfs, walker

__all__ = ["OPENED", "opener_argv", "walker_command"]

OPENED = f"/proc/self/fd/{opener.DESCRIPTOR}"
"""What the program that `opener_argv` starts finds the file as."""

# -I: variables and files of the container have no say in what is run. One line, and not until the
# end of the input: older API servers cannot pass that end on.
_START = """\
import json, sys
task = json.loads(sys.stdin.readline())
space = {"__name__": "kubedebug"}
exec(compile(task.pop("program"), "kubedebug", "exec"), space)
space["main"](task)
"""
_PREFIX = "ansible_collections."
_MOST_TEXT = 64 * 1024


@cache
def _source(*modules: ModuleType) -> str:
    """The modules as one program: without what is for readers, and imports among themselves."""
    statements: list[ast.stmt] = []
    for module in modules:
        tree = ast.parse(inspect.getsource(module))
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (
                ast.get_docstring(node) is not None
            ):
                node.body = node.body[1:] or [ast.Pass()]
        statements += [each for each in tree.body if not _left_out(each)]
    program = ast.Module(body=statements, type_ignores=[])
    return f"from __future__ import annotations\n{ast.unparse(program)}"


def _left_out(node: ast.stmt) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.module == "__future__" or str(node.module).startswith(_PREFIX)
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"


def walker_command(task: Mapping[str, Any], *, timeout: int) -> Command:
    """The command that lists or streams; what it sends is for `on_stdout`."""
    request = {"program": _source(rootfs, walker), **task}
    return Command(
        argv=("python3", "-I", "-c", _START),
        stdin=json.dumps(request).encode("ascii") + b"\n",
        timeout=timeout,
        max_output=_MOST_TEXT,
    )


def opener_argv(
    *, pid: int | None, container_id: str, first: bool, path: str, device: int, inode: int
) -> tuple[str, ...]:
    """The argv before a command that shall read one file of the target as `OPENED`."""
    program = f"{_source(rootfs, opener)}\nmain(sys.argv[1:])"
    return (
        *("python3", "-I", "-c", program, str(pid or 0), container_id),
        *("first" if first else "", path, str(device), str(inode)),
    )
