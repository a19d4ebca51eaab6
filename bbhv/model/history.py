"""History: which commits are new since one that was accepted, and whether the new tip goes on from it.

Pure over a function that gives commits. Like git, it walks both sides at once, newest first, so that the work depends
on what is new and not on how old a repository is; unlike git's, the answer about descent is exact also when clocks
were wrong. The walk is bounded.
"""

import heapq
from collections.abc import Callable

from ..errors import RefusedError
from ..formats.gitobject import Commit
from ..records import dataclass

MAX_WALK = 20_000


@dataclass(frozen=True, slots=True)
class News:
    """What lies between: `descends` when the accepted commit is the tip or behind it; `commits` are those that the tip
    reaches and the accepted one does not, the tip first. Where dates go backwards there may be more of them."""

    descends: bool
    commits: tuple[str, ...]


def since(tip: str, accepted: str, read: Callable[[str], Commit | None]) -> News:
    """The news at `tip` since `accepted`. `read` gives a commit, or None for one that is not there, which is only
    allowed of what lies behind `accepted`. Raises RefusedError when more than MAX_WALK commits are to be looked at."""
    walk = _Walk(read)
    walk.add(accepted, old=True)
    walk.add(tip, old=False)
    while walk.fresh:
        walk.step()
    return News(tip == accepted or walk.met, tuple(oid for oid in walk.order if oid not in walk.old))


class _Walk:
    """Both sides of the walk in one list. `fresh` counts what waits in it and is not known to be old."""

    def __init__(self, read: Callable[[str], Commit | None]) -> None:
        self._read = read
        self._queue: list[tuple[int, int, str]] = []
        self._parents: dict[str, tuple[str, ...]] = {}
        self._waiting: set[str] = set()
        self._start = ""
        self.old: set[str] = set()
        self.order: list[str] = []
        self.fresh = 0
        self.met = False

    def add(self, oid: str, *, old: bool) -> None:
        """Puts a commit on the list, or notes that one which was there before is old. The first one is the accepted."""
        self._start = self._start or oid
        self.met = self.met or (not old and oid == self._start)
        if oid in self._parents:
            if old:
                self._age(oid)
            return
        commit = self._read(oid)
        if commit is None and not old:
            raise RefusedError(f"Commit {oid[:12]} is missing.", hint="Sync again; the repository is cloned anew.")
        if len(self._parents) >= MAX_WALK:
            message = f"More than {MAX_WALK} commits lie between {self._start[:12]} and what is new."
            raise RefusedError(message, hint="Push it in smaller steps, and sync after each.")
        self._parents[oid] = commit.parents if commit else ()
        self._waiting.add(oid)
        if old:
            self.old.add(oid)
        else:
            self.order.append(oid)
            self.fresh += 1
        heapq.heappush(self._queue, (-commit.committed_usec if commit else 0, len(self._parents), oid))

    def step(self) -> None:
        """Goes on from the newest commit of the list."""
        oid = heapq.heappop(self._queue)[2]
        self._waiting.remove(oid)
        old = oid in self.old
        self.fresh -= not old
        for parent in self._parents[oid]:
            self.add(parent, old=old)

    def _age(self, oid: str) -> None:
        """The commit is old after all, and with it what lies behind it and was looked at already."""
        aged = [oid]
        while aged:
            one = aged.pop()
            if one in self.old or one not in self._parents:
                continue
            self.old.add(one)
            if one in self._waiting:
                self.fresh -= 1
            else:
                aged += self._parents[one]
