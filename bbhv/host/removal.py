"""Removal of a tree that somebody else filled: of any depth and width, and never through a link.

Folders are moved up beside the first one before they are looked into, so that two descriptors and one short list are
enough for whatever a tenant has nested. What is mounted in there is no part of it, and is refused.
"""

import os
from itertools import islice
from typing import Iterator

from ..errors import BbhvError

CHUNK = 4096
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


def _clear(top: int, path: str) -> None:
    device, moved = os.fstat(top).st_dev, 0
    token = os.urandom(8).hex()
    for name, is_folder in _entries(top):
        if not is_folder:
            os.unlink(name, dir_fd=top)
            continue
        inner = os.open(name, _FLAGS, dir_fd=top)
        try:
            if os.fstat(inner).st_dev != device:
                hint = f"Unmount what is mounted below {path}."
                raise BbhvError(f"{path} has another file system in it.", hint=hint)
            for child, nested in _entries(inner):
                if nested:
                    moved += 1
                    os.rename(child, f".#{token}.{moved}", src_dir_fd=inner, dst_dir_fd=top)
                else:
                    os.unlink(child, dir_fd=inner)
        finally:
            os.close(inner)
        os.rmdir(name, dir_fd=top)


def _entries(folder: int) -> Iterator[tuple[str, bool]]:
    """The names in a folder and whether each is one, in short lists: whoever takes one removes it before the next."""
    while True:
        with os.scandir(folder) as found:
            names = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in islice(found, CHUNK)]
        if not names:
            return
        yield from names
