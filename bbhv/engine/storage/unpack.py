"""Extracts an image archive below one folder, as root without CAP_MKNOD and without a network; or takes the compression
from a raw image, as nobody at all.

The process that extracts changes its root to that folder first, so that no name and no link in the archive leads out of
it. Device nodes, sockets and FIFOs are skipped and counted. The size, the number of files and the depth are bounded
while unpacking; memory and time are bounded by the sandbox.
"""

import bz2
import encodings.idna  # what is loaded only when it is needed cannot be found after the change of root
import gzip
import importlib
import io
import lzma
import os
import stat
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from ...errors import BbhvError
from ...host import run
from ...records import dataclass, field

# Extended attributes that make sense in another user namespace; everything else would speak about this host.
_XATTRS = ("SCHILY.xattr.security.capability", "SCHILY.xattr.user.")
CHUNK = 1 << 20
SECONDS = 60
MAX_DEPTH = 100
MAX_ID = 65535
MAX_TIME = 1 << 33
assert encodings.idna


class _Header(tarfile.TarInfo):
    """A header that is really one: tarfile itself takes a broken or missing one for the end of the archive."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> "_Header":
        """The next header. Raises ReadError for a broken one, and HeaderError at the mark of the archive's end."""
        try:
            return super().fromtarfile(archive)
        except tarfile.HeaderError as error:
            if type(error).__name__ == "EOFHeaderError":
                raise
            raise tarfile.ReadError(f"{error}") from None


@dataclass(slots=True)
class _Room:
    """How much may still be unpacked, and the folders whose modes and times are set in the end."""

    bytes: int
    files: int
    skipped: int = 0
    folders: list[tuple[str, int, float]] = field(default_factory=list)

    def take(self, size: int, files: int = 1) -> None:
        """Takes from what is left. Raises BbhvError when it does not suffice."""
        if size < 0:
            raise BbhvError("The archive has a file with a negative size.")
        self.bytes -= size
        self.files -= files
        if self.bytes < 0:
            raise BbhvError("The archive holds more bytes than there is room for.")
        if self.files < 0:
            raise BbhvError("The archive holds more files than there is room for.")


def unpack(source: BinaryIO, folder: str, max_bytes: int, max_files: int) -> None:
    """Extracts the archive (tar, as it is, or by gzip, bzip2, xz or zstd); writes to standard error what was skipped.

    Raises BbhvError.
    """
    plain, _ = _decompressed(source)
    os.chroot(folder)
    os.chdir("/")
    os.umask(0)
    room = _Room(max_bytes, max_files)
    with _worded("archive"):
        _all(plain, room)
    for path, mode, time in reversed(room.folders):
        os.chmod(path, mode)
        os.utime(path, (time, time))
    if room.skipped:
        sys.stderr.write(f"skipped {room.skipped} device nodes, sockets or FIFOs\n")


def expand(source: BinaryIO) -> None:
    """Writes a raw image to standard output, without its compression. Raises BbhvError."""
    with _worded("image"):
        plain, finish = _decompressed(source)
        while chunk := plain.read(CHUNK):
            sys.stdout.buffer.write(chunk)
        finish()
        sys.stdout.buffer.flush()


@contextmanager
def _worded(what: str) -> Iterator[None]:
    """Says that something is damaged, whatever was raised about that."""
    try:
        yield
    except BbhvError:
        raise
    except MemoryError:
        raise BbhvError(f"The {what} needs more memory than there is for unpacking one.") from None
    except Exception as error:  # what tarfile and the decompressors raise for broken data is not a closed list
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise BbhvError(f"The {what} cannot be read: {error or type(error).__name__}.") from error


def _all(plain: io.BufferedIOBase, room: _Room) -> None:
    with tarfile.open(fileobj=plain, mode="r:", tarinfo=_Header, errorlevel=2) as archive:
        while (member := archive.next()) is not None:
            room.take(member.size if member.isreg() else 0)
            if not _extract(archive, member, room):
                room.skipped += 1
            vars(archive)["members"].clear()  # it would keep every member of a large archive


def _nothing() -> None:
    """There is no program to wait for."""


def _decompressed(source: BinaryIO) -> tuple[io.BufferedIOBase, Callable[[], None]]:
    """The archive itself, and what says in the end whether it was whole, where nothing else does.

    A compressor may have written several streams, one after the other; all of them count.
    """
    file = io.BufferedReader(io.FileIO(source.fileno(), closefd=False))
    head = file.peek(6)
    if head.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file, mode="rb"), _nothing
    if head.startswith(b"BZh"):
        return bz2.BZ2File(file), _nothing
    if head.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMAFile(file), _nothing
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        try:
            return cast(io.BufferedIOBase, importlib.import_module("compression.zstd").ZstdFile(file)), _nothing
        except ImportError:  # Python before 3.14
            os.lseek(source.fileno(), 0, os.SEEK_SET)
            process = run.spawn(("zstd", "-dcq"), stdin=source.fileno())
            return cast(io.BufferedIOBase, process.stdout), lambda: _ended(process)
    return file, _nothing


def _ended(process: run.Process) -> None:
    """Raises BbhvError when a program that takes compression away did not like what it read."""
    done = process.wait(SECONDS)
    if done.returncode:
        raise BbhvError(f"The zstd data cannot be read: {done.stderr.strip()}")


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, room: _Room) -> bool:
    path = _path(member.name)
    if path == "/":
        return True
    if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
        return False
    path = f"{_parents(os.path.dirname(path), room).rstrip('/')}/{os.path.basename(path)}"
    time = member.mtime if 0 <= member.mtime < MAX_TIME else 0
    if member.isdir():
        _folder(path)
        room.folders.append((path, stat.S_IMODE(member.mode), time))
    else:
        _clear(path)
        if member.issym():
            os.symlink(member.linkname, path)
        elif member.islnk():
            os.link(_path(member.linkname), path, follow_symlinks=False)
            return True
        else:
            _file(archive, member, path)
    os.chown(path, _owner(member.uid, path), _owner(member.gid, path), follow_symlinks=False)
    if member.isreg():
        os.chmod(path, stat.S_IMODE(member.mode))
    _attributes(member, path)
    os.utime(path, (time, time), follow_symlinks=False)
    return True


def _path(name: str) -> str:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise BbhvError(f"The archive has a name with '..': {ascii(name[:200])}.")
    return "/" + "/".join(parts)


def _parents(folder: str, room: _Room) -> str:
    """The real path of a folder, made with its parents when it is not there. Links on the way are followed."""
    real = os.path.realpath(folder)
    if real.count("/") >= MAX_DEPTH:
        raise BbhvError(f"The archive has folders that are nested more than {MAX_DEPTH} deep: {ascii(real[:60])}….")
    missing = []
    while not os.path.lexists(real):
        missing.append(real)
        real = os.path.dirname(real)
    room.take(0, len(missing))
    for one in reversed(missing):
        os.mkdir(one, 0o755)
    return missing[0] if missing else real


def _owner(number: int, path: str) -> int:
    if not 0 <= number <= MAX_ID:
        message = f"The archive has a file of the user or group {number}, which no container has: {ascii(path[:200])}."
        raise BbhvError(message, hint="Make it with --owner=0 --group=0, or with --numeric-owner from a root's tree.")
    return number


def _folder(path: str) -> None:
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            os.unlink(path)
            os.mkdir(path, 0o700)


def _clear(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except (IsADirectoryError, PermissionError):
        raise BbhvError(f"The archive has both a folder and a file {ascii(path[:200])}.") from None


def _file(archive: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> None:
    source = archive.extractfile(member)
    if source is None:
        raise BbhvError(f"The archive has a file without content: {ascii(path[:200])}.")
    with open(path, "xb", opener=_only_new) as target:
        try:
            while chunk := source.read(CHUNK):
                target.write(chunk)
            target.flush()
        except OSError as error:
            if error.errno is None:
                raise
            raise OSError(error.errno, error.strerror, path) from None  # a full disk names no file


def _only_new(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _attributes(member: tarfile.TarInfo, path: str) -> None:
    for name, value in member.pax_headers.items():
        if name.startswith(_XATTRS):
            data = value.encode("utf-8", "surrogateescape")
            os.setxattr(path, name.removeprefix("SCHILY.xattr."), data, follow_symlinks=False)
