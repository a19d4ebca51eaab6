"""nftables: transactions, and how what is in force looks, by nft(8)."""

import errno
import os
from collections.abc import Sequence

from . import run

PROGRAM = "nft"
QUICK = 60.0


def is_there() -> bool:
    """Whether this host has the program."""
    return run.find(PROGRAM) is not None


def load(text: str) -> None:
    """Puts a transaction in force, all of it or nothing. Raises CommandError."""
    run.run((PROGRAM, "-f", "-"), timeout=QUICK, stdin=text.encode())


def listed(table: str, families: Sequence[str]) -> str | None:
    """The tables of this name as nft shows them, without counters; a table that is not there is an empty text. None
    when this process may not know."""
    found = [run.run((PROGRAM, "-s", "list", "table", family, table), timeout=QUICK, ok=()) for family in families]
    if any(one.returncode and os.strerror(errno.ENOENT) not in one.stderr for one in found):
        return None
    return "".join(one.text for one in found if not one.returncode)


def delete(table: str, families: Sequence[str]) -> None:
    """Removes the tables of this name. Raises CommandError."""
    load("".join(f"table {family} {table}\ndelete table {family} {table}\n" for family in families))
