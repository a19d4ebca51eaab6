"""The verbs that look: list, status, history, doctor. They change nothing and need no lock."""

import time

from ..engine import report, world
from ..engine.tenant.deadline import span
from ..errors import EXIT_FAILED, EXIT_OK, NotFoundError
from ..findings import printable
from ..formats.jsontext import Json
from ..kinds.values import show_progress
from .main import Call
from .output import Output, complain, finding_text, text

_STATES = {"active": "good", "failed": "bad", "activating": "warn", "reloading": "warn", "inactive": "dim"}
_WORDS = {"applied": "good", "unchanged": "good", "held": "warn", "suspended": "warn", "-": "dim"}
INDENT = 15
SHOWN = 4
SUBJECT = 60


def list_tenants(call: Call, output: Output) -> int:
    """bbhv list: one line each."""
    tenants = report.tenants(None)
    if output.json != "off":
        output.value({"tenants": list[Json](tenants)})
    elif not tenants:
        nobody(output)
    else:
        heads = ("TENANT", "ACTIVE", "OUTCOME", "GENERATION", "COMMIT", "WORKLOADS")
        output.table(heads, [_row(one) for one in tenants])
        output.total(len(tenants), "tenant", "listed")
    return EXIT_OK


def _row(one: dict[str, Json]) -> list[tuple[str, str]]:
    active, outcome = text(one["activeState"]), text(one["outcome"])
    return [
        (text(one["id"]), "bold"), (active, _STATES.get(active, "")), (outcome, _WORDS.get(outcome, "bad")),
        (text(one["generation"]), ""), (text(one["commit"])[:12], "dim"), (str(len(_list(one["workloads"]))), ""),
    ]  # fmt: skip


def nobody(output: Output) -> None:
    """What is said when there is no tenant, and what to do when nothing says who shall be one."""
    if not output.legend:
        return
    output.line("No tenant is registered on this host.")
    if not world.settings()[0].repository:
        output.say("Say where the system repository is in /etc/bitbuilder/bitbuilder.conf, then: bbhv sync")


def status(call: Call, output: Output) -> int:
    """bbhv status: each tenant with its workloads, its last outcome and its findings."""
    tenants, missing = _chosen(call.tenants())
    if output.json != "off":
        output.value({"tenants": list[Json](tenants)})
    else:
        for one in tenants:
            _tenant(one, output)
        if not tenants and not missing:
            nobody(output)
    return max([EXIT_OK, *map(complain, missing)])


def _chosen(names: list[str]) -> tuple[list[dict[str, Json]], list[NotFoundError]]:
    """What is known of these tenants, or of all, and what is wrong with the names that nobody has here."""
    if len(names) == 1:
        return report.tenants(names[0]), []
    known = {str(one["id"]): one for one in report.tenants(None)}
    missing = [world.unknown(name, known) for name in names if name not in known]
    return [known[name] for name in names or known if name in known], missing


def _tenant(one: dict[str, Json], output: Output) -> None:
    state = text(one["activeState"])
    colour = _STATES.get(state, "")
    output.line(f"{output.paint('●', colour)} {output.paint(text(one['id']), 'bold')}  {output.paint(state, colour)}")
    for label, lines in (
        ("Registration", [text(one["state"])] if one["state"] not in ("enabled", None) else []),
        ("Generation", _generation(one)), ("Last sync", _last_sync(one, output)), ("Hold", _hold(one["hold"])),
        ("Fetching", _fetching(one["fetching"])), ("Confirm", _confirm(one)), ("Stopped", _stopped(one)),
        ("Workloads", _workloads(one, output)), ("Drift", _drift(one, output)),
        ("Findings", [finding_text(it) for it in _list(one["findings"])]),
    ):  # fmt: skip
        for number, line in enumerate(lines):
            output.line(f"{label + ':' if number == 0 else '':>{INDENT}} {line}")


def _generation(one: dict[str, Json]) -> list[str]:
    if one["generation"] is None:
        return []
    good = "none is good yet" if one["good"] is None else f"{one['good']} is good"
    trial = "" if one["good"] == one["generation"] else f", on trial; {good}"
    return [f"{one['generation']} ({text(one['commit'])[:12]}){trial}"]


def _last_sync(one: dict[str, Json], output: Output) -> list[str]:
    word = text(one["outcome"])
    if word == "-":
        return [output.paint("never", "dim")]
    when = f" {ago(one['outcomeUSec'])}" if one["outcomeUSec"] else ""
    message, _, hint = text(one["message"] or "").partition(" hint: ")
    first = f"{output.paint(word, _WORDS.get(word, 'bad'))}{when}{': ' + message if message else ''}"
    return [first, *([hint] if hint else []), *_retry(one)]


def _retry(one: dict[str, Json]) -> list[str]:
    if one["retryUSec"] is None:
        return []
    seconds = max(0, int(int(str(one["retryUSec"])) / 1e6 - time.time()))
    return [f"It is fetched again in {span(seconds)}; now: bbhv sync {text(one['id'])}"]


def _fetching(value: Json) -> list[str]:
    if not isinstance(value, dict):
        return []
    size = value["size"]
    progress = show_progress(int(str(value["received"])), size if isinstance(size, int) else 0)
    return [f"image {text(value['image'])}, {progress}"]


def _confirm(one: dict[str, Json]) -> list[str]:
    if one["confirmUSec"] is None:
        return []
    seconds = int(int(str(one["confirmUSec"])) / 1e6 - time.time())
    left = f"within {span(seconds)}" if seconds > 0 else "at once, for the time has passed"
    return [f"{left}: bbhv confirm {text(one['id'])}"]


def _stopped(one: dict[str, Json]) -> list[str]:
    """That a tenant which is to run does not, because somebody stopped it, and how it runs again."""
    hold = one["hold"]
    held = isinstance(hold, dict) and hold["verb"] == "suspend"
    if held or one["state"] != "enabled" or one["activeState"] != "inactive" or one["generation"] is None:
        return []
    start = f"systemctl start tenant@{text(one['id'])}"
    return [] if start in str(one["message"]) else [f"to run it: {start}"]  # the last sync may have said it


def _hold(hold: Json) -> list[str]:
    if not isinstance(hold, dict):
        return []
    return [f"{text(hold['verb'])} by {text(hold['who'])} {ago(hold['whenUSec'])}, until {text(hold['until'])}"]


def _workloads(one: dict[str, Json], output: Output) -> list[str]:
    rows = []
    for workload in _list(one["workloads"]):
        if isinstance(workload, dict):
            state = text(workload["activeState"])
            rows.append((f"{text(workload['name'])}.{text(one['id'])}", output.paint(state, _STATES.get(state, ""))))
    width = max([len(name) for name, _ in rows], default=0)
    return [f"{name:<{width}}  {state}" for name, state in rows]


def _drift(one: dict[str, Json], output: Output) -> list[str]:
    """What runs and is not what was committed, with what a person would do about it."""
    rows = []
    for drift in _list(one["drift"]):
        if isinstance(drift, dict):
            rows.append(f"{output.paint(text(drift['unit']), 'warn')}: {text(drift['reason'])}")
            rows += [f"  {text(drift['hint'])}"] if output.legend else []
    return rows


def history(call: Call, output: Output) -> int:
    """bbhv history: the generations that are kept, newest first, and the commits that are not tried again."""
    from ..engine.tenant import past

    tenant = call.tenants()[0]
    found = past.history(tenant)
    if output.json != "off":
        output.value({"generations": list[Json](found.generations), "quarantined": list[Json](found.quarantined)})
        return EXIT_OK
    if not found.generations:
        output.line(f"{tenant} has no generation yet.")
    else:
        heads = ("GENERATION", "COMMIT", "WHEN", "BY", "WORKLOADS", "", "SUBJECT")
        output.table(heads, [_past(one) for one in found.generations])
    if found.quarantined:
        output.say("\nNot tried again:")
        for one in found.quarantined:
            output.line(f"{text(one['commit'])[:12]}  {ago(one['whenUSec'])}  {text(one['reason'])}")
    return EXIT_OK


def _past(one: dict[str, Json]) -> list[tuple[str, str]]:
    names = [text(name) for name in _list(one["workloads"])]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return [
        (text(one["generation"]), "bold"), (text(one["commit"])[:12], ""), (ago(one["createdUSec"]), ""),
        (text(one["verb"]), ""), (" ".join(names[:SHOWN]) + more or "-", ""),
        (" ".join(word for word in ("current", "good", "held") if one[word]), "good"),
        (text(one["subject"])[:SUBJECT], "dim"),
    ]  # fmt: skip


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


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def ago(usec: Json) -> str:
    """How long ago a time in microseconds since the epoch was."""
    seconds = max(0, int(time.time() - int(str(usec)) / 1e6))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
