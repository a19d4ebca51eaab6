"""What became of a run, as the JSON of `--json` and of the varlink replies."""

from collections.abc import Sequence

from ..formats.jsontext import Json
from ..model.plan import MAX_STEPS
from . import report
from .tenant.job import Job


def reply(jobs: Sequence[Job]) -> dict[str, Json]:
    """What is known of these tenants, with the outcomes of this run, recorded or not, and what was done to each."""
    known = {str(one["id"]): one for one in report.tenants(None)} if jobs else {}
    return {"tenants": [{"id": job.tenant, **known.get(job.tenant, {}), **_outcome(job)} for job in jobs],
            "done": [_done(job) for job in jobs]}  # fmt: skip


def brief(jobs: Sequence[Job]) -> dict[str, Json]:
    """The same without what has to be looked up: enough to say how the run ended."""
    return {"tenants": [{"id": job.tenant, **_outcome(job)} for job in jobs], "done": [_done(job) for job in jobs]}


def _outcome(job: Job) -> dict[str, Json]:
    outcome = job.outcome
    if outcome is None:
        return {"outcome": None, "message": None, "findings": []}
    return {
        "outcome": outcome.word, "outcomeCommit": job.commit or None, "outcomeUSec": outcome.when_usec or None,
        "message": outcome.message, "findings": list(outcome.findings),
    }  # fmt: skip


def _done(job: Job) -> Json:
    applied = job.outcome is not None and job.outcome.word == "applied"
    steps = job.plan.touched[:MAX_STEPS] if applied else ()
    return {"tenant": job.tenant, "busy": job.busy, "steps": [step.as_json() for step in steps]}
