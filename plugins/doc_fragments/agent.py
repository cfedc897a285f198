# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that describe an agent, a process beside a running container of a pod."""

from __future__ import annotations


class ModuleDocFragment:
    """What shapes the agent makes its identity, by which it is used again."""

    DOCUMENTATION = r"""
options:
  image:
    description:
      - Image of the agent. It needs C(sh) unless it is run without the launcher, and C(nsenter) to
        enter namespaces.
      - Defaults to C(docker.io/nicolaka/netshoot:v0.14).
    type: str
  image_pull_policy:
    description:
      - When the image is pulled; the API server's own default without it.
    type: str
    choices: [Always, IfNotPresent, Never]
  image_pull_secrets:
    description:
      - Names of secrets with the credentials of the image's registry, in the Job's namespace.
    type: list
    elements: str
    default: []
  env:
    description:
      - Environment of the agent. The values are kept out of diffs, but not out of the arguments
        that Ansible shows with C(-vvv), and up to ansible-core 2.20 keeps in each result. For a
        secret, name it by C(valueFrom) or C(envFrom) in O(overrides), or set C(no_log) on the task.
      - Nothing of the target's environment is taken over.
    type: dict
    default: {}
  capabilities:
    description:
      - Linux capabilities that are added, as C(NET_ADMIN); C(NONE) for none at all.
      - Without it they are the least that the other options need. A Job's agent gets C(SYS_PTRACE),
        to enter namespaces takes C(SYS_ADMIN), a mount namespace C(SYS_CHROOT), and for the network
        namespace C(NET_ADMIN) and C(NET_RAW) are added.
    type: list
    elements: str
  privileged:
    description:
      - Whether the agent's container is privileged. Excludes O(capabilities).
    type: bool
    default: false
  resources:
    description:
      - Requests and limits of the agent's container, as in a pod. Of a Job only; an ephemeral
        container has none.
    type: dict
    default: {}
  scratch_size:
    description:
      - Limit of the volume for large files that a Job's agent has at C(/kubedebug).
    type: str
    default: 1Gi
  service_account:
    description:
      - Service account of the Job's pod; its token is not mounted.
    type: str
  priority_class:
    description:
      - Priority class of the Job's pod.
    type: str
  tolerations:
    description:
      - Tolerations of the Job's pod. Without them it tolerates every taint, since it has to run
        where its target runs.
    type: list
    elements: dict
  labels:
    description:
      - More labels of the Job and its pod.
    type: dict
    default: {}
  annotations:
    description:
      - More annotations of the Job and its pod. Those by which Istio, Linkerd and Kuma leave the
        pod alone are there already.
    type: dict
    default: {}
  overrides:
    description:
      - Part of a Job, merged over the one that is made, last. Containers, volumes, environment and
        the like are joined by their names, other lists are replaced, null removes a field.
      - Refused is what the collection finds its Jobs again by, and what bounds them.
    type: dict
    default: {}
  ttl:
    description:
      - Seconds that a finished Job stays, so that its log can be read; 300 by default.
    type: int
  active_deadline:
    description:
      - Seconds after which Kubernetes ends the Job, whatever its agent does. By default a minute
        more than O(lifetime), in which the agent ends by itself; the same as O(lifetime) without
        the launcher.
    type: int
  lifetime:
    description:
      - Seconds after which the agent ends by itself, also when nobody is there to end it.
    type: int
    default: 3600
  owner:
    description:
      - Who the agent belongs to; it stands on the agent.
      - Defaults to the name that the API server knows the credentials by.
    type: str
  reason:
    description:
      - Why the agent was started; it stands on the agent.
    type: str
  ticket:
    description:
      - The ticket that the agent was started for; it stands on the agent.
    type: str
"""

    LAUNCH = r"""
options:
  preset:
    description:
      - An agent that others have made, as defaults for the other options.
      - V(mirrord) is the agent of mirrord as its own command line starts it, listening on port
        61337; it needs no launcher.
    type: str
    choices: [mirrord]
  command:
    description:
      - What the agent runs, as a list; nothing of it reaches a shell.
      - In its words V({container_id}), V({runtime}), V({pid}) and V({socket}) are replaced by what
        they are of the target. V({pid}) is the first process of O(container), as the agent sees it.
      - Without it the agent stays for commands to be run in it.
    type: list
    elements: str
  args:
    description:
      - Arguments for the entry point of the image. Needs O(launcher=false).
    type: list
    elements: str
  launcher:
    description:
      - Whether a small shell script starts the agent, that finds the target's process, enters its
        O(namespaces), and ends the agent with its target.
      - V(false) is for images without C(sh). Such an agent ends by O(active_deadline), and with its
        target where the Job is in the target's namespace.
      - Defaults to V(true), but for a O(preset) that says otherwise.
    type: bool
  namespaces:
    description:
      - Namespaces of the target that O(command) runs in, any of V(net), V(mnt), V(pid), V(ipc),
        V(uts) and V(cgroup). In an ephemeral container all but V(mnt) and V(cgroup) are the
        target's anyhow.
      - What each mode, a copy of the pod and a node debugger can give is the table of
        C(docs/namespaces.md) in the collection.
      - With V(mnt) the command is looked up among the target's files.
    type: list
    elements: str
    default: []
  runtime_socket:
    description:
      - The socket of the container runtime that a Job's agent gets, read-only, below C(/host).
      - V(auto) finds it among the places where containerd, k3s, MicroK8s, k0s, dockershim, docker
        and CRI-O have theirs; it mounts the node's C(/run) and C(/var). A path is that of the
        socket on the node, of which the folder is mounted. Whoever has the socket rules the node.
    type: str
  host_pid:
    description:
      - Whether the Job's pod is in the node's process namespace. The launcher needs it.
    type: bool
    default: true
  ready_log:
    description:
      - A regular expression; the agent is ready when a line of its log matches.
    type: str
  ready_port:
    description:
      - The agent is ready when something listens on this TCP port, in the network namespace that
        O(command) runs in. With O(launcher=false) the kubelet asks, at the address of the pod.
      - Without it and without O(ready_log), a command is ready when it has not ended within about a
        second.
    type: int
"""

    MODE = r"""
options:
  mode:
    description:
      - V(ephemeral) is an ephemeral container of the target's own pod, V(job) a Job on the target's
        node.
      - V(auto) takes the first of them that passes. It asks for the credentials' rights and for a
        server dry run before anything is made, and the reasons are in the result. An agent that
        runs already is used again in either mode.
      - A copy of the pod is no mode, for it is not the target. Its processes are fresh ones, its
        network is its own, and the application runs twice. Where both modes are refused,
        M(kubedebug.core.agent_job) shows the task of M(kubedebug.core.pod_copy) that makes one.
    type: str
    choices: [auto, ephemeral, job]
    default: auto
  agent_namespace:
    description:
      - Namespace for the Job, where that of the target does not allow what an agent needs. By
        default it is the target's.
    type: str
"""
