# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pods as hosts: options, translation, display; the work is in module_utils/_inventory."""

from __future__ import annotations

DOCUMENTATION = r"""
name: pods
short_description: Pods of a cluster, or their containers, as hosts
version_added: 0.1.0
description:
  - Makes a host of each pod, or of each container, that the options select, with what the API knows
    of it as variables.
  - With the connection plugin P(kubedebug.core.ephemeral#connection), which the hosts get by
    default, a play runs its tasks in a debugger beside them.
  - The file of the inventory ends in C(kubedebug.yml) or C(kubedebug.yaml), as
    C(pods.kubedebug.yml).
  - A host is called C(POD.NAMESPACE), or C(CONTAINER.POD.NAMESPACE) with O(hosts=containers), which
    no two hosts can share.
  - Every host has the variables C(kubedebug_namespace), C(kubedebug_pod), C(kubedebug_container)
    (the container that is meant, as the modules choose it), C(kubedebug_uid), C(kubedebug_node),
    C(kubedebug_node_ip), C(kubedebug_pod_ip), C(kubedebug_pod_ips), C(kubedebug_phase),
    C(kubedebug_ready), C(kubedebug_restarts), C(kubedebug_created), C(kubedebug_labels),
    C(kubedebug_annotations), C(kubedebug_images), C(kubedebug_service_account),
    C(kubedebug_workload) (as C(deployment/web), or null), C(kubedebug_containers) (a list with
    name, image, ready, restarts, state and id), C(kubedebug_ephemeral_containers) (a list of the
    entries with name, image, state, target_container, managed, tool, owner, ticket, started_at,
    finished_at, exit_code and expires_at), and of C(kubedebug_container) alone
    C(kubedebug_container_image),
    C(kubedebug_container_id), C(kubedebug_container_ready), C(kubedebug_container_restarts) and
    C(kubedebug_container_state).
  - What comes from the cluster is data. A label or an annotation that looks like a template is
    never evaluated.
extends_documentation_fragment:
  - kubedebug.core.plugin_auth
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
options:
  plugin:
    description:
      - Marks the file as one of this plugin.
    type: str
    required: true
    choices: [kubedebug.core.pods]
  hosts:
    description:
      - What is a host. The containers of a pod are those that are meant to run on, sidecars
        included; ephemeral ones are not.
    type: str
    choices: [pods, containers]
    default: pods
  namespaces:
    description:
      - Namespaces of the pods; that of the context by default, else V(default).
    type: list
    elements: str
    default: []
  all_namespaces:
    description:
      - Whether to take every namespace. Excludes O(namespaces) and O(workload).
    type: bool
    default: false
  phases:
    description:
      - Phases that a pod may be in. An empty list takes all of them.
    type: list
    elements: str
    default: [Running]
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
  workload:
    description:
      - A workload as C(kind/name), for instance V(deployment/web); its own pods are meant.
    type: str
  where:
    description:
      - A JMESPath predicate on the pod's object; pods for which it is true remain.
    type: str
  hostnames:
    description:
      - Jinja2 expressions over the variables of a host. The first one that is not empty names it;
        characters other than letters, digits, dot, dash and underscore become an underscore.
      - Two hosts of the same name are an error.
    type: list
    elements: str
    default: []
  group:
    description:
      - Group that all hosts belong to. O(connection) and the way to the cluster are its variables,
        so that C(group_vars) can replace them.
    type: str
    default: kubedebug
  connection:
    description:
      - The connection of the hosts, C(ansible_connection). An empty text leaves it alone.
      - With V(kubedebug.core.ephemeral), the options for authentication that this file gives are
        handed on to it, so that it talks to the same cluster; not O(api_key), O(username),
        O(password), O(proxy), O(proxy_headers) and a O(kubeconfig) that is a dictionary, which may
        be or hold secrets and would show in the output of C(ansible-inventory). Environment
        variables serve both.
    type: str
    default: kubedebug.core.ephemeral
notes:
  - The cache is asked by the options that select, by the cluster and the namespace that they lead
    to, and by who asks, so that another selection or another context of the kubeconfig never finds
    the pods of a former one. It holds no credentials.
  - A namespace that cannot be read fails the whole inventory, for one that lacks some of its hosts
    would look like a whole one. The error names the namespace and the rule that is missing.
  - Reading pods needs the verb C(list) on C(pods) only, the capability C(info) of
    M(kubedebug.core.debug_access); O(workload) needs C(workloads) besides.
requirements:
  - jmespath (for O(where))
seealso:
  - plugin: kubedebug.core.ephemeral
    plugin_type: connection
author:
  - The kubedebug.core authors (@kubedebug)
"""

EXAMPLES = r"""
# pods.kubedebug.yml: the running pods of two namespaces, in groups by namespace and by label
plugin: kubedebug.core.pods
namespaces: [shop, billing]
keyed_groups:
  - key: kubedebug_namespace
    prefix: namespace
  - key: kubedebug_labels
    prefix: label
groups:
  restarted: kubedebug_restarts > 0
compose:
  kubedebug_lifetime: "1800"

# Every container that is not ready, wherever it is
# plugin: kubedebug.core.pods
# hosts: containers
# all_namespaces: true
# where: "status.containerStatuses[?!ready]"
# hostnames: ["kubedebug_namespace ~ '.' ~ kubedebug_pod ~ '.' ~ kubedebug_container"]

# Facts only: the hosts are reached by other means
# plugin: kubedebug.core.pods
# connection: ""
# cache: true
# cache_plugin: ansible.builtin.jsonfile
# cache_connection: /var/cache/ansible/inventory
"""

import importlib
import json
import os
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.utils.vars import combine_vars

from ansible_collections.kubedebug.core.plugins.module_utils._inventory.facts import host_name
from ansible_collections.kubedebug.core.plugins.module_utils._inventory.fetch import (
    Hosts,
    fetch,
    reader_of,
)
from ansible_collections.kubedebug.core.plugins.module_utils._inventory.options import (
    InventoryOptions,
    cache_suffix,
    handed_on,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.auth import (
    AUTH_SPEC,
    AuthOptions,
    load_configuration,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError
from ansible_collections.kubedebug.core.plugins.plugin_utils._expressions import dependencies

_SUFFIXES = ("kubedebug.yml", "kubedebug.yaml")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_OWN = (
    "hosts",
    "namespaces",
    "all_namespaces",
    "phases",
    "label_selectors",
    "field_selectors",
    "workload",
    "where",
)


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """The inventory of pods."""

    NAME = "kubedebug.core.pods"

    def __init__(self) -> None:
        super().__init__()
        self._results: dict[str, Any] = {}

    def verify_file(self, path: str) -> bool:
        """Whether the file may be one of this plugin, by the end of its name."""
        return bool(super().verify_file(path)) and path.endswith(_SUFFIXES)

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Fill the inventory from the cluster or from the cache."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        try:
            options = InventoryOptions.from_params({name: self.get_option(name) for name in _OWN})
            hosts = self._hosts(options, path, cache=cache)
        except DebugError as error:
            raise AnsibleParserError(error.msg) from error
        self._results.clear()
        self._add_group()
        self._add(hosts, containers=options.hosts == "containers")

    def _auth(self) -> dict[str, Any]:
        """The options for authentication, where a file may say them by a template."""
        self.templar.available_variables = self._vars
        given = {name: self.get_option(name) for name in AUTH_SPEC}
        return {
            name: self.templar.template(value) if isinstance(value, str) else value
            for name, value in given.items()
        }

    def _hosts(self, options: InventoryOptions, path: str, *, cache: bool) -> Hosts:
        auth = self._auth()
        if not self.get_option("cache"):
            return fetch(auth, options, environ=os.environ)
        # Loaded once for both, as that may run a program which asks for a token.
        config, _namespace = load_configuration(AuthOptions.from_params(auth), os.environ)
        suffix = cache_suffix(options, auth, reader_of(config))
        key = f"{self.get_cache_key(path)}_{suffix}"
        if cache:
            try:
                kept: Hosts = self._cache[key]["hosts"]
            except (KeyError, TypeError):
                # There is none, or it is not ours.
                self.display.vvv(f"{self.NAME}: the cache has nothing for {path}")
            else:
                return kept
        hosts = fetch(auth, options, environ=os.environ, config=config)
        self._cache[key] = {"hosts": hosts}
        return hosts

    def _add_group(self) -> None:
        """Make the group of all hosts, whose variables lead the connection to them."""
        group = self.inventory.add_group(self._sanitize_group_name(self.get_option("group")))
        connection = self.get_option("connection")
        if not connection:
            return
        self.inventory.set_variable(group, "ansible_connection", connection)
        if connection == "kubedebug.core.ephemeral":
            # The tasks of these hosts are forks of this process: what it has compiled, they
            # need not.
            importlib.import_module(
                "ansible_collections.kubedebug.core.plugins.module_utils._connection.everything"
            )
            for name, value in handed_on(self._auth()).items():
                self.inventory.set_variable(group, name, value)

    def _add(self, hosts: Hosts, *, containers: bool) -> None:
        group = self._sanitize_group_name(self.get_option("group"))
        strict = self.get_option("strict")
        compose, groups = self.get_option("compose"), self.get_option("groups")
        keyed_groups = self.get_option("keyed_groups")
        taken: dict[str, Mapping[str, Any]] = {}
        for facts in hosts:
            name = self._host_name(facts, containers=containers, strict=strict)
            if name in taken:
                raise AnsibleParserError(
                    f"hostnames gives the name {name} to {_ref(taken[name])} and to "
                    f"{_ref(facts)}: add kubedebug_pod, kubedebug_namespace or "
                    "kubedebug_container to the expression."
                )
            taken[name] = facts
            host = self.inventory.add_host(name, group=group)
            for key, value in facts.items():
                self.inventory.set_variable(host, key, value)
            if compose:
                self._set_composite_vars(compose, facts, host, strict=strict)
            if groups or keyed_groups:
                composed = bool(compose)
                self._add_host_to_composed_groups(
                    groups, facts, host, strict=strict, fetch_hostvars=composed
                )
                self._add_host_to_keyed_groups(
                    keyed_groups, facts, host, strict=strict, fetch_hostvars=composed
                )

    def _compose(self, template: Any, variables: Mapping[str, Any], *args: Any) -> Any:
        return self._once(
            "value",
            template,
            variables,
            lambda: super(InventoryModule, self)._compose(template, variables, *args),
        )

    def _add_host_to_composed_groups(
        self,
        groups: Any,
        variables: Mapping[str, Any],
        host: str,
        strict: bool = False,
        fetch_hostvars: bool = True,
    ) -> None:
        if fetch_hostvars:
            variables = combine_vars(variables, self.inventory.get_host(host).get_vars())
        for name, condition in (groups or {}).items():
            try:
                fits = self._once(
                    "condition", condition, variables, partial(self._fits, condition, variables)
                )
            except AnsibleError as error:
                if strict:
                    raise AnsibleParserError(
                        f"groups: {name}: {condition!r} does not fit {host}: {error}"
                    ) from error
                continue
            if fits:
                group = self.inventory.add_group(self._sanitize_group_name(name))
                self.inventory.add_child(group, host)

    def _fits(self, condition: Any, variables: Mapping[str, Any]) -> bool:
        self.templar.available_variables = variables
        return bool(self.templar.evaluate_conditional(condition))

    def _once(
        self,
        kind: str,
        expression: Any,
        variables: Mapping[str, Any],
        evaluate: Callable[[], Any],
    ) -> Any:
        """Evaluate an expression once for all hosts whose variables in it are the same.

        Ansible compiles an expression each time, which on thousands of hosts takes most of the
        time that an inventory does.
        """
        names = dependencies(expression) if isinstance(expression, str) else None
        if names is None or self.get_option("use_extra_vars") or not names <= variables.keys():
            return evaluate()
        values = {name: variables[name] for name in sorted(names)}
        try:
            key = json.dumps([kind, expression, values], sort_keys=True)
        except TypeError:
            return evaluate()
        if key not in self._results:
            self._results[key] = evaluate()
        return self._results[key]

    def _host_name(self, facts: Mapping[str, Any], *, containers: bool, strict: bool) -> str:
        for expression in self.get_option("hostnames"):
            try:
                value = self._compose(expression, facts)
            except AnsibleError as error:
                if strict:
                    raise AnsibleParserError(
                        f"hostnames: {expression!r} does not fit {_ref(facts)}: {error}"
                    ) from error
                continue
            name = _UNSAFE.sub("_", str(value)) if value else ""
            if name:
                return name
        return host_name(facts, containers=containers)


def _ref(facts: Mapping[str, Any]) -> str:
    return (
        f"{facts['kubedebug_namespace']}/{facts['kubedebug_pod']}, container "
        f"{facts['kubedebug_container']}"
    )
