"""The files below a folder, as a commit of it would have them: plain ones, bounded, never through a link."""

import os

from ..errors import BbhvError
from ..findings import Finding
from ..harvest import MAX_FILE, Harvest
from ..host import files


def read_folder(top: str) -> tuple[dict[str, bytes], tuple[Finding, ...]]:
    """The plain files by their path in the folder, and what a host would not accept."""
    harvest = Harvest()
    _folder(top, "", 1, harvest)
    return harvest.files, tuple(harvest.findings)


def _folder(top: str, prefix: str, depth: int, harvest: Harvest) -> None:
    with os.scandir(f"{top}/{prefix}") as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        if entry.name == ".git" and not prefix:
            continue
        if not harvest.goes_on(prefix):
            return
        path = harvest.takes(prefix, os.fsencode(entry.name))
        if path is None:
            continue
        if entry.is_symlink():
            harvest.leave(path, "a symbolic link")
        elif not entry.is_dir():
            _file(entry, path, harvest)
        elif harvest.descends(path, depth):
            _folder(top, f"{path}/", depth + 1, harvest)


def _file(entry: os.DirEntry[str], path: str, harvest: Harvest) -> None:
    if entry.stat(follow_symlinks=False).st_size > MAX_FILE:
        harvest.add(path, None)
        return
    try:
        harvest.add(path, files.read(entry.path, MAX_FILE) or b"")
    except BbhvError:
        harvest.leave(path, "no plain file that can be read")
