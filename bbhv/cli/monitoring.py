"""The verb that watches what happens to tenants: monitor."""

import sys
import time

from ..engine import events, world
from ..engine.storage.state import known_tenants
from ..errors import EXIT_OK
from ..model.events import Event, Kind
from .main import Call
from .output import Output

LINES = "10"
_COLOURS = {
    "applied": "good", "confirm": "good", "resume": "good", "held": "warn", "suspended": "warn", "hold": "warn",
    "heal": "warn", "step": "dim",
}  # fmt: skip


def monitor(call: Call, output: Output) -> int:
    """bbhv monitor: the events of these tenants, or of all, until interrupted."""
    tenants = call.tenants()
    host = world.load()
    known = {*host.registrations, *host.refused, *known_tenants()}
    for name in tenants:
        if name not in known:
            raise world.unknown(name, known)
    lines = call.lines("all" if call.has("--since") else LINES)
    if output.legend and not output.quiet and sys.stderr.isatty():
        print("Watching what happens; Ctrl-C ends it.", file=sys.stderr)
    feed = events.follow(tenants or None, lines=lines, since=call.get("--since"), steps=call.has("--steps"))
    try:
        for _, event in feed:
            if output.json != "off":
                output.value(event.as_json())
            else:
                output.line(_line(event, output))
            sys.stdout.flush()
    except KeyboardInterrupt:
        pass  # which is how it ends
    finally:
        feed.close()
    return EXIT_OK


def _line(event: Event, output: Output) -> str:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event.when_usec // 10**6))
    word = event.trace[-1].stage.value if event.kind is Kind.STEP and event.trace else event.word
    colour = _COLOURS.get(event.word, "bad")
    number = "-" if event.generation is None else str(event.generation)
    return "  ".join((
        output.paint(when, "dim"), f"{event.tenant:<12}", output.paint(f"{word:<11}", colour), f"{number:>4}",
        f"{event.commit[:12] or '-':<12}", event.message,
    )).rstrip()  # fmt: skip
