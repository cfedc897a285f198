# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text for a terminal of 100 columns."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kubedebug.core.plugins.module_utils._report.document import build
from ansible_collections.kubedebug.core.plugins.module_utils._report.terminal import (
    MOST_TEXT,
    render_text,
)

__all__: list[str] = []

_NET = {"name": "net", "target": 4026531840, "debugger": 4026531840, "shared": True}
_CGROUP = {"name": "cgroup", "target": 1, "debugger": None, "shared": None, "note": "no root"}


def _render(inputs: Any, *, width: int = 100, most_lines: int = 20) -> str:
    return render_text(build(inputs), width=width, most_lines=most_lines)


def test_a_whole_session(results: Any) -> None:
    text = _render(
        results.inputs(
            title="Debug report: shop/web-0",
            owner="alice",
            reason="Requests hang",
            ticket="OPS-17",
            kept=True,
            sessions=[results.session()],
            probes=[results.probe()],
            namespaces=[results.namespaces("web-0", _CGROUP, _NET)],
            commands=[results.command("echo", "two words", stdout="two words\n")],
            notes=["Read the manual."],
        )
    )

    assert text.splitlines() == [
        "Debug report: shop/web-0" + " " * 56 + "2026-11-24 18:00:00Z",
        "owner alice, reason Requests hang, ticket OPS-17",
        "=" * 100,
        "",
        "shop/web-0   container web, node node-1",
        "  debugger     kubedebug-1 (created)",
        "  image        toolbox:1",
        "  ends         2026-11-24 18:15:00Z (in 15 min)",
        "  by hand      kubectl exec -it -n shop web-0 -c kubedebug-1 -- sh",
        "  probe        http http://localhost:80/",
        "  answer       OK - GET: Request completed",
        "               10 of 10 answered, loss 0 %, status 200 x10",
        "  latency ms   min 0.41  avg 1.50  p50 1.00  p90 12.3  p99 99.0  max 123",
        "  namespaces   NAME    SHARED   TARGET      DEBUGGER",
        "               cgroup  unknown  1           -           no root",
        "               net     yes      4026531840  4026531840",
        "  command      echo 'two words'   [rc 0, 0.03 s]",
        "    | two words",
        "  cleanup      none, it goes on until it ends by itself",
        "",
        "note: Read the manual.",
        "RESULT ok: 1 pod, no problems",
    ]


def test_a_failure_stands_where_it_happened_and_in_the_result(results: Any) -> None:
    lost = {"received": 0, "loss_percent": 100.0, "status_codes": {}, "body_sample": None}
    fault = {"errors": [{"reason": "connection refused", "count": 10}]}
    none = dict.fromkeys(("min", "avg", "max", "p50", "p90", "p99"))
    text = _render(
        results.inputs(
            sessions=[results.session()],
            probes=[results.probe(error="shop/web-0: no answer", **lost, **fault, **none)],
            problems=[{"step": "cleanup", "msg": "the node is gone"}],
        )
    )

    assert "               0 of 10 answered, loss 100 %\n" in text
    assert "               error: connection refused (10)\n" in text
    assert "               FAILED no answer\n" in text
    assert text.endswith(
        "RESULT failed: 1 pod, 2 problems\n"
        "  - probe shop/web-0: see above\n"
        "  - cleanup: the node is gone"
    )
    assert "latency" not in text


@pytest.mark.parametrize(
    ("more", "line"),
    [
        pytest.param({"kept": True}, "none, it goes on until it ends by itself", id="kept"),
        pytest.param({"cleanup": [{}]}, "kubedebug-1 stopped (exit code 143)", id="stopped"),
        pytest.param(
            {"cleanup": [{"error": "shop/web-0: no sh"}]},
            "kubedebug-1 NOT stopped",
            id="not stopped",
        ),
        pytest.param(
            {"cleanup": [{"action": "none", "debugger": None}]},
            "nothing was running any more",
            id="gone",
        ),
    ],
)
def test_cleanup(results: Any, more: dict[str, Any], line: str) -> None:
    cleanup = [results.cleanup(**item) for item in more.pop("cleanup", [])]

    text = _render(results.inputs(sessions=[results.session()], cleanup=cleanup, **more))

    assert f"  cleanup      {line}\n" in text


def test_a_debugger_that_never_started_has_no_line_to_go_on_with(results: Any) -> None:
    waiting = {"state": "waiting", "reason": "ErrImagePull"}
    text = _render(
        results.inputs(
            sessions=[results.session(action="failed", entry=waiting, error="shop/web-0: no image")]
        )
    )

    assert "kubedebug-1 (failed, waiting, ErrImagePull)" in text
    assert "kubectl" not in text
    assert "its entry stays in the pod's list until the pod goes" in text


def test_what_is_to_be_copied_is_never_folded_and_the_rest_is(results: Any) -> None:
    name = "web-" + "x" * 40
    words = "reason " * 40
    text = _render(
        results.inputs(
            title=words,
            reason=words,
            sessions=[results.session(name, error=words)],
            commands=[results.command("echo", words, name=name)],
            problems=[{"step": "cleanup", "msg": words}],
            notes=[words],
        ),
        width=60,
    )

    wide = [line for line in text.splitlines() if len(line) > 60]
    assert f"  by hand      kubectl exec -it -n shop {name} -c kubedebug-1 -- sh" in wide
    # The title has its line, too.
    starts = ("  by hand", "  command", "reason reason", f"shop/{name}")
    assert all(line.startswith(starts) for line in wide), wide


def test_hostile_text_does_not_act(results: Any) -> None:
    bad = "\x1b[2J\u202e{{ lookup('pipe', 'id') }}\r"
    item = {"name": "net", "target": bad, "debugger": bad, "shared": True, "note": bad}
    text = _render(
        results.inputs(
            **dict.fromkeys(("title", "owner", "reason", "ticket"), bad),
            sessions=[results.session(bad, entry={"image": bad}, debugger=bad, error=bad)],
            probes=[results.probe(bad, peer=bad, body_sample=bad, status_codes={bad: 1})],
            namespaces=[results.namespaces(bad, item)],
            commands=[results.command(bad, name=bad, stdout=bad, stderr=bad)],
            cleanup=[results.cleanup(bad, debugger=bad, error=bad)],
            problems=[{"step": bad, "msg": bad}],
            notes=[bad],
        )
    )

    assert all(line.isprintable() for line in text.splitlines())
    assert "\\x1b[2J" in text
    assert "{{ lookup('pipe', 'id') }}" in text


def test_long_output_is_cut_with_a_count(results: Any) -> None:
    output = "".join(f"line {index}\n" for index in range(30)) + "y" * 500
    text = _render(
        results.inputs(
            commands=[
                results.command("cat", stdout=output, stdout_truncated=True, stdout_bytes=9_000)
            ]
        ),
        most_lines=3,
    )

    assert "    | line 2\n    | [+28 lines]\n" in text
    assert "    | [stdout: cut, the whole was 9000 bytes]" in text


def test_many_pods_are_brief_but_for_the_failed_ones(results: Any) -> None:
    names = [f"web-{index:03}" for index in range(200)]
    sessions = [results.session(name) for name in names]
    sessions[150] = results.session(names[150], error="shop/web-150: no image")
    text = _render(results.inputs(sessions=sessions, probes=[results.probe(n) for n in names]))

    assert text.count("  debugger  ") == 20
    assert "\nshop/web-150   container" in text
    assert "\n180 more pods, in report.json in full\n" in text
    assert (
        "  shop/web-100  ok  created  10 of 10 answered, loss 0 %, status 200 x10  p90 12.3 ms"
        in text
    )


def test_the_text_is_bounded(results: Any) -> None:
    commands = [results.command("cat", stdout=("z" * 190 + "\n") * 300) for _round in range(20)]

    text = _render(results.inputs(commands=commands), most_lines=10_000)

    assert len(text) < MOST_TEXT + 100
    assert text.endswith(" characters]")
