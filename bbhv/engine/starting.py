"""Tenants that do not run though nobody has stopped them: each gets what is newest, and is started.

A start may be failing just now, or fail while its tenant is taken through the steps. Its end stops whatever it finds,
also what is newer than itself, so it is waited for, and another start follows.
"""

from collections.abc import Mapping, Sequence

from ..errors import CommandError
from ..host import log, systemd
from ..names import tenant_unit
from ..records import replace
from . import paths
from .repository import retry
from .storage.state import Outcome, Store
from .tenant import sync
from .tenant.job import Asked, Job, Mode, is_active
from .world import World

TARGET = "tenants.target"
START_SEC = 7200.0
PATIENCE_SEC = 600


def bring_up(host: World, tenants: Sequence[str], mode: Mode, asked: Asked, *, alone: bool) -> list[Job]:
    """Fetches what is newest, unless the start itself does, and starts the tenants, no lock held.

    The outcome is what the start recorded, or why there is nothing newer to start. What is good runs either way, but
    where a bundle was brought and refused: then nothing of it is wanted.
    """
    jobs = sync.run(host, _follows(tenants, mode, asked), mode, asked=replace(asked, starts=True), alone=alone)
    ready = {job.tenant: job for job in jobs if job.outcome and job.outcome.word == "held"}
    ended = {job.tenant: job for job in jobs if job.tenant not in ready}
    if asked.bundle:
        for tenant, job in ready.items():  # so that the start takes what is there
            retry.postpone(tenant, job.repository.way, PATIENCE_SEC)
    started = start(host, [tenant for tenant in tenants if not (asked.bundle and tenant in ended)])
    return [ended.get(job.tenant, job) for job in started] + [ended[t] for t in ended if asked.bundle]


def _follows(tenants: Sequence[str], mode: Mode, asked: Asked) -> list[str]:
    """Those whose start would not ask for what is newest: it has what is good, or no word that it may."""
    if mode is not Mode.SYNC:
        return []
    told = asked.bundle or asked.allow_rewind
    return [tenant for tenant in tenants if told or Store(paths.tenant(tenant)).number("good") is not None]


def start(host: World, tenants: Sequence[str]) -> list[Job]:
    """Starts tenants and waits. Their outcome is what the start recorded."""
    if not tenants:
        return []
    systemd.reach(TARGET)
    units = tuple(map(tenant_unit, tenants))
    _act(units)
    states = systemd.states(units)
    return [_started(host, tenant, up=is_active(tenant, states)) for tenant in tenants]


def _act(units: Sequence[str]) -> None:
    try:
        systemd.act("start", units, timeout=START_SEC)
    except CommandError as error:
        log.write("debug", str(error))  # each tenant's outcome says it better


def _started(host: World, tenant: str, *, up: bool) -> Job:
    """What became of a start. One that failed before it could say so has left the outcome of an earlier one."""
    job = Job(registration=host.registered(tenant), mode=Mode.SYNC, allow_file=host.settings.allow_file)
    job.state = job.store.load()
    noted = job.state.outcome
    if noted is None or (not up and noted.word in ("applied", "unchanged")):
        noted = Outcome(word="failed", message=f"it did not start, see: journalctl -u {tenant_unit(tenant)}")
    job.outcome, job.commit = noted, noted.commit
    return job


def urge(tenants: Sequence[str]) -> None:
    """Starts tenants without waiting."""
    if tenants:
        systemd.reach(TARGET)
        systemd.urge("start", map(tenant_unit, tenants))


def failing(tenants: Sequence[str], states: Mapping[str, str]) -> list[str]:
    """Those whose start has failed, and whose unit still cleaned up when it was looked at. Nobody has stopped them."""
    units = [tenant_unit(tenant) for tenant in tenants if states.get(tenant_unit(tenant)) == "deactivating"]
    if not units:
        return []
    queued = systemd.queued("start", units)
    now = systemd.states(units)  # asked last, for the job is gone as soon as that is over
    found = [unit for unit in units if unit in queued or now.get(unit) == "failed"]
    return [tenant for tenant in tenants if tenant_unit(tenant) in found]


def lost(tenants: Sequence[str], before: Mapping[str, str]) -> list[str]:
    """Those that were starting before they were taken through the steps, and whose start has failed meanwhile."""
    begun = [tenant for tenant in tenants if before.get(tenant_unit(tenant)) == "activating"]
    states = systemd.states(tuple(map(tenant_unit, begun))) if begun else {}
    going = failing(begun, states)
    return [tenant for tenant in begun if tenant in going or states.get(tenant_unit(tenant)) == "failed"]


def outlive(tenants: Sequence[str]) -> None:
    """Waits until the starts of these tenants have failed: who asks for a start meanwhile is given that one."""
    _act(tuple(map(tenant_unit, tenants)))
