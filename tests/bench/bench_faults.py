"""Faults, as a figure: points tried and not survived, by what is struck and how; crashes of the whole host beside them.

Without more, a seeded sample. BITBUILDER_FAULTS says what else is tried: `all`; a number of points for each scenario;
or points, as a row that did not survive shows them (`change:sync:fsync:7:KILL`). BITBUILDER_CRASHES is how many times
the host is crashed, BITBUILDER_RELEASE which host.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.bench import hosts, measure
from tests.host.harness import crashes
from tests.host.harness.host import Host
from tests.host.inside.scenarios import SCENARIOS

SAMPLE = 25
CRASHES = 20
SEED = 20261128


def words() -> list[str]:
    """What is tried."""
    asked = os.environ.get("BITBUILDER_FAULTS", str(SAMPLE))
    if ":" in asked:
        return asked.split()
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


def wrong(log: Path, what: str, value: object) -> None:
    """Prints a row for one thing that did not end well, and keeps all that is known of it."""
    with log.open("a") as file:
        file.write(f"{json.dumps({what: value})}\n")
    measure.row(f"not survived, see {log}: {what}", 1, "times")


def tried(host: Host, log: Path) -> None:
    """Prints a row for each class of points and each thing that happened to it."""
    found, missed = 0, 0
    reached: Counter[tuple[str, str]] = Counter()
    lost: Counter[tuple[str, str]] = Counter()
    for one in struck(host):
        if "scenario" in one:
            found += int(str(one["found"]))
            continue
        _, kind, _, _, action = str(one["point"]).split(":")
        reached[action, kind] += bool(one["hit"])
        missed += not one["hit"]
        if one["problems"]:
            lost[action, kind] += 1
            wrong(log, f"BITBUILDER_FAULTS={one['point']}", one)
    measure.row("points found", found, "points")
    measure.row("points that were not reached again", missed, "points")
    measure.row("points tried", reached.total(), "points")
    for action, kind in sorted(reached):
        count = reached[action, kind]
        measure.row(f"{action} at {kind}: not survived of {count} tried", lost[action, kind], "points", 0)


def crashed(host: Host, count: int, log: Path) -> None:
    """Prints a row for the crashes."""
    lost = 0
    for one in crashes.crashes(host, count, SEED):
        if one.problems:
            lost += 1
            wrong(log, f"crash {one.number}, {one.after:.1f} s after the changes began", {"problems": one.problems})
    measure.row(f"crashes of the host: not survived of {count} tried", lost, "crashes", 0)


def main(dist: Path) -> None:
    """Try all on one host, then crash another."""
    release = os.environ.get("BITBUILDER_RELEASE", hosts.RELEASE)
    log = dist / "bench/faults.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("")
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
