"""Extracts an image archive below one folder, as root without CAP_MKNOD and without a network.

The process changes its root to that folder first, so that no name and no link in the archive leads out of it. Device
nodes, sockets and FIFOs are skipped and counted. The size and the number of files are bounded while unpacking.
"""

import os
import stat
import sys
import tarfile
from typing import BinaryIO

from ..errors import BbhvError

# Extended attributes that make sense in another user namespace; everything else would speak about this host.
_XATTRS = ("SCHILY.xattr.security.capability", "SCHILY.xattr.user.")
CHUNK = 1 << 20


def unpack(source: BinaryIO, folder: str, max_bytes: int, max_files: int) -> None:
    """Extracts the archive (tar, gz, bz2 or xz) and writes to standard error what was skipped. Raises BbhvError."""
    _load_everything()
    os.chroot(folder)
    os.chdir("/")
    os.umask(0)
    total = skipped = count = 0
    folders: list[tarfile.TarInfo] = []
    try:
        with tarfile.open(fileobj=source, mode="r|*", errorlevel=2) as archive:
            for member in archive:
                count += 1
                total += member.size if member.isreg() else 0
                if total > max_bytes or count > max_files:
                    raise BbhvError(f"The archive holds more than {max_bytes} bytes or {max_files} files.")
                skipped += not _extract(archive, member, folders)
    except tarfile.TarError as error:
        raise BbhvError(f"The archive cannot be read: {error}.") from error
    for member in reversed(folders):
        os.chmod(_path(member.name), stat.S_IMODE(member.mode))
        os.utime(_path(member.name), (member.mtime, member.mtime))
    if skipped:
        sys.stderr.write(f"skipped {skipped} device nodes, sockets or FIFOs\n")


def _load_everything() -> None:
    """Modules that tarfile loads only when it meets a compression: after the change of root they cannot be found."""
    import bz2
    import encodings.idna
    import gzip
    import lzma
    import zlib

    assert bz2 and encodings.idna and gzip and lzma and zlib


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, folders: list[tarfile.TarInfo]) -> bool:
    path = _path(member.name)
    if path == "/":
        return True
    if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
        return False
    os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
    if member.isdir():
        _folder(path)
        folders.append(member)
    else:
        _clear(path)
        if member.issym():
            os.symlink(member.linkname, path)
        elif member.islnk():
            os.link(_path(member.linkname), path, follow_symlinks=False)
            return True
        else:
            _file(archive, member, path)
    os.chown(path, member.uid, member.gid, follow_symlinks=False)
    if member.isreg():
        os.chmod(path, stat.S_IMODE(member.mode))
    _attributes(member, path)
    os.utime(path, (member.mtime, member.mtime), follow_symlinks=False)
    return True


def _path(name: str) -> str:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise BbhvError(f"The archive has a name with '..': {ascii(name[:200])}.")
    return "/" + "/".join(parts)


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
        while chunk := source.read(CHUNK):
            target.write(chunk)


def _only_new(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _attributes(member: tarfile.TarInfo, path: str) -> None:
    for name, value in member.pax_headers.items():
        if name.startswith(_XATTRS):
            data = value.encode("utf-8", "surrogateescape")
            os.setxattr(path, name.removeprefix("SCHILY.xattr."), data, follow_symlinks=False)
