# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubeconfigs: merging, choosing, and errors that quote no secret."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._kube.auth import (
    AuthOptions,
    load_configuration,
    secrets,
)
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import ConfigError

SECRET = "s3cr3t-in-the-file"


def write(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def one(name: str, *, current: bool = True, server: str = "", **user: Any) -> str:
    import yaml

    data: dict[str, Any] = {
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "clusters": [{"name": name, "cluster": {"server": server or f"https://{name}:1"}}],
        "users": [{"name": name, "user": user or {"token": f"token-{name}"}}],
    }
    if current:
        data["current-context"] = name
    return yaml.safe_dump(data)


def load(kubeconfig: Any, environ: dict[str, str] | None = None, **options: Any) -> Any:
    auth = AuthOptions(kubeconfig=kubeconfig, **options)
    return load_configuration(auth, environ or {})[0]


def test_a_list_of_files_is_merged(tmp_path):
    a, b = write(tmp_path / "a", one("a")), write(tmp_path / "b", one("b"))
    paths = os.pathsep.join([a, str(tmp_path / "missing"), b])
    assert load(paths).host == "https://b:1", "the last current context counts"
    assert load(paths, context="a").credentials.authorization() == "Bearer token-a"


def test_of_two_entries_of_a_name_the_first_counts(tmp_path):
    a = write(tmp_path / "a", one("x", server="https://first:1"))
    b = write(tmp_path / "b", one("x", server="https://second:1", current=False))
    assert load(os.pathsep.join([a, b])).host == "https://first:1"


def test_kubeconfig_of_the_environment(tmp_path):
    path = write(tmp_path / "a", one("a"))
    assert load(None, {"KUBECONFIG": path}).host == "https://a:1"
    assert load(None, {"K8S_AUTH_KUBECONFIG": path}).host == "https://a:1"
    assert load("~/a", {"HOME": str(tmp_path)}).host == "https://a:1"


def test_relative_files_count_from_the_kubeconfig(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "sub/token", "from-the-file\n")
    write(tmp_path / "sub/config", one("a", tokenFile="token"))
    assert load("sub/config").credentials.authorization() == "Bearer from-the-file"


def test_a_dictionary_with_data(tmp_path):
    encoded = base64.b64encode(b"PEM").decode()
    source = {
        "current-context": "a",
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "clusters": [
            {
                "name": "a",
                "cluster": {"server": "https://a:1", "certificate-authority-data": encoded},
            }
        ],
        "users": [
            {
                "name": "a",
                "user": {"client-certificate-data": encoded, "client-key-data": encoded},
            }
        ],
    }
    config = load(source)
    assert config.tls.ca_data == b"PEM"
    assert config.credentials.certificate.cert_data == b"PEM"
    assert config.credentials.certificate.key_data == b"PEM"
    assert "PEM" not in repr(config)


BROKEN = [
    pytest.param("", "holds no kubeconfig", id="empty"),
    pytest.param("just text", "holds no kubeconfig", id="text"),
    pytest.param(f"a: b\ntoken: {SECRET}: [", r"which is not YAML \(line 2\)", id="yaml"),
    pytest.param("{}", "has no current context.*it has no contexts", id="no-context"),
    pytest.param(f"users: {SECRET}", "users is not a list of objects", id="users-no-list"),
    pytest.param(f"users: [{{user: {{token: {SECRET}}}}}]", "an item of users has", id="no-name"),
    pytest.param(
        "current-context: x\ncontexts: [{name: x, context: {cluster: y}}]\n"
        f"clusters: [{{name: z, cluster: {{server: 'https://{SECRET}'}}}}]",
        "has no cluster y, which context x asks for.*its clusters are z",
        id="no-cluster",
    ),
    pytest.param(
        "current-context: x\ncontexts: [{name: x, context: {}}]", "names no cluster", id="empty-x"
    ),
    pytest.param(
        "current-context: x\ncontexts: [{name: x, context: {cluster: y}}]\n"
        "clusters: [{name: y, cluster: {}}]",
        "No cluster is named",
        id="no-server",
    ),
    pytest.param(
        one("a", **{"client-certificate-data": f"!{SECRET}!x"}),
        "client-certificate-data is not base64",
        id="not-base64",
    ),
    pytest.param(one("a", tokenFile="none"), "tokenFile names .*/none, and there", id="no-token"),
    pytest.param(
        one("a", **{"client-certificate": "c", "password": SECRET}),
        "client-certificate names .*/c, and there is no such file",
        id="no-client-certificate",
    ),
    pytest.param(one("a", exec={"args": [SECRET]}), "its exec has no command", id="no-command"),
]


@pytest.mark.parametrize(("text", "problem"), BROKEN)
def test_a_broken_kubeconfig_is_named_and_not_quoted(tmp_path, text, problem):
    path = write(tmp_path / "config", text)
    with pytest.raises(ConfigError, match=problem) as caught:
        load(path)
    if "No cluster is named" not in problem:
        assert path in caught.value.msg
    assert SECRET not in caught.value.msg


def test_a_context_that_is_not_there_lists_those_that_are(tmp_path):
    path = write(tmp_path / "config", one("a"))
    with pytest.raises(ConfigError) as caught:
        load(path, context="nope")
    assert caught.value.msg == (
        f"kubeconfig ({path}) has no context nope, which context asks for. Correct the kubeconfig "
        "or the option context; its contexts are a."
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"apiVersion: v1\nusers: [{SECRET}]\n", id="yaml"),
        pytest.param(f' {{"users": ["{SECRET}"]}}', id="json"),
        pytest.param(SECRET * 200, id="base64"),
    ],
)
def test_a_text_where_a_path_is_meant_is_not_shown(text):
    with pytest.raises(ConfigError, match="kubeconfig holds the text") as caught:
        load(text)
    assert SECRET not in caught.value.msg
    assert secrets(AuthOptions(kubeconfig=text)) == {text}


def test_a_kubeconfig_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(f"{tmp_path}/none")
    assert caught.value.msg == (
        f"kubeconfig names {tmp_path}/none, and there is no such file. Correct the path; it is "
        "that of the machine on which the task runs."
    )
    with pytest.raises(ConfigError, match="the environment variable KUBECONFIG names"):
        load(None, {"KUBECONFIG": f"{tmp_path}/none"})


def test_a_folder_is_no_kubeconfig(tmp_path):
    with pytest.raises(ConfigError, match="which cannot be read"):
        load(str(tmp_path))


def test_a_kubeconfig_of_another_type():
    with pytest.raises(ConfigError, match="kubeconfig is a list"):
        load(["a"])
