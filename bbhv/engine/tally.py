"""How often callers of the interface were refused: a number in a file, which outlives the service and ends with the
boot. Each server has a file of its own, so that nobody else writes it."""

import os
import threading

from ..host import files
from . import paths

_DIGITS = 20


class Tally:
    """The number in a file of this name; without a folder for it, nothing is counted. Threads may add to it."""

    def __init__(self, name: str, folder: str = paths.RUN_TALLY) -> None:
        self._lock = threading.Lock()
        self._handle = -1
        self._count = 0
        if os.path.isdir(folder):
            self._count = _number(f"{folder}/{name}")
            flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            self._handle = os.open(f"{folder}/{name}", flags, 0o644)

    def add(self) -> None:
        """One more."""
        with self._lock:
            self._count += 1
            if self._handle >= 0:
                os.pwrite(self._handle, f"{self._count:>{_DIGITS}}\n".encode(), 0)


def counts(folder: str = paths.RUN_TALLY) -> dict[str, int]:
    """What the servers have counted since the boot, by the names of their files."""
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return {}
    return {name: _number(f"{folder}/{name}") for name in names}


def _number(path: str) -> int:
    data = (files.read(path, _DIGITS + 1) or b"").strip()
    return int(data) if data.isdigit() else 0
