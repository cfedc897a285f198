# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks inside a debugger of a pod: options, translation, display; the work is in _connection."""

from __future__ import annotations

DOCUMENTATION = r"""
name: ephemeral
short_description: Run tasks inside a debugger of a pod
version_added: 0.1.0
description:
  - Each host is a pod, and its tasks run in an ephemeral container of it, a debugger, which shares
    the network of the pod and the processes of one of its containers. The pod itself needs neither
    a shell nor Python.
  - M(ansible.builtin.raw) needs C(sh) in the debugger's image, modules need Python there; images
    such as the default one have both.
  - The debugger is opened by the first task, as M(kubedebug.core.ephemeral_container) does with the
    same options, and is used by all later tasks, by all hosts that mean the same container, and by
    later runs, until its O(lifetime) is over.
  - Files are streamed, and their SHA-256 is compared on both sides.
extends_documentation_fragment:
  - kubedebug.core.plugin_auth
  - ansible.builtin.connection_pipelining
options:
  namespace:
    description:
      - Namespace of the pod; that of the context by default.
    type: str
    env:
      - name: KUBEDEBUG_NAMESPACE
    vars:
      - name: kubedebug_namespace
  pod:
    description:
      - Name of the pod.
      - Without it, C(ansible_host) is read as C(NAMESPACE/POD), C(NAMESPACE/POD/CONTAINER) or
        C(POD), and without C(ansible_host) the name of the host is.
    type: str
    vars:
      - name: kubedebug_pod
  container:
    description:
      - Container of the pod whose processes the debugger sees.
      - Defaults to the one that the annotation C(kubectl.kubernetes.io/default-container) names,
        else the first that is not a service mesh's sidecar.
    type: str
    vars:
      - name: kubedebug_container
  address:
    description:
      - What stands for the pod where O(pod) is not given.
    type: str
    default: inventory_hostname
    vars:
      - name: inventory_hostname
      - name: ansible_host
  seat:
    description:
      - Name of a running container of the pod to run tasks in as it is, instead of a debugger; of
        any kind, also one that another tool has added. Nothing is opened then.
    type: str
    vars:
      - name: kubedebug_seat
  keep:
    description:
      - Whether the debugger is left to its O(lifetime). An entry stays in its pod for ever, so
        a debugger that is used again is worth more than one that was tidied away.
      - With V(false), C(meta) C(reset_connection) ends a debugger that the same run has added.
    type: bool
    default: true
    env:
      - name: KUBEDEBUG_KEEP
    vars:
      - name: kubedebug_keep
  wait_timeout:
    description:
      - How long to wait for a debugger that is opened, in seconds.
    type: int
    default: 120
    env:
      - name: KUBEDEBUG_WAIT_TIMEOUT
    vars:
      - name: kubedebug_wait_timeout
  image:
    description:
      - Image of the debugger. It needs C(sh), and Python for modules.
    type: str
    default: docker.io/nicolaka/netshoot:v0.14
    env:
      - name: KUBEDEBUG_IMAGE
    vars:
      - name: kubedebug_image
  image_pull_policy:
    description:
      - When the image is pulled; the API server's own default without it.
    type: str
    choices: [Always, IfNotPresent, Never]
    env:
      - name: KUBEDEBUG_IMAGE_PULL_POLICY
    vars:
      - name: kubedebug_image_pull_policy
  profile:
    description:
      - Security profile, the same as C(kubectl debug --profile).
    type: str
    choices: [general, baseline, restricted, netadmin, sysadmin]
    default: general
    env:
      - name: KUBEDEBUG_PROFILE
    vars:
      - name: kubedebug_profile
  target_container:
    description:
      - Whether the debugger runs in the process namespace of O(container).
    type: bool
    default: true
    env:
      - name: KUBEDEBUG_TARGET_CONTAINER
    vars:
      - name: kubedebug_target_container
  env:
    description:
      - Environment of the debugger.
    type: dict
    default: {}
    vars:
      - name: kubedebug_env
  inherit:
    description:
      - What the debugger takes over from O(container), of V(env), V(mounts) and V(user).
    type: list
    elements: str
    choices: [env, mounts, user]
    default: []
    vars:
      - name: kubedebug_inherit
  custom:
    description:
      - Part of a container's specification, merged after the profile as C(kubectl debug --custom)
        does.
    type: dict
    default: {}
    vars:
      - name: kubedebug_custom
  lifetime:
    description:
      - Seconds after which the debugger ends by itself, also when nobody is there to stop it; 60 at
        the least. It is also the bound of each command that runs in it.
      - A task that finds the debugger over opens another one, without the files of the former. One
        that was extended (M(kubedebug.core.ephemeral_container) with C(state=extended)) is used for
        as long as it stays.
    type: int
    default: 3600
    env:
      - name: KUBEDEBUG_LIFETIME
    vars:
      - name: kubedebug_lifetime
  owner:
    description:
      - Who the debugger belongs to; it stands in the debugger's environment.
      - Defaults to the name that the API server knows the credentials by.
    type: str
    env:
      - name: KUBEDEBUG_OWNER
    vars:
      - name: kubedebug_owner
  reason:
    description:
      - Why the debugger was started; it stands in the debugger's environment.
    type: str
    env:
      - name: KUBEDEBUG_REASON
    vars:
      - name: kubedebug_reason
  ticket:
    description:
      - The ticket that the debugger was started for; it stands in the debugger's environment.
    type: str
    env:
      - name: KUBEDEBUG_TICKET
    vars:
      - name: kubedebug_ticket
notes:
  - C(become) is not supported where it asks for a password, since nothing can answer there.
    A debugger runs as the user of its image; C(runAsUser=0) in the C(securityContext) of O(custom)
    makes it root.
  - A user without a home needs a folder for modules, as C(ansible_remote_tmp=/tmp/.ansible).
  - Pipelining (C(ansible_pipelining=true)) runs a module by one request to the API server, instead
    of four or more.
  - A task is unreachable, and not failed, where its debugger or its pod ended while it ran, or the
    connection did. How far it came is unknown then, and it is never run a second time.
  - What runs in a debugger when the play is interrupted runs on until the O(lifetime) is over.
  - In check mode the debugger is opened as well, as modules run inside of it.
  - The API server has to be of Kubernetes 1.30 or later for files and for pipelining.
seealso:
  - module: kubedebug.core.ephemeral_container
  - module: kubedebug.core.ephemeral_command
author:
  - The kubedebug.core authors (@kubedebug)
"""

EXAMPLES = r"""
# An inventory of two pods that have no shell.
all:
  vars:
    ansible_connection: kubedebug.core.ephemeral
    ansible_pipelining: true
    kubedebug_image: docker.io/nicolaka/netshoot:v0.14
    kubedebug_lifetime: 1800
    kubedebug_ticket: INC-4711
  hosts:
    web-0:
      kubedebug_namespace: shop
      kubedebug_pod: web-0
    db:
      ansible_host: shop/db-0/postgres

# A play on them.
# - hosts: all
#   gather_facts: false
#   tasks:
#     - name: Ask the application, which listens in this pod
#       ansible.builtin.uri:
#         url: http://localhost:80
#
#     - name: Bring a file of the application home
#       ansible.builtin.fetch:
#         src: /proc/1/root/etc/app.conf
#         dest: evidence
#
#     - name: End the debuggers before their time
#       kubedebug.core.ephemeral_container:
#         namespace: "{{ kubedebug_namespace }}"
#         name: "{{ kubedebug_pod }}"
#         state: stopped
#       delegate_to: localhost
"""

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import (
    AnsibleConnectionFailure,
    AnsibleError,
    AnsibleFileNotFound,
    AnsibleOptionsError,
)
from ansible.module_utils.common.text.converters import to_text
from ansible.plugins.connection import ConnectionBase
from ansible.utils.display import Display

from ansible_collections.kubedebug.core.plugins.module_utils._connection.link import Link
from ansible_collections.kubedebug.core.plugins.module_utils._connection.place import (
    OPTIONS,
    Place,
)
from ansible_collections.kubedebug.core.plugins.module_utils._connection.putting import (
    FileRefused,
    put,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.auth import AUTH_SPEC
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    ConfigError,
    DebugError,
)
from ansible_collections.kubedebug.core.plugins.module_utils._options import OptionError

display = Display()


class Connection(ConnectionBase):
    """A debugger of the host's pod."""

    transport = "kubedebug.core.ephemeral"
    has_pipelining = True
    has_tty = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._link: Link | None = None

    def _connect(self) -> Connection:
        if self._link is None:
            self._link = self._make_link()
            self._connected = True
        return self

    def exec_command(
        self, cmd: str, in_data: bytes | None = None, sudoable: bool = True
    ) -> tuple[int, bytes, bytes]:
        """Run a line of shell in the debugger."""
        self._connect()
        if sudoable and self.become is not None and self.become.expect_prompt():
            raise AnsibleError(
                "become asks for a password, and nothing can answer inside a debugger. Leave "
                "become out; the debugger is root where its image is, or with kubedebug_custom: "
                "{securityContext: {runAsUser: 0}}."
            )
        self._say(f"EXEC {to_text(cmd)}")
        with self._translated() as link:
            result = link.command(to_text(cmd, errors="surrogate_or_strict"), in_data)
        return result.rc, result.stdout, result.stderr

    def put_file(self, in_path: str, out_path: str) -> None:
        """Write a file of the controller into the debugger."""
        self._connect()
        self._say(f"PUT {in_path} TO {out_path}")
        if not Path(in_path).exists():
            raise AnsibleFileNotFound(f"{in_path} is not there on the controller.")
        with self._translated() as link:
            put(link, in_path, out_path)

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Bring a file of the debugger to the controller."""
        self._connect()
        self._say(f"FETCH {in_path} TO {out_path}")
        with self._translated() as link:
            # Few tasks fetch, and each compiles what it imports.
            later = importlib.import_module(
                "ansible_collections.kubedebug.core.plugins.module_utils._connection.fetching"
            )
            later.fetch(link, in_path, out_path)

    def reset(self) -> None:
        """Forget the debugger, and end it when O(keep=false) and this run has added it."""
        self._connect()
        with self._translated() as link:
            link.reset()
        self.close()

    def close(self) -> None:
        """Give back what this task has; the debugger stays for the tasks that follow."""
        if self._link is not None:
            self._link.close()
            self._link = None
        self._connected = False

    def _make_link(self) -> Link:
        auth = {name: self.get_option(name) for name in AUTH_SPEC}
        asked = self._play_context.password
        if asked and auth["password"] == asked:
            # The answer to --ask-pass is for hosts, and Ansible gives it to every such option.
            auth["password"] = None
        try:
            place = Place.from_params(
                {name: self.get_option(name) for name in OPTIONS},
                address=self.get_option("address"),
            )
        except OptionError as error:
            raise AnsibleOptionsError(error.msg) from None
        return Link(
            place,
            auth,
            folder=constants.DEFAULT_LOCAL_TMP,
            environ=dict(os.environ),
            say=self._say,
            warn=display.warning,
        )

    @contextmanager
    def _translated(self) -> Iterator[Link]:
        """The link, whose errors become those that Ansible tells apart."""
        link = self._link
        if link is None:
            raise AnsibleConnectionFailure("The connection is closed.")
        try:
            yield link
        except (OptionError, ConfigError) as error:
            raise AnsibleOptionsError(error.msg) from None
        except FileRefused as error:
            raise AnsibleError(error.msg) from None
        except DebugError as error:
            raise AnsibleConnectionFailure(error.msg) from None

    def _say(self, text: str) -> None:
        display.vvv(text, host=self.get_option("address"))
