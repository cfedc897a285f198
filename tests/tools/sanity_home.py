# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A home folder for `ansible-test sanity`, in which it needs nothing but a package registry.

ansible-test makes a virtual environment for each sanity test and fetches a `get-pip.py` for it from
a server of its own project, unless `~/.ansible/test/cache` has it. Python brings pip along
(ensurepip), so a script that calls that stands in. A home of its own, so that the user's is left
alone and the environments lie in the cache.
"""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.kubedebug.core.tests.tools.environments import Environment
from ansible_collections.kubedebug.core.tests.tools.layout import CACHE

__all__ = ["sanity_home"]

GET_PIP = """\
# Stands in for get-pip.py: the pip that comes with Python, without a download.
import runpy
import sys

sys.argv = ["ensurepip", "--upgrade", "--default-pip"]
runpy.run_module("ensurepip", run_name="__main__")
"""


def sanity_home(environment: Environment) -> Path:
    """Make the home folder for the ansible-test of this environment and return it."""
    # Short, because the environments' scripts begin with their own path and Linux cuts that at 127
    # characters.
    home = CACHE / "sanity"
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    version = pip_version(environment)
    (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(GET_PIP, encoding="utf-8")
    # pip's settings of the user (an index, a certificate) still count.
    for name in (".config/pip", ".pip", ".netrc"):
        source, link = Path.home() / name, home / name
        if source.exists() and not link.exists():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(source)
    return home


def pip_version(environment: Environment) -> str:
    """Return the pip version that this ansible-test asks for, as it is part of the file's name.

    Raises RuntimeError when ansible-test no longer has it where it was (2.15 to 2.21).
    """
    pattern = "lib/python*/site-packages/ansible_test/_internal/python_requirements.py"
    for path in environment.path.glob(pattern):
        if found := re.search(r"\bpip='([0-9.]+)'", path.read_text(encoding="utf-8")):
            return found.group(1)
    raise RuntimeError(
        "ansible-test does not say which pip it wants: look into get_venv_packages of its "
        "python_requirements.py and repair tests/tools/sanity_home.py"
    )
