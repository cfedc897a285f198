# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The script that reads namespaces inside a debugger, and what its output says. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import (
    DebugError,
    clean,
)

__all__ = ["NAMES", "SCRIPT", "SCRIPT_NAME", "Reading", "ReadingError", "parse", "script_argv"]

NAMES: Final = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")
"""The namespaces that Linux has, in the order of the table. Source: namespaces(7)"""

SCRIPT_NAME: Final = "kubedebug-namespaces"

# $1 the folder /proc, $2 the target's container ID (or empty), $3 "first" where the target's main
# process is the first one of the process namespace.
#
# A process is the target's if its cgroup's path has the container's ID: host-style on cgroup v1,
# and relative to the reader's own (/../ID) in a private cgroup namespace on v2. The oldest one is
# the main process, since those that were started later (by exec, too) are younger. CRI-O has the
# ID in the name of its monitor's cgroup as well, which hostPID shows.
#
# The command's name in /proc/N/stat is the target's to choose and may hold anything, a line break
# included; what counts begins after the last ") ".
SCRIPT: Final = r"""
proc=$1 id=$2 first=$3
link() {
    l=$(readlink "$proc/$1" 2>/dev/null) && return
    l=$(ls -ld "$proc/$1" 2>/dev/null)
    case $l in *' -> '*) l=${l##* -> } ;; *) l= ;; esac
}
all() {
    for name in cgroup ipc mnt net pid time user uts; do
        link "$2/ns/$name"
        printf '%s %s %s\n' "$1" "$name" "$l"
    done
}
ours() {
    while IFS= read -r line; do
        case $line in
            *conmon*) ;;
            *"$id"*) return 0 ;;
        esac
    done
    return 1
}
age() {
    line=
    while IFS= read -r part || [ "$part" ]; do line="$line $part"; done
    set -- ${line##*) }
    case $1 in [ZXx]) return 1 ;; esac
    started=${20}
    [ "$started" ]
}
echo kubedebug-namespaces
while read -r key one two rest; do
    case $key in
        Uid:) echo "uid $two" ;;
        CapEff:) echo "capabilities $one" ;;
    esac
done <"$proc/self/status"
all own self
pid= oldest=
if [ "$id" ]; then
    for folder in "$proc"/[0-9]*; do
        { ours <"$folder/cgroup"; } 2>/dev/null || continue
        { age <"$folder/stat"; } 2>/dev/null || continue
        this=${folder##*/}
        if [ -z "$pid" ] || [ "$started" -lt "$oldest" ] ||
            { [ "$started" -eq "$oldest" ] && [ "$this" -lt "$pid" ]; }; then
            pid=$this oldest=$started
        fi
    done
fi
if [ -z "$pid" ] && [ "$first" ]; then
    theirs=$(cat "$proc/1/cgroup" 2>/dev/null)
    if [ "$theirs" ] && [ "$theirs" != "$(cat "$proc/self/cgroup")" ]; then pid=1; fi
fi
if [ "$pid" ]; then
    all target "$pid"
    if [ -d "$proc/$pid" ]; then echo "target_pid $pid"; else echo "target_gone $pid"; fi
fi
echo end
"""

_LINK = re.compile(r"(?P<name>[a-z]{1,16}):\[(?P<inode>[0-9]{1,20})\]")
_LIMIT = 64 * 1024
# Source: include/uapi/linux/capability.h
_SYS_PTRACE: Final = 19


class ReadingError(DebugError):
    """The debugger did not print what the script prints."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Inodes by the namespace's name, as the debugger saw them; a name that is missing was not
    readable.

    ``target_pid`` is the target's main process in the debugger's process namespace, None where it
    is not visible there. ``uid`` and ``sys_ptrace`` are the debugger's own.
    """

    own: Mapping[str, int] = field(default_factory=dict)
    target: Mapping[str, int] = field(default_factory=dict)
    target_pid: int | None = None
    target_gone: bool = False
    uid: int | None = None
    sys_ptrace: bool | None = None


def script_argv(*, container_id: str, first: bool) -> tuple[str, ...]:
    """The argv that reads; *first* where PID 1 can only be the target."""
    return ("sh", "-c", SCRIPT, SCRIPT_NAME, "/proc", container_id, "first" if first else "")


def parse(output: bytes) -> Reading:
    """Take the script's output apart; raises ReadingError for anything else.

    The image is the user's, so the output may be anything: of each line only what has exactly the
    expected form is used, and a line that has not is an error rather than a guess.
    """
    lines = output[:_LIMIT].decode("utf-8", "replace").split("\n")
    if lines[0] != SCRIPT_NAME or lines[-2:] != ["end", ""]:
        raise ReadingError(f"it printed no table of namespaces: {_excerpt(output)}")
    inodes: dict[str, dict[str, int]] = {"own": {}, "target": {}}
    numbers: dict[str, int] = {}
    for line in lines[1:-2]:
        key, _space, rest = line.partition(" ")
        if key in inodes:
            name, inode = _inode(line, rest)
            if inode is not None:
                inodes[key][name] = inode
        else:
            numbers[key] = _number(line, key, rest)
    pid, gone = numbers.get("target_pid"), numbers.get("target_gone")
    capabilities = numbers.get("capabilities")
    return Reading(
        own=inodes["own"],
        target=inodes["target"] if pid is not None else {},
        target_pid=pid,
        target_gone=gone is not None,
        uid=numbers.get("uid"),
        sys_ptrace=None if capabilities is None else bool(capabilities >> _SYS_PTRACE & 1),
    )


def _inode(line: str, rest: str) -> tuple[str, int | None]:
    """The name and inode of ``net net:[4026531840]``; None for a link that was not readable."""
    name, _space, link = rest.partition(" ")
    if name not in NAMES:
        raise ReadingError(f"it printed an unknown namespace: {clean(line)}")
    if not link:
        return name, None
    match = _LINK.fullmatch(link)
    if match is None or match["name"] != name:
        raise ReadingError(f"it printed a link that is no namespace: {clean(line)}")
    return name, int(match["inode"])


def _number(line: str, key: str, text: str) -> int:
    base = {"uid": 10, "target_pid": 10, "target_gone": 10, "capabilities": 16}.get(key)
    digits = r"[0-9a-fA-F]{1,32}" if base == 16 else r"[0-9]{1,10}"
    if base is None or not re.fullmatch(digits, text):
        raise ReadingError(f"it printed an unknown line: {clean(line)}")
    return int(text, base)


def _excerpt(output: bytes) -> str:
    return clean(output[:_LIMIT].decode("utf-8", "replace"), limit=120) or "nothing"
