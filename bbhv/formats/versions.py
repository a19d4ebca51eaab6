"""Which of two version strings is newer, by the Version Format Specification (UAPI.10).

Promises: any text can be compared, nothing raises, and the work is linear in the length of the text. The order is that
of `systemd-analyze compare-versions`: where the specification's prose says something else (`^`, an empty string and a
tilde, an empty number and a zero), systemd is followed, because systemd is what sorts the images.
"""

import re
from collections.abc import Iterable
from typing import TypeAlias

# One segment, as a tuple that sorts as the segment does: whether it is free of a tilde, is there at all, is free of a
# minus, of a caret, of a dot, is a number; then the count of its digits, and its text.
Segment: TypeAlias = tuple[bool, bool, bool, bool, bool, bool, int, str]

_SEGMENT = re.compile(r"[^~\-^.0-9A-Za-z]*(~?)(?:(\Z)|(-?)(\^?)(\.?)(?:0*([0-9]+)|([A-Za-z]*)))")
_VERSION = re.compile(r"[~\-^.0-9A-Za-z_+]+")


def key(text: str) -> tuple[Segment, ...]:
    """A sort key: older versions sort first, and versions that count as the same have the same key."""
    found: list[Segment] = []
    at = 0
    while not found or found[-1][1]:
        match = _SEGMENT.match(text, at)
        assert match is not None  # every part of the expression may be empty
        tilde, end, minus, caret, dot, number, word = match.groups()
        at = match.end()
        if end is not None:
            found.append((not tilde, False, False, False, False, False, 0, ""))
            continue
        digits = "" if number == "0" else number or ""
        found.append((not tilde, True, not minus, not caret, not dot, number is not None, len(digits), digits or word))
    return tuple(found)


def compare(left: str, right: str) -> int:
    """-1 when `left` is older than `right`, 1 when it is newer, 0 when they count as the same."""
    one, other = key(left), key(right)
    return (one > other) - (one < other)


def newest(versions: Iterable[str]) -> str:
    """The newest of the versions, the first of those that count as the same; empty when there is none."""
    return max(versions, key=key, default="")


def is_version(text: str) -> bool:
    """Whether the text has only characters that a version may have; `_` and `+` only separate."""
    return _VERSION.fullmatch(text) is not None
