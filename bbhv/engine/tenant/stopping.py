"""Stopping workloads: each is asked, and one that has only just begun is asked again.

nspawn hands its signal on to the container's PID 1, once. An init that has not set its handlers up yet never hears it
(pid_namespaces(7)), and systemd would wait for TimeoutStopSec= and kill. So whoever was still starting when a stop or
a restart was asked for is told again, by machined, as long as it has not ended. Halting twice does no harm.
"""

import time
from collections.abc import Sequence

from ...host import systemd
from ...names import workload, workload_of

SIGNAL = "SIGRTMIN+3"
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
    """Tells those that were starting when they were asked to stop once more, as long as they stop."""
    for _ in range(TIMES):
        goes_on = _in_state("deactivating", young)
        if not goes_on:
            break
        time.sleep(PAUSE_SEC)
        systemd.signal_containers(SIGNAL, [workload(*workload_of(unit)[1:]) for unit in goes_on])


def _in_state(word: str, units: Sequence[str]) -> list[str]:
    return [unit for unit, state in systemd.states(units).items() if state == word] if units else []
