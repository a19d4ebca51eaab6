"""A test host to measure on: what a program costs there, in itself and in what it makes systemd and others do."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench import measure
from tests.host.harness.host import Host

RELEASE = "trixie"
BARE = ("/usr/bin/python3", "-IS", "-c", "pass")


@contextmanager
def host(dist: Path) -> Iterator[Host]:
    """A host with the product, booted."""
    with Host(RELEASE) as one:
        one.install(dist / RELEASE / "bbhv.raw")
        one.boot()
        yield one


def own(host: Host, argv: Sequence[str]) -> float:
    """The CPU time of a program inside and of those that it waits for, in seconds."""
    return measure.cpu(host.command(argv))


def services(host: Host) -> float:
    """The CPU time of process 1 and of all units so far, in seconds. What `own` counts is not in it."""
    lines = host.get("/sys/fs/cgroup/cpu.stat").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("usage_usec ")) / 1e6


def whole(host: Host, argv: Sequence[str]) -> float:
    """The CPU time of a program inside, of what it waits for, and of what systemd and the units do meanwhile."""
    before = services(host)
    took = own(host, argv)
    return took + services(host) - before


def started(host: Host, argv: Sequence[str]) -> list[str]:
    """The command lines of all programs that a program starts, with itself, as strace prints them."""
    trace = "/run/bench.trace"
    strace = ["strace", "-f", "-qq", "-s", "200", "-e", "trace=execve", "-e", "status=successful", "-o", trace]
    with subprocess.Popen(host.command([*strace, *argv]), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as done:
        if done.wait(timeout=measure.TIMEOUT):
            raise SystemExit(f"{' '.join(argv)} ended with status {done.returncode}.")
    return [line for line in host.get(trace).splitlines() if "execve(" in line]
