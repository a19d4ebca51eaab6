"""Healing: sets right what has drifted from the good generation, as far as the registration says.

Files of operators that change one unit of the tenant are removed (policy revert, loudly). Everything else is a plan for
the generation that is good already, and goes the usual way: systemd reads again, units start, and are watched. That is
done whatever came of newer commits: a repository that cannot be reached does not keep what is good from running.
"""

import os
from collections.abc import Sequence

from ...errors import BbhvError
from ...host import files, log
from ...model import drift
from ...model.compile import Generation
from ...model.drift import Drift, Sight
from ...model.plan import Plan
from ...model.remedy import remedy
from . import sight
from .job import Job, Mode, each, sentence


def told(job: Job) -> str:
    """What has drifted of a job that finds nothing new, and stays so, in a sentence; empty when there is nothing."""
    job.drift = sight.find(job.tenant, job.store, _seen(job))
    left = [one for one in job.drift if not one.is_set_right_by(job.registration.drift)]
    return f"drift: {drift.sentence(left)}" if left else ""


def _seen(job: Job) -> Sight:
    return job.sight or sight.look(job.tenant)


def settle(jobs: Sequence[Job]) -> None:
    """Has jobs that ended, whatever came of their commits, go on with what is good where that has drifted.

    Drift that is to be set right is looked at once more: what was just starting then may run now.
    """
    drifted = [job for job in jobs if job.outcome is not None and job.active and _has_drifted(job)]
    try:
        again = sight.look() if drifted else Sight()
    except BbhvError as error:
        log.write("warning", f"What has drifted is set right by the next sync: {error}")
        return
    for job in drifted:
        ended, job.outcome, job.drift = job.outcome, None, None
        each([job], 1, lambda one: _heal(one, again))
        if job.generation is None:
            job.outcome = job.outcome or ended
        else:
            job.before = ended


def _has_drifted(job: Job) -> bool:
    """Whether there is something to set right. Who cannot be looked at keeps the outcome that it has."""
    try:
        return job.mode is not Mode.START and _remedy(job, _seen(job)).changes
    except (BbhvError, OSError) as error:
        log.write("warning", f"{job.tenant}: nobody can say what has drifted: {sentence(error)}")
        return False


def _remedy(job: Job, seen: Sight) -> Plan:
    if job.drift is None:
        job.drift = sight.find(job.tenant, job.store, seen)
    return remedy(job.drift, job.registration.drift)


def _heal(job: Job, seen: Sight) -> None:
    """Prepares a job to set right what drifted: it has a plan for its good generation then."""
    job.generation, job.plan = None, _remedy(job, seen)
    if not job.plan.changes or job.drift is None:
        return
    healed = [one for one in job.drift if one.is_set_right_by(job.registration.drift)]
    job.healed = drift.sentence(healed)
    log.write("warning", f"{job.tenant}: drift, setting it right: {job.healed}")
    _revert(job, [one for one in healed if one.path])
    job.number = job.store.number("good")
    manifest = job.store.manifest(job.number)
    if manifest is not None:
        job.generation = Generation(manifest=manifest, units=job.store.units(job.number))


def _revert(job: Job, found: Sequence[Drift]) -> None:
    """Removes what operators have put there, and the folders that are empty then. Raises OSError, BbhvError."""
    for one in found:
        log.write("warning", f'{job.tenant}: removing {one.path}: its registration says "drift": "revert"')
        files.remove_tree(one.path)
        folder = os.path.dirname(one.path)
        if folder.endswith(".d") and os.path.isdir(folder) and not os.listdir(folder):
            os.rmdir(folder)
        job.rereads = True
