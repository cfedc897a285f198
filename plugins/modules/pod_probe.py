#!/usr/bin/python
# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pod_probe
short_description: Measure the latency to a peer from inside each pod
version_added: 0.1.0
description:
  - Makes HTTP requests, TCP connections or pings to a peer from inside the network namespace of one
    or many pods, and returns the statistics of each pod.
  - It runs in a debugger, which is opened where it is not running yet, as
    M(kubedebug.core.ephemeral_container) does with the same options, and is used again by the next
    task that says the same.
  - The debugger's C(python3) measures if its image has one, on the monotonic clock and without the
    start of a process for each attempt. Otherwise C(curl) does for HTTP and TCP, C(ping) for pings.
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
      - Opening the debugger is a server dry run. Nothing is measured, and RV(pods[].probe) is null.
  diff_mode:
    support: full
    details: Shows a debugger that is opened.
  idempotent:
    support: full
    details: The peer is asked each time, which is no change. A debugger is opened once.
options:
  method:
    description:
      - V(http) sends a C(GET) request on a connection of its own for each attempt, and measures
        until the answer has been read, at the most 64 KiB of it. Every answer counts, whatever its
        status; redirects are not followed.
      - V(tcp) measures until the connection stands, and sends nothing.
      - V(ping) sends ICMP echo requests. Where O(profile) and the node do not allow that, the error
        says what does.
    type: str
    choices: [http, tcp, ping]
    default: http
  peer:
    description:
      - Name or address of the peer, as the pod sees it. A name is resolved once, before the first
        attempt.
    type: str
    default: localhost
  port:
    description:
      - Port of the peer. Required for O(method=tcp), not allowed for O(method=ping).
      - Defaults to V(80) for O(scheme=http) and to V(443) for O(scheme=https).
    type: int
  scheme:
    description:
      - Whether O(method=http) uses TLS, whose handshake then is part of the latency.
    type: str
    choices: [http, https]
    default: http
  path:
    description:
      - Path and query of the request of O(method=http).
    type: str
    default: /
  headers:
    description:
      - Headers of the request of O(method=http), C(Host) among them.
      - They reach the debugger on its standard input, so that they are in no audit log and in no
        list of processes. Values of headers whose names tell of a secret are masked in the result.
    type: dict
    default: {}
  validate_peer_certs:
    description:
      - Whether the certificate of the peer has to verify, for its name and with the certificates of
        the debugger's image, for O(scheme=https).
    type: bool
    default: true
  count:
    description:
      - How many attempts are made, V(1) to V(1000).
    type: int
    default: 10
  interval:
    description:
      - Seconds between the beginnings of two attempts. After an attempt that took longer the next
        one begins at once.
      - All attempts with O(interval) and O(timeout) may take an hour at the most.
    type: float
    default: 0.2
  timeout:
    description:
      - Seconds after which an attempt is lost, V(0.01) to V(60).
    type: float
    default: 2.0
  max_loss:
    description:
      - The task fails when more than this many percent of a pod's attempts are lost.
      - Without it the task fails only where all of them are lost; V(100) never fails for a loss.
    type: float
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
  - module: kubedebug.core.ephemeral_command
author:
  - The kubedebug.core authors (@kubedebug)
"""

EXAMPLES = r"""
- name: Ask the pod's own server, without the network in between
  kubedebug.core.pod_probe:
    namespace: shop
    name: web-0
    port: 8080
    path: /healthz
  register: own

- name: Fail when a pod of the deployment reaches the database slowly
  kubedebug.core.pod_probe:
    namespace: shop
    workload: deployment/web
    method: tcp
    peer: db.shop.svc
    port: 5432
    count: 50
    max_loss: 2
    max_pods: 50
  register: db
  failed_when: db is failed or db.pods | map(attribute='probe.p99') | max > 20

- name: Ping a node from inside a pod
  kubedebug.core.pod_probe:
    namespace: shop
    name: web-0
    method: ping
    peer: 10.0.0.12
    profile: netadmin
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
      description:
        - Whether the debugger was V(created) or V(reused); V(planned) in check mode, V(failed)
          where there is none.
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
      description: The line with which a person goes on by hand.
      type: str
      sample: kubectl exec -it -n shop web-0 -c kubedebug-3f1c2b9a70 -- sh
    probe:
      description: The measurement; null where there was none.
      type: dict
      contains:
        method:
          description: What was measured.
          type: str
          sample: http
        peer:
          description: The peer, as a URL for HTTP, with its port for TCP.
          type: str
          sample: http://localhost:8080/healthz
        address:
          description: The address that was used last; null where none answered.
          type: str
          sample: 127.0.0.1
        tool:
          description: What measured, V(python3), V(curl) or V(ping).
          type: str
          sample: python3
        sent:
          description: How many attempts were made.
          type: int
          sample: 10
        received:
          description: How many of them were answered in time.
          type: int
          sample: 10
        loss_percent:
          description: The share that was not.
          type: float
          sample: 0.0
        min:
          description: Shortest latency in milliseconds. This one and those that follow are null
            where nothing was answered.
          type: float
          sample: 0.412
        avg:
          description: Arithmetic mean in milliseconds.
          type: float
          sample: 0.533
        max:
          description: Longest latency in milliseconds.
          type: float
          sample: 1.021
        p50:
          description:
            - The median in milliseconds. Percentiles are by nearest rank, so always latencies that
              were measured, and with few attempts the high ones are the maximum.
          type: float
          sample: 0.481
        p90:
          description: 90 percent of the answers came within this many milliseconds.
          type: float
          sample: 0.702
        p99:
          description: 99 percent of the answers came within this many milliseconds.
          type: float
          sample: 1.021
        stddev:
          description: Standard deviation of all answered attempts in milliseconds.
          type: float
          sample: 0.173
        resolved:
          description: Milliseconds that the resolution of O(peer) took; null where the tool does
            not tell.
          type: float
          sample: 0.219
        status_codes:
          description: How often each HTTP status came; empty for other methods.
          type: dict
          sample:
            "200": 10
        body_sample:
          description:
            - The first 200 bytes of the last answer's body as text, without what could steer a
              terminal; null where there was none.
          type: str
          sample: "OK - GET: Request completed\n"
        errors:
          description: Why attempts were lost, the most frequent reason first.
          type: list
          elements: dict
          contains:
            reason:
              description: The reason.
              type: str
              sample: timed out
            count:
              description: How many attempts it cost.
              type: int
              sample: 1
        samples:
          description: The latency of each attempt in milliseconds, in their order; null for a lost
            one.
          type: list
          elements: float
          sample: [1.021, 0.481, 0.412]
    error:
      description: Why this pod failed; null where it did not.
      type: str
      sample: null
"""

from ansible_collections.kubedebug.core.plugins.module_utils._probe.probe import POD_PROBE
from ansible_collections.kubedebug.core.plugins.module_utils._shell import run_module


def main() -> None:
    """Run the use case as a module."""
    run_module(POD_PROBE)


if __name__ == "__main__":
    main()
