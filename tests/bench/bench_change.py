"""What a changed tenant costs, from fetch to units written, and a run with many of them; workloads are not started.

Tenants follow repositories that a real git serves over https; their containers' units have nothing to run. A change is
one line, a limit that applies live: it is fetched and ingested in sandboxes, verified, read, checked, compiled,
planned, written, published, and read by systemd with the one daemon-reload of the run.

`change`: processor time, user and system, of everybody, but for the server, which runs outside of the host. Two clocks
see all of it and nothing twice. The one is of bbhv and every program that it waits for (getrusage). The other is of the
host's whole control group: process 1, the journal, the bus, the login manager, and the units with the git in them. What
one more changed tenant costs in a run is what it costs from fetch to units written: the start of the program and the
daemon-reload are the run's, and the difference of two runs has neither.

Beside it stands what two gits alone cost, the same fetch and the same index-pack, with no sandbox and nobody of ours
around them: what is left of the units' share is the price of two sandboxes. `BENCH_TENANTS=1000 build.py bench change`
takes a thousand.

The limits are those of one machine. What is compared with them is counted in fetches of git that find nothing new, on
the same host in the same run: so what another machine needs more for these, it may need more for ours.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench import hosts, measure, served
from tests.host.harness.host import Host

MANY = int(os.environ.get("BENCH_TENANTS", "100"))
FEW, MORE = 4, 24
FETCHES = 100
PER_STEP = 100
ROUNDS = 3
LIMIT_MS, SECONDS_EACH = 150.0, 0.1
PEAK_MIB = 64.0
SYNC = ("/usr/bin/bbhv", "sync", "--quiet")


def names(count: int) -> list[str]:
    """The first tenants."""
    return [f"tenant{number:04}" for number in range(count)]


def populate(host: Host, folder: Path, address: str, count: int) -> None:
    """Makes the tenants, some in each sync, until there is nothing new. Those that are there already are not asked."""
    for start in range(0, count, PER_STEP):
        new = names(count)[start : start + PER_STEP]
        for name in new:
            served.commit(folder, name, 0)
            served.register(host, name, address)
        host.run([*SYNC, *new], timeout=1800)
    expect(host, count)


def expect(host: Host, count: int) -> None:
    """Everything is as it was committed: another sync finds nothing new. Anything else would not have been measured."""
    done = host.run(["/usr/bin/bbhv", "sync"], timeout=1800)
    found = [line.partition(": ")[2] for line in done.stdout.splitlines() if line.startswith("tenant")]
    if found != ["unchanged"] * count:
        raise SystemExit(f"The sync should find nothing new, but says {done.stdout[-2000:]}")


def changes(folder: Path, serial: Callable[[], int], count: int) -> None:
    """One line changes in each of the first tenants."""
    number = serial()
    for name in names(count):
        served.commit(folder, name, number)


def yardstick(host: Host) -> float:
    """What a fetch that finds nothing new costs here over what it costs where the limits are from."""
    fetches = served.by_git(names(FETCHES), served.FETCH)
    took = measure.by_turns({"fetch": lambda: hosts.whole(host, fetches)}, ROUNDS).ms("fetch") / 1000
    measure.row(f"{FETCHES} lean git fetch over https that find nothing new", took, "s")
    return took / served.FETCHES_SEC


def marginal(host: Host, folder: Path, serial: Callable[[], int], slower: float) -> None:
    """What one more changed tenant costs in a run. This machine is so many times `slower` than that of the limits."""
    took: dict[int, list[tuple[float, float]]] = {FEW: [], MORE: []}
    for _ in range(ROUNDS):
        for count, seen in took.items():
            changes(folder, serial, count)
            seen.append(hosts.parts(host, (*SYNC, *names(count))))
    steps = [((more[0] - few[0]) / (MORE - FEW), (more[1] - few[1]) / (MORE - FEW))
             for few, more in zip(took[FEW], took[MORE])]
    own, others = (sorted(one[part] for one in steps)[ROUNDS // 2] * 1000 for part in (0, 1))
    measure.row("one more changed tenant in a run: bbhv and what it starts", own, "ms")
    measure.row("one more changed tenant in a run: process 1 and the sandboxed units", others, "ms")
    measure.row("one more changed tenant in a run: everybody", own + others, "ms")
    measure.row("one more changed tenant on the machine of the limits", (own + others) / slower, "ms", LIMIT_MS)
    git = by_git(host, folder, serial)
    measure.row("of it git alone, fetch and index-pack with no sandbox", git, "ms")
    measure.row("of it two sandboxes: process 1, journal, bus and the rest of the units", others - git, "ms")
    alone = []
    for _ in range(ROUNDS):
        changes(folder, serial, 1)
        alone.append(sum(hosts.parts(host, (*SYNC, names(1)[0]))))
    measure.row("a sync of one changed tenant, whole: everybody", sorted(alone)[ROUNDS // 2] * 1000, "ms")
    measure.row("of it one daemon-reload: everybody", hosts.whole(host, ("systemctl", "daemon-reload")) * 1000, "ms")


def by_git(host: Host, folder: Path, serial: Callable[[], int]) -> float:
    """What the two gits of one changed tenant cost by themselves, in milliseconds."""
    name, clone, copy = names(1)[0], "/root/clone.git", "/root/copy.git"
    url = host.run(["git", "-C", f"/var/lib/tenants/{name}/config.git", "remote", "get-url", "origin"]).stdout.strip()
    host.run(["git", "clone", "--quiet", "--bare", "--single-branch", url, clone])
    seen = []
    for _ in range(ROUNDS):
        host.run(["rm", "-rf", copy])
        host.run(["cp", "-a", clone, copy])
        host.run(["git", "-C", clone, "repack", "-adq"])
        changes(folder, serial, 1)
        fetch = hosts.own(host, ["git", f"--git-dir={clone}", "-c", "fetch.unpackLimit=1", "-c", "pack.threads=1",
                                 "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance",
                                 "--refmap=", url, "+refs/heads/main:refs/bitbuilder/incoming"])
        newest = f"$(ls -t {clone}/objects/pack/*.pack | head -1)"
        index = f"git --git-dir={copy} index-pack --stdin --fix-thin --strict --threads=1 < {newest}"
        seen.append(fetch + hosts.own(host, ["sh", "-c", index]))
        host.run(["git", f"--git-dir={clone}", "update-ref", "refs/heads/main", "refs/bitbuilder/incoming"])
    return sorted(seen)[ROUNDS // 2] * 1000


def reloads(host: Host) -> int:
    """How often systemd has read all its units since it booted."""
    asked = ("journalctl", "--quiet", "--output=cat", "--boot", "_PID=1", "--grep=^Reloading finished")
    return len(host.run(asked, check=False).stdout.splitlines())


def together(
    host: Host, folder: Path, serial: Callable[[], int], count: int, server: served.Server, slower: float
) -> None:
    """All tenants change at once."""
    changes(folder, serial, count)
    before, serving, read = time.monotonic(), server.cpu(), reloads(host)
    used, spent = hosts.usage(host, SYNC, timeout=3600)
    took = time.monotonic() - before
    serving = server.cpu() - serving
    measure.row(f"{count} changed tenants, workloads not started: time", took, "s")
    measure.row(f"{count} changed tenants: time on the machine of the limits", took / slower, "s", count * SECONDS_EACH)
    load = os.getloadavg()[0]
    measure.row(f"{count} changed tenants: processor time of the host, everybody", spent, "s")
    measure.row(f"{count} changed tenants: processor time of the server, outside of it", serving, "s")
    measure.row(f"{count} changed tenants: daemon-reloads", reloads(host) - read, "")
    measure.row(f"{count} changed tenants: the load of this machine at the end of it, at rest 2 or less", load, "")
    measure.row(f"{count} changed tenants: the engine's memory at its peak", used, "MiB", PEAK_MIB)
    expect(host, count)


def main(dist: Path) -> None:
    """Measure on one host."""
    numbers = iter(range(1, 10**6))
    folder = Path("served").absolute()
    with hosts.host(dist) as host:
        served.prepare(host)
        with served.server(host, folder) as server:
            populate(host, folder, server.address, MANY)
            slower = yardstick(host)
            marginal(host, folder, lambda: next(numbers), slower)
            together(host, folder, lambda: next(numbers), MANY, server, slower)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
