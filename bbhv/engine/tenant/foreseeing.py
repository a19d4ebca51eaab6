"""Foreseeing: what the next sync would do to a tenant, seen and not done.

Nothing is written and no lock is held: everything that is read was published whole. The plan that is shown comes from
the functions that a sync uses.
"""

from collections.abc import Iterator, Mapping
from functools import cache

from ...errors import CommandError, NotFoundError, RefusedError
from ...findings import Finding, errors
from ...formats.gitobject import Commit
from ...formats.schema.compiler import Schema
from ...host import git
from ...host.run import run
from ...model import drift, neighbours
from ...model.host import Offered
from ...model.facts import Facts
from ...model.forecast import Forecast, Has, check, count, forecast
from ...model.hostconf import ALLOW_FILE
from ...model.plan import plan
from ...model.planview import View
from ...records import dataclass, replace
from ...version import VERSION
from .. import hostfacts, paths, secrets, world
from ..hostfacts import Running
from ..networks import rivals
from ..repository import choice, obtain
from ..repository.read import read_tree
from ..repository.signers import Signers
from ..storage import images, publish
from ..storage.state import Store
from ..world import World
from . import deadline, sight
from .deadline import Standing
from .job import Asked, Job, Mode, is_active, say_waiting
from .planning import between, has

REGISTRATION = "Its registration has errors; it stays as it is."


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What would become of one tenant. `outcome` is the word that a sync would end with if everything gets healthy;
    `refusal` says why it would not be done, `notes` what else there is to know."""

    tenant: str
    outcome: str
    commit: str = ""
    subject: str = ""
    running: str = ""
    generation: int | None = None
    forecast: Forecast = Forecast()
    refusal: str = ""
    hint: str = ""
    notes: tuple[str, ...] = ()


def foresee(host: World, tenant: str, *, revision: str = "", fetch: bool = False, asked: Asked = Asked()) -> Planned:
    """What a sync of the tenant would do with the newest commit that is here, or with `revision` of its clone.

    With `fetch` the newest one is asked for first; that moves the clone's ref `incoming`, and nothing else. Raises
    NotFoundError, and BbhvError when there is nothing to look at.
    """
    registration = host.registered(tenant)
    job = Job(registration=registration, mode=Mode.SYNC, allow_file=host.settings.allow_file, asked=asked,
              signers=Signers(host.trust))  # fmt: skip
    job.fetch_seconds = host.settings.fetch_timeout_sec
    if fetch:
        _fetch(job)
    job.state = job.store.load()
    now = has(job.store)
    if registration.state != "enabled":
        return _leaving(job, now)
    oid = _commit(job.clone, revision, tenant)
    job.commit = oid
    with job.clone.reading() as reader:
        commit = reader.commit(oid)
        files, problems = read_tree(reader, commit.tree)
    planned = Planned(
        tenant=tenant, outcome="applied", commit=oid, subject=commit.message.partition("\n")[0],
        running=now.manifest.commit if now.manifest else "", generation=now.number,
    )  # fmt: skip
    planned = replace(planned, forecast=_forecast(job, host, files, problems, now))
    return _judged(job, commit, planned)


def view(host: World, tenant: str, *, revision: str = "", fetch: bool = False, asked: Asked = Asked()) -> View:
    """The same as it is shown; a registration with errors is what there is to see. Raises as `foresee`."""
    if tenant in host.refused:
        return View(tenant=tenant, outcome="refused", refusal=REGISTRATION, findings=host.refused[tenant])
    planned = foresee(host, tenant, revision=revision, fetch=fetch, asked=asked)
    return View(
        tenant=planned.tenant, outcome=planned.outcome, commit=planned.commit, subject=planned.subject,
        running=planned.running, generation=planned.generation, plan=planned.forecast.plan, refusal=planned.refusal,
        hint=planned.hint, notes=planned.notes, findings=planned.forecast.findings,
    )  # fmt: skip


def _fetch(job: Job) -> None:
    with job.lock as lock:
        lock.take(f"bbhv plan --fetch {job.tenant}", wait=job.asked.wait, waiting=say_waiting)
        if job.registration.repository.startswith("file:") and not job.allow_file:
            raise RefusedError(f"{job.registration.repository} is a local repository.", hint=ALLOW_FILE)
        job.store.make()
        obtain.obtain(job.repository)


def _commit(clone: git.Clone, revision: str, tenant: str) -> str:
    """The commit that is meant. Raises NotFoundError."""
    if not clone.exists():
        raise NotFoundError(f"{tenant} was never fetched.", hint=f"bbhv plan --fetch {tenant}")
    if not revision:
        found = clone.ref(paths.REF_INCOMING) or clone.head()
    elif revision == "HEAD":
        found = clone.head()
    else:
        found = _named(clone, revision)
    if found is None:
        what = f"no commit {ascii(revision[:64])[1:-1]}" if revision else "no commit"
        raise NotFoundError(f"The clone of {tenant} has {what}.", hint=f"Fetch it: bbhv plan --fetch {tenant}")
    return found


def _named(clone: git.Clone, revision: str) -> str | None:
    """The commit of an object id that may be abbreviated; a name of another kind is none."""
    if not (4 <= len(revision) <= 64 and set(revision.lower()) <= set("0123456789abcdef")):
        return None
    wanted = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision.lower()}^{{commit}}")
    try:
        found = run(("git", f"--git-dir={clone.gitdir}", *git.HARMLESS, *wanted), timeout=git.TIMEOUT,
                    env=git.READING)  # fmt: skip
    except CommandError:
        return None
    return found.text.strip()


def _forecast(
    job: Job, host: World, files: Mapping[str, bytes], problems: tuple[Finding, ...], now: Has
) -> Forecast:
    registration = job.registration
    facts = hostfacts.gather(host.settings, Running(), _offered(), allocate=False)
    tenant, findings = check(files, problems, registration, facts, _schema(), allow_file=job.allow_file)
    if tenant is None:
        return Forecast(findings=findings)
    facts = hostfacts.gather(host.settings, Running.declared(tenant), _offered(), allocate=False)
    found = forecast(tenant, registration, facts, now, commit=job.commit, version=VERSION)
    assert found.generation is not None
    steps = between(now, found.generation, starting=False)
    closed = (*secrets.unusable(tenant, facts.host_name), *rivals.taken(tenant.id, neighbours.claims(tenant)))
    return replace(found, plan=steps, findings=(*findings, *found.findings, *closed))


# Asked once by a command, not once for each of its tenants.
@cache
def _schema() -> Schema:
    return world.metadata_schema()


@cache
def _offered() -> dict[str, Offered]:
    return images.offered()


def _judged(job: Job, commit: Commit, planned: Planned) -> Planned:
    """The same with what would become of it: the word of the outcome, and why."""
    found = planned.forecast
    notes = []
    if found.unallocated:
        notes.append(f"UID ranges of {', '.join(found.unallocated)}: (allocated when applied)")
    active, stopped = is_active(job.tenant), publish.is_stopped(job.tenant)
    word, why, hint = _verdict(job, planned)
    if active:
        notes += _drifted(job)
    elif stopped and word != "suspended":
        notes.append(f"tenant@{job.tenant} is stopped: a sync only checks the commit, and a start does this.")
    elif word == "applied":
        notes.append(f"tenant@{job.tenant} does not run: a sync starts it.")
    if word == "applied" and stopped and not active:
        word = "held"
    elif word == "applied" and planned.commit == planned.running and not found.plan.changes:
        word = "unchanged"
    return replace(planned, outcome=word, refusal=why, hint=hint, notes=tuple(notes))


def _drifted(job: Job) -> Iterator[str]:
    """What differs from the good generation, and whether a sync sets that right, whatever comes of the commit."""
    found = sight.find(job.tenant, job.store, sight.look(job.tenant))
    policy = job.registration.drift
    for what, healed in (("A sync sets right", True), ("It stays so", False)):
        some = [one for one in found if one.is_set_right_by(policy) is healed]
        if some:
            yield f"{what}: {drift.sentence(some)}."


def _verdict(job: Job, planned: Planned) -> tuple[str, str, str]:
    hold = job.state.hold
    if hold and hold.verb == "suspend":
        return "suspended", f"{job.tenant} is suspended by {hold.who}.", f"bbhv resume {job.tenant}"
    try:
        choice.verified(job, planned.commit)
    except RefusedError as error:
        return "refused", error.message, error.hint
    trial = job.state.trial
    if trial and deadline.of(trial) is Standing.WAITING and trial.generation != job.store.number("good"):
        return "held", f"Generation {trial.generation} waits to be confirmed.", f"bbhv confirm {job.tenant}"
    problem = choice.not_again(job, planned.commit)
    if problem:
        hint = choice.once_more(job, planned.commit)
        return "quarantined" if hint else "held", f"{problem}.", hint
    if errors(planned.forecast.findings):
        return "refused", count(planned.forecast.findings), ""
    return "applied", "", ""


def _leaving(job: Job, now: Has) -> Planned:
    """A tenant that its registration does not let run: everything stops, and all data is kept."""
    running = now.manifest if is_active(job.tenant) else None
    steps = plan(running, None)
    return Planned(
        tenant=job.tenant, outcome="suspended", running=now.manifest.commit if now.manifest else "",
        generation=now.number, forecast=Forecast(plan=steps),
        refusal=f"The registration of {job.tenant} says {job.registration.state}.",
    )  # fmt: skip


def facts(host: World, tenant: str) -> Facts:
    """What a plan on another machine must know of this host. Raises NotFoundError, RefusedError."""
    registration = host.registered(tenant)
    now = has(Store(paths.tenant(tenant)))
    told = hostfacts.gather(host.settings, Running.recorded(now.manifest), allocate=False)
    return Facts(registration=registration, host=told, has=now)
