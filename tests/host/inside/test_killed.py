"""The engine is killed at many system calls of a sync; the host lives on. The next sync ends what was begun."""

import random

import pytest

from .conftest import Make
from .support import run
from .world import Tenant, container

CHANGES = "rename,fsync,symlink,mkdir,unlink,openat,execve,vfork,clone3,sendto,close"
POINTS = sorted(random.Random(20261122).sample(range(5, 420), 14))


def whole(acme: Tenant, roles: tuple[str, str]) -> str:
    """What both containers say they are of; the test fails when they differ or one does not run."""
    found = {}
    for name in ("web", "db"):
        environment = run(["cat", f"/proc/{acme.leader(name)}/environ"]).stdout.split("\0")
        found[name] = next(one.partition("=")[2] for one in environment if one.startswith("ROLE="))
    assert len(set(found.values())) == 1 and found["web"] in roles, found
    return found["web"]


def both(role: str) -> dict[str, str | None]:
    """Two containers of one generation."""
    return {name: container(exec=(f"Environment=ROLE={role}",)) for name in ("web", "db")}


@pytest.mark.parametrize("half", (0, 1))
def test_a_sync_that_is_killed_anywhere_leaves_what_the_next_one_mends(make: Make, half: int) -> None:
    acme = make("acme")
    acme.commit(**both("start"))
    acme.sync()
    killed = 0
    for number in POINTS[half::2]:
        role = f"at{number}"
        acme.commit(**both(role))
        done = run(
            [
                "strace",
                "-qq",
                "-o",
                "/dev/null",
                "-e",
                f"trace={CHANGES}",
                "-e",
                f"inject={CHANGES}:signal=KILL:when={number}",
                "bbhv",
                "sync",
                "acme",
            ],
            check=False,
            timeout=120,
        )
        killed += done.returncode in (-9, 137)
        assert acme.sync() in ("applied", "unchanged"), acme.said
        assert whole(acme, (role, role)) == role
        status = acme.status()
        assert status["good"] == status["generation"]
        units = run(["systemctl", "list-units", "--all", "--no-legend", "--plain", "tenant-container@*"]).stdout
        assert sorted(line.split()[0] for line in units.splitlines()) == [acme.unit("db"), acme.unit("web")]
        left = [p.name for p in acme.folder.iterdir() if p.name.startswith(".#")]
        assert left == [] and run(["systemctl", "--failed", "--no-legend"]).stdout.strip() == ""
    assert killed >= len(POINTS) // 4
