# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layout's rules as code: who may import whom, what a pure file may touch, how long things get.

Everything here works on a mapping from path to source text, so that the rules are tested on small
made-up trees as well as on the real one (tests/unit/test_layers.py).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

__all__ = [
    "Import",
    "broad_excepts",
    "forbidden_imports",
    "imports",
    "impurities",
    "oversized",
    "twins",
    "ungrouped",
]

PREFIX = "ansible_collections.kubedebug.core.plugins."
UTILS = "plugins/module_utils/"

CAPABILITY = frozenset(
    {"_kube", "_pods", "_ephemeral", "_transfer", "_agent", "_options", "_usecase"}
)
LAYERS: Mapping[str, frozenset[str]] = {
    "_kube": frozenset(),
    "_options": frozenset({"_kube.auth", "_kube.errors"}),
    "_usecase": frozenset({"_kube", "_options"}),
    "_shell": frozenset({"_kube.errors", "_usecase"}),
    "_pods": frozenset({"_kube", "_options"}),
    "_ephemeral": frozenset({"_kube", "_pods", "_options", "_usecase"}),
    "_transfer": frozenset({"_kube", "_pods", "_options"}),
    "_agent": frozenset({"_kube", "_pods", "_ephemeral", "_options", "_usecase"}),
}
"""What each part of module_utils may import of the others; every other folder is a capability."""

THIRD_PARTY: Mapping[str, str] = {
    "kubernetes": f"{UTILS}_kube/",
    "requests": f"{UTILS}_kube/",
    "urllib3": f"{UTILS}_kube/",
    "websocket": f"{UTILS}_kube/",
    "yaml": f"{UTILS}_kube/",
    "jmespath": f"{UTILS}_pods/where.py",
}
"""Which path may import a library that is not Python's."""

NETWORK = ("http.client", "http.server", "socket", "ssl", "urllib.request")
NETWORK_PATHS = (
    f"{UTILS}_kube/",
    f"{UTILS}_probe/prober.py",  # it is sent into the debugger and runs there
)

PURE = frozenset(
    {
        "application.py",
        "blocks.py",
        "captures.py",
        "budgets.py",
        "calls.py",
        "choose.py",
        "clock.py",
        "cron.py",
        "document.py",
        "entries.py",
        "findings.py",
        "launcher.py",
        "manifest.py",
        "flows.py",
        "http.py",
        "model.py",
        "overrides.py",
        "packets.py",
        "page.py",
        "pcapng.py",
        "place.py",
        "phrases.py",
        "plan.py",
        "policy.py",
        "presets.py",
        "profiles.py",
        "recorder.py",
        "recordings.py",
        "scripts.py",
        "records.py",
        "runtime.py",
        "spec.py",
        "state.py",
        "stats.py",
        "storage.py",
        "supervisor.py",
        "tcpdump.py",
        "terminal.py",
        "text.py",
        "where.py",
    }
)
"""Files of capability folders that compute only. A new pure file gets its name in here."""

IMPURE_IMPORTS = frozenset(
    {"asyncio", "concurrent", "fcntl", "glob", "importlib", "io", "multiprocessing", "os"}
    | {"pathlib", "random", "secrets", "select", "shutil", "signal", "socket", "ssl"}
    | {"subprocess", "sys", "tempfile", "threading", "time", "uuid"}
)
IMPURE_CALLS = frozenset({"breakpoint", "exec", "eval", "input", "open", "print"})
CLOCKS = frozenset({"now", "today", "utcnow"})

MAX_FUNCTION_LINES = 50
MAX_FILE_LINES = 400
DOCUMENTATION = frozenset({"DOCUMENTATION", "EXAMPLES", "RETURN"})
MAY_CATCH_ALL = frozenset({f"{UTILS}_shell.py", "plugins/plugin_utils/_action.py"})


@dataclass(frozen=True)
class Import:
    """One import edge, of a statement or of a call that names a module by a literal."""

    line: int
    module: str
    """Absolute, in full: `from a.b import c` is `a.b.c`, since c may be a module."""


def imports(source: str, path: str = "<text>") -> Iterator[Import]:
    """Yield all imports, wherever in the file they stand.

    `importlib.import_module("x")`, `__import__("x")` and the project's own `require("x")` count,
    or a lazy import would escape the rules. Imports for types only (under TYPE_CHECKING) do not:
    they draw no edge at run time.
    """
    tree = ast.parse(source, path)
    skipped = {id(node) for branch in type_checking(tree) for node in ast.walk(branch)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from (Import(node.lineno, f"{base}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and called(node) in {
            "__import__",
            "import_module",
            "require",
        }:
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield Import(node.lineno, first.value)


def type_checking(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield the statements that stand under `if TYPE_CHECKING:`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            yield from node.body


def called(node: ast.Call) -> str:
    """Return the last name of what is called: `c` of `a.b.c()`."""
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def within(module: str, *parents: str) -> bool:
    """Tell whether a module is one of `parents` or below one."""
    return any(module == parent or module.startswith(f"{parent}.") for parent in parents)


def forbidden_imports(tree: Mapping[str, str]) -> list[str]:
    """Return a line for each import that the layout forbids, with the reason."""
    found = []
    for path, source in sorted(tree.items()):
        for edge in imports(source, path):
            reason = third_party(path, edge.module) or of_ansible(path, edge.module)
            if edge.module.startswith("."):
                reason = "imports are absolute"
            elif edge.module.startswith(PREFIX):
                reason = project(path, edge.module.removeprefix(PREFIX))
            if reason:
                found.append(f"{path}:{edge.line}: imports {edge.module}: {reason}")
    return found


def third_party(path: str, module: str) -> str:
    """Return why this file may not import a library or talk to a network itself, or nothing."""
    owner = THIRD_PARTY.get(module.partition(".")[0])
    if owner is not None and not path.startswith(owner):
        return f"only {owner} may"
    if within(module, *NETWORK) and not path.startswith(NETWORK_PATHS):
        return f"only {' and '.join(NETWORK_PATHS)} may"
    return ""


def of_ansible(path: str, module: str) -> str:
    """Return why this file may not import that part of Ansible, or nothing."""
    if not within(module, "ansible"):
        return ""
    if within(module, "ansible.module_utils.basic") and path != f"{UTILS}_shell.py":
        return f"only {UTILS}_shell.py knows AnsibleModule"
    if path.startswith("plugins/modules/"):
        return "a module is its documentation and one call"
    if path.startswith(UTILS) and path != f"{UTILS}_shell.py":
        return "a use case knows nothing of Ansible"
    if within(module, "ansible.plugins") and path.startswith("plugins/action/"):
        return "only plugins/plugin_utils/ may; an action is one call on its base"
    return ""


def project(path: str, module: str) -> str:
    """Return why this file may not import that part of the collection, or nothing.

    `module` is relative to plugins/, as `module_utils._kube.client.Client`.
    """
    kind = path.split("/")[1]
    if kind == "module_utils":
        return of_utils(path.removeprefix(UTILS), module)
    target = module.removeprefix("module_utils.")
    if kind == "modules":
        ok = within(target, "_shell") or is_use_case(module)
        return "" if ok else "a module imports its use case and _shell, nothing else"
    if kind == "connection":
        ok = within(target, "_connection", "_kube.errors", "_kube.auth", "_options")
        return "" if ok else "a connection is options, translation and display around _connection"
    if kind == "action":
        ok = within(module, "plugin_utils._action") or is_use_case(module)
        return "" if ok else "an action imports its use case and the base, nothing else"
    if within(target, "_shell"):
        return "only a module runs in the module shell"
    return ""


def is_use_case(module: str) -> bool:
    """Tell whether a module belongs to a capability folder, where the use cases are."""
    parts = module.split(".")
    return (
        len(parts) > 2
        and parts[0] == "module_utils"
        and parts[1] not in {"_kube", "_pods", "_options", "_usecase", "_shell"}
    )


def of_utils(path: str, module: str) -> str:
    """Return why this file of module_utils may not import that part of the collection."""
    if not module.startswith("module_utils."):
        return "module_utils runs where plugins are not"
    target = module.removeprefix("module_utils.")
    layer = path.split("/", maxsplit=1)[0].removesuffix(".py")
    allowed = LAYERS.get(layer, CAPABILITY)
    if within(target, layer, *allowed):
        return ""
    return f"{layer} may import {', '.join(sorted(allowed)) or 'nothing of the project'}"


def impurities(tree: Mapping[str, str]) -> list[str]:
    """Return a line for each thing in a pure file that reaches out of it."""
    found = []
    for path, source in sorted(tree.items()):
        if not path.startswith(UTILS) or path.split("/")[-1] not in PURE:
            continue
        for edge in imports(source, path):
            kube = edge.module.removeprefix(f"{PREFIX}module_utils.")
            if edge.module.partition(".")[0] in IMPURE_IMPORTS or (
                within(kube, "_kube") and not within(kube, "_kube.errors", "_kube.libraries")
            ):
                found.append(f"{path}:{edge.line}: is pure but imports {edge.module}")
        for node in ast.walk(ast.parse(source, path)):
            if isinstance(node, ast.Call) and is_impure_call(node):
                found.append(f"{path}:{node.lineno}: is pure but calls {ast.unparse(node.func)}")
    return found


def is_impure_call(node: ast.Call) -> bool:
    """Tell whether a call does I/O or reads a clock, by its name."""
    if isinstance(node.func, ast.Name):
        return node.func.id in IMPURE_CALLS
    owner = ast.unparse(node.func).rpartition(".")[0]
    return called(node) in CLOCKS and owner.endswith(("date", "datetime"))


def oversized(tree: Mapping[str, str]) -> list[str]:
    """Return a line for each function and file that is too long.

    Docstrings and Ansible's documentation strings do not count: nobody should write less of them.
    """
    found = []
    for path, source in sorted(tree.items()):
        parsed = ast.parse(source, path)
        lines = len(source.splitlines()) - documentation_lines(parsed)
        if lines > MAX_FILE_LINES:
            found.append(f"{path}: {lines} lines, at most {MAX_FILE_LINES}")
        for node in ast.walk(parsed):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = span(node) - docstring_lines(node)
                if lines > MAX_FUNCTION_LINES:
                    found.append(
                        f"{path}:{node.lineno}: {node.name} has {lines} lines, "
                        f"at most {MAX_FUNCTION_LINES}"
                    )
    return found


def span(node: ast.stmt | ast.expr) -> int:
    """Return how many lines a node stands on."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a function's docstring."""
    first = node.body[0]
    is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return span(first) if is_text and ast.get_docstring(node) is not None else 0


def documentation_lines(tree: ast.Module) -> int:
    """Return the lines of DOCUMENTATION and the like, of a module or of a fragment's class."""
    return sum(
        span(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in DOCUMENTATION
    )


def broad_excepts(tree: Mapping[str, str]) -> list[str]:
    """Return a line for each handler that catches everything where only the shells may.

    One that ends in a bare `raise` hides nothing, and is how a resource is given back.
    """
    found = []
    for path, source in sorted(tree.items()):
        if path in MAY_CATCH_ALL:
            continue
        for node in ast.walk(ast.parse(source, path)):
            if isinstance(node, ast.ExceptHandler) and is_broad(node) and not ends_in_raise(node):
                found.append(f"{path}:{node.lineno}: catches everything; name the errors")
    return found


def is_broad(node: ast.ExceptHandler) -> bool:
    """Tell whether a handler takes any exception."""
    caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return any(
        kind is None or ast.unparse(kind) in {"Exception", "BaseException"} for kind in caught
    )


def ends_in_raise(node: ast.ExceptHandler) -> bool:
    """Tell whether a handler passes on what it caught."""
    last = node.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def names(tree: Mapping[str, str], folder: str) -> set[str]:
    """Return the plugins of a folder by name."""
    prefix = f"plugins/{folder}/"
    return {
        path.removeprefix(prefix).removesuffix(".py")
        for path in tree
        if path.startswith(prefix) and not path.endswith("/__init__.py")
    }


def twins(tree: Mapping[str, str]) -> list[str]:
    """Return a line for each module without an action plugin of its name, and the reverse."""
    modules, actions = names(tree, "modules"), names(tree, "action")
    return [
        *(f"plugins/modules/{name}.py has no action twin" for name in sorted(modules - actions)),
        *(f"plugins/action/{name}.py has no module" for name in sorted(actions - modules)),
    ]


def ungrouped(tree: Mapping[str, str], group: set[str]) -> list[str]:
    """Return a line for each difference between the action group and the modules that take auth.

    A module takes auth when its documentation extends the fragment `kubedebug.core.auth`.
    """
    wanted = {
        name
        for name in names(tree, "modules")
        if "kubedebug.core.auth" in tree[f"plugins/modules/{name}.py"]
    }
    return [
        *(f"{name} takes auth but is not in the action group" for name in sorted(wanted - group)),
        *(f"{name} is in the action group without auth" for name in sorted(group - wanted)),
    ]
