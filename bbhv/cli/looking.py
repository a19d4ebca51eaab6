"""The verbs that look: list, status, history, doctor. They change nothing and need no lock."""

from ..engine import report, world
from ..errors import EXIT_FAILED, EXIT_OK, NotFoundError
from ..findings import printable
from ..formats.jsontext import Json
from . import showing
from .main import Call
from .output import Output, complain


def list_tenants(call: Call, output: Output) -> int:
    """bbhv list: one line each."""
    tenants = report.tenants(None)
    if output.json != "off":
        output.value({"tenants": list[Json](tenants)})
    elif not tenants:
        nobody(output)
    else:
        showing.tenants(call, {"tenants": list[Json](tenants)}, output)
    return EXIT_OK


def nobody(output: Output) -> None:
    """What is said when there is no tenant, and what to do when nothing says who shall be one."""
    showing.nobody(output)
    if output.legend and not world.settings()[0].repository:
        output.say("Say where the system repository is in /etc/bitbuilder/bitbuilder.conf, then: bbhv sync")


def status(call: Call, output: Output) -> int:
    """bbhv status: each tenant with its workloads, its last outcome and its findings."""
    tenants, missing = _chosen(call.tenants())
    if output.json != "off":
        output.value({"tenants": list[Json](tenants)})
    elif not tenants and not missing:
        nobody(output)
    else:
        showing.status(call, {"tenants": list[Json](tenants)}, output)
    return max([EXIT_OK, *map(complain, missing)])


def _chosen(names: list[str]) -> tuple[list[dict[str, Json]], list[NotFoundError]]:
    """What is known of these tenants, or of all, and what is wrong with the names that nobody has here."""
    if len(names) == 1:
        return report.tenants(names[0]), []
    known = {str(one["id"]): one for one in report.tenants(None)}
    missing = [world.unknown(name, known) for name in names if name not in known]
    return [known[name] for name in names or known if name in known], missing


def history(call: Call, output: Output) -> int:
    """bbhv history: the generations that are kept, newest first, and the commits that are not tried again."""
    from ..engine.tenant import past

    found = past.history(call.tenants()[0])
    reply: dict[str, Json] = {"generations": [*found.generations], "quarantined": [*found.quarantined]}
    if output.json != "off":
        output.value(reply)
    else:
        showing.history(call, reply, output)
    return EXIT_OK


def doctor(call: Call, output: Output) -> int:
    """bbhv doctor: one line each check; the exit status is 1 when one is bad."""
    from ..engine.doctor import examine

    checks = examine()
    bad = [one for one in checks if not one.ok]
    if output.json != "off":
        hints = [one.hint if not one.ok else "" for one in checks]
        output.value({"checks": [
            {"name": one.name, "ok": one.ok, "message": one.message, "hint": hint} for one, hint in zip(checks, hints)
        ]})  # fmt: skip
        return EXIT_FAILED if bad else EXIT_OK
    width = max(len(one.name) for one in checks)
    for one in bad if output.quiet else checks:
        word = output.paint("ok ", "good") if one.ok else output.paint("BAD", "bad")
        output.line(f"{word}  {one.name:<{width}}  {printable(one.message)}")
        if not one.ok and one.hint and one.hint not in one.message:
            output.line(f"{'':<{width + 7}}{printable(one.hint)}")
    if output.legend:
        output.say(f"\n{len(bad) or 'None'} of {len(checks)} checks found something to do.")
    return EXIT_FAILED if bad else EXIT_OK
