#!/usr/bin/python
# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ephemeral_container
short_description: Debuggers in running pods
version_added: 0.1.0
description:
  - Adds an ephemeral container to one or many running pods and waits until it runs, or stops it.
  - Debuggers are told apart by an identity, the hash of what the task says of the container and its
    owner. A running debugger of the same identity is used again, since the API never lets an entry
    go from a pod.
  - Each debugger ends by itself after its O(lifetime), also when nobody is there to stop it.
  - What the cluster would refuse is found out by access reviews and a server dry run before any pod
    is changed.
extends_documentation_fragment:
  - kubedebug.core.auth
  - kubedebug.core.select
  - kubedebug.core.target
  - kubedebug.core.wait
  - kubedebug.core.debugger
  - kubedebug.core.attributes
  - kubedebug.core.attributes.action_group
attributes:
  check_mode:
    support: full
    details: O(state=present) asks the API server for a dry run of every patch.
  diff_mode:
    support: full
    details: The values of the debugger's environment are masked.
  idempotent:
    support: partial
    details:
      - With O(wait_for=running), a running debugger of the same identity is used again.
      - With O(wait_for=finished), the command is run each time.
options:
  state:
    description:
      - V(present) has a debugger run in each pod.
      - V(stopped) ends running debuggers by a signal to their own processes, and verifies it. The
        entry stays in the pod, finished, until the pod goes.
      - V(extended) lets running debuggers of this collection stay for at least nine tenths of
        O(lifetime) from now. It is the debugger itself that knows of it; what stands in the API as
        its expiry stays the same.
    type: str
    choices: [present, extended, stopped]
    default: present
  command:
    description:
      - What the debugger runs, as a list; nothing of it reaches a shell.
      - Without it the debugger waits for its O(lifetime), for commands to be run in it.
    type: list
    elements: str
    default: []
  args:
    description:
      - Arguments for the entry point of the image. Needs O(lifetime=0), since the collection cannot
        bound what it does not start itself.
    type: list
    elements: str
    default: []
  stdin:
    description:
      - Whether the debugger keeps an open standard input, for C(kubectl attach).
    type: bool
    default: false
  tty:
    description:
      - Whether the debugger has a terminal, for C(kubectl attach).
    type: bool
    default: false
  wait_for:
    description:
      - What to wait for. With V(finished), an exit code other than 0 fails the task.
    type: str
    choices: [running, finished]
    default: running
  debugger:
    description:
      - For O(state=stopped), names of the debuggers to stop, of whatever origin; for
        O(state=extended), of those to extend.
      - Without it, those that this collection started for O(owner) are meant.
    type: list
    elements: str
    default: []
  grace_period:
    description:
      - For O(state=stopped), seconds between the signal that asks and the one that does not.
    type: int
    default: 5
seealso:
  - module: kubedebug.core.ephemeral_container_info
  - module: kubedebug.core.ephemeral_command
author:
  - The kubedebug.core authors (@kubedebug)
"""

EXAMPLES = r"""
- name: Have a debugger beside the container of a pod
  kubedebug.core.ephemeral_container:
    namespace: shop
    name: web-0
    reason: Requests hang
    ticket: OPS-17

- name: Have one in each pod of a deployment that is not ready, for a quarter of an hour
  kubedebug.core.ephemeral_container:
    namespace: shop
    workload: deployment/web
    where: status.conditions[?type == 'Ready'].status | [0] == 'False'
    lifetime: 900

- name: Run one command to its end in a namespace of Pod Security level restricted
  kubedebug.core.ephemeral_container:
    namespace: shop
    name: web-0
    profile: restricted
    custom:
      securityContext:
        runAsUser: 1000
    command: [wget, -qO-, "http://localhost:80"]
    wait_for: finished

- name: Let it stay for two hours from now
  kubedebug.core.ephemeral_container:
    namespace: shop
    name: web-0
    state: extended
    lifetime: 7200

- name: End what I have running in the pod
  kubedebug.core.ephemeral_container:
    namespace: shop
    name: web-0
    state: stopped
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
      description: Container that was meant.
      type: str
      sample: web
    ports:
      description: TCP ports that the container declares, in its order.
      type: list
      elements: int
      sample: [80]
    action:
      description: >-
        What was done. V(planned) in check mode; V(none) where there was nothing to stop; V(kept)
        where a debugger stays for long enough as it is.
      type: str
      sample: created
    changed:
      description: Whether this pod was changed, or would be in check mode.
      type: bool
      sample: true
    debugger:
      description: Name of the debugger's entry.
      type: str
      sample: kubedebug-3f1c2b9a70
    entry:
      description:
        - The entry as it was seen last, with the fields that
          M(kubedebug.core.ephemeral_container_info) describes; null where there is none.
      type: dict
      sample:
        name: kubedebug-3f1c2b9a70
        state: running
        owner: alice
        expires_at: "2026-11-24T18:00:00Z"
    exec_command:
      description: The line with which a person goes on by hand; null where no debugger runs.
      type: str
      sample: kubectl exec -it -n shop web-0 -c kubedebug-3f1c2b9a70 -- sh
    error:
      description: Why this pod failed; null where it did not.
      type: str
      sample: null
"""

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.container import (
    EPHEMERAL_CONTAINER,
)
from ansible_collections.kubedebug.core.plugins.module_utils._shell import run_module


def main() -> None:
    """Run the use case as a module."""
    run_module(EPHEMERAL_CONTAINER)


if __name__ == "__main__":
    main()
