# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text on the terminal of a real ansible-playbook: once, as it is, and not among JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils import _usecase

__all__: list[str] = []

# .../ansible_collections/kubedebug/core/plugins/module_utils/_usecase.py
_COLLECTIONS = Path(str(_usecase.__file__)).parents[5]


def _play(folder: Path, task: dict[str, Any], **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a playbook with one task that reports a problem of a hostile text."""
    # From a file, as a module returns it: not a template, whatever it looks like.
    problems = [{"step": "cleanup", "msg": "\x1b[31m{{ 7 * 7 }} is evil"}]
    (folder / "found.json").write_text(json.dumps(problems), encoding="utf-8")
    find = {"ansible.builtin.slurp": {"src": str(folder / "found.json")}, "register": "found"}
    report = {"title": "The report", "problems": "{{ found.content | b64decode | from_json }}"}
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "tasks": [find, {"kubedebug.core.debug_report": report, **task}],
    }
    (folder / "play.yml").write_text(json.dumps([play]), encoding="utf-8")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ANSIBLE_", "K8S_AUTH_", "KUBE"))
    }
    return subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "play.yml"],
        cwd=folder,
        env={
            **kept,
            "ANSIBLE_COLLECTIONS_PATH": str(_COLLECTIONS),
            "ANSIBLE_HOME": str(folder / "home"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_FORCE_COLOR": "true",
            **environ,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    "in_process", [pytest.param(True, id="in process"), pytest.param(False, id="as a module")]
)
def test_the_text_is_shown_once(tmp_path: Path, in_process: bool) -> None:
    other = tmp_path / "python3"
    other.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    other.chmod(0o755)
    elsewhere = {"vars": {"ansible_python_interpreter": str(other)}}

    done = _play(tmp_path, {} if in_process else elsewhere)

    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines.count("RESULT failed: 0 pods, 1 problem") == 1
    assert lines.count("  - cleanup: \\x1b[31m{{ 7 * 7 }} is evil") == 1
    assert "\x1b[31m" not in done.stdout
    assert done.stdout.count("The report ") == 1


@pytest.mark.parametrize(
    ("task", "environ"),
    [
        pytest.param({"no_log": True}, {}, id="no_log"),
        pytest.param({"args": {"show": "no"}}, {}, id="show=no"),
        pytest.param({}, {"ANSIBLE_STDOUT_CALLBACK": "acme.tools.json"}, id="JSON callback"),
    ],
)
def test_the_text_is_not_shown(
    tmp_path: Path, task: dict[str, Any], environ: dict[str, str]
) -> None:
    if "ANSIBLE_STDOUT_CALLBACK" in environ:
        plugins = tmp_path / "collections/ansible_collections/acme/tools/plugins/callback"
        plugins.mkdir(parents=True)
        (plugins / "json.py").write_text(_CALLBACK, encoding="utf-8")
        paths = os.pathsep.join([str(_COLLECTIONS), str(tmp_path / "collections")])
        environ = {**environ, "ANSIBLE_COLLECTIONS_PATH": paths}

    done = _play(tmp_path, task, **environ)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "RESULT failed" not in done.stdout


_CALLBACK = '''
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: json
type: stdout
short_description: Says nothing
description: [Says nothing.]
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "acme.tools.json"
'''
