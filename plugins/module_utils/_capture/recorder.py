# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The shell scripts that keep captures inside a debugger or an agent; pure text.

They are constants for ``sh -c``; what differs from task to task comes as positional parameters.
POSIX sh with what dash, busybox ash and bash have, and no tool but mkdir, rm, mv, date, df, wc and
sleep.

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

__all__ = ["BASE", "CHECK", "FORGET", "LOOK", "NAME", "RECORD", "START", "STOP", "WAIT"]

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
_COMMON = r"""
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
_HALT = r"""
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
    _COMMON,
    _HALT,
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

_LISTING = r"""
    listing() {
        for folder in "$base/$name"/[0-9][0-9][0-9][0-9]; do
            [ -d "$folder" ] || continue
            load "$folder"
            recorder=gone tcpdump=gone
            lives "$pid" "$pid_born" && recorder=lives
            lives "$child" "$child_born" && tcpdump=lives
            echo "recording ${folder##*/}"
            put "status $status"
            echo "lives recorder=$recorder tcpdump=$tcpdump"
            for key in spec fetched; do
                { read -r line <"$folder/$key"; } 2>/dev/null && put "$key $line"
            done
            for file in "$folder"/packets*; do
                [ -f "$file" ] && put "file $(($(wc -c <"$file"))) ${file##*/}"
            done
            count=0
            while read -r line || [ "$line" ]; do
                count=$((count + 1))
                [ "$count" -gt 300 ] && continue
                put "log $line"
            done 2>/dev/null <"$folder/log"
            last "$folder/log"
            [ "$count" -gt 300 ] && put "log $line"
        done
        echo "end"
    }
    base=$1 name=$2
    shift 2
"""

# The clock first, so that as little as can be lies between its reading and its arrival.
_CLOCK = r"""
    finer=
    stamp
    case $stamp in
        *.*) ;;
        *) finer=$(python3 -c 'import time; print("%.6f" % time.time())' 2>/dev/null) ;;
    esac
    stamp=${finer:-$stamp}
    put "clock $stamp"
"""

LOOK = script(_COMMON, _LISTING, _CLOCK, "listing")
"""``sh -c LOOK NAME BASE CAPTURE``: tell about all recordings of a capture; changes nothing.

LOOK and CHECK begin with the node's clock; a ``date`` without fractions is helped by python3.
"""

CHECK = script(
    _COMMON,
    _LISTING,
    _CLOCK,
    r"""
    # The folder of all captures is for its owner only, and so is what is in it.
    mkdir -p "$base/$name" 2>/dev/null
    if [ -h "$base" ] || ! [ -d "$base/$name" ] || ! [ -w "$base/$name" ]; then
        echo "unwritable"
    else
        df -P -k "$base" 2>/dev/null | while read -r device total used free line; do
            case $total$free in *[!0-9]*) ;; *) echo "space $total $free" ;; esac
        done
    fi
    trial() {
        words=$("$@" 2>&1 >/dev/null </dev/null)
        rc=$?
    }
    enter=$1
    shift
    user=
    run() {
        if [ "$enter" ]; then trial nsenter -t "$enter" -n -- "$@"; else trial "$@"; fi
    }
    # A tcpdump that gives up root for a user may not write into the folder, or lacks the user; one
    # that was built without that does not know the option.
    run tcpdump -Z root "$@"
    if [ "$rc" -eq 0 ]; then user=root; else
        first=$words
        run tcpdump "$@"
    fi
    echo "tcpdump $rc $user"
    put "$words" | while read -r line; do put "says $line"; done
    if [ "$rc" -ne 0 ]; then
        if [ "$enter" ]; then net=/proc/$enter/net/dev; else net=/proc/self/net/dev; fi
        while read -r line; do
            case $line in *:*) put "interface ${line%%:*}" ;; esac
        done 2>/dev/null <"$net"
    fi
    listing
    """,
)
"""``sh -c CHECK NAME BASE CAPTURE PID ARGS...``: whether ``tcpdump ARGS`` (with -d) would do.

PID is where to enter the network namespace of, or "". Records nothing.
"""

START = script(
    _COMMON,
    _LISTING,
    r"""
    spec=$1 record=$2
    shift 2
    number=1
    for folder in "$base/$name"/[0-9][0-9][0-9][0-9]; do
        [ -d "$folder" ] || continue
        load "$folder"
        if [ "$state" != ended ] && { lives "$pid" "$pid_born" || lives "$child" "$child_born"; }
        then
            echo "busy ${folder##*/}"
            listing
            exit 0
        fi
        number=${folder##*/}
        while [ "${number#0}" != "$number" ]; do number=${number#0}; done
        number=$((number + 1))
    done
    folder=$(printf '%s/%s/%04d' "$base" "$name" "$number")
    # Only one of two runs that begin at once makes the folder.
    if ! mkdir "$folder" 2>/dev/null; then
        echo "busy ${folder##*/}"
        listing
        exit 0
    fi
    put "$spec" >"$folder/spec"
    unset KUBEDEBUG_RUN
    detach=
    command -v setsid >/dev/null 2>&1 && detach=setsid
    $detach sh -c "$record" kubedebug-capture "$folder" "$@" </dev/null >/dev/null 2>&1 &
    looks=0
    while [ "$looks" -lt 1000 ]; do
        looks=$((looks + 1))
        load "$folder"
        case $state in running | ended) break ;; esac
        nap 0.02
    done
    echo "started ${folder##*/}"
    listing
    """,
)
"""``sh -c START NAME BASE CAPTURE SPEC RECORD SECONDS BYTES TARGET ARGV...``: begin a recording.

Comes back when tcpdump listens, or has ended. Prints ``started NUMBER``, or ``busy NUMBER`` where a
recording of the capture runs already, and then what LOOK prints.
"""

STOP = script(
    _COMMON,
    _HALT,
    _LISTING,
    r"""
    patience=$1
    for folder in "$base/$name"/[0-9][0-9][0-9][0-9]; do
        [ -d "$folder" ] || continue
        load "$folder"
        [ "$state" = ended ] && continue
        : >"$folder/stop"
        clock; end=$((up + patience * 100))
        while lives "$pid" "$pid_born" && clock && [ "$up" -lt "$end" ]; do nap 0.05; done
        load "$folder"
        [ "$state" = ended ] && continue
        lives "$pid" "$pid_born" && continue
        # The recorder was killed: what it would have done is done here.
        reason=recorder_gone
        if lives "$child" "$child_born"; then
            reason=stopped
            cd "$folder" && halt drain
        fi
        stamp
        get began
        processes="pid=$pid pid_born=$pid_born child=$child child_born=$child_born"
        save "state=ended $processes began=$value ended=$stamp reason=$reason rc=" "$folder"
    done
    listing
    """,
)
"""``sh -c STOP NAME BASE CAPTURE SECONDS``: end what runs, and come back when it is written."""

WAIT = script(
    _COMMON,
    _LISTING,
    r"""
    clock; end=$((up + $1 * 100))
    for folder in "$base/$name"/[0-9][0-9][0-9][0-9]; do
        [ -d "$folder" ] || continue
        load "$folder"
        while [ "$state" != ended ] && lives "$pid" "$pid_born"; do
            clock
            [ "$up" -lt "$end" ] || break
            nap 0.2
            load "$folder"
        done
    done
    listing
    """,
)
"""``sh -c WAIT NAME BASE CAPTURE SECONDS``: come back when no recording runs, or after SECONDS."""

FORGET = script(
    _COMMON,
    _LISTING,
    r"""
    folder=$base/$name/$1
    cd "$folder" || exit 1
    load .
    [ "$state" = ended ] || exit 1
    put "$2" >fetched && rm -f packets*
    # One mark is enough to know that there is nothing to fetch.
    for old in "$base/$name"/[0-9][0-9][0-9][0-9]; do
        [ "$old" = "$folder" ] && break
        [ -e "$old/fetched" ] && rm -rf "$old"
    done
    listing
    """,
)
"""``sh -c FORGET NAME BASE CAPTURE NUMBER JSON``: remove the files of a fetched recording."""
