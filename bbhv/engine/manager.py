"""The verbs that units and operators call: boot, reload, sync, apply, start, stop.

They decide which tenants are concerned, and hand them to `sync.run`. None of them fails because of what one tenant
committed: that is the tenant's outcome.
"""

import os
import signal
import time
from collections import Counter
from contextlib import ExitStack
from typing import Callable, Mapping, Sequence

from ..errors import BbhvError, BusyError, CommandError
from ..formats.unitfile import render
from ..host import files, log, systemd
from ..host.lock import Lock
from ..model.registration import Registration
from ..names import tenant_unit
from ..records import dataclass
from . import paths, requests, resolving, starting, synced, system, world
from .repository import offline
from .starting import TARGET
from .storage import collect, publish
from .storage.state import Outcome, Store, known_tenants
from .tenant import activate, confirming, control, deadline, recovery, scripts, sync
from .tenant.job import Asked, Job, Mode, is_active, say_waiting, sentence, tenant_lock
from .world import World

STOP_PATIENCE = 120


def open_world() -> World:
    """The host as it is told, with what is wrong said once."""
    _make_folders()
    host = world.load()
    shown = {one for each in host.refused.values() for one in each}  # to people, with the outcomes
    for finding in (one for one in host.findings if log.in_journal() or one not in shown):
        log.write("warning" if finding.severity == "warning" else "error", str(finding))
    return host


def _make_folders() -> None:
    files.make_dir(paths.STATE, 0o755)
    files.make_private(paths.TENANTS)  # as the root of a file system of its own it came with another mode
    publish.prepare()


def boot() -> None:
    """Shows every tenant's good generation to systemd, then starts the tenants without waiting for them.

    No network, no git server, and no registration that can be read is needed for a tenant that was good before.
    """
    host = open_world()
    states = systemd.states([TARGET, "tenant@*.service", "tenant-script@*.service"])
    again = states.get(TARGET) == "active"  # this is no boot: tenants may run, and what was stopped since stays so
    for tenant in known_tenants():
        if _runs_here(host, tenant):
            _show_good(tenant, states, runs=again and is_active(tenant, states))
    _mark(host)
    publish.publish("_host", 1, _host_units(host))
    systemd.daemon_reload()
    resolving.keep_machines_out()
    publish.tidy("_host")
    enabled = [t for t in _enabled(host) if t in host.registrations or t in known_tenants()]
    wanted = [t for t in enabled if not (publish.is_suspended(t) or (again and publish.is_stopped(t)))]
    systemd.reach(TARGET)
    systemd.urge("start", map(tenant_unit, wanted))
    systemd.notify(f"STATUS={len(wanted)} tenants started")


def _runs_here(host: World, tenant: str) -> bool:
    """Whether a tenant with a folder is to run: its registration says so, or nobody can say otherwise."""
    if tenant in host.registrations:
        return host.registrations[tenant].state == "enabled"
    return tenant in host.refused or not host.readable


def _mark(host: World) -> None:
    """Has systemd pass over whom a registration does not let run: a file's name is enough for a unit to be linked."""
    known = known_tenants()
    for tenant in (*host.registrations, *host.elsewhere):
        if not _runs_here(host, tenant):
            publish.mark_suspended(tenant, True)
        elif tenant not in known:
            publish.mark_suspended(tenant, False)


def _enabled(host: World) -> list[str]:
    return sorted(t for t in {*host.registrations, *known_tenants()} if _runs_here(host, t))


def _show_good(tenant: str, states: Mapping[str, str], *, runs: bool) -> None:
    store = Store(paths.tenant(tenant))
    try:
        with tenant_lock(tenant) as lock:
            lock.take(f"bbhv boot {tenant}", wait=False)
            scripts.sweep(tenant, states)
            _settle(tenant, store, runs=runs)
            waits = deadline.of(store.load().trial) is deadline.Standing.WAITING
            shown = store.number("current" if waits else "good")
            if shown is not None:
                publish.publish(tenant, shown, store.units(shown))
    except BusyError as error:
        log.write("notice", f"{error.message} Who has it shows what is right.")
    except Exception as error:  # whatever one tenant's folder holds, the others are shown
        log.write("error", f"{tenant}: it starts from its clone, its generation cannot be shown: {sentence(error)}")
        publish.withdraw(tenant)


def _settle(tenant: str, store: Store, *, runs: bool) -> None:
    """Sets right what a crash left. A disk that is full does not keep the good generation from being shown.

    While the tenant runs, an interrupted trial does too: only who acts on its units may note that it went back.
    """
    try:
        store.make()
        state = store.load()
        hold = (state if runs else recovery.settle(tenant, store, state)).hold
        publish.mark_suspended(tenant, hold is not None and hold.verb == "suspend")
    except OSError as error:
        log.write("warning", f"{tenant}: {sentence(error)} The next sync notes what was interrupted.")


def _host_units(host: World) -> dict[str, str]:
    """What the host's settings change about our own units."""
    if not host.settings.interval_sec:
        return {}
    timer = [("OnUnitInactiveSec", ""), ("OnUnitInactiveSec", f"{host.settings.interval_sec}s")]
    text = render([("Timer", timer)], header="Written by bbhv from bitbuilder.conf, IntervalSec=.")
    return {"tenant-sync.timer.d/10-bitbuilder.conf": text}


@dataclass(frozen=True, slots=True)
class Run:
    """What became of a run: each tenant's job, and what was wrong with the system repository, if anything."""

    jobs: Sequence[Job]
    problem: BbhvError | None = None


def reload() -> Run:
    """Applies what the system repository says now, without a network: after a pull by hand."""
    _make_folders()
    system.try_to_adopt(world.settings()[0])
    return Run(_apply_registrations(open_world(), None, Mode.APPLY, block=False))


def sync_system(asked: Asked) -> Run:
    """Fetches the system repository alone, or takes it from a bundle, then applies what it says, as `reload` does."""
    _make_folders()
    system.follow(world.settings()[0], asked)
    return Run(_apply_registrations(open_world(), None, Mode.APPLY, block=True))


def sync_all(tenants: Sequence[str] = (), asked: Asked = Asked()) -> Run:
    """Fetches the system repository and the tenants' (all, or these), and applies what is new.

    When the system repository cannot be followed, the tenants are synced as they are registered. Raises NotFoundError
    for a tenant that nobody registered, BusyError when another such run is under way and is not to be waited for.
    """
    _make_folders()
    began = time.time()
    with ExitStack() as stack:
        if not tenants:
            lock = stack.enter_context(Lock(f"{paths.RUN_LOCK}/_sync", "The sync of all tenants"))
            lock.take("bbhv sync", wait=asked.wait, waiting=say_waiting)
        problem: BbhvError | None = None
        try:
            if not asked.bundle:  # which says that there is no network
                system.follow(world.settings()[0], asked)
        except (BbhvError, OSError) as error:
            problem = error if isinstance(error, BbhvError) else BbhvError(sentence(error, paths.SYSTEM_CLONE))
        host = open_world()
        if host.unread and not problem:  # what follows from a setting that was passed over has to be understood
            problem = BbhvError(str(host.unread[0]))
        _check_registered(host, tenants)
        jobs = _apply_registrations(host, tenants or None, Mode.SYNC, block=True, asked=asked)
        if not tenants:
            synced.note_all(began)
            collect.collect(frozenset((*host.registrations, *host.refused)))
        systemd.notify(f"STATUS={_counted(jobs)}")
        return Run(jobs, problem)


def _counted(jobs: Sequence[Job]) -> str:
    """How a run ended, for the status line of its unit."""
    counts = Counter(job.outcome.word for job in jobs if job.outcome)
    of_each = ", ".join(f"{number} {word}" for word, number in sorted(counts.items()))
    return f"{len(jobs)} tenant{'' if len(jobs) == 1 else 's'}{': ' + of_each if of_each else ''}"


def tenant_sync(tenant: str) -> list[Job]:
    """tenant-sync@: somebody has pushed. What the system repository says is known from the last sync of all.

    Raises NotFoundError when nobody registered the tenant.
    """
    requests.begin(tenant)
    return sync_some([tenant], Asked(wait=True))


def sync_some(tenants: Sequence[str], asked: Asked) -> list[Job]:
    """Fetches the repositories of these tenants, and applies what is new: what concerns nobody else.

    Raises NotFoundError when nobody registered one of them.
    """
    host = open_world()
    _check_registered(host, tenants)
    return _apply_registrations(host, tenants, Mode.SYNC, block=True, asked=asked)


def _check_registered(host: World, tenants: Sequence[str]) -> None:
    """Of those whose registration has errors, the outcome says so. Raises NotFoundError, RefusedError."""
    for tenant in tenants:
        if tenant not in host.refused:
            host.registered(tenant)


def carry_out() -> None:
    """Does what callers of the varlink interface asked for. After a sync that failed to run at all: nothing."""
    publish.prepare()
    if os.environ.get("SERVICE_RESULT", "success") == "success":
        requests.carry_out()


def _apply_registrations(
    host: World, only: Sequence[str] | None, mode: Mode, *, block: bool, asked: Asked = Asked()
) -> list[Job]:
    """Stops what is not to run, takes through the steps what runs, and starts what is new, no lock held."""
    chosen = sorted(only if only is not None else {*host.registrations, *host.refused, *known_tenants()})
    states = systemd.states(["tenant@*.service"])
    enabled = [tenant for tenant in chosen if tenant in host.registrations and _runs_here(host, tenant)]
    states = starting.settled(enabled, states)
    going: list[str] = []
    new: list[str] = []
    ended: list[str] = []
    jobs = [_refused(host, tenant) for tenant in chosen if tenant in host.refused]
    jobs += [_unwanted(host, tenant) for tenant in chosen if host.unwanted(tenant)]
    for tenant in chosen:
        state = states.get(tenant_unit(tenant), "inactive")
        if not _runs_here(host, tenant):
            ended.append(tenant)
        elif tenant not in host.registrations:
            continue  # nobody can say what it is to be, so it stays as it is
        elif state == starting.FAILING:
            jobs.append(starting.failing(host, tenant))
        elif state in ("inactive", "failed") and not (publish.is_stopped(tenant) or _suspended(tenant)):
            (going if asked.allow_rewind else new).append(tenant)
        else:
            going.append(tenant)
    _end(host, ended, states)
    if asked.bundle:  # what is new starts from what came with it
        going += new
    taken = sync.run(host, going, mode, asked=asked, alone=only is not None and len(only) == 1)
    starting.note_lost(taken, states)
    if asked.bundle:
        new, taken = offline.startable(new, taken)
    jobs += taken
    if block:
        jobs += starting.start(host, new)
    else:
        starting.urge(new)
    if mode is Mode.SYNC:
        synced.note((job.tenant, job.outcome.word) for job in jobs if job.outcome and not job.passed_over)
    return sorted(jobs, key=lambda job: job.tenant)


def _suspended(tenant: str) -> bool:
    """Whether a tenant is suspended. The mark in /run follows: it may be of a folder that was removed, or be missing
    since a boot at which the registration did not let the tenant run."""
    hold = Store(paths.tenant(tenant)).load().hold
    suspended = hold is not None and hold.verb == "suspend"
    publish.mark_suspended(tenant, suspended)
    return suspended


def _refused(host: World, tenant: str) -> Job:
    """A tenant whose registration has errors: it stays as it is, and this says why."""
    job = Job(registration=Registration(tenant=tenant, repository=""), mode=Mode.SYNC, allow_file=False)
    job.pass_over("refused", "its registration has errors; it stays as it is", host.refused[tenant])
    return job


def _unwanted(host: World, tenant: str) -> Job:
    """A tenant that its registration does not let run."""
    job = Job(registration=host.registrations[tenant], mode=Mode.START, allow_file=False, passed_over=True)
    job.outcome = Outcome(word="suspended", message=host.unwanted(tenant))
    return job


def _end(host: World, tenants: Sequence[str], states: Mapping[str, str]) -> None:
    """Suspended: stopped. Absent, or not registered any more: its units are gone as well. Data stays."""
    try:
        systemd.act("stop", [tenant_unit(t) for t in tenants if is_active(t, states)], ok=(0, 5))
    except CommandError as error:
        log.write("error", str(error))
    for tenant in tenants:
        if states.get(tenant_unit(tenant)) == "failed":
            activate.forget_failures(tenant)
        publish.mark_stopped(tenant, False)  # the registration stopped it, and may want it again
    gone = [t for t in tenants if t not in host.registrations or host.registrations[t].state == "absent"]
    if any([publish.withdraw(tenant) for tenant in gone]):
        systemd.daemon_reload()
    for tenant in gone:
        publish.tidy(tenant)
        control.forget(tenant)


def apply(tenants: Sequence[str], asked: Asked = Asked()) -> list[Job]:
    """Applies what the clones' HEADs say, without a network."""
    host = open_world()
    return sync.run(host, tenants, Mode.APPLY, asked=asked, alone=len(tenants) == 1)


def tenant_start(tenant: str) -> Job:
    """tenant@ starts: everything of the tenant is to run afterwards, or what was good before; see `is_up`.

    For whom the registration does not let run, that is nothing, and no failure.
    """
    host = open_world()
    publish.mark_stopped(tenant, False)
    if said := host.unwanted(tenant):
        one = _unwanted(host, tenant)
        log.write("notice", f"{tenant}: {said}, {one.registration.source}")
        systemd.notify(f"STATUS=suspended: {said}")
        return one
    one = _bring_up(host, tenant)
    systemd.notify(f"STATUS={sync.summary(one)}")
    return one


def is_up(job: Job) -> bool:
    """Whether a start has brought up something. If not, the outcome says why, and nobody has to say it again."""
    failed = job.outcome is None or job.outcome.word in ("failed", "refused")
    return not failed or (job.store.number("current") is not None and job.concluded)


def _bring_up(host: World, tenant: str) -> Job:
    if tenant in host.registrations:
        return sync.run(host, [tenant], Mode.START, asked=Asked(wait=True), alone=True)[0]
    if not _runs_here(host, tenant) or Store(paths.tenant(tenant)).number("good") is None:
        host.registered(tenant)
        raise world.unknown(tenant, host.registrations)
    return sync.start_good(tenant)


def tenant_reload(tenant: str) -> Job:
    """tenant@ reloads: the clone's HEAD is applied with the least disturbance."""
    one = sync.run(open_world(), [tenant], Mode.APPLY, asked=Asked(wait=True), alone=True)[0]
    systemd.notify(f"STATUS={sync.summary(one)}")
    return one


def tenant_stop(tenant: str) -> None:
    """tenant@ has stopped: its workloads stop too, whoever works on the tenant now, after a bounded patience."""
    publish.prepare()
    with tenant_lock(tenant) as lock:
        signal.signal(signal.SIGALRM, _impatient)
        signal.alarm(STOP_PATIENCE)
        try:
            lock.take(f"bbhv tenant stop {tenant}", wait=True)
        except TimeoutError:
            log.write("warning", f"{tenant}: somebody still works on it after {STOP_PATIENCE} s, stopping it anyway")
        signal.alarm(0)
        stays = _was_stopped(tenant)
        _note_stop(tenant, publish.mark_stopping if stays else lambda _: publish.mark_stopped(tenant, False))
        stopped = activate.stop_children(tenant)
        if stays or _was_stopped(tenant):  # meanwhile
            _note_stop(tenant, lambda _: publish.mark_stopped(tenant, True))
    systemd.notify(f"STATUS=stopped, {len(stopped)} workloads")


def _was_stopped(tenant: str) -> bool:
    """Whether somebody has stopped the unit: once it was up, or while it started, reloaded, or cleaned up after a start
    that failed (systemd.exec(5), $SERVICE_RESULT).

    A start that failed leaves nothing running either, but nobody has said that it shall stay so.
    """
    result, status = (os.environ.get(name, "") for name in ("SERVICE_RESULT", "EXIT_STATUS"))
    if result in ("", "success") or (result == "signal" and status == "TERM"):
        return True
    try:
        return bool(systemd.queued("stop", [tenant_unit(tenant)]))
    except CommandError as error:
        log.write("warning", str(error))
        return False


def _note_stop(tenant: str, note: Callable[[str], None]) -> None:
    try:
        note(tenant)
    except OSError as error:
        log.write("warning", f"{tenant}: {sentence(error)} It stops, but the next sync may not know who stopped it.")


def _impatient(number: int, frame: object) -> None:
    raise TimeoutError


def confirm(tenant: str, who: str = "root", asked: Asked = Asked()) -> Job:
    """Keeps the generation that waits for this word. Raises NotFoundError when none does."""
    return confirming.confirm(open_world(), tenant, who, asked)


def expire(tenant: str) -> None:
    """The time to confirm a generation has passed."""
    confirming.expire(open_world(), tenant)
