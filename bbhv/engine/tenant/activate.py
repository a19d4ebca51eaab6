"""Activate, keep, go back: from a generation on disk to units that run it, restartable at any instruction.

The order is the promise (DESIGN: the way a commit travels). The trial is recorded before anything changes; what
disappears stops under its old definition; `current` and the link in /run are swapped; one daemon-reload serves all
tenants of the run; then units are reloaded, restarted and started. `good` moves only after the watch.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Mapping, Sequence

from ...errors import BbhvError
from ...host import log, systemd
from ...kinds.values import show_wait
from ...model import patience
from ...model.events import Stage
from ...model.manifest import Manifest
from ...model.plan import Action, Plan, ordered, plan, shared
from ...model.probe import probes
from ...model.scripts import begins, stopping, stops, takes_time
from ...names import infra_unit, network_unit, tenant_unit, workload_of
from ...records import dataclass, replace
from .. import paths, rereads
from ..storage import copies, publish
from ..storage.state import Outcome, Store, Trial
from . import control, deadline, scripts
from .deadline import Standing
from .job import Job, Mode, each, now_usec, sentence
from .probes import Asked
from .stopping import remind, starting, stop
from .watch import Watched, restarts, stable_seconds, watch

_NEW = (Action.RESTART, Action.START, Action.RECREATE)
PARALLEL_STOPS = 8
PARALLEL_SCRIPTED = 32
_CHILDREN = ("container", "machine", "health", "script")


@dataclass(frozen=True, slots=True)
class Move:
    """A tenant on its way to a generation (None: to nothing), with what that means for its units.

    `reason` is what its scripts are told; `whole` says that everything is to run afterwards, whatever the plan says.
    """

    job: Job
    target: int | None
    plan: Plan
    reason: str = "change"
    whole: bool = False

    @property
    def wanted(self) -> Manifest | None:
        """What is to run."""
        return self.job.store.manifest(self.target)

    @property
    def begins(self) -> bool:
        """Whether something starts."""
        return self.whole or begins(self.plan, self.wanted)


def switch(moves: Sequence[Move]) -> Mapping[str, str]:
    """Makes all moves, with one daemon-reload, and sets the units going without waiting for them.

    What goes wrong with one tenant ends its job. Returns the tenants of which nothing was started, because their
    script pre-start failed, with its words. Raises CommandError when systemd cannot be reached; nothing is half done
    then, for the trials are still recorded.
    """
    before = {move.job.tenant: move.job.current() for move in moves}
    ending = {
        move.job.tenant: (units, move.reason)
        for move in moves
        if (units := stops(move.plan, before[move.job.tenant], move.wanted))
    }
    each([move.job for move in moves if move.job.tenant in ending], PARALLEL_STOPS,
         lambda job: _stop(job, *ending[job.tenant]))  # fmt: skip
    changed = [move for move in moves if move.job.outcome is None and _show(move)]
    if changed:
        rereads.reread(f"{paths.RUN_LOCK}/_systemd", "systemd", systemd.daemon_reload)
    for move in moves:
        if move.job.outcome is None:
            publish.tidy(move.job.tenant)
            control.settle(move.job.tenant, move.wanted)
    _urge("reload-or-restart", moves, (Action.RELOAD,))
    left = {move.job.tenant: words for move in moves if (words := _pre_start(move))}
    going = [move for move in moves if move.job.tenant not in left]
    # One queue for what restarts and what starts, each after what it waits for: systemd keeps to After= between jobs
    # that it knows of, and may begin with the first before it hears of the second.
    young = starting([unit for move in going for unit in move.plan.units(*_NEW)])
    _urge("restart", going, _NEW)
    remind(young)
    for move in going:
        if move.job.outcome is None:
            _complete(move, before[move.job.tenant])
    return left


def _stop(job: Job, units: Sequence[str], reason: str) -> None:
    """Stops units, with the scripts among them; systemd has them in order."""
    scripted = any(not workload_of(unit)[0] for unit in units)
    if scripted:
        scripts.announce(job.tenant, reason)
    stop(units)
    if scripted:
        job.remarks += scripts.tell_failed(job.tenant, tuple(units))
        scripts.announce(job.tenant, "")


def _pre_start(move: Move) -> str:
    """Runs the script before something starts. Why it failed, or nothing."""
    if move.job.outcome is not None or not move.begins:
        return ""
    return scripts.call("pre-start", move.job.store, move.target, move.reason)


def _complete(move: Move, before: Manifest | None) -> None:
    """What starts with the tenant, and the scripts that rest until something stops."""
    if move.whole:
        systemd.urge("start", everything(move.wanted))
    if move.job.active:
        scripts.rest(move.job.store, before, move.wanted)


def _urge(verb: str, moves: Sequence[Move], actions: tuple[Action, ...]) -> None:
    """Sets units going. Where systemd refuses one of them it has taken none: then each tenant is asked for by itself.

    What is refused would go on as it was, and look healthy. So that fails its tenant, whose trial is still recorded.
    """
    going = [(move.job, move.plan.units(*actions)) for move in moves if move.job.outcome is None]
    if systemd.urge(verb, [unit for _, units in going for unit in units]):
        for job, units in going:
            if problem := systemd.urge(verb, units):
                job.end_safely("failed", f"systemd does not {verb} its units: {problem} The next sync goes back.")


def _show(move: Move) -> bool:
    """Swaps `current` and the link in /run; says whether systemd has to read its units again."""
    tenant, store = move.job.tenant, move.job.store
    try:
        if move.target is None:
            store.point("current", None)
            return publish.withdraw(tenant)
        store.point("current", move.target)
        return publish.publish(tenant, move.target, store.units(move.target)) or move.job.rereads
    except (BbhvError, OSError) as error:
        move.job.end_safely("failed", sentence(error))
        return False


def everything(manifest: Manifest | None) -> tuple[str, ...]:
    """All units of a generation that are to run, each after those that it waits for."""
    return () if manifest is None else (*shared(manifest), *(one.unit for one in ordered(manifest)))


def activate(jobs: Sequence[Job]) -> None:
    """Switches every job to its generation, watches them together, and keeps each or goes back.

    A tenant is decided on and let go as soon as its own watch is over: a slow one holds up nobody else. So who has
    scripts goes its way alone.
    """
    alone = [job for job in jobs if job.generation and takes_time(job.current(), job.generation.manifest)]
    if not alone or len(jobs) == 1:
        _together(jobs)
        return
    others = [job for job in jobs if job not in alone]
    with ThreadPoolExecutor(min(PARALLEL_SCRIPTED, len(alone) + 1)) as pool:
        groups = [pool.submit(_together, group) for group in ([others] if others else []) + [[job] for job in alone]]
    for group in groups:
        group.result()


def _together(jobs: Sequence[Job]) -> None:
    new = [job for job in jobs if job.number is None]
    each(jobs, 1, _begin)
    each(new, 1, _provision)
    generations = [job.generation for job in jobs if job.outcome is None and job.generation is not None]
    before = restarts([one.unit for generation in generations for one in generation.manifest.workloads])
    moves = [
        Move(job, job.number, job.plan, job.reason, job.mode is Mode.START) for job in jobs if job.outcome is None
    ]
    left = switch(moves)
    for job in [job for job in jobs if job.outcome is None and job.tenant in left]:
        _conclude(job, left[job.tenant])
    going = [job for job in jobs if job.outcome is None]
    for job in going:
        job.restarts = before
        job.step(Stage.ACTIVATED)
    watched = {job.tenant: _watched(job) for job in going}
    if len(going) == 1:  # who holds up nobody else
        watch(tuple(watched.values()), lambda one: _judge(going[0], one))
        return
    with ThreadPoolExecutor(max(1, len(going))) as pool:
        jobs_by_watch = {id(watched[job.tenant]): job for job in going}
        watch(tuple(watched.values()), lambda one: pool.submit(_judge, jobs_by_watch[id(one)], one))


def _provision(job: Job) -> None:
    """Runs the script that comes before a new generation. Nothing was changed yet when it fails."""
    if problem := scripts.call("provision", job.store, job.number, job.reason):
        job.concluded = True
        go_back(job, problem, changed=False)
        job.lock.release()
    elif job.state.trial and job.state.trial.untouched:
        job.remember(replace(job.state, trial=replace(job.state.trial, untouched=False)))


def _judge(job: Job, watched: Watched) -> None:
    job.step(Stage.WATCHED)
    _conclude(job, watched.reason)


def _conclude(job: Job, problem: str) -> None:
    job.concluded = True
    each([job], 1, lambda one: _decide(one, problem))
    job.lock.release()


def _decide(job: Job, problem: str) -> None:
    if not problem and Move(job, job.number, job.plan, whole=job.mode is Mode.START).begins:
        problem = scripts.call("post-start", job.store, job.number, job.reason)
    if not problem and _needs_word(job):
        _await_word(job)
    elif not problem:
        keep(job)
    elif job.number == job.store.number("good"):
        job.end("failed", f"the good generation {job.number} is not healthy: {problem}")
    else:
        go_back(job, problem)


def _begin(job: Job) -> None:
    """Writes the generation and records the trial, unless it is good already."""
    generation, store = job.generation, job.store
    assert generation is not None
    untouched = False
    if job.number is None:
        untouched = "provision" in generation.manifest.scripts
        job.number = store.write(generation.manifest, generation.units, generation.scripts, job.mode.value,
                                 credentials=generation.credentials, networks=generation.networks)  # fmt: skip
    if job.number != store.number("good") and deadline.of(job.state.trial) is not Standing.WAITING:
        attempts = 1 + (job.state.trial.attempts if job.state.trial and job.state.trial.commit == job.commit else 0)
        last = max(job.number, job.state.last)
        job.remember(replace(job.state, trial=Trial(job.number, job.commit, attempts, untouched=untouched), last=last))


def _watched(job: Job) -> Watched:
    """What is to be watched: the workloads that something happens to, and how often systemd had restarted them."""
    assert job.generation is not None
    manifest = job.generation.manifest
    touched = {*job.plan.units(Action.LIVE, *_NEW), *job.plan.asked}
    if job.mode is Mode.START:
        touched |= {one.unit for one in manifest.workloads}
    units = stable_seconds([one for one in manifest.workloads if one.unit in touched])
    again = job.plan.units(Action.RELOAD)
    alone = network_unit(job.tenant)  # a network of nobody yet is something that runs, too
    units |= {unit: 0.0 for unit in shared(manifest) if unit in again or (unit in touched and (units or unit == alone))}
    live = set(job.plan.units(Action.LIVE, Action.NONE))
    known = {unit: count for unit, count in job.restarts.items() if unit in live}
    return Watched(units, patience.of(manifest, units), known, _asked(job, job.number, manifest, units))


def _asked(job: Job, number: int | None, manifest: Manifest, units: Mapping[str, float]) -> Asked:
    """What the workloads that are watched are asked, and what a script of the tenant's sees."""
    folder = f"{job.store.folder}/generations/{number}"
    return Asked(probes(manifest, units), folder, scripts.volumes(manifest, job.store))


def _needs_word(job: Job) -> bool:
    """Whether somebody has to confirm what is healthy. An operator who chose it has done so already."""
    assert job.generation is not None
    new = job.number != job.store.number("good")
    return new and not job.chosen and job.generation.manifest.lifecycle.confirm_within_sec > 0


def _await_word(job: Job) -> None:
    """Ends the job, no lock held, while the generation waits for `bbhv confirm`. One that waits already waits on."""
    trial = job.state.trial
    assert job.generation is not None and trial is not None
    if deadline.of(trial) is not Standing.WAITING:
        trial = deadline.begin(trial, job.generation.manifest.lifecycle.confirm_within_sec)
    text = waiting_text(job, trial)
    deadline.arm(job.tenant, trial)
    job.state = replace(job.state, trial=trial)
    job.end("held", text)
    job.remember(job.state)


def waiting_text(job: Job, trial: Trial) -> str:
    """What a generation waits for, how long from now on, and what happens without it."""
    good, within = job.store.number("good"), show_wait(deadline.seconds_left(trial))
    back = f"generation {good} comes back" if good is not None else "everything stops, for nothing was good before"
    what = f"generation {job.number} ({job.commit[:7]}) runs"
    return f"{what}; confirm it within {within} with: bbhv confirm {job.tenant}, or {back}"


def keep(job: Job, word: str = "applied", note: str = "") -> None:
    """What was tried is good from now on; `note` follows what is said about it."""
    assert job.number is not None and job.generation is not None
    store = job.store
    if job.number == store.number("good"):
        # It was good before: what was said and noted last, perhaps about a newer commit, still holds. But a tenant that
        # was stopped, and nothing else, runs now.
        before = job.state.outcome
        if job.before is not None:
            job.tell_healed()
        elif before and before.word in ("held", "suspended") and not job.note:
            job.end("applied", f"generation {job.number} ({job.commit[:7]}) runs again")
        else:
            job.outcome = before or Outcome(word="applied", commit=job.commit)
        return
    try:
        store.point("good", job.number)
    except OSError:
        if store.number("good") != job.number:
            raise  # else it is good, though a power cut now may still undo it
    job.state = replace(job.state, trial=None, last=max(job.number, job.state.last))
    count = sum(step.action is not Action.NONE for step in job.plan.steps)
    done = f"{count} of {len(job.plan.steps)} objects changed{note}"
    message = f"generation {job.number} ({job.commit[:7]}), {done}"
    try:
        job.clone.set_ref(paths.REF_GOOD, job.commit)
        job.end(word, message)
        job.remember(job.state)
        copies.prune(store, job.generation.manifest.lifecycle.keep_generations)
    except (BbhvError, OSError) as error:  # a failure to note it is no failure of what runs
        job.end_without_record(word, f"{message}; but {sentence(error)} The next sync notes it.")


def go_back(job: Job, reason: str, *, changed: bool = True) -> None:
    """Returns to the good generation, and quarantines the commit. `changed` says whether anything was switched yet."""
    assert job.generation is not None
    store, good = job.store, job.store.number("good")
    manifest = store.manifest(good)
    log.write("warning", f"{job.tenant}: going back from commit {job.commit[:12]}: {reason}")
    back = plan(job.generation.manifest, manifest) if job.active and changed else Plan()
    move = Move(job, good, back, "rollback", job.mode is Mode.START and manifest is not None)
    left = switch([move])
    if job.outcome is not None:
        return  # it could not even go back; the trial is still recorded, so the next sync does
    job.step(Stage.RETURNED)
    problem = left.get(job.tenant) or settled(move)
    if job.state.hold and job.state.hold.verb == "rollback":
        # An operator's choice, of a commit that was good once: it is not quarantined, and what held before holds again.
        job.state = replace(job.state, trial=None, hold=job.hold_before)
    else:
        both = f"{reason}; generation {good} was not healthy either" if problem else reason
        job.state = replace(job.state.with_quarantine(job.commit, both, now_usec()), trial=None)
    job.end("rolled-back", f"{reason}; {_back_to(job, good)}{_nor(job, problem)}")
    job.remember(job.state)
    if job.number == job.state.last:
        store.forget(job.state.last)


def _back_to(job: Job, good: int | None) -> str:
    if good is None:
        return "there is no good generation, so nothing runs"
    return f"generation {good} runs again" if job.active else f"generation {good} starts with tenant@{job.tenant}"


def _nor(job: Job, problem: str) -> str:
    """What there is to say when what was good is not healthy any more either: it is left as it is."""
    if not problem:
        return ""
    hint = f"Push a newer commit, or choose another generation: bbhv rollback {job.tenant} --to=N"
    return f", but is not healthy either: {problem}; it is left as it is hint: {hint}"


def settled(move: Move) -> str:
    """Watches what came back, and calls its script post-start. Why it is not healthy, or nothing."""
    job, manifest = move.job, move.wanted
    if manifest is None:
        return ""
    touched = set(move.plan.units(Action.LIVE, *_NEW))
    units = stable_seconds([one for one in manifest.workloads if one.unit in touched])
    units |= dict.fromkeys(move.plan.units(Action.RELOAD), 0.0)
    one = Watched(units, patience.of(manifest, units), {}, _asked(job, move.target, manifest, units))
    watch([one], lambda _: None)
    if one.reason or not move.begins:
        return one.reason
    return scripts.call("post-start", job.store, move.target, move.reason)


def _children(tenant: str) -> list[str]:
    return [f"tenant-{kind}@*.{tenant}.service" for kind in _CHILDREN]


def forget_failures(tenant: str) -> None:
    """What failed before a tenant was to stop is no failure any more: it is stopped."""
    systemd.reset_failed([tenant_unit(tenant), infra_unit(tenant), network_unit(tenant), *_children(tenant)])


def stop_children(tenant: str) -> tuple[str, ...]:
    """Stops what is loaded of a tenant's workloads, then what they share, and waits. Returns the workloads.

    The scripts of the stop are among the units: systemd has each before or after the workloads.
    """
    units = stopping(systemd.loaded(_children(tenant)))
    below = systemd.loaded((infra_unit(tenant), network_unit(tenant)))
    scripts.announce(tenant, "")
    try:
        stop(units)
        scripts.tell_failed(tenant, units)
    finally:
        systemd.act("stop", below, ok=(0, 5))
        control.settle(tenant, None)
    return tuple(unit for unit in units if workload_of(unit)[0])
