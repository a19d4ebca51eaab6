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
from ...kinds.values import show_about, show_progress
from ...model.manifest import ImageRef
from ...model.sources import REDIRECTS, TOO_OFTEN, elsewhere
from ...records import dataclass
from .. import resolving, sandboxes
from ..repository import reach
from . import partial
from .customer import Bound, Customer, UnfinishedError, bound_of, left, other_digest, too_large, unfetched

TRIES = 5
MAX_LINE = 8192
# What has come of an image is worth another attempt at once: so many bytes, or so large a part of it.
PROGRESS, PART = 64 << 20, 10
CHUNK = 1 << 20
TELL_SEC = 5.0


class _Partial:
    """The open file, with the digest of what is in it. `known` is how many bytes the whole has, 0 when nobody said so;
    `anew` is whether a server began again at the first byte, though it was asked for more of it."""

    def __init__(self, file: IO[bytes], path: str) -> None:
        self.file = file
        self.path = path
        self.size = 0
        self.known = 0
        self.anew = False
        self.digest = hashlib.sha256()
        while chunk := file.read(CHUNK):
            self._count(chunk)

    def _count(self, chunk: bytes) -> None:
        self.digest.update(chunk)
        self.size += len(chunk)

    def add(self, chunk: bytes) -> None:
        """Writes more of it; what is all zeros takes no place."""
        view = memoryview(chunk)
        try:
            if chunk.count(0) == len(chunk):
                os.ftruncate(self.file.fileno(), self.size + len(chunk))
                view = view[:0]
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
    first = here.size
    for number in range(TRIES):
        if here.digest.hexdigest() == image.sha256:
            return
        began = here.size
        try:
            start = _receive(image, customer, here, most)
        except _BrokenError as error:
            if number + 1 == TRIES or here.size == began or time.monotonic() >= customer.until:
                raise error.told(image, customer, here, first) from None
            continue
        if here.digest.hexdigest() != image.sha256:
            digest, size = here.digest.hexdigest(), here.size
            here.empty()
            if not start:
                raise other_digest(image, digest, size)
    if here.digest.hexdigest() != image.sha256:
        raise unfetched(image, "its bytes change while they are fetched")


class _BrokenError(BbhvError):
    """The server or the way to it failed, which may be over soon."""

    def told(self, image: ImageRef, customer: Customer, here: _Partial, first: int) -> BbhvError:
        """The sentence about it. There were `first` bytes before the first attempt."""
        if not here.size:
            return unfetched(image, self.message)
        if here.anew:
            hint = "Its server began anew, and did not go on behind what was here: it has to send the whole file within"
            return unfetched(image, self.message, f"{hint} {customer.seconds} s, or parts that it is asked for.")
        kept = f"{show_about(here.size)} of it are kept"
        if here.size - first < max(1, min(PROGRESS, here.known // PART or PROGRESS)):
            hint = f"{kept}; it is asked for more a while later, or at once: bbhv sync {customer.tenant}"
            return unfetched(image, self.message, hint)
        error = unfetched(image, self.message, f"{kept}; the next sync goes on behind them, if its server can do that.")
        return UnfinishedError(error.message, hint=error.hint)


def _receive(image: ImageRef, customer: Customer, here: _Partial, most: Callable[[], int]) -> int:
    """Takes one answer, and returns at which byte it began. Raises _BrokenError when it broke off."""
    tag = str(partial.about(here.path, image.source).get("tag", ""))
    with asking(customer, image.name, image.source, customer.until, here.size, tag) as (unit, head):
        if head is not None:
            if head.start != here.size:
                here.anew = True
                here.empty()
            here.known = head.size
            about = {"name": image.name, "source": image.source, "size": head.size, "tag": head.tag}
            files.write(f"{here.path}.json", json.dumps(about).encode(), 0o600)
            bound = bound_of(image, customer, customer.most, here.size + most())
            _take(image, customer, here, unit.process.stdout.fileno(), bound)
        done = unit.process.wait(left(customer.until) + sandboxes.GRACE)
    if done.returncode or head is None:
        late = time.monotonic() >= customer.until
        words = sandboxes.late(customer.seconds) if late else sandboxes.said(done.stderr)
        raise _BrokenError(words or f"exit status {done.returncode}")
    return head.start


@dataclass(frozen=True, slots=True)
class Head:
    """The start of an answer: first byte, size of the file, ETag; or to where it sends us."""

    start: int = 0
    size: int = 0
    tag: str = ""
    elsewhere: str = ""


@contextmanager
def asking(
    customer: Customer, name: str, url: str, until: float, start: int = 0, tag: str = ""
) -> Iterator[tuple[sandboxes.Unit, Head | None]]:
    """The unit that asks the server of a URL, or that to which it sends us, from byte `start` on, and how the answer
    starts, if there is one; the rest is on its standard output. It takes one of the places that images have there.

    Raises BbhvError.
    """
    there = url
    for _ in range(REDIRECTS + 1):
        with reach.slot(there, reach.FOR_IMAGES, until), _unit(customer, name, there, until, start, tag) as unit:
            head = _read_head(unit.process.stdout.fileno())
            if head is None or not head.elsewhere:
                yield unit, head
                return
        there = elsewhere(there, head.elsewhere, customer.granted)
    raise BbhvError(f"Image {name} cannot be fetched from {url}: {TOO_OFTEN}.")


@contextmanager
def _unit(customer: Customer, name: str, url: str, until: float, start: int, tag: str) -> Iterator[sandboxes.Unit]:
    question = json.dumps([url, customer.granted, customer.authority, customer.patience, start, tag])
    sandbox = systemd.Sandbox(
        properties=(*sandboxes.lend(""), *resolving.properties()), network=True, memory="256M", file_size=1 << 20,
        seconds=left(until),
    )  # fmt: skip
    stdin = sandboxes.in_memory(question.encode())
    try:
        with sandboxes.unit("image", customer.tenant, name, ("download",), sandbox, stdin) as unit:
            yield unit
    finally:
        os.close(stdin)


def _read_head(handle: int) -> Head | None:
    """None when there is none. Raises BbhvError."""
    line = b""
    while not line.endswith(b"\n") and len(line) < MAX_LINE and (byte := os.read(handle, 1)):
        line += byte
    try:
        found = json.loads(line or b"null")
        if found is None:
            return None
        if "elsewhere" in found:
            return Head(elsewhere=str(found["elsewhere"]))
        return Head(int(found["start"]), int(found["size"]), str(found["tag"]))
    except (ValueError, TypeError, KeyError):
        raise BbhvError("The answer of the unit that fetches images is not understood.") from None


def _take(image: ImageRef, customer: Customer, here: _Partial, handle: int, bound: Bound) -> None:
    if here.known > bound.most:
        raise _refused(image, here, bound)
    told = time.monotonic()
    while chunk := os.read(handle, CHUNK):
        if here.size + len(chunk) > bound.most:
            raise _refused(image, here, bound)
        here.add(chunk)
        if time.monotonic() - told >= TELL_SEC:
            told = time.monotonic()
            text = f"fetching image {image.name}, {show_progress(here.size, here.known)}"
            log.write("info", f"{customer.tenant}: {text}")
            systemd.notify(f"STATUS={text}")


def _refused(image: ImageRef, here: _Partial, bound: Bound) -> BbhvError:
    """The sentence about more bytes than are taken, of which none are kept."""
    here.empty()
    return too_large(image, bound, here.known if here.known > bound.most else 0)
