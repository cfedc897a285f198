#!/usr/bin/python
# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ephemeral_container_info
short_description: Ephemeral containers of pods
version_added: 0.1.0
description:
  - Lists the ephemeral containers of selected pods or of the whole cluster, with state, exit code,
    owner and expiry, whoever added them.
  - Pods are read page by page, and pages without an ephemeral container are not parsed.
extends_documentation_fragment:
  - kubedebug.core.auth
  - kubedebug.core.select
  - kubedebug.core.attributes
  - kubedebug.core.attributes.action_group
  - kubedebug.core.attributes.info
options:
  states:
    description:
      - States of the entries that are listed; all of them by default.
    type: list
    elements: str
    choices: [waiting, running, finished, unknown]
    default: []
  managed_only:
    description:
      - Whether to list only those that this collection started.
    type: bool
    default: false
  query:
    description:
      - A JMESPath expression on the list that RV(pods) returns; its value is in RV(result).
    type: str
seealso:
  - module: kubedebug.core.ephemeral_container
author:
  - The kubedebug.core authors (@kubedebug)
"""

EXAMPLES = r"""
- name: What debuggers run in the cluster, and whose are they
  kubedebug.core.ephemeral_container_info:
    all_namespaces: true
    states: [running]
    query: "[].ephemeral_containers[].{name: name, owner: owner, expires: expires_at}"
  register: debuggers

- name: Those of one deployment that failed
  kubedebug.core.ephemeral_container_info:
    namespace: shop
    workload: deployment/web
    states: [finished]
    query: "[].ephemeral_containers[?exit_code != `0`][]"
"""

RETURN = r"""
pods:
  description: The pods that have such an ephemeral container, ordered by namespace and name.
  returned: success
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
    phase:
      description: Phase of the pod.
      type: str
      sample: Running
    ephemeral_containers:
      description: Its ephemeral containers, in the order of the pod's list.
      type: list
      elements: dict
      contains:
        name:
          description: Name of the entry.
          type: str
          sample: kubedebug-3f1c2b9a70
        image:
          description: Its image.
          type: str
          sample: docker.io/nicolaka/netshoot:v0.14
        state:
          description: >-
            V(waiting), V(running), V(finished), or V(unknown) before the kubelet has seen it.
          type: str
          sample: running
        reason:
          description: The cluster's reason for that state.
          type: str
          sample: ImagePullBackOff
        message:
          description: The cluster's message to that reason.
          type: str
          sample: null
        exit_code:
          description: Exit code of a finished one.
          type: int
          sample: 0
        started_at:
          description: When it was started.
          type: str
          sample: "2026-11-24T17:00:00Z"
        finished_at:
          description: When it finished.
          type: str
          sample: null
        target_container:
          description: The container whose process namespace it is in.
          type: str
          sample: web
        managed:
          description: Whether this collection started it.
          type: bool
          sample: true
        tool:
          description: What started it, as far as its marks tell.
          type: str
          sample: kubedebug
        identity:
          description: The hash by which the collection uses it again.
          type: str
          sample: 3f1c2b9a70
        owner:
          description: Who it belongs to.
          type: str
          sample: alice
        reason_given:
          description: Why it was started, in the words of the task.
          type: str
          sample: Requests hang
        ticket:
          description: The ticket that it was started for.
          type: str
          sample: OPS-17
        expires_at:
          description: When it ends by itself, unless somebody has extended it.
          type: str
          sample: "2026-11-24T18:00:00Z"
        exec_command:
          description: The line with which a person joins it; null where it does not run.
          type: str
          sample: kubectl exec -it -n shop web-0 -c kubedebug-3f1c2b9a70 -- sh
result:
  description: The value of O(query); null without one.
  returned: success
  type: raw
  sample: null
"""

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.info import (
    EPHEMERAL_CONTAINER_INFO,
)
from ansible_collections.kubedebug.core.plugins.module_utils._shell import run_module


def main() -> None:
    """Run the use case as a module."""
    run_module(EPHEMERAL_CONTAINER_INFO)


if __name__ == "__main__":
    main()
