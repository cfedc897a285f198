# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person typed as commands becomes argv lists, and nothing of it a shell's."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.kubedebug.core.plugins.filter.argv import FilterModule, argv

__all__: list[str] = []


@pytest.mark.parametrize(
    ("given", "argvs"),
    [
        pytest.param(None, [], id="nothing"),
        pytest.param("", [], id="empty survey"),
        pytest.param("ps\n\n  cat /etc/hosts \r\n", [["ps"], ["cat", "/etc/hosts"]], id="lines"),
        pytest.param("echo 'a b' \"c d\" e\\ f", [["echo", "a b", "c d", "e f"]], id="quotes"),
        pytest.param("echo ''", [["echo", ""]], id="empty argument"),
        pytest.param(
            "id; rm -rf / | x > y", [["id;", "rm", "-rf", "/", "|", "x", ">", "y"]], id="shell"
        ),
        pytest.param(
            "echo $(id) `id` $HOME *", [["echo", "$(id)", "`id`", "$HOME", "*"]], id="expansion"
        ),
        pytest.param("echo # no comment", [["echo", "#", "no", "comment"]], id="comment"),
        pytest.param([["echo", "a b", 80]], [["echo", "a b", "80"]], id="argv lists"),
        pytest.param(["ps -ef", "", None, ["id"], []], [["ps", "-ef"], ["id"]], id="mixed"),
    ],
)
def test_commands(given: Any, argvs: list[list[str]]) -> None:
    assert argv(given) == argvs
    assert FilterModule().filters()["argv"] is argv


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param("echo 'a", "close the quote", id="open quote"),
        pytest.param("echo a\\", "put a backslash", id="open escape"),
        pytest.param({"a": "b"}, "the commands are a dict", id="dictionary"),
        pytest.param(7, "the commands are a int", id="number"),
        pytest.param([{"a": "b"}], "neither a line nor a list", id="list of dictionaries"),
        pytest.param([["a", ["b"]]], "neither a line nor a list", id="list within an argv"),
        pytest.param([["a", None]], "neither a line nor a list", id="null within an argv"),
    ],
)
def test_what_is_no_command(given: Any, message: str) -> None:
    with pytest.raises(AnsibleFilterError, match=message):
        argv(given)
