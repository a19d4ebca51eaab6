"""What git tells a hook of a server on standard input: which refs a push sets, and to what (githooks(5))."""

import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import BinaryIO

from ..errors import UsageError
from ..names import is_object_id

HEADS = "refs/heads/"
MAX_LINE = 64 << 10


def standard_input() -> BinaryIO:
    """Where git says it. Raises UsageError when it cannot be git."""
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("git calls this verb, with the refs of a push on standard input.", hint="See bbhv(1).")
    return sys.stdin.buffer


def updates(lines: Sequence[bytes] | BinaryIO, hook: str) -> Iterator[tuple[str, str]]:
    """The refs that a push creates or moves, with what they are to mean; a ref that is deleted is none of them."""
    for number, line in enumerate(lines, 1):
        old, _, rest = line.removesuffix(b"\n").decode("utf-8", "surrogateescape").partition(" ")
        new, _, ref = rest.partition(" ")
        if not is_object_id(old) or not is_object_id(new) or not ref:
            message = f"Line {number} of standard input is not OLD NEW REF, as githooks(5) has it for {hook}."
            raise UsageError(message, hint=f"Make it the repository's hooks/{hook}, which git calls; see bbhv(1).")
        if new.strip("0"):
            yield ref, new


def is_wanted(ref: str, branches: Sequence[str]) -> bool:
    """Whether a ref is a branch that is meant. No branch has a * in its name, so that these can be patterns."""
    return ref.startswith(HEADS) and any(fnmatchcase(ref[len(HEADS):], one) for one in branches)
