# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What builders of images read says the same as the collection's own requirements."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.kubedebug.core.plugins.module_utils import _usecase

__all__: list[str] = []

_ROOT = Path(str(_usecase.__file__)).parents[2]
_DOCS = _ROOT / "docs" / "execution-environment"


def _lines(path: Path) -> set[str]:
    text = path.read_text(encoding="utf-8")
    return {line for line in text.splitlines() if line and not line.startswith("#")}


def _load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_what_an_environment_gets_is_what_the_tests_run_with() -> None:
    own = _lines(_ROOT / "requirements.txt")

    assert _lines(_ROOT / "meta" / "ee-requirements.txt") == {
        line for line in own if not line.startswith("ansible-core")
    }


def test_the_metadata_names_files_that_are_there() -> None:
    metadata = _load(_ROOT / "meta" / "execution-environment.yml")

    assert metadata["version"] == 3
    assert set(metadata["dependencies"]) == {"python", "system"}
    for name in metadata["dependencies"].values():
        assert (_ROOT / name).is_file()


def test_the_definition_and_the_containerfile_are_of_this_version() -> None:
    version = _load(_ROOT / "galaxy.yml")["version"]
    definition = (_DOCS / "execution-environment.yml").read_text(encoding="utf-8")
    container = (_DOCS / "Containerfile").read_text(encoding="utf-8")

    assert f"kubedebug-core-{version}.tar.gz" in definition
    assert f"kubedebug-core-{version}.tar.gz" in (_DOCS / "requirements.yml").read_text("utf-8")
    for requirement in _lines(_ROOT / "meta" / "ee-requirements.txt"):
        assert f"'{requirement}'" in container
    oldest = re.search(r"ansible-core>=([\d.]+)", (_ROOT / "requirements.txt").read_text("utf-8"))
    assert oldest is not None
    for text in (definition, container):
        assert f"ansible-core>={oldest[1]}," in text
    # Kubernetes tells that a user is not root by the number alone.
    assert re.search(r"^USER [1-9]\d*$", container, re.MULTILINE)
    assert _load(_DOCS / "execution-environment.yml")["options"]["user"] == "1000"
