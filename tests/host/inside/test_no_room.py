"""No room and no end: a disk that a fetch fills, inodes that are gone, a repository that fails for ever.

The sandboxes work in the tenant's own folder, so one whose disk is full fails alone.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from .conftest import Make
from .support import run, unit_property
from .world import TENANTS, Tenant, container

RETRY = Path("/run/bitbuilder/retry")
HOUR_USEC = 3600 * 10**6
STATIC = container()


@contextmanager
def small_disk(folder: Path, *options: str) -> Iterator[None]:
    """A file system of its own on a folder."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = oct(folder.stat().st_mode & 0o7777)[2:]
    run(["mount", "-t", "tmpfs", "-o", ",".join((f"mode={mode}", *options)), "tmpfs", folder])
    try:
        yield
    finally:
        run(["umount", "-l", folder])


@pytest.fixture
def acme(make: Make) -> Iterator[Tenant]:
    """A tenant with a container that runs, on a small disk of its own."""
    with small_disk(TENANTS / "acme", "size=2M", "nr_inodes=600"):
        one = make("acme")
        one.commit(web=STATIC)
        assert one.sync() == "applied"
        yield one


def news(tenant: Tenant) -> str:
    """A commit that packs to more than two megabytes, of files that a host reads."""
    return tenant.repo.commit({f"docs/{number}": os.urandom(450_000).hex() for number in range(6)})


def packs(tenant: Tenant) -> dict[str, int]:
    """The packs of the clone, and all that lies beside them."""
    return {path.name: path.stat().st_size for path in (tenant.folder / "config.git/.git/objects/pack").iterdir()}


def heals(tenant: Tenant, newest: str) -> None:
    """With room again, the timer's sync takes what was too much."""
    run(["bbhv", "sync", "acme"], timeout=120)
    assert tenant.status()["commit"] == newest


def test_a_fetch_that_fills_the_disk_fails_with_its_sentence_and_is_taken_when_there_is_room(acme: Tenant) -> None:
    before, running, newest = packs(acme), acme.leader("web"), news(acme)
    for _ in range(2):
        assert acme.sync(1) == "failed" and "No space left on device" in acme.said, acme.said
        assert packs(acme) == before and list(acme.folder.glob(".#*")) == [], "what did not fit is gone"
        assert acme.leader("web") == running and acme.status()["good"] == acme.status()["generation"]
    run(["mount", "-o", "remount,size=16M", acme.folder])
    heals(acme, newest)
    assert acme.leader("web") == running


def test_inodes_that_are_gone_are_said_and_nothing_is_left_half(acme: Tenant) -> None:
    running, filler = acme.leader("web"), acme.folder / "filler"
    filler.mkdir()
    newest = acme.commit(web=STATIC + "MemoryMax=70M\n")
    with suppress(OSError):
        for number in range(1000):
            (filler / str(number)).touch()
    before = packs(acme)
    failed = 0
    for number, path in enumerate(sorted(filler.iterdir())):
        done = run(["bbhv", "sync", "acme"], check=False)
        if done.returncode == 0:
            break
        failed += 1
        assert done.returncode == 1 and "No space left on device" in done.stdout, done.stdout + done.stderr
        assert acme.leader("web") == running and set(before) <= set(packs(acme))
        for one in sorted(filler.iterdir())[: 2 * (number + 1)]:
            one.unlink()
    assert 2 <= failed < 20 and acme.status()["commit"] == newest and acme.leader("web") == running
    assert list(acme.folder.rglob(".#*")) == []


def test_a_repository_that_fails_for_ever_costs_less_and_less_and_nothing_grows(make: Make) -> None:
    acme = make("acme")
    acme.repo.commit(acme.files())
    assert acme.sync() == "applied"
    away = acme.repo.path.rename(acme.repo.path.with_suffix(".away"))
    memory, state, sizes, waits = RETRY / "acme", acme.folder / "state.json", set(), []
    for count in range(1, 10):
        assert run(["bbhv", "sync", "--backoff", "acme"], check=False).returncode == 1
        failures, until, way = memory.read_text().split()
        assert int(failures) == count and memory.stat().st_size < 60
        waits.append(int(until) - boot_usec())
        sizes.add(state.stat().st_size)
        noted = state.stat().st_mtime_ns
        done = run(["bbhv", "sync", "--backoff", "acme"], check=False)
        assert f"failed {count} time" in done.stdout and state.stat().st_mtime_ns == noted, "nobody asked, or wrote"
        memory.write_text(f"{failures} 0 {way}\n")  # as it is when the wait is over
    assert len(sizes) == 1, "the state is no longer after the ninth failure than after the first"
    assert waits[0] < waits[2] < waits[4] and 0.7 * HOUR_USEC < waits[-1] < 1.25 * HOUR_USEC, "it ends at an hour"
    memory.write_text(f"1000 0 {way}\n")
    assert run(["bbhv", "sync", "--backoff", "acme"], check=False).returncode == 1
    assert memory.read_text().startswith("1000 ")
    run(["systemctl", "start", "tenant-sync.service"], timeout=120)
    assert unit_property("tenant-sync.service", "Result") == "success", "the timer goes on for the others"
    away.rename(acme.repo.path)
    newest = acme.repo.commit({"README.md": "news"})
    memory.write_text(f"1000 0 {way}\n")
    run(["bbhv", "sync", "--backoff", "acme"])
    assert acme.status()["commit"] == newest and not memory.exists() and acme.status()["retryUSec"] is None


def boot_usec() -> int:
    """How long this host runs, in microseconds."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
