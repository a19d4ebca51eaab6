"""What a sync costs that finds nothing new: nothing that runs is touched, systemd reads nothing again.

The CPU time is that of everybody: bbhv, git, process 1, and the sandboxed units that fetch.
"""

import json
import statistics
import sys
from pathlib import Path

from tests.bench import hosts, measure
from tests.host.harness.host import Host

MANY = 20
ROUNDS = 3
SYNC = ("/usr/bin/bbhv", "sync", "--quiet")
READING = frozenset(("show", "list-units", "is-active", "--version"))


def settled(host: Host, count: int) -> None:
    """Sync until there is nothing new."""
    host.run([*SYNC], timeout=300)
    host.run([*SYNC], timeout=300)
    found = json.loads(host.run(["bbhv", "list", "--json=short"]).stdout)["tenants"]
    outcomes = [one["outcome"] for one in found]
    if outcomes != ["unchanged"] * count:
        raise SystemExit(f"The second sync should find nothing new, but its outcomes are {outcomes}.")


def reloads(host: Host) -> str:
    """Differs after every daemon-reload."""
    return host.run(["systemctl", "show", "--property=UnitsLoadTimestampMonotonic"]).stdout


def main(dist: Path) -> None:
    """Measure on one host, first with one tenant, then with many."""
    with hosts.host(dist) as host:
        hosts.quiet(host)
        took = {}
        for count in (1, MANY):
            for number in range(count):
                if not host.path(f"/srv/git/tenant{number}").exists():
                    hosts.tenant(host, f"tenant{number}")
            settled(host, count)
            before = reloads(host)
            bare = measure.by_turns({"bare": lambda: hosts.own(host, hosts.BARE)}, ROUNDS).ms("bare")
            seen = [hosts.parts(host, SYNC) for _ in range(ROUNDS)]
            own = statistics.median(one for one, _ in seen) * 1000
            took[count] = statistics.median(map(sum, seen)) * 1000
            programs = hosts.started(host, SYNC)
            measure.row(f"no-op sync of {count}: bbhv and what it starts", own, "ms")
            measure.row(f"no-op sync of {count}: everybody", took[count], "ms")
            measure.row(f"no-op sync of {count}: everybody, over the bare interpreter", took[count] / bare, "times")
            measure.row(f"no-op sync of {count}: programs that bbhv starts", len(programs) - 1, "programs")
            calls = [line for line in programs if '"systemctl"' in line]
            acting = [line for line in calls if not any(f'"{verb}"' in line for verb in READING)]
            measure.row(f"no-op sync of {count}: systemctl calls that change something", len(acting), "calls", 0)
            measure.row(f"no-op sync of {count}: daemon-reloads", int(reloads(host) != before), "or more", 0)
        measure.row("no-op sync: everybody, per further tenant", (took[MANY] - took[1]) / (MANY - 1), "ms")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
