#!/usr/bin/python
# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pod_copy
short_description: Copy a pod to debug in the copy
version_added: 0.1.0
description:
  - Makes a copy of one or many pods with a container added, another command or other images, as
    C(kubectl debug --copy-to) does, and waits until it runs. The pod itself is left alone, unless
    O(replace) is set.
  - Each copy is bounded in time, bears the marks of the collection, and has none of the pod's
    labels, so that no service and no controller takes it for one of its own.
extends_documentation_fragment:
  - kubedebug.core.auth
  - kubedebug.core.select
  - kubedebug.core.target
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
  copy_name:
    description:
      - Name of the copy; only where one pod is meant. By default it is made of the pod's name and
        of what the copy is.
    type: str
  container:
    description:
      - Container of the copy that O(image), O(command), O(args), O(env) and O(profile) change.
        Without it a container is added, where O(image) is given.
    type: str
  debugger_name:
    description:
      - Name of the container that is added; V(debugger) by default.
    type: str
  image:
    description:
      - Image of the container that is added, or of O(container).
    type: str
  set_image:
    description:
      - New images of containers by their names; V(*) stands for all others.
    type: dict
    default: {}
  same_node:
    description:
      - Whether the copy runs on the pod's node, whatever the scheduler thinks of that.
    type: bool
    default: false
  share_processes:
    description:
      - Whether the containers of the copy see each other's processes. By default they do where
        a container is added or changed, unless the pod says otherwise.
    type: bool
  keep_labels:
    description:
      - Whether the copy has the labels of the pod. Services and controllers then count it in.
    type: bool
    default: false
  keep_annotations:
    description:
      - Whether the copy has the annotations of the pod.
    type: bool
    default: false
  keep_liveness:
    description:
      - Whether the copy has the liveness probes of the pod.
    type: bool
    default: false
  keep_readiness:
    description:
      - Whether the copy has the readiness probes of the pod.
    type: bool
    default: false
  keep_startup:
    description:
      - Whether the copy has the startup probes of the pod.
    type: bool
    default: false
  keep_init_containers:
    description:
      - Whether the copy has the init containers of the pod.
    type: bool
    default: true
  replace:
    description:
      - Whether the pod is deleted, at once and without grace, when its copy runs; with
        O(wait=false) as soon as the copy is made. Where the copy cannot be made or does not come to
        run, the pod stays. Where its deletion fails, the same task goes on with it.
    type: bool
    default: false
notes:
  - Labels, annotations and probes are left out of every copy. C(kubectl debug) keeps them where
    only images are set.
seealso:
  - module: kubedebug.core.ephemeral_container
  - module: kubedebug.core.node_debugger
  - module: kubedebug.core.debug_cleanup
author:
  - The kubedebug.core authors (@kubedebug)
"""

EXAMPLES = r"""
- name: See why a server that crashes at its start does so
  kubedebug.core.pod_copy:
    namespace: shop
    name: web-0
    container: web
    command: [sleep, "3600"]
    lifetime: 1800
    ticket: INC-4711
  register: copy

- name: Try another version of the sidecar beside a toolbox
  kubedebug.core.pod_copy:
    namespace: shop
    name: web-0
    image: docker.io/nicolaka/netshoot:v0.14
    set_image:
      proxy: example.org/proxy:v2

- name: Delete this owner's copies of the pod
  kubedebug.core.pod_copy:
    namespace: shop
    name: web-0
    state: absent
"""

RETURN = r"""
pods:
  description: One item for each pod, in the order of namespace and name of what they were made for.
  returned: always, except when the task was refused before anything was looked at
  type: list
  elements: dict
  contains:
    target:
      description: What it was made for.
      type: str
      sample: shop/web-0
    namespace:
      description: Namespace of the pod that was made.
      type: str
      sample: shop
    name:
      description: Its name.
      type: str
      sample: web-0-3f1c2b9a70
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
      sample: kubectl exec -it -n shop web-0-3f1c2b9a70 -c debugger -- sh
    error:
      description: Why this one failed; null where it did not.
      type: str
      sample: null
"""

from ansible_collections.kubedebug.core.plugins.module_utils._copies.copy import (
    POD_COPY,
)
from ansible_collections.kubedebug.core.plugins.module_utils._shell import run_module


def main() -> None:
    """Run the use case as a module."""
    run_module(POD_COPY)


if __name__ == "__main__":
    main()
