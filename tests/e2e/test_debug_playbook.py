# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook that a person on call runs, with the access that the role rbac gives."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from e2ekit import manifests
from e2ekit.cluster import Space
from e2ekit.fixtures import NewPlay, NewSpace
from e2ekit.playbooks import REPOSITORY, Playbooks, Run

__all__: list[str] = []

_ANSWER = "OK - GET: Request completed"


def _survey(space: Space, **more: str) -> list[str]:
    """Everything as text, as a person types it and as a survey of AWX sends it."""
    values = {
        "debug_namespace": space.name,
        "debug_name": "web",
        "debug_image": space.cluster.toolbox,
        "debug_probe_count": "3",
        "debug_probe_interval": "0.01",
        "debug_max_pods": "1",
        "debug_lifetime": "600",
        "debug_reason": "Requests hang",
        "debug_ticket": "OPS-17",
        **more,
    }
    return [word for name, value in values.items() for word in ("-e", json.dumps({name: value}))]


def _pods(run: Run, task: str) -> list[dict[str, Any]]:
    pods: list[dict[str, Any]] = run.task(task)["pods"]
    return pods


def test_a_session_from_one_command(space: Space, play: Playbooks, tmp_path: Path) -> None:
    space.web()
    evidence = tmp_path / "evidence"
    commands = "cat /etc/hostname\necho 'two words' '$(id)' <b>\n"
    survey = _survey(space, debug_evidence_dir=str(evidence))

    first = play.play(
        REPOSITORY / "playbooks" / "debug-pod.yml",
        *_survey(space, debug_evidence_dir=str(evidence), debug_commands=commands),
    )
    _check_evidence(evidence, first.task("Open a debugger in each pod").pod["debugger"])
    # What a command changes cannot be known, so only a session without one is "ok" as a whole.
    second = play.play("kubedebug.core.debug_pod", *survey)

    (entry,) = space.entries("web")
    for run, action in ((first, "created"), (second, "reused")):
        assert _ANSWER in run.stdout
        assert f"{space.name}/web" in run.stdout
        assert f"{entry['name']} ({action}" in run.stdout
        assert f"kubectl exec -it -n {space.name} web -c {entry['name']} -- sh" in run.stdout
        assert "RESULT ok: 1 pod, no problems" in run.stdout
        for name in ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"):
            assert re.search(rf"^ +(namespaces +)?{name} +(yes|no)", run.stdout, re.MULTILINE), name
    assert "two words $(id) <b>" in first.stdout
    assert re.search(r"changed=0 ", second.stdout)


def _check_evidence(folder: Path, debugger: str) -> None:
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert report["pods"][0]["session"]["debugger"] == debugger
    assert _ANSWER in json.dumps(report["pods"][0]["probe"])
    assert report["reason"] == "Requests hang"
    assert report["ticket"] == "OPS-17"
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert _ANSWER in page
    assert "<b>" not in page, "what a command wrote is text"
    assert not re.search(r"""<(script|link|img|iframe)\b[^>]*\b(src|href)\s*=""", page)
    assert not re.search(r"url\(\s*['\"]?https?:", page)
    assert _ANSWER in (folder / "report.txt").read_text(encoding="utf-8")


def test_a_session_that_leaves_nothing_running(space: Space, play: Playbooks) -> None:
    space.web()
    container = space.web_status("web")

    play.play("kubedebug.core.debug_pod", *_survey(space, debug_keep="false"))

    (entry,) = space.entries("web")
    assert "terminated" in space.states("web")[entry["name"]]
    assert space.web_status("web") == container


def test_a_session_in_check_mode(space: Space, play: Playbooks) -> None:
    space.web()

    run = play.play("kubedebug.core.debug_pod", "--check", *_survey(space))

    assert "Check mode: no debugger was started" in run.text
    assert space.entries("web") == []


def test_a_session_on_a_pod_that_does_not_answer(space: Space, play: Playbooks) -> None:
    space.web()

    run = play.play("kubedebug.core.debug_pod", *_survey(space, debug_probe_port="81"), ok=False)

    assert "did not answer 3 of 3 attempts" in run.text
    assert re.search(r"^ +(namespaces +)?net +yes", run.stdout, re.MULTILINE)
    assert "RESULT failed: 1 pod, 1 problem" in run.stdout


def test_a_session_without_a_pod(shared: Space, shared_play: Playbooks) -> None:
    run = shared_play.play(
        "kubedebug.core.debug_pod", *_survey(shared, debug_name="nope"), ok=False
    )

    assert f"namespace {shared.name} has no pod nope" in run.text
    assert "Traceback" not in run.output


def test_the_access_that_the_role_gives_is_enough(
    new_space: NewSpace, new_play: NewPlay, tmp_path: Path
) -> None:
    space = new_space(rules=[])
    space.web()
    made = tmp_path / "made.kubeconfig"
    grant: dict[str, Any] = {
        "rbac_name": "on-call",
        "rbac_namespaces": space.name,
        "rbac_service_account": "on-call",
        "rbac_kubeconfig_path": str(made),
    }
    administrator = new_play(space, K8S_AUTH_KUBECONFIG=str(space.cluster.kubeconfig))

    first = administrator.play("kubedebug.core.rbac", **grant)
    second = administrator.play("kubedebug.core.rbac", **grant)

    assert re.search(r"changed=1 ", first.stdout)
    assert re.search(r"changed=0 ", second.stdout)
    granted = first.task("Bring the access into the wanted state")["rules"]
    documented = manifests.DEBUG_RULES + manifests.WORKLOAD_RULES
    assert _flat(documented) <= _flat(granted)
    assert {rule for rule in _flat(granted) if rule[0] == ""} == _flat(manifests.DEBUG_RULES)
    run = new_play(space, K8S_AUTH_KUBECONFIG=str(made)).play(
        "kubedebug.core.debug_pod", *_survey(space)
    )
    assert _ANSWER in run.stdout
    assert _pods(run, "Open a debugger in each pod")[0]["entry"]["owner"] == (
        f"system:serviceaccount:{space.name}:on-call"
    )
    administrator.play("kubedebug.core.rbac", **grant, rbac_state="absent")
    assert space.cluster.get("roles,rolebindings", "-n", space.name)["items"] != []
    assert "on-call" not in space.kubectl("get", "roles,rolebindings,serviceaccounts", "-o", "name")


def _flat(rules: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


@pytest.mark.parametrize("playbook", ["debug_pod", "debug-pod"])
def test_the_playbook_asks_for_a_pod(shared: Space, shared_play: Playbooks, playbook: str) -> None:
    path = REPOSITORY / "playbooks" / f"{playbook}.yml"

    run = shared_play.play(path, "-e", f"debug_namespace={shared.name}", ok=False)

    assert "Say which pods are meant: debug_name" in run.text
