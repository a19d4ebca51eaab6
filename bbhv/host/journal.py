"""The journal: what a unit printed last, and what units have logged."""

from typing import NoReturn, Sequence

from ..errors import CommandError
from . import log, run

TIMEOUT = 20.0
LINES = 5
TRIES = 5
PAUSE_SEC = 0.2


def last_words(invocation: str) -> str:
    """The last lines that the processes of a unit's invocation wrote; empty when the journal cannot tell.

    The fields that are asked for are journald's own: no program can write in the name of another unit.
    """
    if not invocation:
        return ""
    wanted = (f"--lines={LINES}", "--output=cat", f"_SYSTEMD_INVOCATION_ID={invocation}")
    try:
        for number in range(TRIES):  # a sync of older journals does not wait for what is still in the pipe of a program
            if number:
                run.pause(PAUSE_SEC)
            run.run(("journalctl", "--sync"), timeout=TIMEOUT)
            found = run.run(("journalctl", "--quiet", "--no-pager", "--all", *wanted), timeout=TIMEOUT).text
            if found:
                return found
        return ""
    except CommandError as error:
        log.write("debug", str(error))
        return ""


def become(units: Sequence[str], options: Sequence[str], terminal: dict[str, str]) -> NoReturn:
    """Becomes journalctl(1), which shows what systemd says of units and what they say. What may move a cursor is not
    printed. `terminal` are the variables that say what is wanted on it. Raises CommandError."""
    argv = ("journalctl", "--no-pager", *options, *(f"--unit={unit}" for unit in units))
    program = run.find(argv[0])
    if program is None:
        raise run.not_found(argv)
    run.become((program, *argv[1:]), {**run.ENVIRONMENT, **terminal})
