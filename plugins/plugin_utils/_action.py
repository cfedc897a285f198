# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The action base: runs a use case in the controller's process where that is the same thing.

A module costs the start of an interpreter and the import of the client for each task; the
controller's process has both already. In process is right only where the module would run on the
controller, as the same user and by the same interpreter; everywhere else the module runs.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ansible import constants
from ansible.errors import AnsibleUndefinedConfigEntry
from ansible.module_utils.common.arg_spec import ModuleArgumentSpecValidator
from ansible.module_utils.common.json import Direction, get_module_decoder, get_module_encoder
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.errors import UnsupportedError
from ansible.plugins.action import ActionBase

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError
from ansible_collections.kubedebug.core.plugins.module_utils._kube.libraries import preload
from ansible_collections.kubedebug.core.plugins.module_utils._usecase import (
    Context,
    Result,
    UseCase,
    describe_defect,
)

__all__ = ["UseCaseAction", "same_interpreter"]

# Ansible loads an action in the controller's process and runs it in a fork of it for each task.
preload()

_LOCAL = frozenset({"local", "ansible.builtin.local", "ansible.legacy.local"})
_DISCOVERED = ("", "auto", "auto_silent", "auto_legacy", "auto_legacy_silent")


def same_interpreter(wanted: str | None, running: str) -> bool:
    """Whether the interpreter that the task asks for is the one that runs the controller.

    Symlinks are compared within one folder only: each virtual environment links to one shared
    interpreter, yet they are different interpreters.
    """
    if wanted is None or wanted in _DISCOVERED:
        return True
    wanted_path, running_path = Path(wanted), Path(running)
    return wanted_path.parent == running_path.parent and (
        wanted_path.resolve() == running_path.resolve()
    )


def _as_a_module_reads(args: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments after the way to a module and back: keys are text, a YAML date is text.

    It also leaves behind the marks that the controller has on its values, which do not belong
    into a request's body.
    """
    there = json.dumps(dict(args), cls=get_module_encoder("legacy", Direction.CONTROLLER_TO_MODULE))
    back: dict[str, Any] = json.loads(
        there, cls=get_module_decoder("legacy", Direction.CONTROLLER_TO_MODULE)
    )
    return back


def _wants_invocation(task_vars: Mapping[str, Any]) -> bool:
    """Whether results hold the arguments; up to ansible-core 2.20 they always did."""
    try:
        return bool(constants.config.get_config_value("INJECT_INVOCATION", variables=task_vars))
    except AnsibleUndefinedConfigEntry:
        return True


class UseCaseAction(ActionBase):
    """The shared run of all action plugins; a subclass names its use case."""

    use_case: ClassVar[UseCase]

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = True

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        del tmp
        if self._runs_in_process(task_vars or {}):
            result.update(self._run_in_process(task_vars or {}))
        else:
            result.update(
                self._execute_module(
                    module_name=f"kubedebug.core.{self.use_case.name}",
                    task_vars=task_vars,
                    wrap_async=bool(self._task.async_val),
                )
            )
        return result

    def _runs_in_process(self, task_vars: Mapping[str, Any]) -> bool:
        return (
            self._connection.transport in _LOCAL
            and not self._task.async_val
            and not self._connection.become
            and same_interpreter(self._interpreter(task_vars), sys.executable)
        )

    def _interpreter(self, task_vars: Mapping[str, Any]) -> str | None:
        """What the host's variable says, else Ansible's configuration."""
        delegate = self._task.delegate_to
        if delegate:
            task_vars = task_vars.get("ansible_delegated_vars", {}).get(delegate, {})
        wanted = self._templar.template(task_vars.get("ansible_python_interpreter"))
        if wanted is None:
            wanted = constants.config.get_config_value("INTERPRETER_PYTHON", variables={})
        return None if wanted is None else str(wanted)

    def _run_in_process(self, task_vars: Mapping[str, Any]) -> dict[str, Any]:
        params, secrets, problem = self._validated()
        if problem is not None:
            outcome: dict[str, Any] = {"failed": True, "msg": problem}
        else:
            secrets |= self.use_case.secrets(params)
            outcome = self._outcome(params)
        if _wants_invocation(task_vars):
            outcome["invocation"] = {"module_args": params}
        cleaned: dict[str, Any] = remove_values(outcome, secrets)
        return cleaned

    def _validated(self) -> tuple[dict[str, Any], set[str], str | None]:
        """The parameters, the secrets among them, and what Ansible objects to, as in a module."""
        spec = self.use_case.spec
        params = _as_a_module_reads(self._task.args)
        validated = ModuleArgumentSpecValidator(
            argument_spec={name: dict(option) for name, option in spec.argument_spec.items()},
            mutually_exclusive=spec.mutually_exclusive,
            required_one_of=spec.required_one_of,
            required_if=spec.required_if,
        ).validate(params)
        params.update(validated.validated_parameters)
        problem = validated.errors.msg if validated.errors.errors else None
        if problem is not None and isinstance(validated.errors[0], UnsupportedError):
            # The words of AnsibleModule.
            name = f"kubedebug.core.{self.use_case.name}"
            problem = f"Unsupported parameters for ({name}) module: {problem}"
        # What AnsibleModule censors; it includes options within options.
        return params, set(validated._no_log_values), problem

    def _outcome(self, params: Mapping[str, Any]) -> dict[str, Any]:
        context = Context(check_mode=bool(self._task.check_mode), environ=self._environment())
        try:
            return self._as_result(self.use_case.run(params, context))
        except DebugError as error:
            return {"failed": True, "changed": False, "msg": error.msg, **error.facts}
        except Exception as error:  # the last line of defence: say what to do with a defect
            failure = {"failed": True, "msg": describe_defect(self.use_case.name, error)}
            # As text, and not raised: both would pass the censoring of secrets by.
            if {"error", "always"} & set(constants.config.get_config_value("DISPLAY_TRACEBACK")):
                failure["exception"] = traceback.format_exc()
            return failure

    def _as_result(self, result: Result) -> dict[str, Any]:
        for warning in result.warnings:
            self._display.warning(warning)
        return result.as_dict()

    def _environment(self) -> dict[str, str]:
        """The environment as a module would see it, the task's ``environment`` included."""
        environ = dict(os.environ)
        layers = self._task.environment or []
        for layer in layers if isinstance(layers, list) else [layers]:
            # Outer blocks come first, so that the inner ones win.
            values = self._templar.template(layer) or {}
            environ.update({str(key): str(value) for key, value in values.items()})
        return environ
