"""Rereads: who comes late is served by a telling that began after it had written, and by no other."""

import threading
from pathlib import Path

import pytest

from bbhv.engine.rereads import reread


class Daemon:
    """What is told: it counts, and takes until it is let go."""

    def __init__(self) -> None:
        self.times = 0
        self.reading, self.go_on = threading.Event(), threading.Event()

    def tell(self) -> None:
        self.times += 1
        self.reading.set()
        assert self.go_on.wait(30)


def test_many_that_wait_are_served_at_once(tmp_path: Path) -> None:
    daemon, path = Daemon(), str(tmp_path / "lock")
    first = threading.Thread(target=reread, args=(path, "a daemon", daemon.tell))
    first.start()
    assert daemon.reading.wait(30)
    others = [threading.Thread(target=reread, args=(path, "a daemon", daemon.tell)) for _ in range(20)]
    for one in others:
        one.start()
    while not blocked(path):
        pass
    daemon.go_on.set()
    for one in (first, *others):
        one.join(30)
    assert 2 <= daemon.times <= 3


def blocked(path: str) -> bool:
    """Whether the threads that came are at the lock: its file is open once for each."""
    opened = [link for link in Path("/proc/self/fd").iterdir() if link.exists() and str(link.readlink()) == path]
    return len(opened) == 21


def test_each_one_tells_when_nobody_else_does(tmp_path: Path) -> None:
    daemon, path = Daemon(), str(tmp_path / "lock")
    daemon.go_on.set()
    for _ in range(3):
        reread(path, "a daemon", daemon.tell)
    assert daemon.times == 3


def test_a_telling_that_failed_serves_nobody(tmp_path: Path) -> None:
    daemon, path = Daemon(), str(tmp_path / "lock")
    daemon.go_on.set()

    def fail() -> None:
        raise OSError("it is gone")

    with pytest.raises(OSError):
        reread(path, "a daemon", fail)
    reread(path, "a daemon", daemon.tell)
    assert daemon.times == 1


def test_a_damaged_note_serves_nobody(tmp_path: Path) -> None:
    daemon, path = Daemon(), str(tmp_path / "lock")
    daemon.go_on.set()
    Path(f"{path}.began").write_text("inf")
    reread(path, "a daemon", daemon.tell)
    assert daemon.times == 1
