"""Many tenants at once: each is prepared as soon as there is room, and activated as soon as it is ready.

No tenant waits for a slow one, whatever makes it slow: those that are ready share one activation, and its
daemon-reload, while the others go on. An activation that takes long, by a script or a workload that does not become
healthy, keeps the next from beginning for a bounded time only. A server is asked for a few repositories at the same
time only, so that one that hangs keeps no more than these few from being prepared; its place is free again as soon as
what it gave is there. Some may wait for servers of images beside all others. Whose repository or image failed last
time comes last.
"""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from queue import Empty, SimpleQueue
from typing import NamedTuple

from ...host import systemd
from ...model.backoff import spread, startable
from ...model.fetching import server
from ..repository import retry
from ..repository.reach import CONNECTIONS
from .job import Job, Mode

TOGETHER_SEC = 3.0
INTERRUPTED_SEC = 1.0
ACTIVATIONS = 8
SLOW = 16
READINGS = 10  # between two activations passes as many times what a daemon-reload takes, so that it is a tenth of all
READING_SEC = 60.0  # but no longer, however many units a host has
ALONE_SEC = 10.0  # for which an activation is the only one: what is ready meanwhile shares the next


class _Event(NamedTuple):
    """Something happened: a job came, its server is done with it, it waits for an image, it was prepared, the last job
    came, an activation is over."""

    what: str
    job: Job | None = None


class Run:
    """One run. `prepare` takes one job, `activate` several; neither raises."""

    def __init__(
        self, parallel: int, prepare: Callable[[Job], None], activate: Callable[[Sequence[Job]], None], *,
        alone: float = ALONE_SEC, longest: float = READING_SEC,
        reading: Callable[[], float] = systemd.reload_seconds,
    ) -> None:
        self._parallel = parallel
        self._alone = alone
        self._longest = longest
        self._reading = reading
        self._prepare = prepare
        self._activate = activate
        self._events: SimpleQueue[_Event] = SimpleQueue()
        self._waiting: list[tuple[Job, str]] = []
        self._running: list[tuple[Job, str]] = []
        self._slow: list[Job] = []
        self._ready: list[Job] = []
        self._begun: list[Future[None]] = []
        self._since = 0.0
        self._feeding = True
        self._activating = 0
        self._last = 0.0

    def run(self, jobs: Iterable[Job]) -> None:
        """Takes all jobs through both steps. `jobs` may keep us waiting for each of them.

        Who is interrupted stops what was begun, which records nothing, and waits only a moment for the threads: the
        end of the process frees every lock that they may still have.
        """
        pool, aside = ThreadPoolExecutor(self._parallel + SLOW), ThreadPoolExecutor(1 + ACTIVATIONS)
        interrupted = False
        try:
            self._run(pool, aside, jobs)
        except KeyboardInterrupt:
            interrupted = True
            for executor in (pool, aside):
                executor.shutdown(wait=False, cancel_futures=True)
            systemd.interrupt()
            wait(self._begun, timeout=INTERRUPTED_SEC)
            raise
        finally:
            for executor in (pool, aside):
                executor.shutdown(wait=not interrupted)

    def _run(self, pool: Executor, aside: Executor, jobs: Iterable[Job]) -> None:
        self._begun.append(aside.submit(self._feed, jobs))
        while self._feeding or self._waiting or self._running or self._slow or self._ready or self._activating:
            self._start(pool)
            self._together(aside)
            self._next()
        for future in self._begun:
            future.result()

    def _feed(self, jobs: Iterable[Job]) -> None:
        try:
            for job in jobs:
                self._events.put(_Event("came", job))
        finally:
            self._events.put(_Event("all came"))

    def _start(self, pool: Executor) -> None:
        waiting, busy = [name for _, name in self._waiting], [name for _, name in self._running]
        for number in reversed(startable(waiting, busy, self._parallel, CONNECTIONS)):
            self._running.append(self._waiting.pop(number))
            self._begun.append(pool.submit(self._one, self._running[-1][0]))

    def _one(self, job: Job) -> None:
        job.fetched = lambda: self._events.put(_Event("fetched", job))
        job.slow = lambda: self._events.put(_Event("slow", job))
        try:
            self._prepare(job)
        finally:
            self._events.put(_Event("prepared", job))

    def _together(self, aside: Executor) -> None:
        """Starts to activate what is ready, when others that may soon be ready had their time."""
        if self._ready and self._activating < ACTIVATIONS and self._pause() <= 0.0:
            self._activating += 1
            self._last = time.monotonic()
            self._begun.append(aside.submit(self._act, self._ready))
            self._ready = []

    def _pause(self) -> float:
        """For how many seconds what is ready waits: for company, if somebody may come, and for who is activated."""
        until = 0.0
        if self._feeding or self._waiting or self._running:
            often = self._last + min(READINGS * self._reading(), self._longest) if self._last else 0.0
            until = max(self._since + TOGETHER_SEC, often)
        if self._activating:
            until = max(until, self._last + self._alone)
        return max(0.0, until - time.monotonic())

    def _act(self, jobs: Sequence[Job]) -> None:
        try:
            self._activate(jobs)
        finally:
            self._events.put(_Event("activated"))

    def _next(self) -> None:
        """Waits for something to happen, or until what is ready has waited long enough."""
        if not (self._feeding or self._running or self._slow or self._activating):
            return
        patience = self._pause() if self._ready and self._activating < ACTIVATIONS else None
        try:
            event = self._events.get(timeout=patience)
        except Empty:
            return
        if event.what == "all came":
            self._feeding = False
        elif event.what == "activated":
            self._activating -= 1
        elif event.job is not None and event.what == "came":
            self._waiting.append((event.job, _server(event.job)))
        elif event.job is not None and event.what == "fetched":
            self._running = [(one, "" if one is event.job else name) for one, name in self._running]
        elif event.job is not None and event.what == "slow":
            if len(self._slow) < SLOW and all(one is not event.job for one in self._slow):
                self._running = [one for one in self._running if one[0] is not event.job]
                self._slow.append(event.job)
        elif event.job is not None:
            self._running = [one for one in self._running if one[0] is not event.job]
            self._slow = [one for one in self._slow if one is not event.job]
            self._since = self._since if self._ready else time.monotonic()
            self._ready.append(event.job)


def _server(job: Job) -> str:
    """Who may keep a job waiting: nobody when it needs no network, or when the server has just given an answer."""
    return server(job.registration.repository) if job.mode is Mode.SYNC and not job.told else ""


def in_order(jobs: Sequence[Job]) -> Sequence[Job]:
    """The jobs as they are best done: whose fetch failed last, of a repository or an image, come last, the others in an
    order of this host's own."""
    host = os.uname().nodename

    def place(job: Job) -> tuple[int, int, str]:
        failures = retry.load(job.tenant).failures + retry.load(retry.of_images(job.tenant)).failures
        return failures, spread(f"{host} {job.tenant}"), job.tenant

    return sorted(jobs, key=place)
