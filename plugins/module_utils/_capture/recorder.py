# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The shell script that keeps a capture inside a debugger or an agent; pure text.

It and those of calls.py are constants for ``sh -c``; what differs from task to task comes as
positional parameters. POSIX sh with what dash, busybox ash and bash have, and no tool but mkdir,
rm, mv, date, df, wc and sleep.

A capture NAME is a folder with one folder for each recording, ``0001`` and so on: what nobody has
fetched is never written over. A recording's folder holds

``packets*``  what tcpdump writes, one file or a ring of them
``log``       what tcpdump says
``spec``      the options of the recording, one line of JSON
``status``    ``state=starting|running|ended`` and more pairs, one line, replaced as a whole
``stop``      somebody wants the recording to stop
``fetched``   a line of JSON about the files, once they were brought home and removed here

The recorder runs in a session of its own, bound to nothing of the controller. It has bounds of its
own: seconds, bytes (it looks several times a second whether the next look would find too many, and
RLIMIT_FSIZE is the wall behind that), tcpdump's own count of packets, the end of its target, and
TERM from the debugger's supervisor.

A recording is stopped without losing what had arrived: the kernel gives packets to tcpdump in
blocks, the last of which stays with the kernel for up to two seconds (libpcap's time-out of a
second, twice where a block was just begun), and SIGINT would throw it away. So tcpdump is first
asked for its counters (USR1) until it has taken what the kernel had counted when the stop was asked
for. The kernel counts packets of the loopback interface twice and tcpdump once, so that is never
seen there; then it is until tcpdump, which had slept, has taken another block, or until no block
can be that old. ``--immediate-mode`` and ``-U`` would make that wait unnecessary, and make tcpdump
lose packets at a fraction of the load that it bears without them.
"""

from __future__ import annotations

from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.supervisor import script

__all__ = ["BASE", "COMMON", "HALT", "NAME", "RECORD"]

# $0 of the scripts, and where captures are in a container.
NAME = "kubedebug-capture"
BASE = "/tmp/kubedebug-capture"


# born PID: sets $mode (the letter of its state) and $born (ticks since boot), which together with
# the PID means one process only. The name in stat may hold spaces and parentheses.
# lives PID BORN: whether that very process is there, and no zombie.
# clock: puts the time since boot into $up, in hundredths of a second, without a process.
# put TEXT: prints it as it is, which echo does not everywhere.
# last FILE: puts the last line of a file into $line.
# get KEY: puts the value of a key of $status into $value.
COMMON = r"""
    umask 077
    born() {
        { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
        set -- ${line##*) }
        mode=$1 born=${20}
    }
    lives() {
        [ "$1" ] && born "$1" && [ "$born" = "$2" ] || return 1
        case $mode in [ZXx]) return 1 ;; esac
    }
    clock() { read -r up line </proc/uptime; up=${up%%.*}${up#*.}; }
    put() { printf '%s\n' "$1"; }
    nap() { sleep "$1" 2>/dev/null || sleep 1; }
    stamp() {
        stamp=$(date +%s.%N 2>/dev/null)
        case $stamp in *[!0-9.]* | '' | *.) stamp=$(date +%s) ;; esac
    }
    last() {
        line=
        while read -r each || [ "$each" ]; do line=$each; done <"$1"
    } 2>/dev/null
    get() {
        value=
        for pair in $status; do
            case $pair in "$1="*) value=${pair#*=} ;; esac
        done
    }
    load() {
        status=
        { read -r status <"$1/status"; } 2>/dev/null
        get pid; pid=$value
        get pid_born; pid_born=$value
        get child; child=$value
        get child_born; child_born=$value
        get state; state=$value
    }
    save() {
        put "$1" >"$2/status.new" && mv "$2/status.new" "$2/status"
    }
"""

# halt: ends tcpdump ($child) so that it has written what had arrived.
# $1 is "drain" to wait for the kernel's last block before.
# The line of the counters: tcpdump: 1 packets captured, 2 packets received by filter, 3 packets ...
HALT = r"""
    counters() {
        kill -USR1 "$child" 2>/dev/null
        nap 0.1
        last log
        case $line in *": "*" captured, "*" received by filter, "*) ;; *) return 1 ;; esac
        set -- ${line#*: }
        captured=$1 received=$4 dropped=$9
        case $captured$received$dropped in *[!0-9]*) return 1 ;; esac
    }
    drain() {
        want= idle= looks=0
        while lives "$child" "$child_born" && [ "$looks" -lt 24 ]; do
            looks=$((looks + 1))
            sleeps=
            [ "$mode" = S ] && sleeps=1
            counters || continue
            [ "$want" ] || want=$((received - dropped))
            [ "$captured" -lt "$want" ] || return 0
            [ "$sleeps" ] || continue
            [ -z "$idle" ] || [ "$captured" -le "$idle" ] || return 0
            idle=$captured
        done
    }
    halt() {
        [ "$1" = drain ] && drain
        lives "$child" "$child_born" || return 0
        kill -INT "$child" 2>/dev/null
        looks=0
        while lives "$child" "$child_born"; do
            looks=$((looks + 1))
            [ "$looks" -eq 200 ] && kill -KILL "$child" 2>/dev/null
            [ "$looks" -gt 220 ] && return 1
            nap 0.05
        done
    }
"""

RECORD = script(
    COMMON,
    HALT,
    r"""
    cd "$1" || exit 1
    seconds=$2 limit=$3 target=$4
    shift 4
    trap '' HUP INT QUIT
    over=
    trap 'over=terminated' TERM
    # Elsewhere the unit of ulimit is 512 bytes, as POSIX says.
    [ "$BASH_VERSION" ] && set -o posix
    born "$$"; pid=$$ pid_born=$born
    target_born=
    [ "$target" ] && born "$target" && target_born=$born
    (
        trap - HUP QUIT
        [ "$limit" -gt 0 ] && ulimit -f "$((limit / 512))"
        exec "$@"
    ) </dev/null >/dev/null 2>log &
    child=$!
    born "$child"; child_born=$born
    processes="pid=$pid pid_born=$pid_born child=$child child_born=$child_born"
    save "state=starting $processes" .
    size_of() {
        size=0
        [ -e packets ] && size=$(wc -c <packets)
        size=$((size))
    }
    listens() {
        while read -r each || [ "$each" ]; do
            case $each in *"listening on "*) return 0 ;; esac
        done <log
        return 1
    }
    reason= began= before=0
    clock; first=$up end=$((up + seconds * 100))
    while lives "$child" "$child_born"; do
        if [ -z "$began" ]; then
            if listens; then
                stamp; began=$stamp
                clock; end=$((up + seconds * 100))
                save "state=running $processes began=$began" .
            elif clock; [ "$up" -gt $((first + 2000)) ]; then
                reason=never_listened
                break
            fi
        fi
        if [ -e stop ]; then reason=stopped; break; fi
        if [ "$over" ]; then reason=$over; break; fi
        if [ "$target" ] && ! lives "$target" "$target_born"; then reason=target_gone; break; fi
        clock
        if [ "$up" -ge "$end" ]; then reason=max_seconds; break; fi
        if [ "$limit" -gt 0 ] && [ "$began" ]; then
            size_of
            if [ $((size + size - before)) -ge "$limit" ]; then reason=max_bytes; break; fi
            before=$size
        fi
        if [ "$began" ]; then nap 0.2; else nap 0.02; fi
    done
    case $reason in
        '' | never_listened) halt now ;;
        max_bytes | terminated) halt now ;;
        *) halt drain ;;
    esac
    wait "$child"; rc=$?
    stamp
    if [ -z "$began" ] && listens; then began=$stamp; fi
    save "state=ended $processes began=$began ended=$stamp reason=${reason:-itself} rc=$rc" .
    """,
)
"""``sh -c RECORD NAME FOLDER SECONDS BYTES TARGET ARGV...``: the recorder, for its whole life.

BYTES 0 means no bound of that kind, TARGET is the PID with whose end the recording ends, or "".
ARGV is tcpdump, perhaps behind nsenter, and writes ``packets`` in the current folder.
"""
