#!/usr/bin/python
# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: debug_access
short_description: Who may debug pods
version_added: 0.1.0
description:
  - Grants what this collection needs of a cluster, and nothing more, to a service account, to users
    or to groups; by a role and a binding in each of some namespaces, or in the whole cluster.
  - The service account is created where it is missing, and a kubeconfig with a token that ends by
    itself can be written for it.
  - Objects that somebody else made are never replaced or deleted. Those of this module carry the
    label C(app.kubernetes.io/managed-by=kubedebug.core).
extends_documentation_fragment:
  - kubedebug.core.auth
  - kubedebug.core.attributes
  - kubedebug.core.attributes.action_group
attributes:
  check_mode:
    support: full
    details:
      - Asks the API server for a dry run of every change, but for a binding whose role would only
        be created. A token is not asked for.
  diff_mode:
    support: full
    details:
      - Shows what this module decides on of each object, and of the kubeconfig all but the token.
  idempotent:
    support: full
    details:
      - The kubeconfig is written again when less than half of O(token_seconds) is left to its
        token.
options:
  state:
    description:
      - V(present) makes the objects as the task says them, and takes away what is beyond.
      - V(absent) deletes them. The service account goes, too, where O(service_account) names one
        that this module made.
    type: str
    choices: [present, absent]
    default: present
  name:
    description:
      - Name of the roles and of the bindings. Grants to others under the same name replace these,
        so each group of people needs a name of its own.
    type: str
    default: kubedebug
  capabilities:
    description:
      - V(info) is to see pods and their ephemeral containers.
      - V(workloads) is to find pods by the option C(workload) of the modules.
      - V(debug) is to open, use and stop debuggers in running pods. It lets its holder run anything
        beside, and with most profiles in, the containers of these namespaces.
      - V(agent) is to start, list and end agents that run as Jobs. Where pods may be privileged,
        its holder is root on the nodes.
      - V(forward) is to connect to ports of pods.
      - V(cleanup) is to find and remove what debugging left behind.
      - V(copies) is to make and delete copies of pods, V(nodes) to make and delete pods that debug
        a node. Whoever may create pods is, as far as Pod Security allows, root on the nodes.
    type: list
    elements: str
    choices: [info, workloads, debug, agent, forward, cleanup, copies, nodes]
    default: [workloads, debug]
  scope:
    description:
      - Whether the capabilities hold in O(namespaces) or in the whole cluster.
      - The option C(all_namespaces) of the modules needs V(cluster).
    type: str
    choices: [namespace, cluster]
    default: namespace
  namespaces:
    description:
      - Namespaces in which the capabilities hold; they have to exist.
      - Defaults to the namespace of the context, else V(default).
    type: list
    elements: str
    default: []
  service_account:
    description:
      - Name of a service account that has the capabilities. It is created where it is missing.
    type: str
  service_account_namespace:
    description:
      - Namespace of O(service_account); the first of O(namespaces) by default.
    type: str
  users:
    description:
      - Users that have the capabilities, by the names that the API server knows them by.
    type: list
    elements: str
    default: []
  groups:
    description:
      - Groups that have the capabilities.
    type: list
    elements: str
    default: []
  kubeconfig_path:
    description:
      - File to write a kubeconfig for O(service_account) to, on the host of the task, with mode
        V(0600). A file that this module has not written is never replaced.
    type: path
  token_seconds:
    description:
      - How long the token in O(kubeconfig_path) serves, from 600 seconds to 30 days. The API server
        may give a shorter one.
    type: int
    default: 28800
seealso:
  - module: kubedebug.core.ephemeral_container
  - name: Role-based access control
    description: What each module needs.
    link: https://github.com/kubedebug/core/blob/main/docs/rbac.md
author:
  - The kubedebug.core authors (@kubedebug)
"""

EXAMPLES = r"""
- name: Let the on-call group debug in two namespaces
  kubedebug.core.debug_access:
    name: on-call
    namespaces: [shop, billing]
    groups: [on-call]

- name: An account for a job template, with a kubeconfig for one shift
  kubedebug.core.debug_access:
    name: awx-debug
    namespaces: [shop]
    service_account: awx-debug
    kubeconfig_path: ./awx-debug.kubeconfig
    token_seconds: 28800

- name: Let auditors see the debuggers of the whole cluster
  kubedebug.core.debug_access:
    name: debug-audit
    scope: cluster
    capabilities: [info]
    groups: [auditors]

- name: Take it away
  kubedebug.core.debug_access:
    name: on-call
    namespaces: [shop, billing]
    state: absent
"""

RETURN = r"""
objects:
  description: Each object, in the order of the work.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: Its kind.
      type: str
      sample: Role
    namespace:
      description: Its namespace; null for an object of the cluster.
      type: str
      sample: shop
    name:
      description: Its name.
      type: str
      sample: on-call
    action:
      description: >-
        V(created), V(updated), V(unchanged), V(deleted) or V(absent); V(foreign) where somebody
        else made it and it was left alone.
      type: str
      sample: created
    changed:
      description: Whether it was changed, or would be in check mode.
      type: bool
      sample: true
rules:
  description: The rules of the roles; empty with O(state=absent).
  returned: success
  type: list
  elements: dict
  sample:
    - apiGroups: [""]
      resources: [pods/ephemeralcontainers]
      verbs: [patch]
kubeconfig:
  description: The kubeconfig; null without O(kubeconfig_path).
  returned: success
  type: dict
  contains:
    path:
      description: Where it is.
      type: str
      sample: ./awx-debug.kubeconfig
    changed:
      description: Whether it was written or removed, or would be in check mode.
      type: bool
      sample: true
    expires_at:
      description: When its token ends; null in check mode and after its removal.
      type: str
      sample: "2026-11-24T18:00:00Z"
"""

from ansible_collections.kubedebug.core.plugins.module_utils._access.access import DEBUG_ACCESS
from ansible_collections.kubedebug.core.plugins.module_utils._shell import run_module


def main() -> None:
    """Run the use case as a module."""
    run_module(DEBUG_ACCESS)


if __name__ == "__main__":
    main()
