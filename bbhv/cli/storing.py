"""The verb volume: what the volumes of a tenant are, copies of them, and the way out."""

import sys

from ..errors import EXIT_OK, UsageError
from ..formats.jsontext import Json
from ..host import log
from ..kinds.values import show_size
from ..names import InvalidNameError, parse_name
from .main import Call
from .output import Output, objects, text

KIBI = 1 << 10


def volume(call: Call, output: Output) -> int:
    """bbhv volume list|snapshot|restore|discard|export TENANT [VOLUME [SNAPSHOT]]."""
    action, tenant, *rest = parsed(call)
    log.quiet = True
    if action == "export":
        return _export(tenant, rest[0], output)
    from ..engine.tenant import volumes as engine

    clean = _change(call, action, tenant, rest) if action != "list" else None
    found = [one.as_json() for one in engine.volumes(tenant)]
    return show([action, tenant, *rest], {"clean": clean, "volumes": found}, output)


def parsed(call: Call) -> list[str]:
    """The action, the tenant, and the names that the action takes. Raises UsageError."""
    action, *words = call.arguments
    takes = {one.name: one.arguments for one in call.verb.actions}
    if action not in takes:
        raise UsageError(f"There is no bbhv volume {ascii(action[:40])}.", hint=f"There are {', '.join(takes)}.")
    if len(words) != len(takes[action].split()):
        raise UsageError(f"bbhv volume {action} takes {takes[action]}.")
    try:
        return [action, *(parse_name(word, what) for word, what in zip(words, ("tenant", "volume", "snapshot")))]
    except InvalidNameError as error:
        raise UsageError(error.message, hint=error.hint) from None


def show(words: list[str], reply: dict[str, Json], output: Output) -> int:
    """Says what an action, of which these are the words, has done: whether a copy is `clean`, and all `volumes`."""
    action, tenant, *rest = words
    found = objects(reply["volumes"])
    chosen = [one for one in found if not rest or one["name"] == rest[0]]
    if output.json != "off":
        output.value({"tenant": tenant, "clean": reply["clean"], "volumes": list[Json](chosen)})
    elif action == "list" and not found and output.legend:
        output.line(f"{tenant} has no volume.")
    elif action == "list":
        output.table(("VOLUME", "USE", "SIZE", "TAKEN", "DECLARED", "SNAPSHOTS"), [_row(one) for one in chosen])
    else:
        output.say(_sentence(action, tenant, *rest, clean=reply["clean"] is True))
    return EXIT_OK


def _change(call: Call, action: str, tenant: str, rest: list[str]) -> bool | None:
    from ..engine.tenant import volumes as engine
    from ..engine.tenant.job import Asked

    (name, snapshot), asked = rest, Asked(wait=call.has("--wait"))
    if action == "snapshot":
        return engine.snapshot(tenant, name, snapshot, asked)
    (engine.restore if action == "restore" else engine.discard)(tenant, name, snapshot, asked)
    return None


def _export(tenant: str, name: str, output: Output) -> int:
    from ..engine.tenant import volumes as engine

    if output.json != "off":
        raise UsageError("bbhv volume export writes the volume itself, so there is no JSON.")
    if sys.stdout.isatty():
        raise UsageError("A volume is not written to a terminal.", hint="bbhv volume export … > FILE")
    engine.export(tenant, name, sys.stdout.buffer)
    sys.stdout.buffer.flush()
    return EXIT_OK


def _sentence(action: str, tenant: str, name: str, snapshot: str, *, clean: bool) -> str:
    if action == "restore":
        return f"Volume {name} of {tenant} is what its snapshot {snapshot} is."
    if action == "discard":
        return f"Removed the snapshot {snapshot} of volume {name} of {tenant}."
    how = "nobody used it" if clean else "it was in use: what was written meanwhile may be there in part"
    return f"Volume {name} of {tenant} has a snapshot {snapshot}; {how}."


def _row(one: dict[str, Json]) -> list[tuple[str, str]]:
    taken, declared = -(-int(str(one["taken"])) // KIBI) * KIBI, one["declared"] is True
    snapshots = one["snapshots"] if isinstance(one["snapshots"], list) else []
    return [
        (text(one["name"]), "bold"), (text(one["use"]), ""),
        ("-" if one["size"] is None else show_size(int(str(one["size"]))), ""), (show_size(taken), ""),
        ("yes" if declared else "no", "" if declared else "warn"), (" ".join(map(str, snapshots)) or "-", ""),
    ]  # fmt: skip
