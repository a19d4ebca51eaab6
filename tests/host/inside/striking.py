"""Tries many points, several tenants at a time, on a host of its own: `python3 -m tests.host.inside.striking`.

The words are points (`change:sync:fsync:7:KILL`), or how many of each scenario (`change=40`, `change=all`). Prints one
JSON object per point, and the points that there are in the end.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import cache
from queue import Empty, SimpleQueue

from . import faults, scenarios
from .faults import Point
from .scenarios import Tried
from .subject import Subject
from .support import run

SUBJECTS = ("acme", "bolt", "cart")
SEED = 20261128


def prepare(count: int = len(SUBJECTS)) -> list[Subject]:
    """A host on which only we act, and the tenants that faults are tried on."""
    scenarios.SETTINGS.parent.mkdir(parents=True, exist_ok=True)
    scenarios.SETTINGS.write_text("[System]\nAllowFile=yes\n")
    run(["systemctl", "stop", "tenant-sync.timer"])
    subjects = [Subject.named(name) for name in SUBJECTS[:count]]
    for subject in subjects:
        scenarios.begin_anew(subject)
    return subjects


def all_of(subjects: Sequence[Subject], chosen: Iterable[Point], tell: Callable[[Tried], None]) -> None:
    """Tries points, each subject one at a time, and tells of each as soon as it is over."""
    queue: SimpleQueue[Point] = SimpleQueue()
    for point in chosen:
        queue.put(point)

    def work(subject: Subject) -> None:
        while True:
            try:
                point = queue.get_nowait()
            except Empty:
                return
            if scenarios.SCENARIOS[point.scenario].guest:
                alone.append(point)
            else:
                tell(scenarios.try_point(subject, point))

    alone: list[Point] = []
    with ThreadPoolExecutor(len(subjects)) as pool:
        list(pool.map(work, subjects))
    for point in sorted(alone, key=lambda point: point.scenario):
        tell(scenarios.try_point(guest(point.scenario), point))


@cache
def guest(scenario: str) -> Subject:
    """The tenant that a scenario of the whole host is tried on."""
    subject = Subject.named(scenarios.SCENARIOS[scenario].guest)
    scenarios.begin_anew(subject)
    return subject


def chosen(subject: Subject, words: Sequence[str]) -> Iterator[Point]:
    """The points that the words mean."""
    for word in words:
        name, equals, count = word.partition("=")
        if not equals:
            yield Point.parse(word)
            continue
        found = scenarios.find(guest(name) if scenarios.SCENARIOS[name].guest else subject, name)
        print(json.dumps({"scenario": name, "found": len(found)}), flush=True)
        yield from faults.sample(found, len(found) if count == "all" else int(count), SEED)


def main(words: Sequence[str]) -> None:
    """Does what the words say."""
    subjects = prepare()
    points = list(chosen(subjects[0], words))
    all_of(subjects, points, lambda one: print(json.dumps({**asdict(one), "point": str(one.point)}), flush=True))


if __name__ == "__main__":
    main(sys.argv[1:])
