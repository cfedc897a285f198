# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pairs of Kubernetes and containerd that the cluster can run, and the Go modules they make.

Pure: no file is read or written here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from kdcluster.errors import ClusterError

__all__ = [
    "DEFAULT_PAIR",
    "PAIRS",
    "Pair",
    "PairName",
    "build_key",
    "choose_pair",
    "containerd_mod_text",
    "go_mod_text",
]

PairName = Literal["new", "old"]
DEFAULT_PAIR: PairName = "new"

# The modules that k8s.io/kubernetes replaces by its own staging folder. As a dependency it cannot
# do that, so each one needs a `replace` by the published module of the same release.
_STAGING = (
    "api",
    "apiextensions-apiserver",
    "apimachinery",
    "apiserver",
    "cli-runtime",
    "client-go",
    "cloud-provider",
    "cluster-bootstrap",
    "code-generator",
    "component-base",
    "component-helpers",
    "controller-manager",
    "cri-api",
    "cri-client",
    "csi-translation-lib",
    "dynamic-resource-allocation",
    "endpointslice",
    "externaljwt",
    "kms",
    "kube-aggregator",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
    "metrics",
    "mount-utils",
    "pod-security-admission",
    "sample-apiserver",
    "sample-cli-plugin",
    "sample-controller",
)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One supported combination.

    `containerd` is the version of the Go module to build, or None for the Debian package (1.6),
    which is the newest that still serves the old kubelet's and Debian's users alike.
    `extra_staging` are staging modules that appeared after the oldest release.
    """

    name: PairName
    kubernetes: str
    containerd: str | None
    go: str
    extra_staging: tuple[str, ...] = ()

    @property
    def staging_version(self) -> str:
        """v1.37.2 of Kubernetes publishes its staging modules as v0.37.2."""
        return "v0" + self.kubernetes.removeprefix("v1")

    @property
    def staging(self) -> list[str]:
        return sorted([*_STAGING, *self.extra_staging])

    @property
    def ldflags(self) -> str:
        """Linker flags: the components refuse or misreport versions when these are not set."""
        _major, minor, _patch = self.kubernetes.removeprefix("v").split(".")
        where = "k8s.io/component-base/version"
        return (
            f"-s -w -X {where}.gitVersion={self.kubernetes} "
            f"-X {where}.gitMajor=1 -X {where}.gitMinor={minor}"
        )


PAIRS: dict[PairName, Pair] = {
    "new": Pair(
        name="new",
        kubernetes="v1.37.2",
        containerd="v2.2.9",
        go="1.26.0",
        extra_staging=("cri-streaming", "streaming"),
    ),
    "old": Pair(name="old", kubernetes="v1.35.4", containerd=None, go="1.25.0"),
}


def choose_pair(name: str | None) -> Pair:
    """The pair of that name, the default one for None or an empty text.

    Raises ClusterError for another name.
    """
    wanted = name or DEFAULT_PAIR
    for pair in PAIRS.values():
        if pair.name == wanted:
            return pair
    raise ClusterError(
        f"--version (or KUBEDEBUG_CLUSTER_PAIR) is {wanted!r}; "
        f"the pairs are: {', '.join(sorted(PAIRS))}"
    )


def go_mod_text(pair: Pair) -> str:
    """The go.mod of the Kubernetes binary before `go mod tidy` fills in the indirect modules."""
    replaces = "".join(
        f"\tk8s.io/{name} => k8s.io/{name} {pair.staging_version}\n" for name in pair.staging
    )
    return (
        "module kubedebug.invalid/kube\n\n"
        f"go {pair.go}\n\n"
        f"require k8s.io/kubernetes {pair.kubernetes}\n\n"
        f"replace (\n{replaces})\n"
    )


def containerd_mod_text(pair: Pair) -> str:
    """The go.mod of containerd's programs: they are `tool`s, as commands cannot be imported."""
    module = "github.com/containerd/containerd/v2"
    tools = "".join(
        f"\t{module}/cmd/{name}\n" for name in ("containerd", "containerd-shim-runc-v2", "ctr")
    )
    return (
        "module kubedebug.invalid/containerd\n\n"
        f"go {pair.go}\n\n"
        f"require {module} {pair.containerd}\n\n"
        f"tool (\n{tools})\n"
    )


def build_key(parts: Iterable[bytes]) -> str:
    """12 hex digits that change when any part changes; the length of each part is hashed too, so
    that text moved from one part to the next gives another key."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)}:".encode())
        digest.update(part)
    return digest.hexdigest()[:12]
