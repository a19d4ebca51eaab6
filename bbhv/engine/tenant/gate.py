"""The gate before the start of a tenant: a few are brought up at a time, however many were asked for at once.

Each start of a tenant is a process of its own, and a host may have a thousand. All at once, they keep systemd so busy
that it answers none of them in time. So each takes one of a few locks first, for what it does before its units start.
One that waits long goes on all the same: the gate is there to help, and a start that hangs must not keep others out.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from ...errors import BusyError
from ...host import run
from ...host.lock import Lock
from .. import paths

SLOTS = 4
PATIENCE = 120.0
PAUSE = 0.1


@contextmanager
def passed(tenant: str) -> Iterator[Callable[[], None]]:
    """Holds one of the places inside, or none when there was none for as long as PATIENCE. What it gives leaves the
    place to the next one early: for who is going to wait for a server.
    """
    places = [Lock(f"{paths.RUN_LOCK}/_start{number}", "The start of a tenant") for number in range(SLOTS)]
    deadline = time.monotonic() + PATIENCE
    place = _free(places, tenant)
    while place is None and time.monotonic() < deadline:
        run.pause(PAUSE)
        place = _free(places, tenant)
    with place or nullcontext():
        yield place.release if place else lambda: None


def _free(places: list[Lock], tenant: str) -> Lock | None:
    """The first place that nobody has, taken."""
    for place in places:
        try:
            place.take(f"starting {tenant}", wait=False)
        except BusyError:
            continue
        return place
    return None
