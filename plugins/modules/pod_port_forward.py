#!/usr/bin/python
# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pod_port_forward
short_description: Forward a port of the loopback address to a port of a pod
version_added: 0.1.0
description:
  - Opens a port on V(127.0.0.1) of the machine that the task runs on, and forwards each connection
    to it to a port of a pod through the API server, for the tasks that follow. The port can be the
    application's, a debugger's or an agent's.
  - The task returns once the port listens and, with O(probe), once the port of the pod was
    connected.
  - A process of its own keeps the forward open. It ends at O(state=stopped), after O(lifetime),
    when the playbook that started it ends, however that comes, and when the pod goes; connections
    that are open then are reset.
  - The same task again finds the forward that is there, with the same local port. It lets it last
    for O(lifetime) from then on.
  - Credentials are handed on in memory. The only files are in the user's runtime folder and hold
    no secret.
extends_documentation_fragment:
  - kubedebug.core.auth
  - kubedebug.core.select
  - kubedebug.core.target
  - kubedebug.core.attributes
  - kubedebug.core.attributes.action_group
attributes:
  check_mode:
    support: full
    details: Nothing is connected in check mode, so the port of the pod is not probed.
  diff_mode:
    support: none
    details: Neither the pod nor a file of the machine changes.
  idempotent:
    support: full
options:
  state:
    description:
      - V(started) opens a forward for each pod, or finds it there.
      - V(stopped) ends forwards and returns what they have relayed. It takes the same options as
        the task that started them, and then asks the API server for nothing. Without O(name),
        O(workload), O(where) and selectors it means every forward of this playbook (those of
        O(outlive_playbook) included).
    type: str
    choices: [started, stopped]
    default: started
  port:
    description:
      - Port of the pod, by its number or by the name that a container gives to it. A number need
        not be declared by any container.
      - Something has to listen there on the pod's loopback address or on all addresses.
      - Required for O(state=started). For O(state=stopped) it leaves out the pod's other ports.
    type: str
  local_port:
    description:
      - Port of V(127.0.0.1). V(0) takes one that is free, which RV(pods[].local_port) tells.
      - With several pods it has to be V(0), so that each of them gets one.
    type: int
    default: 0
  lifetime:
    description:
      - After so many seconds the forward ends by itself, at the most V(604800).
    type: int
    default: 3600
  probe:
    description:
      - Whether to connect to the port of the pod once, and to close that connection without any
        data, so that a port on which nothing listens fails this task and not a later one.
      - Set it to V(false) for a server that takes a single connection only, as
        C(gdbserver --once).
    type: bool
    default: true
  outlive_playbook:
    description:
      - Whether the forward goes on when the playbook ends, until O(lifetime) is over or a later
        playbook stops it.
    type: bool
    default: false
  timeout:
    description:
      - How long to wait for the first connection, in seconds.
    type: int
    default: 30
notes:
  - The playbook is found where the task runs on its machine, be it in the controller's process or
    as a module. On another machine, and with C(async), the forward ends by O(lifetime) at the
    latest.
  - The API has no half-close. A client that has ended its own direction still gets the answer,
    until the pod ends the connection or is silent for 10 seconds; the pod does not see the end of
    that direction before.
  - A connection that does not end in good order is reset on the local side, so that a client does
    not take a part for the whole.
  - Up to 256 connections are relayed at a time; further ones wait.
seealso:
  - module: kubedebug.core.pod_probe
author:
  - The kubedebug.core authors (@kubedebug)
"""

EXAMPLES = r"""
- name: Talk to the application for the tasks of a block
  block:
    - name: Forward its port
      kubedebug.core.pod_port_forward:
        namespace: shop
        name: web-0
        port: 80
      register: forward

    - name: Ask it
      ansible.builtin.uri:
        url: "http://{{ forward.pods[0].address }}/"
  always:
    - name: Stop the forward
      kubedebug.core.pod_port_forward:
        namespace: shop
        name: web-0
        port: 80
        state: stopped

- name: Forward the port that every pod of a deployment calls metrics
  kubedebug.core.pod_port_forward:
    namespace: shop
    workload: deployment/web
    port: metrics
  register: forwards

- name: Keep a forward for an hour of work by hand
  kubedebug.core.pod_port_forward:
    namespace: shop
    name: web-0
    port: 5005
    local_port: 5005
    outlive_playbook: true
    lifetime: 3600
"""

RETURN = r"""
pods:
  description: One item for each forward, ordered by namespace and name of the pod.
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
    port:
      description: Port of the pod.
      type: int
      sample: 80
    action:
      description:
        - V(started), V(reused) for one that was there, V(stopped), V(none) for one that had ended
          before it was to be stopped, V(planned) in check mode, or V(failed).
      type: str
      sample: started
    host:
      description: The local address, always V(127.0.0.1).
      type: str
      sample: 127.0.0.1
    local_port:
      description: The local port; null where it is not known yet.
      type: int
      sample: 40123
    address:
      description: Both of them, as in a URL; null where the port is not known yet.
      type: str
      sample: 127.0.0.1:40123
    pid:
      description: The process that keeps the forward open; null where there is none.
      type: int
      sample: 4711
    expires:
      description: When the forward ends by itself.
      type: str
      sample: "2026-11-25T16:30:00Z"
    ends_with_playbook:
      description: Whether the forward ends when the playbook does.
      type: bool
      sample: true
    ended:
      description: Why the forward has ended; null while it is there.
      type: str
      sample: null
    connections:
      description: Connections that were accepted; null as long as the forward is there.
      type: int
      sample: 12
    failed_connections:
      description: Those of them that did not end in good order; null as long as the forward is
        there.
      type: int
      sample: 0
    bytes_to_pod:
      description: Bytes that the pod was sent; null as long as the forward is there.
      type: int
      sample: 5120
    bytes_from_pod:
      description: Bytes that came from the pod; null as long as the forward is there.
      type: int
      sample: 1048576
    last_error:
      description: Why the last connection that failed did; null where none did, and as long as the
        forward is there.
      type: str
      sample: null
    error:
      description: Why this forward failed; null where it did not.
      type: str
      sample: null
"""

from ansible_collections.kubedebug.core.plugins.module_utils._forward.forward import (
    POD_PORT_FORWARD,
)
from ansible_collections.kubedebug.core.plugins.module_utils._shell import run_module


def main() -> None:
    """Run the use case as a module."""
    run_module(POD_PORT_FORWARD)


if __name__ == "__main__":
    main()
