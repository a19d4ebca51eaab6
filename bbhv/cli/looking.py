"""The verbs that look: list, status, history, doctor. They change nothing and need no lock."""

import time

from ..engine import report
from ..errors import EXIT_FAILED, EXIT_OK
from ..formats.jsontext import Json
from ..names import parse_name
from .main import Call
from .output import Output

_STATES = {"active": "good", "failed": "bad", "activating": "warn", "reloading": "warn", "inactive": "dim"}
_WORDS = {"applied": "good", "unchanged": "good", "held": "warn", "suspended": "warn"}


def list_tenants(call: Call, output: Output) -> int:
    """bbhv list: one line each."""
    tenants = report.tenants(None)
    if output.json != "off":
        output.value({"tenants": list[Json](tenants)})
        return EXIT_OK
    rows = [
        [
            (str(one["id"]), "bold"), (_text(one["activeState"]), _STATES.get(str(one["activeState"]), "")),
            (_text(one["outcome"]), _WORDS.get(str(one["outcome"]), "bad")), (_text(one["generation"]), ""),
            (_text(one["commit"])[:12], "dim"), (str(len(_list(one["workloads"]))), ""),
        ]
        for one in tenants
    ]  # fmt: skip
    output.table(("TENANT", "ACTIVE", "OUTCOME", "GENERATION", "COMMIT", "WORKLOADS"), rows)
    if output.legend:
        output.line(f"\n{len(rows)} tenants listed.")
    return EXIT_OK


def status(call: Call, output: Output) -> int:
    """bbhv status: each tenant with its workloads, its last outcome and its findings."""
    names = [parse_name(one) for one in call.arguments]
    tenants = [one for name in names for one in report.tenants(name)] if names else report.tenants(None)
    if output.json != "off":
        output.value({"tenants": list[Json](tenants)})
        return EXIT_OK
    for one in tenants:
        _tenant(one, output)
    if not tenants:
        output.line("No tenant is registered on this host.")
    return EXIT_OK


def _tenant(one: dict[str, Json], output: Output) -> None:
    state, outcome = str(one["activeState"]), _text(one["outcome"])
    colour = _STATES.get(state, "")
    output.line(f"{output.paint('●', colour)} {output.paint(str(one['id']), 'bold')}  {output.paint(state, colour)}")
    trial = "" if one["good"] == one["generation"] else f", good is {_text(one['good'])}"
    if one["generation"] is not None:
        output.line(f"    Generation: {one['generation']} ({_text(one['commit'])[:12]}){trial}")
    when = f" {_ago(one['outcomeUSec'])}" if one["outcomeUSec"] else ""
    message = f": {one['message']}" if one["message"] else ""
    output.line(f"     Last sync: {output.paint(outcome, _WORDS.get(outcome, 'bad'))}{when}{message}")
    hold = one["hold"]
    if isinstance(hold, dict):
        output.line(f"          Hold: {hold['verb']} by {hold['who']} {_ago(hold['whenUSec'])}")
    for label, workload in zip(["     Workloads:", *[" " * 15] * 9999], _list(one["workloads"])):
        if isinstance(workload, dict):
            active = str(workload["activeState"])
            output.line(f"{label} {workload['name']}.{one['id']}  {output.paint(active, _STATES.get(active, ''))}")
    for finding in _list(one["findings"]):
        if isinstance(finding, dict):
            where = f"{finding['file']}:{finding['line']}:{finding['column']}"
            output.line(f"    {where}: {finding['severity']}[{finding['code']}]: {finding['message']}")


def history(call: Call, output: Output) -> int:
    """bbhv history: the generations that are kept, newest first."""
    rows = report.history(parse_name(call.arguments[0]))
    if output.json != "off":
        output.value({"generations": list[Json](rows)})
        return EXIT_OK
    output.table(
        ("GENERATION", "COMMIT", "WHEN", "WORKLOADS", ""),
        [
            [
                (str(one["generation"]), "bold"), (_text(one["commit"])[:12], ""), (_ago(one["createdUSec"]), ""),
                (" ".join(str(name) for name in _list(one["workloads"])) or "-", ""),
                (" ".join(word for word in ("current", "good") if one[word]), "good"),
            ]
            for one in rows
        ],
    )  # fmt: skip
    return EXIT_OK


def doctor(call: Call, output: Output) -> int:
    """bbhv doctor: one line each check; the exit status is 1 when one is bad."""
    from ..engine.doctor import examine

    checks = examine()
    if output.json != "off":
        output.value({"checks": [{"name": c.name, "ok": c.ok, "message": c.message, "hint": c.hint} for c in checks]})
    else:
        for one in checks:
            if one.ok and output.quiet:
                continue
            output.line(f"{output.paint('ok ' if one.ok else 'BAD', 'good' if one.ok else 'bad')} {one.name}: {one.message}")
            if not one.ok and one.hint:
                output.line(f"      {one.hint}")
    return EXIT_OK if all(one.ok for one in checks) else EXIT_FAILED


def _text(value: Json) -> str:
    return "-" if value is None else str(value)


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _ago(usec: Json) -> str:
    seconds = max(0, int(time.time() - int(str(usec)) / 1e6))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
