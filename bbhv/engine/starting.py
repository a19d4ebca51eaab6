"""Tenants that do not run though nobody has stopped them: they are started.

Another start may be under way. One that fails stops whatever it finds when it ends, also what is newer than itself. So
one that fails just now is waited for, a little while, and what one has stopped meanwhile is not called applied.
"""

import time
from collections.abc import Mapping, Sequence

from ..errors import CommandError
from ..host import log, run, systemd
from ..names import tenant_unit
from . import paths
from .storage import publish
from .storage.state import Outcome, Store
from .synced import WELL
from .tenant import sync
from .tenant.job import Asked, Job, Mode, is_active, say_waiting
from .world import World

TARGET = "tenants.target"
FAILING = "failing"
START_SEC = 7200.0
PATIENCE_SEC = 30.0
PAUSE_SEC = 0.1


def settled(tenants: Sequence[str], states: Mapping[str, str]) -> dict[str, str]:
    """The states of tenant@ units, those of these tenants as they are when the starts that fail just now are over.

    A unit whose start fails is "deactivating", as one that somebody stops, but still has its job. One that is not over
    after a while is "failing".
    """
    found = dict(states)
    waiting = [unit for unit in map(tenant_unit, tenants) if found.get(unit) == "deactivating"]
    deadline, told = time.monotonic() + PATIENCE_SEC, False
    while waiting := _failing(waiting, found):
        if time.monotonic() > deadline:
            found.update(dict.fromkeys(waiting, FAILING))
            break
        if not told:
            more = " and others" if waiting[3:] else ""
            say_waiting(f"the end of {', '.join(waiting[:3])}{more}, which did not start")
        told = True
        run.pause(PAUSE_SEC)
    return found


def _failing(units: Sequence[str], found: dict[str, str]) -> list[str]:
    """Those whose start still fails. Notes the states of all."""
    if not units:
        return []
    queued = systemd.queued("start", units)
    now = systemd.states(units)  # asked last, for the job is gone as soon as it is over
    found.update({unit: now.get(unit, "inactive") for unit in units})
    return [unit for unit in units if unit in queued and found[unit] == "deactivating"]


def failing(host: World, tenant: str) -> Job:
    """A tenant whose start takes long to fail: others do not wait for it any longer."""
    job = Job(registration=host.registered(tenant), mode=Mode.SYNC, allow_file=False)
    job.pass_over("failed", "its start has failed, and still cleans up; the next sync starts it again")
    return job


def note_lost(jobs: Sequence[Job], before: Mapping[str, str]) -> None:
    """Says of those that were starting before the run which of them were stopped since, as that start failed."""
    begun = {tenant_unit(job.tenant): job for job in jobs if not job.passed_over}
    begun = {unit: job for unit, job in begun.items() if before.get(unit) == "activating"}
    now = _states(tuple(begun))
    for unit, job in begun.items():
        if now.get(unit) in ("deactivating", "failed") and not publish.is_stopped(job.tenant):
            job.pass_over("failed", "a start that was under way has failed and stops it; the next sync starts it again")


def start(host: World, tenants: Sequence[str]) -> list[Job]:
    """Starts tenants and waits. Their outcome is what the start recorded."""
    if not tenants:
        return []
    systemd.reach(TARGET)
    units = tuple(map(tenant_unit, tenants))
    try:
        systemd.act("start", units, timeout=START_SEC)
    except CommandError as error:
        log.write("debug", str(error))  # each tenant's outcome says it better
    states = _states(units)
    return [_started(host, tenant, up=not states or is_active(tenant, states)) for tenant in tenants]


def _states(units: Sequence[str]) -> Mapping[str, str]:
    """The states of units after the work; none where systemd is too busy to answer, for it decides nothing any more."""
    try:
        return systemd.states(units) if units else {}
    except CommandError as error:
        log.write("warning", str(error))
        return {}


def _started(host: World, tenant: str, *, up: bool) -> Job:
    """What became of a start. One that failed before it could say so has left the outcome of an earlier one."""
    job = Job(registration=host.registered(tenant), mode=Mode.SYNC, allow_file=host.settings.allow_file)
    job.state, job.active = job.store.load(), up
    noted, hold = job.state.outcome, job.state.hold
    stopped = publish.is_stopped(tenant) or (hold is not None and hold.verb == "suspend")
    if noted is None or (noted.word in WELL and not (up or stopped)):
        noted = Outcome(word="failed", message=f"it did not start, see: journalctl -u {tenant_unit(tenant)}")
    job.outcome, job.commit = noted, noted.commit
    return job


def follow(host: World, started: Sequence[Job], known: Sequence[str], asked: Asked) -> list[Job]:
    """Takes those of the started that were good before to what is newest, which their start asks no network for."""
    again = [job.tenant for job in started if job.active and job.tenant in known]
    newest = {job.tenant: job for job in sync.run(host, again, Mode.SYNC, asked=asked)}
    return [_told(job, newest.get(job.tenant)) for job in started]


def _told(started: Job, newest: Job | None) -> Job:
    """What is told of a tenant: that it was started, where there is nothing newer to tell."""
    if newest is None or newest.passed_over or not (newest.outcome and started.outcome):
        return started
    return started if newest.outcome.word == "unchanged" and started.outcome.word in WELL else newest


def good(tenants: Sequence[str]) -> list[str]:
    """Those that have been good before: their start brings that up, without a network."""
    return [tenant for tenant in tenants if Store(paths.tenant(tenant)).number("good") is not None]


def urge(tenants: Sequence[str]) -> None:
    """Starts tenants without waiting."""
    if tenants:
        systemd.reach(TARGET)
        systemd.urge("start", map(tenant_unit, tenants))
