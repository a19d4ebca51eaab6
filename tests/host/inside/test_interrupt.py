"""An interrupted sync ends at once: it leaves no unit, no lock, and no word about tenants that it never came to."""

import os
import subprocess
from pathlib import Path

from .conftest import Make
from .servers import Authority, HttpServer, hang
from .support import run, wait_until
from .test_asking import server as server
from .test_asking import tenants as tenants
from .test_fetch import ca as ca
from .test_fetch import served
from .test_fetch import server as https
from .test_hostile_server import small
from .world import Tenant, container

assert https
LOCKS = Path("/run/bitbuilder/lock")


def sandboxes(step: str) -> list[str]:
    """The units of one step of the engine that run now."""
    found = ["systemctl", "list-units", "--plain", "--no-legend", "--state=active,activating", f"bitbuilder-{step}-*"]
    return [line.split()[0] for line in run(found).stdout.splitlines()]


def interrupted(*words: str, step: str, count: int) -> subprocess.Popen[str]:
    """A verb that is interrupted as soon as that many units of a step run; it must end by itself, soon."""
    process = subprocess.Popen(["bbhv", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(f"{count} units of {step} run", lambda: len(sandboxes(step)) >= count)
    process.send_signal(2)
    out, said = process.communicate(timeout=20)
    assert (process.returncode, out, said) == (130, "", "bbhv: Interrupted.\n")
    return process


def is_free(name: str) -> bool:
    """Whether nobody has a lock."""
    return run(["flock", "--nonblock", LOCKS / name, "true"], check=False).returncode == 0


def test_an_interrupted_sync_of_many_leaves_no_unit_no_lock_and_no_outcome(
    make: Make, https: HttpServer, ca: Authority
) -> None:
    names = tuple(f"int{number}" for number in range(1, 7))
    made = [small(served(make, https, ca, name=name)) for name in names]
    assert run(["bbhv", "sync", *names], check=False, timeout=240).returncode == 0
    for tenant in made:
        os.utime(tenant.folder / "config.git/.git/refs/bitbuilder/incoming", (0, 0))  # so its own fetch is due
    before = [(tenant.folder / "state.json").read_bytes() for tenant in made]
    https.behaviour = hang
    interrupted("sync", *names, step="fetch", count=3)
    assert all(is_free(name) for name in (*names, "_sync"))
    wait_until("no unit is left", lambda: not sandboxes("fetch"))
    assert [(tenant.folder / "state.json").read_bytes() for tenant in made] == before
    assert all(tenant.status()["retryUSec"] is None and not list(tenant.folder.glob(".#*")) for tenant in made)
    https.behaviour = None
    assert made[0].sync() == "unchanged"


def test_who_is_interrupted_while_servers_are_asked_stops_asking(
    tenants: dict[str, Tenant], server: HttpServer
) -> None:
    server.behaviour = hang
    interrupted("sync", step="refs", count=1)
    wait_until("nobody asks any more", lambda: not sandboxes("refs"))
    assert all(is_free(name) for name in (*tenants, "_sync"))
    assert {one.status()["outcome"] for one in tenants.values()} <= {"unchanged", "applied"}


def test_an_interrupted_watch_leaves_its_trial_and_its_checks_end(make: Make) -> None:
    both = [make(name) for name in ("int1", "int2")]
    for tenant in both:
        tenant.commit(web=container())
        assert tenant.sync() == "applied"
        tenant.commit(web=container("Health=exec:/bin/false", "HealthIntervalSec=1", "MemoryMax=90M"))
    process = subprocess.Popen(["bbhv", "sync", "int1", "int2"], stderr=subprocess.PIPE, text=True)
    probes = "tenant-health@*.int?.service"
    loaded = ["systemctl", "list-units", "--all", "--plain", "--no-legend", probes]
    wait_until("both are asked", lambda: run(loaded).stdout.count(".service") >= 2, 60)
    process.send_signal(2)
    assert process.communicate(timeout=20)[1] == "bbhv: Interrupted.\n" and process.returncode == 130
    wait_until("no check is left", lambda: not run(loaded).stdout)
    for tenant in both:
        assert is_free(tenant.id) and tenant.state("web") == "active"
        assert tenant.status()["generation"] == 2 and tenant.status()["good"] == 1
        assert tenant.status()["outcome"] == "applied"  # what the sync before said
        assert tenant.sync(status=1) == "rolled-back"


def test_few_descriptors_are_enough_where_more_may_be_had(make: Make) -> None:
    acme = make("acme")
    acme.commit(**{f"c{number}": container() for number in range(4)})
    assert acme.sync() == "applied"
    acme.commit(**{f"c{number}": container("Health=exec:/bin/true", "MemoryMax=90M") for number in range(4)})
    done = run(["prlimit", "--nofile=24:", "bbhv", "sync", "acme"], timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
