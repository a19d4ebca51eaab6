"""Tries many points, several tenants at a time, on a host of its own: `python3 -m tests.host.inside.striking`.

The words are points (`change:sync:fsync:7:KILL`), or how many of each scenario (`change=40`, `change=all`). Prints one
JSON object per point, and the points that there are in the end.
"""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from queue import Empty, SimpleQueue

from . import faults, scenarios, trying
from .faults import Point
from .subject import Subject
from .support import run
from .trying import Series, Tried

SUBJECTS = ("acme", "bolt", "cart", "fisk")
SEED = 20261128


def prepare(count: int = 3) -> list[Subject]:
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
        series = Series(subject)
        while True:
            try:
                point = queue.get_nowait()
            except Empty:
                break
            if scenarios.SCENARIOS[point.scenario].guest:
                alone.append(point)
            else:
                tell(series.try_point(point))
        for more in series.end():
            tell(more)

    alone: list[Point] = []
    with ThreadPoolExecutor(len(subjects)) as pool:
        list(pool.map(work, subjects))
    for name in dict.fromkeys(point.scenario for point in alone):
        series = Series(scenarios.guest(scenarios.SCENARIOS[name].guest))
        for one in (*(series.try_point(point) for point in alone if point.scenario == name), *series.end()):
            tell(one)


def leave(subjects: Iterable[Subject]) -> None:
    """Takes these tenants and all guests from the host."""
    for subject in (*subjects, *scenarios.GUESTS.values()):
        scenarios.leave(subject)
    scenarios.GUESTS.clear()


def chosen(subjects: Sequence[Subject], words: Sequence[str]) -> list[Point]:
    """The points that the words mean. Each scenario is traced once, several at a time."""
    counts = dict(word.split("=") for word in words if "=" in word)
    shared = [name for name in counts if not scenarios.SCENARIOS[name].guest]

    def look(number: int) -> list[tuple[str, list[Point]]]:
        return [(name, trying.find(subjects[number], name)) for name in shared[number :: len(subjects)]]

    with ThreadPoolExecutor(len(subjects)) as pool:
        found = dict(one for many in pool.map(look, range(len(subjects))) for one in many)
    for name in counts.keys() - found.keys():
        found[name] = trying.find(scenarios.guest(scenarios.SCENARIOS[name].guest), name)
    points = [Point.parse(word) for word in words if "=" not in word]
    for name, count in counts.items():
        print(json.dumps({"scenario": name, "found": len(found[name])}), flush=True)
        points += faults.sample(found[name], len(found[name]) if count == "all" else int(count), SEED)
    return points


def main(words: Sequence[str]) -> None:
    """Does what the words say."""
    subjects = prepare()
    points = chosen(subjects, words)
    all_of(subjects, points, lambda one: print(json.dumps({**asdict(one), "point": str(one.point)}), flush=True))


if __name__ == "__main__":
    main(sys.argv[1:])
