"""One tenant's part of a run: what is known so far, and how it ended.

A job is made by `sync`, filled step by step, and carries the tenant's lock from the first step to the last.
"""

import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from typing import Callable, Iterable, Mapping, Sequence

from ...errors import BbhvError, NotYetError, RefusedError
from ...findings import Finding, MAX_SHOWN
from ...formats.jsontext import Json
from ...host import git, log, systemd
from ...host.lock import Lock
from ...model.compile import Generation
from ...model.host import Offered
from ...model.drift import Drift, Sight
from ...model.events import MAX_STEPS, NOTICE, ROWS, Event, Kind, Stage, Step, told as as_told
from ...model.manifest import Manifest
from ...model.plan import Plan
from ...model.registration import Fetch, Registration
from ...names import tenant_unit
from ...records import dataclass, field, replace
from .. import events, paths
from ..repository.reach import Repository
from ..repository.signers import Signers
from ..storage.state import Hold, Outcome, State, Store

MAX_LOGGED = 20


class Mode(Enum):
    """What a run is asked for."""

    SYNC = "sync"  # fetch, then apply what is new
    APPLY = "apply"  # apply what the clone's HEAD says, without a network
    START = "start"  # bring the tenant up: everything is to run afterwards


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the caller asked for beyond the mode: the operator's word that history may be rewound, whether a tenant that
    somebody else works on is waited for, the path of a bundle that is taken instead of the network, and whether it is
    too early for whose fetch failed a short while ago."""

    allow_rewind: bool = False
    wait: bool = False
    bundle: str = ""
    backoff: bool = False


@dataclass(slots=True)
class Job:
    """What one run knows about one tenant."""

    registration: Registration
    mode: Mode
    allow_file: bool
    asked: Asked = Asked()
    fetch_seconds: int = 300
    signers: Signers = field(default_factory=lambda: Signers({}))
    state: State = State()
    told: str = ""  # the oid that a server is said to have, which nobody believes: see `asking`
    commit: str = ""
    generation: Generation | None = None
    number: int | None = None
    plan: Plan = Plan()
    outcome: Outcome | None = None
    active: bool = False
    note: str = ""
    remarks: tuple[str, ...] = ()  # what went wrong on the way, and decides nothing
    sight: Sight | None = None  # what runs, when it was looked at
    drift: tuple[Drift, ...] | None = None  # None: nobody has looked yet
    before: Outcome | None = None  # the outcome of a job that goes on, because what is good has drifted
    healed: str = ""  # what had drifted and is set right
    rereads: bool = False  # systemd has to read its units again, whatever is published
    chosen: bool = False  # by an operator: nobody has to confirm it
    warnings: tuple[Finding, ...] = ()
    restarts: Mapping[str, int] = field(default_factory=dict)
    offered: Mapping[str, Offered] | None = None
    hold_before: Hold | None = None
    fetched: Callable[[], None] = lambda: None  # called when the server of its repository is free for another
    slow: Callable[[], None] = lambda: None  # called when it is going to wait for a server of images
    began: float = field(default_factory=time.monotonic)
    trace: tuple[Step, ...] = ()  # how far the run has come
    lock: Lock = field(init=False)
    clone: git.Clone = field(init=False)  # one and the same throughout, for who reads in it shares its git

    def __post_init__(self) -> None:
        self.lock = tenant_lock(self.tenant)
        self.clone = git.Clone(paths.clone(self.tenant))

    busy: bool = False
    passed_over: bool = False  # nothing was done: somebody else has it, or it is too early
    concluded: bool = False  # the watch came to a verdict, whatever it was

    @property
    def tenant(self) -> str:
        """The tenant's id."""
        return self.registration.tenant

    @property
    def store(self) -> Store:
        """The tenant's folder."""
        return Store(paths.tenant(self.tenant))

    @property
    def repository(self) -> Repository:
        """The tenant's repository as it is to be followed."""
        one = self.registration
        return Repository(
            name=one.tenant, url=one.repository, branch=one.branch, clone=self.clone, allow_file=self.allow_file,
            fetch=one.fetch or Fetch(), seconds=self.fetch_seconds, fetched=lambda: self.fetched(),
        )  # fmt: skip

    @property
    def reason(self) -> str:
        """Why something of the tenant starts, as its scripts are told."""
        return "start" if self.mode is Mode.START else "heal" if self.before is not None else "change"

    def current(self) -> Manifest | None:
        """The manifest of what activation last switched to."""
        return self.store.manifest(self.store.number("current"))

    def remember(self, state: State) -> None:
        """Makes a new state durable."""
        self.state = state
        self.store.save(state)

    def step(self, stage: Stage) -> None:
        """Notes how far the run has come. Who listens is told; the journal only of a commit that is new to it.

        The unit's status line is not, as long as nothing is new: with many tenants, systemd would have much to do.
        """
        self.trace = (*self.trace, Step(stage, now_usec()))
        news = self.commit != (self.state.outcome.commit if self.state.outcome else "")
        events.emit(self.event(Kind.STEP), lasting=news)
        if news:
            systemd.progress(f"{self.tenant}: {stage.value}")

    def tell(self, kind: Kind, message: str) -> None:
        """Says that something was done with the tenant, besides how the run ends."""
        events.emit(self.event(kind, message))

    def event(self, kind: Kind, message: str = "", outcome: str = "") -> Event:
        """What happens to the tenant just now."""
        return Event(
            tenant=self.tenant, kind=kind, outcome=outcome, commit=self.commit, generation=self.number,
            message=as_told(message), when_usec=now_usec(), trace=self.trace[-MAX_STEPS:],
        )  # fmt: skip

    def end(self, word: str, message: str = "", findings: tuple[Finding, ...] = ()) -> None:
        """Ends the job with an outcome. It is recorded, and an event, when it says something new.

        The journal gets it as well; on a terminal the caller shows the outcome. What was found about a commit is told
        as long as it is the newest one.
        """
        message = joined(message, *self.remarks)
        findings = findings or self.warnings
        told: tuple[Json, ...] = tuple(dict[str, Json](finding.as_json()) for finding in findings[:MAX_SHOWN])
        before = self.state.outcome
        if before and before.commit == self.commit and word == "unchanged":
            told = before.findings
        self.outcome = Outcome(word=word, commit=self.commit, message=message, findings=told, when_usec=now_usec())
        new = before is None or replace(before, when_usec=0) != replace(self.outcome, when_usec=0)
        if new:
            self.remember(replace(self.state, outcome=self.outcome))
        if word != "unchanged":
            self._say(word, message, new)
        for finding in findings[:MAX_LOGGED] if log.in_journal() and word != "unchanged" else ():
            log.write(finding.severity, f"{self.tenant}: {finding}")

    def _say(self, word: str, message: str, new: bool = True) -> None:
        """Says how it ended: as an event when that is new, else, and where the journal takes none, as a line."""
        row, event = ROWS.get(word), self.event(Kind.OUTCOME, message, word)
        if not (row and new and events.emit(event)) and log.in_journal():
            log.write("notice" if row and row.priority == NOTICE else "warning", event.sentence)

    def tell_healed(self) -> None:
        """Ends a job that has set right what drifted: as it ended before, with this said too."""
        assert self.before is not None
        message = joined(self.before.message, f"set right: {self.healed}", *self.remarks)
        self.outcome = replace(self.before, message=message)
        self.remember(replace(self.state, outcome=self.outcome))
        self.tell(Kind.HEAL, self.healed)

    def pass_over(self, word: str, message: str, findings: tuple[Finding, ...] = ()) -> None:
        """Ends the job though nothing was done, and leaves what is on disk to whoever has the lock."""
        self.passed_over = True
        told: tuple[Json, ...] = tuple(dict[str, Json](finding.as_json()) for finding in findings[:MAX_SHOWN])
        self.outcome = Outcome(word=word, commit=self.commit, message=message, findings=told, when_usec=now_usec())
        self._say(word, message, new=False)

    def end_without_record(self, word: str, message: str) -> None:
        """Ends the job where what became of it cannot be recorded."""
        self.outcome = Outcome(word=word, commit=self.commit, message=message, when_usec=now_usec())
        self._say(word, message)

    def end_safely(self, word: str, message: str) -> None:
        """Ends the job after a failure, also when the disk is so full that the outcome cannot be recorded."""
        try:
            self.end(word, message)
        except (BbhvError, OSError) as error:
            self.end_without_record(word, f"{message} The outcome could not be recorded: {sentence(error)}")


def each(jobs: Iterable[Job], parallel: int, step: Callable[[Job], None]) -> None:
    """Does a step for every job that is still going; whatever it raises is that job's outcome, and nobody else's."""
    going = (job for job in jobs if job.outcome is None)
    if parallel <= 1 or (isinstance(jobs, Sequence) and len(jobs) <= 1):
        for job in going:
            _one(job, step)
        return
    with ThreadPoolExecutor(parallel) as pool:
        list(pool.map(lambda job: _one(job, step), going))


def _one(job: Job, step: Callable[[Job], None]) -> None:
    try:
        step(job)
    except NotYetError as error:
        job.pass_over("failed", str(error))
    except RefusedError as error:
        job.end_safely("refused", str(error))
    except (BbhvError, OSError, ImportError) as error:  # a library that is needed late, while something is short
        job.end_safely("failed", sentence(error, job.store.folder))
    except Exception as error:  # a defect of ours that one tenant's content uncovers must not reach the others
        log.write("error", traceback.format_exc())
        job.end_safely("failed", f"internal error: {type(error).__name__}: {error}")


def sentence(error: Exception, where: str = "/var/lib") -> str:
    """What went wrong, also where the operating system said so; `where` is the place when it did not name one."""
    if isinstance(error, OSError):
        return f"{error.filename or where}: {error.strerror or error}."
    return str(error)


def joined(message: str, *more: str) -> str:
    """A message with more to say: before its hint, which stays the end of it."""
    said, mark, hint = message.partition(" hint: ")
    return "; ".join(text for text in (said, *more) if text) + mark + hint


def tenant_lock(tenant: str) -> Lock:
    """The lock of a tenant, not taken yet."""
    return Lock(f"{paths.RUN_LOCK}/{tenant}", f"Tenant {tenant}")


def say_waiting(holder: str) -> None:
    """Tells whoever waits for a lock for whom, also when only warnings are wanted: nothing else will be said."""
    log.write("notice" if log.in_journal() else "warning", f"Waiting for {holder}.")


def now_usec() -> int:
    """The time in microseconds since the epoch."""
    return time.time_ns() // 1000


def is_active(tenant: str, states: Mapping[str, str] | None = None) -> bool:
    """Whether somebody wants the tenant to run: tenant@ is up or on its way. `states`: of all tenant@ units."""
    unit = tenant_unit(tenant)
    found = systemd.states((unit,)) if states is None else states
    return found.get(unit) in ("active", "activating", "reloading", "refreshing")
