# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module shell as Ansible calls it: a process that prints one JSON document and ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.parameters import PASS_VARS

from ansible_collections.kubedebug.core.tests.unit.plugins.plugin_utils.toy.overlay import lay

_PROGRAM = """
import json, os, sys
from ansible.module_utils.testing import patch_module_args
from ansible_collections.kubedebug.core.plugins.module_utils._shell import run_module
from ansible_collections.kubedebug.core.plugins.module_utils._toy import TOY
with patch_module_args(json.loads(sys.argv[1])):
    run_module(TOY)
"""
# The controller always says this; ansible-core 2.19.0 takes its absence for a wish for tracebacks.
_NO_TRACEBACKS: dict[str, Any] = {"_ansible_tracebacks_for": []}
# ansible-core 2.21 leaves the arguments out of a result unless it is told otherwise.
_WITH_ARGUMENTS = {f"_ansible_{name}": True for name in PASS_VARS.keys() & {"inject_invocation"}}
_CENSORED = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


@dataclass(frozen=True)
class Ended:
    """A module's process after its end."""

    rc: int
    result: dict[str, Any]
    printed: str


@pytest.fixture(scope="module")
def overlay(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collections path with the toy in it."""
    return lay(tmp_path_factory.mktemp("shell") / "collections")


def _run(overlay: Path, **args: Any) -> Ended:
    path = os.pathsep.join([str(overlay), *(folder for folder in sys.path if folder)])
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, json.dumps({**_NO_TRACEBACKS, **args})],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path, "TOY_SEEN": "yes"},
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return Ended(rc=done.returncode, result=json.loads(done.stdout), printed=done.stdout)


def test_success(overlay: Path) -> None:
    ended = _run(overlay, do="change", size=2, read=["TOY_SEEN"])

    assert ended.rc == 0
    assert ended.result["changed"] is True
    assert ended.result["large"] == "xx"
    assert ended.result["environ"] == {"TOY_SEEN": "yes"}
    assert ended.result["diff"] == [{"before": {"size": 0}, "after": {"size": 2}}]
    assert ended.result["ran"]["check_mode"] is False
    assert "failed" not in ended.result


def test_no_change_has_the_same_shape(overlay: Path) -> None:
    result = _run(overlay).result

    assert (result["changed"], result["diff"]) == (False, [])


def test_check_mode(overlay: Path) -> None:
    result = _run(overlay, do="change", _ansible_check_mode=True).result

    assert result["ran"]["check_mode"] is True


def test_warnings(overlay: Path) -> None:
    ended = _run(overlay, do="warn")

    assert ended.rc == 0
    assert "The toy squeaks." in ended.printed
    assert "It rattles, too." in ended.printed
    assert len(ended.result["warnings"]) == 2


def test_an_error_is_its_message_and_facts(overlay: Path) -> None:
    ended = _run(overlay, do="fail", text="spring")

    assert ended.rc == 1
    assert ended.result["failed"] is True
    assert ended.result["msg"] == "The toy broke: spring"
    assert (ended.result["text"], ended.result["changed"]) == ("spring", True)
    assert "exception" not in ended.result


def test_a_defect_says_what_to_do_with_it(overlay: Path) -> None:
    ended = _run(overlay, do="defect", text="key")

    assert ended.rc == 1
    assert ended.result["msg"].startswith(
        "toy met an error of its own (RuntimeError: wound up too far: key). Please report it"
    )
    assert "exception" not in ended.result


@pytest.mark.parametrize("do", ["succeed", "fail", "defect"])
def test_secrets_are_censored(overlay: Path, do: str) -> None:
    secrets = {"token": "s3cret-a", "nested": {"pin": "s3cret-b"}, "hidden": {"x": "s3cret-c"}}

    ended = _run(
        overlay,
        do=do,
        text="s3cret-a s3cret-b s3cret-c",
        **secrets,
        **_WITH_ARGUMENTS,
    )

    assert "s3cret" not in ended.printed
    arguments = ended.result["invocation"]["module_args"]
    assert arguments["nested"] == {"pin": _CENSORED}
    assert arguments["hidden"] == {"x": _CENSORED}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        pytest.param({"text": "a", "texts": ["b"]}, "mutually exclusive: text|texts", id="both"),
        pytest.param({"do": "refuse"}, "do is refuse but all of the following", id="missing"),
        pytest.param({"do": "dance"}, "value of do must be one of", id="choice"),
        pytest.param({"size": "three"}, "unable to convert to int", id="type"),
        pytest.param({"siz": 3}, "Unsupported parameters", id="unknown"),
    ],
)
def test_what_ansible_refuses_never_reaches_the_use_case(
    overlay: Path, args: dict[str, Any], message: str
) -> None:
    ended = _run(overlay, **args)

    assert ended.rc == 1
    assert message in ended.result["msg"]
    assert "ran" not in ended.result
