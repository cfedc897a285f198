#!/usr/bin/python
# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pod_capture
short_description: Capture packets in the network namespace of pods, and bring them home verified
version_added: 0.1.0
description:
  - Records packets with C(tcpdump) in the network namespace of one or many pods, loopback included,
    side by side, and brings the files home with a checksum of both sides.
  - It works in a debugger of the pod or, where that is not allowed, in a Job on the pod's node; the
    result says which, and why. Either is opened where it is not running yet, and is used again.
  - A recording runs by itself and is bounded by itself, in time and in bytes, so also when the
    controller dies. A later task finds, stops and fetches it.
  - What nobody has fetched is never written over. A next recording of the same name is made beside
    it, and O(state=fetched) brings all of them.
  - tcpdump runs without C(-U) and C(--immediate-mode), which lose packets at a load that it bears
    without them. Instead the kernel's buffer is drained before it is stopped, which can take two
    seconds.
extends_documentation_fragment:
  - kubedebug.core.auth
  - kubedebug.core.select
  - kubedebug.core.target
  - kubedebug.core.agent
  - kubedebug.core.agent.mode
  - kubedebug.core.attributes
  - kubedebug.core.attributes.action_group
attributes:
  check_mode:
    support: partial
    details:
      - To open a debugger or a Job is a server dry run, and what is recorded already is looked at.
        Nothing is recorded, stopped or fetched, and C(filter) is not validated, since tcpdump does
        that where it runs.
  diff_mode:
    support: full
    details: Shows a debugger or a Job that is opened.
  idempotent:
    support: partial
    details:
      - O(state=started) changes nothing while a recording with the same options runs,
        O(state=stopped) where nothing runs, and O(state=fetched) where everything was fetched.
      - O(state=completed) makes a recording each time.
options:
  state:
    description:
      - V(started) begins a recording and returns when tcpdump listens, so that what the next task
        causes is in the file.
      - V(stopped) ends what runs, waits until all that had arrived is written, and fetches nothing.
      - V(fetched) stops what still runs, brings the files to O(dest), and removes them from the pod
        when their checksums agree.
      - V(completed) is all of it, with a wait for O(max_seconds), O(max_packets) or O(max_bytes).
    type: str
    choices: [started, stopped, fetched, completed]
    default: completed
  capture:
    description:
      - A name that tells several captures of a pod apart; up to 40 lower case letters, digits and
        dashes.
    type: str
    default: capture
  filter:
    description:
      - What to capture, in the language of C(pcap-filter(7)), as V(tcp port 80).
      - tcpdump validates it for the interface, on every pod, before a recording begins on any.
    type: str
    default: ""
  interface:
    description:
      - Interface of the pod; V(any) stands for all of them, loopback included.
    type: str
    default: any
  snaplen:
    description:
      - Bytes of a packet that are kept; V(0) keeps all.
    type: int
    default: 262144
  promiscuous:
    description:
      - Whether the interface is put into promiscuous mode. It has no effect for V(any).
    type: bool
    default: false
  max_seconds:
    description:
      - Seconds after which a recording ends, at the most a day.
    type: int
    default: 60
  max_bytes:
    description:
      - Size that the file of a recording never exceeds. The recording ends before it would, by as
        much as was written since the last look, a fifth of a second ago.
      - With the ring of O(files) it has no meaning, since that has a size of its own.
      - A debugger writes to the pod's own storage. Where the pod has a limit of ephemeral storage,
        at most half of it may be taken, since the node evicts a pod that exceeds it.
    type: int
    default: 104857600
  max_packets:
    description:
      - Number of packets after which a recording ends; V(0) for no such bound.
    type: int
    default: 0
  buffer_size:
    description:
      - Bytes of the kernel's buffer, for bursts that tcpdump cannot write at once.
    type: int
    default: 8388608
  files:
    description:
      - Number of files of a ring of O(file_size) each, of which the newest are kept. V(1) for none.
    type: int
    default: 1
  file_size:
    description:
      - Bytes of each file of a ring, rounded up to whole millions.
    type: int
    default: 0
  dest:
    description:
      - Where files are brought to; needed for O(state=fetched) and O(state=completed).
      - A path that ends in C(.pcap), C(.pcapng), C(.cap) or C(.dump) is a file, for the one file of
        one pod. Everything else is a folder, made where it is not there, in which each file is
        called NAMESPACE_POD_CAPTURE_TIME_NUMBER.pcap.
    type: path
  merge:
    description:
      - Whether what was fetched is also written into one pcapng file, in the order of time, with an
        interface for each pod that names pod, node and addresses.
    type: bool
    default: false
  merge_dest:
    description:
      - Path of the merged file. By default it is beside the others, as CAPTURE_TIME.pcapng.
    type: path
  summary:
    description:
      - Whether fetched files are read, for the summary in the result.
    type: bool
    default: true
  force:
    description:
      - Whether a file with other content at O(dest) is replaced.
    type: bool
    default: false
  keep_remote:
    description:
      - Whether the files stay in the pod after they were fetched.
    type: bool
    default: false
  allow_partial:
    description:
      - Whether a capture that is not whole is no failure. What arrived is kept and marked in either
        case, and stays in the pod where not all of it arrived.
    type: bool
    default: false
  fetch_timeout:
    description:
      - Seconds that the transfer of a file may take. What has come until then is kept, and the next
        task goes on from there.
    type: int
    default: 600
  lifetime:
    description:
      - Seconds after which the debugger or the Job ends by itself, with all that was not fetched.
        It has to be a minute more than O(max_seconds).
    type: int
    default: 3600
  wait_timeout:
    description:
      - How long to wait for a debugger or a Job that is opened, in seconds.
    type: int
    default: 120
notes:
  - In a debugger, what was recorded is lost when the pod is deleted before it is fetched. A Job
    stays for 15 minutes after the end of its target.
  - tcpdump has to be root with the capability C(NET_RAW). By default C(NET_ADMIN) is asked for as
    well; with O(mode=auto) a debugger does without both where Pod Security wants that, since
    C(NET_RAW) is in the default set of most runtimes.
seealso:
  - module: kubedebug.core.ephemeral_command
  - module: kubedebug.core.agent_job
author:
  - The kubedebug.core authors (@kubedebug)
"""

EXAMPLES = r"""
- name: Record ten seconds of HTTP of a pod
  kubedebug.core.pod_capture:
    namespace: shop
    name: web-0
    filter: tcp port 80
    max_seconds: 10
    dest: ./captures

- name: Begin to record on all pods of the deployment
  kubedebug.core.pod_capture:
    namespace: shop
    workload: deployment/web
    state: started
    filter: tcp port 80 or udp port 53
    max_seconds: 300
    max_pods: 50

- name: Do what is to be seen
  ansible.builtin.uri:
    url: http://shop.example.com/checkout

- name: Bring the captures home, and one file of all of them
  kubedebug.core.pod_capture:
    namespace: shop
    workload: deployment/web
    state: fetched
    dest: ./captures
    merge: true
    max_pods: 50
  register: captures

- name: Keep the newest 100 MB of a pod for an hour
  kubedebug.core.pod_capture:
    namespace: shop
    name: web-0
    state: started
    capture: flight-recorder
    max_seconds: 3600
    lifetime: 4000
    files: 10
    file_size: 10000000
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
    capture:
      description: Name of the capture.
      type: str
      sample: capture
    action:
      description:
        - Whether the debugger or the Job was V(created) or V(reused); V(planned) in check mode,
          V(failed) where there is none.
      type: str
      sample: created
    changed:
      description: Whether something was opened, begun, ended or brought home for this pod.
      type: bool
      sample: true
    mode:
      description: Where the capture is made, V(ephemeral) or V(job); null where nowhere.
      type: str
      sample: ephemeral
    reasons:
      description: Why in this mode; empty where the capture was there already.
      type: list
      elements: str
      sample: ["ephemeral: nothing speaks against it"]
    seat:
      description: The container of the capture; null where there is none.
      type: dict
      sample:
        namespace: shop
        pod: web-0
        container: kubedebug-3f1c2b9a70
    state:
      description:
        - V(running), V(stopped), or V(fetched) when it was brought home; V(lost) when it went with
          its pod; null where there is no recording.
      type: str
      sample: fetched
    ended_by:
      description:
        - What ended the recording, V(max_seconds), V(max_bytes), V(max_packets), V(stopped),
          V(target_gone), V(killed) or V(failed); null while it runs.
      type: str
      sample: max_seconds
    started_at:
      description: When tcpdump listened, by the clock of the node, in UTC.
      type: str
      sample: "2026-11-25T16:44:53.120Z"
    ended_at:
      description: When tcpdump had ended, by the clock of the node, in UTC; null while it runs.
      type: str
      sample: "2026-11-25T16:45:03.410Z"
    interface:
      description: The interface of the recording.
      type: str
      sample: any
    filter:
      description: The filter of the recording.
      type: str
      sample: tcp port 80
    link_type:
      description: The type of the file's link layer headers.
      type: str
      sample: LINUX_SLL2
    packets:
      description: tcpdump's own counts at its end; null where it did not come to tell them.
      type: dict
      contains:
        captured:
          description: Packets in the file.
          type: int
          sample: 1200
        received:
          description:
            - Packets that passed the filter, with those that were dropped. Linux counts packets on
              loopback in both directions, of which tcpdump takes one.
          type: int
          sample: 1200
        dropped_kernel:
          description: Packets that the kernel's buffer had no room for.
          type: int
          sample: 0
        dropped_interface:
          description: Packets that the interface dropped; null where tcpdump tells none.
          type: int
          sample: null
    bytes:
      description: Size of all files of the recording.
      type: int
      sample: 210412
    files:
      description: The files that were brought home, in the order of time.
      type: list
      elements: dict
      contains:
        path:
          description: Path on the controller; it ends in C(.partial) where not all of it came.
          type: str
          sample: ./captures/shop_web-0_capture_20261125T164453Z_0001.pcap
        size:
          description: Bytes that are there.
          type: int
          sample: 210412
        sha256:
          description: Checksum, the same on both sides; null where not all of it came.
          type: str
          sample: 08ccd2792374c29c4ebd1d0201fceb390e267b64f3851ad762008f44bb3b0d91
        whole:
          description: Whether all of it came, and the checksums agree.
          type: bool
          sample: true
        summary:
          description: What is in it, as RV(pods[].summary).
          type: dict
          sample:
            packets: 1200
        error:
          description: Why not all of it came; null where it did.
          type: str
          sample: null
    partial:
      description: Whether something of the capture is missing.
      type: bool
      sample: false
    partial_reason:
      description: What is missing, and why; null where nothing is.
      type: str
      sample: null
    summary:
      description:
        - What is in the capture, or of a ring in its newest file; null without a file, and where
          O(summary=false).
        - Packets, bytes, time of the first and the last packet, link types, protocols, top
          conversations, HTTP requests and responses that are not encrypted, DNS, TLS server names.
      type: dict
      sample:
        packets: 1200
        bytes: 190000
        first_packet: "2026-11-25T16:44:53.580854Z"
        last_packet: "2026-11-25T16:45:03.101001Z"
    clock:
      description:
        - What is known of the clock of the node; null where it was not asked. Timestamps are never
          changed by it.
      type: dict
      contains:
        offset:
          description: Seconds by which it is ahead of the controller's.
          type: float
          sample: 0.012
        uncertainty:
          description: Seconds by which that can be wrong, to either side.
          type: float
          sample: 0.041
    earlier:
      description:
        - Older recordings of the capture that were brought home with it, the oldest first. Each has
          the keys from RV(pods[].state) to RV(pods[].summary) but for the clock.
      type: list
      elements: dict
      sample: []
    error:
      description: Why this pod failed; null where it did not.
      type: str
      sample: null
merged:
  description: The file of all pods, for O(merge=true); null where there is none.
  returned: always, except when the task was refused before any pod was looked at
  type: dict
  contains:
    path:
      description: Path on the controller.
      type: str
      sample: ./captures/capture_20261125T164453Z.pcapng
    size:
      description: Its size in bytes.
      type: int
      sample: 634511
    sha256:
      description: Its checksum.
      type: str
      sample: 1b4f0e9851971998e732078544c96b36c3d01cedf7caa332359d6f1d83567014
    packets:
      description: Packets in it.
      type: int
      sample: 3600
    interfaces:
      description: Its interfaces, one or more for each pod.
      type: list
      elements: str
      sample: ["shop/web-0", "shop/web-1"]
    notes:
      description: What a reader has to know, as inputs that end too early.
      type: list
      elements: str
      sample: []
"""

from ansible_collections.kubedebug.core.plugins.module_utils._capture.capture import POD_CAPTURE
from ansible_collections.kubedebug.core.plugins.module_utils._shell import run_module


def main() -> None:
    """Run the use case as a module."""
    run_module(POD_CAPTURE)


if __name__ == "__main__":
    main()
