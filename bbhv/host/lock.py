"""Locks between processes: flock(2) on a file in /run/bitbuilder/lock, which the kernel releases when we die.

The file holds who has the lock. Children that write on our behalf inherit the descriptor, so that holding the lock
means that none of an earlier owner's children is still at work.
"""

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Callable

from ..errors import BusyError


class Lock:
    """A lock that is held from `take` or `with` until `release`."""

    def __init__(self, path: str, what: str) -> None:
        self.path = path
        self.what = what
        self._handle = -1

    @property
    def handle(self) -> int:
        """The descriptor, for children that work under this lock."""
        return self._handle

    def take(self, who: str, *, wait: bool, waiting: Callable[[str], None] | None = None) -> None:
        """Takes the lock. When another has it: waits, or raises BusyError, which names the holder."""
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(handle, 200, 0).decode("utf-8", "replace").strip() or "another process"
                if not wait:
                    hint = "Try again when it is done, or wait for it with --wait."
                    raise BusyError(f"{self.what} is busy: {holder}.", holder=holder, hint=hint) from None
                if waiting:
                    waiting(holder)
                fcntl.flock(handle, fcntl.LOCK_EX)
            _sign(handle, f"{who} (pid {os.getpid()})\n")
        except BaseException:
            os.close(handle)
            raise
        self._handle = handle

    def release(self) -> None:
        """Gives the lock back."""
        if self._handle >= 0:
            _sign(self._handle, "")
            os.close(self._handle)
            self._handle = -1

    def __enter__(self) -> "Lock":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


@contextmanager
def together(path: str, *, alone_within: int = 0) -> Iterator[bool]:
    """Holds a lock with all who hold it so; says whether it is held.

    With `alone_within`, it is held alone, if that can be had in so many seconds; only for the main thread.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        if alone_within:
            yield _alone(handle, alone_within)
        else:
            fcntl.flock(handle, fcntl.LOCK_SH)
            yield True
    finally:
        os.close(handle)


def _alone(handle: int, seconds: int) -> bool:
    """Waits, so that a short moment without any other is enough, which somebody who only tries now and then misses."""
    before = signal.signal(signal.SIGALRM, _late)
    signal.alarm(seconds)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        return True
    except TimeoutError:
        return False
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _late(number: int, frame: object) -> None:
    raise TimeoutError


def _sign(handle: int, text: str) -> None:
    """Writes who has the lock, for people. It is held without that as well, for example where memory is short."""
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, text.encode(), 0)
    except OSError:
        return
