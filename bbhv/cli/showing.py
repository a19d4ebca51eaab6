"""What a person sees of tenants, their workloads and generations: made of replies, whoever has answered."""

import time

from ..findings import printable
from ..formats.jsontext import Json
from ..kinds.values import show_progress, show_wait
from .main import Call
from .output import Output, finding_text, objects, text

_STATES = {"active": "good", "failed": "bad", "activating": "warn", "reloading": "warn", "inactive": "dim"}
_WORDS = {"applied": "good", "unchanged": "good", "held": "warn", "suspended": "warn", "-": "dim"}
INDENT = 15
SHOWN = 4
SUBJECT = 60


def tenants(call: Call, reply: dict[str, Json], output: Output) -> None:
    """A line for each tenant, which is what `list` shows."""
    found = objects(reply["tenants"])
    heads = ("TENANT", "ACTIVE", "OUTCOME", "GENERATION", "COMMIT", "WORKLOADS")
    output.table(heads, [_row(one) for one in found])
    output.total(len(found), "tenant", "listed")


def _row(one: dict[str, Json]) -> list[tuple[str, str]]:
    active, outcome = text(one["activeState"]), text(one["outcome"])
    return [
        (text(one["id"]), "bold"), (active, _STATES.get(active, "")), (outcome, _WORDS.get(outcome, "bad")),
        (text(one["generation"]), ""), (text(one["commit"])[:12], "dim"), (str(len(_list(one["workloads"]))), ""),
    ]  # fmt: skip


def nobody(output: Output) -> None:
    """What is said when there is no tenant."""
    if output.legend:
        output.line("No tenant is registered on this host.")


def status(call: Call, reply: dict[str, Json], output: Output) -> None:
    """Each tenant with its workloads, its last outcome and its findings, which is what `status` shows."""
    for one in objects(reply["tenants"]):
        _tenant(one, output)


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
    return [f"It is fetched again in {show_wait(seconds)}; now: bbhv sync {text(one['id'])}"]


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
    left = f"within {show_wait(seconds)}" if seconds > 0 else "at once, for the time has passed"
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
    for workload in objects(one["workloads"]):
        state = text(workload["activeState"])
        rows.append((f"{text(workload['name'])}.{text(one['id'])}", output.paint(state, _STATES.get(state, ""))))
    width = max([len(name) for name, _ in rows], default=0)
    return [f"{name:<{width}}  {state}" for name, state in rows]


def _drift(one: dict[str, Json], output: Output) -> list[str]:
    """What runs and is not what was committed, with what a person would do about it."""
    rows = []
    for drift in objects(one["drift"]):
        rows.append(f"{output.paint(text(drift['unit']), 'warn')}: {text(drift['reason'])}")
        rows += [f"  {text(drift['hint'])}"] if output.legend else []
    return rows


def history(call: Call, reply: dict[str, Json], output: Output) -> None:
    """The generations, and below them the commits that are not tried again."""
    generations, quarantined = objects(reply["generations"]), objects(reply["quarantined"])
    if not generations:
        output.line(f"{printable(call.arguments[0])} has no generation yet.")
    else:
        heads = ("GENERATION", "COMMIT", "WHEN", "BY", "WORKLOADS", "", "SUBJECT")
        output.table(heads, [_past(one) for one in generations])
    if quarantined:
        output.say("\nNot tried again:")
        for one in quarantined:
            output.line(f"{text(one['commit'])[:12]}  {ago(one['whenUSec'])}  {text(one['reason'])}")


def _past(one: dict[str, Json]) -> list[tuple[str, str]]:
    names = [text(name) for name in _list(one["workloads"])]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return [
        (text(one["generation"]), "bold"), (text(one["commit"])[:12], ""), (ago(one["createdUSec"]), ""),
        (text(one["verb"]), ""), (" ".join(names[:SHOWN]) + more or "-", ""),
        (" ".join(word for word in ("current", "good", "held") if one[word]), "good"),
        (text(one["subject"])[:SUBJECT], "dim"),
    ]  # fmt: skip


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def ago(usec: Json) -> str:
    """How long ago a time in microseconds since the epoch was."""
    seconds = max(0, int(time.time() - int(str(usec)) / 1e6))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
