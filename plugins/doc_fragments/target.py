# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that say which container of the pods a task means, and how many pods."""

from __future__ import annotations


class ModuleDocFragment:
    """The guard and the fan-out of tasks that act on pods."""

    DOCUMENTATION = r"""
options:
  container:
    description:
      - Container of the pod that is meant.
      - Defaults to the one that the annotation C(kubectl.kubernetes.io/default-container) names,
        else the first that is not a service mesh's sidecar.
    type: str
  max_pods:
    description:
      - The task fails before it does anything when more pods than this are meant.
    type: int
    default: 10
  concurrency:
    description:
      - How many pods are worked on side by side, at the most 128.
    type: int
    default: 16
"""
