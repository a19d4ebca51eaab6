"""What became of a run, as the JSON of `--json` and of the varlink replies."""

from collections.abc import Sequence

from ..formats.jsontext import Json
from . import report
from .tenant.job import Job


def jobs(done: Sequence[Job]) -> list[Json]:
    """What is told of these tenants, with the outcomes of this run, recorded or not."""
    known = {str(one["id"]): one for one in report.tenants(None)} if done else {}
    return [{"id": job.tenant, **known.get(job.tenant, {}), **_outcome(job)} for job in done]


def _outcome(job: Job) -> dict[str, Json]:
    outcome = job.outcome
    if outcome is None:
        return {"outcome": None, "message": None, "findings": []}
    return {
        "outcome": outcome.word, "outcomeCommit": job.commit or None, "outcomeUSec": outcome.when_usec or None,
        "message": outcome.message, "findings": list(outcome.findings),
    }  # fmt: skip
