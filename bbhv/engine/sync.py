"""The way a commit travels, one function per step:

    fetch, ingest (obtain) → verify → read → check → compile → plan → activate → watch → keep, or go back

`run` takes tenants through it, in parallel where they wait for others, together where they share a daemon-reload.
What goes wrong with one tenant is that tenant's outcome; the others go on.
"""

from contextlib import ExitStack
from dataclasses import replace
from typing import Sequence

from .. import grants
from ..compile import Generation, HostFacts, compile_tenant, inputs_digest
from ..errors import BbhvError, BusyError, CommandError, RefusedError
from ..findings import Finding, Place, errors, ordered
from ..formats.schema import Schema
from ..host import log
from ..names import workload
from ..plan import plan
from ..registration import Registration
from ..tenant import Tenant, read_tenant
from ..version import VERSION
from . import activate, hostfacts, images, obtain, paths, verify, world
from .job import Job, Mode, each, is_active, sentence
from .read import read
from .world import World


def run(host: World, tenants: Sequence[str], mode: Mode, *, wait: bool = False) -> list[Job]:
    """Takes the tenants through all steps. Each job that comes back has its outcome.

    With `wait`, a tenant that somebody else works on is waited for; otherwise its outcome says who has it. Raises
    BusyError only when that is so for the one tenant that was asked for.
    """
    jobs = [Job(registration=host.registered(t), mode=mode, allow_file=host.settings.allow_file) for t in tenants]
    schema = world.metadata_schema()
    with ExitStack() as locks:
        ready = [job for job in jobs if _take(job, locks, wait, only=len(jobs) == 1)]
        each(ready, host.settings.parallel, lambda job: prepare(job, host, schema))
        going = [job for job in ready if job.outcome is None]
        if going:
            _activate(going)
    return jobs


def _take(job: Job, locks: ExitStack, wait: bool, *, only: bool) -> bool:
    lock = job.lock()
    try:
        lock.take(f"bbhv {job.mode.value} {job.tenant}", wait=wait, waiting=lambda who: log.write("notice", f"Waiting for {who}."))
    except BusyError as error:
        if only:
            raise
        job.busy = True
        job.end_without_record("failed", error.message)
        return False
    job.handle = locks.enter_context(lock).handle
    return True


def start_good(host: World, tenant: str) -> Job:
    """Brings up the good generation of a tenant whose registration cannot be read: boot needs nobody's word for it."""
    registration = Registration(tenant=tenant, repository="", source=Place(""))
    job = Job(registration=registration, mode=Mode.START, allow_file=False)
    with ExitStack() as locks:
        _take(job, locks, wait=True, only=True)
        job.store.make()
        job.state = job.store.load()
        activate.recover(job, running=False)
        _use_good(job, "its registration cannot be read")
        _activate([job])
    return job


def prepare(job: Job, host: World, schema: Schema) -> None:
    """Everything before the first change: afterwards the job has a generation and a plan, or its outcome."""
    job.store.make()
    job.state = job.store.load()
    job.active = job.mode is Mode.START or is_active(job.tenant)
    activate.recover(job, running=job.active and job.mode is not Mode.START)
    if job.state.hold and job.state.hold.verb == "suspend":
        return job.end("suspended", "until `bbhv resume`")
    if job.registration.repository.startswith("file:") and not job.allow_file:
        raise RefusedError(f"{job.registration.repository} is a local repository.", hint="Set AllowFile=yes under [System].")
    commit = fetch(job) if job.mode is Mode.SYNC else choose(job)
    if commit is None or job.outcome:
        return None
    facts = _facts(job, host)
    if _unchanged(job, commit, facts):
        return _nothing_new(job)
    tenant = check(job, commit, facts, schema)
    if tenant is None:
        return None
    job.clone.align(commit.oid, job.registration.branch, job.handle)
    facts = hostfacts.gather(host.settings, tuple(workload(name, tenant.id) for name in tenant.containers))
    job.generation = compile_tenant(tenant, job.registration, facts, commit.oid, VERSION)
    if not job.active:
        return job.end("held", f"commit {commit.oid[:12]} is checked; tenant@{job.tenant} is stopped and starts it")
    _plan(job)
    _images(job)
    return None


def fetch(job: Job) -> verify.VerifiedCommit | None:
    """Fetch, ingest, verify: the tip of the branch, or None with the outcome set."""
    tip = obtain.obtain(job.repository, job.handle)
    job.commit = tip
    commit = verify.verify(job.clone, tip, policy=job.registration.trust, accepted=_accepted(job))
    bad = job.state.quarantined(tip)
    if bad:
        job.end("quarantined", f"commit {tip[:12]} is not tried again: {bad.reason}")
        return None
    if job.state.hold and job.state.hold.commit == tip:
        job.end("held", f"rolled back by {job.state.hold.who}; a newer commit ends the hold")
        return None
    _accept(job, tip)
    return commit


def _accepted(job: Job) -> str | None:
    return (job.clone.ref(paths.REF_TRIED) if job.clone.exists() else None) or job.state.tried or None


def _accept(job: Job, tip: str) -> None:
    job.clone.set_ref(paths.REF_TRIED, tip)
    hold = None if job.state.hold and job.state.hold.commit != tip else job.state.hold
    if job.state.tried != tip or hold != job.state.hold:
        job.remember(replace(job.state, tried=tip, hold=hold))


def choose(job: Job) -> verify.VerifiedCommit | None:
    """Without a network: HEAD if it counts, otherwise the good generation as it was compiled, and why.

    HEAD counts if it verifies, is not quarantined, does not rewind, and its trial was not interrupted. A tenant that
    never was good is fetched like a first start; a clone that was pulled by hand will do where that fails.
    """
    if job.mode is Mode.START and job.store.number("good") is None:
        try:
            return fetch(job)
        except CommandError as error:
            if not job.clone.exists() or job.clone.head() is None:
                raise
            log.write("warning", f"{job.tenant}: {error}")
    problem = ""
    head = job.clone.head() if job.clone.exists() else None
    try:
        if head is None:
            raise BbhvError(f"The clone {job.clone.path} is damaged: it has no HEAD.")
        problem = _not_again(job, head)
        commit = verify.verify(job.clone, head, policy=job.registration.trust, accepted=_accepted(job))
        if not problem:
            job.commit = head
            _accept(job, head)
            return commit
    except BbhvError as error:
        problem = str(error)
    _use_good(job, problem)
    return None


def _not_again(job: Job, head: str) -> str:
    bad, hold, trial = job.state.quarantined(head), job.state.hold, job.state.trial
    if bad:
        return f"commit {head[:12]} is quarantined: {bad.reason}"
    if hold and hold.commit == head:
        return f"commit {head[:12]} was rolled back by {hold.who}"
    if trial and trial.interrupted and trial.commit == head and job.store.number("good") is not None:
        return f"the trial of commit {head[:12]} was interrupted; the next sync tries it once more"
    return ""


def _use_good(job: Job, problem: str) -> None:
    """Runs what was good, when HEAD does not count."""
    number = job.store.number("good")
    manifest = job.store.manifest(number)
    if manifest is None:
        raise BbhvError(f"There is no good generation to run, and {problem}", hint="Push a commit, then bbhv sync.")
    if problem:
        log.write("warning", f"{job.tenant}: generation {number} is what counts, not HEAD: {problem}")
    if job.mode is not Mode.START:
        return job.end("quarantined" if job.state.quarantined(job.clone.head() or "") else "held", problem)
    job.commit, job.number = manifest.commit, number
    job.generation = Generation(manifest=manifest, units=job.store.units(number))
    job.note = problem
    return _plan(job)


def _facts(job: Job, host: World) -> HostFacts:
    manifest = job.current()
    known = tuple(workload(one.name, job.tenant) for one in manifest.workloads) if manifest else ()
    return hostfacts.gather(host.settings, known)


def _unchanged(job: Job, commit: verify.VerifiedCommit, facts: HostFacts) -> bool:
    manifest = job.current()
    if manifest is None or manifest.commit != commit.oid or job.store.number("current") != job.store.number("good"):
        return False
    return manifest.inputs == inputs_digest(commit.oid, job.registration, facts, VERSION)


def _nothing_new(job: Job) -> None:
    """The clone's HEAD follows, and that is all; a start still brings up what is good."""
    job.clone.align(job.commit, job.registration.branch, job.handle)
    if job.mode is Mode.START:
        _use_good(job, "")
    elif not job.active:
        job.end("held", f"tenant@{job.tenant} is stopped")
    else:
        job.end("unchanged")


def check(job: Job, commit: verify.VerifiedCommit, facts: HostFacts, schema: Schema) -> Tenant | None:
    """Read and check: the tenant's declarations, or None with the outcome and all findings set."""
    files, problems = read(commit)
    tenant, found = read_tenant(files, job.tenant, schema)
    findings: tuple[Finding, ...] = (*problems, *found)
    if tenant is not None:
        findings += tuple(grants.check(tenant, job.registration, allow_file=job.allow_file, offered=facts.offered))
    bad = errors(findings)
    if tenant is None or bad:
        count = f"{len(bad)} error{'s' if len(bad) != 1 else ''}"
        job.end("refused", f"commit {commit.oid[:12]} has {count}; {_runs(job)}", ordered(findings))
        if job.mode is Mode.START:
            _refused_at_start(job)
        return None
    return tenant


def _runs(job: Job) -> str:
    good = job.store.number("good")
    return f"generation {good} runs as before" if good is not None else "nothing runs"


def _refused_at_start(job: Job) -> None:
    if job.store.number("good") is not None:
        said = job.outcome
        job.outcome = None
        _use_good(job, said.message if said else "")


def _plan(job: Job) -> None:
    """What must happen so that the job's generation runs."""
    assert job.generation is not None
    store = job.store
    current = store.number("current")
    job.plan = plan(
        store.manifest(current), job.generation.manifest,
        old_units=store.units(current) if current is not None else None, new_units=job.generation.units,
    )  # fmt: skip


def _images(job: Job) -> None:
    """Everything that can be slow or missing is there before the first change."""
    assert job.generation is not None
    for image in job.generation.manifest.images:
        if images.ensure(image, job.state.images):
            job.remember(replace(job.state, images=(*job.state.images, image.sha256)))


def _activate(jobs: Sequence[Job]) -> None:
    """All tenants of the run share one daemon-reload; when that fails, each says so."""
    quiet = [job for job in jobs if not job.plan.changes and job.mode is not Mode.START]
    loud = [job for job in jobs if job not in quiet]
    each(quiet, 1, _record)
    try:
        if loud:
            activate.activate(loud)
    except (BbhvError, OSError) as error:
        for job in loud:
            if job.outcome is None:
                job.end_safely("failed", f"{sentence(error)} The next sync goes back and tries once more.")


def _record(job: Job) -> None:
    """A commit that changes nothing that runs: a new generation that is good at once, nothing restarts or reloads."""
    assert job.generation is not None
    job.number = job.store.write(job.generation.manifest, dict(job.generation.units))
    job.store.point("current", job.number)
    activate.keep(job)


def summary(job: Job) -> str:
    """The tenant's status line: what the last action saw."""
    manifest = job.store.manifest(job.store.number("current"))
    count = len(manifest.workloads) if manifest else 0
    number = job.store.number("current")
    what = f"generation {number} ({manifest.commit[:7]}), {count} workload{'s' if count != 1 else ''}" if manifest else "nothing runs"
    word = job.outcome.word if job.outcome else "failed"
    return f"{what}; {word}{': ' + job.note if job.note else ''}"

