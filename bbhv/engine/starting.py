"""Tenants that do not run though nobody has stopped them: they are started.

Another start may be under way. One that fails stops whatever it finds when it ends, also what is newer than itself. So
one that fails just now is waited for, a little while, and what one has stopped meanwhile is not called applied.
"""

import time
from collections.abc import Mapping, Sequence

from ..errors import CommandError
from ..host import log, run, systemd
from ..names import tenant_unit
from .storage import publish
from .storage.state import Outcome
from .synced import WELL
from .tenant import sync
from .tenant.job import Job, Mode, is_active, say_waiting
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
    """Says of those that were starting before the run which of them are stopped since, as that start has failed."""
    begun = {tenant_unit(job.tenant): job for job in jobs if job.outcome and job.outcome.word in WELL}
    begun = {unit: job for unit, job in begun.items() if before.get(unit) == "activating" and not job.passed_over}
    try:
        now: dict[str, str] = {}
        lost = _failing(tuple(begun), now)
    except CommandError as error:  # systemd is busy, and who has run is not to lose its outcome
        log.write("warning", str(error))
        return
    lost += [unit for unit, state in now.items() if state == "failed" and not publish.is_stopped(begun[unit].tenant)]
    for unit in lost:
        why = "a start that was under way has failed and stops it; the next sync starts it again"
        begun[unit].pass_over("failed", why)


def start(host: World, tenants: Sequence[str]) -> list[Job]:
    """Starts tenants and waits. Their outcome is what the start recorded."""
    if wanted := _wanted(tenants):
        systemd.reach(TARGET)
        try:
            systemd.act("start", map(tenant_unit, wanted), timeout=START_SEC)
        except CommandError as error:
            log.write("debug", str(error))  # each tenant's outcome says it better
    up = _up(wanted)
    return [_started(host, tenant) if tenant in up else _down(host, tenant) for tenant in tenants]


def _up(tenants: Sequence[str]) -> frozenset[str]:
    """Those of the tenants that are up; all of them where systemd is too busy to say it."""
    try:
        states = systemd.states(tuple(map(tenant_unit, tenants))) if tenants else {}
    except CommandError as error:
        log.write("warning", str(error))
        return frozenset(tenants)
    return frozenset(tenant for tenant in tenants if is_active(tenant, states))


def _started(host: World, tenant: str) -> Job:
    """What became of a start, as it was noted. Nothing is where what was good runs again, and its memory was lost."""
    job = Job(registration=host.registered(tenant), mode=Mode.SYNC, allow_file=host.settings.allow_file)
    job.state = job.store.load()
    job.outcome = job.state.outcome or Outcome(word="applied", message="what was good runs again")
    job.commit = job.outcome.commit
    return job


def _down(host: World, tenant: str) -> Job:
    """What became of a tenant that is not up. What failed before it could say so has left an earlier outcome."""
    job = _started(host, tenant)
    hold = job.state.hold
    if publish.is_stopped(tenant):
        job.pass_over("held", sync.stopped(job))
    elif job.outcome and job.outcome.word in WELL and not (hold and hold.verb == "suspend"):
        job.pass_over("failed", f"it did not start, see: journalctl -u {tenant_unit(tenant)}")
    return job


def urge(tenants: Sequence[str]) -> None:
    """Starts tenants without waiting for what becomes of them."""
    if wanted := _wanted(tenants):
        systemd.reach(TARGET)
        systemd.urge("start", map(tenant_unit, wanted))


def _wanted(tenants: Sequence[str]) -> list[str]:
    """Those that nobody has stopped meanwhile."""
    return [tenant for tenant in tenants if not publish.is_stopped(tenant)]
