"""What runs inside the sandboxes: unprivileged, with nothing but standard input and output to the engine.

`repack` and `credential` are about repositories (transfer). `image` writes the bytes of an image. `unpack` extracts an
archive below one folder, `expand` takes the compression from a file. Whatever is wrong is one sentence on standard
error and a non-zero exit status.
"""

import os
import stat
import sys
from typing import IO

from ..errors import BbhvError, CommandError, RefusedError, UsageError
from .repository import transfer

CHUNK = 1 << 20


def work(arguments: list[str]) -> int:
    """Does the work that the first argument names. Raises BbhvError, with the words of git where git failed."""
    try:
        return _work(*arguments)
    except CommandError as error:
        raise BbhvError(" ".join(error.stderr.split()) or error.message) from error
    except OSError as error:
        raise BbhvError(f"{error.filename or 'The sandbox'}: {error.strerror or error}") from error


def _work(kind: str = "", *rest: str) -> int:
    match kind, len(rest):
        case "repack", _:
            transfer.repack(*rest)
        case "credential", 4:
            transfer.credential(*rest)
        case "image", 1:
            image(rest[0])
        case "unpack", 3:
            from .storage.unpack import unpack  # which only an image needs, and takes its time anyway

            unpack(sys.stdin.buffer, rest[0], int(rest[1]), int(rest[2]))
        case "expand", 0:
            from .storage.unpack import expand

            expand(sys.stdin.buffer)
        case _:
            raise UsageError("This verb is for the engine's own units.")
    return 0


def image(url: str) -> None:
    """Writes the bytes of an image. Only file:// in this sandbox without a network."""
    from urllib.parse import unquote, urlsplit  # which only an image needs

    parts = urlsplit(url)
    if parts.scheme != "file":
        raise RefusedError(f"{url}: only file:// is supported.")
    path = unquote(parts.path)
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise BbhvError(f"{path} is not a plain file")  # nobody may ever write into a FIFO
        with open(handle, "rb", closefd=False) as file:
            _copy(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
    finally:
        os.close(handle)


def _copy(source: IO[bytes], target: IO[bytes]) -> None:
    while chunk := source.read(CHUNK):
        target.write(chunk)
