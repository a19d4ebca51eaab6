"""Holds: the operator's verbs that outlive their command.

A suspended tenant is stopped and stays so, through syncs and reboots, until it is resumed. One that was rolled back
stays at its older generation until a newer commit. Both are noted in state.json. The registration always wins: what it
suspends or makes absent, no verb starts.
"""

from ...errors import NotFoundError, RefusedError
from ...host import log, systemd
from ...model.compile import Generation
from ...model.events import Kind, Stage
from ...model.plan import plan
from ...model.registration import Registration
from ...names import tenant_unit
from ...records import replace
from ..manager import open_world
from ..repository.signers import Signers
from ..starting import start
from ..storage import collect, publish
from ..storage.state import Hold, Outcome, known_tenants
from ..world import World, written
from . import activate, confirming, recovery, supply, sync
from .job import Asked, Job, Mode, is_active, now_usec, say_waiting

RESUME, NEWER = "bbhv resume", "a newer commit"


def suspend(tenant: str, who: str, asked: Asked) -> Job:
    """Stops a tenant, and keeps it stopped until it is resumed. A trial that is under way goes back first."""
    job = _job(open_world(), tenant, asked)
    with job.lock as lock:
        lock.take(f"bbhv suspend {tenant}", wait=asked.wait, waiting=say_waiting)
        sync.open_job(job)
        before = hold = job.state.hold
        if hold is None or hold.verb != "suspend":
            hold = Hold("suspend", "", who, now_usec(), RESUME, under=before)
        publish.mark_suspended(tenant, True)  # before it is noted: a mark alone is undone by the next sync
        job.remember(replace(job.state, hold=hold))
        if hold is not before:
            job.tell(Kind.HOLD, f"suspended by {who}, until `bbhv resume {tenant}`")
        activate.stop_children(tenant)
        job.end("suspended", f"stopped by {hold.who}, its data is kept; until `bbhv resume {tenant}`")
    systemd.act("stop", [tenant_unit(tenant)], ok=(0, 5))
    activate.forget_failures(tenant)
    return job


def resume(tenant: str, asked: Asked) -> Job:
    """Ends a suspension, and brings the tenant up with what is newest. A rollback hold below it counts again.

    Raises RefusedError when the registration does not let it run.
    """
    host = open_world()
    job = _job(host, tenant, asked)
    with job.lock as lock:
        lock.take(f"bbhv resume {tenant}", wait=asked.wait, waiting=say_waiting)
        job.store.make()
        job.state = job.store.load()
        hold = job.state.hold
        if hold is None or hold.verb != "suspend":
            _refuse_unwanted(host, tenant, "not held")
            held = f"; it was rolled back by {hold.who}, which {NEWER} ends" if hold else ""
            start_it = "" if is_active(tenant) else f" hint: It is stopped: systemctl start {tenant_unit(tenant)}"
            message = f"it is not suspended{held}{start_it}"
            job.outcome = Outcome(word="unchanged", message=message, when_usec=now_usec())
            return job
        job.remember(replace(job.state, hold=hold.under))
        job.tell(Kind.RESUME, f"the suspension by {hold.who} has ended")
        publish.mark_suspended(tenant, False)
        publish.mark_stopped(tenant, False)  # the suspension stopped it, and nobody else
    return _bring_up(host, tenant, asked)


def _bring_up(host: World, tenant: str, asked: Asked) -> Job:
    one = host.registrations.get(tenant)
    if one is None and tenant not in host.refused:
        host.registered(tenant)
    _refuse_unwanted(host, tenant, "resumed")
    newest = sync.run(host, [tenant], Mode.SYNC, asked=replace(asked, wait=True), alone=True)[0] if one else None
    started = start(host, [tenant])[0]
    told = started.outcome.message if started.outcome else ""
    ended = newest.outcome if newest else None
    if ended and ended.word not in ("held", "unchanged") and ended.message != told:
        log.write("warning", f"{tenant}: what is newest does not run: {ended.message}")
    return started


def _refuse_unwanted(host: World, tenant: str, how: str) -> None:
    if said := host.unwanted(tenant):
        hint = f'Write "state": "enabled" into {written(host.registrations[tenant])}, then: bbhv sync'
        raise RefusedError(f"{tenant} is {how}, but {said}.", hint=hint)


def rollback(tenant: str, to: int | None, who: str, asked: Asked) -> Job:
    """Goes to another generation (the good one before this, or `to`), and holds it there until a newer commit.

    A generation that still waits to be confirmed goes back first, and without `to` that is all. The newest generation
    ends the hold. Raises RefusedError for a suspended tenant, and when that generation is what runs.
    """
    host = open_world()
    job = Job(registration=host.registered(tenant), mode=Mode.APPLY, allow_file=host.settings.allow_file, asked=asked)
    with collect.in_use(), job.lock as lock:
        lock.take(f"bbhv rollback {tenant}", wait=asked.wait, waiting=say_waiting)
        store = job.store
        store.make()
        job.state = store.load()
        if job.state.hold and job.state.hold.verb == "suspend":
            message = f"{tenant} is suspended by {job.state.hold.who}, which only `bbhv resume` ends."
            raise RefusedError(message, hint=f"bbhv resume {tenant}")
        job.active = is_active(tenant)
        recovery.recover(job, running=job.active)
        if confirming.reject(job, who) and to in (None, store.number("good")):
            return job
        job.outcome = None
        tip = job.state.tried or job.clone.head() or ""
        _go(job, _target(job, to), Hold("rollback", tip, who, now_usec(), NEWER))
    return job


def _target(job: Job, to: int | None) -> int:
    store = job.store
    good = store.number("good")
    older = [number for number in store.numbers() if good is not None and number < good]
    number = to if to is not None else max(older, default=None)
    if number is None or store.manifest(number) is None:
        which = number or "before this one"
        raise NotFoundError(f"{job.tenant} has no generation {which}.", hint=f"See: bbhv history {job.tenant}")
    if number == good:
        message = f"Generation {number} of {job.tenant} is the good one already."
        raise RefusedError(message, hint="Nothing was changed.")
    return number


def _go(job: Job, number: int, hold: Hold) -> None:
    """Makes a generation that is kept the good one; what does not become healthy goes back, and the hold with it."""
    store = job.store
    manifest, newest = store.manifest(number), max(store.numbers())
    assert manifest is not None
    job.commit, job.number, job.chosen = manifest.commit, number, True
    job.generation = Generation(manifest=manifest, units=store.units(number))
    job.hold_before = job.state.hold
    ends = number == newest and manifest.commit == hold.commit
    supply.take(job, job.generation)
    job.step(Stage.SUPPLIED)
    job.plan = plan(store.manifest(store.number("current")), manifest)
    job.step(Stage.PLANNED)
    job.remember(replace(job.state, hold=None if ends else hold))
    if not ends:
        job.tell(Kind.HOLD, f"rolled back to generation {number} by {hold.who}, until {NEWER}")
    if job.active:
        activate.activate([job])
    else:
        store.point("current", number)
        activate.keep(job, "held", f"; {sync.stopped(job)}")


def _job(host: World, tenant: str, asked: Asked) -> Job:
    """A job for a tenant that has a folder, or is registered. Raises NotFoundError."""
    known = tenant in host.refused or tenant in known_tenants()
    if tenant not in host.registrations and known:
        registration = Registration(tenant=tenant, repository="")
    else:
        registration = host.registered(tenant)
    return Job(
        registration=registration, mode=Mode.APPLY, allow_file=host.settings.allow_file, asked=asked,
        signers=Signers(host.trust),
    )  # fmt: skip
