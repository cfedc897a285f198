# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of what is removed: whole, without secrets, and before anything goes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from e2ekit import manifests
from e2ekit.cluster import Space
from e2ekit.disk import small_disk
from e2ekit.fixtures import NewSpace
from e2ekit.leftovers import (
    OURS,
    agent_job,
    cleanup_args,
    entry,
    members,
    objects,
    own_pod,
    plant,
    settled,
    told,
    workload,
)
from e2ekit.playbooks import Playbooks

__all__: list[str] = []

_SECRET = "open sesame"
_ENV = [{"name": "PASSWORD", "value": _SECRET}]
_AGENT = {**OURS, "kubedebug.core/role": "agent"}
# What takes over a terminal that shows it: a title, a cleared screen, a line that hides another.
_SHOUT = r"printf '\033]0;owned\007\033[2Jlast words\rfirst\n'; exit 3"


@pytest.fixture
def space(new_space: NewSpace) -> Space:
    """A namespace whose service account has the capability ``cleanup`` and nothing else."""
    return new_space(rules=manifests.CLEANUP_RULES)


def _mess(space: Space) -> str:
    """One of each kind, with secrets in it; returns the pod of the workload."""
    image = space.cluster.toolbox
    job = agent_job("agent", image, labels=_AGENT)
    own = [
        own_pod("copied", image, role="pod-copy", labels=OURS),
        own_pod("debugger", image, role="node-debugger", labels=OURS),
    ]
    for each in (job["spec"]["template"], *own):
        each["spec"]["containers"][0] |= {"env": _ENV, "command": ["sh", "-c", _SHOUT]}
        each["spec"]["restartPolicy"] = "Never"
    own[0]["metadata"]["annotations"]["vault/token"] = _SECRET
    # The application's own secrets, of which a copy has all.
    application = {"env": _ENV, "args": [f"--password={_SECRET}"]}
    own[0]["spec"]["containers"][0] |= {"args": [f"--password={_SECRET}"]}
    space.create(
        job,
        *own,
        workload(
            "Deployment",
            "shop",
            image,
            replicas=2,
            container={**application, "command": ["sleep", "600"], "args": ["600"]},
        ),
    )
    pod = members(space, "shop", 2)[0]
    plant(
        space,
        pod,
        entry("done", image, "sh", "-c", _SHOUT, env=_ENV),
        entry("theirs", image, "sh", "-c", _SHOUT, owner=None, env=_ENV),
    )
    settled(space, pod, "done", "theirs", state="terminated")
    space.wait("job/agent", "condition=Failed")
    for name in ("copied", "debugger"):
        space.wait(f"pod/{name}", "jsonpath={.status.phase}=Failed")
    return pod


def test_evidence_of_each_kind(space: Space, play: Playbooks, tmp_path: Path) -> None:
    """A name as long as the API allows; another's debugger, which goes with the same pod."""
    pod = _mess(space)
    # The kubelet cannot run a pod of such a name.
    long = own_pod("l" * 253, "toolbox", role="pod-copy", labels=OURS)
    space.create({**long, "spec": {**long["spec"], "schedulerName": "none"}})
    folder = tmp_path / "kept"

    done = play.task(
        "debug_cleanup", cleanup_args(space, "recycled", evidence_dir=str(folder)), timeout=180
    )

    places = {each["name"]: Path(each["evidence"]) for each in done["findings"] if each["evidence"]}
    assert set(places) == {"l" * 253, "copied", "debugger", "agent", pod}
    for place in places.values():
        assert place.parent == folder / space.name
        assert (place / "evidence.json").stat().st_size
    del places["l" * 253]
    for name, place in places.items():
        document = json.loads((place / "evidence.json").read_text(encoding="utf-8"))
        statuses = json.dumps([document["object"]["status"], document["pods"]])
        assert '"exitCode": 3' in statuses, name
        assert document["object"]["spec"], name
        logs = sorted(place.glob("*.log"))
        assert len(logs) == (2 if name == pod else 1), logs
        for log in logs:
            text = log.read_bytes()
            assert b"last words" in text
            assert not {0x1B, 0x07, 0x0D} & set(text), text
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        assert _SECRET.encode() not in path.read_bytes(), path
        assert path.stat().st_mode & 0o077 == 0
    everything = {path.resolve() for path in tmp_path.rglob("*.log")}
    assert all(folder in path.parents for path in everything)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk that has room for names, and for next to nothing in them."""
    with small_disk(tmp_path / "disk", size="4k") as folder:
        yield folder


def _task(name: str, args: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "kubedebug.core.debug_cleanup": args, "ignore_errors": True}


def test_a_full_disk_keeps_everything(space: Space, play: Playbooks, full_disk: Path) -> None:
    pod = _mess(space)
    before = objects(space)
    args = cleanup_args(space, "recycled", evidence_dir=str(full_disk / "kept"))

    run = play.play(
        play.write([_task("Evict", args), _task("Rollout", {**args, "recycle_by": "rollout"})]),
        timeout=180,
    )

    for way in ("Evict", "Rollout"):
        failed = run.task(way)
        assert "No space left on device" in failed.msg
        assert failed["changed"] is False
        actions = {
            key: (action, status)
            for key, (action, _code, status) in told(failed).items()
            if action != "none"
        }
        assert actions == {
            ("agent", None): ("delete", "failed"),
            ("copied", None): ("delete", "failed"),
            ("debugger", None): ("delete", "failed"),
            (pod, "done"): ("recycle", "failed"),
        }
    assert objects(space) == before


def test_two_runs_keep_their_evidence_in_one_folder(
    space: Space, play: Playbooks, tmp_path: Path
) -> None:
    """Each thing goes once, by one of the two, and its evidence is whole."""
    names = [f"copied-{number:02}" for number in range(24)]
    copies = [own_pod(name, "toolbox", role="pod-copy", labels=OURS) for name in names]
    # No node ever runs them, so that they go at once.
    space.create(*({**pod, "spec": {**pod["spec"], "schedulerName": "none"}} for pod in copies))
    args = cleanup_args(space, "stopped", evidence_dir=str(tmp_path / "kept"))
    path = play.write([{"name": "Task", "kubedebug.core.debug_cleanup": args}])

    both = [play.start(path), play.start(path)]
    runs = [each.wait(180) for each in both]

    assert [run.rc for run in runs] == [0, 0], [run.failure for run in runs]
    results = [told(run.task("Task")) for run in runs]
    for name in names:
        statuses = [result[name, None][2] for result in results if (name, None) in result]
        assert statuses.count("done") == 1, (name, statuses)
        # The other one may see it on its way out.
        assert set(statuses) <= {"done", "gone", "kept"}
    assert objects(space) == {}
    kept = [json.loads(each.read_bytes()) for each in tmp_path.glob("kept/*/*/evidence.json")]
    assert sorted(each["object"]["metadata"]["name"] for each in kept) == names
    assert not list(tmp_path.glob("kept/*/*/.*"))
