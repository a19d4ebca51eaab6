"""Images that come from servers: a unit of their own asks, and what it says is hashed and kept while it comes.

An interruption leaves the bytes (`partial`), and the next attempt goes on behind them; only the digest of the whole
decides.
"""

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Callable

from ...errors import BbhvError
from ...host import files, log, systemd
from ...kinds.values import show_about, show_progress, show_size
from ...model.manifest import ImageRef
from ...records import dataclass
from .. import paths, sandboxes
from . import partial

SECONDS = 3600
TRIES = 5
MAX_LINE = 1000
CHUNK = 1 << 20
TELL_SEC = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Who wants an image: how many bytes its file may have, how many what comes of it, and where it may be; whom it
    believes besides the host's authorities; how long that may take now, and how long a server may be silent."""

    tenant: str
    most: int
    unpacked: int
    granted: tuple[str, ...] = ()
    authority: str = ""
    seconds: int = SECONDS
    patience: int = 30


class _Partial:
    """The open file, with the digest of what is in it."""

    def __init__(self, file: IO[bytes], path: str) -> None:
        self.file = file
        self.path = path
        self.size = 0
        self.digest = hashlib.sha256()
        while chunk := file.read(CHUNK):
            self._count(chunk)

    def _count(self, chunk: bytes) -> None:
        self.digest.update(chunk)
        self.size += len(chunk)

    def add(self, chunk: bytes) -> None:
        """Writes more of it."""
        view = memoryview(chunk)
        try:
            while view:
                view = view[os.write(self.file.fileno(), view) :]
        except OSError as error:
            raise files.named(error, self.path) from None
        self._count(chunk)

    def empty(self) -> None:
        """Forgets what is there."""
        self.file.seek(0)
        self.file.truncate()
        self.digest, self.size = hashlib.sha256(), 0


def pull(image: ImageRef, customer: Customer, most: Callable[[], int]) -> str:
    """The path of an image as its source has it, whole and with its digest; the caller takes it away.

    `most` is how many bytes more there is room for. Raises BbhvError or OSError.
    """
    files.make_dir(partial.folder(customer.tenant), 0o700)
    path = f"{partial.folder(customer.tenant)}/{image.sha256}"
    with open(path, "a+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        here = _Partial(file, path)
        try:
            _all(image, customer, here, most)
        finally:
            if not here.size:
                partial.forget(path)
        os.fsync(file.fileno())
    return path


def _all(image: ImageRef, customer: Customer, here: _Partial, most: Callable[[], int]) -> None:
    """Asks until all is there: goes on where a server broke off, and begins anew where the bytes do not fit."""
    until, first = time.monotonic() + customer.seconds, here.size
    for number in range(TRIES):
        if here.digest.hexdigest() == image.sha256:
            return
        began = here.size
        try:
            start = _receive(image, customer, here, most, until)
        except _BrokenError as error:
            if number + 1 == TRIES or here.size == began or time.monotonic() >= until:
                raise error.told(image, first, here.size) from None
            continue
        if here.digest.hexdigest() != image.sha256:
            digest, size = here.digest.hexdigest(), here.size
            here.empty()
            if not start:
                raise other_digest(image, digest, size)
    if here.digest.hexdigest() != image.sha256:
        raise _BrokenError("its bytes change while they are fetched").told(image, 0, 0)


class UnfinishedError(BbhvError):
    """Some of an image has come, and the next attempt goes on."""


class _BrokenError(BbhvError):
    """The server or the way to it failed, which may be over soon."""

    def told(self, image: ImageRef, before: int, now: int) -> BbhvError:
        """The sentence about it. There were so many bytes before the first attempt, and are so many now."""
        if not now:
            return unfetched(image, self.message)
        error = unfetched(image, self.message, f"{show_about(now)} of it are kept; the next sync goes on.")
        return UnfinishedError(error.message, hint=error.hint) if now > before else error


def _receive(image: ImageRef, customer: Customer, here: _Partial, most: Callable[[], int], until: float) -> int:
    """Takes one answer, and returns at which byte it began. Raises _BrokenError when it broke off."""
    seconds = max(1, round(until - time.monotonic()))
    tag = str(partial.about(here.path, image.source).get("tag", ""))
    with asking(customer, image.name, image.source, seconds, here.size, tag) as unit:
        handle = unit.process.stdout.fileno()
        head = read_head(handle)
        if head is not None:
            start, size, tag = head
            if start != here.size:
                here.empty()
            about = {"name": image.name, "source": image.source, "size": size, "tag": tag}
            files.write(f"{here.path}.json", json.dumps(about).encode(), 0o600)
            room = min(customer.most, here.size + most())
            _take(image, customer, here, handle, size, room)
        done = unit.process.wait(seconds + sandboxes.GRACE)
    if done.returncode or head is None:
        late = time.monotonic() >= until
        words = sandboxes.late(customer.seconds) if late else sandboxes.said(done.stderr)
        raise _BrokenError(words or f"exit status {done.returncode}")
    return start


@contextmanager
def asking(
    customer: Customer, name: str, url: str, seconds: int, start: int = 0, tag: str = ""
) -> Iterator[sandboxes.Unit]:
    """The unit that asks the server of a URL, from byte `start` on; its answer is on its standard output."""
    question = json.dumps([url, customer.granted, customer.authority, customer.patience, start, tag])
    sandbox = systemd.Sandbox(
        properties=sandboxes.lend(""), network=True, memory="256M", file_size=1 << 20, seconds=seconds
    )
    stdin = sandboxes.in_memory(question.encode())
    try:
        with sandboxes.unit("image", customer.tenant, name, ("download",), sandbox, stdin) as unit:
            yield unit
    finally:
        os.close(stdin)


def read_head(handle: int) -> tuple[int, int, str] | None:
    """The start of an answer: first byte, size of the file, ETag. None when there is none. Raises BbhvError."""
    line = b""
    while not line.endswith(b"\n") and len(line) < MAX_LINE and (byte := os.read(handle, 1)):
        line += byte
    try:
        found = json.loads(line or b"null")
        return None if found is None else (int(found["start"]), int(found["size"]), str(found["tag"]))
    except (ValueError, TypeError, KeyError):
        raise BbhvError("The answer of the unit that fetches images is not understood.") from None


def _take(image: ImageRef, customer: Customer, here: _Partial, handle: int, size: int, room: int) -> None:
    if size > room:
        here.empty()
        raise too_large(image, room, size)
    told = time.monotonic()
    while chunk := os.read(handle, CHUNK):
        if here.size + len(chunk) > room:
            here.empty()
            raise too_large(image, room)
        here.add(chunk)
        if time.monotonic() - told >= TELL_SEC:
            told = time.monotonic()
            text = f"fetching image {image.name}, {show_progress(here.size, size)}"
            log.write("info", f"{customer.tenant}: {text}")
            systemd.notify(f"STATUS={text}")


def unfetched(image: ImageRef, words: str, hint: str = "What runs stays as it is.") -> BbhvError:
    """The sentence about a source that gives nothing."""
    return BbhvError(f"Image {image.name} cannot be fetched from {image.source}: {words}.", hint=hint)


def other_digest(image: ImageRef, digest: str, size: int) -> BbhvError:
    """The sentence about bytes that are not those that are declared."""
    message = f"Image {image.name} from {image.source} has SHA256={digest} ({size} bytes), not {image.sha256}."
    hint = f"Correct SHA256= in infrastructure/{image.name}.image, or the file at its source."
    return BbhvError(message, hint=hint)


def too_large(image: ImageRef, most: int, size: int = 0) -> BbhvError:
    """The sentence about more bytes than are taken."""
    what = f"has {size} bytes, more" if size else "is larger"
    message = f"Image {image.name} from {image.source} {what} than the {show_size(most)} that it may take"
    free = os.statvfs(paths.IMAGES)
    if most < free.f_bavail * free.f_frsize:
        return BbhvError(f"{message}.", hint="Use a smaller image, or ask the operator for more storage.")
    return BbhvError(f"{message} of what is free in {paths.IMAGES}.", hint="Make room there.")
