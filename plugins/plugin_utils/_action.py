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

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.action import ActionBase

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError
from ansible_collections.kubedebug.core.plugins.module_utils._usecase import (
    Context,
    Result,
    UseCase,
)

__all__ = ["UseCaseAction", "same_interpreter"]

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
            result.update(self._run_in_process())
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
        delegate = self._task.delegate_to
        if delegate:
            task_vars = task_vars.get("ansible_delegated_vars", {}).get(delegate, {})
        wanted = self._templar.template(task_vars.get("ansible_python_interpreter"))
        return None if wanted is None else str(wanted)

    def _run_in_process(self) -> dict[str, Any]:
        spec = self.use_case.spec
        _validated, params = self.validate_argument_spec(
            argument_spec={name: dict(option) for name, option in spec.argument_spec.items()},
            mutually_exclusive=spec.mutually_exclusive,
            required_one_of=spec.required_one_of,
            required_if=spec.required_if,
        )
        secrets = self._secrets(params)
        context = Context(check_mode=bool(self._task.check_mode), environ=self._environment())
        try:
            outcome = self._as_result(self.use_case.run(params, context))
        except DebugError as error:
            outcome = {"failed": True, "changed": False, "msg": error.msg, **error.facts}
        except AnsibleActionFail:
            raise
        except Exception as error:  # the last line of defence: say what to do with a defect
            raise AnsibleActionFail(
                f"{self.use_case.name} met an error of its own. Please report it with the "
                "traceback that -vvv shows."
            ) from error
        outcome["invocation"] = {"module_args": params}
        cleaned: dict[str, Any] = remove_values(outcome, secrets)
        return cleaned

    def _as_result(self, result: Result) -> dict[str, Any]:
        for warning in result.warnings:
            self._display.warning(warning)
        return result.as_dict()

    def _secrets(self, params: Mapping[str, Any]) -> set[str]:
        spec = self.use_case.spec.argument_spec
        secrets = {
            str(params[name])
            for name, option in spec.items()
            if option.get("no_log") and params.get(name) not in (None, "")
        }
        return secrets | self.use_case.secrets(params)

    def _environment(self) -> dict[str, str]:
        """The environment as a module would see it, the task's ``environment`` included."""
        environ = dict(os.environ)
        layers = self._task.environment or []
        for layer in layers if isinstance(layers, list) else [layers]:
            # Outer blocks come first, so that the inner ones win.
            values = self._templar.template(layer) or {}
            environ.update({str(key): str(value) for key, value in values.items()})
        return environ
