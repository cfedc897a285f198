# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""The shell scripts by which recordings are begun, looked at and ended; pure text.

See recorder.py for what they find, and for what they may use.
"""

from __future__ import annotations

from ansible_collections.kubedebug.core.plugins.module_utils._capture.recorder import COMMON, HALT
from ansible_collections.kubedebug.core.plugins.module_utils._ephemeral.supervisor import script

__all__ = ["CHECK", "FORGET", "LOOK", "START", "STOP", "WAIT"]

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

LOOK = script(COMMON, _LISTING, _CLOCK, "listing")
"""``sh -c LOOK NAME BASE CAPTURE``: tell about all recordings of a capture; changes nothing.

LOOK, CHECK and STOP begin with the node's clock; a ``date`` without fractions is helped by python3.
"""

CHECK = script(
    COMMON,
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
    COMMON,
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
    mkdir -p "$base/$name" || exit 1
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
    COMMON,
    HALT,
    _LISTING,
    _CLOCK,
    r"""
    patience=$1
    for folder in "$base/$name"/[0-9][0-9][0-9][0-9]; do
        [ -d "$folder" ] || continue
        load "$folder"
        [ "$state" = ended ] && continue
        if lives "$pid" "$pid_born" || lives "$child" "$child_born"; then
            echo "ended ${folder##*/}"
        fi
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
"""``sh -c STOP NAME BASE CAPTURE SECONDS``: end what runs, and come back when it is written.

Prints ``ended NUMBER`` for what ran, and then what LOOK prints.
"""

WAIT = script(
    COMMON,
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
    COMMON,
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
