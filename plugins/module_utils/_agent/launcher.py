# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The shell script that an agent starts with: it finds its target, and ends when that ends.

It keeps to the rules of the debuggers' scripts (``_ephemeral/supervisor.py``): POSIX sh, all that
differs comes as positional parameters, no temporary file. It forks ``sleep`` once a second, five
times a second while it waits for a port.

In the host's process namespace a mistake would end processes of the node. So the script signals
nothing but its own descendants; what has left them (a daemon) goes with the container's cgroup,
when the runtime sees that the script has ended.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.supervisor import script

__all__ = [
    "LAUNCHER",
    "LAUNCHER_NAME",
    "LISTENING",
    "NO_SOCKET",
    "NO_TARGET",
    "RUNNING",
    "Found",
    "launch_argv",
    "parse_target",
]

# $0 of the script.
LAUNCHER_NAME = "kubedebug-agent"

# The script's own exit codes.
NO_TARGET = 78
NO_SOCKET = 79

LAUNCHER = script(
    r"""
    id=$1 flags=$2 port=$3 sockets=$4 linger=$5
    shift 5
    say() { echo "kubedebug: $1" >&2; }
    over="the lifetime of $KUBEDEBUG_LIFETIME s is over"
    left=$KUBEDEBUG_LIFETIME
    now=$(date +%s 2>/dev/null)
    case $now in
        '' | *[!0-9]*) ;;
        *) now=$(($KUBEDEBUG_EXPIRES_AT - $now)); [ "$now" -lt "$left" ] && left=$now ;;
    esac
    if [ "$left" -le 0 ]; then
        say "$over; nothing is run"
        exit 0
    fi
    """,
    # look PID: sets state, parent and start (clock ticks since the boot) from /proc/PID/stat. The
    # command name in it may hold spaces and parentheses: what counts begins after the last ") ".
    # holds PID: whether a cgroup of the process has the container's ID in its path.
    # find: the container's first process is the one that was started before all others. Its parent
    # tells nothing: that of a process of kubectl exec is the same.
    r"""
    look() {
        { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
        set -- ${line##*) }
        state=$1 parent=$2 start=${20}
    }
    holds() {
        {
            while read -r line; do
                case $line in *"$id"*) return 0 ;; esac
            done <"/proc/$1/cgroup"
        } 2>/dev/null
        return 1
    }
    find() {
        pid=
        for one in /proc/[0-9]*; do
            one=${one#/proc/}
            holds "$one" && look "$one" || continue
            case $state in [ZXx]) continue ;; esac
            if [ -z "$pid" ] || [ "$start" -lt "$since" ]; then pid=$one since=$start; fi
        done
        [ "$pid" ]
    }
    alive() {
        look "$pid" && [ "$start" = "$since" ] || return 1
        case $state in [ZXx]) return 1 ;; esac
    }
    """,
    # put TEXT PLACEHOLDER VALUE: sets text. The value is not looked at again.
    # below: puts the living descendants of this shell into $list, but for process $me.
    # uptime: sets up, whole seconds.
    r"""
    put() {
        text= rest=$1
        while :; do
            case $rest in *"$2"*) ;; *) break ;; esac
            text=$text${rest%%"$2"*}$3 rest=${rest#*"$2"}
        done
        text=$text$rest
    }
    below() {
        list=
        for one in /proc/[0-9]*; do
            one=${one#/proc/}
            [ "$one" != "$$" ] && [ "$one" != "$me" ] && look "$one" || continue
            case $state in [ZXx]) continue ;; esac
            while [ "$parent" -gt 1 ] && [ "$parent" != "$$" ]; do look "$parent" || break; done
            [ "$parent" = "$$" ] && list="$list $one"
        done
        [ "$list" ]
    }
    send() { for one in $list; do kill "-$1" "$one" 2>/dev/null; done; }
    settle() {
        turn=0
        while below; do
            [ "$turn" -lt "$1" ] || return 1
            sleep 0.2 2>/dev/null || sleep 1
            turn=$(($turn + 1))
        done
    }
    uptime() { read -r up line </proc/uptime; up=${up%%.*}; }
    """,
    # The end of everything is one path: finish STATUS, from a trap or after the wait.
    r"""
    me=$$ child=
    finish() {
        was=$?
        exec 2>/dev/null
        trap '' TERM INT HUP USR1 ALRM
        below && send TERM
        settle 25 || { send KILL; settle 10; }
        rc=0
        [ "$child" ] && { wait "$child"; rc=$?; }
        [ "$rc" -eq 127 ] && rc=$was
        wait
        exit "${1:-$rc}"
    }
    """,
    # guard: ends this shell by signal when the target has ended or the time is over, and says so
    # once the command has run for a moment, and once something listens. It runs in a subshell, in
    # which $$ is still this shell.
    r"""
    listens() {
        for file in "/proc/$child/net/tcp" "/proc/$child/net/tcp6"; do
            {
                while read -r line; do
                    case $line in *":$port "*":0000 0A "*) return 0 ;; esac
                done <"$file"
            } 2>/dev/null
        done
        return 1
    }
    guard() {
        exec </dev/null
        trap 'kill -KILL "$!" 2>/dev/null; wait; exit 0' TERM
        ended= fresh=$child began=$up
        while :; do
            if [ "$port" ]; then pace=0.2; else pace=1; fi
            sleep "$pace" 2>/dev/null &
            wait "$!" || { sleep 1 & wait "$!"; }
            kill -0 "$$" 2>/dev/null || exit 0
            uptime
            if [ "$up" -ge "$end" ]; then
                say "$over"
                kill -ALRM "$$"
                exit 0
            fi
            if [ "$port" ] && listens; then
                echo "kubedebug: listening"
                port=
            fi
            if [ "$fresh" ] && [ "$up" -gt "$began" ] && look "$child" && [ "$state" != Z ]; then
                echo "kubedebug: running"
                fresh=
            fi
            alive && continue
            if [ -z "$ended" ]; then
                say "its target has ended"
                ended=$up
            fi
            if [ "$(($up - $ended))" -ge "$linger" ]; then
                kill -USR1 "$$"
                exit 0
            fi
        done
    }
    """,
    r"""
    uptime
    end=$(($up + $left))
    if ! find; then
        say "no process of container $id is there"
        exit 78
    fi
    socket=
    if [ "$sockets" ]; then
        IFS=:
        for one in $sockets; do
            if [ -S "$one" ]; then socket=$one; break; fi
        done
        unset IFS
        if [ -z "$socket" ]; then
            say "no socket of the container runtime is there: $sockets"
            exit 79
        fi
    fi
    echo "kubedebug: target pid=$pid start=$since socket=$socket"
    trap 'finish 0' USR1
    if [ $# -eq 0 ]; then
        trap 'finish 0' TERM INT HUP ALRM
        guard &
        wait "$!"
        finish 0
    fi
    trap 'finish ""' TERM INT HUP
    trap 'finish 124' ALRM
    count=$#
    while [ "$count" -gt 0 ]; do
        put "$1" '{pid}' "$pid"
        put "$text" '{socket}' "$socket"
        shift
        set -- "$@" "$text"
        count=$(($count - 1))
    done
    [ "$flags" ] && set -- nsenter -t "$pid" $flags -- "$@"
    (exec "$@" </dev/null) &
    child=$!
    guard &
    wait "$child"
    finish "$?"
    """,
)
"""``sh -c LAUNCHER kubedebug-agent ID FLAGS PORT SOCKETS LINGER [ARGV...]``: an agent's process.

Reads KUBEDEBUG_EXPIRES_AT (epoch, seconds) and KUBEDEBUG_LIFETIME (seconds); after the lifetime it
runs nothing, so that a second start does no harm. ID is the target's container ID, FLAGS those of
nsenter, PORT four hexadecimal digits or empty, SOCKETS paths between colons or empty, LINGER how
many seconds it stays after its target has ended. Without ARGV it stays until then, for commands to
be run in it.

Exit codes: 0 when the target has ended; the command's own; 124 when the lifetime ended it; 78
without a process of the target, 79 without a socket.
"""

_TARGET = re.compile(r"kubedebug: target pid=([0-9]{1,10}) start=([0-9]{1,20}) socket=(\S*)")
LISTENING = "kubedebug: listening"
"""The line of the launcher's when something listens on the port."""
RUNNING = "kubedebug: running"
"""The line of the launcher's when its command has not ended at once."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the launcher says it has found; ``start`` is in clock ticks since the node's boot."""

    pid: int
    start: int
    socket: str | None


def launch_argv(
    argv: Sequence[str],
    *,
    container_id: str,
    flags: Sequence[str] = (),
    port: int | None = None,
    sockets: Sequence[str] = (),
    linger: int = 0,
) -> list[str]:
    """The launcher's argv; nothing in it is a shell's but the constant script."""
    return [
        "sh",
        "-c",
        LAUNCHER,
        LAUNCHER_NAME,
        container_id,
        " ".join(flags),
        f"{port:04X}" if port is not None else "",
        ":".join(sockets),
        str(linger),
        *argv,
    ]


def parse_target(line: str) -> Found | None:
    """Read the line in which the launcher says what it has found; None for any other."""
    match = _TARGET.fullmatch(line.strip())
    if match is None:
        return None
    return Found(pid=int(match[1]), start=int(match[2]), socket=match[3] or None)
