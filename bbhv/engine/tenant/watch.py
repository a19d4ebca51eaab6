"""Watch: whether what was started became healthy and stays so.

The judgement is a pure function of what systemd says about a unit. One conversation with systemd is about all units of
all tenants of a run.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Mapping, Sequence

from ...host import bus, run
from ...model.manifest import Workload
from ...model.probe import Probe
from ...records import dataclass, field
from .probes import Asked, sweep

PROPERTIES = (
    "ActiveState", "SubState", "Result", "NRestarts", "ReloadResult", "ActiveEnterTimestampMonotonic", "Job",
    "StatusText", "ExecMainCode", "ExecMainStatus",
)  # fmt: skip
INTERVAL = 0.5
PARALLEL_STARTS = 8


@dataclass(frozen=True, slots=True)
class Verdict:
    """`word` is healthy, waiting, stopping or unhealthy; `reason` says why, `wait` how many seconds to look again."""

    word: str
    reason: str = ""
    wait: float = INTERVAL


def judge(unit: str, found: Mapping[str, str], stable_sec: float, restarts_before: int, now: float) -> Verdict:
    """What one unit's properties mean. `now` is CLOCK_MONOTONIC in seconds."""
    state = found.get("ActiveState", "inactive")
    restarts = int(found.get("NRestarts") or 0)
    queued = found.get("Job", "0") not in ("", "0")
    if queued and state in ("active", "deactivating", "failed", "inactive"):
        # How it ended, and how often it was restarted, is about the time before.
        return _stopping(unit) if state == "deactivating" else Verdict("waiting", f"{unit} has not started yet")
    if restarts > restarts_before or found.get("SubState") == "auto-restart":
        # With the next start, systemd forgets how the one before ended.
        known = found.get("SubState") == "auto-restart" or found.get("Result") not in ("", "success", None)
        how = f"ended ({_result(found)})" if known else "ended, and was started again"
        return Verdict("unhealthy", f"{unit} {how}, see: journalctl -u {unit}")
    if state == "failed":
        return Verdict("unhealthy", f"{unit} failed ({_result(found)}), see: journalctl -u {unit}")
    if state == "deactivating":
        return _stopping(unit)
    if queued or state in ("activating", "reloading", "refreshing"):
        return Verdict("waiting", f"{unit} is {state}")
    if found.get("ReloadResult", "success") not in ("", "success"):
        return Verdict("unhealthy", f"{unit} could not be reloaded, see: journalctl -u {unit}")
    if state != "active":
        return Verdict("unhealthy", f"{unit} is {state}: it ended by itself, see: journalctl -u {unit}")
    since = active_since(found, now)
    if since < stable_sec:
        return Verdict("waiting", f"{unit} is active, but not yet for {stable_sec:g} s", min(stable_sec - since, 2.0))
    return Verdict("healthy")


def _stopping(unit: str) -> Verdict:
    """A stop is not on our time: systemd has its own limit for it, TimeoutStopSec=."""
    return Verdict("stopping", f"{unit} still stops")


def _result(found: Mapping[str, str]) -> str:
    """How it ended: as systemd calls it, and the exit status when there is one to tell. That of a machine is what its
    guest reported."""
    result, status = found.get("Result", "no result"), found.get("ExecMainStatus", "0")
    return f"{result}, status {status}" if found.get("ExecMainCode") == "1" and status != "0" else result


def active_since(found: Mapping[str, str], now: float) -> float:
    """For how many seconds a unit has been active; less than nothing when it is not."""
    if found.get("ActiveState") != "active":
        return -1.0
    return now - int(found.get("ActiveEnterTimestampMonotonic") or 0) / 1e6


@dataclass(slots=True)
class Watched:
    """The units of one tenant that are watched together, until they are all healthy, one is not, or time is up.

    The time, `seconds`, is that of what starts: it begins when the last of them no longer stops.
    """

    units: Mapping[str, float]
    seconds: float
    restarts: Mapping[str, int]
    asked: Asked = field(default_factory=lambda: Asked((), ""))
    reason: str = ""
    done: bool = False
    stopping: float = 0.0

    @property
    def all_units(self) -> tuple[str, ...]:
        """What systemd is to be asked about: the workloads, and the probes that run."""
        return (*self.units, *self.asked.running)

    def due(self, found: Mapping[str, Mapping[str, str]], now: float) -> list[Probe]:
        """The probes whose time to start has come: their workload is active, and was so for the time of grace."""
        waiting = [one for one in self.asked.probes if one.unit not in self.asked.running]
        return [one for one in waiting if not one.of or active_since(found.get(one.of, {}), now) >= one.grace_sec]

    def look(self, found: Mapping[str, Mapping[str, str]], now: float, begun: float) -> float:
        """Judges once; returns after how many seconds to look again. The watch has `begun` at that time."""
        verdicts = [
            judge(u, found.get(u, {}), stable, self.restarts.get(u, 0), now) for u, stable in self.units.items()
        ]
        for probe in self.asked.probes:
            said = self.asked.verdict(probe, found)
            if said.healthy is not True:
                verdicts.append(Verdict("waiting" if said.healthy is None else "unhealthy", said.words))
        bad = [v.reason for v in verdicts if v.word == "unhealthy"]
        waiting = [v for v in verdicts if v.word in ("waiting", "stopping")]
        if any(v.word == "stopping" for v in waiting):
            self.stopping = now
        if bad or not waiting:
            self.reason, self.done = "; ".join(bad), True
        elif now >= max(begun, self.stopping) + self.seconds:
            late = "; ".join(v.reason for v in waiting)
            self.reason, self.done = f"not healthy within {self.seconds:g} s: {late}", True
        return min([v.wait for v in waiting], default=0.0)


def restarts(units: Sequence[str]) -> dict[str, int]:
    """How often systemd has restarted each unit by itself so far, those that run."""
    found = bus.properties(units, ("NRestarts", "ActiveState"))
    return {u: int(p.get("NRestarts") or 0) for u, p in found.items() if p.get("ActiveState") == "active"}


def watch(watched: Sequence[Watched], decided: Callable[[Watched], object]) -> None:
    """Waits for the verdict on each, and passes it on at once. A reason that stays empty means healthy."""
    try:
        sweep([probe for one in watched for probe in one.asked.probes])
        _watch(watched, decided)
    finally:
        for one in watched:
            one.asked.end()


def _watch(watched: Sequence[Watched], decided: Callable[[Watched], object]) -> None:
    start = time.monotonic()
    while open_ := [one for one in watched if not one.done]:
        found = bus.properties([unit for one in open_ for unit in one.all_units], PROPERTIES)
        now = time.monotonic()
        pauses = [one.look(found, now, start) for one in open_]
        for one in open_:
            if one.done:
                one.asked.end()
                decided(one)
        _start([(one.asked, probe) for one in open_ if not one.done for probe in one.due(found, now)])
        left = [pause for one, pause in zip(open_, pauses) if not one.done]
        if left:
            run.pause(max(0.05, min(left)))


def _start(due: Sequence[tuple[Asked, Probe]]) -> None:
    """Starts probes side by side: each waits for systemd twice."""
    if due:
        with ThreadPoolExecutor(min(PARALLEL_STARTS, len(due))) as pool:
            list(pool.map(lambda pair: pair[0].start(pair[1]), due))


def stable_seconds(workloads: Sequence[Workload]) -> dict[str, float]:
    """The units of the workloads with how long each must have been active."""
    return {one.unit: one.health.stable_sec for one in workloads}
