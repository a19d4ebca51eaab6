"""The verb logs: whose log is meant, and what a person or a program sees of it, whoever has read it.

What a workload has logged is shown as text: it neither drives a terminal nor looks like a line of somebody else.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from ..errors import EXIT_OK, UsageError
from ..findings import printable
from ..formats.jsontext import Json
from ..names import InvalidNameError, parse_name, parse_workload
from .main import Call
from .output import Output

T = TypeVar("T")
LINES = "100"
_BAD, _WARNING = 3, 4  # of syslog(3), and what is less


def named(word: str, parse: Callable[[str], T]) -> T:
    """The name of something. Raises UsageError."""
    try:
        return parse(word)
    except InvalidNameError as error:
        raise UsageError(error.message, hint=error.hint) from None


def whose(call: Call) -> tuple[str, str]:
    """The tenant, and the workload of it, or an empty text for all of them. Raises UsageError."""
    word = call.arguments[0]
    if "." not in word:
        return named(word, parse_name), ""
    workload, tenant = named(word, parse_workload)
    return tenant, workload


def lines(call: Call) -> str:
    """How many lines are wanted: a number, or all. Raises UsageError."""
    return call.lines("all" if call.has("--since") else LINES)


def show(found: Iterable[Json], output: Output) -> int:
    """Prints entries as they come, until there are no more or somebody interrupts."""
    try:
        for entry in found:
            if isinstance(entry, dict):
                _show(entry, output)
                sys.stdout.flush()
    except KeyboardInterrupt:
        pass  # which is how it ends that is followed
    return EXIT_OK


def _show(entry: dict[str, Json], output: Output) -> None:
    if output.json != "off":
        output.value({"entry": entry})
        return
    when = time.strftime("%b %d %H:%M:%S", time.localtime(int(str(entry["whenUSec"])) // 10**6))
    pid = f"[{entry['pid']}]" if entry["pid"] is not None else ""
    head = f"{when} {os.uname().nodename} {printable(str(entry['identifier']))}{pid}: "
    priority = int(str(entry["priority"]))
    colour = "bad" if priority <= _BAD else "warn" if priority == _WARNING else ""
    first, *more = str(entry["message"]).split("\n")
    output.line(head + output.paint(printable(first), colour))
    for line in more:
        output.line(" " * len(head) + output.paint(printable(line), colour))
