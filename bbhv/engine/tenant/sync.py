"""The way a commit travels, one function per step:

    fetch, ingest, verify (choice, obtain, verify) → read → check → compile → plan → activate → watch → keep, or go back

`run` takes tenants through it, in parallel where they wait for others, together where they share a daemon-reload.
What goes wrong with one tenant is that tenant's outcome; the others go on.
"""

from contextlib import ExitStack
from typing import Sequence

from ...errors import BbhvError, BusyError
from ...findings import Finding, Place, errors, ordered
from ...formats.schema.compiler import Schema
from ...host import git, log, systemd
from ...model import forecast, neighbours
from ...model.compile import Generation, compile_tenant
from ...model.events import Stage
from ...model.host import HostFacts
from ...model.registration import Registration
from ...model.tenant import Tenant
from ...names import tenant_unit
from ...records import replace
from ...version import VERSION
from .. import hostfacts, paths, secrets, world
from ..hostfacts import Running
from ..networks import rivals
from ..repository import asking, retry, verify
from ..repository.choice import commit_of
from ..repository.read import read
from ..repository.signers import Signers
from ..storage import collect, images, publish
from ..world import World
from . import activate, batches, confirming, gate, healing, planning, recovery, revoking, room, scripts, sight
from . import still, supply
from .job import Asked, Job, Mode, each, is_active, say_waiting, sentence


def run(
    host: World, tenants: Sequence[str], mode: Mode, *, asked: Asked = Asked(), alone: bool = False
) -> list[Job]:
    """Takes the tenants through all steps. Each job that comes back has its outcome.

    A tenant that somebody else works on does not keep the others from being done: its outcome says who has it, or,
    when the caller wants to wait, it is waited for after them. Raises BusyError only when `alone` says that nobody
    else was asked for.
    """
    signers, local = Signers(host.trust), host.settings.allow_file
    jobs = [
        Job(registration=host.registered(t), mode=mode, allow_file=local, asked=asked, signers=signers) for t in tenants
    ]
    schema = world.metadata_schema()
    _together(jobs, host, schema, wait=asked.wait and alone, alone=alone)
    for job in [job for job in jobs if job.busy and asked.wait]:
        # One after the other, holding no other lock: two callers that wait for each other would wait for ever.
        job.busy, job.passed_over, job.outcome = False, False, None
        _together([job], host, schema, wait=True, alone=True)
    return jobs


def _together(jobs: Sequence[Job], host: World, schema: Schema, *, wait: bool, alone: bool) -> None:
    def ready_one(job: Job) -> None:
        prepare(job, host, schema)

    with ExitStack() as locks:
        locks.enter_context(collect.in_use())
        ready = [job for job in jobs if _take(job, locks, wait=wait, alone=alone)]
        looked = _looked_at(batches.in_order(ready))
        if len(looked) == 1:  # who is alone needs no thread
            each(looked, 1, ready_one)
            _finish(looked)
            return
        steps = batches.Run(host.settings.parallel, lambda job: each([job], 1, ready_one), _finish)
        steps.run(asking.in_order(looked))


def _finish(jobs: Sequence[Job]) -> None:
    """Activates what is ready. Nobody has to wait for these tenants because others are still on their way."""
    healing.settle(jobs)
    _activate(jobs)
    each([job for job in jobs if _falls_back(job)], 1, _fall_back)
    for job in jobs:
        revoking.settle(job)
        job.lock.release()


def _falls_back(job: Job) -> bool:
    """Whether a start of what is new failed before anything was judged: then what is good starts all the same."""
    failed = job.outcome is not None and job.outcome.word == "failed" and not job.concluded
    if job.mode is not Mode.START or not failed or job.note or job.store.number("good") in (None, job.number):
        return False
    job.note = job.outcome.message if job.outcome else ""
    job.outcome = None
    return True


def _fall_back(job: Job) -> None:
    use_good(job, job.note)
    _activate([job])


def start_good(tenant: str) -> Job:
    """Brings up the good generation of a tenant whose registration cannot be read: boot needs nobody's word for it."""
    job = Job(
        registration=Registration(tenant=tenant, repository="", source=Place("")), mode=Mode.START, allow_file=False
    )
    with ExitStack() as locks:
        _take(job, locks, wait=True, alone=True)
        open_job(job)
        if not confirming.hold(job):
            use_good(job, "its registration cannot be read")
        _activate([job])
    return job


def _take(job: Job, locks: ExitStack, *, wait: bool, alone: bool) -> bool:
    try:
        job.lock.take(f"bbhv {job.mode.value} {job.tenant}", wait=wait, waiting=say_waiting)
    except BusyError as error:
        if alone:
            raise
        job.busy = True
        job.pass_over("failed", error.message)
        return False
    locks.enter_context(job.lock)
    return True


def _looked_at(jobs: Sequence[Job]) -> Sequence[Job]:
    """The jobs, with what is asked once for all of them: what runs, now that nobody else acts on them.

    A start does not ask: it wants everything to run.
    """
    asks = jobs and jobs[0].mode is not Mode.START
    seen = sight.look(jobs[0].tenant if len(jobs) == 1 else "*") if asks else None
    try:
        offered = images.offered()
    except OSError:
        offered = None  # each looks for itself then, and fails by itself
    for job in jobs:
        job.sight, job.offered = seen, offered
    return jobs


def prepare(job: Job, host: World, schema: Schema) -> None:
    """Everything before the first change: afterwards the job has a generation and a plan, or its outcome.

    A start ends with what was good, whatever is wrong with what is new.
    """
    job.fetch_seconds = host.settings.fetch_timeout_sec
    open_job(job)
    hold = job.state.hold
    suspended = hold is not None and hold.verb == "suspend"
    publish.mark_suspended(job.tenant, suspended)
    if hold is not None and suspended:
        if job.active:  # whoever suspended it was killed; the unit waits for our lock
            systemd.urge("stop", [tenant_unit(job.tenant)])
            job.active = False  # so nothing that it should run counts as drift
        job.end("suspended", f"stopped by {hold.who}, its data is kept; until `bbhv resume {job.tenant}`")
        return
    if confirming.hold(job):
        return
    if job.mode is not Mode.START:
        _prepare_commit(job, host, schema)
        return
    with gate.passed(job.tenant) as leave:
        job.slow = leave
        _prepare_start(job, host, schema)


def _prepare_start(job: Job, host: World, schema: Schema) -> None:
    if job.store.number("good") is None:
        _prepare_commit(job, host, schema)
        return
    each([job], 1, lambda one: _prepare_commit(one, host, schema))
    if job.outcome is not None or job.generation is None:
        problem, job.outcome = job.outcome.message if job.outcome else "", None
        use_good(job, problem)


def open_job(job: Job) -> None:
    """The tenant's memory, with what a crash left set right."""
    job.store.make()
    job.state = job.store.load()
    job.active = job.mode is Mode.START or is_active(job.tenant, job.sight.states if job.sight else None)
    if job.sight:
        scripts.sweep(job.tenant, job.sight.states)
    if not job.active and publish.is_stopping(job.tenant):
        log.write("warning", f"{job.tenant}: it was being stopped when that was interrupted; now it is")
        activate.stop_children(job.tenant)
        publish.mark_stopped(job.tenant, True)
    try:
        recovery.recover(job, running=job.active and job.mode is not Mode.START)
    except OSError as error:
        if job.mode is not Mode.START:
            raise
        log.write("warning", f"{job.tenant}: {sentence(error)} What is good starts all the same.")


def _prepare_commit(job: Job, host: World, schema: Schema) -> None:
    try:
        with job.clone.reading():
            taken = _take_commit(job, host, schema)
    except git.DamagedError as error:
        if job.mode is not Mode.SYNC:
            raise
        log.write("warning", f"{job.tenant}: {error.message} The repository is cloned again.")
        job.clone.discard()
        taken = _take_commit(job, host, schema)
    if taken is not None:
        _make_ready(job, *taken)


def _take_commit(job: Job, host: World, schema: Schema) -> tuple[str, Tenant, Generation] | None:
    """A new commit, what it declares and what was compiled of that; None with the outcome set, or nothing to do."""
    fetched = still.is_fetched(job)
    if fetched:
        retry.forget(job.tenant)
    if fetched and still.is_accepted(job, job.told) and still.has_generation(job, job.told, _facts(job, host)):
        job.commit = job.told
        _nothing_new(job)
        return None
    commit = commit_of(job, fetched)
    if commit is None:
        return None
    if still.has_generation(job, commit.oid, _facts(job, host)):
        _nothing_new(job)
        return None
    job.step(Stage.VERIFIED)
    tenant = check(job, commit, _facts(job, host), schema)
    if tenant is None:
        return None
    job.step(Stage.CHECKED)
    facts = hostfacts.gather(host.settings, Running.declared(tenant), job.offered)
    generation = compile_tenant(tenant, job.registration, facts, commit.oid, VERSION)
    against = (*forecast.guard(job.current(), tenant, generation), *secrets.unusable(tenant, facts.host_name),
               *rivals.taken(tenant.id, neighbours.claims(tenant)))  # fmt: skip
    if against:
        _refuse(job, commit.oid, (*job.warnings, *against))
        return None
    job.step(Stage.COMPILED)
    return commit.oid, tenant, generation


def _make_ready(job: Job, oid: str, tenant: Tenant, generation: Generation) -> None:
    """Everything that can be slow or missing is there before the first change; no program waits with us for it."""
    if job.active:
        supply.take(job, generation, tenant)
        for workload in generation.manifest.workloads:
            if workload.kind == "machine" or workload.image.format == "raw":
                job.warnings = tuple(dict.fromkeys((*job.warnings, *images.check(workload))))
        if too_much := room.findings(job, tenant, generation):
            _refuse(job, oid, (*job.warnings, *too_much))
            return
        job.step(Stage.SUPPLIED)
    job.clone.align(oid, job.registration.branch, job.lock.handle)
    if not job.active:
        job.end("held", f"commit {oid[:12]} is checked; {stopped(job)}")
        return
    _plan(job, generation)


def use_good(job: Job, problem: str) -> None:
    """Takes what was good, as it was compiled, and notes why. Raises BbhvError when there is no such generation."""
    number = job.store.number("good")
    manifest = job.store.manifest(number)
    if manifest is None or number is None:
        raise BbhvError(
            f"There is no good generation to run: {problem}", hint=f"Push a commit, then bbhv sync {job.tenant}"
        )
    if problem:
        log.write("warning", f"{job.tenant}: generation {number} runs, not what is newer: {problem}")
    job.commit, job.number, job.note = manifest.commit, number, problem
    _plan(job, Generation(manifest=manifest, units=job.store.units(number)))


def _facts(job: Job, host: World) -> HostFacts:
    return hostfacts.gather(host.settings, Running.recorded(job.current()), job.offered)


def _nothing_new(job: Job) -> None:
    """The clone's HEAD follows, and that is all; a start goes on with what is good, which is the same."""
    job.clone.align(job.commit, job.registration.branch, job.lock.handle)
    job.clone.set_ref(paths.REF_GOOD, job.commit)  # which may not have come to it when the generation became good
    if job.mode is Mode.START:
        return
    if job.active:
        job.end("unchanged", healing.told(job))
    else:
        job.end("held", stopped(job))


def stopped(job: Job) -> str:
    """That a tenant does not run, and how it would."""
    return f"tenant@{job.tenant} is stopped hint: To run it: systemctl start {tenant_unit(job.tenant)}"


def check(job: Job, commit: verify.VerifiedCommit, facts: HostFacts, schema: Schema) -> Tenant | None:
    """Read and check: the tenant's declarations, or None with the outcome and all findings set."""
    files, problems = read(commit)
    tenant, findings = forecast.check(files, problems, job.registration, facts, schema, allow_file=job.allow_file)
    if tenant is None:
        _refuse(job, commit.oid, findings)
    else:
        job.warnings = findings
    return tenant


def _refuse(job: Job, oid: str, findings: tuple[Finding, ...]) -> None:
    """Ends the job with what is wrong with its commit."""
    bad = len(errors(findings))
    good = job.store.number("good")
    runs = f"generation {good} runs as before" if good is not None else "nothing runs"
    job.end("refused", f"commit {oid[:12]} has {bad} error{'s' if bad != 1 else ''}; {runs}", ordered(findings))


def _plan(job: Job, generation: Generation) -> None:
    """What must happen so that the generation runs."""
    job.generation, starting = generation, job.mode is Mode.START
    states = job.sight.states if job.sight else None
    job.plan = planning.between(planning.has(job.store), generation, starting=starting, states=states)
    job.step(Stage.PLANNED)


def _activate(jobs: Sequence[Job]) -> None:
    """All tenants of the run share one daemon-reload; when that fails, each says so."""
    watched = [job for job in jobs if job.plan.changes or job.plan.asked or job.mode is Mode.START]
    loud = [job for job in watched if job.outcome is None]
    quiet = [job for job in jobs if job not in loud]
    try:
        if loud:
            activate.activate(loud)
    except (BbhvError, OSError) as error:
        for job in loud:
            if job.outcome is None:
                job.end_safely("failed", f"{sentence(error)} The next sync goes back and tries once more.")
    each(quiet, 1, _record)  # last, for what it removes of older generations may take its time


def _record(job: Job) -> None:
    """A commit that changes nothing that runs: a new generation that is good at once, nothing restarts or reloads."""
    assert job.generation is not None
    same = job.current()
    one = job.generation
    job.number = job.store.write(
        one.manifest, one.units, one.scripts, job.mode.value, credentials=one.credentials, networks=one.networks
    )
    job.store.point("current", job.number)
    job.step(Stage.ACTIVATED)
    activate.keep(job, "unchanged" if same and same.commit == job.commit else "applied")


def summary(job: Job) -> str:
    """The tenant's status line: what a start or a reload ended with. Nobody can correct it after a sync."""
    number = job.store.number("current")
    manifest = job.store.manifest(number)
    word = job.outcome.word if job.outcome else "failed"
    if manifest is None:
        return f"at its start nothing ran; {word}"
    count = len(manifest.workloads)
    what = f"generation {number} ({manifest.commit[:7]}), {count} workload{'s' if count != 1 else ''}"
    told = f"at its start or reload {what}; {word}{': ' + job.note if job.note else ''}"
    return f"{told}; what runs now: bbhv status {job.tenant}"
