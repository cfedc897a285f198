# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make test` is made of: each suite's commands and what it needs. To add a suite, add it to
SUITES.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import partial

from ansible_collections.kubedebug.core.tests.tools.checks import (
    docs,
    importer,
    lint,
    sanity,
    types,
)
from ansible_collections.kubedebug.core.tests.tools.environments import (
    Environment,
    ensure,
    ensure_peer,
    variables,
)
from ansible_collections.kubedebug.core.tests.tools.layout import CACHE, OUTPUT, ROOT, copy_tree
from ansible_collections.kubedebug.core.tests.tools.run_suites import Step, Suite
from ansible_collections.kubedebug.core.tests.tools.steps import (
    ARGUMENTS,
    cluster_up,
    commands_step,
    playbook_variables,
    tool,
    tshark,
)

__all__ = ["PARTS", "SUITES", "whole"]

JUNIT = OUTPUT / "junit"


def pytest(
    suite: str,
    folder: str,
    *,
    env: Mapping[str, str],
    environment: Environment,
    workers: str,
    seconds: int,
) -> Step:
    """Return the step that runs pytest over a folder, each test bounded by `seconds`."""
    junit = JUNIT / f"{suite}.xml"
    argv = (
        str(environment.python),
        "-m",
        "pytest",
        f"--junitxml={junit}",
        f"--override-ini=cache_dir={CACHE / 'pytest' / suite}",
        f"--timeout={seconds}",
        "--dist=worksteal",
        "-n",
        workers,
        folder,
        *ARGUMENTS,
    )
    return Step(f"pytest {folder}", argv, env, ROOT, junit)


def unit(name: str) -> list[Step]:
    """Run the unit tests in one of the two environments."""
    environment = ensure(name)
    env = variables(environment)
    # Found by importlib.metadata as if `ansible` were installed beside our ansible-core.
    env["PYTHONPATH"] += f"{os.pathsep}{ensure_peer()}"
    return [
        pytest(
            f"unit-{name}",
            "tests/unit",
            env=env,
            environment=environment,
            workers="2",  # much of the time is waiting for processes
            # A net for what hangs, above the bounds that the tests have themselves (300 s).
            seconds=400,
        )
    ]


def on_cluster(suite: str, folder: str) -> list[Step]:
    """Run a pytest suite against the cluster, two tests at once: one mostly waits for the
    kubelet.
    """
    workers = os.environ.get("KUBEDEBUG_TEST_WORKERS", "2")
    return [
        pytest(
            suite,
            folder,
            env=playbook_variables(),
            environment=ensure("newest"),
            workers=workers,
            seconds=900,
        )
    ]


def integration() -> list[Step]:
    """Run each ansible-test integration target against the cluster; a target is one test.

    The targets read what they need from integration_config.yml: `kubedebug_kubeconfig` and the
    KUBEDEBUG_ variables of the cluster in lower case, as `kubedebug_toolbox_image`.
    """
    environment = ensure("newest")
    env = playbook_variables()
    copy = copy_tree("integration")
    targets = [
        path.name
        for path in sorted((copy / "tests/integration/targets").glob("*/"))
        if path.is_dir() and not path.name.startswith(("setup_", "prepare_"))
    ]
    config = {"kubedebug_kubeconfig": env["KUBECONFIG"]}
    config |= {key.lower(): value for key, value in env.items() if key.startswith("KUBEDEBUG_")}
    if targets:
        text = json.dumps(config, indent=2)  # JSON is YAML
        (copy / "tests/integration/integration_config.yml").write_text(
            f"{text}\n", encoding="utf-8"
        )
    command = ("ansible-test", "integration", "--local", "--python", environment.version)
    wanted = [target for target in targets if not ARGUMENTS or target in ARGUMENTS]
    return [
        Step(
            target,
            commands_step(environment, env, (*command, "--color", "no", target)).argv,
            env,
            copy,
        )
        for target in wanted
    ]


def bench() -> list[Step]:
    """Run the benches one after the other; each prints its table."""
    scripts = sorted(ROOT.glob("tests/bench/bench_*.py"))
    env = playbook_variables()
    python = str(ensure("newest").python)
    wanted = [path for path in scripts if not ARGUMENTS or path.stem in ARGUMENTS]
    return [Step(path.name, (python, str(path)), env, ROOT) for path in wanted]


BASE = ("environment",)
CLUSTER = ("environment", "peer", "cluster", "tshark")

SUITES = (
    # The cluster first: its first build takes ten minutes, beside which the rest runs.
    Suite("cluster", cluster_up, setup=True, timeout=3000),
    # After the cluster, which installs packages as well: apt does one thing at a time.
    Suite("tshark", tshark, ("cluster",), setup=True, timeout=1200),
    Suite("environment", partial(tool, "env", "newest"), setup=True),
    Suite("peer", partial(tool, "env", "peer"), setup=True),
    # The longest ones before those that can fill what time the others leave. Sessions on pods wait
    # for the kubelet a good part of their time, so something else runs beside them.
    Suite("e2e", partial(on_cluster, "e2e", "tests/e2e"), CLUSTER, timeout=3000),
    Suite("integration", integration, CLUSTER),
    # It stops parts of the cluster.
    Suite(
        "faults",
        partial(on_cluster, "faults", "tests/faults"),
        CLUSTER,
        apart=("e2e", "integration"),
        timeout=3000,
    ),
    Suite("sanity", sanity, BASE),
    Suite("unit-newest", partial(unit, "newest"), ("environment", "peer")),
    Suite("environment-old", partial(tool, "env", "oldest"), setup=True),
    Suite("unit-oldest", partial(unit, "oldest"), ("environment-old", "peer")),
    Suite("lint", lint, BASE),
    Suite("types", types, BASE),
    Suite("docs", docs, BASE),
    Suite("environment-importer", partial(tool, "env", "importer"), setup=True),
    Suite("importer", importer, ("environment-importer",)),
    Suite("bench", bench, CLUSTER, weight=2, timeout=3600),
)

PARTS: dict[str, tuple[str, ...]] = {
    "lint": ("lint",),
    "types": ("types",),
    "docs": ("docs",),
    "sanity": ("sanity",),
    "unit": ("unit-newest", "unit-oldest"),
    "importer": ("importer",),
    "integration": ("integration",),
    "e2e": ("e2e",),
    "faults": ("faults",),
    "bench": ("bench",),
}
"""What a name on the command line stands for."""


def whole() -> tuple[str, ...]:
    """Return the parts of `make test`: all but the bench, and the faults once there are any."""
    without = {"bench"} if any(ROOT.glob("tests/faults/**/test_*.py")) else {"bench", "faults"}
    return tuple(name for name in PARTS if name not in without)
