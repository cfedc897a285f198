# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The authentication options of plugins, which read variables and the environment."""

from __future__ import annotations


class ModuleDocFragment:
    """The options of the fragment C(auth), as Ansible's own configuration looks them up."""

    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Path to a kubeconfig file, or its content as a dictionary.
      - Without it and without O(host), the configuration of the pod that the task runs in
        is used, then E(KUBECONFIG), then C(~/.kube/config).
    type: raw
    env:
      - name: K8S_AUTH_KUBECONFIG
    vars:
      - name: kubedebug_kubeconfig
  context:
    description:
      - Name of a context of the kubeconfig; its current context by default.
    type: str
    env:
      - name: K8S_AUTH_CONTEXT
    vars:
      - name: kubedebug_context
  host:
    description:
      - URL of the API server. With O(api_key), O(username) or a client certificate it takes
        precedence over O(kubeconfig).
    type: str
    env:
      - name: K8S_AUTH_HOST
    vars:
      - name: kubedebug_host
  api_key:
    description:
      - Bearer token.
    type: str
    env:
      - name: K8S_AUTH_API_KEY
    vars:
      - name: kubedebug_api_key
  username:
    description:
      - Name for HTTP basic authentication, for proxies before an API server that still know
        it.
    type: str
    env:
      - name: K8S_AUTH_USERNAME
    vars:
      - name: kubedebug_username
  password:
    description:
      - Password for HTTP basic authentication.
    type: str
    env:
      - name: K8S_AUTH_PASSWORD
    vars:
      - name: kubedebug_password
  client_cert:
    description:
      - Path to a client certificate.
    type: path
    aliases: [cert_file]
    env:
      - name: K8S_AUTH_CLIENT_CERT
      - name: K8S_AUTH_CERT_FILE
    vars:
      - name: kubedebug_client_cert
  client_key:
    description:
      - Path to the key of O(client_cert).
    type: path
    aliases: [key_file]
    env:
      - name: K8S_AUTH_CLIENT_KEY
      - name: K8S_AUTH_KEY_FILE
    vars:
      - name: kubedebug_client_key
  ca_cert:
    description:
      - Path to the certificates that the API server's is verified with.
    type: path
    aliases: [ssl_ca_cert]
    env:
      - name: K8S_AUTH_CA_CERT
      - name: K8S_AUTH_SSL_CA_CERT
    vars:
      - name: kubedebug_ca_cert
  validate_certs:
    description:
      - Whether to verify the API server's certificate. Switching it off gives the
        credentials to whoever answers.
    type: bool
    aliases: [verify_ssl]
    env:
      - name: K8S_AUTH_VALIDATE_CERTS
      - name: K8S_AUTH_VERIFY_SSL
    vars:
      - name: kubedebug_validate_certs
  proxy:
    description:
      - URL of an HTTP proxy for the connection.
    type: str
    env:
      - name: K8S_AUTH_PROXY
    vars:
      - name: kubedebug_proxy
  no_proxy:
    description:
      - Comma-separated hosts that are reached without O(proxy).
    type: str
    env:
      - name: K8S_AUTH_NO_PROXY
    vars:
      - name: kubedebug_no_proxy
  proxy_headers:
    description:
      - Headers for O(proxy).
    type: dict
    suboptions:
      proxy_basic_auth:
        description:
          - Basic authentication as C(user:password).
          - Can also be given by the environment variable
            E(K8S_AUTH_PROXY_HEADERS_PROXY_BASIC_AUTH).
        type: str
      basic_auth:
        description:
          - Basic authentication as C(user:password).
          - Can also be given by the environment variable
            E(K8S_AUTH_PROXY_HEADERS_BASIC_AUTH).
        type: str
      user_agent:
        description:
          - The user agent.
          - Can also be given by the environment variable
            E(K8S_AUTH_PROXY_HEADERS_USER_AGENT).
        type: str
    vars:
      - name: kubedebug_proxy_headers
  persist_config:
    description:
      - Whether a token that a credential plugin refreshed is written back to the
        kubeconfig.
    type: bool
    env:
      - name: K8S_AUTH_PERSIST_CONFIG
    vars:
      - name: kubedebug_persist_config
  impersonate_user:
    description:
      - User to impersonate.
    type: str
    env:
      - name: K8S_AUTH_IMPERSONATE_USER
    vars:
      - name: kubedebug_impersonate_user
  impersonate_groups:
    description:
      - Groups to impersonate.
    type: list
    elements: str
    env:
      - name: K8S_AUTH_IMPERSONATE_GROUPS
    vars:
      - name: kubedebug_impersonate_groups
requirements:
  - kubernetes >= 33.1
notes:
  - The options for authentication have the names, the environment variables and the precedence of
    those of C(kubernetes.core), as in the modules of this collection.
"""
