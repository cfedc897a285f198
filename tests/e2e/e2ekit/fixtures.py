# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures and hooks; the two ``conftest.py`` import them by name."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2ekit import manifests
from e2ekit.cluster import ACCOUNT, RUN_LABEL, Cluster, Space, find_kubectl
from e2ekit.playbooks import REPOSITORY, Playbooks

__all__ = [
    "cluster",
    "collections",
    "everywhere",
    "new_play",
    "new_space",
    "play",
    "pytest_configure",
    "pytest_runtest_makereport",
    "pytest_sessionfinish",
    "shared",
    "shared_play",
    "space",
]

_RUN_VARIABLE = "KUBEDEBUG_E2E_RUN"
_NEEDED = ("KUBECONFIG", "KUBEDEBUG_TOOLBOX_IMAGE", "KUBEDEBUG_WEB_IMAGE")
_REPORT_LIMIT = 6000
_GONE_WITHIN = 90

NewSpace = Callable[..., Space]
NewPlay = Callable[..., Playbooks]


def pytest_configure(config: pytest.Config) -> None:
    """Give the run an identity that the workers inherit."""
    if not hasattr(config, "workerinput"):
        os.environ.setdefault(_RUN_VARIABLE, secrets.token_hex(4))


def _connect() -> Cluster:
    missing = [name for name in _NEEDED if not os.environ.get(name)]
    if missing:
        pytest.fail(
            f"The end-to-end tests need a cluster: {', '.join(missing)} not set. Start the test "
            'cluster and take over its variables: eval "$(python3 tests/cluster/cluster.py env)"',
            pytrace=False,
        )
    return Cluster(
        kubeconfig=Path(os.environ["KUBECONFIG"]).resolve(),
        kubectl_argv=find_kubectl(os.environ),
        toolbox=os.environ["KUBEDEBUG_TOOLBOX_IMAGE"],
        web=os.environ["KUBEDEBUG_WEB_IMAGE"],
        run=os.environ[_RUN_VARIABLE],
    )


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The cluster; without one every test fails, since a skipped e2e proves nothing."""
    return _connect()


@pytest.fixture(scope="session")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collections path that has this checkout as kubedebug.core, wherever it lies."""
    root = tmp_path_factory.mktemp("collections")
    parent = root / "ansible_collections" / "kubedebug"
    parent.mkdir(parents=True)
    (parent / "core").symlink_to(REPOSITORY)
    return root


@pytest.fixture
def new_space(cluster: Cluster, tmp_path: Path) -> Iterator[NewSpace]:
    """Make namespaces with a Pod Security level or other RBAC; they go with the test."""
    made: list[str] = []

    def make(**keywords: Any) -> Space:
        space = cluster.new_space(tmp_path, **keywords)
        made.append(space.name)
        return space

    yield make
    for name in made:
        cluster.delete_space(name)


@pytest.fixture
def space(new_space: NewSpace) -> Space:
    """A namespace of the test's own, with the documented RBAC."""
    return new_space()


@pytest.fixture
def everywhere(space: Space) -> Iterator[None]:
    """Give the service account of the test's namespace the documented RBAC in all of them."""
    cluster = space.cluster
    cluster.create(
        manifests.cluster_access(
            space.name, ACCOUNT, space.name, run=cluster.run, rules=manifests.DEBUG_RULES
        )
    )
    yield
    cluster.kubectl("delete", "clusterrole,clusterrolebinding", space.name)


@pytest.fixture(scope="session")
def shared(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    """A namespace with a running pod ``web`` that the tests of a worker share and never change."""
    space = cluster.new_space(tmp_path_factory.mktemp("shared"))
    try:
        space.web()
        yield space
    finally:
        cluster.delete_space(space.name)


@pytest.fixture
def new_play(
    request: pytest.FixtureRequest, tmp_path: Path, collections: Path
) -> Iterator[NewPlay]:
    """Make a playbook runner with the service account of a space."""

    def make(space: Space, **environ: str) -> Playbooks:
        folder = tmp_path / f"play-{space.name}-{secrets.token_hex(2)}"
        folder.mkdir()
        play = Playbooks(
            folder=folder,
            collections=collections,
            environ={"K8S_AUTH_KUBECONFIG": str(space.kubeconfig), **environ},
            extra_vars={
                "kd_namespace": space.name,
                "kd_toolbox": space.cluster.toolbox,
            },
        )
        request.node.stash.setdefault(_PLAYS, []).append((space, play))
        return play

    yield make
    for _space, play in request.node.stash.get(_PLAYS, []):
        play.end()


@pytest.fixture
def play(new_play: NewPlay, space: Space) -> Playbooks:
    """Run playbooks with the service account of the test's own namespace."""
    return new_play(space)


@pytest.fixture
def shared_play(new_play: NewPlay, shared: Space) -> Playbooks:
    """Run playbooks with the service account of the shared namespace."""
    return new_play(shared)


_PLAYS: pytest.StashKey[list[tuple[Space, Playbooks]]] = pytest.StashKey()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show, with a failure, what the last playbook printed and what the cluster says."""
    report = yield
    plays = item.stash.get(_PLAYS, [])
    if report.failed and call.when != "teardown" and plays:
        space, play = plays[-1]
        if play.runs:
            run = play.runs[-1]
            report.sections.append((" ".join(run.argv[:2]), run.output[-_REPORT_LIMIT:]))
        report.sections.append((f"namespace {space.name}", space.diagnose()[-_REPORT_LIMIT:]))
        report.sections.append(("cluster", space.cluster.diagnose()[-_REPORT_LIMIT:]))
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Nothing of the run may remain: what does is removed, and fails it."""
    if hasattr(session.config, "workerinput") or session.testscollected == 0:
        return
    if not all(os.environ.get(name) for name in _NEEDED):
        return
    cluster = _connect()
    chosen = ["-l", f"{RUN_LABEL}={cluster.run}"]
    kinds = "namespaces,clusterroles,clusterrolebindings,persistentvolumes"
    cluster.kubectl(
        "wait",
        "--for=delete",
        "namespace",
        *chosen,
        f"--timeout={_GONE_WITHIN}s",
        check=False,
        timeout=_GONE_WITHIN + 10,
    )
    left = cluster.kubectl("get", kinds, *chosen, "-o", "name", check=False).split()
    if left:
        cluster.kubectl("delete", kinds, *chosen, "--wait=false", check=False)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(f"The run left behind: {', '.join(left)}", red=True)
