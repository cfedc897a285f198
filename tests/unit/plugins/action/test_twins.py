# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module has its action twin, with the same use case, and every twin its module."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils import _usecase
from ansible_collections.kubedebug.core.plugins.module_utils._usecase import UseCase
from ansible_collections.kubedebug.core.plugins.plugin_utils._action import UseCaseAction

_PLUGINS = Path(str(_usecase.__file__)).parents[1]
_PACKAGE = "ansible_collections.kubedebug.core.plugins"


def _names(kind: str) -> list[str]:
    return sorted(path.stem for path in (_PLUGINS / kind).glob("[!_]*.py"))


def _use_case_of_module(name: str) -> UseCase:
    module = importlib.import_module(f"{_PACKAGE}.modules.{name}")
    found = [value for value in vars(module).values() if isinstance(value, UseCase)]
    assert len(found) == 1
    return found[0]


def test_modules_and_actions_are_pairs() -> None:
    assert _names("modules") == _names("action")
    assert _names("modules") != []


@pytest.mark.parametrize("name", _names("action"))
def test_both_twins_have_the_use_case_of_their_name(name: str) -> None:
    action = importlib.import_module(f"{_PACKAGE}.action.{name}").ActionModule

    assert issubclass(action, UseCaseAction)
    assert action.use_case is _use_case_of_module(name)
    assert action.use_case.name == name


@pytest.mark.parametrize("name", _names("action"))
def test_an_action_does_what_its_documentation_claims(name: str) -> None:
    action = importlib.import_module(f"{_PACKAGE}.action.{name}").ActionModule

    assert action._supports_async is True
    assert action._supports_check_mode is True
    assert action.TRANSFERS_FILES is False
    assert action.BYPASS_HOST_LOOP is False
