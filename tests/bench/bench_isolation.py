"""Isolation as a figure: what a hostile tenant tries, by its repository, its frames and as root, and what escapes.

What is tried are the tables that the tests have. Beside it: what is left of a tenant that comes and goes, and how often
systemd-networkd reads its files for many networks. Not tried is what would use up memory, processes or time of the
processor: the kernel of a test host has no controllers for these. BITBUILDER_RELEASE says which test host it is.
"""

import json
import os
import sys
from collections import Counter
from pathlib import Path

from bbhv.kinds.table import classify
from tests.bench import hosts, measure
from tests.host.harness import crashes
from tests.host.harness.host import Host
from tests.unit.hostile.corpus import TRICKS
from tests.unit.hostile.trick import is_caught

TIMES, NETWORKS = 50, 200
TIMEOUT = 1800.0


def row(group: str, attempts: int, escapes: int) -> int:
    """Prints how many attempts of a group there were and how many escaped, and returns that."""
    measure.row(f"{group}: escapes of {attempts} attempts", escapes, "escapes", 0)
    return escapes


def repositories() -> int:
    """The repositories, by the kind of file in which the trick is."""
    attempts: Counter[str] = Counter()
    escapes: Counter[str] = Counter()
    for trick in TRICKS:
        kinds = sorted({kind.name if (kind := classify(path)[0]) else "other" for path in trick.changed})
        group = " and ".join(kinds) if len(kinds) == 1 else "several kinds of file"
        attempts[group] += 1
        escapes[group] += not is_caught(trick)
    return sum(row(f"repositories: {group}", count, escapes[group]) for group, count in sorted(attempts.items()))


def step(host: Host, *words: str) -> dict[str, object]:
    """What one step says that runs on the host."""
    argv = ["python3", "-m", "tests.host.inside.proving", *words]
    found = json.loads(host.run(argv, timeout=TIMEOUT, env={"PYTHONPATH": crashes.PLACE}).stdout)
    assert isinstance(found, dict)
    return found


def tried(host: Host, *words: str) -> int:
    """One step with attempts."""
    said = step(host, *words)
    table, escaped, missed = said["rows"], said["escapes"], said["missed"]
    assert isinstance(table, dict) and isinstance(escaped, list) and isinstance(missed, list)
    if missed:
        raise SystemExit(f"What everybody may do was not done, so nothing is proven: {missed}")
    for one in escaped:
        measure.row(f"ESCAPED: {one}", 1, "times")
    return sum(row(f"{words[0]}: {group}", *counts) for group, counts in table.items())


def lasting(host: Host) -> None:
    """What is left of a tenant, and what many networks take."""
    again = step(host, "again", str(TIMES))
    left = again["left"]
    assert isinstance(left, dict)
    for what, names in left.items():
        measure.row(f"left after {TIMES} stops and starts of a tenant: {what}", len(names), "things", 0)
    measure.row("a start and a stop of two networks and two containers", float(str(again["seconds"])), "s")
    many = step(host, "many", str(NETWORKS))
    measure.row("networks of one tenant that are up", float(str(many["networks"])), "networks")
    measure.row(f"reloads of systemd-networkd for {NETWORKS} networks", float(str(many["reloads"])), "reloads", 1)
    measure.row(f"a sync that brings up {NETWORKS} networks", float(str(many["seconds"])), "s")


def main(dist: Path) -> None:
    """All on one host."""
    escapes = repositories()
    release = os.environ.get("BITBUILDER_RELEASE", hosts.RELEASE)
    with Host(release) as host:
        host.install(dist / release / "bbhv.raw")
        host.boot()
        hosts.quiet(host)
        crashes.install(host)
        escapes += tried(host, "frames") + tried(host, "inside")
        lasting(host)
    measure.say(f"Escapes: {escapes or 'none'}.")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
