"""Events as they come, for people and for programs, whoever has them."""

import sys
import time
from collections.abc import Iterable

from ..errors import EXIT_OK
from ..formats.jsontext import Json
from .main import Call
from .output import Output, objects, text

LINES = "10"
_COLOURS = {
    "applied": "good", "confirm": "good", "resume": "good", "held": "warn", "suspended": "warn", "hold": "warn",
    "heal": "warn", "step": "dim",
}  # fmt: skip


def lines(call: Call) -> str:
    """How many past events are wanted: a number, or all. Raises UsageError."""
    return call.lines("all" if call.has("--since") else LINES)


def watch(replies: Iterable[dict[str, Json]], output: Output) -> int:
    """Prints each until there are no more or somebody interrupts, which is how it ends."""
    if output.legend and not output.quiet and sys.stderr.isatty():
        print("Watching what happens; Ctrl-C ends it.", file=sys.stderr)
    try:
        for reply in replies:
            event = reply["event"]
            if output.json != "off":
                output.value(reply)
            elif isinstance(event, dict):
                output.line(_line(event, output))
            sys.stdout.flush()
    except KeyboardInterrupt:
        pass
    return EXIT_OK


def _line(event: dict[str, Json], output: Output) -> str:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(int(str(event["whenUSec"])) // 10**6))
    kind, trace = text(event["outcome"] or event["kind"]), objects(event["trace"])
    word = text(trace[-1]["step"]) if kind == "step" and trace else kind
    return "  ".join((
        output.paint(when, "dim"), f"{text(event['tenant']):<12}",
        output.paint(f"{word:<11}", _COLOURS.get(kind, "bad")), f"{text(event['generation']):>4}",
        f"{text(event['commit'])[:12]:<12}", text(event["message"]),
    )).rstrip()  # fmt: skip
