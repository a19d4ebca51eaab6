"""The journal: what a unit printed last, what units have logged, and what we write into it with fields of our own."""

import socket
from typing import Mapping, NoReturn, Sequence

from ..errors import CommandError
from ..formats import logentry
from . import log, run

TIMEOUT = 20.0
LINES = 5
TRIES = 5
PAUSE_SEC = 0.2
SOCKET = "/run/systemd/journal/socket"
MOST = 128 << 10  # of one entry, which is to fit into one datagram; the kernel takes 208 KiB
PATIENCE_SEC = 0.5  # for a journal that has no room just now
_SIZE = 8


def last_words(unit: str, since: int) -> str:
    """The last lines that the processes of a unit wrote since a moment of CLOCK_MONOTONIC, in microseconds; empty when
    the journal cannot tell.

    The field that is asked for is journald's own: no program can write in the name of another unit. That of the
    invocation is not: a journal that is busy finds it gone when it comes to read what a short program has written.
    """
    wanted = (f"--lines={LINES}", "--boot", "--output=json", "--output-fields=MESSAGE", f"_SYSTEMD_UNIT={unit}")
    try:
        for number in range(TRIES):  # a sync of older journals does not wait for what is still in the pipe of a program
            if number:
                run.pause(PAUSE_SEC)
            run.run(("journalctl", "--sync"), timeout=TIMEOUT)
            found = run.run(("journalctl", "--quiet", "--no-pager", "--all", *wanted), timeout=TIMEOUT).text
            if words := logentry.messages(found, since):
                return words
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


def send(fields: Mapping[str, str], address: str = SOCKET) -> bool:
    """Writes one entry, as systemd's native protocol has it; says whether the journal took it.

    Raises nothing: without a journal, or with one that is too busy, nothing is written.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.settimeout(PATIENCE_SEC)
            channel.sendto(entry(fields), address)
        return True
    except OSError:
        return False  # what it says is also said in another way, and is nobody's reason to stop


def entry(fields: Mapping[str, str]) -> bytes:
    """The bytes of an entry. A value with a newline has its length before it; the last fields of a huge entry are left
    out, so that it stays below MOST bytes."""
    found = bytearray()
    for name, value in fields.items():
        data = value.encode("utf-8", "backslashreplace")
        size = len(data).to_bytes(_SIZE, "little")
        one = b"%b=%b\n" % (name.encode(), data) if b"\n" not in data else b"%b\n%b%b\n" % (name.encode(), size, data)
        if len(found) + len(one) > MOST:
            break
        found += one
    return bytes(found)
