#!/usr/bin/python
# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ephemeral_command
short_description: Run a command in a debugger of each pod
version_added: 0.1.0
description:
  - Runs an argv in a debugger of one or many pods and returns exit code and output of each.
  - The debugger is opened where it is not running yet, as
    M(kubedebug.core.ephemeral_container) does with the same options, and is used again by the next
    task that says the same.
  - The command gets a bound in time that holds inside the pod, also when the controller has died.
extends_documentation_fragment:
  - kubedebug.core.auth
  - kubedebug.core.select
  - kubedebug.core.target
  - kubedebug.core.debugger
  - kubedebug.core.attributes
  - kubedebug.core.attributes.action_group
attributes:
  check_mode:
    support: partial
    details:
      - Opening the debugger is a server dry run. The command is not run, since what it does cannot
        be foretold.
  diff_mode:
    support: partial
    details: Shows a debugger that is opened, not what the command changes.
  idempotent:
    support: N/A
    details: The command is run each time, as with M(ansible.builtin.command).
options:
  argv:
    description:
      - The command and its arguments as a list. Nothing of it is expanded or reaches a shell.
    type: list
    elements: str
    required: true
  stdin:
    description:
      - Text for the standard input of the command; without it there is none.
    type: str
  timeout:
    description:
      - Seconds after which the command and what it started are killed. A command has ended when its
        output has, too; what it leaves in the background with its output elsewhere runs on, until
        the debugger ends.
    type: int
    default: 60
  max_output:
    description:
      - How many bytes of each stream are kept, from its beginning. The rest is counted.
    type: int
    default: 524288
  failed_when_rc:
    description:
      - Whether an exit code other than 0 fails the task.
    type: bool
    default: true
  debugger:
    description:
      - Name of a running debugger to use, of whatever origin, instead of one that the options
        describe.
    type: str
  wait_timeout:
    description:
      - How long to wait for a debugger that is opened, in seconds.
    type: int
    default: 120
seealso:
  - module: kubedebug.core.ephemeral_container
author:
  - The kubedebug.core authors (@kubedebug)
"""

EXAMPLES = r"""
- name: Ask a server that has no shell, from inside its pod
  kubedebug.core.ephemeral_command:
    namespace: shop
    name: web-0
    argv: [wget, -qO-, "http://localhost:80"]
  register: answer

- name: Count the connections in every pod of a deployment
  kubedebug.core.ephemeral_command:
    namespace: shop
    workload: deployment/web
    argv: [sh, -c, "netstat -tn | grep -c ESTABLISHED"]
    failed_when_rc: false
    max_pods: 200
    concurrency: 32
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
      description: Whether the debugger was V(created) or V(reused); V(planned) in check mode.
      type: str
      sample: reused
    changed:
      description: Whether a debugger was added to the pod, or would be in check mode.
      type: bool
      sample: false
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
    exec_command:
      description: The line with which a person goes on by hand; null where no debugger runs.
      type: str
      sample: kubectl exec -it -n shop web-0 -c kubedebug-3f1c2b9a70 -- sh
    ran:
      description: Whether the command was run to its end.
      type: bool
      sample: true
    rc:
      description: Exit code of the command; null where it did not run.
      type: int
      sample: 0
    timed_out:
      description: Whether the command was killed at its bound in time.
      type: bool
      sample: false
    duration:
      description: Seconds that the command took, the connection included.
      type: float
      sample: 0.034
    stdout:
      description: Its output as text; bytes that are no UTF-8 are replaced.
      type: str
      sample: "OK - GET: Request completed"
    stdout_base64:
      description: The exact bytes where the output is no UTF-8, else null.
      type: str
      sample: null
    stdout_bytes:
      description: How many bytes the output had.
      type: int
      sample: 27
    stdout_truncated:
      description: Whether there were more than O(max_output).
      type: bool
      sample: false
    stderr:
      description: Its error output as text; bytes that are no UTF-8 are replaced.
      type: str
      sample: ""
    stderr_base64:
      description: The exact bytes where the error output is no UTF-8, else null.
      type: str
      sample: null
    stderr_bytes:
      description: How many bytes the error output had.
      type: int
      sample: 0
    stderr_truncated:
      description: Whether there were more than O(max_output).
      type: bool
      sample: false
    error:
      description: Why this pod failed; null where it did not.
      type: str
      sample: null
"""

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.command import (
    EPHEMERAL_COMMAND,
)
from ansible_collections.kubedebug.core.plugins.module_utils._shell import run_module


def main() -> None:
    """Run the use case as a module."""
    run_module(EPHEMERAL_COMMAND)


if __name__ == "__main__":
    main()
