#!/usr/bin/python
# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: agent_job
short_description: Agents beside running containers, as Jobs on their nodes
version_added: 0.1.0
description:
  - Starts an agent for one or many running pods and waits until it is ready, or ends it. An agent
    is a Job on the node of its target, or the same as an ephemeral container of the target's pod.
  - Node, container ID, runtime, socket and process of the target are found out; nothing has to be
    looked up by hand.
  - Agents are told apart by an identity, the hash of what the task says of them and their owner. A
    running agent of the same identity is used again.
  - An agent ends when its target ends, and after its O(lifetime), also when nobody is there to end
    it. A Job that cannot start its agent is deleted again.
  - What the cluster would refuse is found out by access reviews and server dry runs before anything
    is made.
extends_documentation_fragment:
  - kubedebug.core.auth
  - kubedebug.core.select
  - kubedebug.core.target
  - kubedebug.core.wait
  - kubedebug.core.agent
  - kubedebug.core.agent.launch
  - kubedebug.core.agent.mode
  - kubedebug.core.attributes
  - kubedebug.core.attributes.action_group
attributes:
  check_mode:
    support: full
    details: O(state=present) asks the API server for a dry run of every Job.
  diff_mode:
    support: full
    details: The values of the agent's environment are masked.
  idempotent:
    support: full
    details: A running agent of the same identity is used again.
options:
  state:
    description:
      - V(present) has an agent for each pod.
      - V(absent) deletes the Jobs of O(owner) for each pod, or those that O(agent) names, and waits
        until their pods are gone. With O(mode=ephemeral) or V(auto) it also ends the debugger that
        the task describes.
    type: str
    choices: [present, absent]
    default: present
  agent:
    description:
      - For O(state=absent), names of the Jobs to delete, whoever they belong to. They must be
        agents of this collection, for the pods that are meant.
    type: list
    elements: str
    default: []
  mode:
    description:
      - V(ephemeral) is an ephemeral container of the target's own pod, V(job) a Job on the target's
        node.
      - V(auto) takes the first of them that passes. It asks for the credentials' rights and for a
        server dry run before anything is made, and the reasons are in the result. An agent that
        runs already is used again in either mode.
      - A copy of the pod is no mode, for it is not the target. Its processes are fresh ones, its
        network is its own, and the application runs twice. Where both modes are refused, the error
        holds the task of M(kubedebug.core.pod_copy) that makes one.
    type: str
    choices: [auto, ephemeral, job]
    default: job
seealso:
  - module: kubedebug.core.agent_job_info
  - module: kubedebug.core.ephemeral_container
author:
  - The kubedebug.core authors (@kubedebug)
"""

EXAMPLES = r"""
- name: Have an agent in the network namespace of a pod, in whatever mode is allowed
  kubedebug.core.agent_job:
    namespace: shop
    name: web-0
    mode: auto
    namespaces: [net]
    command: [tcpdump, -i, any, -n, port, "80"]
    ready_log: listening on
    reason: Requests hang
    ticket: OPS-17

- name: Have one that talks to the container runtime, in a namespace that allows it
  kubedebug.core.agent_job:
    namespace: shop
    workload: deployment/web
    agent_namespace: debug-agents
    image: registry.example.com/tools/crictl:1.34
    runtime_socket: auto
    command: [crictl, --runtime-endpoint, "unix://{socket}", inspect, "{container_id}"]

- name: Start mirrord's agent
  kubedebug.core.agent_job:
    namespace: shop
    name: web-0
    preset: mirrord
    lifetime: 900

- name: End what I have for the pod
  kubedebug.core.agent_job:
    namespace: shop
    name: web-0
    state: absent
"""

RETURN = r"""
pods:
  description:
    - One item for each pod, and with O(state=absent) for each agent, ordered by namespace and name.
  returned: always, except when the task was refused before any pod was looked at
  type: list
  elements: dict
  contains:
    namespace:
      description: Namespace of the target pod.
      type: str
      sample: shop
    name:
      description: Name of the target pod.
      type: str
      sample: web-0
    uid:
      description: UID of the target pod.
      type: str
      sample: 5c7a1d1e-9a1c-4a27-8a53-0f2f7f0c7d11
    node:
      description: Node of the target pod.
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
        What was done. V(created), V(reused), V(ended), V(failed); V(planned) in check mode; V(none)
        where there was nothing to end.
      type: str
      sample: created
    changed:
      description: Whether something was changed for this pod, or would be in check mode.
      type: bool
      sample: true
    mode:
      description: In which mode the agent is.
      type: str
      sample: job
    reasons:
      description: With O(mode=auto), why it is in that mode, in the order of the trials.
      type: list
      elements: str
      sample: ["ephemeral: it has no runtime_socket", "job: nothing speaks against it"]
    agent:
      description: Name of the Job, or of the ephemeral container.
      type: str
      sample: kubedebug-agent-3f1c2b9a70
    agent_namespace:
      description: Namespace of the agent.
      type: str
      sample: shop
    agent_pod:
      description: Pod that the agent runs in; null where none does.
      type: str
      sample: kubedebug-agent-3f1c2b9a70-x7x2v
    agent_container:
      description: Container that the agent runs in; null where none does.
      type: str
      sample: agent
    pid:
      description: First process of the target as the agent sees it; null where nothing needed it.
      type: int
      sample: 20572
    socket:
      description: Socket of the container runtime as the agent sees it; null without one.
      type: str
      sample: /host/run/containerd/containerd.sock
    expires_at:
      description: When the agent ends by itself.
      type: str
      sample: "2026-11-24T18:00:00Z"
    exec_command:
      description: The line with which a person goes on by hand; null where no agent runs.
      type: str
      sample: kubectl exec -it -n shop kubedebug-agent-3f1c2b9a70-x7x2v -c agent -- sh
    error:
      description: Why this pod failed; null where it did not.
      type: str
      sample: null
"""

from ansible_collections.kubedebug.core.plugins.module_utils._agent.agent import AGENT_JOB
from ansible_collections.kubedebug.core.plugins.module_utils._shell import run_module


def main() -> None:
    """Run the use case as a module."""
    run_module(AGENT_JOB)


if __name__ == "__main__":
    main()
