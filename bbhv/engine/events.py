"""Events on their way: from the engine to the journal and to whoever listens in this process, and back out of the
journal to whoever follows from another one.

To emit one costs a datagram. The journal is what lasts and what other processes see, so who follows it sees what every
other process did, in the order in which it was told. Only what root of the host wrote is believed (model/events.py):
nothing that runs for a tenant can tell of it in the host's name.
"""

import os
from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import contextmanager
from itertools import count

from ..errors import CommandError, UsageError
from ..host import journal, log, run
from ..model.events import FIELDS, ROWS, Event, from_line

CHUNK = 64 << 10
MAX_LINE = 256 << 10
PATIENCE_SEC = 3600.0
ENDING_SEC = 5.0
NAMED = 32  # of more tenants, journalctl is asked for all events, and those of others are passed over here
_CURSOR = frozenset("abcdefghijklmnopqrstuvwxyz0123456789=;")
_MAX_CURSOR = 400
_listeners: dict[int, Callable[[Event], object]] = {}
_numbers = count()


@contextmanager
def listening(callback: Callable[[Event], object]) -> Iterator[None]:
    """Calls back with each event of this process, steps too, in the thread in which it happens, while it is entered."""
    number = next(_numbers)
    _listeners[number] = callback
    try:
        yield
    finally:
        del _listeners[number]


def emit(event: Event, *, lasting: bool = True) -> bool:
    """Tells whoever listens, and with `lasting` the journal; says whether the journal has it. Raises nothing."""
    for callback in tuple(_listeners.values()):
        try:
            callback(event)
        except Exception as error:  # whoever listens is not to stop what he listens to
            log.write("error", f"Somebody who listens to events failed: {type(error).__name__}: {error}")
    return lasting and journal.send(event.fields())


def follow(
    tenants: Collection[str] | None = None, since_cursor: str = "", lines: str = "0", *, since: str = "",
    steps: bool = False,
) -> Generator[tuple[str, Event], None, None]:  # fmt: skip
    """The events of these tenants (None: of all), so many of the newest first, then those that come; see `Feed`.

    It ends when it is closed. Raises BbhvError when the journal cannot be followed any more.
    """
    feed = Feed(tenants, since_cursor, lines, since=since, steps=steps)
    try:
        while True:
            run.has_data(feed.fileno(), PATIENCE_SEC)
            yield from feed.read()
    finally:
        feed.close()


class Feed:
    """Events out of the journal, for who waits for other things too: it can be selected for reading, then `read`.

    `tenants` None is all of them. `lines` says how many past ones come first, or `all`; with `since_cursor` it is all
    after the event that had this cursor, with `since`, a time as in systemd.time(7), all since then. `steps` come with
    the rest only when they are asked for. Whoever has it must `close` it. Raises UsageError for what is no cursor,
    CommandError without journalctl.
    """

    def __init__(
        self, tenants: Collection[str] | None = None, since_cursor: str = "", lines: str = "0", *, since: str = "",
        steps: bool = False,
    ) -> None:  # fmt: skip
        self._tenants = None if tenants is None else frozenset(tenants)
        self._rest = b""
        self._process = run.spawn(command(self._tenants, since_cursor, lines, since, steps))
        os.set_blocking(self.fileno(), False)

    def fileno(self) -> int:
        """The descriptor that has something to read when there is an event."""
        return self._process.stdout.fileno()

    def read(self) -> list[tuple[str, Event]]:
        """What has come, each event with its cursor; it waits for nothing. Raises CommandError when there is no more
        to come."""
        while True:
            try:
                data = os.read(self.fileno(), CHUNK)
            except BlockingIOError:
                return []
            if not data:
                raise self._ended()
            *lines, self._rest = (self._rest + data).split(b"\n")
            self._rest = self._rest[:MAX_LINE]  # what is longer is no entry of ours, and is not JSON when it is cut
            if found := [one for one in map(from_line, lines) if one and self._wants(one[1])]:
                return found

    def close(self) -> None:
        """Ends it."""
        self._process.close()

    def _wants(self, event: Event) -> bool:
        return self._tenants is None or event.tenant in self._tenants

    def _ended(self) -> CommandError:
        done = self._process.wait(ENDING_SEC)
        return run.failure(self._process.argv, done.returncode, done.stderr or "it has nothing more to say")


def is_cursor(text: str) -> bool:
    """Whether a text may be a place in the journal, or is empty."""
    return len(text) <= _MAX_CURSOR and _CURSOR.issuperset(text)


def command(
    tenants: Collection[str] | None, since_cursor: str, lines: str, since: str, steps: bool
) -> tuple[str, ...]:
    """What journalctl is asked. Raises UsageError for what cannot be a cursor."""
    if not is_cursor(since_cursor):
        raise UsageError("That is no cursor.", hint="Take the one of an event, as it was told.")
    begin = (f"--after-cursor={since_cursor}",) if since_cursor else (f"--since={since}",) if since else ()
    ids = (row.id for word, row in ROWS.items() if steps or word != "step")
    named = sorted(tenants) if tenants is not None and len(tenants) <= NAMED else []
    return (
        "journalctl", "--quiet", "--no-pager", "--output=json", "--all", "--follow",
        f"--output-fields={','.join(FIELDS)}", f"--lines={'all' if since_cursor else lines}", *begin,
        "_UID=0", "_TRANSPORT=journal", *(f"MESSAGE_ID={one}" for one in ids),
        *(f"BITBUILDER_TENANT={one}" for one in named),
    )  # fmt: skip
