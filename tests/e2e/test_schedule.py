# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clean-up that runs by the clock, as the role schedule makes it, in the cluster."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from e2ekit.cluster import RUN_LABEL, Space
from e2ekit.fixtures import NewPlay, NewSpace
from e2ekit.leftovers import agent_job, entry, plant
from e2ekit.playbooks import REPOSITORY, Playbooks

__all__: list[str] = []

_NAME = "kd-sweep"
_OURS = {"app.kubernetes.io/managed-by": "kubedebug.core"}
# The next full minute, the start of a pod, and a loaded machine.
_FIRED = 150
_KINDS = "cronjobs,jobs,pods,serviceaccounts,roles,rolebindings"


def _image() -> str:
    image = os.environ.get("KUBEDEBUG_EE_IMAGE")
    if not image:
        pytest.fail(
            "KUBEDEBUG_EE_IMAGE is not set: it names an execution environment with this checkout, "
            "as the test cluster has one (cluster.py env)",
            pytrace=False,
        )
    return image


@pytest.fixture
def ops(new_space: NewSpace) -> Space:
    """Where the CronJob lives: nothing that Pod Security's strictest level refuses can run here."""
    return new_space(level="restricted", rules=[])


@pytest.fixture
def administrator(new_play: NewPlay, ops: Space) -> Playbooks:
    return new_play(ops, K8S_AUTH_KUBECONFIG=str(ops.cluster.kubeconfig))


def _schedule(ops: Space, *watched: str, **more: Any) -> dict[str, Any]:
    """All as text, as a survey sends it."""
    return {
        "schedule_name": _NAME,
        "schedule_namespace": ops.name,
        "schedule_image": _image(),
        "schedule_image_pull_policy": "Never",
        "schedule_scope": "namespace",
        "schedule_namespaces": ", ".join(watched),
        **more,
    }


def _may(space: Space, ops: Space, verb: str, resource: str) -> str:
    account = f"system:serviceaccount:{ops.name}:{_NAME}"
    answer = space.kubectl("auth", "can-i", verb, resource, f"--as={account}", check=False)
    return answer.strip()


def _mess(space: Space) -> None:
    """Debuggers of one pod and agents: overdue, within their time, and of somebody else."""
    image = space.cluster.toolbox
    labels = {**_OURS, "kubedebug.core/role": "agent"}
    space.create(
        agent_job("overdue", image, labels=labels),
        agent_job("busy", image, labels=labels, over=False),
        agent_job("theirs", image, labels={"app": "batch"}),
    )
    space.web()
    sleep = ("sleep", "600")
    plant(
        space,
        "web",
        entry("overdue", image, *sleep, target="web"),
        entry("busy", image, *sleep, target="web", over=False),
        entry("theirs", image, *sleep, target="web", owner=None),
    )


def test_the_clock_cleans_up(space: Space, ops: Space, administrator: Playbooks) -> None:
    """What is overdue goes; what is in use or not ours stays, as do the clean-up's own Jobs."""
    _mess(space)
    wanted = _schedule(ops, space.name, ops.name, schedule_cron="* * * * *")

    foretold = administrator.play("kubedebug.core.schedule_cleanup", "--check", **wanted)
    assert re.search(r"changed=2 ", foretold.stdout)
    assert ops.cluster.get("cronjobs", "-n", ops.name)["items"] == []
    made = administrator.play("kubedebug.core.schedule_cleanup", **wanted)
    again = administrator.play("kubedebug.core.schedule_cleanup", "--diff", **wanted)
    assert re.search(r"changed=2 ", made.stdout)
    assert re.search(r"changed=0 ", again.stdout)
    assert "does not exist, so no run can start" not in made.text

    space.wait("job/overdue", "delete", timeout=_FIRED)
    space.wait_finished("web", "overdue", timeout=_FIRED)
    ops.wait(f"cronjob/{_NAME}", "jsonpath={.status.lastSuccessfulTime}", timeout=_FIRED)
    _stop(administrator, wanted)
    states = space.states("web")
    assert {name for name, state in states.items() if "running" in state} == {"busy", "theirs"}
    jobs = {job["metadata"]["name"] for job in space.cluster.get("jobs", "-n", space.name)["items"]}
    assert jobs == {"busy", "theirs"}
    _check_runs(ops)
    _check_rights(space, ops)

    gone = administrator.play(
        REPOSITORY / "playbooks" / "schedule-cleanup.yml", **wanted, schedule_state="absent"
    )
    assert re.search(r"changed=2 ", gone.stdout)
    # Its Jobs and pods go with it; of what is gone already, that says nothing.
    ops.kubectl("wait", "jobs,pods", "--all", "--for=delete", "--timeout=60s", timeout=90)
    left = ops.kubectl("get", _KINDS, "-o", "name")
    assert _NAME not in left + space.kubectl("get", _KINDS, "-o", "name")


def _stop(administrator: Playbooks, wanted: dict[str, Any]) -> None:
    """No further run begins; and what the module tells of the last one."""
    run = administrator.play(
        "kubedebug.core.schedule_cleanup", **{**wanted, "schedule_suspend": "true"}
    )
    told = run.task("Have the CronJob")["cronjob"]
    assert told["action"] == "updated"
    assert told["suspended"] is True
    assert told["last_succeeded_at"] >= told["last_scheduled_at"][:16]


def _check_runs(ops: Space) -> None:
    """Each run came to its end, with a report of what it did in its log."""
    bound = f"--timeout={_FIRED}s"
    ops.kubectl("wait", "jobs", "--all", "--for=condition=Complete", bound, timeout=_FIRED + 10)
    jobs = ops.cluster.get("jobs", "-n", ops.name)["items"]
    labels = [job["metadata"].get("labels", {}) for job in jobs]
    # By this label the clean-up knows what it may delete; it runs in a Job itself.
    assert not [each for each in labels if "app.kubernetes.io/managed-by" in each]
    assert all(job["metadata"]["ownerReferences"][0]["name"] == _NAME for job in jobs)
    first = min(jobs, key=lambda job: str(job["status"]["startTime"]))
    log = ops.kubectl("logs", f"job/{first['metadata']['name']}")
    assert re.search(r"failed=0", log)
    assert "overdue" in log


def _check_rights(space: Space, ops: Space) -> None:
    """What the clean-up needs where it was granted, and nothing else and nowhere else."""
    assert _may(space, ops, "list", "pods") == "yes"
    assert _may(space, ops, "get", "secrets") == "no"
    assert _may(space, ops, "create", "pods") == "no"
    default = Space(cluster=ops.cluster, name="default", kubeconfig=ops.kubeconfig)
    assert _may(default, ops, "list", "pods") == "no"


def test_variables_arrive_as_they_are_written(
    ops: Space, administrator: Playbooks, shared: Space
) -> None:
    """Neither the kubelet nor anything else expands what an argument holds."""
    where = "owner == '$(HOME) $$ %d \"x\" \\\\'"
    wanted = _schedule(
        ops,
        shared.name,
        schedule_cron="@yearly",
        schedule_variables=json.dumps({"cleanup_state": "reported", "cleanup_where": where}),
        schedule_run_as_user="64123",
    )
    administrator.play("kubedebug.core.schedule_cleanup", **wanted)

    ops.kubectl("create", "job", "--from", f"cronjob/{_NAME}", "by-hand")

    ops.wait("job/by-hand", "condition=Complete", timeout=_FIRED)
    (pod,) = ops.cluster.get("pods", "-n", ops.name, "-l", "job-name=by-hand")["items"]
    assert pod["spec"]["securityContext"]["runAsUser"] == 64123
    argument = pod["spec"]["containers"][0]["command"][2].replace("$$", "$")
    assert json.loads(argument)["cleanup_where"] == where
    log = ops.kubectl("logs", "job/by-hand")
    assert re.search(r"failed=0", log)


def _local_volume(name: str, space: Space, folder: Path) -> list[dict[str, Any]]:
    """A folder of the node, which is this machine, as a volume for one claim of a namespace.

    Of the type ``local``, which Kubernetes gives to a group as it does those of storage drivers.
    """
    (node, *_others) = space.cluster.get("nodes")["items"]
    size = {"storage": "1Mi"}
    here = {
        "key": "kubernetes.io/hostname",
        "operator": "In",
        "values": [node["metadata"]["labels"]["kubernetes.io/hostname"]],
    }
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "labels": {RUN_LABEL: space.cluster.run}},
        "spec": {
            "capacity": size,
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "local": {"path": str(folder)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        },
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "kept", "namespace": space.name},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "",
            "volumeName": name,
            "resources": {"requests": size},
        },
    }
    return [volume, claim]


@pytest.fixture
def volume(ops: Space, tmp_path: Path) -> Iterator[Path]:
    """The folder of root's that the claim ``kept`` in ``ops`` leads to."""
    folder = tmp_path / "volume"
    folder.mkdir(mode=0o755)
    name = f"kept-{ops.name}"
    ops.cluster.create(_local_volume(name, ops, folder))
    yield folder
    # It goes when its claim has gone, with the namespace.
    ops.cluster.kubectl("delete", "persistentvolume", name, "--wait=false")


def test_evidence_and_metrics_outlive_the_pod(
    space: Space, ops: Space, administrator: Playbooks, volume: Path
) -> None:
    """An ordinary user may write to a volume of root, and what it wrote is there after it."""
    labels = {**_OURS, "kubedebug.core/role": "agent"}
    space.create(agent_job("overdue", space.cluster.toolbox, labels=labels))
    wanted = _schedule(
        ops,
        space.name,
        schedule_cron="@yearly",
        schedule_claim="kept",
        schedule_claim_path="/var/lib/kept",
        schedule_fs_group="64200",
        schedule_run_as_user="64123",
    )

    absent = administrator.play(
        "kubedebug.core.schedule_cleanup", **{**wanted, "schedule_claim": "not-there"}
    )
    present = administrator.play("kubedebug.core.schedule_cleanup", **wanted)
    ops.kubectl("create", "job", "--from", f"cronjob/{_NAME}", "by-hand")
    ops.wait("job/by-hand", "condition=Complete", timeout=_FIRED)

    assert f"PersistentVolumeClaim {ops.name}/not-there does not exist" in absent.text
    assert "PersistentVolumeClaim" not in present.text
    space.wait("job/overdue", "delete", timeout=_FIRED)
    metrics = volume / "kubedebug.prom"
    assert "kubedebug_leftovers" in metrics.read_text(encoding="utf-8")
    owner = metrics.stat()
    assert (owner.st_uid, owner.st_gid) == (64123, 64200)
    saved = [path.name for path in (volume / "evidence").rglob("*") if path.is_file()]
    assert [name for name in saved if "overdue" in name], saved


def test_a_cronjob_of_somebody_else(space: Space, play: Playbooks, new_play: NewPlay) -> None:
    """It is neither replaced nor deleted; and who may not make one is told what is missing."""
    space.kubectl(
        "create", "cronjob", _NAME, f"--image={_image()}", "--schedule=@yearly", "--", "x"
    )
    before = space.cluster.get("cronjob", _NAME, "-n", space.name)["spec"]
    administrator = new_play(space, K8S_AUTH_KUBECONFIG=str(space.cluster.kubeconfig))
    wanted = {"name": _NAME, "namespace": space.name, "schedule": "@daily", "image": _image()}

    refused = administrator.task("debug_schedule", wanted, ok=False)
    left = administrator.task("debug_schedule", {**wanted, "state": "absent"})
    forbidden = play.task("debug_schedule", wanted, ok=False)

    assert f"CronJob {space.name}/{_NAME} exists and was not made by this collection" in refused.msg
    assert (left["cronjob"]["action"], left["changed"]) == ("foreign", False)
    assert space.cluster.get("cronjob", _NAME, "-n", space.name)["spec"] == before
    assert "patch and delete on cronjobs of the API group batch" in forbidden.msg


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A folder whose name is a trap for whoever writes it into a crontab or a unit."""
    folder = tmp_path / "50% 'of' \"it\" (x) \\x"
    folder.mkdir()
    return folder


def _recorder(folder: Path) -> Path:
    """A program in place of ansible-playbook, which writes down how it was called."""
    program = folder / "run playbook"
    record = folder / "record"
    program.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        f"json.dump([sys.argv[1:], os.environ.get('KD')], open({str(record)!r}, 'w'))\n",
        encoding="utf-8",
    )
    program.chmod(0o755)
    return record


def test_a_crontab(shared_play: Playbooks, odd: Path) -> None:
    """What cron would give to the shell runs the playbook, whatever the folder's name is."""
    record = _recorder(odd)
    where = "owner == '50% $x'"
    wanted = {
        "schedule_kind": "crontab",
        "schedule_name": _NAME,
        "schedule_path": str(odd),
        "schedule_command": str(odd / "run playbook"),
        "schedule_environment": 'KD: a "word" 50%',
        "schedule_variables": json.dumps({"cleanup_where": where}),
    }

    first = shared_play.play("kubedebug.core.schedule_cleanup", **wanted)
    again = shared_play.play("kubedebug.core.schedule_cleanup", **wanted)

    assert re.search(r"changed=1 ", first.stdout)
    assert re.search(r"changed=0 ", again.stdout)
    lines = (odd / _NAME).read_text(encoding="utf-8").splitlines()
    (line,) = [each for each in lines if each.startswith("17 * * * * ")]
    (setting,) = [each for each in lines if each.startswith("KD=")]
    # Source: crontab(5): a % is a line break unless a backslash is before it, which is removed.
    assert not re.search(r"(?<!\\)%", line)
    command = line.removeprefix("17 * * * * ").replace("\\%", "%")
    value = setting.removeprefix("KD=")[1:-1]
    subprocess.run(["/bin/sh", "-c", command], check=True, env={**os.environ, "KD": value})
    variables = odd / f"{_NAME}.vars.json"
    called, environment = json.loads(record.read_text(encoding="utf-8"))
    assert called == ["--extra-vars", f"@{variables}", "kubedebug.core.cleanup"]
    assert environment == 'a "word" 50%'
    assert json.loads(variables.read_text(encoding="utf-8")) == {
        "cleanup_all_namespaces": True,
        "cleanup_state": "stopped",
        "cleanup_where": where,
    }
    shared_play.play("kubedebug.core.schedule_cleanup", **wanted, schedule_state="absent")
    assert {path.name for path in odd.iterdir()} == {"record", "run playbook", f"{_NAME}.lock"}


def test_a_timer(shared_play: Playbooks, odd: Path) -> None:
    """systemd takes the units, and they name the very files that the role has written."""
    wanted = {
        "schedule_kind": "systemd",
        "schedule_name": _NAME,
        "schedule_path": str(odd),
        "schedule_cron": "0 6 * * mon",
        "schedule_time_zone": "Europe/Berlin",
        "schedule_environment": {"KD": 'a "word" 50%'},
    }

    shared_play.play("kubedebug.core.schedule_cleanup", **wanted)

    units = [odd / f"{_NAME}.{kind}" for kind in ("service", "timer")]
    service, timer = (unit.read_text(encoding="utf-8") for unit in units)
    assert "OnCalendar=Mon *-*-* 06:00:00 Europe/Berlin\n" in timer
    (start,) = re.findall(r"^ExecStart=(.*)$", service, re.MULTILINE)
    # Source: systemd.service(5), COMMAND LINES: quotes as in C, %% and $$ for the characters.
    words = re.findall(r'"((?:[^"\\]|\\.)*)"', start)
    plain = [re.sub(r"\\(.)", r"\1", word).replace("%%", "%").replace("$$", "$") for word in words]
    assert plain == ["ansible-playbook", f"@{odd}/{_NAME}.vars.json", "kubedebug.core.cleanup"]
    assert 'Environment="KD=a \\"word\\" 50%%"' in service
    if shutil.which("systemd-analyze"):
        # By plain names: systemd-analyze itself does not take every path.
        plainly = [Path(shutil.copy(unit, odd.parent)) for unit in units]
        done = subprocess.run(
            ["systemd-analyze", "verify", *map(str, plainly)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"schedule_image": ""}, "schedule_image", id="no-image"),
        pytest.param({"schedule_cron": "17 * * *"}, "five fields", id="four-fields"),
        pytest.param({"schedule_cron": "61 * * * *"}, "minute is '61'", id="minute"),
        pytest.param({"schedule_time_zone": "Mars/Crater"}, "timeZone", id="zone"),
        pytest.param({"schedule_run_as_user": "0"}, "is root", id="root"),
        pytest.param({"schedule_namespace": "kd-nowhere"}, "kd-nowhere", id="namespace"),
        pytest.param({"schedule_variables": "[1]"}, "dictionaries", id="variables"),
        pytest.param({"schedule_kind": "crontab"}, "schedule_path", id="no-path"),
        pytest.param(
            {"schedule_kind": "crontab", "schedule_path": "/x", "schedule_time_zone": "UTC"},
            "cannot be told to every cron",
            id="crontab-zone",
        ),
        pytest.param(
            {"schedule_kind": "systemd", "schedule_path": "/x", "schedule_user": "a\nb"},
            "cannot hold line breaks",
            id="line-break",
        ),
        pytest.param(
            {"schedule_kind": "awx", "schedule_path": "/x", "schedule_cron": "0 0 1,15 * *"},
            "make one schedule for each",
            id="awx",
        ),
    ],
)
def test_what_cannot_be_meant(
    shared: Space, new_play: NewPlay, changes: dict[str, str], message: str
) -> None:
    play = new_play(shared, K8S_AUTH_KUBECONFIG=str(shared.cluster.kubeconfig))
    wanted = {**_schedule(shared, shared.name, schedule_cron="@daily"), **changes}

    run = play.play("kubedebug.core.schedule_cleanup", "--check", **wanted, ok=False)

    assert message in run.text
    assert "Traceback" not in run.output
