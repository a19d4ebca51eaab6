"""The verb volume: what the volumes of a tenant are, copies of them, and the way out."""

import sys

from ..engine.tenant import volumes as engine
from ..engine.tenant.job import Asked
from ..errors import EXIT_OK, UsageError
from ..host import log
from ..kinds.values import show_size
from ..names import InvalidNameError, parse_name
from .main import Call
from .output import Output

KIBI = 1 << 10


def volume(call: Call, output: Output) -> int:
    """bbhv volume list|snapshot|restore|discard|export TENANT [VOLUME [SNAPSHOT]]."""
    action, *words = call.arguments
    takes = {one.name: one.arguments for one in call.verb.actions}
    if action not in takes:
        raise UsageError(f"There is no bbhv volume {ascii(action[:40])}.", hint=f"There are {', '.join(takes)}.")
    if len(words) != len(takes[action].split()):
        raise UsageError(f"bbhv volume {action} takes {takes[action]}.")
    try:
        tenant, *rest = (parse_name(word, what) for word, what in zip(words, ("tenant", "volume", "snapshot")))
    except InvalidNameError as error:
        raise UsageError(error.message, hint=error.hint) from None
    log.quiet = True
    if action == "export":
        return _export(tenant, rest[0], output)
    clean = _change(action, tenant, rest, Asked(wait=call.has("--wait"))) if action != "list" else None
    found = engine.volumes(tenant)
    chosen = [one for one in found if not rest or one.name == rest[0]]
    if output.json != "off":
        output.value({"tenant": tenant, "clean": clean, "volumes": [one.as_json() for one in chosen]})
    elif action == "list" and not found and output.legend:
        output.line(f"{tenant} has no volume.")
    elif action == "list":
        output.table(("VOLUME", "USE", "SIZE", "TAKEN", "DECLARED", "SNAPSHOTS"), [_row(one) for one in chosen])
    else:
        output.say(_sentence(action, tenant, *rest, clean=clean))
    return EXIT_OK


def _change(action: str, tenant: str, rest: list[str], asked: Asked) -> bool | None:
    name, snapshot = rest
    if action == "snapshot":
        return engine.snapshot(tenant, name, snapshot, asked)
    (engine.restore if action == "restore" else engine.discard)(tenant, name, snapshot, asked)
    return None


def _export(tenant: str, name: str, output: Output) -> int:
    if output.json != "off":
        raise UsageError("bbhv volume export writes the volume itself, so there is no JSON.")
    if sys.stdout.isatty():
        raise UsageError("A volume is not written to a terminal.", hint="bbhv volume export … > FILE")
    engine.export(tenant, name, sys.stdout.buffer)
    sys.stdout.buffer.flush()
    return EXIT_OK


def _sentence(action: str, tenant: str, name: str, snapshot: str, *, clean: bool | None) -> str:
    if action == "restore":
        return f"Volume {name} of {tenant} is what its snapshot {snapshot} is."
    if action == "discard":
        return f"Removed the snapshot {snapshot} of volume {name} of {tenant}."
    how = "nobody used it" if clean else "it was in use: what was written meanwhile may be there in part"
    return f"Volume {name} of {tenant} has a snapshot {snapshot}; {how}."


def _row(one: engine.Volume) -> list[tuple[str, str]]:
    taken = -(-one.taken // KIBI) * KIBI
    return [
        (one.name, "bold"), (one.use, ""),
        ("-" if one.size is None else show_size(one.size), ""), (show_size(taken), ""),
        ("yes" if one.declared else "no", "" if one.declared else "warn"), (" ".join(one.snapshots) or "-", ""),
    ]  # fmt: skip
