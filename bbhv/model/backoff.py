"""Back-off: when a repository that could not be fetched is asked for again. Pure: times come in, times go out.

The wait doubles with every failure in a row up to a ceiling, and is spread by up to a quarter either way, the same for
the same tenant: a server that comes back is not met by all of its tenants at once.
"""

from collections import Counter
from collections.abc import Sequence
from zlib import crc32

from ..records import dataclass

FIRST_SEC = 60
CEILING_SEC = 3600


@dataclass(frozen=True, slots=True)
class Retry:
    """How often in a row fetching failed, until when nobody asks, in microseconds since the host was booted, and a
    number of how it was asked: who is told another address or credential is asked at once."""

    failures: int = 0
    next_usec: int = 0
    way: int = 0

    def again(self, tenant: str, now_usec: int, way: int) -> "Retry":
        """After one more failure."""
        failures = min(self.failures + 1, 1000) if way == self.way else 1
        return Retry(failures, now_usec + delay_usec(tenant, failures), way)

    def waits(self, now_usec: int) -> bool:
        """Whether it is too early. A time further away than any wait is no time of ours."""
        return now_usec < self.next_usec <= now_usec + CEILING_SEC * 2_000_000


def delay_usec(tenant: str, failures: int) -> int:
    """How long to wait after so many failures in a row, in microseconds."""
    seconds = min(CEILING_SEC, FIRST_SEC << min(failures - 1, 20))
    return seconds * 750_000 + seconds * 500_000 * spread(f"{tenant} {failures}") // 1000


def spread(text: str) -> int:
    """A number from 0 to 999 that is the same for the same text."""
    return crc32(text.encode()) % 1000


def encode(retry: Retry) -> bytes:
    """The memory as bytes."""
    return f"{retry.failures} {retry.next_usec} {retry.way}\n".encode()


def decode(data: bytes) -> Retry:
    """The memory of such bytes; of any others, none: to ask too early costs less than not to ask."""
    words = data.decode("ascii", "replace").split()
    if len(words) != 3 or not all(word.isdigit() and len(word) < 20 for word in words):
        return Retry()
    return Retry(*map(int, words))


def startable(waiting: Sequence[str], busy: Sequence[str], most: int, per_server: int) -> list[int]:
    """Which of those that wait start now, by their numbers, when at most `most` may be at it, and so many per server.

    Each is named by its server, or by an empty text. One server never has all places, if there is more than one.
    """
    limit = max(1, min(per_server, most - 1))
    count = Counter(name for name in busy if name)
    chosen: list[int] = []
    for number, name in enumerate(waiting):
        if len(busy) + len(chosen) >= most:
            break
        if not name or count[name] < limit:
            count[name] += 1
            chosen.append(number)
    return chosen
