# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster's certificates, made by the openssl program.

Python 3.13 verifies strictly (VERIFY_X509_STRICT): the CA needs a critical basicConstraints and
a keyUsage, each leaf an authorityKeyIdentifier.
"""

from __future__ import annotations

import base64
import shutil
from dataclasses import dataclass
from pathlib import Path

from kdcluster.settings import Settings
from kdcluster.shell import run

__all__ = ["CLIENTS", "ensure", "write_kubeconfig"]

_DAYS = "3650"
_CA_CONFIG = """
[req]
prompt = no
distinguished_name = name
x509_extensions = ca
[name]
CN = kubedebug-test-cluster
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
"""


@dataclass(frozen=True, kw_only=True)
class _Leaf:
    """A certificate; `names` are subjectAltName entries, for those that serve."""

    file: str
    subject: str
    names: tuple[str, ...] = ()


# file name of the kubeconfig and certificate -> subject
CLIENTS = ("admin", "kube-controller-manager", "kube-scheduler", "kubelet")


def _leaves(settings: Settings) -> list[_Leaf]:
    network, node = settings.network, settings.node
    local = ("DNS:localhost", "IP:127.0.0.1")
    service = "kubernetes.default.svc"
    apiserver = (
        *local,
        f"IP:{network.api_service}",
        "DNS:kubernetes",
        "DNS:kubernetes.default",
        f"DNS:{service}",
        f"DNS:{service}.cluster.local",
    )
    kubelet = (f"DNS:{node}", f"IP:{network.gateway}", *local)
    return [
        _Leaf(file="apiserver", subject="/CN=kube-apiserver", names=apiserver),
        _Leaf(file="etcd", subject="/CN=etcd", names=local),
        _Leaf(file="kubelet-client", subject="/O=system:masters/CN=kube-apiserver-kubelet-client"),
        _Leaf(file="kubelet", subject=f"/O=system:nodes/CN=system:node:{node}", names=kubelet),
        _Leaf(file="admin", subject="/O=system:masters/CN=kubedebug-admin"),
        _Leaf(file="kube-scheduler", subject="/CN=system:kube-scheduler"),
        _Leaf(file="kube-controller-manager", subject="/CN=system:kube-controller-manager"),
    ]


def _openssl(*words: str | Path) -> None:
    run(["openssl", *words])


def _key(path: Path) -> None:
    _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)
    path.chmod(0o600)


def _sign(folder: Path, leaf: _Leaf) -> None:
    key, request = folder / f"{leaf.file}.key", folder / f"{leaf.file}.csr"
    _key(key)
    config = folder / "leaf.cnf"
    lines = [
        "[req]",
        "distinguished_name = name",
        "[name]",
        "[leaf]",
        "basicConstraints = critical, CA:FALSE",
        "keyUsage = critical, digitalSignature",
        "extendedKeyUsage = clientAuth" + (", serverAuth" if leaf.names else ""),
        "subjectKeyIdentifier = hash",
        "authorityKeyIdentifier = keyid:always",
    ]
    if leaf.names:
        lines.append("subjectAltName = " + ", ".join(leaf.names))
    config.write_text("\n".join(lines) + "\n", encoding="ascii")
    _openssl("req", "-new", "-config", config, "-key", key, "-subj", leaf.subject, "-out", request)
    authority = ("-CA", folder / "ca.crt", "-CAkey", folder / "ca.key", "-CAcreateserial")
    wanted = ("-days", _DAYS, "-extfile", config, "-extensions", "leaf")
    _openssl("x509", "-req", "-in", request, *authority, *wanted, "-out", key.with_suffix(".crt"))
    request.unlink()
    config.unlink()


def ensure(settings: Settings) -> None:
    """Makes the whole folder at once, in one rename, so that it is never half there."""
    if settings.pki.exists():
        return
    folder = settings.pki.with_name("pki.new")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    config = folder / "ca.cnf"
    config.write_text(_CA_CONFIG, encoding="ascii")
    _key(folder / "ca.key")
    made = ("-key", folder / "ca.key", "-days", _DAYS, "-out", folder / "ca.crt")
    _openssl("req", "-x509", "-new", "-config", config, *made)
    for leaf in _leaves(settings):
        _sign(folder, leaf)
    _key(folder / "service-accounts.key")
    accounts = folder / "service-accounts.key"
    _openssl("pkey", "-in", accounts, "-pubout", "-out", accounts.with_suffix(".pub"))
    folder.rename(settings.pki)


def write_kubeconfig(settings: Settings, client: str, path: Path) -> None:
    """A kubeconfig that holds its certificates itself, so that it can be copied elsewhere."""

    def data(name: str) -> str:
        return base64.b64encode((settings.pki / name).read_bytes()).decode("ascii")

    text = f"""\
apiVersion: v1
kind: Config
clusters:
- name: kubedebug
  cluster:
    server: {settings.server}
    certificate-authority-data: {data("ca.crt")}
users:
- name: {client}
  user:
    client-certificate-data: {data(client + ".crt")}
    client-key-data: {data(client + ".key")}
contexts:
- name: kubedebug
  context:
    cluster: kubedebug
    user: {client}
    namespace: default
current-context: kubedebug
"""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.touch(mode=0o600)
    new.write_text(text, encoding="ascii")
    new.replace(path)
