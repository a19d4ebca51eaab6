"""A test host to measure on: what a program costs there, in itself and in what it makes systemd and others do."""

import json
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench import measure
from tests.host.harness.host import Host

RELEASE = "trixie"
AUTHOR = ("GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
GIT = ("env", "HOME=/root", *AUTHOR, "git")
CONTAINER = "[Exec]\nBoot=no\nParameters=/usr/bin/sleep infinity\n[X-Bitbuilder]\nImage=debian-13\nHealthStableSec=0\n"
PAUSE, MOST_PAUSES = 0.05, 400
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


def idle(host: Host) -> float:
    """What `services` says once the host has come to rest: what was started before is over."""
    pause, now = threading.Event(), services(host)
    for _ in range(MOST_PAUSES):
        pause.wait(PAUSE)
        before, now = now, services(host)
        if now - before < PAUSE / 50:
            return now
    raise SystemExit(f"{host.name} does not come to rest.")


def parts(host: Host, argv: Sequence[str]) -> tuple[float, float]:
    """What `own` says of a program, and what systemd and the units do because of it, in seconds."""
    before = idle(host)
    took = own(host, argv)
    return took, idle(host) - before


def whole(host: Host, argv: Sequence[str]) -> float:
    """The CPU time of everybody because of a program: its own, systemd's, and that of units."""
    return sum(parts(host, argv))


def tenant(host: Host, name: str) -> None:
    """A tenant with one small container."""
    source = f"/srv/git/{name}"
    host.put(f"{source}/metadata.json", json.dumps({"apiVersion": "bitbuilder.io/v1", "tenant": name}))
    host.put(f"{source}/containers/web.nspawn", CONTAINER)
    for arguments in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-qm", "one")):
        host.run([*GIT, "-C", source, *arguments])
    host.put(f"/etc/bitbuilder/tenants/{name}.json", json.dumps({
        "apiVersion": "bitbuilder.io/v1", "tenant": name, "repository": f"file://{source}",
        "trust": {"commits": "unsigned"},
        "grants": {"cpus": 2, "memory": "2G", "tasks": 4096, "containers": 4, "images": ["debian-*"]},
    }))


def quiet(host: Host) -> None:
    """Nothing of ours starts by itself from now on."""
    host.run(["systemctl", "start", "tenant-manager.service"])
    host.run(["systemctl", "stop", "tenant-sync.timer"])
    host.put("/etc/bitbuilder/bitbuilder.conf", "[System]\nAllowFile=yes\n")


def peak(host: Host, argv: Sequence[str], timeout: float = 120) -> float:
    """How much memory the largest process of a program took, in MiB: of itself and of those that it waits for."""
    return usage(host, argv, timeout)[0]


def usage(host: Host, argv: Sequence[str], timeout: float = 120) -> tuple[float, float]:
    """What `peak` says of a program, and the CPU time of everybody because of it, in seconds."""
    asking = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=sys.stderr); "
    asking += "used = resource.getrusage(resource.RUSAGE_CHILDREN); "
    asking += "print(used.ru_maxrss, used.ru_utime + used.ru_stime)"
    before = idle(host)
    largest, took = host.run(["python3", "-IS", "-c", asking, *argv], timeout=timeout).stdout.split()
    return int(largest) / 1024, float(took) + idle(host) - before


def started(host: Host, argv: Sequence[str]) -> list[str]:
    """The command lines of all programs that a program starts, with itself, as strace prints them."""
    trace = "/run/bench.trace"
    strace = ["strace", "-f", "-qq", "-s", "200", "-e", "trace=execve", "-e", "status=successful", "-o", trace]
    with subprocess.Popen(host.command([*strace, *argv]), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as done:
        if done.wait(timeout=measure.TIMEOUT):
            raise SystemExit(f"{' '.join(argv)} ended with status {done.returncode}.")
    return [line for line in host.get(trace).splitlines() if "execve(" in line]
