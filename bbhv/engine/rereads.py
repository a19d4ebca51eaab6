"""Rereads: a daemon reads its files again once for all who wrote before, however many processes they are.

Who has written waits for a lock. When it has that, somebody else may have had the daemon begin to read after our files
were there: then all is done. So a hundred tenants that start at once cost a few daemon-reloads instead of a hundred, of
which each takes as long as there are units. While it reads, systemd does nothing else: so between two readings it is
left in peace for twice as long as it took, and whoever has written meanwhile is served by the next.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

from ..host import files, run
from ..host.lock import Lock

PEACE = 2
PEACE_SEC = 10.0  # but no longer


class Reading(NamedTuple):
    """When somebody began to tell the daemon, on the clock of this boot, and for how many seconds it read."""

    began: float
    took: float

    def peace(self, now: float) -> float:
        """For how many seconds from `now` on the daemon is not to be told again: never longer than PEACE_SEC, whatever
        is noted, for what it read is over."""
        if not 0.0 < self.began <= now or not 0.0 <= self.took:
            return 0.0
        return max(0.0, min(self.began + self.took, now) + min(PEACE * self.took, PEACE_SEC) - now)


def reread(path: str, what: str, tell: Callable[[], None], pause: Callable[[float], None] = run.pause) -> None:
    """Has a daemon read what this process has written so far; `tell` returns when it has. Raises what `tell` raises.

    `path` is the lock, which is the daemon's alone; beside it lies what is known of the last reading.
    """
    written = time.monotonic()
    with Lock(path, what) as lock:
        lock.take(f"having {what} read its files", wait=True)
        last = _last(f"{path}.began")
        if written <= last.began <= time.monotonic():
            return
        if peace := last.peace(time.monotonic()):
            pause(peace)
        began = time.monotonic()
        tell()
        try:
            files.write(f"{path}.began", f"{began!r} {time.monotonic() - began!r}".encode(), 0o600)
        except OSError:
            pass  # it has read them; only whoever wrote meanwhile has to tell it once more


def _last(path: str) -> Reading:
    """The last reading that is known."""
    try:
        began, took = (files.read(path) or b"").decode("ascii", "replace").split()
        return Reading(float(began), float(took))
    except ValueError:
        return Reading(0.0, 0.0)
