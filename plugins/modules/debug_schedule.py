#!/usr/bin/python
# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: debug_schedule
short_description: Run a playbook by the clock in the cluster
version_added: 0.1.0
description:
  - Makes a CronJob that runs a playbook of this collection from an execution environment, in the
    cluster and with the rights of a service account, such as the hourly clean-up of what debugging
    left behind.
  - One run at a time, each bounded, without any privilege and with a read-only root filesystem, so
    that its pods pass the Pod Security level V(restricted). They hold no credentials but the token
    that Kubernetes gives to the service account.
  - The service account and its rules are not made here but by M(kubedebug.core.debug_access); the
    role C(kubedebug.core.schedule) does both.
  - A CronJob that somebody else made is never replaced or deleted. That of this module carries the
    label C(app.kubernetes.io/managed-by=kubedebug.core).
extends_documentation_fragment:
  - kubedebug.core.auth
  - kubedebug.core.attributes
  - kubedebug.core.attributes.action_group
attributes:
  check_mode:
    support: full
    details:
      - Asks the API server for a dry run of the change.
  diff_mode:
    support: full
    details:
      - Shows the CronJob as the API server has it, with its defaults.
  idempotent:
    support: full
options:
  state:
    description:
      - V(present) makes the CronJob as the task says it.
      - V(absent) deletes it, with the Jobs and the pods that it made; one that runs is ended.
    type: str
    choices: [present, absent]
    default: present
  name:
    description:
      - Name of the CronJob; at most 52 characters.
    type: str
    default: kubedebug-cleanup
  namespace:
    description:
      - Namespace in which it runs; that of the context, else V(default). It has to exist.
      - Whoever may make pods there can have the rights of O(service_account), so take one that
        people who debug may not write to.
    type: str
  schedule:
    description:
      - When it runs, as the five fields of cron, such as V(17 * * * *), or V(@hourly). It is
        needed for O(state=present).
      - Only what cron, Kubernetes, systemd and AWX take alike, so not a day of the month together
        with a day of the week.
    type: str
  time_zone:
    description:
      - Time zone of O(schedule), such as V(Europe/Berlin); that of the controller manager by
        default, which is mostly UTC.
    type: str
  suspend:
    description:
      - Whether no further run is started.
    type: bool
    default: false
  playbook:
    description:
      - The playbook, by the name that it has in a collection, or by its path in the image.
    type: str
    default: kubedebug.core.cleanup
  variables:
    description:
      - Extra variables of the playbook. Everybody who may read the CronJob can read them, so no
        secrets.
    type: dict
    default: {}
  image:
    description:
      - Execution environment with ansible-core, this collection and what it needs
        (C(docs/execution-environment.md) says how to build one). It is needed for
        O(state=present).
    type: str
  image_pull_policy:
    description:
      - When the image is pulled; the API server's own default otherwise.
    type: str
    choices: [Always, IfNotPresent, Never]
  image_pull_secrets:
    description:
      - Names of secrets in O(namespace) that O(image) is pulled with.
    type: list
    elements: str
    default: []
  service_account:
    description:
      - Service account of the runs, in O(namespace); O(name) by default.
    type: str
  run_as_user:
    description:
      - User number in the container; that of the image by default, which must then be a number
        other than 0.
    type: int
  claim:
    description:
      - Name of a persistent volume claim in O(namespace) whose volume the runs have at
        O(claim_path), for what is to outlive a pod, such as evidence and metrics. It has to exist;
        as one run follows the other, V(ReadWriteOnce) is enough.
    type: str
  claim_path:
    description:
      - Where the container has the volume of O(claim). What O(variables) are to write there has to
        be said in them.
    type: str
    default: /var/lib/kubedebug
  fs_group:
    description:
      - Group number that may write to the volume of O(claim); Kubernetes gives the volume to it
        where the volume's driver can. That of O(run_as_user) by default. Without either the volume
        has to be writable as it is, or the cluster has to choose the group, as OpenShift does.
    type: int
  resources:
    description:
      - Resources of the container.
    type: dict
    default:
      requests: {cpu: 100m, memory: 256Mi}
      limits: {memory: 512Mi}
  node_selector:
    description:
      - Labels of the nodes on which it may run.
    type: dict
    default: {}
  tolerations:
    description:
      - Tolerations of its pods, as in a pod's specification.
    type: list
    elements: dict
    default: []
  starting_deadline:
    description:
      - Seconds after which a run that could not start in time is left out.
    type: int
    default: 300
  active_deadline:
    description:
      - Seconds after which a run is ended.
    type: int
    default: 1800
  backoff_limit:
    description:
      - How often a run that failed is tried again at once. The next one by the clock comes anyway.
    type: int
    default: 0
  successful_jobs:
    description:
      - How many Jobs that succeeded are kept, with their logs.
    type: int
    default: 3
  failed_jobs:
    description:
      - How many Jobs that failed are kept, with their logs.
    type: int
    default: 3
  ttl:
    description:
      - Seconds after which a finished Job goes in any case.
    type: int
    default: 86400
seealso:
  - module: kubedebug.core.debug_access
  - name: Execution environment
    description: How to build the image.
    link: https://github.com/kubedebug/core/blob/main/docs/execution-environment.md
author:
  - The kubedebug.core authors (@kubedebug)
"""

EXAMPLES = r"""
- name: The account of the clean-up
  kubedebug.core.debug_access:
    name: kubedebug-cleanup
    scope: cluster
    capabilities: [cleanup]
    service_account: kubedebug-cleanup
    service_account_namespace: kubedebug

- name: Clean up at 17 minutes past every hour
  kubedebug.core.debug_schedule:
    namespace: kubedebug
    schedule: 17 * * * *
    image: registry.example.com/kubedebug-ee:0.1.0
    variables:
      cleanup_state: stopped
      cleanup_all_namespaces: true

- name: Clean up every morning, and keep evidence and numbers on a volume
  kubedebug.core.debug_schedule:
    namespace: kubedebug
    schedule: 0 6 * * *
    image: registry.example.com/kubedebug-ee:0.1.0
    claim: kubedebug-kept
    fs_group: 1000
    variables:
      cleanup_state: recycled
      cleanup_all_namespaces: true
      cleanup_evidence_dir: /var/lib/kubedebug/evidence
      cleanup_metrics_file: /var/lib/kubedebug/kubedebug.prom

- name: No more of it
  kubedebug.core.debug_schedule:
    namespace: kubedebug
    state: absent
"""

RETURN = r"""
cronjob:
  description: The CronJob.
  returned: success
  type: dict
  contains:
    kind:
      description: Always V(CronJob).
      type: str
      sample: CronJob
    namespace:
      description: Its namespace.
      type: str
      sample: kubedebug
    name:
      description: Its name.
      type: str
      sample: kubedebug-cleanup
    action:
      description: >-
        V(created), V(updated), V(unchanged), V(deleted) or V(absent); V(foreign) where somebody
        else made it and O(state=absent) left it alone.
      type: str
      sample: created
    changed:
      description: Whether it was changed, or would be in check mode.
      type: bool
      sample: true
    schedule:
      description: When it runs; null where there is none.
      type: str
      sample: 17 * * * *
    suspended:
      description: Whether no further run is started; null where there is none.
      type: bool
      sample: false
    active:
      description: Names of the Jobs that ran when this module looked, before its change.
      type: list
      elements: str
      sample: [kubedebug-cleanup-29401234]
    last_scheduled_at:
      description: When it last started a run; null before the first.
      type: str
      sample: "2026-11-25T16:17:00Z"
    last_succeeded_at:
      description: When a run last succeeded; null before the first.
      type: str
      sample: "2026-11-25T16:17:09Z"
"""

from ansible_collections.kubedebug.core.plugins.module_utils._schedule.schedule import (
    DEBUG_SCHEDULE,
)
from ansible_collections.kubedebug.core.plugins.module_utils._shell import run_module


def main() -> None:
    """Run the use case as a module."""
    run_module(DEBUG_SCHEDULE)


if __name__ == "__main__":
    main()
