#!/usr/bin/python
# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pod_fetch
short_description: List and fetch files of running containers, with or without a shell in them
version_added: 0.1.0
description:
  - Reads the root file system of the target container of one or many pods through
    C(/proc/PID/root), from a debugger that is in its process namespace or from an agent on its
    node. The target needs neither a shell nor C(tar), and nothing is written to it.
  - Symbolic links are resolved inside the root of the target and never out of it, also when they
    are swapped while the files are read.
  - A file is in its place on this machine when it is whole and its SHA-256 is the one that was
    computed in the pod. Files that are there already with the same content are not sent again.
extends_documentation_fragment:
  - kubedebug.core.auth
  - kubedebug.core.select
  - kubedebug.core.target
  - kubedebug.core.debugger
  - kubedebug.core.attributes
  - kubedebug.core.attributes.action_group
attributes:
  check_mode:
    support: full
    details: Lists what would be fetched where a debugger runs already; opens none.
  diff_mode:
    support: partial
    details: Shows the debugger's entry that is added to a pod, not the files.
  idempotent:
    support: full
    details: Files with the same content are left alone, and a debugger that runs is used again.
options:
  paths:
    description:
      - Files and folders, as paths from the root of the target's file system. C(*), C(?), C([...])
        and, for any number of folders, C(**) are patterns, unless a file of that very name exists.
        A wildcard does not match a name that begins with a dot.
      - A symbolic link that is named here is followed, within the root of the target.
    type: list
    elements: str
    required: true
    aliases: [path]
  state:
    description:
      - V(fetched) brings the files home; V(listed) only tells what they are.
    type: str
    choices: [fetched, listed]
    default: fetched
  dest:
    description:
      - Folder on the machine that the task runs on; a file has the path
        C(DEST/NAMESPACE/POD/CONTAINER/PATH). Required with O(state=fetched).
    type: path
  flat:
    description:
      - Takes O(dest) as the name of the one file that is fetched.
    type: bool
    default: false
  recurse:
    description:
      - Whether everything below a folder is meant, too. File systems that are a view of the kernel,
        such as C(/proc), are not entered.
    type: bool
    default: false
  follow:
    description:
      - Whether links that are met below a folder are followed, within the root of the target.
        Without it they are reported. No link is ever made on this machine.
    type: bool
    default: false
  exclude:
    description:
      - Patterns of what is left out. One with a slash is compared with the whole path, another one
        with the name.
      - By default the token of the pod's service account is left out.
    type: list
    elements: str
    default: ["/run/secrets/kubernetes.io/*", "/var/run/secrets/kubernetes.io/*"]
  max_files:
    description:
      - The task fails before anything is fetched when O(paths) name more files and folders of a pod
        than this; at the most 100000.
    type: int
    default: 1000
  max_bytes:
    description:
      - The task fails before anything is fetched when the files of a pod have more bytes than this.
    type: int
    default: 1073741824
  preserve:
    description:
      - Whether a file gets the mode and the time of the target's. The bits for set-user-ID,
        set-group-ID and sticky are never taken over.
    type: bool
    default: true
  allow_partial:
    description:
      - Whether the task succeeds when some of the files could not be read.
    type: bool
    default: false
  timeout:
    description:
      - Seconds for all files of a pod. What came until then is kept.
    type: int
    default: 600
  mode:
    description:
      - V(ephemeral) reads from a debugger in the pod. V(job) reads from an agent, a Job on the
        node of the pod as M(kubedebug.core.agent_job) makes it, which leaves no entry in the pod;
        O(profile), O(target_container), O(inherit), O(custom) and O(debugger) mean nothing then.
    type: str
    choices: [ephemeral, job]
    default: ephemeral
  agent_namespace:
    description:
      - Namespace of the Job with O(mode=job); that of the pod without it. Its Pod Security level
        has to be C(privileged).
    type: str
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
notes:
  - The image of the debugger needs C(python3).
  - Files of a target that runs as another user need a debugger that is root and has C(SYS_PTRACE),
    as with O(profile=general).
  - Sockets, devices and pipes are reported and not read.
seealso:
  - module: kubedebug.core.ephemeral_container
  - module: kubedebug.core.ephemeral_command
  - module: kubedebug.core.agent_job
author:
  - The kubedebug.core authors (@kubedebug)
"""

EXAMPLES = r"""
- name: Bring the configuration of a server home that has no shell
  kubedebug.core.pod_fetch:
    namespace: shop
    name: web-0
    paths: [/etc/nginx]
    recurse: true
    dest: evidence

- name: See the logs that the pods of a deployment have written
  kubedebug.core.pod_fetch:
    namespace: shop
    workload: deployment/web
    state: listed
    paths: ["/var/log/**/*.log"]
  register: logs
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
      description: Name of the debugger's entry; null with O(mode=job).
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
    mode:
      description: What the files were read from, as in O(mode).
      type: str
      sample: ephemeral
    agent:
      description: Name of the Job; null with O(mode=ephemeral).
      type: str
      sample: null
    agent_namespace:
      description: Namespace of the Job; null with O(mode=ephemeral).
      type: str
      sample: null
    dest:
      description: Folder that the files of the pod are in; null with O(state=listed).
      type: str
      sample: evidence/shop/web-0/web
    files:
      description: What O(paths) name, in the order in which it was found.
      type: list
      elements: dict
      contains:
        path:
          description: Real path in the target; bytes that are no UTF-8 are shown as escapes.
          type: str
          sample: /etc/nginx/nginx.conf
        path_base64:
          description: The exact bytes of a path that is no UTF-8, else null.
          type: str
          sample: null
        type:
          description:
            - V(file), V(directory), V(link), V(fifo), V(socket), V(block device) or
              V(character device).
          type: str
          sample: file
        mode:
          description: Permissions as an octal number.
          type: str
          sample: "0644"
        size:
          description: Size in bytes.
          type: int
          sample: 648
        modified_at:
          description: Time of the last change.
          type: str
          sample: "2026-11-24T19:30:02Z"
        uid:
          description: Owner's number.
          type: int
          sample: 0
        gid:
          description: Group's number.
          type: int
          sample: 0
        link:
          description: What a link says; null for others.
          type: str
          sample: null
        dest:
          description: The file on this machine; null for what was not fetched.
          type: str
          sample: evidence/shop/web-0/web/etc/nginx/nginx.conf
        sha256:
          description: SHA-256 as computed in the pod and here; null for what was not fetched.
          type: str
          sample: 6f2f4b5e2f1c3a4d5b6c7d8e9f00112233445566778899aabbccddeeff001122
        changed:
          description: Whether the file on this machine was written or changed.
          type: bool
          sample: true
        whole:
          description: Whether all of it is here; null for what was not fetched.
          type: bool
          sample: true
    bytes:
      description: Bytes of the files that are here whole.
      type: int
      sample: 648
    partial:
      description: Whether something that O(paths) name is missing.
      type: bool
      sample: false
    problems:
      description: What could not be read, or was not entered, and why.
      type: list
      elements: dict
      contains:
        path:
          description: Path in the target.
          type: str
          sample: /srv/secret
        path_base64:
          description: The exact bytes of a path that is no UTF-8, else null.
          type: str
          sample: null
        reason:
          description: Why.
          type: str
          sample: Permission denied
    error:
      description: Why this pod failed; null where it did not.
      type: str
      sample: null
"""

from ansible_collections.kubedebug.core.plugins.module_utils._files.files import POD_FETCH
from ansible_collections.kubedebug.core.plugins.module_utils._shell import run_module


def main() -> None:
    """Run the use case as a module."""
    run_module(POD_FETCH)


if __name__ == "__main__":
    main()
