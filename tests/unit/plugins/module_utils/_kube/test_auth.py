# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options, the environment, and which source counts."""

from __future__ import annotations

import ast
import importlib.metadata
import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._kube.auth import (
    AUTH_SPEC,
    ENVIRONMENT,
    AuthOptions,
    load_configuration,
    secrets,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import ConfigError
from ansible_collections.kubedebug.core.plugins.module_utils._kube.resolve import ServiceAccount


def args_common() -> ast.Module:
    """Parse kubernetes.core's file from the installed `ansible` package.

    It is not imported: the tree of this checkout may stand before the package's.
    """
    folder = "ansible_collections/kubernetes/core"
    package = importlib.metadata.distribution("ansible")
    manifest = json.loads(Path(str(package.locate_file(f"{folder}/MANIFEST.json"))).read_text())
    version = manifest["collection_info"]["version"]
    assert tuple(map(int, version.split(".")[:2])) >= (6, 6), (
        f"kubernetes.core is {version}, and earlier than 6.6.0 its options were others"
    )
    path = Path(str(package.locate_file(f"{folder}/plugins/module_utils/args_common.py")))
    return ast.parse(path.read_text(encoding="utf-8"))


def constant(tree: ast.Module, name: str) -> Any:
    """Evaluate a dictionary of literals, `dict(...)` and other such constants of the file."""

    def value(node: ast.expr) -> Any:
        if isinstance(node, ast.Call):
            assert isinstance(node.func, ast.Name)
            assert node.func.id == "dict"
            return {str(keyword.arg): value(keyword.value) for keyword in node.keywords}
        if isinstance(node, ast.Dict):
            return {
                value(key): value(item)
                for key, item in zip(node.keys, node.values, strict=True)
                if key is not None
            }
        if isinstance(node, ast.Name):
            return constant(tree, node.id)
        return ast.literal_eval(node)

    for statement in tree.body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == name:
            return value(statement.value)
    raise AssertionError(f"kubernetes.core has no {name} any more")


def normal(spec: dict[str, Any]) -> dict[str, Any]:
    """Fill Ansible's defaults in, so that only differences of meaning remain."""
    return {
        name: {
            "type": option.get("type", "str"),
            "aliases": sorted(option.get("aliases", [])),
            "no_log": bool(option.get("no_log")),
            "elements": option.get("elements"),
            "options": normal(option.get("options", {})),
        }
        for name, option in spec.items()
    }


def test_the_options_are_those_of_kubernetes_core():
    assert normal(AUTH_SPEC) == normal(constant(args_common(), "AUTH_ARG_SPEC"))


def test_the_environment_is_that_of_kubernetes_core():
    """It reads K8S_AUTH_<option>, then K8S_AUTH_<the client's name>, by this map."""
    names = constant(args_common(), "AUTH_ARG_MAP")
    expected = {
        option: tuple(dict.fromkeys((f"K8S_AUTH_{option.upper()}", f"K8S_AUTH_{client.upper()}")))
        for client, option in names.items()
        if option != "proxy_headers"
    }
    impersonation = {
        option: (f"K8S_AUTH_{option.upper()}",)
        for option in ("impersonate_user", "impersonate_groups")
    }
    assert expected | impersonation == ENVIRONMENT


def test_every_field_that_kubernetes_core_hides_is_hidden():
    function = next(
        node
        for node in args_common().body
        if isinstance(node, ast.FunctionDef) and "sensitive" in node.name
    )
    hidden = next(
        ast.literal_eval(node.value)
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "sensitive_fields"
    )
    assert len(hidden) >= 9
    user = {field: f"value of {field}" for field in hidden}
    assert secrets(AuthOptions(kubeconfig={"users": [{"user": user}]})) == set(user.values())


@pytest.mark.parametrize(
    ("environ", "option", "value"),
    [
        pytest.param({"K8S_AUTH_HOST": "https://a"}, "host", "https://a", id="host"),
        pytest.param({"K8S_AUTH_API_KEY": "t"}, "api_key", "t", id="api-key"),
        pytest.param({"K8S_AUTH_VERIFY_SSL": "False"}, "validate_certs", False, id="awx"),
        pytest.param({"K8S_AUTH_VALIDATE_CERTS": "no"}, "validate_certs", False, id="no"),
        pytest.param({"K8S_AUTH_VERIFY_SSL": "0"}, "validate_certs", False, id="zero"),
        pytest.param({"K8S_AUTH_VERIFY_SSL": "off"}, "validate_certs", True, id="off-is-true"),
        pytest.param({"K8S_AUTH_SSL_CA_CERT": "/ca"}, "ca_cert", "/ca", id="client-name"),
        pytest.param(
            {"K8S_AUTH_CA_CERT": "/a", "K8S_AUTH_SSL_CA_CERT": "/b"}, "ca_cert", "/a", id="both"
        ),
        pytest.param(
            {"K8S_AUTH_CA_CERT": "", "K8S_AUTH_SSL_CA_CERT": "/b"}, "ca_cert", "/b", id="empty"
        ),
        pytest.param({"K8S_AUTH_CERT_FILE": "/c"}, "client_cert", "/c", id="cert-file"),
        pytest.param({"K8S_AUTH_KEY_FILE": "/k"}, "client_key", "/k", id="key-file"),
        pytest.param({"K8S_AUTH_PERSIST_CONFIG": "true"}, "persist_config", True, id="persist"),
        pytest.param({"K8S_AUTH_IMPERSONATE_USER": "u"}, "impersonate_user", "u", id="user"),
        pytest.param(
            {"K8S_AUTH_IMPERSONATE_GROUPS": "a,,b"}, "impersonate_groups", ("a", "b"), id="groups"
        ),
        pytest.param(
            {"K8S_AUTH_PROXY_HEADERS_PROXY_BASIC_AUTH": "u:p"},
            "proxy_headers",
            {"proxy_basic_auth": "u:p"},
            id="proxy-headers",
        ),
        pytest.param({}, "proxy_headers", None, id="nothing"),
    ],
)
def test_environment(environ, option, value):
    assert getattr(AuthOptions().with_environment(environ), option) == value


def test_an_option_wins_over_the_environment():
    auth = AuthOptions(host="https://a", validate_certs=False, proxy_headers={"user_agent": "x"})
    filled = auth.with_environment(
        {
            "K8S_AUTH_HOST": "https://b",
            "K8S_AUTH_VERIFY_SSL": "true",
            "K8S_AUTH_PROXY_HEADERS_BASIC_AUTH": "u:p",
        }
    )
    assert filled == auth


def test_from_params_takes_its_own_and_no_empty_text():
    auth = AuthOptions.from_params(
        {"host": "", "api_key": "t", "impersonate_groups": ["a"], "name": "web", "wait": True}
    )
    assert auth == AuthOptions(api_key="t", impersonate_groups=("a",))


def test_repr_holds_no_secret():
    auth = AuthOptions(
        api_key="s3cr3t",
        password="s3cr3t",
        proxy="http://u:s3cr3t@p",
        proxy_headers={"basic_auth": "u:s3cr3t"},
        kubeconfig={"users": [{"token": "s3cr3t"}]},
    )
    assert "s3cr3t" not in repr(auth)


def test_secrets():
    kubeconfig = {
        "clusters": [
            {"name": "c", "cluster": {"server": "https://a", "proxy-url": "http://u:purl@p:1"}}
        ],
        "users": [
            {
                "name": "u",
                "user": {
                    "token": "tok",
                    "password": "pw",
                    "client-key-data": "keydata",
                    "auth-provider": {"config": {"refresh-token": "rt", "client-secret": "cs"}},
                    "exec": {
                        "command": "aws",
                        "env": [
                            {"name": "AWS_PROFILE", "value": "default"},
                            {"name": "AWS_SECRET_ACCESS_KEY", "value": "aws-secret"},
                        ],
                    },
                },
            }
        ],
    }
    auth = AuthOptions(
        kubeconfig=kubeconfig,
        api_key="key",
        password="pass",
        proxy="http://me:p%40ss@proxy:3128",
        proxy_headers={"proxy_basic_auth": "u:proxypass", "basic_auth": None, "user_agent": "x"},
    )
    assert secrets(auth) == {
        *("key", "pass", "me:p%40ss", "p%40ss", "p@ss", "u:proxypass", "proxypass"),
        *("tok", "pw", "keydata", "rt", "cs", "aws-secret", "u:purl", "purl"),
    }
    assert secrets(AuthOptions(kubeconfig="/some/path", proxy="http://proxy:1")) == set()


@pytest.fixture
def pod(tmp_path: Path) -> ServiceAccount:
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    for name, text in (("token", "sa-token\n"), ("ca.crt", "PEM"), ("namespace", "home")):
        (folder / name).write_text(text)
    return ServiceAccount(folder)


IN_CLUSTER = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}


def config(**user: Any) -> dict[str, Any]:
    return {
        "current-context": "one",
        "contexts": [
            {"name": "one", "context": {"cluster": "c1", "user": "u", "namespace": "shop"}},
            {"name": "two", "context": {"cluster": "c2", "user": "u"}},
        ],
        "clusters": [
            {"name": "c1", "cluster": {"server": "https://one:6443/"}},
            {"name": "c2", "cluster": {"server": "https://two:6443"}},
        ],
        "users": [{"name": "u", "user": user or {"token": "kc-token"}}],
    }


@pytest.mark.parametrize(
    ("options", "environ", "host", "authorization", "namespace"),
    [
        pytest.param(
            {"host": "https://h/", "api_key": "t"}, IN_CLUSTER, "https://h", "Bearer t", None,
            id="host-and-token-before-all",
        ),
        pytest.param(
            {"host": "https://h", "username": "u", "password": "p"}, IN_CLUSTER, "https://h",
            "Basic dTpw", None, id="host-and-password",
        ),
        pytest.param(
            {"host": "https://h", "api_key": "t", "username": "u", "password": "p"}, {},
            "https://h", "Bearer t", None, id="token-before-password",
        ),
        pytest.param(
            {"host": "https://h", "api_key": "t", "kubeconfig": {"broken": True}}, {},
            "https://h", "Bearer t", None, id="kubeconfig-not-even-read",
        ),
        pytest.param(
            {"kubeconfig": config()}, IN_CLUSTER, "https://one:6443", "Bearer kc-token", "shop",
            id="kubeconfig-before-the-pod",
        ),
        pytest.param(
            {"kubeconfig": config(), "context": "two"}, {}, "https://two:6443", "Bearer kc-token",
            None, id="context",
        ),
        pytest.param(
            {"kubeconfig": config(), "api_key": "t"}, {}, "https://one:6443", "Bearer t", "shop",
            id="token-over-the-kubeconfig",
        ),
        pytest.param(
            {"kubeconfig": config(), "host": "https://h"}, {}, "https://h", "Bearer kc-token",
            "shop", id="host-over-the-kubeconfig",
        ),
        pytest.param({}, IN_CLUSTER, "https://10.0.0.1:443", "Bearer sa-token", "home", id="pod"),
        pytest.param(
            {}, {**IN_CLUSTER, "KUBERNETES_SERVICE_HOST": "fd00::1"}, "https://[fd00::1]:443",
            "Bearer sa-token", "home", id="pod-ipv6",
        ),
        pytest.param(
            {"api_key": "t"}, IN_CLUSTER, "https://10.0.0.1:443", "Bearer t", "home",
            id="token-without-host-in-the-pod",
        ),
        pytest.param(
            {}, {"K8S_AUTH_HOST": "https://e", "K8S_AUTH_API_KEY": "et", **IN_CLUSTER},
            "https://e", "Bearer et", None, id="environment-alone",
        ),
        pytest.param(
            {"kubeconfig": config(username="u", password="p")}, {}, "https://one:6443",
            "Basic dTpw", "shop", id="kubeconfig-password",
        ),
        pytest.param(
            {"kubeconfig": config(unknown="x")}, {}, "https://one:6443", None, "shop",
            id="anonymous",
        ),
    ],
)  # fmt: skip
def test_precedence(pod, *, options, environ, host, authorization, namespace):
    config, found = load_configuration(AuthOptions(**options), environ, service_account=pod)
    assert (config.host, config.credentials.authorization()) == (host, authorization)
    assert found == config.namespace == namespace


def test_the_pods_own_certificate_authority(pod):
    config, _namespace = load_configuration(AuthOptions(), IN_CLUSTER, service_account=pod)
    assert config.tls.ca_file == pod.ca
    assert config.tls.verify


def test_a_pod_without_a_token_is_no_cluster(tmp_path):
    environ = {**IN_CLUSTER, "HOME": str(tmp_path)}
    with pytest.raises(ConfigError, match="No cluster is named: there is neither a kubeconfig"):
        load_configuration(
            AuthOptions(), environ, service_account=ServiceAccount(tmp_path / "none")
        )


def test_host_without_credentials_is_not_enough(tmp_path):
    with pytest.raises(ConfigError, match=r"Set the option kubeconfig .*, or host and api_key"):
        load_configuration(AuthOptions(host="https://h"), {"HOME": str(tmp_path)})


def test_the_default_kubeconfig_is_that_of_the_tasks_home(tmp_path):
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube/config").write_text(
        "current-context: x\n"
        "contexts: [{name: x, context: {cluster: c}}]\n"
        "clusters: [{name: c, cluster: {server: 'https://home:1'}}]\n"
    )
    config, _namespace = load_configuration(AuthOptions(), {"HOME": str(tmp_path)})
    assert config.host == "https://home:1"


def test_options_override_the_tls_of_a_kubeconfig(tmp_path):
    ca, cert, key = (tmp_path / name for name in ("ca", "cert", "key"))
    for path in (ca, cert, key):
        path.write_text("x")
    source = config()
    source["clusters"][0]["cluster"] |= {
        "insecure-skip-tls-verify": True,
        "tls-server-name": "api.internal",
    }
    plain, _namespace = load_configuration(AuthOptions(kubeconfig=source), {})
    assert (plain.tls.verify, plain.tls.server_name) == (False, "api.internal")
    given, _namespace = load_configuration(
        AuthOptions(
            kubeconfig=source,
            validate_certs=True,
            ca_cert=str(ca),
            client_cert=str(cert),
            client_key="~/key",
        ),
        {"HOME": str(tmp_path)},
    )
    assert (given.tls.verify, given.tls.ca_file) == (True, ca)
    certificate = given.credentials.certificate
    assert certificate is not None
    assert (certificate.cert_file, certificate.key_file) == (cert, key)


@pytest.mark.parametrize("option", ["ca_cert", "client_cert"])
def test_a_file_that_is_not_there_is_named_with_its_option(tmp_path, option):
    auth = AuthOptions(host="https://h", api_key="t", **{option: f"{tmp_path}/none"})
    with pytest.raises(ConfigError) as caught:
        load_configuration(auth, {})
    assert caught.value.msg == (
        f"{option} names {tmp_path}/none, and there is no such file. Correct the path; it is that "
        "of the machine on which the task runs."
    )


@pytest.mark.parametrize(
    ("options", "environ", "url", "headers"),
    [
        pytest.param({}, {}, None, {}, id="none"),
        pytest.param({"proxy": "http://p:3128"}, {}, "http://p:3128", {}, id="option"),
        pytest.param({}, {"K8S_AUTH_PROXY": "http://e:1"}, "http://e:1", {}, id="k8s-auth"),
        pytest.param({}, {"HTTPS_PROXY": "http://e:1"}, "http://e:1", {}, id="environment"),
        pytest.param(
            {"proxy": "http://p:1"}, {"HTTPS_PROXY": "http://e:1"}, "http://p:1", {}, id="wins"
        ),
        pytest.param({"proxy": "http://p:1", "no_proxy": "h"}, {}, None, {}, id="no-proxy"),
        pytest.param(
            {"proxy": "http://p:1"}, {"NO_PROXY": "h"}, "http://p:1", {},
            id="foreign-no-proxy-is-not-for-our-proxy",
        ),
        pytest.param(
            {"proxy": "http://me:p%40ss@p:1"}, {}, "http://me:p%40ss@p:1",
            {"proxy-authorization": "Basic bWU6cEBzcw=="}, id="user-in-the-url",
        ),
        pytest.param(
            {
                "proxy": "http://me:x@p:1",
                "proxy_headers": {
                    "proxy_basic_auth": "u:p",
                    "basic_auth": "a:b",
                    "user_agent": "ua",
                },
            },
            {},
            "http://me:x@p:1",
            {
                "proxy-authorization": "Basic dTpw",
                "authorization": "Basic YTpi",
                "user-agent": "ua",
            },
            id="headers",
        ),
    ],
)  # fmt: skip
def test_proxy(options, environ, url, headers):
    auth = AuthOptions(host="https://h", api_key="t", **options)
    config, _namespace = load_configuration(auth, environ)
    found = None if config.proxy is None else config.proxy.url
    assert found == url
    assert (config.proxy.headers if config.proxy else {}) == headers


def test_the_proxy_of_a_kubeconfig_and_of_the_option():
    source = config()
    source["clusters"][0]["cluster"]["proxy-url"] = "http://kc:1"
    own, _namespace = load_configuration(AuthOptions(kubeconfig=source), {})
    assert own.proxy is not None
    assert own.proxy.url == "http://kc:1"
    given, _namespace = load_configuration(AuthOptions(kubeconfig=source, proxy="http://p:1"), {})
    assert given.proxy is not None
    assert given.proxy.url == "http://p:1"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        pytest.param({"proxy": "p:3128"}, "proxy is not a URL", id="proxy"),
        pytest.param({"host": "h:6443"}, "host is not a URL", id="host"),
        pytest.param({"api_key": "a\r\nX: y"}, "holds a line break", id="token-with-a-header"),
        pytest.param({"impersonate_user": "a\nX: y"}, "impersonate_user holds", id="user"),
        pytest.param({"impersonate_groups": ("a\r",)}, "impersonate_groups holds", id="group"),
    ],
)
def test_bad_values_are_named(options, text):
    with pytest.raises(ConfigError, match=text):
        load_configuration(AuthOptions(**{"host": "https://h", "api_key": "t", **options}), {})


def test_a_token_may_end_with_a_line_break():
    auth = AuthOptions(host="https://h", api_key="token\n")
    config, _namespace = load_configuration(auth, {})
    assert config.credentials.authorization() == "Bearer token"
