"""The verbs that go in: shell, console, logs. What a workload has written is shown as text, never as orders to a
terminal."""

import os
import sys

from ..engine.tenant import inside, listening
from ..errors import EXIT_OK, BbhvError, RefusedError, UsageError
from ..host import journal, namespaces, systemd
from ..names import parse_workload, workload
from . import entries
from .main import Call
from .output import Output

# A login shell, the better one of the two that a container may have.
SHELL = ("sh", "-c", "if command -v bash >/dev/null; then exec bash -l; fi; exec sh -l")
STATUSES = {
    namespaces.EXIT_ENTER: "could not be entered", namespaces.EXIT_NO_EXEC: "has that program, but cannot execute it",
    namespaces.EXIT_NO_PROGRAM: "has no such program", namespaces.EXIT_USER: "has no such user",
}  # fmt: skip


def shell(call: Call, output: Output) -> int:
    """bbhv shell NAME.TENANT [COMMAND…]: returns what the command does."""
    _no_json(output, "shell")
    name, tenant = entries.named(call.arguments[0], parse_workload)
    one = inside.find(name, tenant)
    if one.kind != "container":
        hint = f"Its guest may offer a way in, such as ssh; to watch it: bbhv console {call.arguments[0]}"
        raise RefusedError(f"{call.arguments[0]} is a machine: nothing of the host can go in.", hint=hint)
    terminal = os.environ.get("TERM", "dumb") if all(map(os.isatty, (0, 1, 2))) else None
    status = inside.visit(one, tenant, call.get("--uid"), call.arguments[1:] or SHELL, terminal)
    if status in STATUSES and not output.quiet:
        print(f"bbhv: Status {status} of {call.arguments[0]}: it {STATUSES[status]}, or that is what the program said.",
              file=sys.stderr)  # fmt: skip
    return status


def console(call: Call, output: Output) -> int:
    """bbhv console NAME.TENANT: what it writes to its console since it was started, and when it is started again, until
    interrupted."""
    _no_json(output, "console")
    name, tenant = entries.named(call.arguments[0], parse_workload)
    unit = inside.find(name, tenant).unit
    since = systemd.show((unit,), ("InactiveExitTimestamp",)).get(unit, {}).get("InactiveExitTimestamp", "")
    if not since:
        hint = f"bbhv logs {call.arguments[0]} shows what it has logged before."
        raise BbhvError(f"{call.arguments[0]} was not started since this host was.", hint=hint)
    if output.legend and not output.quiet and sys.stderr.isatty():
        print(f"Watching the console of {workload(name, tenant)}; Ctrl-C ends it.", file=sys.stderr)
    try:
        for line in listening.read((f"_SYSTEMD_UNIT={unit}", f"--since={since}"), entries.lines(call)):
            output.line(line)
            sys.stdout.flush()
    except KeyboardInterrupt:
        pass  # which is how it ends
    return EXIT_OK


def logs(call: Call, output: Output) -> int:
    """bbhv logs NAME.TENANT|TENANT: becomes journalctl, unless JSON is wanted, which is what the interface tells."""
    (tenant, name), lines, since = entries.whose(call), entries.lines(call), call.get("--since")
    if output.json != "off":
        found = listening.entries(tenant, name, lines, since=since, follow=call.has("--follow"))
        return entries.show(found, output)
    options = ["--output=short", f"--lines={lines}", *([f"--since={since}"] if call.has("--since") else [])]
    options += ["--follow"] if call.has("--follow") else []
    terminal = {name: os.environ[name] for name in ("TERM", "NO_COLOR") if name in os.environ}
    journal.become(listening.units(tenant, name), options, terminal)


def _no_json(output: Output, verb: str) -> None:
    if output.json != "off":
        raise UsageError(f"bbhv {verb} shows what a workload itself writes, so there is no JSON.")
