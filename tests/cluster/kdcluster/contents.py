# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in each image of the test cluster."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kdcluster.archive import Entry, directory
from kdcluster.errors import ClusterError
from kdcluster.shell import command_path, run

__all__ = [
    "PROGRAMS",
    "PythonHome",
    "find_python",
    "pause_entries",
    "toolbox_entries",
    "web_entries",
]

# Programs of the system in the toolbox. A full nsenter: busybox's knows no cgroup namespace. A full
# wget, and dash as sh: the wget of Debian's busybox crashes with -T, and busybox's own sh runs its
# applets whatever the PATH says. A full ping: busybox's needs a raw socket, this one works without
# any capability.
PROGRAMS = ("tcpdump", "curl", "nsenter", "wget", "dash", "ping")

# Applets that would halt or take over the node when run in its process namespace.
_DANGEROUS = {"halt", "init", "linuxrc", "poweroff", "reboot", "run-init", "switch_root"}
# Parts of the standard library that no module needs: tests, GUI, the installer's bundled wheels.
_UNUSED_LIBRARY = {
    "ensurepip",
    "idlelib",
    "lib2to3",
    "test",
    "tkinter",
    "turtledemo",
    "__pycache__",
}
_PASSWD = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
_GROUP = b"root:x:0:\nnogroup:x:65534:\n"


def _os_release(name: str) -> bytes:
    return f'ID=kubedebug-{name}\nPRETTY_NAME="kubedebug {name} test image"\n'.encode()


def _base(name: str) -> list[Entry]:
    return [
        directory("tmp", 0o1777),
        Entry(path="etc/group", content=_GROUP),
        Entry(path="etc/os-release", content=_os_release(name)),
        Entry(path="etc/passwd", content=_PASSWD),
    ]


def pause_entries(program: Path) -> list[Entry]:
    return [Entry(path="pause", mode=0o755, content=program)]


def _link(path: str, target: str) -> Entry:
    return Entry(path=path, kind="symlink", mode=0o777, target=target)


def web_entries(program: Path) -> list[Entry]:
    """Like a distroless image: one program, no shell; and under /srv what tests of file transfers
    need, among it links that a careless reader of /proc/PID/root would follow out of it."""
    pattern = bytes(range(256)) * 256
    return [
        *_base("web"),
        Entry(path="web", mode=0o755, content=program),
        Entry(path="srv/hello.txt", content=b"hello from the target\n"),
        Entry(path="srv/empty"),
        Entry(path="srv/pattern.bin", content=pattern),
        Entry(path="srv/name with space.txt", content=b"a blank in the name\n"),
        Entry(path="srv/gr\u00fc\u00dfe.txt", content="Gr\u00fc\u00dfe\n".encode()),
        Entry(path="srv/line\nbreak.txt", content=b"a line break in the name\n"),
        Entry(path="srv/secret", mode=0o600, content=b"only for root\n"),
        Entry(path="srv/run.bin", mode=0o755, content=b"\x7fELF no program\n"),
        Entry(path="srv/deep/a/b/c/leaf.txt", content=b"leaf\n"),
        Entry(path="srv/pipe", kind="fifo"),
        directory("srv/empty-folder"),
        _link("srv/link-relative", "hello.txt"),
        _link("srv/link-absolute", "/etc/os-release"),
        _link("srv/link-folder", "deep/a"),
        _link("srv/link-up", "../../../../../etc/passwd"),
        _link("srv/link-dangling", "nowhere"),
        _link("srv/link-loop", "link-loop"),
        _link("srv/link-proc", "/proc/1/root/etc/os-release"),
    ]


@dataclass(frozen=True, kw_only=True)
class PythonHome:
    """The system's Python: its program and the folder of its standard library."""

    program: Path
    library: Path


def find_python() -> PythonHome:
    """The distribution's own Python, not the one that runs this: a pyenv's or a virtual
    environment's library does not work under another path."""
    script = (
        "import json, os, sys, sysconfig; "
        "print(json.dumps([os.path.realpath(sys.executable), sysconfig.get_path('stdlib')]))"
    )
    program = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else command_path("python3")
    if program is None:
        raise ClusterError("python3 is missing: the toolbox image needs one")
    found = json.loads(run([program, "-I", "-c", script]).stdout)
    return PythonHome(program=Path(found[0]), library=Path(found[1]))


def _libraries(programs: Iterable[Path]) -> Iterator[Entry]:
    """The shared libraries that ldd names, at the place where the loader looks for them."""
    seen: set[str] = set()
    for program in programs:
        output = run(["ldd", program], check=False).stdout
        seen.update(re.findall(r"(?:=> |^\s)(/\S+) \(0x", output, flags=re.MULTILINE))
    for name in sorted(seen):
        # /lib and /lib64 are links to usr/lib and usr/lib64 in the image, as in a merged Debian.
        inside = re.sub(r"^/(lib\d*)/", r"usr/\1/", name).lstrip("/")
        yield Entry(path=inside, mode=0o755, content=Path(name))


def _python_entries(home: PythonHome) -> Iterator[Entry]:
    """The interpreter, its library, and byte code that is valid whatever the files' times are (the
    layer's are fixed): without it each start in a container would compile anew."""
    inside = str(home.library).lstrip("/")
    yield Entry(path=f"usr/bin/{home.program.name}", mode=0o755, content=home.program)
    yield _link("usr/bin/python3", home.program.name)
    sources = []
    for path in sorted(home.library.rglob("*")):
        parts = path.relative_to(home.library)
        if _UNUSED_LIBRARY.isdisjoint(parts.parts) and "config-" not in str(parts):
            if path.is_file():
                yield Entry(path=f"{inside}/{parts}", content=path)
            if path.suffix == ".py":
                sources.append((path, parts))
    with tempfile.TemporaryDirectory() as folder:
        listing = "\n".join(f"{path}\t{inside}/{parts}" for path, parts in sources)
        run([home.program, "-I", "-c", _COMPILE, folder], stdin=listing, timeout=600)
        for compiled in sorted(Path(folder).rglob("*.pyc")):
            data = compiled.read_bytes()
            yield Entry(path=str(compiled.relative_to(folder)), content=data)


_COMPILE = """
import pathlib, py_compile, sys
folder = pathlib.Path(sys.argv[1])
mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
for line in sys.stdin.read().splitlines():
    source, inside = line.split("\\t")
    path = pathlib.PurePosixPath(inside)
    tag = sys.implementation.cache_tag
    target = folder / path.parent / "__pycache__" / f"{path.stem}.{tag}.pyc"
    target.parent.mkdir(parents=True, exist_ok=True)
    name = "/" + inside
    py_compile.compile(source, cfile=str(target), dfile=name, invalidation_mode=mode, quiet=1)
"""


def toolbox_entries(busybox: Path) -> list[Entry]:
    """Busybox, with the programs that it lacks or has in a poor form, and Python."""
    home = find_python()
    programs = [command_path(name) for name in PROGRAMS]
    found = [path for path in programs if path is not None]
    extensions = list((home.library / "lib-dynload").glob("*.so"))
    applets = set(run([busybox, "--list"]).stdout.split()) - _DANGEROUS - {"busybox"}
    certificates = Path("/etc/ssl/certs/ca-certificates.crt")
    entries = [
        *_base("toolbox"),
        *(_link(name, f"usr/{name}") for name in ("bin", "sbin", "lib", "lib64")),
        directory("root", 0o700),
        directory("var/tmp", 0o1777),
        directory("usr/sbin"),
        Entry(path="etc/nsswitch.conf", content=b"hosts: files dns\n"),
        Entry(path="etc/ssl/certs/ca-certificates.crt", content=certificates),
        Entry(path="usr/bin/busybox", mode=0o755, content=busybox),
        *(_link(f"usr/bin/{name}", "busybox") for name in sorted(applets)),
        *_libraries([*found, home.program, *extensions]),
        *_python_entries(home),
    ]
    entries += [Entry(path=f"usr/bin/{path.name}", mode=0o755, content=path) for path in found]
    entries.append(_link("usr/bin/sh", "dash"))
    return entries
