# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a pipeline, and write what it took as JSON: `run_measured.py RESULT PIPELINE`.

A program of its own, for the kernel counts into a process's peak of memory what its parent had when
it started it (`ru_maxrss` is kept over exec): measured from a bench of 70 MiB, nothing is smaller.
Run with `python -S -E`, nothing is measured below some 12 MiB, whatever the bench holds.

PIPELINE is a JSON list of argument lists; the last one's output goes to this one's. RESULT gets
`seconds`, `cpu` (the seconds of all processors, with the processes below), `kibibytes` (the sum of
the peaks) and `codes`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path


def main() -> None:
    """Start all, wait for all."""
    result, pipeline = sys.argv[1], json.loads(sys.argv[2])
    start = time.perf_counter()
    running = []
    source = None
    for number, argv in enumerate(pipeline):
        last = number == len(pipeline) - 1
        process = subprocess.Popen(argv, stdin=source, stdout=None if last else subprocess.PIPE)
        if source is not None:
            source.close()
        source = process.stdout
        running.append(process)
    codes, peak, cpu = [], 0, 0.0
    for process in running:
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        codes.append(process.returncode)
        peak += usage.ru_maxrss
        cpu += usage.ru_utime + usage.ru_stime
    seconds = time.perf_counter() - start
    told = {"seconds": seconds, "cpu": cpu, "kibibytes": peak, "codes": codes}
    Path(result).write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main()
