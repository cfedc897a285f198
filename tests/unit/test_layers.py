# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layout's rules hold for the checkout, and each of them can fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml

from ansible_collections.kubedebug.core.tests.tools import layers

__all__: list[str] = []

ROOT = Path(__file__).resolve().parents[2]
C = "ansible_collections.kubedebug.core.plugins"


def read(*folders: str) -> dict[str, str]:
    """Return the Python files of the checkout below `folders`."""
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
    }


PLUGINS = read("plugins")
OWN = {**PLUGINS, **read("tests/tools", "tests/cluster")}


@pytest.mark.parametrize(
    ("rule", "tree"),
    [
        pytest.param(layers.forbidden_imports, PLUGINS, id="imports"),
        pytest.param(layers.impurities, PLUGINS, id="pure-files"),
        pytest.param(layers.oversized, OWN, id="sizes"),
        pytest.param(layers.broad_excepts, PLUGINS, id="broad-excepts"),
        pytest.param(layers.twins, PLUGINS, id="action-twins"),
    ],
)
def test_the_checkout_keeps_the_rule(
    rule: Callable[[Mapping[str, str]], list[str]], tree: Mapping[str, str]
) -> None:
    assert tree, "no file was read, so nothing was checked"
    assert rule(tree) == []


def test_the_action_group_is_what_takes_auth() -> None:
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text(encoding="utf-8"))
    group = set(runtime["action_groups"]["kubedebug"])
    assert group
    assert layers.ungrouped(PLUGINS, group) == []


FORBIDDEN = [
    ("kube-imports-the-project", "module_utils/_kube/a.py", f"import {C}.module_utils._options"),
    ("options-imports-client", "module_utils/_options.py", f"import {C}.module_utils._kube.client"),
    ("pods-imports-ephemeral", "module_utils/_pods/a.py", f"import {C}.module_utils._ephemeral.b"),
    ("ephemeral-imports-agent", "module_utils/_ephemeral/a.py", f"import {C}.module_utils._agent"),
    ("capability-imports-other", "module_utils/_probe/a.py", f"import {C}.module_utils._report.b"),
    ("use-case-imports-shell", "module_utils/_probe/a.py", f"import {C}.module_utils._shell"),
    ("utils-import-plugins", "module_utils/_probe/a.py", f"import {C}.plugin_utils._action"),
    ("from-import-of-a-module", "module_utils/_pods/a.py", f"from {C}.module_utils import _shell"),
    (
        "lazy-in-a-function",
        "module_utils/_pods/a.py",
        f"def f():\n  import {C}.module_utils._shell",
    ),
    ("relative", "module_utils/_pods/a.py", "from . import b"),
    ("client-library", "module_utils/_pods/a.py", "import kubernetes.client"),
    ("client-library-from", "module_utils/_probe/a.py", "from websocket import WebSocket"),
    ("client-library-lazily", "module_utils/_pods/a.py", "importlib.import_module('urllib3')"),
    ("client-library-required", "module_utils/_pods/a.py", "require('kubernetes.client')"),
    ("requests-in-an-action", "action/a.py", "import requests"),
    ("http-in-a-use-case", "module_utils/_probe/a.py", "import http.client"),
    ("http-in-an-action", "action/a.py", "from urllib.request import urlopen"),
    ("jmespath-elsewhere", "module_utils/_ephemeral/a.py", "import jmespath"),
    ("ansible-module-elsewhere", "module_utils/_pods/a.py", "import ansible.module_utils.basic"),
    ("ansible-module-in-action", "action/a.py", "from ansible.module_utils.basic import X"),
    ("ansible-in-a-use-case", "module_utils/_pods/a.py", "import ansible.constants"),
    ("ansible-in-a-module", "modules/a.py", "from ansible.module_utils.common import text"),
    ("plugins-in-an-action", "action/a.py", "from ansible.plugins.action import ActionBase"),
    ("client-in-a-module", "modules/a.py", f"from {C}.module_utils._kube.client import Client"),
    ("options-in-a-module", "modules/a.py", f"from {C}.module_utils._options import Spec"),
    ("client-in-an-action", "action/a.py", f"from {C}.module_utils._kube.client import Client"),
    ("shell-in-an-action", "action/a.py", f"from {C}.module_utils._shell import run_module"),
    ("shell-in-a-connection", "connection/a.py", f"import {C}.module_utils._shell"),
]
ALLOWED = [
    ("kube-itself", "module_utils/_kube/a.py", f"import {C}.module_utils._kube.errors, urllib3"),
    ("kube-lazily", "module_utils/_kube/a.py", "require('kubernetes.client')"),
    ("options-auth", "module_utils/_options.py", f"from {C}.module_utils._kube.auth import X"),
    ("ephemeral-on-pods", "module_utils/_ephemeral/a.py", f"import {C}.module_utils._pods.state"),
    ("probe-on-ephemeral", "module_utils/_probe/a.py", f"import {C}.module_utils._ephemeral.b"),
    ("where-jmespath", "module_utils/_pods/where.py", "import jmespath"),
    ("shell-basic", "module_utils/_shell.py", "from ansible.module_utils.basic import X"),
    ("module", "modules/a.py", f"import {C}.module_utils._shell, {C}.module_utils._probe.a"),
    ("action", "action/a.py", f"import {C}.plugin_utils._action, {C}.module_utils._probe.a"),
    ("action-base", "plugin_utils/_action.py", "from ansible.plugins.action import ActionBase"),
    ("connection-base", "connection/a.py", "from ansible.plugins.connection import X"),
    ("types-only", "module_utils/_pods/a.py", "if TYPE_CHECKING:\n  import kubernetes.client"),
    ("the-name-only-begins-alike", "module_utils/_pods/a.py", "import kubernetes_helpers"),
]


@pytest.mark.parametrize(
    ("path", "source"), [pytest.param(path, source, id=name) for name, path, source in FORBIDDEN]
)
def test_a_forbidden_import_is_found_where_it_is(path: str, source: str) -> None:
    (line,) = layers.forbidden_imports({f"plugins/{path}": source})
    assert line.startswith(f"plugins/{path}:{source.count(chr(10)) + 1}: imports ")


@pytest.mark.parametrize(
    ("path", "source"), [pytest.param(path, source, id=name) for name, path, source in ALLOWED]
)
def test_an_allowed_import_passes(path: str, source: str) -> None:
    assert layers.forbidden_imports({f"plugins/{path}": source}) == []


@pytest.mark.parametrize(
    ("source", "count"),
    [
        pytest.param("import time", 1, id="clock"),
        pytest.param("from os import environ", 1, id="environment"),
        pytest.param("from random import choice", 1, id="random"),
        pytest.param("import subprocess", 1, id="process"),
        pytest.param("x = open('a')", 1, id="file"),
        pytest.param("x = datetime.now(timezone.utc)", 1, id="datetime-now"),
        pytest.param("x = datetime.datetime.utcnow()", 1, id="datetime-utcnow"),
        pytest.param("x = date.today()", 1, id="today"),
        pytest.param(f"import {C}.module_utils._kube.client", 1, id="client"),
        pytest.param(f"import {C}.module_utils._kube.errors", 0, id="errors"),
        pytest.param("from datetime import datetime\nx = datetime(2026, 1, 1)", 0, id="a-moment"),
        pytest.param("x = state.now", 0, id="an-attribute"),
        pytest.param("import re, json, copy", 0, id="computing"),
    ],
)
def test_a_pure_file_reaches_for_nothing(source: str, count: int) -> None:
    assert len(layers.impurities({"plugins/module_utils/_ephemeral/spec.py": source})) == count
    assert layers.impurities({"plugins/module_utils/_ephemeral/session.py": source}) == []


def function(lines: int, docstring: int = 0) -> str:
    """Return a function of that many lines, with a docstring of so many lines more."""
    text = ['    """', *["    text"] * (docstring - 2), '    """'] if docstring else []
    return "\n".join(["def f() -> None:", *text, *["    x = 1"] * (lines - 1), ""])


@pytest.mark.parametrize(
    ("source", "count"),
    [
        pytest.param(function(50), 0, id="function-50"),
        pytest.param(function(51), 1, id="function-51"),
        pytest.param(function(50, docstring=20), 0, id="a-docstring-does-not-count"),
        pytest.param("x = 1\n" * 400, 0, id="file-400"),
        pytest.param("x = 1\n" * 401, 1, id="file-401"),
        pytest.param('DOCUMENTATION = r"""\n' + "a\n" * 500 + '"""\n', 0, id="documentation"),
        pytest.param(
            "class A:\n" + '    DOCUMENTATION = r"""\n' + "a\n" * 500 + '"""', 0, id="part"
        ),
    ],
)
def test_sizes(source: str, count: int) -> None:
    assert len(layers.oversized({"plugins/a.py": source})) == count


@pytest.mark.parametrize(
    ("handler", "count"),
    [
        pytest.param("except Exception:\n  pass", 1, id="exception"),
        pytest.param("except:\n  pass", 1, id="bare"),
        pytest.param("except BaseException as error:\n  print(error)", 1, id="base"),
        pytest.param("except (OSError, Exception):\n  pass", 1, id="in-a-tuple"),
        pytest.param("except Exception as error:\n  raise ValueError from error", 1, id="changed"),
        pytest.param("except BaseException:\n  close()\n  raise", 0, id="passed-on"),
        pytest.param("except OSError:\n  pass", 0, id="named"),
    ],
)
def test_broad_excepts(handler: str, count: int) -> None:
    source = f"try:\n  x()\n{handler}"
    assert len(layers.broad_excepts({"plugins/module_utils/_pods/a.py": source})) == count
    assert layers.broad_excepts({"plugins/module_utils/_shell.py": source}) == []


def test_a_twin_is_missed_on_both_sides() -> None:
    tree = {"plugins/modules/a.py": "", "plugins/action/b.py": "", "plugins/action/__init__.py": ""}
    assert layers.twins(tree) == [
        "plugins/modules/a.py has no action twin",
        "plugins/action/b.py has no module",
    ]


def test_the_action_group_is_compared_on_both_sides() -> None:
    auth = 'DOCUMENTATION = "extends_documentation_fragment: [kubedebug.core.auth]"'
    tree = {"plugins/modules/a.py": auth, "plugins/modules/b.py": ""}
    assert layers.ungrouped(tree, {"a"}) == []
    assert layers.ungrouped(tree, {"b"}) == [
        "a takes auth but is not in the action group",
        "b is in the action group without auth",
    ]
