"""Commit-confirm: what becomes of a healthy generation that waits for somebody's word.

While it waits nobody holds a lock and nothing newer is looked at. `confirm` keeps it; `hold`, which every run asks
first, lets it wait, or goes back when the time has passed. What was left half done is done again.
"""

from ...errors import BbhvError, CommandError, NotFoundError
from ...host import log
from ...kinds.values import show_wait
from ...model.compile import Generation
from ...model.events import Kind
from ...model.plan import plan
from ...model.registration import Registration
from ...records import replace
from ..storage.state import known_tenants
from ..world import World
from . import activate, deadline
from .deadline import Standing
from .job import Asked, Job, Mode, is_active, say_waiting


def hold(job: Job) -> bool:
    """Whether something waits to be confirmed, or did so in vain: then newer commits are not looked at.

    The job has its outcome then. Only a start that finds time left goes on: it brings up what waits.
    """
    match _found(job):
        case Standing.NOBODY_ASKED:
            return False
        case Standing.WAITING if job.mode is Mode.START:
            _arm(job)
        case Standing.WAITING:
            _wait_on(job)
        case _:
            _expire(job)
    return True


def confirm(host: World, tenant: str, who: str, asked: Asked) -> Job:
    """Keeps what waits to be confirmed; when the time has passed, goes back. The job says which.

    Raises NotFoundError when there is no such tenant or nothing waits, BusyError when somebody works on the tenant and
    is not to be waited for.
    """
    if tenant not in known_tenants():
        host.registered(tenant)
    job = _job(host, tenant)
    with job.lock as lock:
        lock.take(f"bbhv confirm {tenant}", wait=asked.wait, waiting=say_waiting)
        match _opened(job):
            case Standing.NOBODY_ASKED:
                hint = f"See what runs: bbhv status {tenant}"
                raise NotFoundError(f"Nothing of {tenant} waits to be confirmed.", hint=hint)
            case Standing.WAITING:
                job.tell(Kind.CONFIRM, f"confirmed by {who}")
                activate.keep(job, note=f", confirmed by {who}")
                deadline.disarm(tenant)
            case _:
                _expire(job)
    return job


def expire(host: World, tenant: str) -> None:
    """The timer's word: goes back, unless somebody was faster. Waits for whoever works on the tenant."""
    job = _job(host, tenant)
    with job.lock as lock:
        lock.take(f"bbhv tenant expire {tenant}", wait=True)
        if _opened(job) not in (Standing.NOBODY_ASKED, Standing.WAITING):
            _expire(job)


def reject(job: Job, who: str) -> bool:
    """Goes back at once when something waits to be confirmed, because an operator says so; says whether it did."""
    if _found(job) is Standing.NOBODY_ASKED:
        return False
    activate.go_back(job, f"{who} rolled it back")
    deadline.disarm(job.tenant)
    return True


def _job(host: World, tenant: str) -> Job:
    """A job for what is on this host already, whatever its registration says now."""
    registration = host.registrations.get(tenant) or Registration(tenant=tenant, repository="")
    return Job(registration=registration, mode=Mode.APPLY, allow_file=host.settings.allow_file)


def _opened(job: Job) -> Standing:
    job.store.make()
    job.state, job.active = job.store.load(), is_active(job.tenant)
    return _found(job)


def _found(job: Job) -> Standing:
    """How it stands with the trial, and the job filled with it. Half a way back is gone to its end."""
    trial, store = job.state.trial, job.store
    standing = deadline.of(trial)
    if trial is None or standing is Standing.NOBODY_ASKED or store.number("good") == trial.generation:
        return Standing.NOBODY_ASKED
    manifest = store.manifest(trial.generation)
    if manifest is None:
        hint = f"Remove {store.folder}/state.json, then: bbhv sync {job.tenant}"
        raise BbhvError(f"Generation {trial.generation} waits to be confirmed, but cannot be read.", hint=hint)
    job.commit, job.number = trial.commit, trial.generation
    job.generation = Generation(manifest=manifest, units=store.units(trial.generation))
    job.plan = plan(store.manifest(store.number("good")), manifest)
    return standing if store.number("current") == trial.generation else Standing.EXPIRED


def _wait_on(job: Job) -> None:
    """Says once more what is waited for."""
    told, trial = job.state.outcome, job.state.trial
    assert trial is not None
    _arm(job)
    if told and told.word == "held" and told.commit == job.commit:
        job.outcome = replace(told, message=activate.waiting_text(job, trial))  # which is not recorded at each look
    else:
        job.end("held", activate.waiting_text(job, trial))


def _arm(job: Job) -> None:
    """The timer may have been lost. Without it, whoever looks after the deadline goes back instead."""
    assert job.state.trial is not None
    try:
        deadline.arm(job.tenant, job.state.trial)
    except CommandError as error:
        log.write("warning", f"{job.tenant}: {error}")


def _expire(job: Job) -> None:
    assert job.generation is not None
    within = show_wait(job.generation.manifest.lifecycle.confirm_within_sec)
    activate.go_back(job, f"nobody confirmed it within {within}")
    deadline.disarm(job.tenant)
