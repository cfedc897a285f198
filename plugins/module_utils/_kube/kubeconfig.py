# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubeconfigs: read, merged, and one context chosen. No error holds a value out of one.

The library's own loader is not used: its errors and its log lines quote the user's entry or what
an exec plugin printed, it leaves client keys in temporary files when a worker of Ansible ends,
and up to release 33 it does not know `proxy-url`.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.kubedebug.core.plugins.module_utils._kube.errors import ConfigError, clean
from ansible_collections.kubedebug.core.plugins.module_utils._kube.libraries import require

__all__ = ["Entry", "Kubeconfig", "Selection", "expand", "is_content"]

_LISTS = ("clusters", "contexts", "users")
_LONGEST_PATH = 1024


def expand(path: str, environ: Mapping[str, str]) -> Path:
    """Resolve `~` by the task's environment, which is not always that of this process."""
    home = environ.get("HOME")
    if home and (path == "~" or path.startswith("~/")):
        return Path(home + path[1:])
    return Path(path).expanduser()


def is_content(text: str) -> bool:
    """Whether a text is a kubeconfig, maybe in base64, and no path: then no one may be shown it."""
    return (
        "\n" in text.strip()
        or text.lstrip().startswith("{")
        or any(len(path) > _LONGEST_PATH for path in text.split(os.pathsep))
    )


@dataclass(frozen=True)
class Entry:
    """A cluster or a user of a kubeconfig; relative file names count from `base`."""

    kind: str
    name: str
    data: Mapping[str, Any] = field(repr=False)
    base: Path
    origin: str

    def text(self, key: str) -> str | None:
        value = self.data.get(key)
        return None if value in (None, "") else str(value)

    def file(self, key: str) -> Path | None:
        """Return the path that `key` names; raises ConfigError when there is no such file."""
        value = self.text(key)
        if value is None:
            return None
        path = self.base / value
        if not path.is_file():
            raise self.error(f"{key} names {path}, and there is no such file")
        return path

    def decoded(self, key: str) -> bytes | None:
        """Return the bytes of a base64 field; raises ConfigError when it is not base64."""
        value = self.text(key)
        if value is None:
            return None
        try:
            return base64.b64decode("".join(value.split()), validate=True)
        except (binascii.Error, ValueError):
            raise self.error(f"{key} is not base64") from None

    def error(self, problem: str) -> ConfigError:
        return ConfigError(
            f"{self.origin}: {self.kind} {self.name}: {problem}. Correct the kubeconfig, or choose "
            "another one or another context."
        )


@dataclass(frozen=True)
class Selection:
    """What one context points at."""

    context: str
    namespace: str | None
    cluster: Entry
    user: Entry | None


class Kubeconfig:
    """One kubeconfig, merged of one or more files, or given as a dictionary.

    Of two entries of one name the first file's counts, of two current contexts the last file's,
    as with kubernetes.core (kubectl takes the first for both).
    """

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.current_context: str | None = None
        self._entries: dict[str, dict[str, Entry]] = {kind: {} for kind in _LISTS}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, origin: str) -> Kubeconfig:
        config = cls(origin)
        config._add(data, base=Path(), origin=origin)
        return config

    @classmethod
    def from_files(cls, paths: str, *, origin: str, environ: Mapping[str, str]) -> Kubeconfig:
        """Merge the files of a list that os.pathsep separates; those that are missing are left out.

        Raises ConfigError when none of them is there, or one cannot be read.
        """
        if is_content(paths):
            raise ConfigError(
                f"{origin} holds the text of a kubeconfig where the path of a file is meant. Give "
                "the path, or a dictionary (as of the filter from_yaml)."
            )
        wanted = [expand(path, environ) for path in paths.split(os.pathsep) if path]
        found = [path for path in wanted if path.exists()]
        if not found:
            names = ", ".join(str(path) for path in wanted) or "an empty name"
            raise ConfigError(
                f"{origin} names {names}, and there is no such file. Correct the path; it is that "
                "of the machine on which the task runs."
            )
        config = cls(f"{origin} ({', '.join(str(path) for path in found)})")
        for path in found:
            config._add(_read(path, origin), base=path.absolute().parent, origin=str(path))
        return config

    def select(self, context: str | None) -> Selection:
        """Follow a context, by default the current one, to its cluster and user."""
        name = context or self.current_context
        if not name:
            raise ConfigError(
                f"{self.origin} has no current context. Set the option context"
                f"{self._known('contexts')}."
            )
        chosen = self._find("contexts", name, needed_by="context" if context else "current-context")
        cluster = chosen.text("cluster")
        if cluster is None:
            raise chosen.error("it names no cluster")
        user = chosen.text("user")
        return Selection(
            context=name,
            namespace=chosen.text("namespace"),
            cluster=self._find("clusters", cluster, needed_by=f"context {name}"),
            # A user that is not there means an anonymous request, as the library has it.
            user=self._entries["users"].get(user) if user else None,
        )

    def _find(self, kind: str, name: str, *, needed_by: str) -> Entry:
        try:
            return self._entries[kind][name]
        except KeyError:
            raise ConfigError(
                f"{self.origin} has no {kind.removesuffix('s')} {clean(name)}, which {needed_by} "
                f"asks for. Correct the kubeconfig or the option context{self._known(kind)}."
            ) from None

    def _known(self, kind: str) -> str:
        names = ", ".join(clean(name) for name in self._entries[kind])
        return f"; its {kind} are {clean(names)}" if names else f"; it has no {kind}"

    def _add(self, data: Mapping[str, Any], *, base: Path, origin: str) -> None:
        current = data.get("current-context")
        if current:
            self.current_context = str(current)
        for kind in _LISTS:
            singular = kind.removesuffix("s")
            for item in _items(data, kind, origin):
                name, value = str(item.get("name") or ""), item.get(singular)
                if not name or not isinstance(value, Mapping):
                    raise ConfigError(
                        f"{origin} is not a valid kubeconfig: an item of {kind} has no name or no "
                        f"{singular}. Correct the file."
                    )
                entry = Entry(singular, name, value, base, origin)
                self._entries[kind].setdefault(name, entry)


def _items(data: Mapping[str, Any], kind: str, origin: str) -> Sequence[Mapping[str, Any]]:
    items = data.get(kind) or []
    if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        raise ConfigError(
            f"{origin} is not a valid kubeconfig: {kind} is not a list of objects. Correct it."
        )
    return items


def _read(path: Path, origin: str) -> Mapping[str, Any]:
    yaml = require("yaml")
    try:
        # The parser in C takes a tenth of the time; not every build of PyYAML has it.
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        data = yaml.load(path.read_bytes(), Loader=loader)
    except OSError as error:
        raise ConfigError(
            f"{origin} names {path}, which cannot be read ({error.strerror}). Correct the path or "
            "the file's permissions."
        ) from None
    except yaml.YAMLError as error:
        # The parser's own text quotes the line, and a line may hold a token.
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark is not None else ""
        raise ConfigError(
            f"{origin} names {path}, which is not YAML{where}. Correct the file."
        ) from None
    if not isinstance(data, Mapping):
        raise ConfigError(
            f"{origin} names {path}, which holds no kubeconfig. Correct the path or the file."
        )
    return data
