"""Removal of a tree that somebody else filled: of any depth and width, and never through a link.

Folders are moved up beside the first one before they are looked into, so that two descriptors and one short list are
enough for whatever a tenant has nested. Where a folder cannot be moved, it is emptied where it is: a subvolume, or what
an overlay has from below. What is mounted in there is no part of it, and is refused.
"""

import errno
import os
import re
from itertools import islice
from typing import Iterator

from ..errors import BbhvError

CHUNK = 4096
MOST_NESTED = 200
_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove(path: str) -> None:
    """Removes whatever has this name. Raises BbhvError when something in it cannot be; what was seen before is gone."""
    if not os.path.isdir(path) or os.path.islink(path):
        os.unlink(path)
        return
    top = os.open(path, _FLAGS)
    try:
        _clear(top, path)
    except OSError as error:
        what = error.filename or "something in it"
        raise BbhvError(f"{path}: {what} cannot be removed: {error.strerror}.") from error
    finally:
        os.close(top)
    os.rmdir(path)


def mounted(path: str) -> tuple[str, ...]:
    """Where something is mounted, at a path or below it (proc_pid_mountinfo(5))."""
    with open("/proc/self/mountinfo", "rb") as file:
        points = {_unescaped(line.split(b" ")[4]) for line in file}
    return tuple(sorted(point for point in points if f"{point}/".startswith(f"{path}/")))


def _unescaped(field: bytes) -> str:
    return os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), field))


def _mount(handle: int) -> str:
    """The number of the mount that an open folder is in. Subvolumes have devices of their own, but no mount."""
    with open(f"/proc/self/fdinfo/{handle}", encoding="ascii") as file:
        return next(line for line in file if line.startswith("mnt_id:"))


def _clear(top: int, path: str, nested: int = 0) -> None:
    mount, moved = _mount(top), 0
    token = os.urandom(8).hex()
    if nested > MOST_NESTED:
        raise BbhvError(f"{path} has folders that cannot be moved, more than {MOST_NESTED} deep.")
    for name, is_folder in _entries(top):
        if not is_folder:
            os.unlink(name, dir_fd=top)
            continue
        inner = os.open(name, _FLAGS, dir_fd=top)
        try:
            if _mount(inner) != mount:
                hint = f"Unmount what is mounted below {path}."
                raise BbhvError(f"{path} has another file system in it.", hint=hint)
            for child, folder in _entries(inner):
                if not folder:
                    os.unlink(child, dir_fd=inner)
                    continue
                moved += 1
                try:
                    os.rename(child, f".#{token}.{moved}", src_dir_fd=inner, dst_dir_fd=top)
                except OSError as error:
                    if error.errno != errno.EXDEV:
                        raise
                    _empty(child, inner, path, nested)
        finally:
            os.close(inner)
        os.rmdir(name, dir_fd=top)


def _empty(name: str, folder: int, path: str, nested: int) -> None:
    """Removes a folder that cannot be moved out of the one that it is in."""
    handle = os.open(name, _FLAGS, dir_fd=folder)
    try:
        if _mount(handle) != _mount(folder):
            raise BbhvError(f"{path} has another file system in it.", hint=f"Unmount what is mounted below {path}.")
        _clear(handle, path, nested + 1)
    finally:
        os.close(handle)
    os.rmdir(name, dir_fd=folder)


def _entries(folder: int) -> Iterator[tuple[str, bool]]:
    """The names in a folder and whether each is one, in short lists: whoever takes one removes it before the next."""
    while True:
        with os.scandir(folder) as found:
            names = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in islice(found, CHUNK)]
        if not names:
            return
        yield from names
