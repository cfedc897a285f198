# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that describe a debugger, an ephemeral container of the target pod."""

from __future__ import annotations


class ModuleDocFragment:
    """What shapes the container makes the debugger's identity, by which it is used again."""

    DOCUMENTATION = r"""
options:
  image:
    description:
      - Image of the debugger. It needs C(sh) unless O(lifetime=0).
    type: str
    default: docker.io/nicolaka/netshoot:v0.14
  image_pull_policy:
    description:
      - When the image is pulled; the API server's own default without it.
    type: str
    choices: [Always, IfNotPresent, Never]
  profile:
    description:
      - Security profile, the same as C(kubectl debug --profile).
      - V(general) adds C(SYS_PTRACE); V(baseline) adds nothing and passes Pod Security's baseline
        level; V(restricted) passes its restricted level; V(netadmin) adds C(NET_ADMIN) and
        C(NET_RAW); V(sysadmin) is privileged.
    type: str
    choices: [general, baseline, restricted, netadmin, sysadmin]
    default: general
  target_container:
    description:
      - Whether the debugger runs in the process namespace of O(container), as with
        C(kubectl debug --target). Without it the debugger has a process namespace of its own.
    type: bool
    default: true
  env:
    description:
      - Environment of the debugger. The values are kept out of diffs, but not out of the arguments
        that Ansible shows with C(-vvv), and up to ansible-core 2.20 keeps in each result. For a
        secret, name it by C(valueFrom) or C(envFrom) in O(custom), or set C(no_log) on the task.
    type: dict
    default: {}
  inherit:
    description:
      - What the debugger takes over from O(container).
      - V(env) its environment (which may hold secrets), V(mounts) its volume mounts, but for those
        with a C(subPath), which the API refuses, V(user) the user and group that it runs as.
    type: list
    elements: str
    choices: [env, mounts, user]
    default: []
  custom:
    description:
      - Part of a container's specification, merged after the profile as C(kubectl debug --custom)
        does. Name, command, image, lifecycle and what the API forbids in an ephemeral container are
        refused.
    type: dict
    default: {}
  lifetime:
    description:
      - Seconds after which the debugger ends by itself, also when nobody is there to stop it.
      - V(0) runs the image's own command, or the command as it is, without a bound.
    type: int
    default: 3600
  owner:
    description:
      - Who the debugger belongs to; it stands in the debugger's environment.
      - Defaults to the name that the API server knows the credentials by.
    type: str
  reason:
    description:
      - Why the debugger was started; it stands in the debugger's environment.
    type: str
  ticket:
    description:
      - The ticket that the debugger was started for; it stands in the debugger's environment.
    type: str
"""
