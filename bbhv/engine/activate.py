"""Activate, keep, go back: from a generation on disk to units that run it, restartable at any instruction.

The order is the promise (DESIGN: the way a commit travels). The trial is recorded before anything changes; what
disappears stops under its old definition; `current` and the link in /run are swapped; one daemon-reload serves all
tenants of the run; then units are reloaded, restarted and started. `good` moves only after the watch.
"""

from dataclasses import replace
from typing import Sequence

from ..compile import stub as compile_stub
from ..errors import BbhvError
from ..host import log, systemd
from ..manifest import Manifest
from ..names import infra_unit
from ..plan import Action, Plan, plan
from . import paths, publish
from .job import Job, Mode, now_usec
from .state import Outcome, State, Store, Trial
from .watch import Watched, restarts, stable_seconds, watch

_OLD = (Action.STOP, Action.RECREATE)
MAX_ATTEMPTS = 2


def switch(jobs: Sequence[Job], targets: Sequence[int | None], plans: Sequence[Plan]) -> None:
    """Moves each job's tenant to its target generation (None: to nothing), and sets its units going without waiting.

    Raises CommandError when systemd cannot be reached; nothing is half done then, for the trial is still recorded.
    """
    systemd.act("stop", [unit for one in plans for unit in one.units(*_OLD)], block=True, ok=(0, 5))
    changed = [_show(job, target) for job, target in zip(jobs, targets)]
    if any(changed):
        systemd.daemon_reload()
        for job in jobs:
            publish.tidy(job.tenant)
    systemd.act("reload", [u for one in plans for u in one.units(Action.RELOAD)], block=False)
    systemd.act("restart", [u for one in plans for u in one.units(Action.RESTART)], block=False)
    systemd.act("start", [u for one in plans for u in one.units(Action.START, Action.RECREATE)], block=False)


def _show(job: Job, target: int | None) -> bool:
    """Swaps `current` and the link in /run; says whether systemd has to read the units again."""
    before = publish.published(job.tenant)
    store = job.store
    if target is None:
        store.point("current", None)
        return publish.withdraw(job.tenant)
    units = store.units(target)
    same = before is not None and before.isdigit() and store.units(int(before)) == units
    store.point("current", target)
    if not same:
        publish.publish(job.tenant, target, units)
    return not same


def everything(manifest: Manifest | None) -> tuple[str, ...]:
    """All units of a generation that are to run, in the order of the manifest."""
    return () if manifest is None else (infra_unit(manifest.tenant), *(one.unit for one in manifest.workloads))


def activate(jobs: Sequence[Job]) -> None:
    """Switches every job to its generation, watches them together, and keeps each or goes back."""
    watched = [_begin(job) for job in jobs]
    switch(jobs, [job.number for job in jobs], [job.plan for job in jobs])
    for job in jobs:
        if job.mode is Mode.START:
            systemd.act("start", everything(job.generation.manifest if job.generation else None), block=False)
    watch(watched)
    for job, one in zip(jobs, watched):
        if not one.reason:
            keep(job)
        elif job.number == job.store.number("good"):
            job.end("failed", f"the good generation {job.number} is not healthy: {one.reason}")
        else:
            go_back(job, one.reason)


def _begin(job: Job) -> Watched:
    """Writes the generation and records the trial, unless it is good already."""
    generation, store = job.generation, job.store
    assert generation is not None
    if job.number is None:
        job.number = store.write(generation.manifest, dict(generation.units))
    if job.number != store.number("good"):
        attempts = 1 + (job.state.trial.attempts if job.state.trial and job.state.trial.commit == job.commit else 0)
        job.remember(replace(job.state, trial=Trial(job.number, job.commit, attempts)))
    return _watched(job, generation.manifest)


def _watched(job: Job, manifest: Manifest) -> Watched:
    touched = set(job.plan.units(Action.LIVE, Action.RESTART, Action.RECREATE, Action.START))
    if job.mode is Mode.START:
        touched |= {one.unit for one in manifest.workloads}
    units = stable_seconds([one for one in manifest.workloads if one.unit in touched])
    if infra_unit(job.tenant) in touched and units:
        units[infra_unit(job.tenant)] = 0.0
    live = set(job.plan.units(Action.LIVE, Action.NONE))
    known = {unit: count for unit, count in restarts(tuple(units)).items() if unit in live}
    return Watched(units, float(manifest.lifecycle.health_timeout_sec), known)


def keep(job: Job) -> None:
    """What was tried is good from now on."""
    assert job.number is not None and job.generation is not None
    store = job.store
    if job.number == store.number("good"):
        # It was good before: what was said and noted last, perhaps about a newer commit, still holds.
        job.outcome = job.state.outcome or Outcome(word="applied", commit=job.commit)
        return
    store.point("good", job.number)
    job.clone.set_ref(paths.REF_GOOD, job.commit)
    job.state = replace(job.state, trial=None)
    count = sum(step.action is not Action.NONE for step in job.plan.steps)
    job.end("applied", f"generation {job.number} ({job.commit[:7]}), {count} of {len(job.plan.steps)} objects changed")
    job.remember(job.state)
    store.prune(job.generation.manifest.lifecycle.keep_generations)


def go_back(job: Job, reason: str) -> None:
    """Returns to the good generation, and quarantines the commit."""
    assert job.generation is not None
    store, good = job.store, job.store.number("good")
    manifest = store.manifest(good)
    log.write("warning", f"{job.tenant}: commit {job.commit[:12]} is not healthy, going back: {reason}")
    back = plan(job.generation.manifest, manifest)
    switch([job], [good], [back])
    problem = _settled(job, manifest, back)
    state = replace(job.state.with_quarantine(job.commit, reason, now_usec()), trial=None)
    job.state = state
    to = f"generation {good} runs again" if manifest else "there is no good generation, so nothing runs"
    job.end("rolled-back", f"{reason}; {to}{'; but ' + problem if problem else ''}")
    job.remember(replace(job.state, trial=None))


def _settled(job: Job, manifest: Manifest | None, back: Plan) -> str:
    if manifest is None:
        return ""
    if job.mode is Mode.START:
        systemd.act("start", everything(manifest), block=False)
    touched = set(back.units(Action.LIVE, Action.RESTART, Action.RECREATE, Action.START))
    units = stable_seconds([one for one in manifest.workloads if one.unit in touched])
    one = Watched(units, float(manifest.lifecycle.health_timeout_sec), {})
    watch([one])
    return one.reason


def recover(job: Job, *, running: bool) -> None:
    """Undoes a trial that was interrupted: the good generation is what counts again, here and in the units.

    `running` says whether the tenant's units are to be acted on; at boot and before a start they are not.
    """
    store, trial = job.store, job.state.trial
    good = store.number("good")
    if running and trial and not trial.interrupted and not (store.number("current") == good == trial.generation):
        manifest = store.manifest(good)
        switch([job], [good], [plan(store.manifest(trial.generation), manifest)])
        systemd.act("start", everything(manifest), block=False)
    job.state = settle(job.tenant, store, job.state)


def settle(tenant: str, store: Store, state: State) -> State:
    """Sets the links and the state right after an interrupted trial; nothing to set right changes nothing."""
    trial, good = state.trial, store.number("good")
    if trial is None or trial.interrupted:
        return state
    if store.number("current") == good == trial.generation:
        state = replace(state, trial=None)  # it had become good; only this note was missing
    else:
        what = f"generation {good} counts again" if good is not None else "there is no good generation yet"
        log.write("warning", f"{tenant}: the trial of commit {trial.commit[:12]} was interrupted; {what}")
        store.point("current", good)
        state = replace(state, trial=replace(trial, interrupted=True))
        if trial.attempts >= MAX_ATTEMPTS:
            reason = f"its trial was interrupted {MAX_ATTEMPTS} times"
            state = replace(state.with_quarantine(trial.commit, reason, now_usec()), trial=None)
    store.save(state)
    return state


def stop_children(tenant: str) -> tuple[str, ...]:
    """Stops what is loaded of a tenant's workloads, then what they share, and waits. Returns the units."""
    workloads = systemd.loaded((f"tenant-container@*.{tenant}.service", f"tenant-machine@*.{tenant}.service"))
    shared = systemd.loaded((infra_unit(tenant),))
    try:
        systemd.act("stop", workloads, block=True, ok=(0, 5))
    finally:
        systemd.act("stop", shared, block=True, ok=(0, 5))
    return workloads


def stub(tenant: str, problem: BbhvError) -> None:
    """Shows the generator a unit that fails with the reason, for a tenant whose generation cannot be shown."""
    publish.publish(tenant, f"{now_usec()}", compile_stub(tenant, problem.message))
