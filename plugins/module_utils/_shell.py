# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The module shell: the only file that knows AnsibleModule."""

from __future__ import annotations

import traceback
from typing import NoReturn

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError
from ansible_collections.kubedebug.core.plugins.module_utils._usecase import (
    Context,
    Result,
    UseCase,
    describe_defect,
)

__all__ = ["run_module"]


def run_module(use_case: UseCase) -> NoReturn:
    """Run *use_case* as a normal module and end the process with its result.

    A DebugError is the user's to read: its text alone, never a stack trace. Any other exception
    is a defect of the collection and keeps its traceback, which Ansible shows where it is told to.
    """
    module = _build(use_case)
    try:
        result = use_case.run(module.params, Context(check_mode=module.check_mode))
    except DebugError as error:
        module.fail_json(msg=error.msg, **error.facts)
    except Exception as error:  # the last line of defence: say what to do with a defect
        # As text: what Ansible makes of an exception object passes its censoring of secrets by.
        module.fail_json(
            msg=describe_defect(use_case.name, error), exception=traceback.format_exc()
        )
    _succeed(module, result)


def _build(use_case: UseCase) -> AnsibleModule:
    spec = use_case.spec
    module = AnsibleModule(
        argument_spec={name: dict(option) for name, option in spec.argument_spec.items()},
        mutually_exclusive=spec.mutually_exclusive,
        required_one_of=spec.required_one_of,
        required_if=spec.required_if,
        supports_check_mode=True,
    )
    module.no_log_values.update(use_case.secrets(module.params))
    return module


def _succeed(module: AnsibleModule, result: Result) -> NoReturn:
    for warning in result.warnings:
        module.warn(warning)
    module.exit_json(**result.as_dict())
    # exit_json ends the process, which its annotation does not tell in every ansible-core.
    raise SystemExit(0)
