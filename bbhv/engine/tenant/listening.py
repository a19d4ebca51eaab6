"""What reads the console of a workload, until a line has the tenant's pattern: from the journal of its unit.

It runs unprivileged in a sandbox. Every line is cut, every pattern takes a step for each character, and what vmspawn
says for itself (which goes to the journal by another way) is not read.
"""

import time
from collections.abc import Iterator, Sequence
from typing import IO

from ...formats import logentry
from ...formats.jsontext import Json
from ...formats.logentry import FIELDS
from ...host import run, systemd
from ...kinds.workloads.console import MAX_LINE, pattern, plain

PAUSE_SEC = 1.0
MAX_ENTRY = 1 << 20
ENDS_SEC = 20.0


def listen(invocation: str, text: str) -> None:
    """Returns when a line of this run of a unit has the pattern, and not before."""
    wanted = pattern(text)
    while True:
        for count, line in enumerate(read((f"_SYSTEMD_INVOCATION_ID={invocation}",)), 1):
            if wanted.found(line):
                return
            if count & (count - 1) == 0 or count % 100 == 0:  # not for each line of a guest that says a lot
                systemd.notify(f"STATUS={count}")
        time.sleep(PAUSE_SEC)  # the journal was rotated away under it, or has ended


def read(which: Sequence[str], lines: str = "all") -> Iterator[str]:
    """What consoles say, so many of the newest lines first, and go on to say. `which` they are, journalctl is told."""
    journal = run.spawn(("journalctl", "--quiet", "--no-pager", "--output=cat", "--all", f"--lines={lines}", "--follow",
                         *which, "_TRANSPORT=stdout"))  # fmt: skip
    try:
        yield from map(plain, _lines(journal.stdout))
    finally:
        journal.close()


def _lines(stream: IO[bytes], most: int = MAX_LINE) -> Iterator[str]:
    """The lines, of a longer one its beginning."""
    whole = True
    while data := stream.readline(most):
        if whole:
            yield data.decode("utf-8", "replace")
        whole = data.endswith(b"\n")


def units(tenant: str, name: str) -> tuple[str, ...]:
    """Patterns of the units of a tenant, or of one workload of it."""
    return (f"tenant-*@{name}.{tenant}.service",) if name else (f"tenant*@{tenant}.service",
                                                                f"tenant-*@*.{tenant}.service")  # fmt: skip


def entries(tenant: str, name: str, lines: str, *, since: str = "", follow: bool = False) -> Iterator[dict[str, Json]]:
    """What a tenant has logged, or one workload of it: entries of the journal, the newest so many, or all, that are
    newer than a time of systemd.time(7), if there is one. Raises CommandError with what journalctl says."""
    command = ("journalctl", "--quiet", "--no-pager", "--output=json", "--all", f"--lines={lines}",
               f"--output-fields={','.join(FIELDS)}", *(("--follow",) if follow else ()),
               *((f"--since={since}",) if since else ()),
               *(f"--unit={unit}" for unit in units(tenant, name)))  # fmt: skip
    journal = run.spawn(command)
    try:
        for line in _lines(journal.stdout, MAX_ENTRY):
            if (entry := logentry.entry(line)) is not None:
                yield entry
        ended = journal.wait(ENDS_SEC)
        if ended.returncode:
            raise run.failure(journal.argv, ended.returncode, ended.stderr)
    finally:
        journal.close()
