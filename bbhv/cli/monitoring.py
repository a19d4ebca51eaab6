"""The verb that watches what happens to tenants: monitor."""

from ..engine import events, report, world
from .main import Call
from .output import Output
from .watching import lines, watch


def monitor(call: Call, output: Output) -> int:
    """bbhv monitor: the events of these tenants, or of all, until interrupted."""
    tenants = call.tenants()
    report.known(world.load(), *tenants)
    feed = events.follow(tenants or None, lines=lines(call), since=call.get("--since"), steps=call.has("--steps"))
    try:
        return watch(({"event": event.as_json(), "cursor": cursor} for cursor, event in feed), output)
    finally:
        feed.close()
