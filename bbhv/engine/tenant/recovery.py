"""Recovery: what an engine that was killed, or a power cut, has left half done is undone, or noted as done.

The links and the memory are set right first of all, by whoever has the tenant's lock next; the units are only when
they run.
"""

from ...host import log, systemd
from ...model.events import Event, Kind, told
from ...model.plan import plan
from ...records import replace
from .. import events
from ..storage.state import Outcome, State, Store, Trial
from . import deadline
from .activate import Move, everything, settled, switch
from .deadline import Standing
from .job import Job, now_usec

MAX_ATTEMPTS = 2


def recover(job: Job, *, running: bool) -> None:
    """Undoes a trial that was interrupted: the good generation is what counts again, here and in the units.

    `running` says whether the tenant's units are to be acted on; at boot and before a start they are not.
    """
    store, trial = job.store, job.state.trial
    good = store.number("good")
    if trial and good != trial.generation and deadline.of(trial) in (Standing.WAITING, Standing.EXPIRED):
        return  # it waits to be confirmed, which is for `confirming` to decide
    done = trial and (trial.interrupted or trial.untouched or store.number("current") == good == trial.generation)
    if running and trial and not done:
        _undo(job, trial.generation, good)
    job.state = settle(job.tenant, store, job.state)


def _undo(job: Job, trial: int, good: int | None) -> None:
    """Has the units run what is good, however far the trial had come; its scripts see a start like any other."""
    manifest = job.store.manifest(good)
    move = Move(job, good, plan(job.store.manifest(trial), manifest), "rollback")
    problem = "".join(switch([move]).values())
    systemd.urge("start", everything(manifest))
    if manifest and "post-start" in manifest.scripts and job.outcome is None:
        problem = problem or settled(move)
    if problem:
        log.write("warning", f"{job.tenant}: generation {good} did not start again: {problem}")


def settle(tenant: str, store: Store, state: State) -> State:
    """Sets the links and the state right after an interrupted trial; nothing to set right changes nothing."""
    trial, good = state.trial, store.number("good")
    if trial is None or trial.interrupted:
        return state
    if trial.confirm_usec and good != trial.generation:
        return _unconfirmed(tenant, store, state, trial)
    if store.number("current") == good == trial.generation:
        state = replace(state, trial=None)  # it had become good; only this note was missing
    else:
        what = f"generation {good} counts again" if good is not None else "there is no good generation yet"
        log.write("warning", f"{tenant}: the trial of commit {trial.commit[:12]} was interrupted; {what}")
        store.point("current", good)
        if trial.generation == state.last:  # not when an older one, which was good once, was rolled back to
            store.forget(trial.generation)
        state = replace(state, trial=replace(trial, interrupted=True))
        if state.hold and state.hold.verb == "rollback":  # an operator's, who may ask again
            manifest = store.manifest(good)
            left = manifest is not None and manifest.commit == state.hold.commit
            state = replace(state, trial=None, hold=None if left else state.hold)
        elif trial.attempts >= MAX_ATTEMPTS:
            reason = f"its trial was interrupted {MAX_ATTEMPTS} times"
            state = replace(state.with_quarantine(trial.commit, reason, now_usec()), trial=None)
    store.save(state)
    return state


def _unconfirmed(tenant: str, store: Store, state: State, trial: Trial) -> State:
    """After a restart of the host, nobody can confirm any more. Before it, whoever waits for a word goes on waiting."""
    if deadline.of(trial) is not Standing.RESTARTED:
        return state
    good = store.number("good")
    reason = "nobody confirmed it before the host restarted"
    to = f"generation {good} counts again" if good is not None else "there is no good generation"
    log.write("warning", f"{tenant}: commit {trial.commit[:12]}: {reason}; {to}")
    store.point("current", good)
    now = now_usec()
    outcome = Outcome(word="rolled-back", commit=trial.commit, message=f"{reason}; {to}", when_usec=now)
    state = replace(state.with_quarantine(trial.commit, reason, now), trial=None, outcome=outcome)
    store.save(state)
    events.emit(Event(
        tenant=tenant, kind=Kind.OUTCOME, outcome=outcome.word, commit=trial.commit, generation=trial.generation,
        message=told(outcome.message), when_usec=now,
    ))  # fmt: skip
    if trial.generation == state.last:
        store.forget(trial.generation)
    return state
