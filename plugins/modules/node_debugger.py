#!/usr/bin/python
# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_debugger
short_description: Debug a node from a pod on it
version_added: 0.1.0
description:
  - Makes a pod on one or many nodes, as C(kubectl debug node/NAME) does, and waits until it runs.
    What it may do there is a matter of O(profile).
  - With V(general) and V(sysadmin) the root of the node's file system is at C(/host), and the
    network, processes and IPC are the node's; with V(netadmin) the latter alone. V(baseline) and
    V(restricted) give nothing of the node but its place.
  - Each pod is bounded in time and bears the marks of the collection.
extends_documentation_fragment:
  - kubedebug.core.auth
  - kubedebug.core.made
  - kubedebug.core.wait
  - kubedebug.core.attributes
  - kubedebug.core.attributes.action_group
attributes:
  check_mode:
    support: full
    details: The pod is sent to the API server as a dry run, so that its admission judges it.
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - A pod of the same description and owner that has not ended is used again.
options:
  namespace:
    description:
      - Namespace that the pod is made in; its Pod Security level has to allow O(profile).
      - Defaults to the namespace of the context, else V(default).
    type: str
  node:
    description:
      - Names of nodes.
    type: list
    elements: str
    required: true
  max_nodes:
    description:
      - The task fails before it does anything when more nodes than this are meant.
    type: int
    default: 10
  concurrency:
    description:
      - How many nodes are worked on side by side, at the most 128.
    type: int
    default: 16
  image:
    description:
      - Image of the debugger; C(docker.io/nicolaka/netshoot:v0.14) by default.
    type: str
seealso:
  - module: kubedebug.core.pod_copy
  - module: kubedebug.core.debug_cleanup
author:
  - The kubedebug.core authors (@kubedebug)
"""

EXAMPLES = r"""
- name: Have a debugger on two nodes
  kubedebug.core.node_debugger:
    namespace: operations
    node: [node-1, node-2]
    profile: sysadmin
    lifetime: 1800
    reason: the kubelet loses containers

- name: Delete it
  kubedebug.core.node_debugger:
    namespace: operations
    node: [node-1, node-2]
    state: absent
"""

RETURN = r"""
pods:
  description: One item for each pod, in the order of the option O(node).
  returned: always, except when the task was refused before anything was looked at
  type: list
  elements: dict
  contains:
    target:
      description: What it was made for.
      type: str
      sample: node/node-1
    namespace:
      description: Namespace of the pod that was made.
      type: str
      sample: shop
    name:
      description: Its name.
      type: str
      sample: node-debugger-node-1-3f1c2b9a70
    uid:
      description: Its UID; null in check mode.
      type: str
      sample: 5c7a1d1e-9a1c-4a27-8a53-0f2f7f0c7d11
    node:
      description: Its node, as far as that is known.
      type: str
      sample: node-1
    container:
      description: The container to work in.
      type: str
      sample: debugger
    action:
      description:
        - V(created), V(reused), V(deleted), V(failed), or V(planned) in check mode.
      type: str
      sample: created
    changed:
      description: Whether it was made or deleted, or would be in check mode.
      type: bool
      sample: true
    phase:
      description: Phase of the pod as it was seen last; null where there is none any more.
      type: str
      sample: Running
    owner:
      description: Who it belongs to.
      type: str
      sample: system:serviceaccount:shop:debugger
    expires_at:
      description: When it ends by itself, RFC 3339 in UTC.
      type: str
      sample: "2026-11-25T17:00:00Z"
    exec_command:
      description: The line with which a person goes on by hand; null where nothing runs.
      type: str
      sample: kubectl exec -it -n shop node-debugger-node-1-3f1c2b9a70 -c debugger -- sh
    error:
      description: Why this one failed; null where it did not.
      type: str
      sample: null
"""

from ansible_collections.kubedebug.core.plugins.module_utils._copies.node import (
    NODE_DEBUGGER,
)
from ansible_collections.kubedebug.core.plugins.module_utils._shell import run_module


def main() -> None:
    """Run the use case as a module."""
    run_module(NODE_DEBUGGER)


if __name__ == "__main__":
    main()
