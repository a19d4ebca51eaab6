"""Rereads: a daemon reads its files again once for all who wrote before, however many processes they are.

Who has written waits for a lock. When it has that, somebody else may have had the daemon begin to read after our files
were there: then all is done. So a hundred tenants that start at once cost a few daemon-reloads instead of a hundred, of
which each takes as long as there are units.
"""

import time
from collections.abc import Callable

from ..host import files
from ..host.lock import Lock


def reread(path: str, what: str, tell: Callable[[], None]) -> None:
    """Has a daemon read what this process has written so far; `tell` returns when it has. Raises what `tell` raises.

    `path` is the lock, which is the daemon's alone; beside it lies when somebody last began to tell it.
    """
    written = time.monotonic()
    with Lock(path, what) as lock:
        lock.take(f"having {what} read its files", wait=True)
        if written <= _began(f"{path}.began") <= time.monotonic():
            return
        began = time.monotonic()
        tell()
        try:
            files.write(f"{path}.began", repr(began).encode(), 0o600)
        except OSError:
            pass  # it has read them; only whoever wrote meanwhile has to tell it once more


def _began(path: str) -> float:
    """When whoever told it last began to, on the clock of this boot."""
    try:
        return float((files.read(path) or b"0").decode("ascii", "replace"))
    except ValueError:
        return 0.0
