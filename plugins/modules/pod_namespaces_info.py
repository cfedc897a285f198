#!/usr/bin/python
# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pod_namespaces_info
short_description: Tell which Linux namespaces a debugger and its target share
version_added: 0.1.0
description:
  - Compares, in one or many pods, the namespaces of a running debugger with those of the target
    container, by their inodes.
  - It opens no debugger; M(kubedebug.core.ephemeral_container) does. Without O(debugger) it looks
    from the newest running one that was opened by this collection, preferably one that is in the
    process namespace of the target.
  - Where the inodes of the target cannot be read, the specification of the pod decides as far as
    Kubernetes is definite about a namespace, and RV(pods[].namespaces[].evidence) says so.
extends_documentation_fragment:
  - kubedebug.core.auth
  - kubedebug.core.select
  - kubedebug.core.target
  - kubedebug.core.attributes
  - kubedebug.core.attributes.action_group
  - kubedebug.core.attributes.info
options:
  debugger:
    description:
      - Name of the running container to look from, of whatever origin. It may be an ordinary
        container of the pod, as in a copy of a pod that was made for debugging.
    type: str
notes:
  - Reading the inodes of a process of another user needs the capability C(SYS_PTRACE) and root,
    which O(kubedebug.core.ephemeral_container#module:profile=general) gives.
seealso:
  - module: kubedebug.core.ephemeral_container
author:
  - The kubedebug.core authors (@kubedebug)
"""

EXAMPLES = r"""
- name: Open a debugger in the process namespace of the target
  kubedebug.core.ephemeral_container:
    namespace: shop
    name: web-0

- name: See what it shares with the target
  kubedebug.core.pod_namespaces_info:
    namespace: shop
    name: web-0
  register: spaces

- name: Show the table
  ansible.builtin.debug:
    msg: "{{ spaces.pods[0].namespaces | items2dict(key_name='name', value_name='shared') }}"
"""

RETURN = r"""
pods:
  description: One item for each pod, ordered by namespace and name.
  returned: always, except when the task was refused before any pod was looked at
  type: list
  elements: dict
  contains:
    namespace:
      description: Namespace of the pod.
      type: str
      sample: shop
    name:
      description: Name of the pod.
      type: str
      sample: web-0
    uid:
      description: UID of the pod.
      type: str
      sample: 5c7a1d1e-9a1c-4a27-8a53-0f2f7f0c7d11
    node:
      description: Node of the pod.
      type: str
      sample: node-1
    container:
      description: Container that was meant, the target.
      type: str
      sample: web
    ports:
      description: TCP ports that the container declares, in its order.
      type: list
      elements: int
      sample: [80]
    debugger:
      description: The container that was looked from; null where there was none.
      type: str
      sample: kubedebug-3f1c2b9a70
    target_container:
      description: The container whose process namespace the debugger was opened in; null for its
        own.
      type: str
      sample: web
    process_visible:
      description: Whether the debugger sees the processes of the target.
      type: bool
      sample: true
    target_pid:
      description: The main process of the target as the debugger numbers it; null where it is not
        visible.
      type: int
      sample: 1
    namespaces:
      description:
        - The table, always in the order V(cgroup), V(ipc), V(mnt), V(net), V(pid), V(time),
          V(user), V(uts); empty where the pod failed.
      type: list
      elements: dict
      contains:
        name:
          description: The namespace, as in C(/proc/PID/ns).
          type: str
          sample: net
        target:
          description: Inode of the namespace of the target; null where it could not be read.
          type: int
          sample: 4026532541
        debugger:
          description: Inode of the namespace of the debugger; null where it could not be read.
          type: int
          sample: 4026532541
        shared:
          description: Whether the two are in the same namespace; null where nothing proves it.
          type: bool
          sample: true
        evidence:
          description:
            - V(inode) where both inodes were compared, V(pod spec) where what Kubernetes promises
              about the pod decides, else V(unknown).
          type: str
          sample: inode
        note:
          description: Why the pod's specification decides, why nothing does, or what else there is
            to say; null as a rule.
          type: str
          sample: null
    note:
      description: Why the inodes of the target could not be read, and what would make them
        readable; null where they were read.
      type: str
      sample: null
    error:
      description: Why this pod failed; null where it did not.
      type: str
      sample: null
"""

from ansible_collections.kubedebug.core.plugins.module_utils._namespaces.info import (
    POD_NAMESPACES_INFO,
)
from ansible_collections.kubedebug.core.plugins.module_utils._shell import run_module


def main() -> None:
    """Run the use case as a module."""
    run_module(POD_NAMESPACES_INFO)


if __name__ == "__main__":
    main()
