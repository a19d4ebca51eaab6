"""A crash of the whole host at chosen system calls of a sync: every tenant comes back whole, without a git server.

strace holds the engine at its n-th call that changes something, then process 1 of the host is killed. What is checked
after the boot is promise 3: the tenant runs one generation, the old or the new, and the next sync ends what was begun.
"""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.host.harness.host import Host, kill

CHANGES = "rename,fsync,symlink,mkdir,unlink,openat,execve,vfork,clone3"
SAMPLE = (3, 10, 18, 27, 36, 46, 57, 70)
GIT = (
    "env",
    "HOME=/root",
    "GIT_AUTHOR_NAME=a",
    "GIT_AUTHOR_EMAIL=a@b",
    "GIT_COMMITTER_NAME=a",
    "GIT_COMMITTER_EMAIL=a@b",
    "git",
)
SOURCE = "/srv/git/acme"


def container(role: str) -> str:
    return f"[Exec]\nBoot=yes\nEnvironment=ROLE={role}\n[X-Bitbuilder]\nImage=debian-13\nHealthStableSec=0\n"


def commit(host: Host, role: str) -> str:
    """Commits two containers that both say which generation they are of."""
    for name in ("web", "db"):
        host.put(f"{SOURCE}/containers/{name}.nspawn", container(role))
    host.run([*GIT, "-C", SOURCE, "add", "-A"])
    host.run([*GIT, "-C", SOURCE, "commit", "-qm", role])
    return host.run([*GIT, "-C", SOURCE, "rev-parse", "HEAD"]).stdout.strip()


def setup(host: Host) -> None:
    """One tenant that follows a repository on the host."""
    host.put("/etc/bitbuilder/bitbuilder.conf", "[System]\nAllowFile=yes\n[Sync]\nIntervalSec=1d\n")
    host.put(
        "/etc/bitbuilder/tenants/acme.json",
        json.dumps(
            {
                "apiVersion": "bitbuilder.io/v1",
                "tenant": "acme",
                "repository": f"file://{SOURCE}",
                "trust": {"commits": "unsigned"},
                "grants": {"cpus": 2, "memory": "2G", "tasks": 4096, "containers": 4, "images": ["debian-*"]},
            }
        ),
    )
    host.put(f"{SOURCE}/metadata.json", json.dumps({"apiVersion": "bitbuilder.io/v1", "tenant": "acme"}))
    host.run([*GIT, "init", "-q", "-b", "main", SOURCE])


def roles(host: Host) -> list[str]:
    """What the running containers say they are of."""
    found = []
    for name in ("web", "db"):
        leader = host.run(
            ["machinectl", "show", "--value", "--property=Leader", f"{name}.acme"], check=False
        ).stdout.strip()
        environment = host.run(["cat", f"/proc/{leader}/environ"], check=False).stdout.split("\0") if leader else []
        found += [one.partition("=")[2] for one in environment if one.startswith("ROLE=")]
    return found


def settled(host: Host) -> bool:
    """Whether the tenant's start at boot is over."""
    return host.run(["systemctl", "is-active", "tenant@acme"], check=False).stdout.strip() == "active"


def wait_until(what: str, probe: object, timeout: float = 60) -> None:
    """Waits until the probe says yes."""
    assert callable(probe)
    deadline, pause = time.monotonic() + timeout, threading.Event()
    while not probe():
        assert time.monotonic() < deadline, f"Waited {timeout:g} s in vain until {what}."
        pause.wait(0.1)


def status(host: Host) -> dict[str, object]:
    found = json.loads(host.run(["bbhv", "status", "acme", "--json=short"]).stdout)["tenants"][0]
    assert isinstance(found, dict)
    return found


@pytest.fixture
def acme(host: Host) -> Iterator[Host]:
    """A host whose tenant runs its first commit."""
    setup(host)
    commit(host, "one")
    host.run(["bbhv", "sync"], timeout=120)
    assert roles(host) == ["one", "one"]
    yield host


def hold_and_crash(host: Host, call: int) -> bool:
    """Begins a sync, holds it before its n-th change, and crashes the host. Says whether it came that far."""
    with during(
        host,
        "strace",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        f"trace={CHANGES}",
        "-e",
        f"inject={CHANGES}:signal=STOP:when={call}",
        "bbhv",
        "sync",
        "acme",
    ) as process:
        stopped = ["sh", "-c", "grep -l '^State:.*[tT] (' /proc/[0-9]*/status"]
        wait_until(
            "it is held or done",
            lambda: process.poll() is not None or host.run(stopped, check=False).stdout.strip() != "",
        )
        came = process.poll() is None
        host.crash()
    return came


@contextmanager
def during(host: Host, *argv: str) -> Iterator[subprocess.Popen[str]]:
    """Runs a program in the background, and kills it in the end."""
    with host.spawn(argv) as process:
        try:
            yield process
        finally:
            kill(process)


def test_after_a_crash_at_any_moment_of_a_sync_the_tenant_is_whole(acme: Host) -> None:
    role, number, held = "one", 1, 0
    for call in SAMPLE:
        number += 1
        commit(acme, f"g{number}")
        held += hold_and_crash(acme, call)
        acme.path(SOURCE).rename(acme.path(f"{SOURCE}.away"))
        acme.boot()
        wait_until("the tenant is up", lambda: settled(acme))
        found = roles(acme)
        assert found in ([role] * 2, [f"g{number}"] * 2), f"held at call {call}: {found}"
        assert acme.run(["systemctl", "--failed", "--no-legend"]).stdout.strip() == ""
        said = status(acme)
        assert said["generation"] == said["good"], said
        acme.path(f"{SOURCE}.away").rename(acme.path(SOURCE))
        acme.run(["bbhv", "sync", "acme"], timeout=120)
        assert roles(acme) == [f"g{number}"] * 2
        role = f"g{number}"
    assert held >= len(SAMPLE) // 2


def test_a_trial_found_at_boot_went_back_and_is_tried_once_more(acme: Host) -> None:
    commit(acme, "slow")
    acme.put(f"{SOURCE}/containers/web.nspawn", container("slow").replace("HealthStableSec=0", "HealthStableSec=50"))
    acme.run([*GIT, "-C", SOURCE, "commit", "-qam", "slow"])
    with during(acme, "bbhv", "sync", "acme"):
        wait_until("the trial runs", lambda: roles(acme) == ["slow", "slow"])
        acme.crash()
    acme.boot()
    wait_until("the old generation runs", lambda: settled(acme) and roles(acme) == ["one", "one"])
    with during(acme, "bbhv", "sync", "acme"):
        wait_until("it is tried once more", lambda: roles(acme) == ["slow", "slow"])
        acme.crash()
    acme.boot()
    wait_until("the old generation runs", lambda: settled(acme) and roles(acme) == ["one", "one"])
    done = acme.run(["bbhv", "sync", "acme"], check=False, timeout=120)
    assert done.returncode == 1 and status(acme)["outcome"] == "quarantined" and "interrupted" in done.stdout


def test_a_host_boots_without_any_repository_and_with_a_lost_state_file(acme: Host) -> None:
    acme.run(["rm", "/var/lib/tenants/acme/state.json"])
    acme.run(["mv", SOURCE, f"{SOURCE}.away"])
    acme.reboot()
    wait_until("both containers run", lambda: settled(acme) and roles(acme) == ["one", "one"])
    assert acme.run(["systemctl", "is-system-running"]).stdout.strip() == "running"


def test_a_generation_that_waits_to_be_confirmed_goes_back_with_a_crash_and_with_a_reboot(acme: Host) -> None:
    life = {"apiVersion": "bitbuilder.io/v1", "tenant": "acme", "lifecycle": {"confirmWithinSec": 3600}}
    acme.put(f"{SOURCE}/metadata.json", json.dumps(life))
    for role, ends in (("crash", acme.crash), ("reboot", acme.poweroff)):
        commit(acme, role)
        assert "bbhv confirm acme" in acme.run(["bbhv", "sync", "acme"], timeout=120).stdout
        assert roles(acme) == [role] * 2
        ends()
        acme.boot()
        wait_until("the old generation runs", lambda: settled(acme) and roles(acme) == ["one", "one"])
        said = status(acme)
        assert said["generation"] == said["good"] == 1 and said["confirmUSec"] is None, said
        assert said["outcome"] == "quarantined" and "before the host restarted" in str(said["message"])
        done = acme.run(["bbhv", "sync", "acme"], check=False, timeout=120)
        assert done.returncode == 1 and "nobody confirmed it before the host restarted" in done.stdout
