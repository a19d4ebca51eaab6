"""Images and trees as they lie on a disk: read at offsets, never mounted, never followed through a link.

What is inside of a file system is asked of that file system's own tool, which gets the open file, a time limit, and
limits on memory and processor time where prlimit(1) is there. It runs with the rights of whoever calls, so an image of
a stranger is best checked by a user without any. Only plain files are opened: a device or a pipe is refused. Errors are
BbhvError; `UnreadableError` says what could not be looked at, and why.
"""

import os
import stat
import time
from contextlib import contextmanager
from typing import Callable, Iterator, Mapping, NamedTuple

from ..errors import BbhvError, CommandError, NotFoundError
from ..findings import printable
from ..formats.images import filesystem
from ..formats.images.reader import Reader
from ..records import dataclass
from . import run

MAX_NAMES = 10_000
_MAX_LISTING = 1 << 20
SECONDS = 20.0
_LIMITS = ("--as=2147483648", f"--cpu={SECONDS:.0f}", "--core=0")
_STRICT = "user.extension-release.strict"
# Names that mean only themselves in every tool's way of quoting.
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+:~^@-")
_TOO_OLD = ("unrecognized option", "invalid option")


class UnreadableError(BbhvError):
    """The content of a file system cannot be looked at here; `damaged` says that it is its own fault."""

    def __init__(self, message: str, *, damaged: bool = False, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.damaged = damaged


@dataclass(frozen=True, slots=True)
class Opened:
    """An open plain file: its descriptor, and what reads it at offsets."""

    handle: int
    reader: Reader


@contextmanager
def opened(path: str) -> Iterator[Opened]:
    """Opens a plain file of any size. Raises NotFoundError, or BbhvError for anything else than a plain file."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except FileNotFoundError:
        raise NotFoundError(f"{path} does not exist.") from None
    except OSError as error:
        if os.path.islink(path):
            raise BbhvError(f"{path} is a symbolic link.", hint="Give the file that it leads to.") from None
        raise BbhvError(f"{path} cannot be read: {error.strerror}.") from None
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise BbhvError(f"{path} is not a plain file.", hint="Copy a device or a stream to a file first.")
        yield Opened(handle, Reader(path, found.st_size, lambda offset, length: _read(path, handle, offset, length)))
    finally:
        os.close(handle)


def _read(path: str, handle: int, offset: int, length: int) -> bytes:
    """The bytes at an offset, fewer only where the file ends."""
    parts: list[bytes] = []
    while length > 0:
        try:
            data = os.pread(handle, length, offset)
        except OSError as error:
            raise BbhvError(f"{path} cannot be read at byte {offset}: {error.strerror}.") from error
        if not data:
            break
        parts.append(data)
        offset, length = offset + len(data), length - len(data)
    return b"".join(parts)


class Tool(NamedTuple):
    """The tool of a file system: how it lists a folder, how it prints a file, and how its listing is read.

    Both commands are made of the image's path, the byte at which the file system starts, and a path in it.
    """

    program: str
    package: str
    list: Callable[[str, int, str], tuple[str, ...]]
    print: Callable[[str, int, str], tuple[str, ...]]
    names: Callable[[str, str], tuple[str, ...]]


# One processor and small queues: no more of the machine than a listing needs.
_SQUASHFS = ("-n", "-no-wild", "-p", "1", "-da", "8", "-fr", "8")
TOOLS: Mapping[str, Tool] = {
    "squashfs": Tool(
        "unsquashfs", "squashfs-tools",
        lambda image, at, path: (*_SQUASHFS, "-o", str(at), "-max-depth", str(_depth(path)), "-ls", image,
                                 *([path] if path else [])),
        lambda image, at, path: (*_SQUASHFS, "-o", str(at), "-cat", image, path),
        filesystem.squashfs_names,
    ),
    "erofs": Tool(
        "dump.erofs", "erofs-utils",
        lambda image, at, path: ("--ls", f"--path=/{path}", f"--offset={at}", image),
        lambda image, at, path: ("--cat", f"--path=/{path}", f"--offset={at}", image),
        filesystem.erofs_names,
    ),
    "ext4": Tool(
        "debugfs", "e2fsprogs",
        lambda image, at, path: ("-R", f'ls -p "/{path}"', f"{image}?offset={at}"),
        lambda image, at, path: ("-R", f'cat "/{path}"', f"{image}?offset={at}"),
        filesystem.ext4_names,
    ),
}  # fmt: skip


def _depth(path: str) -> int:
    return path.count("/") + 2 if path else 1


@dataclass(frozen=True, slots=True)
class ToolTree:
    """The content of a file system in an open image, through the tool of that file system (see formats/ddi.Tree)."""

    tool: Tool
    command: tuple[str, ...]
    handle: int
    offset: int
    limit: int
    seconds: float

    def names(self, folder: str) -> tuple[str, ...]:
        """The names in a folder, at most MAX_NAMES."""
        text = self._ask(self.tool.list, folder, _MAX_LISTING)[0].decode("utf-8", "replace")
        return self.tool.names(text, folder)[:MAX_NAMES]

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, at most `limit` and one more; None when there is no such file or it is empty."""
        return self._ask(self.tool.print, path, self.limit + 1)[0] or None

    def strict(self, path: str) -> bool | None:
        """Not known: the tools do not tell extended attributes."""
        return None

    def probe(self) -> None:
        """Raises UnreadableError when the tool cannot even list the top."""
        data, words = self._ask(self.tool.list, "", _MAX_LISTING)
        if any(phrase in words for phrase in _TOO_OLD):
            hint = f"Install a newer {self.tool.package}."
            raise UnreadableError(f"{self.tool.program} is too old to read it without mounting", hint=hint)
        if not self.tool.names(data.decode("utf-8", "replace"), ""):
            said = printable(" ".join(words.split())[:300]) or "it is empty"
            raise UnreadableError(f"{self.tool.program} cannot read it: {said}", damaged=True)

    def _ask(self, command: Callable[[str, int, str], tuple[str, ...]], path: str, limit: int) -> tuple[bytes, str]:
        """What the tool prints, at most `limit` bytes, and its last words."""
        if not _PLAIN.issuperset(path):
            raise UnreadableError(f"{self.tool.program} may take {path[:200]!a} for something else than a name")
        argv = (*self.command, *command(f"/proc/self/fd/{self.handle}", self.offset, path))
        process = run.spawn(argv, pass_fds=(self.handle,))
        late = f"{self.tool.program} gave no answer within {self.seconds:g} s"
        try:
            data = _output(process, limit, time.monotonic() + self.seconds)
            if data is None:
                raise UnreadableError(late)
            if len(data) < limit:
                process.wait(self.seconds)  # its output is closed: what it has to say of it may still come
        except CommandError:
            raise UnreadableError(late) from None
        finally:
            process.close()
        return data, process.last_words()


def _output(process: run.Process, limit: int, deadline: float) -> bytes | None:
    """What a program writes, cut off at `limit` bytes; None when it takes too long."""
    data, handle = bytearray(), process.stdout.fileno()
    while len(data) < limit:
        if not run.has_data(handle, deadline - time.monotonic()):
            return None
        chunk = os.read(handle, min(65536, limit - len(data)))
        if not chunk:
            break
        data += chunk
    return bytes(data)


def tree(
    file: Opened, part: Reader, name: str, *, limit: int, seconds: float = SECONDS,
    find: Callable[[str], str | None] = run.find,
) -> ToolTree:  # fmt: skip
    """The content of the file system `name` in a part of a file. A file in it is read up to `limit` bytes; each
    question to the tool takes at most `seconds`.

    Raises UnreadableError when no tool reads such a file system, the tool is missing, or it cannot read this one.
    """
    tool = TOOLS.get(name)
    if tool is None:
        what = "it is encrypted" if name == "LUKS" else f"{name or 'such content'} is not read without mounting"
        raise UnreadableError(what)
    program = find(tool.program)
    if program is None:
        raise UnreadableError(f"{tool.program} is not on this host", hint=f"Install {tool.package}.")
    limits = find("prlimit")
    prefix = (limits, *_LIMITS) if limits else ()
    made = ToolTree(tool, (*prefix, program), file.handle, part.start, limit, seconds)
    made.probe()
    return made


@dataclass(frozen=True, slots=True)
class FolderTree:
    """The content of a folder (see formats/ddi.Tree). No link in it is followed, not even as a part of a path."""

    top: str
    limit: int

    def names(self, folder: str) -> tuple[str, ...]:
        """The names in a folder, sorted, at most MAX_NAMES; none when there is no such folder."""
        handle = self._open(folder, os.O_DIRECTORY)
        if handle is None:
            return ()
        try:
            with os.scandir(handle) as entries:
                return tuple(sorted(entry.name for entry, _ in zip(entries, range(MAX_NAMES))))
        finally:
            os.close(handle)

    def read(self, path: str) -> bytes | None:
        """The bytes of a plain file, at most `limit` and one more; None when there is none."""
        handle = self._open(path, os.O_NONBLOCK | os.O_NOCTTY)
        if handle is None:
            return None
        try:
            plain = stat.S_ISREG(os.fstat(handle).st_mode)
            return _read(f"{self.top}/{path}", handle, 0, self.limit + 1) if plain else None
        finally:
            os.close(handle)

    def strict(self, path: str) -> bool | None:
        """Whether the xattr user.extension-release.strict is missing or says yes."""
        handle = self._open(path, os.O_NONBLOCK | os.O_NOCTTY)
        if handle is None:
            return True
        try:
            return os.getxattr(handle, _STRICT).strip().lower() not in (b"0", b"no", b"n", b"false", b"f", b"off")
        except OSError:
            return True
        finally:
            os.close(handle)

    def _open(self, path: str, flags: int) -> int | None:
        """Opens something below the top, one component after the other."""
        base = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
        parts = [part for part in path.split("/") if part]
        try:
            handle = os.open(self.top, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
            for index, part in enumerate(parts):
                above = handle
                try:
                    handle = os.open(part, base | (flags if index + 1 == len(parts) else os.O_DIRECTORY), dir_fd=above)
                finally:
                    os.close(above)
        except OSError:
            return None
        return handle
