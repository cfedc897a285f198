# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Short commands of the system, run to their end."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from kdcluster.errors import ClusterError

__all__ = ["command_path", "environ", "run"]

_SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin")


def environ(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment with the system folders on the PATH (a plain `su` lacks sbin) and
    messages in English, as some are read here."""
    result = dict(os.environ)
    folders = [folder for folder in result.get("PATH", "").split(":") if folder]
    folders += [folder for folder in _SYSTEM_FOLDERS if folder not in folders]
    return {**result, "PATH": ":".join(folders), "LC_ALL": "C", **(extra or {})}


def command_path(name: str) -> Path | None:
    found = shutil.which(name, path=environ()["PATH"])
    return Path(found) if found else None


def run(
    argv: Sequence[str | Path],
    *,
    check: bool = True,
    timeout: float = 120.0,
    extra: Mapping[str, str] | None = None,
    stdin: str = "",
) -> subprocess.CompletedProcess[str]:
    """Runs an argv list, `timeout` in seconds.

    Raises ClusterError when it cannot start or takes too long, and with its last lines of output
    when it fails and `check` is set.
    """
    words = [str(word) for word in argv]
    try:
        result = subprocess.run(
            words,
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            env=environ(extra),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ClusterError(f"cannot run {words[0]}: {error}") from error
    if check and result.returncode != 0:
        output = (result.stderr.strip() or result.stdout.strip()).splitlines()[-8:]
        raise ClusterError(
            f"{' '.join(words)[:300]} failed with code {result.returncode}:\n  "
            + "\n  ".join(output)
        )
    return result
