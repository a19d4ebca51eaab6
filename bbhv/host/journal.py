"""The journal: what a unit printed last."""

from ..errors import CommandError
from . import log, run

TIMEOUT = 20.0
LINES = 5


def last_words(invocation: str) -> str:
    """The last lines that the processes of a unit's invocation wrote; empty when the journal cannot tell.

    The fields that are asked for are journald's own: no program can write in the name of another unit.
    """
    if not invocation:
        return ""
    wanted = (f"--lines={LINES}", "--output=cat", f"_SYSTEMD_INVOCATION_ID={invocation}")
    try:
        run.run(("journalctl", "--sync"), timeout=TIMEOUT)
        return run.run(("journalctl", "--quiet", "--no-pager", "--all", *wanted), timeout=TIMEOUT).text
    except CommandError as error:
        log.write("debug", str(error))
        return ""
