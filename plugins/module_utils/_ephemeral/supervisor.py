# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The shell scripts that run inside a debugger: they bound it in time, stop it, and run commands.

They are constants for ``sh -c``; what differs from task to task comes as positional parameters or
in the environment and is never spliced into the text. They keep to POSIX sh with three things that
dash, busybox ash and bash all have: ``test -ef``, a ``sleep`` with fractions (else whole seconds)
and ``date +%s`` (else the lifetime counts from the start). They use no temporary files.

Which processes are "the container's": those in the same mount namespace as the script, by the inode
of ``/proc/N/ns/mnt``; where that may not be read (a process of another user, a zombie), a process
belongs to the container if its parent does. So in a process namespace that is shared with the
target, where PID 1 is the application, no process of the application is ever signalled.

The scripts wait for all that they start. What a command of the user leaves without a parent becomes
a child of PID 1, and an application that is PID 1 and does not wait keeps it as a zombie when it
ends; ``kubectl exec`` has the same effect, and no shell can prevent it.
"""

from __future__ import annotations

import textwrap

__all__ = [
    "EXTENDER",
    "EXTEND_NAME",
    "KILLER",
    "KILL_NAME",
    "RUNNER",
    "RUN_NAME",
    "STOPPER",
    "STOP_NAME",
    "SUPERVISOR",
    "SUPERVISOR_NAME",
    "TIMED_OUT",
    "script",
]

# $0 of each script: what ps, and the shell's own messages, call it.
SUPERVISOR_NAME = "kubedebug-supervisor"
STOP_NAME = "kubedebug-stop"
RUN_NAME = "kubedebug-run"
EXTEND_NAME = "kubedebug-extend"
KILL_NAME = "kubedebug-kill"

# The exit code of a command that was ended since its time was over, as of coreutils' timeout.
TIMED_OUT = 124


def script(*parts: str) -> str:
    """Join parts and leave out what only a reader needs: a script travels in URLs and specs."""
    lines = (line.strip() for part in parts for line in textwrap.dedent(part).splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#"))


# look PID: sets state, parent and session from /proc/PID/stat. The command name in it may hold
# spaces and parentheses, so what counts begins after the last ") ".
# me: the PID of this very process; in a subshell, $$ is still the parent's.
# nap: sleeps a little and adds it to $napped (tenths of a second).
_COMMON = r"""
    look() {
        { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
        line=${line##*) }
        state=${line%% *} line=${line#* }
        parent=${line%% *} line=${line#* }
        line=${line#* }
        session=${line%% *}
    }
    me() { read -r me line </proc/self/stat; }
    nap() {
        if sleep 0.2 2>/dev/null; then napped=$((napped + 2))
        else sleep 1; napped=$((napped + 10)); fi
    }
    send() { for pid in $list; do kill "-$1" "$pid" 2>/dev/null; done; }
"""

# marked PID WORD: whether a process of this container has the word in its environment, which is in
# $line then. No tool reads that: a shell's read leaves NULs out, where busybox's grep would stop at
# the first.
_MARKED = r"""
    marked() {
        [ "/proc/$1/ns/mnt" -ef "/proc/$$/ns/mnt" ] || return 1
        {
            while read -r line || [ "$line" ]; do
                case $line in *"$2"*) return 0 ;; esac
            done <"/proc/$1/environ"
        } 2>/dev/null
        return 1
    }
"""

# extended: whether somebody has extended the lifetime (EXTENDER), and in $until up to when.
_EXTENDED = r"""
    extended() {
        until=0
        for pid in /proc/[0-9]*; do
            pid=${pid#/proc/}
            marked "$pid" KUBEDEBUG_UNTIL= || continue
            line=${line##*KUBEDEBUG_UNTIL=}
            line=${line%%[!0-9]*}
            [ "${line:-0}" -gt "$until" ] && until=$line
        done
        [ "$until" -gt 0 ]
    }
"""

# mine: puts the living processes of this container into $list, but for this process and $$.
# settle TENTHS: waits until none of them is left, at most that long; false when some are.
_CONTAINER = r"""
    ours() {
        at=$1
        while [ "$at" -gt 0 ]; do
            [ "$at" = "$$" ] && return 0
            [ "/proc/$at/ns/mnt" -ef "/proc/$$/ns/mnt" ] && return 0
            [ -e "/proc/$at/ns/mnt" ] && return 1
            look "$at" || return 1
            at=$parent
        done
        return 1
    }
    mine() {
        list=
        for pid in /proc/[0-9]*; do
            pid=${pid#/proc/}
            case $pid in "$$" | "$me") continue ;; esac
            look "$pid" || continue
            case $state in [ZXx]) continue ;; esac
            ours "$pid" && list="$list $pid"
        done
        [ "$list" ]
    }
    settle() {
        napped=0
        while mine; do
            [ "$napped" -lt "$1" ] || return 1
            nap
        done
    }
    end_all() {
        mine; send TERM
        settle "$1" || { send HUP; settle 10; } || { send KILL; settle 10; }
    }
"""

# The end of everything is one path: `finish STATUS`, called from a trap or after the wait. It first
# ignores further signals. "$child" is waited for so that no zombie is left to the application.
#
# A command on a terminal is run in the foreground, since a shell makes what it starts in the
# background deaf to Ctrl-C. The shell then cannot act on TERM before the command ends; the watcher
# bounds it in time. Elsewhere the command runs in the background (deaf to INT and QUIT, not to
# TERM), and its standard input is handed over, since a shell gives background commands /dev/null.
_SUPERVISOR = r"""
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
    me=$$ child= grace=50
    finish() {
        # A signal between the end of the wait below and the use of its result: the shell has
        # forgotten the child, and what it ended with is the status that the trap began with.
        was=$?
        exec 2>/dev/null
        trap '' TERM INT HUP ALRM
        end_all "$grace"
        rc=0
        [ "$child" ] && { wait "$child"; rc=$?; }
        # Lost: 127, or -1 from a bash in whose trap a wait is called that the trap has interrupted.
        case $rc in 127 | -1) rc=$was ;; esac
        wait
        exit "${1:-$rc}"
    }
    pass() {
        sleep "$left" </dev/null &
        # Ended by who ends all of the container: this shell's own signal is then about to come.
        wait "$!" || nap
        while extended; do
            sleep 2 </dev/null &
            wait "$!"
        done
    }
    clock() {
        exec </dev/null >/dev/null 2>&1 3<&-
        trap 'kill -KILL "$!"; wait; exit 0' TERM
        pass
        trap '' TERM
    }
    if [ $# -eq 0 ]; then
        trap 'finish 0' TERM INT HUP
        pass
        say "$over"
        finish 0
    fi
    if [ -t 0 ]; then
        (clock; me; end_all "$grace"; exit 124) &
        clock=$!
        trap : INT QUIT
        (exec "$@")
        rc=$?
        kill "$clock" 2>/dev/null
        wait "$clock"
        [ $? -eq 124 ] && { rc=124; say "$over"; }
        finish "$rc"
    fi
    exec 3<&0
    (clock; kill -ALRM "$$") &
    trap 'finish ""' TERM INT HUP
    trap 'say "$over"; finish 124' ALRM
    (exec "$@" <&3 3<&-) &
    child=$!
    exec </dev/null 3<&-
    wait "$child"
    finish "$?"
"""

SUPERVISOR = script(_COMMON, _MARKED, _EXTENDED, _CONTAINER, _SUPERVISOR)
"""``sh -c SUPERVISOR kubedebug-supervisor [ARGV...]``: a debugger's main process.

Reads KUBEDEBUG_EXPIRES_AT (epoch, seconds) and KUBEDEBUG_LIFETIME (seconds). Without ARGV it waits
for the end of the lifetime, exit code 0; with ARGV it gives that command's exit code, or 124 when
the lifetime ended it. A lifetime that EXTENDER has extended goes on until that is over, too. After
it nothing is run: a kubelet whose runtime has lost a finished ephemeral container runs it again
(kubernetes/kubernetes#124176). At TERM, INT or HUP, and at the end of its own command, it ends all
processes of the container: TERM, after 5 s HUP, KILL.
"""

EXTENDER = script(
    _COMMON,
    _MARKED,
    _EXTENDED,
    r"""
    now=$(date +%s 2>/dev/null)
    case ${now:-x}${KUBEDEBUG_EXPIRES_AT:-x} in
        *[!0-9]*) echo clockless; exit 0 ;;
    esac
    wanted=$((now + $1)) enough=$((now + $1 - $1 / 10))
    extended
    [ "$KUBEDEBUG_EXPIRES_AT" -gt "$until" ] && until=$KUBEDEBUG_EXPIRES_AT
    if [ "$until" -ge "$enough" ]; then
        echo "kept $until"
        exit 0
    fi
    [ "$2" ] && { echo "planned $wanted"; exit 0; }
    KUBEDEBUG_UNTIL=$wanted
    export KUBEDEBUG_UNTIL
    # What is exported shows outside only in a program that is started: so before it is said.
    exec sh -c 'echo "extended $KUBEDEBUG_UNTIL"; exec sleep "$1" </dev/null >/dev/null 2>&1' \
    sh "$1"
    """,
)
"""``sh -c EXTENDER kubedebug-extend SECONDS [check]``: let the debugger stay for SECONDS from now.

The environment of a container cannot be changed, so what the supervisor sees is this process, which
stays until that time. Says ``extended EPOCH``, or ``kept EPOCH`` where the debugger stays for nine
tenths of it anyway; with `check` ``planned EPOCH`` and does nothing. ``clockless`` where the image
has no `date`, or the debugger no lifetime. The caller hangs up when it has read the line.
"""

STOPPER = script(
    _COMMON,
    _MARKED,
    _EXTENDED,
    _CONTAINER,
    r"""
    me=$$
    if [ "$2" ] && extended; then
        echo "extended $until"
        exit 3
    fi
    # The supervisor ends this very process, too, and a shell says so of a child that was ended.
    trap 'exit 0' TERM HUP
    exec 2>/dev/null
    end_all "$(($1 * 10))"
    mine
    for pid in $list; do
        { read -r name <"/proc/$pid/comm"; } 2>/dev/null && echo "$pid $name"
    done
    [ -z "$list" ]
    """,
)
"""``sh -c STOPPER kubedebug-stop SECONDS [spare]``: end the processes of the container it runs in.

With `spare`, one whose lifetime was extended is left alone: ``extended EPOCH``, exit code 3.

TERM, after SECONDS HUP (which interactive shells heed), a second later KILL. Prints ``PID NAME`` of
what is left, exit code 1 if anything is: the first process of an own PID namespace can't be killed
from inside. As a rule the container ends first, and the script with it: by the supervisor (exit
code 0) or by the runtime (137, or no exit code at all).
"""

# hit: puts into $list the living processes of one run: those below the runner ($1), those of its
# session, if it leads one, and those of this container whose environment has the token.
_RUN = r"""
    below() {
        [ "$2" ] || return 1
        [ "$session" = "$leader" ] && return 0
        while [ "$parent" -gt 1 ] && [ "$parent" != "$me" ]; do
            [ "$parent" = "$2" ] && return 0
            look "$parent" || return 1
        done
        return 1
    }
    hit() {
        list=
        look "${1:-0}" && [ "$session" = "$1" ] || session=
        leader=$session
        for pid in /proc/[0-9]*; do
            pid=${pid#/proc/}
            case $pid in 1 | "$$" | "$me") continue ;; esac
            look "$pid" || continue
            case $state in [ZXx]) continue ;; esac
            if below "$pid" "$1" || marked "$pid" "KUBEDEBUG_RUN=$token"; then list="$list $pid"; fi
        done
        [ "$list" ]
    }
    strike() {
        hit "$1"; send TERM
        napped=0
        while hit "$1"; do
            if [ "$napped" -ge 60 ]; then return 1; fi
            if [ "$napped" -ge 20 ]; then send KILL; fi
            nap
        done
    }
"""

# The runner outlives a TERM until it has waited for its command: in a PID namespace that is shared
# with the target, what nobody waits for stays as a zombie among the application's processes.
#
# A child that a shell has just forked still has the shell's own handlers for a moment, and a signal
# that meets them is lost. So the trap comes after the fork of a clock, and its `sleep` gets
# a signal that has no handler; else a short command's end now and then waited for its whole limit.
#
# On a node without spare time the limit can be over before the command has begun: the clock waits
# for it then, or for the runner to say that the command has ended.
RUNNER = script(
    _COMMON,
    _MARKED,
    _RUN,
    r"""
    limit=$1 token=$2
    shift 2
    exec 4>&2 2>/dev/null
    (
        exec </dev/null >/dev/null 4>&-
        trap 'kill -KILL "$!"; wait; exit 0' TERM
        sleep "$limit" &
        wait "$!"
        trap 'exit 0' TERM
        me
        until hit "$$"; do nap; done
        trap '' TERM
        strike "$$"
        exit 124
    ) &
    clock=$!
    trap : TERM HUP INT
    (
        KUBEDEBUG_RUN=$token
        export KUBEDEBUG_RUN
        exec "$@" 2>&4 4>&-
    )
    rc=$?
    kill "$clock"
    wait "$clock"
    [ $? -eq 124 ] && rc=124
    exit "$rc"
    """,
)
"""``sh -c RUNNER kubedebug-run SECONDS TOKEN ARGV...``: a command that ends after SECONDS.

The bound holds without the controller. The command gets standard input and output untouched, is
found on PATH as by execve (a shell's own commands are not), and its exit code is the script's; 124
when it was ended: TERM to all of its processes, after 2 s KILL. TOKEN goes into its environment as
KUBEDEBUG_RUN.
"""

KILLER = script(
    _COMMON,
    _MARKED,
    _RUN,
    r"""
    me=$$ token=$1
    strike ""
    """,
)
"""``sh -c KILLER kubedebug-kill TOKEN``: end the processes of the run with that token.

TERM, after 2 s KILL; exit code 1 when some are left.
"""
