#!/usr/bin/python
# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: debug_cleanup
short_description: Report and remove what debugging left in a cluster
version_added: 0.1.0
description:
  - Finds the ephemeral containers, agent Jobs, node debuggers and pod copies that debugging left
    behind, decides about each of them, says why, and does what was decided.
  - The API lets no ephemeral container go from its pod. So an honest cleanup can end one that runs,
    and replace the pod where that harms nobody; what stays is reported with the reason.
  - Pods are read page by page as bytes, and only those that have a mark of a debugger are parsed,
    so that neither time nor memory is spent on the others.
  - Only what this collection made is touched, by its marks; see O(ownership). Marks that do not
    belong together, as those that a copy of a pod has inherited, do not count.
  - Something counts as in use while it lives and its lifetime is not over, or when it has none and
    O(min_age) does not say when it shall be. That is all that the API tells; it does not tell
    whether a person has a shell open in it.
  - Before anything is removed, the object is read and judged again, and the removal carries its UID
    and its version. A new object of the same name, and one that somebody began to use meanwhile,
    are left alone.
extends_documentation_fragment:
  - kubedebug.core.auth
  - kubedebug.core.attributes
  - kubedebug.core.attributes.action_group
attributes:
  check_mode:
    support: full
    details:
      - Decides exactly what a run would do, asks whether the credentials allow it, and writes no
        files.
  diff_mode:
    support: full
    details: One item for each thing that is stopped, deleted or goes with a replaced pod.
  idempotent:
    support: full
    details: What was removed is not found again; what stays is only reported.
options:
  state:
    description:
      - V(reported) changes nothing. RV(findings[].possible) says what V(recycled) would do.
      - V(stopped) ends running debuggers by a signal to their own processes and waits for their
        end; it deletes Jobs, node debuggers and pod copies.
      - V(recycled) does that as well, and replaces the pods that carry entries which nothing else
        removes.
    type: str
    choices: [reported, stopped, recycled]
    default: reported
  namespaces:
    description:
      - Namespaces to look in.
      - Defaults to the namespace of the context, else V(default).
    type: list
    elements: str
    default: []
    aliases: [namespace]
  all_namespaces:
    description:
      - Whether to look in every namespace. Excludes O(namespaces).
    type: bool
    default: false
  label_selectors:
    description:
      - Label selectors on the pods and Jobs, each as for C(kubectl -l). All of them have to match.
    type: list
    elements: str
    default: []
  kinds:
    description:
      - Kinds of things to look for, by the names of the modules that make them.
    type: list
    elements: str
    choices: [ephemeral_container, agent_job, node_debugger, pod_copy]
    default: [ephemeral_container, agent_job, node_debugger, pod_copy]
  ownership:
    description:
      - V(own) acts on what this collection made. Everything else is reported as kept.
      - V(any) acts as well on what C(kubectl debug), mirrord and others left behind, as far as it
        can be told from an application. A pod that C(kubectl debug --copy-to) made has no mark at
        all and is never found.
      - An expression O(where) that looks at C(tool) or C(managed) decides about that itself, as if
        this option were V(any).
    type: str
    choices: [own, any]
    default: own
  owners:
    description:
      - Owners, as in the marks. All of them by default, and never by an empty element.
    type: list
    elements: str
    default: []
  images:
    description:
      - Shell patterns that the image matches one of, such as V(*/netshoot:*).
    type: list
    elements: str
    default: []
  where:
    description:
      - A JMESPath predicate on a finding. It sees the fields of RV(findings) up to C(expires_at),
        and C(age) and C(finished_age) in seconds (null where they are not known) and C(labels).
    type: str
  expired_only:
    description:
      - Whether to act only on what has outlived its lifetime.
    type: bool
    default: false
  min_age:
    description:
      - Seconds since the start of what is acted on, at least.
      - It is also the age at which something that runs without a lifetime is over.
    type: int
    default: 0
  min_finished_age:
    description:
      - Seconds since the end of what is finished, at least, so that its last output can be read.
    type: int
    default: 0
  in_use:
    description:
      - V(keep) leaves alone what is in use. V(stop) does not.
      - A debugger whose lifetime somebody has extended
        (O(kubedebug.core.ephemeral_container#module:state=extended)) is in use, too. Only the
        debugger itself knows of that, so that it is found out when it shall be stopped, and not in
        check mode.
    type: str
    choices: [keep, stop]
    default: keep
  protected_namespaces:
    description:
      - Namespaces in which nothing is ever done.
    type: list
    elements: str
    default: [kube-system, kube-public, kube-node-lease]
  recycle_by:
    description:
      - V(evict) evicts each pod, which PodDisruptionBudgets may refuse.
      - V(rollout) restarts the rollout of the workload, by its own strategy. It replaces all pods
        of the workload and does not ask PodDisruptionBudgets.
    type: str
    choices: [evict, rollout]
    default: evict
  workload_kinds:
    description:
      - Kinds of workloads whose pods may be replaced. V(Deployment) stands for the ReplicaSets of a
        Deployment, too; V(ReplicaSet) for those that have none. Pods without a controller and
        static pods are never replaced, pods of Jobs only where V(Job) is named here.
    type: list
    elements: str
    default: [Deployment, ReplicaSet, StatefulSet]
  max_unavailable:
    description:
      - How many pods of one workload are evicted at once, as far as O(min_available) allows. The
        next ones follow when all pods of the workload are ready again.
    type: int
    default: 1
  min_available:
    description:
      - How many pods of a workload have to be ready all the time. A workload that has no more than
        these is left alone; V(0) allows to replace the only pod.
    type: int
    default: 1
  evict_timeout:
    description:
      - Seconds for which an eviction is asked for again while a PodDisruptionBudget refuses it.
    type: int
    default: 120
  wait_timeout:
    description:
      - Seconds to wait for the end of a debugger, for the end of a deleted object, and for the pods
        that replace evicted ones to be ready.
      - The first replacement that fails, or takes longer, ends the run.
    type: int
    default: 300
  grace_period:
    description:
      - Seconds between the signal that asks a debugger to end and the one that ends it.
    type: int
    default: 5
  max_actions:
    description:
      - The task fails before it does anything when more than this would be stopped, deleted or
        replaced.
    type: int
    default: 100
  concurrency:
    description:
      - How many things, or workloads, are worked on side by side.
    type: int
    default: 8
  rate:
    description:
      - How many actions are begun in a second, at the most.
    type: float
    default: 10.0
  evidence_dir:
    description:
      - Folder, on the host of the task, in which what is deleted or replaced is saved before, with
        exit codes, the last output of its debuggers and the specification. Values of environment
        variables and of annotations are masked, output is not; control characters in it are
        written out, so that it can be shown on a terminal.
      - What cannot be saved is not removed.
    type: path
  metrics_file:
    description:
      - File with numbers for the textfile collector of Prometheus' node exporter; it has to end in
        C(.prom). It is replaced as a whole at the end of each run that is not in check mode, and
        does not count as a change.
    type: path
  metrics_owners:
    description:
      - How many owners have a series of their own in O(metrics_file), the busiest first.
    type: int
    default: 20
requirements:
  - jmespath (for O(where))
seealso:
  - module: kubedebug.core.ephemeral_container_info
  - module: kubedebug.core.ephemeral_container
author:
  - The kubedebug.core authors (@kubedebug)
"""

EXAMPLES = r"""
- name: What debugging has left in the cluster
  kubedebug.core.debug_cleanup:
    all_namespaces: true
  register: left

- name: End what has outlived its lifetime, and delete agents that have ended an hour ago
  kubedebug.core.debug_cleanup:
    state: stopped
    namespaces: [shop, billing]
    min_finished_age: 3600

- name: Replace the pods that carry finished entries, also those of kubectl debug
  kubedebug.core.debug_cleanup:
    state: recycled
    all_namespaces: true
    ownership: any
    min_age: 86400
    evidence_dir: /var/lib/kubedebug/evidence
    metrics_file: /var/lib/node_exporter/kubedebug.prom

- name: End what mirrord has left for more than a day
  kubedebug.core.debug_cleanup:
    state: stopped
    namespaces: [shop]
    min_age: 86400
    where: tool == 'mirrord'
"""

RETURN = r"""
findings:
  description: Everything that was found, ordered by namespace and name, with what was decided.
  returned: success, and when a part failed
  type: list
  elements: dict
  contains:
    kind:
      description: Kind of the thing, as in O(kinds).
      type: str
      sample: ephemeral_container
    namespace:
      description: Its namespace.
      type: str
      sample: shop
    name:
      description: Name of the pod or Job.
      type: str
      sample: web-0
    container:
      description: Name of the ephemeral container; null for whole objects.
      type: str
      sample: kubedebug-3f1c2b9a70
    uid:
      description: UID of the pod or Job.
      type: str
      sample: 5c7a1d1e-9a1c-4a27-8a53-0f2f7f0c7d11
    node:
      description: Node of the pod.
      type: str
      sample: node-1
    workload:
      description: The controller of the pod.
      type: str
      sample: StatefulSet/web
    image:
      description: Image of the debugger.
      type: str
      sample: docker.io/nicolaka/netshoot:v0.14
    tool:
      description: What made it, as far as its marks tell.
      type: str
      sample: kubedebug
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
    state:
      description: >-
        V(waiting), V(running), V(finished), or V(unknown), when it was looked at.
      type: str
      sample: finished
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
      sample: "2026-11-24T17:10:00Z"
    expires_at:
      description: When it ends by itself.
      type: str
      sample: "2026-11-24T18:00:00Z"
    action:
      description: What was decided, V(none), V(stop), V(recycle) or V(delete).
      type: str
      sample: recycle
    possible:
      description: What O(state=recycled) could do about it.
      type: str
      sample: recycle
    code:
      description: >-
        The reason in one word, for programs. Of an action V(finished), V(stuck), V(expired) or
        V(old); of what is kept V(not_ours), V(in_use), V(too_young), V(not_expired),
        V(protected_namespace), V(irremovable), V(bare_pod), V(static_pod), V(daemonset),
        V(job_pod), V(workload_kind), V(workload_gone), V(workload_busy), V(workload_unhealthy),
        V(too_few), V(pdb_blocks), V(pdb_several), V(leaving) or V(pod_finished).
      type: str
      sample: finished
    why:
      description: The reason as a text.
      type: str
      sample: >-
        It finished with exit code 0 2 h 5 min ago; the API lets no ephemeral entry go from its pod,
        so that its pod is to be replaced by eviction (StatefulSet/web).
    status:
      description: >-
        What became of it. V(kept), V(planned) in check mode, V(done), V(gone) when somebody else
        was faster, V(left) when it had changed or the run had ended before, V(failed).
      type: str
      sample: done
    changed:
      description: >-
        Whether it was, or would be, stopped or removed; or may have been, where the answer of the
        API server was lost, which RV(findings[].error) says then.
      type: bool
      sample: true
    note:
      description: What was found instead, of V(gone) and V(left).
      type: str
      sample: null
    error:
      description: Why it failed.
      type: str
      sample: null
    evidence:
      description: Folder where it was saved.
      type: str
      sample: /var/lib/kubedebug/evidence/shop/web-0-5c7a1d1e
counts:
  description: How many findings there are, before anything was done, and what became of them.
  returned: success, and when a part failed
  type: dict
  sample:
    total: 2
    by_kind: {ephemeral_container: 2, agent_job: 0, node_debugger: 0, pod_copy: 0}
    by_state: {waiting: 0, running: 0, finished: 2, unknown: 0}
    by_owner: {alice: 2}
    by_status: {kept: 0, planned: 0, done: 2, gone: 0, left: 0, failed: 0}
    by_code: {finished: 2}
"""

from ansible_collections.kubedebug.core.plugins.module_utils._cleanup.cleanup import DEBUG_CLEANUP
from ansible_collections.kubedebug.core.plugins.module_utils._shell import run_module


def main() -> None:
    """Run the use case as a module."""
    run_module(DEBUG_CLEANUP)


if __name__ == "__main__":
    main()
