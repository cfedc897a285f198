# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of pods that are made to debug with."""

from __future__ import annotations


class ModuleDocFragment:
    """What C(pod_copy) and C(node_debugger) have in common."""

    DOCUMENTATION = r"""
options:
  state:
    description:
      - V(present) makes the pod, or uses the one that is there, and waits until its debugging
        container runs. V(absent) deletes what this owner has made.
    type: str
    choices: [present, absent]
    default: present
  image_pull_policy:
    description:
      - When the image is pulled; the API server's own default without it.
    type: str
    choices: [Always, IfNotPresent, Never]
  profile:
    description:
      - Security profile, the same as C(kubectl debug --profile).
    type: str
    choices: [general, baseline, restricted, netadmin, sysadmin]
    default: general
  command:
    description:
      - Command and arguments of the debugging container as a list. A container that is added and
        has no command stays until the end of O(lifetime), for other tasks to work in.
    type: list
    elements: str
    default: []
  args:
    description:
      - Arguments for the entry point of the image, as C(kubectl debug --arguments-only). Excludes
        O(command).
    type: list
    elements: str
    default: []
  env:
    description:
      - Environment of the debugging container. The values are kept out of diffs.
    type: dict
    default: {}
  custom:
    description:
      - Part of a container's specification, merged into the debugging container after the profile,
        as C(kubectl debug --custom) does. Name, image, command, lifecycle and volumeDevices are
        refused.
    type: dict
    default: {}
  stdin:
    description:
      - Whether the debugging container has a standard input that stays open.
    type: bool
    default: false
  tty:
    description:
      - Whether the debugging container has a terminal.
    type: bool
    default: false
  lifetime:
    description:
      - Seconds after which the kubelet ends the pod (C(activeDeadlineSeconds)), also when nobody is
        there to do it; 10 at the least. The object stays until it is deleted, by O(state=absent) or
        M(kubedebug.core.debug_cleanup). A pod that fits on no node runs nothing, and has no bound.
    type: int
    default: 3600
  owner:
    description:
      - Who the pod belongs to; it stands in an annotation.
      - Defaults to the name that the API server knows the credentials by.
    type: str
  reason:
    description:
      - Why the pod was made; it stands in an annotation.
    type: str
  ticket:
    description:
      - The ticket that the pod was made for; it stands in an annotation.
    type: str
"""
