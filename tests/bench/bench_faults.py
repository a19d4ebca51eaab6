"""Faults, as a figure: points tried and not survived, by scenario, class and action; crashes of the whole host beside.

Without more, a seeded sample. BITBUILDER_FAULTS says what else is tried: `all`; a number of points for each scenario
(0: none); some scenarios, each with one of these (`change=all live=40`); or points, as a row that did not survive shows
them (`change:sync:fsync:7:KILL`). BITBUILDER_CRASHES is how many times a host is crashed, BITBUILDER_RELEASE which one.
What became of each point and each crash is written to dist/bench/faults-RELEASE.log as soon as it is known.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from tests.bench import hosts, measure
from tests.host.harness import crashes
from tests.host.harness.host import Host
from tests.host.inside.faults import ACTIONS
from tests.host.inside.scenarios import SCENARIOS

SAMPLE = 25
CRASHES = 20
SEED = 20261128
Tally = Mapping[tuple[str, str, str], int]


def words() -> list[str]:
    """What is tried."""
    asked = os.environ.get("BITBUILDER_FAULTS", str(SAMPLE))
    if ":" in asked or "=" in asked:
        return asked.split()
    if asked == "0":
        return []
    return [f"{name}={asked}" for name in SCENARIOS]


def struck(host: Host) -> Iterator[dict[str, object]]:
    """What is said of each point, as soon as it was tried."""
    crashes.install(host)
    argv = crashes.command(host, "striking", *words())
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            yield json.loads(line)
    if process.returncode:
        raise SystemExit(f"The points could not be tried: exit status {process.returncode}.")


def note(log: Path, what: str, value: object) -> None:
    """Keeps all that is known of one thing that was tried."""
    with log.open("a") as file:
        file.write(f"{json.dumps({what: value})}\n")


def tried(host: Host, log: Path) -> None:
    """Prints rows for each scenario, each class of points, and each thing that happened to them."""
    found: Counter[str] = Counter()
    reached: Counter[tuple[str, str, str]] = Counter()
    lost: Counter[tuple[str, str, str]] = Counter()
    missed, shared = 0, 0
    for one in struck(host):
        note(log, "point" if "point" in one else "scenario", one)
        if "scenario" in one:
            found[str(one["scenario"])] += int(str(one["found"]))
            continue
        scenario, kind, _, _, action = str(one["point"]).split(":")
        reached[scenario, kind, action] += bool(one["hit"])
        missed += not one["hit"]
        shared += not one["way"]
        if one["problems"]:
            lost[scenario, kind, action] += 1
            measure.row(f"not survived, see {log}: BITBUILDER_FAULTS={one['point']}", 1, "times")
    measure.row("points found", found.total(), "points")
    measure.row("points that were not reached again", missed, "points")
    measure.row("points that left the tenant at rest, and shared the next sync with others", shared, "points")
    measure.row("points tried", reached.total(), "points")
    measure.row("points survived", reached.total() - lost.total(), "points")
    for scenario in dict.fromkeys(name for name, _, _ in reached):
        _row(f"{scenario} ({found[scenario]} points found)", reached, lost, lambda key: key[0] == scenario)
        for action in ACTIONS:
            _row(f"{scenario}: {action}", reached, lost, lambda key: (key[0], key[2]) == (scenario, action))
    for action, kinds in ACTIONS.items():
        for kind in kinds:
            _row(f"{action} at {kind}", reached, lost, lambda key: (key[2], key[1]) == (action, kind))


def _row(what: str, reached: Tally, lost: Tally, belongs: Callable[[tuple[str, str, str]], bool]) -> None:
    tries = sum(count for key, count in reached.items() if belongs(key))
    bad = sum(count for key, count in lost.items() if belongs(key))
    if tries:
        measure.row(f"{what}: not survived of {tries} tried", bad, "points", 0)


def crashed(host: Host, count: int, log: Path) -> None:
    """Prints a row for the crashes."""
    lost = 0
    for one in crashes.crashes(host, count, SEED):
        note(log, "crash", asdict(one))
        if one.problems:
            lost += 1
            measure.row(f"not survived, see {log}: crash {one.number}", 1, "times")
    measure.row(f"crashes of the host: not survived of {count} tried", lost, "crashes", 0)


def main(dist: Path) -> None:
    """Try all on one host, then crash another."""
    release = os.environ.get("BITBUILDER_RELEASE", hosts.RELEASE)
    log = dist / f"bench/faults-{release}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("")
    if words():
        with Host(release) as host:
            host.install(dist / release / "bbhv.raw")
            host.boot()
            tried(host, log)
    count = int(os.environ.get("BITBUILDER_CRASHES", str(CRASHES)))
    if count:
        with Host(release) as host:
            host.install(dist / release / "bbhv.raw")
            host.boot()
            crashed(host, count, log)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
