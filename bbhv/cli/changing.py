"""The verbs that change what runs: sync, apply, rollback, and what the units call."""

import os
import pwd
from typing import Sequence

from ..errors import EXIT_BUSY, EXIT_FAILED, EXIT_FINDINGS, EXIT_OK, EXIT_REFUSED, NotFoundError, UsageError
from ..engine import manager
from ..engine.job import Job
from ..formats.jsontext import Json
from ..host import log
from ..names import parse_name
from .main import Call, complain
from .output import Output

_STATUS = {
    "applied": EXIT_OK, "unchanged": EXIT_OK, "held": EXIT_OK, "suspended": EXIT_OK,
    "rolled-back": EXIT_FAILED, "quarantined": EXIT_FAILED, "failed": EXIT_FAILED, "refused": EXIT_REFUSED,
}  # fmt: skip
_COLOUR = {"applied": "good", "unchanged": "dim", "held": "warn", "suspended": "warn"}


def _prepare(output: Output) -> None:
    if os.geteuid():
        raise NotFoundError("This verb needs root.", hint="Run it with sudo or run0.")
    log.quiet = True


def sync(call: Call, output: Output) -> int:
    """bbhv sync: all tenants, or the named ones."""
    _prepare(output)
    run = manager.sync_all([parse_name(one) for one in call.arguments])
    status = _report(run.jobs, output)
    if run.problem is None:
        return status
    complain(run.problem)
    return worst([status, run.problem.status])


def apply(call: Call, output: Output) -> int:
    """bbhv apply."""
    _prepare(output)
    return _report(manager.apply([parse_name(one) for one in call.arguments]), output)


def rollback(call: Call, output: Output) -> int:
    """bbhv rollback."""
    _prepare(output)
    to = call.get("--to")
    if to and not to.isdigit():
        raise UsageError("--to= needs the number of a generation.", hint=f"See: bbhv history {call.arguments[0]}")
    who = os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name
    return _report([manager.rollback(parse_name(call.arguments[0]), int(to) if to else None, who)], output)


def boot(call: Call, output: Output) -> int:
    """tenant-manager.service starts."""
    manager.boot()
    return EXIT_OK


def reload(call: Call, output: Output) -> int:
    """tenant-manager.service reloads; a tenant's outcome is not its failure."""
    manager.reload()
    return EXIT_OK


def tenant(call: Call, output: Output) -> int:
    """tenant@.service starts, reloads or stops."""
    what, name = call.arguments[0], parse_name(call.arguments[1])
    match what:
        case "start":
            manager.tenant_start(name)
        case "reload":
            manager.tenant_reload(name)
        case "stop":
            manager.tenant_stop(name)
        case _:
            raise UsageError("tenant takes start, reload or stop.")
    return EXIT_OK


def _report(jobs: Sequence[Job], output: Output) -> int:
    if output.json != "off":
        output.value({"tenants": [_json(job) for job in jobs]})
    elif not log.in_journal():  # which has each outcome already, with its level
        for job in jobs:
            _print(job, output)
        if not jobs:
            output.say("No tenant is registered on this host.")
    return worst([_status(job) for job in jobs])


def _status(job: Job) -> int:
    if job.busy:
        return EXIT_BUSY
    if job.outcome is None:
        return EXIT_FAILED
    if job.outcome.word == "refused" and job.outcome.findings:
        return EXIT_FINDINGS
    return _STATUS[job.outcome.word]


def worst(statuses: Sequence[int]) -> int:
    """The exit status for several tenants: 1 before 4 before 3, then the rest."""
    for status in (EXIT_FAILED, EXIT_REFUSED, EXIT_FINDINGS, EXIT_BUSY):
        if status in statuses:
            return status
    return EXIT_OK


def _print(job: Job, output: Output) -> None:
    outcome = job.outcome
    if outcome is None or (output.quiet and _status(job) == EXIT_OK):
        return
    word = output.paint(outcome.word, _COLOUR.get(outcome.word, "bad"))
    output.line(f"{job.tenant}: {word}{': ' + outcome.message if outcome.message else ''}")
    for step in job.plan.steps if outcome.word == "applied" else ():
        if step.action.value != "none":
            output.say(f"  {step.action.value:<8} {step.name}  {'; '.join(step.reasons)}")
    for finding in outcome.findings:
        if isinstance(finding, dict):
            text = f"{finding['file']}:{finding['line']}:{finding['column']}: {finding['severity']}[{finding['code']}]: {finding['message']}"
            output.line(f"  {text}{' hint: ' + str(finding['hint']) if finding['hint'] else ''}")


def _json(job: Job) -> Json:
    outcome = job.outcome
    return {
        "id": job.tenant,
        "outcome": outcome.word if outcome else None,
        "commit": job.commit or None,
        "message": outcome.message if outcome else None,
        "findings": list(outcome.findings) if outcome else [],
    }
