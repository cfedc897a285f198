# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CronJob that a task means, and what cannot be meant."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._options import OptionError
from ansible_collections.kubedebug.core.plugins.module_utils._schedule.spec import (
    SCHEDULE_SPEC,
    ScheduleOptions,
    cronjob,
    owned,
)

__all__: list[str] = []

_WANTED = {"schedule": "17 * * * *", "image": "registry.example.com/ee:1"}


def _options(**params: Any) -> ScheduleOptions:
    defaults = {name: option.get("default") for name, option in SCHEDULE_SPEC.items()}
    return ScheduleOptions.from_params({**defaults, **_WANTED, **params}, default_namespace="ops")


def _pod(**params: Any) -> dict[str, Any]:
    found: dict[str, Any] = cronjob(_options(**params))["spec"]["jobTemplate"]["spec"]["template"]
    return dict(found["spec"])


def _expanded(argument: str, environment: dict[str, str]) -> str:
    """What the kubelet makes of an argument (third_party/forked/golang/expansion/expand.go)."""

    def replace(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return environment.get(match["name"], match[0])

    return re.sub(r"\$\$|\$\((?P<name>[^)]*)\)", replace, argument)


def test_runs_never_overlap_and_always_end() -> None:
    spec = cronjob(_options())["spec"]

    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["startingDeadlineSeconds"] == 300
    assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 1800
    assert spec["jobTemplate"]["spec"]["ttlSecondsAfterFinished"] == 86400
    assert (spec["successfulJobsHistoryLimit"], spec["failedJobsHistoryLimit"]) == (3, 3)
    assert "timeZone" not in spec


def test_only_the_cronjob_itself_is_marked_as_ours() -> None:
    """A clean-up that takes what carries the mark must not take the Job that it runs in."""
    made = cronjob(_options())
    template = made["spec"]["jobTemplate"]

    assert made["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "kubedebug.core"
    assert "managed-by" not in json.dumps(template)


@pytest.mark.parametrize(
    "text",
    ["$(HOME)", "$$(HOME)", "$", "$$", "100 % \"x\" 'y' \\ \u00fc \n", "{{ x }}", "-e", "a$(b"],
)
def test_variables_survive_the_kubelet(text: str) -> None:
    (container,) = _pod(variables={"cleanup_where": text})["containers"]
    environment = {item["name"]: item["value"] for item in container["env"]}

    words = [_expanded(word, environment) for word in container["command"]]

    assert words[:2] == ["ansible-playbook", "--extra-vars"]
    assert json.loads(words[2]) == {"cleanup_where": text}
    assert words[3:] == ["kubedebug.core.cleanup"]


def test_what_is_optional_is_there_when_it_is_asked_for() -> None:
    pod = _pod(
        run_as_user=1000,
        image_pull_policy="Always",
        image_pull_secrets=["pull", ""],
        node_selector={"role": "ops", "n": 1},
        tolerations=[{"operator": "Exists"}],
    )

    assert pod["securityContext"]["runAsUser"] == 1000
    assert pod["containers"][0]["imagePullPolicy"] == "Always"
    assert pod["imagePullSecrets"] == [{"name": "pull"}]
    assert pod["nodeSelector"] == {"role": "ops", "n": "1"}
    assert pod["tolerations"] == [{"operator": "Exists"}]
    assert not {"imagePullSecrets", "nodeSelector", "tolerations"} & set(_pod())
    assert cronjob(_options(time_zone="Europe/Berlin"))["spec"]["timeZone"] == "Europe/Berlin"


def test_a_claim_is_mounted_for_the_group_that_runs() -> None:
    pod = _pod(claim="kept", claim_path="/data/kept", fs_group=2000, run_as_user=1000)

    assert {"name": "kept", "persistentVolumeClaim": {"claimName": "kept"}} in pod["volumes"]
    (container,) = pod["containers"]
    assert {"name": "kept", "mountPath": "/data/kept"} in container["volumeMounts"]
    security = pod["securityContext"]
    assert (security["fsGroup"], security["fsGroupChangePolicy"]) == (2000, "OnRootMismatch")
    assert container["securityContext"]["readOnlyRootFilesystem"]


@pytest.mark.parametrize(
    ("params", "group"),
    [
        pytest.param({"claim": "kept", "run_as_user": 1000}, 1000, id="that-of-the-user"),
        pytest.param({"claim": "kept"}, None, id="that-of-the-cluster"),
        pytest.param({"fs_group": 2000, "run_as_user": 1000}, None, id="no-claim"),
    ],
)
def test_the_group_of_a_volume(params: dict[str, Any], group: int | None) -> None:
    pod = _pod(**params)

    assert pod["securityContext"].get("fsGroup") == group
    assert len(pod["volumes"]) == 1 + ("claim" in params)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        pytest.param({"schedule": ""}, "schedule is missing", id="no-schedule"),
        pytest.param({"schedule": "daily"}, "schedule='daily': it has not the five", id="schedule"),
        pytest.param({"image": None}, "image is missing", id="no-image"),
        pytest.param({"playbook": ""}, "playbook is missing", id="no-playbook"),
        pytest.param({"playbook": "-e x"}, "playbook='-e x' is not the name", id="playbook"),
        pytest.param({"playbook": "a\x1b[31m"}, "playbook='a' is not the name", id="escapes"),
        pytest.param({"name": "x" * 53}, "has 53 characters", id="long-name"),
        pytest.param({"name": "A"}, "name='A' is not the name", id="name"),
        pytest.param({"namespace": "a b"}, "namespace='a b'", id="namespace"),
        pytest.param({"service_account": "a/b"}, "service_account='a/b'", id="account"),
        pytest.param({"run_as_user": 0}, "run_as_user=0 is root", id="root"),
        pytest.param({"claim": "a/b"}, "claim='a/b'", id="claim"),
        pytest.param({"claim": "a", "claim_path": "kept"}, "claim_path='kept' is", id="relative"),
        pytest.param({"claim": "a", "claim_path": "/"}, "claim_path='/' is no", id="root-folder"),
        pytest.param({"claim": "a", "claim_path": "/tmp"}, "claim_path='/tmp' is", id="own-folder"),
        pytest.param({"claim": "a", "claim_path": "/a/../tmp"}, "claim_path=", id="dots"),
        pytest.param({"claim": "a", "claim_path": "/a:b"}, "claim_path='/a:b'", id="colon"),
        pytest.param({"claim": "a", "fs_group": 0}, "fs_group=0 is the group", id="group"),
        pytest.param({"starting_deadline": 9}, "starting_deadline=9 is out of", id="starting"),
        pytest.param({"active_deadline": 86401}, "active_deadline=86401 is out of", id="active"),
        pytest.param({"ttl": -1}, "ttl=-1 is out of range", id="ttl"),
        pytest.param({"variables": {"a": {1}}}, "what JSON cannot", id="set"),
        pytest.param({"variables": {"a": "x" * 300_000}}, "characters as JSON", id="too-much"),
    ],
)
def test_what_cannot_be_meant(params: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as error:
        _options(**params)
    assert message in error.value.msg


def test_taking_away_needs_a_name_alone() -> None:
    assert _options(state="absent", schedule=None, image=None).absent


def test_what_is_compared_leaves_out_what_others_decide() -> None:
    wanted = cronjob(_options())
    live = {
        **wanted,
        "metadata": {**wanted["metadata"], "uid": "1", "annotations": {"theirs": "x"}},
        "status": {"active": []},
    }
    live["metadata"]["labels"] = {**wanted["metadata"]["labels"], "theirs": "x"}

    assert owned(live) == owned(wanted)
    assert owned(None) == {}
