# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user reads, and what never gets there."""

from __future__ import annotations

import sys

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._kube import libraries
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    Conflict,
    DebugError,
    ExecError,
    Forbidden,
    LibraryMissing,
    Unauthorized,
    api_error,
    clean,
)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        pytest.param("plain text", "plain text", id="plain"),
        pytest.param("a\r\n\tb   c\u2028d", "a b c d", id="white-space"),
        pytest.param("\x1b[31mred\x1b[0m", "red", id="colour"),
        pytest.param("\x1b]0;title\x07text", "text", id="title-bell"),
        pytest.param("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link", id="hyperlink"),
        pytest.param("\x1b[2J\x1b[Hx\x9b31my\x00\x7f", "x31my", id="screen-and-c1"),
        pytest.param("user\u202eevil\u2066x\u200b", "userevilx", id="bidirectional"),
        pytest.param("{{ lookup('pipe', 'id') }}", "{{ lookup('pipe', 'id') }}", id="template"),
        pytest.param("grüße 日本", "grüße 日本", id="unicode"),
        pytest.param("\x1b", "", id="lone-escape"),
    ],
)
def test_clean(text, cleaned):
    assert clean(text) == cleaned


def test_clean_cuts():
    assert clean("x" * 256) == "x" * 256
    assert clean("x" * 257) == "x" * 255 + "…"
    assert len(clean("\x1b[31m" * 1_000_000 + "x", limit=20)) <= 20


def test_a_message_is_cut_for_the_user_and_kept_for_the_caller():
    text = 'pods "web" is forbidden: violates PodSecurity "restricted:latest": ' + "x" * 5000
    error = api_error(403, {"kind": "Status", "reason": "Forbidden", "message": text})
    assert isinstance(error, Forbidden)
    assert error.msg == f"403 Forbidden: {error.message}"
    assert (len(error.message), len(error.message_full)) == (256, 4096)
    assert error.message_full.startswith(text[:4000])


def test_the_body_counts_only_when_it_is_a_status():
    error = api_error(409, {"kind": "Pod", "message": "nonsense"}, http_reason="Conflict")
    assert isinstance(error, Conflict)
    assert (error.msg, error.message) == ("409 Conflict", "")


def test_a_status_of_wrong_types_is_survived():
    body = {"kind": "Status", "reason": 5, "message": None, "details": "x", "metadata": []}
    error = api_error(403, body)
    assert (error.msg, error.details, error.metadata) == ("403 5", {}, {})


def test_the_way_out_stands_behind_the_message():
    error = api_error(401, {"kind": "Status", "reason": "Unauthorized", "message": "No."})
    assert isinstance(error, Unauthorized)
    assert error.msg.startswith("401 Unauthorized: No. The API server does not accept these")


def test_facts_are_a_copy():
    facts = {"pods": []}
    error = DebugError("text", facts=facts)
    facts["more"] = 1
    assert (error.msg, str(error), error.facts) == ("text", "text", {"pods": []})


def test_exec_errors_keep_the_output():
    error = ExecError("text", stdout=b"out", stderr=b"err")
    assert (error.stdout, error.stderr) == (b"out", b"err")


def test_a_missing_library_is_named_with_interpreter_and_way_out():
    with pytest.raises(LibraryMissing) as caught:
        libraries.require("kubernetes_of_another_world")
    text = caught.value.msg
    assert text.startswith(f"The Python package kubernetes is missing for {sys.executable} (")
    assert f"{sys.executable} -m pip install 'kubernetes>=33.1.0'" in text
    assert "ansible_python_interpreter" in text
    assert caught.value.facts == {"package": "kubernetes", "interpreter": sys.executable}


def test_our_modules_import_without_the_libraries():
    """An interpreter that has none of them must get as far as the error above."""
    import subprocess

    code = (
        "import sys\n"
        "for name in ('kubernetes', 'urllib3', 'yaml', 'websocket', 'requests'):\n"
        "    sys.modules[name] = None\n"
        "p = 'ansible_collections.kubedebug.core.plugins.module_utils._kube.'\n"
        "import importlib, pkgutil\n"
        "package = importlib.import_module(p[:-1])\n"
        "for module in pkgutil.iter_modules(package.__path__):\n"
        "    importlib.import_module(p + module.name)\n"
        "client = importlib.import_module(p + 'client')\n"
        "auth = importlib.import_module(p + 'auth')\n"
        "errors = importlib.import_module(p + 'errors')\n"
        "try:\n"
        "    client.Client(auth.AuthOptions(host='https://127.0.0.1:1', api_key='x'), environ={})\n"
        "except errors.LibraryMissing:\n"
        "    print('missing')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "missing\n"


def test_the_client_needs_no_import_of_kubernetes():
    """It costs a third of a second in each module's process."""
    import subprocess

    code = (
        "import sys\n"
        "from ansible_collections.kubedebug.core.plugins.module_utils._kube import auth, client\n"
        "client.Client(auth.AuthOptions(host='https://127.0.0.1:1', api_key='x'), environ={})\n"
        "print(sorted({'kubernetes', 'requests', 'websocket'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
