"""An entry of the journal, as journalctl --output=json writes one (systemd.journal-fields(7), JSON format).

What a workload logs may be any bytes: journalctl gives a field that is no text as a list of numbers, one that is too
large as null, and one that occurs several times as a list of these.
"""

import json

from .jsontext import Json

# The unit that an entry is about, whoever tells of it, goes before the one that has logged it.
UNITS = ("OBJECT_SYSTEMD_UNIT", "UNIT", "_SYSTEMD_UNIT")
FIELDS = ("MESSAGE", "PRIORITY", *UNITS, "SYSLOG_IDENTIFIER", "_COMM", "_PID", "SYSLOG_PID")
MAX_MESSAGE = 64 << 10
MAX_NAME = 256
_NOTICE = 5


def entry(line: str) -> dict[str, Json] | None:
    """What is told of an entry: when it was logged in microseconds since the epoch, its place in the journal, the unit,
    the priority of syslog(3), who says it and as which process, and the message. None for a line that is no entry."""
    value = _fields(line)
    if value is None:
        return None
    priority = text(value.get("PRIORITY"))
    pid = text(value.get("_PID")) or text(value.get("SYSLOG_PID"))
    return {
        "whenUSec": _microseconds(value.get("__REALTIME_TIMESTAMP")),
        "cursor": place(text(value.get("__CURSOR"))),
        "unit": next(filter(None, (text(value.get(name)) for name in UNITS)), ""),
        "priority": int(priority) if priority in tuple("01234567") else _NOTICE,
        "identifier": (text(value.get("SYSLOG_IDENTIFIER")) or text(value.get("_COMM")))[:MAX_NAME],
        "pid": int(pid) if pid.isdecimal() and len(pid) < 11 else None,
        "message": text(value.get("MESSAGE"))[:MAX_MESSAGE],
    }


def messages(lines: str, since: int) -> str:
    """The messages, in lines, of those entries that came at a moment of CLOCK_MONOTONIC, in microseconds, or later."""
    found = filter(None, map(_fields, lines.splitlines()))
    return "".join(
        f"{text(one.get('MESSAGE'))[:MAX_MESSAGE]}\n"
        for one in found
        if _microseconds(one.get("__MONOTONIC_TIMESTAMP")) >= since
    )


def _fields(line: str) -> dict[str, Json] | None:
    """The fields of an entry; None for a line that is none."""
    try:
        value: Json = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _microseconds(value: Json) -> int:
    when = text(value)
    return int(when) if when.isdecimal() and len(when) < 19 else 0


def place(cursor: str) -> str:
    """A cursor that journalctl takes as well, without the number of the entry: that would count what others log."""
    return ";".join(part for part in cursor.split(";") if part.startswith(("b=", "m=", "t=", "x=")))


def text(value: Json) -> str:
    """A field as text; of several values the first."""
    if isinstance(value, list):
        if value and all(type(byte) is int and 0 <= byte < 256 for byte in value):
            return bytes(byte for byte in value if isinstance(byte, int)).decode("utf-8", "replace")
        return text(value[0]) if value and not isinstance(value[0], int) else ""
    return value if isinstance(value, str) else ""
