# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of the forwards: private, whole, and not believed when their process has gone."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._forward import stopping
from ansible_collections.kubedebug.core.plugins.module_utils._forward import store as records
from ansible_collections.kubedebug.core.plugins.module_utils._forward.options import (
    ForwardOptions,
)
from ansible_collections.kubedebug.core.plugins.module_utils._forward.processes import (
    current,
    process,
)
from ansible_collections.kubedebug.core.plugins.module_utils._options import TargetOptions

LONG = 60.0


@pytest.fixture
def store(tmp_path: Path) -> records.Store:
    return records.Store.open({"XDG_RUNTIME_DIR": str(tmp_path)})


def record(number: str = "a1b2c3d4e5f60708", **given: Any) -> records.Record:
    own = current()
    base: dict[str, Any] = {
        "id": number,
        "selection": "s",
        "server": "https://x",
        "namespace": "shop",
        "pod": "web-0",
        "uid": "u",
        "node": "n",
        "container": "web",
        "port": 80,
        "port_name": "http",
        "local_port": 40000,
        "expires": time.time() + 600,
        "pid": own.pid,
        "began": own.began,
    }
    return records.Record(**{**base, **given})


def test_a_record_reads_back_and_is_for_this_user_alone(
    store: records.Store, tmp_path: Path
) -> None:
    store.write(record())
    assert store.get(record().id) == replace(record(), expires=store.records()[0].expires)
    (folder,) = tmp_path.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    (path,) = folder.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    store.remove(record().id)
    store.remove(record().id)
    assert store.records() == []


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"version": 1}', '{"version": 99}'])
def test_what_is_no_record_is_left_alone(store: records.Store, tmp_path: Path, text: str) -> None:
    path = tmp_path / "kubedebug-forward" / "0123456789abcdef.json"
    path.write_text(text, encoding="utf-8")
    assert store.records() == []
    assert store.get("0123456789abcdef") is None
    store.prune()
    assert path.exists()


@pytest.mark.parametrize("kind", ["open", "link", "file"])
def test_a_folder_that_others_may_use_is_refused(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "kubedebug-forward"
    if kind == "open":
        folder.mkdir(mode=0o755)
        folder.chmod(0o755)
    elif kind == "link":
        (tmp_path / "else").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "else")
    else:
        folder.touch(mode=0o600)
    with pytest.raises(records.StoreError, match="is not a folder of this user alone"):
        records.Store.open({"XDG_RUNTIME_DIR": str(tmp_path)})


def test_without_a_runtime_folder_it_is_the_temporary_one(tmp_path: Path) -> None:
    environ = {"XDG_RUNTIME_DIR": str(tmp_path / "missing"), "TMPDIR": str(tmp_path)}
    records.Store.open(environ).write(record())
    assert [path.name.startswith("kubedebug-forward-") for path in tmp_path.iterdir()] == [True]


def test_a_record_runs_while_its_process_does() -> None:
    assert record().runs
    assert not record(ended="it was stopped").runs
    assert not record(began="0.0").runs


def test_what_nobody_will_ask_for_is_pruned(store: records.Store) -> None:
    own = current()
    ended = {"ended": "it was stopped", "ended_at": time.time()}
    store.write(record("aaaaaaaaaaaaaaaa"))
    store.write(record("bbbbbbbbbbbbbbbb", **ended, controller_pid=own.pid, controller_began="0.0"))
    store.write(
        record("cccccccccccccccc", **ended, controller_pid=own.pid, controller_began=own.began)
    )
    store.write(record("dddddddddddddddd", **ended))
    store.write(record("eeeeeeeeeeeeeeee", ended="x", ended_at=1.0, expires=1.0))
    store.prune()
    assert sorted(each.id[0] for each in store.records()) == ["a", "c", "d"]


_LOCKER = """
import sys
sys.path[:0] = {path!r}
from pathlib import Path
from ansible_collections.kubedebug.core.plugins.module_utils._forward import store
with store.Store(Path({folder!r})).lock(["b1b2c3d4e5f60708"], timeout=1):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_two_tasks_do_not_start_the_same_forward_at_once(
    store: records.Store, tmp_path: Path
) -> None:
    code = _LOCKER.format(path=sys.path, folder=str(tmp_path / "kubedebug-forward"))
    other = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        with store.lock(["a1b2c3d4e5f60708"], timeout=LONG):
            pass
        both = store.lock(["a1b2c3d4e5f60708", "b1b2c3d4e5f60708"], timeout=0.1)
        with pytest.raises(records.StoreError, match="Another task"), both:
            pass
        other.communicate("", timeout=LONG)
    with store.lock(["b1b2c3d4e5f60708"], timeout=LONG):
        pass


class _Client:
    """As much of a client as is asked for a namespace; a request would be an error."""

    default_namespace = "shop"


def _chosen(found: list[records.Record], target: TargetOptions, *, port: str | None = None) -> str:
    options = ForwardOptions(state="stopped", port=port)
    chosen = stopping.chosen(
        _Client(),
        target,
        options,
        found,
        selection="mine",
    )
    return "".join(each.id for each in chosen)


@pytest.mark.parametrize(
    ("target", "port", "ids"),
    [
        pytest.param({}, None, "abcd", id="nothing said is all"),
        pytest.param({}, "80", "abd", id="all of a port"),
        pytest.param({"namespace": "shop"}, None, "abc", id="a namespace"),
        pytest.param({"name": ("web-0",)}, None, "ac", id="a pod of the default namespace"),
        pytest.param({"name": ("web-0",)}, "http", "a", id="a port by its name"),
        pytest.param({"name": ("web-0",), "namespace": "bank"}, None, "d", id="another namespace"),
        pytest.param({"name": ("web-9",)}, None, "", id="no such pod"),
    ],
)
def test_which_forwards_a_stop_means(target: dict[str, Any], port: str | None, ids: str) -> None:
    found = [
        record("a"),
        record("b", pod="web-1"),
        record("c", port=81, port_name="81"),
        record("d", namespace="bank"),
    ]
    assert _chosen(found, TargetOptions(**target), port=port) == ids


def test_the_same_selection_finds_its_own_without_the_api() -> None:
    found = [record("a"), record("b", selection="mine")]
    assert _chosen(found, TargetOptions(label_selectors=("app=web",)), port="80") == "b"


def test_a_process_that_was_killed_is_told_of(store: records.Store) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    known = process(child.pid)
    store.write(record(pid=known.pid, began=known.began))
    child.kill()
    child.wait(LONG)

    (outcome,) = stopping.stop_all(store, store.records(), check_mode=False)

    assert outcome.action == "none"
    assert outcome.record.ended == "its process was killed"
    assert store.records() == []


def test_a_process_that_leaves_no_word_is_ended_all_the_same(store: records.Store) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as child:
        known = process(child.pid)
        store.write(record(pid=known.pid, began=known.began))

        (foretold,) = stopping.stop_all(store, store.records(), check_mode=True)
        assert foretold.action == "planned"
        assert known.runs

        (outcome,) = stopping.stop_all(store, store.records(), check_mode=False)
        assert outcome.action == "stopped"
        assert not known.runs


def test_the_version_is_in_the_file(store: records.Store, tmp_path: Path) -> None:
    store.write(record())
    (path,) = (tmp_path / "kubedebug-forward").glob("*.json")
    assert json.loads(path.read_text(encoding="utf-8"))["version"] == 1
