"""The varlink service: what it survives, and how fast it is beside others that speak the protocol.

First a server in a process of its own among a million messages, right, wrong and none at all, and ten thousand peers
that stall, trickle, flood, vanish or send garbage, while a good client goes on asking. Then, on a test host, the real
service, asked by a client on the same CPU, beside a bare loop in Python that always answers the same, the server of the
package varlink, and a service of systemd's own in C. Limits on the time of the CPU are what the clock says on a machine
that does nothing else. BITBUILDER_RELEASE says which test host it is.
"""

import importlib.util
import json
import os
import random
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import hosts, measure
from tests.fuzz import conversation, peers, served
from tests.host.harness import crashes
from tests.host.harness.host import Host, kill

MESSAGES, PIECE, CONNECTIONS, WAVE, WAVES = 1_000_000, 20_000, 10_000, 96, 8
SECONDS = 0.3  # that a bad peer may take for a message
GROWTH_MIB, SLOWEST_MS = 2, 1000
ROUNDS, CALLS, CALLS_OF_MANY, MANY, STARTS = 7, 10_000, 20_000, 64, 11
P50_US, P99_MS, LEAST_RATE, FIRST_MS, RESIDENT_MIB = 60, 12, 15_000, 150, 25
OURS, HOSTNAMED = "bitbuilder-varlink.service", "systemd-hostnamed.service"
INFO, PING = "org.varlink.service.GetInfo", "io.systemd.service.Ping"
FIRST_CALL = """
import socket, sys, time
before = time.perf_counter()
with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
    peer.connect(sys.argv[1])
    peer.sendall(b'{"method":"org.varlink.service.GetInfo"}\\0')
    assert peer.recv(1 << 16).endswith(b"\\0")
print(time.perf_counter() - before)
"""


# What it survives


@contextmanager
def witness(address: str) -> Iterator[dict[str, float]]:
    """A good client in a process of its own; what it has seen is known at the end."""
    seen: dict[str, float] = {}
    with subprocess.Popen([sys.executable, "-m", "tests.fuzz.witness", address], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as client:  # fmt: skip
        yield seen
        seen.update(json.loads(client.communicate(timeout=60)[0]))


def survives() -> None:
    """Messages and bad peers, with a good client beside them."""
    with served.Served(Path("varlink").absolute(), SECONDS) as server:
        rng = random.Random(7)
        conversation.converse(server.address, served.service(), messages(0))
        memory, descriptors = settled(server, rng), server.descriptors()
        with witness(server.address) as seen:
            talk(server)
            suffer(server, rng)
        measure.row("calls of a good client meanwhile that were answered", seen["answered"], "calls")
        measure.row("calls of a good client meanwhile that were not", seen["failed"], "calls", 0)
        measure.row("the slowest of them", seen["slowest"], "ms", SLOWEST_MS)
        grown = (settled(server, rng) - memory) / 1024
        measure.row("memory that the server has more than before", grown, "MiB", GROWTH_MIB)
        measure.row("descriptors that the server has more than before", server.descriptors() - descriptors, "", 0)
        measure.row("defects that the server met", server.log().count("Traceback"), "defects", 0)
        measure.row("the server has ended", not server.alive, "times", 0)


def settled(server: served.Served, rng: random.Random) -> int:
    """The least that the server has of the memory after some waves of bad peers, in KiB: what large messages took is
    given back now and then."""
    found = []
    for _ in range(WAVES):
        peers.run(server.address, wave(WAVE), rng)
        found.append(server.memory())
    return min(found)


def wave(size: int) -> list[peers.Kind]:
    """Bad peers of all kinds by turns."""
    return [peers.KINDS[number % len(peers.KINDS)] for number in range(size)]


def messages(seed: int) -> Iterator[bytes]:
    """A piece of all messages."""
    return conversation.messages(served.service(), PIECE, seed)


def talk(server: served.Served) -> None:
    """A million messages, each given to the parts of a server here, and to the server."""
    total = conversation.Heard()
    service, seed = served.service(), 0
    while total.messages < MESSAGES:
        seed += 1
        heard = conversation.converse(server.address, service, messages(seed))
        total.answered += heard.answered
        total.silent += heard.silent
        total.refused += heard.refused
        total.wrong += heard.wrong
    measure.row("messages: calls that were answered", total.answered, "messages")
    measure.row("messages: calls that want no reply", total.silent, "messages")
    measure.row("messages: no calls, so that the server hung up", total.refused, "messages")
    measure.row("messages: not answered, or not as the parts of the server do", total.wrong, "messages", 0)


def suffer(server: served.Served, rng: random.Random) -> None:
    """Ten thousand bad peers of all kinds, some of them at a time."""
    done, wrong = 0, list[str]()
    while done < CONNECTIONS:
        size = min(WAVE, CONNECTIONS - done)
        wrong += peers.run(server.address, wave(size), rng)
        done += size
    measure.row("bad peers", done, "peers")
    measure.row("bad peers that were not hung up on in time", len(wrong), "peers", 0)
    for one in sorted(set(wrong)):
        measure.say(one)


# How fast it is


@dataclass(frozen=True, slots=True)
class Asked:
    """A service on the host: what it is called, where it is, the method, and its processes."""

    name: str
    address: str
    method: str
    pid: int


def module(host: Host, *words: str | int) -> list[str]:
    """The outer command line of a module inside."""
    return crashes.command(host, *map(str, words))


@contextmanager
def rival(host: Host, kind: str) -> Iterator[Asked]:
    """One of those that we are compared with, while it runs."""
    address = f"/run/{kind}.varlink"
    argv = ["python3", "-W", "ignore", "-m", "tests.host.inside.varlink_rivals", kind, address]
    with host.spawn(argv, env={"PYTHONPATH": crashes.PLACE}) as process:
        try:
            assert process.stdout
            word, _, pid = process.stdout.readline().strip().partition(" ")
            if word != "ready":
                raise SystemExit(f"{kind} does not serve: {process.communicate()[1]}")
            yield Asked({"bare": "a bare loop", "package": "the package varlink"}[kind], address, INFO, int(pid))
        finally:
            kill(process)


def unit(host: Host, name: str, method: str) -> Asked:
    """A service that systemd starts when it is asked."""
    label, address = {
        OURS: ("ours", "/run/bitbuilder/io.bitbuilder.Hypervisor"),
        HOSTNAMED: ("sd-varlink in C", "/run/systemd/io.systemd.Hostname"),
    }[name]
    host.run(["varlinkctl", "info", address])
    pid = host.run(["systemctl", "show", "--value", "--property=MainPID", name]).stdout.strip()
    return Asked(f"{label}, {method.rpartition('.')[2]}", address, method, int(pid))


def load(host: Host, asked: Asked, connections: int, calls: int) -> Mapping[str, float]:
    """What a client on the same CPU measures."""
    argv = module(host, "varlink_load", asked.address, asked.method, connections, calls, asked.pid)
    found = json.loads(subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                                      timeout=measure.TIMEOUT).stdout)  # fmt: skip
    assert isinstance(found, dict)
    return found


def fast(host: Host) -> None:
    """All by turns, on one connection and on many."""
    seen: dict[tuple[str, int], list[Mapping[str, float]]] = {}
    with rival(host, "bare") as bare, rival(host, "package") as package:
        for _ in range(ROUNDS):
            ours = [unit(host, OURS, method) for method in (INFO, PING)]
            for asked in (*ours, bare, package, unit(host, HOSTNAMED, INFO)):
                for connections, calls in ((1, CALLS), (MANY, CALLS_OF_MANY)):
                    seen.setdefault((asked.name, connections), []).append(load(host, asked, connections, calls))
    for (name, connections), rounds in seen.items():
        figures(name, connections, rounds)


def figures(name: str, connections: int, rounds: Sequence[Mapping[str, float]]) -> None:
    """The rows of one service; only ours has limits. Others that use the machine only ever add to what the clock says
    of the slowest calls."""
    ours = name.startswith("ours")
    cpu = statistics.median(one["cpu"] for one in rounds)
    label = f"{name}, {connections} connections" if connections > 1 else name
    if connections == 1:
        median = statistics.median(one["p50"] for one in rounds)
        measure.row(f"{label}: a call, median", median, "µs", P50_US if ours else None)
    else:
        late = min(one["p99"] for one in rounds)
        measure.row(f"{label}: a call, 99 of 100, best round", late / 1000, "ms", P99_MS if ours else None)
        measure.row(f"{label}: a call, time of the CPU", cpu, "µs", 1e6 / LEAST_RATE if ours else None)
    measure.row(f"{label}: calls in a second of that", 1e6 / cpu, "calls/s")


def starts(host: Host) -> None:
    """The first call to the service that sleeps, and what it has of the memory after all."""
    address = unit(host, OURS, INFO).address
    pid = host.run(["systemctl", "show", "--value", "--property=MainPID", OURS]).stdout.strip()
    status = host.get(f"/proc/{pid}/status")
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
    measure.row("ours: resident memory after that", resident / 1024, "MiB", RESIDENT_MIB)
    took, cpu = [], []
    for _ in range(STARTS):
        host.run(["systemctl", "stop", OURS])
        host.run(["systemctl", "reset-failed", OURS])  # so many starts in ten seconds are too many for systemd
        before = hosts.idle(host)
        took.append(float(host.run(["python3", "-ISc", FIRST_CALL, address]).stdout) * 1000)
        cpu.append((hosts.idle(host) - before) * 1000)
    measure.row("ours: the first call to the service that sleeps, time of the CPU", statistics.median(cpu), "ms",
                FIRST_MS)
    measure.row("ours: the fastest of them by the clock", min(took), "ms")
    measure.row("ours: the median of them by the clock", statistics.median(took), "ms")


def main(dist: Path) -> None:
    """Everything in one run."""
    survives()
    release = os.environ.get("BITBUILDER_RELEASE", hosts.RELEASE)
    with Host(release) as host:
        host.install(dist / release / "bbhv.raw")
        host.boot()
        hosts.quiet(host)
        crashes.install(host)
        package = importlib.util.find_spec("varlink")
        assert package and package.origin
        host.copy_in(Path(package.origin).parent, f"{crashes.PLACE}/varlink")
        fast(host)
        starts(host)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
