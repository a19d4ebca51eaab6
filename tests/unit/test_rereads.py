"""Rereads: who comes late is served by a telling that began after it had written, and by no other."""

import threading
import time
from pathlib import Path

import pytest

from bbhv.engine.rereads import PEACE_SEC, Reading, reread


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
    for number, text in enumerate(("inf", "inf inf", "nan nan", "-1 -1", "1 2 3", "x y", ""), 1):
        Path(f"{path}.began").write_text(text)
        reread(path, "a daemon", daemon.tell)
        assert daemon.times == number


@pytest.mark.parametrize(("began", "took", "now", "peace"), [
    (100.0, 3.0, 103.0, 6.0), (100.0, 3.0, 108.0, 1.0), (100.0, 3.0, 200.0, 0.0), (100.0, 60.0, 160.0, PEACE_SEC),
    (100.0, 0.125, 100.125, 0.25), (0.0, 0.0, 1.0, 0.0), (300.0, 1.0, 200.0, 0.0), (100.0, -5.0, 100.0, 0.0),
    (float("nan"), 1.0, 100.0, 0.0), (100.0, float("nan"), 100.0, 0.0),
    (100.0, float("inf"), 200.0, PEACE_SEC), (100.0, 1e9, 200.0, PEACE_SEC),
])  # fmt: skip
def test_a_daemon_is_left_in_peace_for_twice_as_long_as_it_read(
    began: float, took: float, now: float, peace: float
) -> None:
    assert Reading(began, took).peace(now) == peace


def test_who_writes_while_the_daemon_is_left_in_peace_is_served_with_who_waits_for_that(tmp_path: Path) -> None:
    daemon, path = Daemon(), str(tmp_path / "lock")
    daemon.go_on.set()
    others: list[threading.Thread] = []

    def pause(seconds: float) -> None:
        assert 0.0 < seconds <= PEACE_SEC
        for _ in range(20):
            others.append(threading.Thread(target=reread, args=(path, "a daemon", daemon.tell)))
            others[-1].start()
        while not blocked(path):
            pass

    now = time.monotonic()
    Path(f"{path}.began").write_text(f"{now - 60!r} 60.0")
    reread(path, "a daemon", daemon.tell, pause)
    for one in others:
        one.join(30)
    assert len(others) == 20 and daemon.times == 1
