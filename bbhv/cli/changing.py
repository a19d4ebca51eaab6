"""The verbs that change what runs: sync, apply, rollback, suspend, resume, and what the units call."""

import os
import pwd
from typing import Callable, Sequence

from ..engine import manager, outcomes
from ..engine.tenant.job import Asked, Job
from ..errors import EXIT_FAILED, EXIT_OK, BbhvError, UsageError
from ..host import log
from ..names import parse_name
from . import options, reporting
from .main import Call
from .output import Output, complain
from .reporting import worst


def sync(call: Call, output: Output) -> int:
    """bbhv sync: all tenants, or the named ones."""
    log.quiet = True
    wanted = asked(call)
    run = manager.sync_system(wanted) if call.has("--system") else manager.sync_all(call.tenants(), wanted)
    status = _report(run.jobs, output)
    if run.problem is None:
        return status
    complain(run.problem)
    return worst([status, run.problem.status])


def apply(call: Call, output: Output) -> int:
    """bbhv apply."""
    log.quiet = True
    return _report(manager.apply(call.tenants(), asked(call)), output)


def rollback(call: Call, output: Output) -> int:
    """bbhv rollback."""
    log.quiet = True
    to, tenant = options.generation(call), call.tenants()[0]
    from ..engine.tenant import holds

    return _report([holds.rollback(tenant, to, _who(), asked(call))], output)


def confirm(call: Call, output: Output) -> int:
    """bbhv confirm."""
    log.quiet = True
    return _report([manager.confirm(call.tenants()[0], _who(), asked(call))], output)


def suspend(call: Call, output: Output) -> int:
    """bbhv suspend: each tenant for itself; one that is busy does not keep the others running."""
    from ..engine.tenant import holds

    log.quiet = True
    return _each(call, output, lambda tenant: holds.suspend(tenant, _who(), asked(call)))


def resume(call: Call, output: Output) -> int:
    """bbhv resume."""
    from ..engine.tenant import holds

    log.quiet = True
    return _each(call, output, lambda tenant: holds.resume(tenant, asked(call)))


def purge(call: Call, output: Output) -> int:
    """bbhv purge."""
    from ..engine.tenant import purge as engine
    from . import purging

    log.quiet = True
    return purging.purge(call, output, engine.look,
                         lambda tenant, volume: engine.purge(tenant, volume, asked(call)).as_json())  # fmt: skip


def _each(call: Call, output: Output, do: Callable[[str], Job]) -> int:
    jobs, statuses = [], []
    for tenant in call.tenants():
        try:
            jobs.append(do(tenant))
        except BbhvError as error:
            statuses.append(complain(error))
    return worst([*statuses, _report(jobs, output)] if jobs or output.json != "off" else statuses)


def asked(call: Call) -> Asked:
    """What the options of a verb ask for. Raises UsageError."""
    options.check_tenants(call)
    bundle = options.bundle(call)
    return Asked(
        allow_rewind=call.has("--allow-rewind"), wait=call.has("--wait"), backoff=call.has("--backoff"),
        bundle=os.path.abspath(bundle) if bundle else "",
    )  # fmt: skip


def _who() -> str:
    """Who is noted as the one that asked."""
    return os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name


def boot(call: Call, output: Output) -> int:
    """tenant-manager.service starts."""
    manager.boot()
    return EXIT_OK


def reload(call: Call, output: Output) -> int:
    """tenant-manager.service reloads; a tenant's outcome is not its failure."""
    manager.reload()
    return EXIT_OK


def tenant(call: Call, output: Output) -> int:
    """tenant@.service starts, reloads or stops; tenant-sync@.service syncs; tenant-confirm@.service expires."""
    what, name = call.arguments
    match what:
        case "start":
            job = manager.tenant_start(parse_name(name))
            return EXIT_OK if manager.is_up(job) else _report([job], output) or EXIT_FAILED
        case "reload":
            manager.tenant_reload(parse_name(name))
        case "stop":
            manager.tenant_stop(parse_name(name))
        case "sync":
            return _report(manager.tenant_sync(parse_name(name)), output)
        case "expire":
            manager.expire(parse_name(name))
        case _:
            raise UsageError("bbhv tenant takes start, reload, stop, sync or expire.")
    return EXIT_OK


def _report(jobs: Sequence[Job], output: Output) -> int:
    told = outcomes.brief(jobs)
    if output.json != "off":
        output.value(outcomes.reply(jobs))
    elif not log.in_journal():  # which has each outcome already, with its level
        reporting.show(told, output)
        if not jobs and not output.quiet:
            from .looking import nobody

            nobody(output)
    return reporting.status(told)
