#!/usr/bin/python
# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: agent_job_info
short_description: Agents that run as Jobs
version_added: 0.1.0
description:
  - Lists the agents' Jobs of a namespace or of the whole cluster, with state, target, node, owner
    and expiry.
  - Agents in ephemeral containers are listed by M(kubedebug.core.ephemeral_container_info).
extends_documentation_fragment:
  - kubedebug.core.auth
  - kubedebug.core.attributes
  - kubedebug.core.attributes.action_group
  - kubedebug.core.attributes.info
options:
  namespace:
    description:
      - Namespace of the agents.
      - Defaults to the namespace of the context, else V(default).
    type: str
  all_namespaces:
    description:
      - Whether to look in every namespace. Excludes O(namespace).
    type: bool
    default: false
  target:
    description:
      - Pods whose agents are listed, as C(name) or C(namespace/name); all by default.
    type: list
    elements: str
    default: []
  states:
    description:
      - States of the agents that are listed; all of them by default.
    type: list
    elements: str
    choices: [waiting, running, finished, failed, ending]
    default: []
  owner:
    description:
      - Whose agents are listed; everybody's by default.
    type: str
  managed_only:
    description:
      - Whether to list only what this collection made. Otherwise the Jobs that mirrord itself made
        are listed, too.
    type: bool
    default: true
  where:
    description:
      - A JMESPath predicate on the Job's object; Jobs for which it is true remain.
    type: str
  query:
    description:
      - A JMESPath expression on the list that RV(agents) returns; its value is in RV(result).
    type: str
requirements:
  - jmespath (for O(where) and O(query))
seealso:
  - module: kubedebug.core.agent_job
  - module: kubedebug.core.ephemeral_container_info
author:
  - The kubedebug.core authors (@kubedebug)
"""

EXAMPLES = r"""
- name: What agents run in the cluster, and whose are they
  kubedebug.core.agent_job_info:
    all_namespaces: true
    states: [running]
    query: "[].{target: target, node: node, owner: owner, expires: expires_at}"
  register: agents

- name: Why did the agent of a pod fail
  kubedebug.core.agent_job_info:
    namespace: shop
    target: [web-0]
    states: [failed]
"""

RETURN = r"""
agents:
  description: The agents, ordered by namespace and name.
  returned: success
  type: list
  elements: dict
  contains:
    namespace:
      description: Namespace of the Job.
      type: str
      sample: shop
    name:
      description: Name of the Job.
      type: str
      sample: kubedebug-agent-3f1c2b9a70
    uid:
      description: UID of the Job.
      type: str
      sample: 5c7a1d1e-9a1c-4a27-8a53-0f2f7f0c7d11
    state:
      description: >-
        V(waiting), V(running), V(finished) for an agent that ended well, V(failed), or V(ending)
        while it is deleted.
      type: str
      sample: running
    reason:
      description: The cluster's reason for that state.
      type: str
      sample: DeadlineExceeded
    message:
      description: The cluster's message to that reason.
      type: str
      sample: null
    exit_code:
      description: Exit code of a finished agent.
      type: int
      sample: null
    pod:
      description: Pod of the Job.
      type: str
      sample: kubedebug-agent-3f1c2b9a70-x7x2v
    node:
      description: Node of the agent.
      type: str
      sample: node-1
    image:
      description: Its image.
      type: str
      sample: docker.io/nicolaka/netshoot:v0.14
    target:
      description: Target pod as namespace and name.
      type: str
      sample: shop/web-0
    target_uid:
      description: UID of the target pod.
      type: str
      sample: 0b0a9a3c-6f50-4b1e-9d5c-5a1f1a2f6f0e
    target_container:
      description: Container of the target pod.
      type: str
      sample: web
    target_container_id:
      description: ID of that container.
      type: str
      sample: 1f0c4ad4c2d7
    namespaces:
      description: Namespaces of the target that the agent's command runs in.
      type: list
      elements: str
      sample: [net]
    preset:
      description: The preset that it was made by.
      type: str
      sample: mirrord
    managed:
      description: Whether this collection made it.
      type: bool
      sample: true
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
    created_at:
      description: When the Job was made.
      type: str
      sample: "2026-11-24T17:00:00Z"
    started_at:
      description: When the agent was started.
      type: str
      sample: "2026-11-24T17:00:01Z"
    finished_at:
      description: When the agent finished.
      type: str
      sample: null
    expires_at:
      description: When it ends by itself.
      type: str
      sample: "2026-11-24T18:00:00Z"
result:
  description: The value of O(query); null without one.
  returned: success
  type: raw
  sample: null
"""

from ansible_collections.kubedebug.core.plugins.module_utils._agent.info import AGENT_JOB_INFO
from ansible_collections.kubedebug.core.plugins.module_utils._shell import run_module


def main() -> None:
    """Run the use case as a module."""
    run_module(AGENT_JOB_INFO)


if __name__ == "__main__":
    main()
