"""Files and folders that survive a power cut.

What is published (by rename or by swapping a symbolic link) was fsynced before, and its folder is fsynced after.
Temporary names start with `.#`; what is left of them after a crash is swept by `sweep`. Nothing here follows a
symbolic link at the last component.
"""

import errno
import os
import stat
from typing import Mapping

from ..errors import BbhvError

PREFIX = ".#"
# What the host has too little of just now says nothing about a file: it is neither missing nor damaged.
SHORTAGES = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM))


def fsync_dir(path: str) -> None:
    """Makes the names in a folder durable."""
    _fsync(path, os.O_DIRECTORY)


def fsync_file(path: str) -> None:
    """Makes the content of a file durable."""
    _fsync(path, os.O_NOFOLLOW)


def _fsync(path: str, flags: int) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
    try:
        os.fsync(handle)
    except OSError as error:
        raise named(error, path) from None
    finally:
        os.close(handle)


def parent(path: str) -> str:
    """The folder that holds the path."""
    return os.path.dirname(path) or "."


def temporary(path: str) -> str:
    """A name beside `path` that nobody else uses."""
    return f"{parent(path)}/{PREFIX}{os.path.basename(path)}.{os.getpid():x}{os.urandom(4).hex()}"


def make_dir(path: str, mode: int = 0o755) -> None:
    """Makes a folder and its parents, each durable, with the mode of the last one exactly as given."""
    if os.path.isdir(path):
        return
    make_dir(parent(path))
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        return
    os.chmod(path, mode)
    fsync_dir(parent(path))


def make_private(path: str) -> None:
    """Makes a folder that only its owner enters, also when it was there with another mode."""
    make_dir(path, 0o700)
    if stat.S_IMODE(os.stat(path).st_mode) != 0o700:
        os.chmod(path, 0o700)


def write_new(path: str, data: bytes, mode: int = 0o644) -> None:
    """Writes a file that must not exist yet and fsyncs it; the caller publishes its folder."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view):]
        os.fsync(handle)
    except OSError as error:
        raise named(error, path) from None  # a descriptor's error names no file, as on a full disk
    finally:
        os.close(handle)


def named(error: OSError, path: str) -> OSError:
    """The same error about the file that a reader knows: a descriptor has no name, and a temporary one says nothing."""
    return OSError(error.errno, error.strerror, path)


def write(path: str, data: bytes, mode: int = 0o644) -> None:
    """Replaces a file, atomically and durably."""
    new = temporary(path)
    try:
        write_new(new, data, mode)
        os.rename(new, path)
    except OSError as error:
        discard(new)
        raise named(error, path) from None
    fsync_dir(parent(path))


def link(target: str, path: str, *, durable: bool = True) -> None:
    """Makes the symbolic link `path` point to `target`, atomically. Already pointing there changes nothing."""
    if read_link(path) == target:
        return
    new = temporary(path)
    try:
        os.symlink(target, new)
        os.rename(new, path)
    except OSError as error:
        discard(new)
        raise named(error, path) from None
    if durable:
        fsync_dir(parent(path))


def read_link(path: str) -> str | None:
    """Where a symbolic link points, or None when there is none."""
    try:
        return os.readlink(path)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EINVAL):
            return None
        raise


def write_tree(path: str, texts: Mapping[str, str], *, durable: bool = True) -> None:
    """Publishes a folder of texts under a name that must not exist yet: whole, or not at all.

    The keys are relative paths, made by our own compiler; folders are 0755, files 0644.
    """
    new = temporary(path)
    folders = {new}
    try:
        os.mkdir(new, 0o755)
        for name in sorted(texts):
            file = f"{new}/{name}"
            _make_dirs(parent(file), new, folders)
            write_new(file, texts[name].encode())
        if durable:
            for folder in sorted(folders, reverse=True):
                fsync_dir(folder)
        os.rename(new, path)
    except OSError as error:
        remove_tree(new)
        raise named(error, path) from None
    if durable:
        fsync_dir(parent(path))


def _make_dirs(folder: str, top: str, known: set[str]) -> None:
    if folder in known:
        return
    _make_dirs(parent(folder), top, known)
    os.mkdir(folder, 0o755)
    known.add(folder)


def read_tree(top: str) -> dict[str, str]:
    """The texts of a folder of ours, by relative path. Raises BbhvError when one is no text, OSError as the disk does.

    Nothing there is an empty folder.
    """
    found = {}
    for folder, _, names in os.walk(top, onerror=reraise):
        for name in names:
            path = f"{folder}/{name}"
            try:
                found[path[len(top) + 1:]] = (read(path) or b"").decode()
            except UnicodeDecodeError:
                raise BbhvError(f"{path} is damaged: it is not UTF-8 text.") from None
    return found


def reraise(error: OSError) -> None:
    """For os.walk, which passes over what it cannot read: half of a folder must not pass for the whole."""
    if not isinstance(error, FileNotFoundError):
        raise error


def read(path: str, limit: int = 1 << 20, *, cut: bool = False) -> bytes | None:
    """The bytes of a plain file, or None when there is none. Raises BbhvError when it is no plain file or too large,
    or cannot be read; OSError when the host is short of what it takes.

    With `cut`, of one that is too large the first `limit` + 1 bytes, for a reader that has a finding for that.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(error, path) from error
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise BbhvError(f"{path} is not a plain file.")
        data = _all(handle, min(status.st_size, limit) + 1, limit + 1)
    except OSError as error:
        raise _unreadable(error, path) from error
    finally:
        os.close(handle)
    if len(data) > limit and not cut:
        raise BbhvError(f"{path} is larger than {limit} bytes.")
    return data


def open_plain(path: str) -> int:
    """A descriptor that reads a plain file, not through a link at its end. Raises BbhvError for anything else, and
    OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise BbhvError(f"{path} is not a plain file.")
    return handle


def _unreadable(error: OSError, path: str) -> OSError | BbhvError:
    if error.errno in SHORTAGES:
        return named(error, path)
    return BbhvError(f"{path} cannot be read: {error.strerror}.")


def _all(handle: int, guess: int, limit: int) -> bytes:
    """At most `limit` bytes. A file of `guess` - 1 bytes takes one call; those of /proc say that they have none."""
    parts = [os.read(handle, guess)]
    have = len(parts[0])
    while have >= guess and have < limit and parts[-1]:
        parts.append(os.read(handle, min(1 << 16, limit - have)))
        have += len(parts[-1])
    return b"".join(parts)


def remove_tree(path: str) -> None:
    """Removes a folder or a file, whatever is below; nothing there is fine. It follows no link."""
    import shutil  # with every kind of compression, which few of those need who read and write here

    try:
        shutil.rmtree(path)
    except NotADirectoryError:
        discard(path)
    except FileNotFoundError:
        return
    except RecursionError:
        message = f"{path} cannot be removed: its folders are nested too deeply."
        raise BbhvError(message, hint=f"Run: rm -r {path}") from None
    except OSError as error:
        if not os.path.islink(path):
            raise BbhvError(f"{path} cannot be removed: {error.strerror}.") from error
        discard(path)


def retire_tree(path: str) -> None:
    """Removes a folder that a crash must never leave half: it loses its name first."""
    if not os.path.lexists(path):
        return
    gone = temporary(path)
    os.rename(path, gone)
    remove_tree(gone)


def discard(path: str) -> None:
    """Removes one name; nothing there is fine."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return


def sweep(folder: str, name: str = "") -> None:
    """Removes what a crash left half written in a folder, of everything or of one name.

    Only for whoever holds the lock of that folder, or of that name.
    """
    start = f"{PREFIX}{name}." if name else PREFIX
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    for left in names:
        if left.startswith(start):
            remove_tree(f"{folder}/{left}")
