"""The system repository: who is on the host, and what becomes of who is not any more."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import SETTINGS
from .support import REPOSITORIES, Repo, registration, run, unit_property, wait_until
from .world import Tenant, container

CLONE = Path("/var/lib/bitbuilder/system")


class System:
    """A system repository that this host follows."""

    def __init__(self) -> None:
        self.repo = Repo(REPOSITORIES / "system.git").init()
        self.tenants: list[Tenant] = []
        SETTINGS.write_text(f"[System]\nAllowFile=yes\nTrust=unsigned\nRepository={self.repo.url}\n")

    def tenant(self, name: str) -> Tenant:
        """A tenant with one container; not registered yet."""
        tenant = Tenant(name, Repo(REPOSITORIES / f"{name}.git").init())
        tenant.commit(web=container())
        self.tenants.append(tenant)
        return tenant

    def register(self, tenant: Tenant, **changes: object) -> str:
        """Commits a registration."""
        return self.repo.commit({f"tenants/{tenant.id}.json": registration(tenant.id, tenant.repo.url, **changes)})

    def remove(self) -> None:
        """Takes everything from the host."""
        SETTINGS.write_text("[System]\nAllowFile=yes\n")
        run(["rm", "-rf", CLONE, "/var/lib/bitbuilder/system-tried", self.repo.path])
        run(["systemctl", "reload", "tenant-manager"], timeout=120)
        for tenant in self.tenants:
            tenant.remove()


@pytest.fixture
def system() -> Iterator[System]:
    """A host that follows a system repository."""
    made = System()
    yield made
    made.remove()


def sync(status: int = 0) -> str:
    """Syncs everything and expects an exit status."""
    done = run(["bbhv", "sync"], check=False, timeout=180)
    assert done.returncode == status, f"{done.returncode}, not {status}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def test_a_registered_tenant_comes_up_and_a_suspended_one_goes_down_with_its_data(system: System) -> None:
    acme = system.tenant("acme")
    system.register(acme)
    assert "acme: applied" in sync()
    assert acme.state("web") == "active"
    system.register(acme, state="suspended")
    assert sync() == "acme: suspended: its registration says suspended\n"
    assert "Last sync: suspended: its registration" in run(["bbhv", "status", "acme"]).stdout
    where = "tenants/acme.json of the system repository"
    said = run(["bbhv", "resume", "acme"], check=False).stderr.splitlines()
    assert said == ["bbhv: acme is not held, but its registration says suspended.",
                    f'      Write "state": "enabled" into {where}, then: bbhv sync']  # fmt: skip
    assert f"acme is registered in {where}." in run(["bbhv", "purge", "acme", "--yes"], check=False).stderr
    assert acme.state("web") == "inactive" and unit_property("tenant@acme", "ActiveState") == "inactive"
    assert (acme.folder / "good").is_symlink()
    system.register(acme)
    sync()
    assert acme.state("web") == "active"


def test_an_absent_tenants_units_are_gone_and_its_data_stays(system: System) -> None:
    acme = system.tenant("acme")
    system.repo.commit({"system.json": '{"apiVersion": "bitbuilder.io/v1", "allowEmpty": true}\n'})
    system.register(acme)
    sync()
    for text in (registration("acme", acme.repo.url, state="absent"), None):
        system.repo.commit({"tenants/acme.json": text})
        sync()
        assert acme.state("web") == "inactive"
        assert not Path("/run/bitbuilder/units/acme").is_symlink() and (acme.folder / "good").is_symlink()
        system.register(acme)
        sync()
        assert acme.state("web") == "active"


def test_a_pull_by_hand_and_a_reload_of_the_manager_apply_it(system: System) -> None:
    acme, shop = system.tenant("acme"), system.tenant("shop")
    system.register(acme)
    sync()
    leader = acme.leader("web")
    system.register(shop)
    run(["git", "-C", CLONE, "pull"])
    run(["systemctl", "reload", "tenant-manager"], timeout=120)
    wait_until("shop runs", lambda: shop.state("web") == "active")
    assert acme.leader("web") == leader
    assert [p.name for p in CLONE.iterdir()] == [".git"]


def test_a_broken_registration_concerns_its_tenant_only(system: System) -> None:
    acme, shop = system.tenant("acme"), system.tenant("shop")
    system.register(acme)
    system.register(shop)
    sync()
    leader = acme.leader("web")
    newest = shop.commit(web=container("MemoryMax=99M"))
    system.repo.commit({"tenants/acme.json": '{"apiVersion": "bitbuilder.io/v1",\n "tenant": "acme",\n "grant": {}}\n'})
    said = sync(status=3)
    assert "acme: refused" in said and "tenants/acme.json:3:" in said
    assert acme.leader("web") == leader and shop.status()["commit"] == newest
    assert acme.status()["findings"], "status shows what is wrong with the registration"


def test_a_smaller_grant_refuses_what_is_above_it_and_leaves_it_running(system: System) -> None:
    acme = system.tenant("acme")
    acme.commit(db=container())
    system.register(acme)
    sync()
    grants = json.loads(registration("acme", acme.repo.url))["grants"]
    system.register(acme, grants={**grants, "containers": 1})
    said = sync(status=3)
    assert "BB401" in said and acme.state("web") == acme.state("db") == "active"
    system.register(acme, grants={**grants, "memory": "1G"})
    sync()
    assert unit_property("tenants-acme.slice", "MemoryMax") == str(1 << 30)


def test_a_system_repository_that_cannot_be_reached_leaves_the_tenants_synced_as_they_are_registered(
    system: System,
) -> None:
    acme = system.tenant("acme")
    system.register(acme)
    sync()
    newest = acme.commit(web=container("MemoryMax=98M"))
    away = system.repo.path.rename(system.repo.path.with_suffix(".away"))
    try:
        said = sync(status=1)
    finally:
        away.rename(system.repo.path)
    assert f"The fetch of {system.repo.url}" in said and acme.status()["commit"] == newest


def test_a_registration_with_errors_in_etc_is_not_passed_over_for_a_later_one(system: System) -> None:
    acme = system.tenant("acme")
    system.register(acme)
    sync()
    leader = acme.leader("web")
    local = Path("/etc/bitbuilder/tenants/acme.json")
    local.parent.mkdir(parents=True, exist_ok=True)
    local.write_text(registration("acme", acme.repo.url, state="suspendet"))
    try:
        said = sync(status=3)
    finally:
        local.unlink()
    assert f"{local}:" in said and acme.leader("web") == leader


def test_a_rewound_system_repository_is_refused_also_when_its_clone_was_lost(system: System) -> None:
    acme = system.tenant("acme")
    first = system.register(acme)
    system.register(acme, hosts=["*", "x"])
    sync()
    system.repo.git("update-ref", "refs/heads/main", first)
    assert "history was rewound" in sync(status=4)
    run(["rm", "-rf", CLONE])
    assert "history was rewound" in sync(status=4)
    assert acme.state("web") == "active"



def test_a_commit_that_unregisters_everybody_is_refused_until_it_says_so_also_when_pulled_by_hand(
    system: System,
) -> None:
    acme = system.tenant("acme")
    system.register(acme)
    sync()
    leader = acme.leader("web")
    system.repo.commit({"tenants/acme.json": None, "system.json": '{"apiVersion": "bitbuilder.io/v1"}\n'})
    assert "BB603" in sync(status=4) and acme.leader("web") == leader
    run(["git", "-C", CLONE, "pull"])
    run(["systemctl", "reload", "tenant-manager"], timeout=120)
    assert acme.leader("web") == leader and acme.status()["state"] == "enabled"
    system.repo.commit({"system.json": '{"apiVersion": "bitbuilder.io/v1", "allowEmpty": true}\n'})
    sync()
    assert acme.state("web") == "inactive" and (acme.folder / "good").is_symlink()


def test_a_commit_that_nobody_can_read_does_not_cost_the_host_what_it_had_accepted(system: System) -> None:
    acme = system.tenant("acme")
    good = system.register(acme)
    sync()
    before = acme.leader("web")
    git, tree = system.repo.git, system.repo.git("rev-parse", "HEAD^{tree}")
    sides = [git("commit-tree", tree, "-p", good, "-m", f"side {number}") for number in range(65)]
    person = "Ops <ops@acme.example> 1790000000 +0000"
    text = "".join(f"{line}\n" for line in (f"tree {tree}", *(f"parent {one}" for one in sides),
                                            f"author {person}", f"committer {person}", "", "many sides"))
    for body in (text, f"tree {tree}\nparent {good}\nauthor {person}\ncommitter {person}\n\n" + "x" * (5 << 20)):
        bad = git("hash-object", "-t", "commit", "-w", "--stdin", input=body)
        git("update-ref", "refs/heads/main", bad)
        for _ in range(2):
            run(["bbhv", "sync"], check=False, timeout=180)
            assert acme.status()["state"] == "enabled" and acme.leader("web") == before
    system.repo.git("update-ref", "refs/heads/main", good)
    sync()
    assert acme.status()["state"] == "enabled" and acme.leader("web") == before
