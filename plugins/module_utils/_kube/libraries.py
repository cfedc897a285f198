# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages that are not Python's own, imported at their first use.

`pip install kubernetes` brings all of them, so that is what a user is told to install. The client
itself needs urllib3 and PyYAML alone: `import kubernetes` costs a third of a second in each
module's process, and is left to the kubeconfigs that have an `auth-provider` (see credentials).
"""

from __future__ import annotations

import contextlib
import importlib
from types import ModuleType

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import LibraryMissing

__all__ = ["REQUIREMENT", "preload", "require"]

REQUIREMENT = "kubernetes>=33.1.0"
"""What `pip install` is asked for; the oldest client that the tests run with."""


def require(module: str) -> ModuleType:
    """Import a module of the kubernetes package's set; raises LibraryMissing."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise LibraryMissing("kubernetes", requirement=REQUIREMENT, cause=str(error)) from None


def preload() -> None:
    """Import what each request needs, for a process whose children make the requests.

    Each task of Ansible is a fork of the controller; what the controller has not imported, every
    fork imports for itself. What is missing is told by `require`, when it is needed.
    """
    for module in ("urllib3", "yaml"):
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
