"""The files below a folder, as a commit of it would have them: plain ones, bounded, never through a link."""

import os
from itertools import islice

from ..errors import BbhvError
from ..findings import Finding
from ..host import files
from ..model.harvest import MAX_FILE, MAX_FILES, Harvest


def read_folder(top: str) -> tuple[dict[str, bytes], tuple[Finding, ...]]:
    """The plain files by their path in the folder, and what a host would not accept."""
    harvest = Harvest()
    folders = [("", 1)]
    while folders:
        prefix, depth = folders.pop()
        found: list[tuple[str, int]] = []
        for name, kind, size in _entries(top, prefix, harvest):
            if not harvest.goes_on(prefix):
                return harvest.result()
            path = harvest.takes(prefix, name)
            if path is None:
                continue
            if kind == "link":
                harvest.leave(path, "a symbolic link")
            elif kind == "file":
                _file(f"{top}/{path}", path, size, harvest)
            elif harvest.descends(path, depth):
                found.append((f"{path}/", depth + 1))
        folders += reversed(found)
    return harvest.result()


def _entries(top: str, prefix: str, harvest: Harvest) -> list[tuple[bytes, str, int]]:
    """The names in a folder, sorted, with their kind and size; one more than are read is enough to know of."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | (os.O_NOFOLLOW if prefix else 0)
    try:
        handle = os.open(f"{top}/{prefix}".rstrip("/") if prefix else top, flags)
    except OSError:
        if not prefix:
            raise
        harvest.leave(prefix.rstrip("/"), "no folder that can be read")
        return []
    try:
        with os.scandir(handle) as found:
            here = [_entry(entry) for entry in islice(found, MAX_FILES + 2) if prefix or entry.name != ".git"]
    finally:
        os.close(handle)
    return sorted(here)


def _entry(entry: os.DirEntry[str]) -> tuple[bytes, str, int]:
    name = os.fsencode(entry.name)
    if entry.is_symlink():
        return name, "link", 0
    if entry.is_dir(follow_symlinks=False):
        return name, "folder", 0
    try:
        return name, "file", entry.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return name, "file", 0  # gone meanwhile, which reading it will find


def _file(where: str, path: str, size: int, harvest: Harvest) -> None:
    if size > MAX_FILE:
        harvest.add(path, None)
        return
    try:
        data = files.read(where, MAX_FILE)
    except BbhvError:
        data = None
    if data is None:
        harvest.leave(path, "no plain file that can be read")
    else:
        harvest.add(path, data)
