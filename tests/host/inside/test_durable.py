"""What a power cut would find: everything that is published was on the disk before, and its name is after.

SIGKILL cannot show this, for the page cache survives it. So a sync is traced: below /var/lib each rename, also of a
link, follows the fsync of what it publishes and is followed by the fsync of the folder that holds it.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .support import run
from .world import Tenant, container, new_tenant

CALLS = "rename,renameat,renameat2,symlink,symlinkat,fsync,fdatasync,syncfs,openat,mkdir,mkdirat"
KEPT = ("/var/lib/tenants/", "/var/lib/bitbuilder/")
RENAME = re.compile(r'rename(?:at2?)?\((?:AT_FDCWD[^,]*, )?"([^"]+)", (?:AT_FDCWD[^,]*, )?"([^"]+)".* = 0$')
SYNC = re.compile(r"(fsync|fdatasync|syncfs)\(\d+<([^>]*)>\) += 0$")
OPEN = re.compile(r'openat\([^,]+, "([^"]+)", [^)]*O_(?:WRONLY|RDWR)[^)]*\) = \d')
LINK = re.compile(r'symlink(?:at)?\("[^"]*", (?:AT_FDCWD[^,]*, )?"([^"]+)"\) = 0$')
FOLDER = re.compile(r'mkdir(?:at)?\((?:AT_FDCWD[^,]*, )?"([^"]+)".* = 0$')


def kept(path: str) -> bool:
    """Whether a path is a published name on the disk: temporary names have a component that starts with .#"""
    return path.startswith(KEPT) and "/.#" not in path


class Trace:
    """The calls of one run, in order, and what they left not durable."""

    def __init__(self, lines: list[str]) -> None:
        self.dirty: set[str] = set()
        self.waiting: dict[str, str] = {}
        self.problems: list[str] = []
        self.renames = 0
        for line in lines:
            self._one(line)
        self.problems += [
            f"{path} was published, but {folder} was not fsynced after" for path, folder in self.waiting.items()
        ]

    def _one(self, line: str) -> None:
        if found := RENAME.search(line):
            self._rename(*found.groups())
        elif found := SYNC.search(line):
            kind, path = found.groups()
            gone = {p for p in self.dirty if p == path or (kind == "syncfs")}
            self.dirty -= gone
            self.waiting = {p: folder for p, folder in self.waiting.items() if folder != path}
        elif (found := OPEN.search(line)) or (found := FOLDER.search(line)):
            if found.group(1).startswith(KEPT) and "lock" not in found.group(1):
                self.dirty.add(found.group(1))
        elif (found := LINK.search(line)) and kept(found.group(1)):
            self.problems.append(f"{found.group(1)} was made as a link in place")

    def _rename(self, source: str, target: str) -> None:
        if not kept(target):
            self.dirty = {
                target + p.removeprefix(source) if p == source or p.startswith(source + "/") else p for p in self.dirty
            }
            return
        self.renames += 1
        late = [p for p in self.dirty if p == source or p.startswith(source + "/")]
        self.problems += [f"{p} was not fsynced before it became part of {target}" for p in late]
        self.dirty -= set(late)
        self.waiting[target] = str(Path(target).parent)


@pytest.fixture
def acme() -> Iterator[Tenant]:
    """A tenant that has been up once."""
    tenant = new_tenant("acme")
    tenant.commit(web=container())
    tenant.sync()
    yield tenant
    tenant.remove()


def traced(tmp_path: Path, *argv: str) -> Trace:
    """Runs a command under strace."""
    log = tmp_path / "trace"
    run(["strace", "-f", "-qq", "-y", "-s", "300", "-e", f"trace={CALLS}", "-o", log, *argv], timeout=180)
    return Trace([line.partition(" ")[2].strip() for line in log.read_text(errors="replace").splitlines()])


def test_the_reader_of_traces_finds_what_is_missing() -> None:
    place = "/var/lib/tenants/acme"
    lines = [
        f'openat(AT_FDCWD</>, "{place}/.#state", O_WRONLY|O_CREAT|O_EXCL, 0644) = 5</x>',
        f'rename("{place}/.#state", "{place}/state.json") = 0',
    ]
    assert [p.split()[0] for p in Trace(lines).problems] == [f"{place}/.#state", f"{place}/state.json"]
    whole = [lines[0], f"fsync(5<{place}/.#state>) = 0", lines[1], f"fsync(5<{place}>)  = 0"]
    assert Trace(whole).problems == [] and Trace(whole).renames == 1


def test_a_sync_of_a_change_publishes_nothing_that_is_not_on_the_disk(acme: Tenant, tmp_path: Path) -> None:
    acme.commit(web=container("MemoryMax=200M"), db=container())
    trace = traced(tmp_path, "bbhv", "sync", "acme")
    assert trace.renames >= 8 and trace.problems == []


def test_a_rollback_publishes_nothing_that_is_not_on_the_disk(acme: Tenant, tmp_path: Path) -> None:
    acme.commit(web=container("MemoryMax=200M"))
    acme.sync()
    trace = traced(tmp_path, "bbhv", "rollback", "acme")
    assert trace.renames >= 3 and trace.problems == []
