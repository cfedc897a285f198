# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Granting, again, in check mode, and taking away; and the refusals of a server."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._access.objects import AccessError
from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import DebugError

__all__: list[str] = []

Api = Any

_CORE = "/api/v1/namespaces/shop/serviceaccounts/awx"
_RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces/shop"
_ROLE, _BINDING = f"{_RBAC}/roles/kubedebug", f"{_RBAC}/rolebindings/kubedebug"
_GRANT = {"namespaces": ["shop"], "service_account": "awx"}


def _failure(code: int, reason: str, message: str) -> tuple[int, dict[str, Any]]:
    """A refusal as an API server words it."""
    return code, {"kind": "Status", "code": code, "reason": reason, "message": message}


def _actions(result: Any) -> list[str]:
    return [item["action"] for item in result.data["objects"]]


def test_check_real_again_check(api: Api) -> None:
    foretold = api.run(check_mode=True, **_GRANT)
    assert api.objects == {}
    assert api.writes() == []

    real = api.run(**_GRANT)
    assert set(api.objects) == {_CORE, _ROLE, _BINDING}
    written = api.writes()
    again, check = api.run(**_GRANT), api.run(check_mode=True, **_GRANT)

    assert [one.changed for one in (foretold, real, again, check)] == [True, True, False, False]
    assert _actions(foretold) == _actions(real) == ["created"] * 3
    assert _actions(again) == _actions(check) == ["unchanged"] * 3
    assert foretold.diff == real.diff
    assert (again.diff, check.diff) == ((), ())
    assert api.writes() == written
    assert real.data["rules"] == api.objects[_ROLE]["rules"]


def test_each_write_is_an_apply_of_this_collection(api: Api) -> None:
    api.run(**_GRANT)

    queries = [query for method, _path, query, _body in api.requests if method == "PATCH"]
    assert queries == [{"fieldManager": ["kubedebug.core"], "force": ["true"]}] * 3


def test_a_change_is_made_and_shown(api: Api) -> None:
    api.run(**_GRANT)

    changed = api.run(**_GRANT, capabilities=["info"], users=["alice"])

    assert _actions(changed) == ["unchanged", "updated", "updated"]
    role, binding = changed.diff
    assert role["before_header"] == "Role shop/kubedebug"
    assert len(role["before"]["rules"]) > len(role["after"]["rules"]) == 1
    assert len(binding["after"]["subjects"]) == 2
    assert len(api.objects[_BINDING]["subjects"]) == 2


def test_a_check_does_not_ask_for_a_binding_whose_role_is_only_planned(api: Api) -> None:
    api.run(check_mode=True, **_GRANT)

    asked = [path for method, path, _query, _body in api.requests if method == "PATCH"]
    assert asked == [_CORE, _ROLE]


def test_an_account_of_somebody_else_is_used_as_it_is(api: Api) -> None:
    theirs = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "awx", "uid": "u"}}
    api.objects[_CORE] = theirs

    assert _actions(api.run(**_GRANT)) == ["foreign", "created", "created"]
    assert _actions(api.run(**_GRANT, state="absent")) == ["deleted", "deleted", "foreign"]
    assert api.objects == {_CORE: theirs}


def test_a_role_of_somebody_else_is_never_replaced_nor_deleted(api: Api) -> None:
    theirs = {"kind": "Role", "metadata": {"name": "kubedebug", "uid": "u", "labels": {"a": "b"}}}
    api.objects[_ROLE] = theirs

    with pytest.raises(AccessError, match="Role shop/kubedebug exists and was not made by"):
        api.run(**_GRANT)
    assert _actions(api.run(**_GRANT, state="absent"))[1] == "foreign"
    assert api.objects[_ROLE] == theirs


def test_taking_away_check_real_again(api: Api) -> None:
    api.run(**_GRANT)
    before = dict(api.objects)

    foretold = api.run(check_mode=True, state="absent", **_GRANT)
    assert api.objects == before
    real = api.run(state="absent", **_GRANT)
    again = api.run(state="absent", **_GRANT)

    assert [one.changed for one in (foretold, real, again)] == [True, True, False]
    assert _actions(foretold) == _actions(real) == ["deleted"] * 3
    assert _actions(again) == ["absent"] * 3
    assert [item["kind"] for item in real.data["objects"]] == [
        *("RoleBinding", "Role", "ServiceAccount"),
    ]
    assert api.objects == {}


def test_without_its_name_an_account_stays(api: Api) -> None:
    api.run(**_GRANT)

    api.run(state="absent", namespaces=["shop"])

    assert set(api.objects) == {_CORE}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param(
            _failure(404, "NotFound", 'namespaces "shop" not found'),
            "namespace shop does not exist. Create it first",
            id="no namespace",
        ),
        pytest.param(
            _failure(403, "Forbidden", "user x is attempting to grant RBAC permissions"),
            "lets nobody grant what they do not have",
            id="escalation",
        ),
        pytest.param(
            _failure(403, "Forbidden", "user x cannot patch"),
            "with the credentials of an administrator",
            id="no administrator",
        ),
        pytest.param(
            _failure(422, "Invalid", "roleRef: cannot change"), "cannot change", id="invalid"
        ),
    ],
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_refusals_have_a_way_out(
    api: Api, answer: tuple[int, dict[str, Any]], message: str, check_mode: bool
) -> None:
    api.refuse = lambda method, _path: answer if method == "PATCH" else None

    with pytest.raises(AccessError, match=message):
        api.run(check_mode=check_mode, **_GRANT)
    assert api.objects == {}


def test_a_question_may_be_refused_too(api: Api) -> None:
    api.refuse = lambda _method, _path: _failure(403, "Forbidden", "cannot get")

    with pytest.raises(AccessError, match=r"ServiceAccount shop/awx: .*administrator"):
        api.run(**_GRANT)


def test_a_kubeconfig_is_written_once(api: Api, tmp_path: Path) -> None:
    path = tmp_path / "new" / "config"
    grant = {**_GRANT, "kubeconfig_path": str(path)}

    foretold = api.run(check_mode=True, **grant)
    assert not path.exists()
    assert foretold.data["kubeconfig"] == {"path": str(path), "changed": True, "expires_at": None}
    real = api.run(**grant)
    content = json.loads(path.read_text(encoding="utf-8"))
    again = api.run(**grant)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert content["clusters"][0]["cluster"]["server"] == api.url
    token = content["users"][0]["user"]["token"]
    assert token.startswith("token-")
    assert content["contexts"][0]["context"]["namespace"] == "shop"
    assert (real.changed, again.changed) == (True, False)
    assert again.data["kubeconfig"]["expires_at"] == "2099-01-01T00:00:00Z"
    assert token not in json.dumps([real.as_dict(), again.as_dict()])
    body = next(body for _m, path, _q, body in api.requests if path.endswith("/token"))
    assert body["spec"] == {"expirationSeconds": 28800}


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda api, path: path.chmod(0o644), id="others may read it"),
        pytest.param(
            lambda api, path: api.objects[_CORE]["metadata"].update(uid="another"),
            id="the account was made anew",
        ),
        pytest.param(
            lambda api, path: path.write_text(
                path.read_text().replace("2099-01-01", "2000-01-01"), encoding="utf-8"
            ),
            id="its token is over",
        ),
        pytest.param(
            lambda api, path: path.write_text(
                path.read_text().replace('"server": "http', '"server": "https'), encoding="utf-8"
            ),
            id="it leads elsewhere",
        ),
        pytest.param(lambda api, path: path.unlink(), id="it has gone"),
    ],
)
def test_a_kubeconfig_that_does_not_serve_is_renewed(api: Api, tmp_path: Path, spoil: Any) -> None:
    path = tmp_path / "config"
    grant = {**_GRANT, "kubeconfig_path": str(path)}
    api.run(**grant)
    first = json.loads(path.read_text(encoding="utf-8"))["users"]

    spoil(api, path)

    assert api.run(check_mode=True, **grant).changed is True
    assert api.run(**grant).changed is True
    assert json.loads(path.read_text(encoding="utf-8"))["users"] != first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert api.run(**grant).changed is False


@pytest.mark.parametrize("content", ["apiVersion: v1\nkind: Config\n", "{}", '{"extensions": []}'])
def test_a_file_of_somebody_else_is_never_touched(api: Api, tmp_path: Path, content: str) -> None:
    path = tmp_path / "config"
    path.write_text(content, encoding="utf-8")
    grant = {**_GRANT, "kubeconfig_path": str(path)}

    with pytest.raises(DebugError, match="that this module has not written"):
        api.run(**grant)
    assert api.run(state="absent", **grant).data["kubeconfig"]["changed"] is False
    assert path.read_text(encoding="utf-8") == content


def test_a_kubeconfig_goes_with_its_account(api: Api, tmp_path: Path) -> None:
    path = tmp_path / "config"
    grant = {**_GRANT, "kubeconfig_path": str(path)}
    api.run(**grant)

    assert api.run(check_mode=True, state="absent", **grant).data["kubeconfig"]["changed"] is True
    assert path.exists()
    removed = api.run(state="absent", **grant)

    assert not path.exists()
    assert "token-" not in json.dumps(removed.as_dict())


def test_a_path_that_cannot_be(api: Api, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")

    with pytest.raises(DebugError, match=r"kubeconfig_path=.*Not a directory"):
        api.run(**_GRANT, kubeconfig_path=str(tmp_path / "file" / "config"))
