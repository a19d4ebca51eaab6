"""Many tenants at once: who is ready is activated, whoever else is still at it; nobody is lost, nobody comes twice."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import pytest

from bbhv.engine.tenant.batches import Run, in_order
from bbhv.engine.tenant.job import Job, Mode
from bbhv.model.registration import Registration

PATIENCE = 30.0


def job(name: str, server: str = "") -> Job:
    """A job about a repository on a server."""
    url = f"https://{server}/{name}.git" if server else f"file:///srv/{name}.git"
    return Job(registration=Registration(tenant=name, repository=url), mode=Mode.SYNC, allow_file=True)


class Seen:
    """What a run did: how many at once, and in which companies they were activated."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.now: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.batches: list[list[str]] = []
        self.activated = threading.Semaphore(0)

    def prepare(self, one: Job) -> None:
        """Looks who is at it together."""
        name = one.registration.repository.split("/")[2]
        with self.lock:
            self.now[name] += 1
            self.most[name] = max(self.most[name], self.now[name])
            self.most["all"] = max(self.most["all"], sum(self.now.values()))
        threading.Event().wait(0.002)
        with self.lock:
            self.now[name] -= 1

    def activate(self, jobs: Sequence[Job]) -> None:
        """Notes who came."""
        self.batches.append([one.tenant for one in jobs])
        for _ in jobs:
            self.activated.release()


def test_everybody_is_prepared_and_activated_once_within_the_bounds() -> None:
    seen = Seen()
    jobs = [job(f"a{number}", "a") for number in range(40)] + [job(f"b{number}", "b") for number in range(40)]
    Run(8, seen.prepare, seen.activate).run(jobs)
    assert sorted(name for batch in seen.batches for name in batch) == sorted(one.tenant for one in jobs)
    assert seen.most["a"] <= 4 and seen.most["b"] <= 4 and 1 < seen.most["all"] <= 8
    Run(1, seen.prepare, seen.activate).run(jobs[:3])
    Run(4, seen.prepare, seen.activate).run([])


def the_quick_go_on(parallel: int, slow: Sequence[Job], begins: Callable[[Job], None] = lambda one: None) -> None:
    """Nine quick jobs are activated while the slow ones, which begin like this, are still at it."""
    seen, over = Seen(), threading.Event()

    def prepare(one: Job) -> None:
        if one in slow:
            begins(one)
            assert over.wait(PATIENCE)

    jobs = [*slow, *(job(f"quick{number}") for number in range(9))]
    running = threading.Thread(target=Run(parallel, prepare, seen.activate).run, args=(jobs,))
    running.start()
    assert all(seen.activated.acquire(timeout=PATIENCE) for _ in range(9))
    assert {name for batch in seen.batches for name in batch} == {f"quick{number}" for number in range(9)}
    over.set()
    running.join(PATIENCE)
    assert not running.is_alive() and sum(map(len, seen.batches)) == len(jobs)


def test_those_that_are_ready_do_not_wait_for_those_that_hang() -> None:
    the_quick_go_on(4, [job(f"slow{number}", "slow") for number in range(9)])


def test_those_that_wait_for_images_leave_their_places_to_others() -> None:
    def begins(one: Job) -> None:
        one.slow()
        one.slow()

    the_quick_go_on(2, [job(f"slow{number}") for number in range(9)], begins)


def test_a_server_is_free_for_the_next_as_soon_as_it_gave_what_it_has() -> None:
    seen, fetched = Seen(), threading.Semaphore(0)

    def prepare(one: Job) -> None:
        with seen.lock:
            seen.most["taken apart"] += 1
        one.fetched()
        if one.tenant != "last":
            assert fetched.acquire(timeout=PATIENCE), "the last is fetched while all others are taken apart"
        else:
            fetched.release(7)

    jobs = [*(job(f"a{number}", "a") for number in range(7)), job("last", "a")]
    Run(8, prepare, seen.activate).run(jobs)
    assert seen.most["taken apart"] == 8 and sum(map(len, seen.batches)) == 8


def test_others_go_on_while_some_are_activated() -> None:
    seen, prepared = Seen(), threading.Event()

    def jobs() -> Iterator[Job]:
        yield job("first")
        assert started.wait(PATIENCE)
        yield job("second")

    started = threading.Event()

    def prepare(one: Job) -> None:
        if one.tenant == "second":
            prepared.set()

    def activate(batch: Sequence[Job]) -> None:
        if batch[0].tenant == "first":
            started.set()
            assert prepared.wait(PATIENCE), "the second is prepared meanwhile"
        seen.activate(batch)

    Run(2, prepare, activate).run(jobs())
    assert seen.batches == [["first"], ["second"]]


def test_an_activation_that_takes_long_does_not_keep_the_next_from_beginning() -> None:
    seen, started, over = Seen(), threading.Event(), threading.Event()

    def jobs() -> Iterator[Job]:
        yield job("slow")
        assert started.wait(PATIENCE)
        yield from (job(f"quick{number}") for number in range(3))

    def activate(batch: Sequence[Job]) -> None:
        if batch[0].tenant == "slow":
            started.set()
            assert over.wait(PATIENCE), "the others do not wait for it"
        seen.activate(batch)

    running = threading.Thread(target=Run(2, lambda one: None, activate, alone=0.1).run, args=(jobs(),))
    running.start()
    assert all(seen.activated.acquire(timeout=PATIENCE) for _ in range(3))
    assert {name for batch in seen.batches for name in batch} == {f"quick{number}" for number in range(3)}
    over.set()
    running.join(PATIENCE)
    assert not running.is_alive() and seen.batches[-1] == ["slow"]


def test_the_longer_systemd_reads_its_units_the_fewer_times_it_is_asked_to() -> None:
    """What is ready waits a multiple of what the last time took, though never longer than that is bearable."""
    moments: list[float] = []

    def jobs() -> Iterator[Job]:
        yield job("first")
        assert seen.activated.acquire(timeout=PATIENCE)
        yield job("second")
        assert seen.activated.acquire(timeout=PATIENCE)

    def activate(batch: Sequence[Job]) -> None:
        moments.append(time.monotonic())
        seen.activate(batch)

    seen = Seen()
    Run(2, lambda one: None, activate, longest=5.0, reading=lambda: 60.0).run(jobs())
    assert seen.batches == [["first"], ["second"]] and moments[1] - moments[0] >= 4.9


def test_what_goes_wrong_in_a_step_is_not_swallowed() -> None:
    def broken(batch: Sequence[Job]) -> None:
        raise RuntimeError(batch[0].tenant)

    with pytest.raises(RuntimeError, match="acme"):
        Run(2, lambda one: None, broken).run([job("acme")])


def test_the_order_is_one_of_this_hosts_own_and_whole() -> None:
    jobs = [job(f"t{number}") for number in range(50)]
    again = in_order(jobs)
    assert [one.tenant for one in again] == [one.tenant for one in in_order(list(reversed(jobs)))]
    assert {one.tenant for one in again} == {one.tenant for one in jobs}
    assert [one.tenant for one in again] != sorted(one.tenant for one in jobs)
