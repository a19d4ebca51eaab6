"""Which commit of a tenant counts: the tip of its branch, the clone's HEAD, or the one that was good.

The two ways to a verified commit: `fetch` with a network, `choose` without. Both remember what they accepted, in the
clone's ref `tried` and in state.json, so that history is never rewound, not even by a lost file.
"""

from ...errors import BbhvError, CommandError, RefusedError
from ...host import log
from ...model.events import Stage
from ...model.hostconf import ALLOW_FILE
from ...records import replace
from .. import paths
from ..tenant.job import Job, Mode
from . import obtain, refusals, retry, verify


def commit_of(job: Job, fetched: bool = False) -> verify.VerifiedCommit | None:
    """The commit that the job is about, or None with the outcome set. `fetched`: the clone has what it was told of."""
    local = job.registration.repository.startswith("file:")
    if local and not job.allow_file:
        raise RefusedError(f"{job.registration.repository} is a local repository.", hint=ALLOW_FILE)
    return fetch(job, fetched) if job.mode is Mode.SYNC else choose(job)


def fetch(job: Job, fetched: bool = False) -> verify.VerifiedCommit | None:
    """Fetch, ingest, verify: the tip of the branch, or None with the outcome set."""
    _heal(job)
    if not fetched:
        _say_again(job)
        job.told = obtain.attempt(job.repository, bundle=job.asked.bundle, patient=job.asked.backoff)
        job.clone.touch_ref(paths.REF_INCOMING)
    tip = job.told
    job.commit = tip
    job.step(Stage.FETCHED)
    try:
        commit = verified(job, tip)
    except RefusedError as error:
        refusals.note(job.tenant, tip, job.signers.of_tenant(job.registration)[0], error)
        obtain.give_back(job.repository)
        raise
    problem = not_again(job, tip)
    if problem:
        _end_before(job, tip, problem)
        return None
    _accept(job, commit)
    obtain.accept(job.repository)
    return commit


def _say_again(job: Job) -> None:
    """Raises RefusedError when a server is said to have what was refused already, and nothing has changed since."""
    if job.told and job.asked.backoff:
        job.commit = job.told
        refusals.say_again(job.tenant, job.told, job.signers.of_tenant(job.registration)[0])


def choose(job: Job) -> verify.VerifiedCommit | None:
    """Without a network: HEAD, if it verifies, is not quarantined or held, does not rewind, and was not interrupted.

    A tenant that never was good is fetched like a first start; a clone that was pulled by hand will do where that
    fails. None with the outcome set when HEAD does not count.
    """
    first = job.store.number("good") is None
    if job.clone.exists():
        job.clone.restore(job.repository.configuration(job.clone.algorithm()))
    known = job.clone.exists() and job.clone.head() is not None
    if job.mode is Mode.START and first and not (known and retry.waits(job.tenant, job.repository.way)):
        try:
            return fetch(job)
        except CommandError as error:
            if not known:
                raise
            log.write("warning", f"{job.tenant}: {error}")
    head = job.clone.head() if job.clone.exists() else None
    if head is None:
        raise BbhvError(f"The clone {job.clone.path} has no HEAD.", hint=f"Clone it again: bbhv sync {job.tenant}")
    job.commit = head
    trial = job.state.trial
    problem = not_again(job, head)
    if not problem and trial and trial.interrupted and trial.commit == head and not first:
        problem = f"the trial of commit {head[:12]} was interrupted; the next sync tries it once more"
    if problem:
        _end_before(job, head, problem)
        return None
    commit = verified(job, head)
    _accept(job, commit)
    return commit


def verified(job: Job, oid: str) -> verify.VerifiedCommit:
    """The commit as a verified one, by the policy and the memory of the tenant. Raises RefusedError, DamagedError."""
    authority, findings = job.signers.of_tenant(job.registration)
    for finding in findings:
        log.write("debug", f"{job.tenant}: {finding}")  # bbhv doctor shows them
    accepted = _accepted(job, oid)
    try:
        return verify.verify(
            job.clone, oid, authority=authority, accepted=accepted, proof=job.state.proof,
            allow_rewind=job.asked.allow_rewind,
        )  # fmt: skip
    except RefusedError as error:
        manifest = job.current()
        if manifest is None or manifest.commit != oid:
            raise
        raise RefusedError(f"{error.message} It is deployed already and runs on.", hint=error.hint) from error


def _accepted(job: Job, oid: str) -> tuple[str, ...]:
    """What was accepted before, as each place remembers it; where both are lost, what was good. A first start says
    that it is one."""
    tried = job.clone.ref(paths.REF_TRIED) if job.clone.exists() else None
    known = tuple(dict.fromkeys(one for one in (tried, job.state.tried) if one))
    if known:
        return known
    good = job.store.manifest(job.store.number("good"))
    what = f"the good generation's commit {good.commit[:12]} counts" if good else f"{oid[:12]} is the first commit"
    log.write("notice", f"{job.tenant}: nothing remembers what was accepted before; {what}")
    return (good.commit,) if good else ()


def _heal(job: Job) -> None:
    """What only the clone remembers is to outlive it. The other way round it may not have the commit any more."""
    tried = job.clone.ref(paths.REF_TRIED) if job.clone.exists() else None
    if tried and not job.state.tried:
        job.remember(replace(job.state, tried=tried))


def not_again(job: Job, oid: str) -> str:
    """Why a commit is not to be tried, or an empty text."""
    if job.asked.allow_rewind:
        return ""  # the operator's word lifts it, see _accept
    bad, hold = job.state.quarantined(oid), job.state.hold
    if bad:
        return f"commit {oid[:12]} is not tried again: {bad.reason}"
    if hold and hold.commit == oid:
        return f"commit {oid[:12]} was rolled back by {hold.who}; a newer commit ends the hold"
    return ""


def once_more(job: Job, oid: str) -> str:
    """What to do about a commit that is in quarantine, or an empty text."""
    again = f"Push a newer commit, or try this one once more: bbhv sync --allow-rewind {job.tenant}"
    return again if job.state.quarantined(oid) else ""


def _end_before(job: Job, oid: str, problem: str) -> None:
    hint = once_more(job, oid)
    job.end("quarantined" if hint else "held", f"{problem} hint: {hint}" if hint else problem)


def _accept(job: Job, commit: verify.VerifiedCommit) -> None:
    oid = commit.oid
    job.clone.set_ref(paths.REF_TRIED, oid)
    refusals.forget(job.tenant)
    state = job.state.allowing(oid) if job.asked.allow_rewind else job.state
    hold = None if state.hold and state.hold.commit != oid else state.hold
    state = replace(state, tried=oid, hold=hold, proof=commit.proof)
    if state != job.state:
        job.remember(state)
