"""What a sync costs that finds nothing new: nothing that runs is touched, systemd reads nothing again.

The CPU time is that of everybody: bbhv, git, process 1, and the sandboxed units that fetch or ask. First with local
repositories, which are fetched from one by one; then with a hundred that a real git serves over https, beside what a
hundred lean fetches by git and a hundred questions by git cost on the same host in the same run.
"""

import json
import statistics
import sys
from functools import partial
from pathlib import Path

from tests.bench import bench_change, hosts, measure, served
from tests.host.harness.host import Host

MANY = 20
HTTPS, HTTPS_MS = 100, 400.0
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


def over_https(dist: Path) -> None:
    """A hundred tenants that nothing happened to, over https, beside git."""
    folder = Path("served").absolute()
    with hosts.host(dist) as host:
        served.prepare(host)
        with served.server(host, folder) as server:
            bench_change.populate(host, folder, server.address, HTTPS)
            known = bench_change.names(HTTPS)
            fetch, ask = (served.by_git(known, command) for command in (served.FETCH, served.ASK))
            commands = {"sync": SYNC, "fetch": fetch, "ask": ask}
            parts = [hosts.parts(host, SYNC) for _ in range(ROUNDS)]
            things = {name: partial(hosts.whole, host, argv) for name, argv in commands.items()}
            times = measure.by_turns(things, ROUNDS)
            for part, what in enumerate(("bbhv and what it starts", "process 1 and the unit that asks")):
                took = statistics.median(one[part] for one in parts) * 1000
                measure.row(f"no-op sync of {HTTPS} over https: {what}", took, "ms")
            measure.row(f"no-op sync of {HTTPS} over https: everybody", times.ms("sync"), "ms", HTTPS_MS)
            measure.row(f"{HTTPS} lean git fetch over https", times.ms("fetch"), "ms")
            measure.row(f"{HTTPS} git ls-remote over https", times.ms("ask"), "ms")
            measure.row(f"no-op sync over {HTTPS} git fetch", times.ratio("sync", "fetch"), "times", 0.4 / 2.4)
            measure.row(f"no-op sync over {HTTPS} git ls-remote", times.ratio("sync", "ask"), "times", 0.4 / 1.7)
            programs = hosts.started(host, SYNC)
            measure.row(f"no-op sync of {HTTPS} over https: programs started", len(programs) - 1, "programs", 4)
            measure.row("the engine's memory at its peak", hosts.peak(host, SYNC), "MiB", bench_change.PEAK_MIB)


def main(dist: Path) -> None:
    """Local repositories, then served ones."""
    locally(dist)
    over_https(dist)


def locally(dist: Path) -> None:
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
