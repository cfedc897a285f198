# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""What a module does, apart from how Ansible calls it.

A use case is a function from validated parameters to a result. The module shell (``_shell``) and
the action base (``plugin_utils/_action``) both run it, so one test suite serves both.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ansible_collections.kubedebug.core.plugins.module_utils._kube.auth import (
    AuthOptions,
    secrets,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.client import Client
from ansible_collections.kubedebug.core.plugins.module_utils._options import Spec

__all__ = [
    "Context",
    "Params",
    "Result",
    "UseCase",
    "describe_defect",
    "no_secrets",
    "open_client",
]

Params: TypeAlias = Mapping[str, Any]


def open_client(params: Params, context: Context) -> Client:
    """A client with the authentication of *params*; the caller closes it."""
    return Client(AuthOptions.from_params(params), environ=context.environ)


def _auth_secrets(params: Params) -> set[str]:
    return secrets(AuthOptions.from_params(params))


def no_secrets(params: Params) -> set[str]:
    """For a use case that does not talk to a cluster."""
    del params
    return set()


def describe_defect(name: str, error: Exception) -> str:
    """The text for an exception that no user's input should be able to cause."""
    return (
        f"{name} met an error of its own ({type(error).__name__}: {error}). Please report it with "
        "the traceback that ANSIBLE_DISPLAY_TRACEBACK=error shows."
    )


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a run knows besides its parameters."""

    check_mode: bool = False
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run gives back; the shells turn it into Ansible's result, always of the same shape."""

    changed: bool = False
    data: Mapping[str, Any] = field(default_factory=dict)
    diff: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The result as Ansible prints it; warnings go by their own channel."""
        return {**self.data, "changed": self.changed, "diff": [dict(entry) for entry in self.diff]}


@dataclass(frozen=True, kw_only=True)
class UseCase:
    """One module of the collection: its name, its options and what it does.

    ``secrets`` names values inside the parameters that Ansible's own ``no_log`` cannot know of,
    such as the tokens of a kubeconfig that was given as a dictionary.
    """

    name: str
    spec: Spec
    run: Callable[[Params, Context], Result]
    secrets: Callable[[Params], set[str]] = _auth_secrets
