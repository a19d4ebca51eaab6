"""The log: one line each to standard error, with the level as a prefix that journald understands (sd-daemon(3))."""

import os
import sys

from ..errors import printable

LEVELS = {"error": 3, "warning": 4, "notice": 5, "info": 6, "debug": 7}
quiet = False
most = LEVELS["debug"]  # in the journal


def in_journal() -> bool:
    """Whether what we write to standard error goes to the journal (systemd.exec(5), JOURNAL_STREAM)."""
    try:
        status = os.fstat(2)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def write(level: str, message: str) -> None:
    """Says one sentence. On a terminal and in a pipe there is no prefix; `quiet` keeps all but warnings back there."""
    number = LEVELS[level]
    if in_journal():
        if number > most:
            return
        sys.stderr.write(f"<{number}>{printable(message)}\n")
    elif number <= 4 or not quiet:
        sys.stderr.write(f"{printable(message)}\n")
    sys.stderr.flush()
