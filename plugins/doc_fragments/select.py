# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that say which pods a task means."""

from __future__ import annotations


class ModuleDocFragment:
    """Several of them narrow each other; several names are a union."""

    DOCUMENTATION = r"""
options:
  namespace:
    description:
      - Namespace of the pods.
      - Defaults to the namespace of the context, else V(default).
    type: str
  all_namespaces:
    description:
      - Whether to look in every namespace. Excludes O(namespace), O(name) and O(workload).
    type: bool
    default: false
  name:
    description:
      - Names of pods.
    type: list
    elements: str
    aliases: [pod]
  workload:
    description:
      - A workload as C(kind/name), for instance V(deployment/web); its own pods are meant, by their
        owner and not by their labels alone.
      - Kinds are deployment, statefulset, daemonset, replicaset, job and cronjob, and their short
        names.
    type: str
  label_selectors:
    description:
      - Label selectors, each as for C(kubectl -l). A pod has to match all of them.
    type: list
    elements: str
    default: []
  field_selectors:
    description:
      - Field selectors, each as for C(kubectl --field-selector). A pod has to match all of them.
    type: list
    elements: str
    default: []
  where:
    description:
      - A JMESPath predicate on the pod's object; pods for which it is true remain.
      - A literal stands between backticks or single quotes.
    type: str
requirements:
  - jmespath (for O(where))
"""
