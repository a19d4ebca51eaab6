"""Stopping workloads: each is asked, and one that has only just begun is asked again.

nspawn hands its signal on to the container's PID 1, once. An init that has not set its handlers up yet never hears it
(pid_namespaces(7)), and systemd would wait for TimeoutStopSec= and kill. So whoever was still starting when a stop or
a restart was asked for is told again, as long as it has not ended. Halting twice does no harm.
"""

import os
import signal
from collections.abc import Sequence

from ...host import namespaces, run, systemd
from ...names import workload, workload_of

SIGNAL = signal.SIGRTMIN + 3
TIMES = 10
PAUSE_SEC = 1.0


def stop(units: Sequence[str]) -> None:
    """Stops units and waits. Not being there is fine. Raises CommandError."""
    young = starting(units)
    if young:
        systemd.urge("stop", units)  # all of them, so that systemd knows their order
    remind(young)
    systemd.act("stop", units, ok=(0, 5))


def starting(units: Sequence[str]) -> list[str]:
    """The containers among units that still start, and may not hear it when they are asked to stop."""
    return _in_state("activating", [unit for unit in units if workload_of(unit)[0] == "container"])


def remind(young: Sequence[str]) -> None:
    """Tells those that were starting when they were asked to stop once more, as long as they stop.

    Only what stops is told: by now its name may be that of the container that has started in its place.
    """
    for _ in range(TIMES):
        goes_on = _in_state("deactivating", young)
        if not goes_on:
            break
        handles = [handle for unit in goes_on if (handle := _first_process(unit)) >= 0]
        try:
            run.pause(PAUSE_SEC)
            for handle in handles:
                namespaces.signal(handle, SIGNAL)
        finally:
            for handle in handles:
                os.close(handle)


def _first_process(unit: str) -> int:
    """A descriptor of the first process of a container that stops; -1 where there is none any more."""
    handle = namespaces.process(namespaces.leader(workload(*workload_of(unit)[1:])), unit)
    if handle >= 0 and not _in_state("deactivating", [unit]):
        os.close(handle)  # it may be that of the next one
        return -1
    return handle


def _in_state(word: str, units: Sequence[str]) -> list[str]:
    return [unit for unit, state in systemd.states(units).items() if state == word] if units else []
