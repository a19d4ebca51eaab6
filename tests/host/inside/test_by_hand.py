"""What an operator types: git pull, systemctl start, stop, restart, reload, enable, status."""

from collections.abc import Iterator

import pytest

from .support import run, wait_until
from .world import Tenant, container, new_tenant


@pytest.fixture
def acme() -> Iterator[Tenant]:
    """A tenant that runs two containers."""
    tenant = new_tenant("acme")
    tenant.commit(web=container(), db=container())
    assert tenant.sync() == "applied"
    yield tenant
    tenant.remove()


def pull(tenant: Tenant) -> None:
    """A pull by hand."""
    run(["git", "-C", tenant.folder / "config.git", "pull"])


def starts(tenant: Tenant, name: str) -> int:
    """How often the journal says that a container was started."""
    run(["journalctl", "--sync"])
    found = run(["journalctl", "--no-pager", "-o", "cat", "-u", tenant.unit(name), "--grep", "^Started"], check=False)
    return len(found.stdout.splitlines())


def test_pull_and_restart_applies_and_restarts_each_child_once(acme: Tenant) -> None:
    before = {name: (acme.invocation(name), starts(acme, name)) for name in ("web", "db")}
    newest = acme.commit(web=container("MemoryMax=70M"))
    pull(acme)
    run(["systemctl", "restart", "tenant@acme"])
    assert acme.status()["commit"] == newest
    for name in ("web", "db"):
        assert acme.state(name) == "active"
        assert acme.invocation(name) != before[name][0] and starts(acme, name) == before[name][1] + 1


def test_pull_and_reload_disturbs_only_what_changed(acme: Tenant) -> None:
    db = acme.leader("db")
    newest = acme.commit(web=container(exec=("Environment=A=1",)))
    pull(acme)
    run(["systemctl", "reload", "tenant@acme"])
    assert acme.status()["commit"] == newest and acme.leader("db") == db


def test_sync_sync_pull_restart_sync_goes_through_without_a_conflict(acme: Tenant) -> None:
    for number in (1, 2):
        acme.commit(web=container(f"MemoryMax={50 + number}M"))
        assert acme.sync() == "applied"
    newest = acme.commit(web=container("MemoryMax=60M"))
    pull(acme)
    run(["systemctl", "restart", "tenant@acme"])
    assert acme.status()["commit"] == newest
    acme.sync()
    acme.commit(web=container("MemoryMax=61M"))
    assert acme.sync() == "applied"
    clean = run(["git", "-C", acme.folder / "config.git", "status", "--porcelain"]).stdout
    assert clean == "" and [p.name for p in (acme.folder / "config.git").iterdir()] == [".git"]


def test_a_pulled_commit_with_errors_keeps_the_good_generation_through_a_restart(acme: Tenant) -> None:
    good = acme.status()["commit"]
    acme.commit(web=container("Nonsense=yes"))
    pull(acme)
    run(["systemctl", "restart", "tenant@acme"])
    assert acme.status()["commit"] == good and acme.state("web") == "active"
    assert "BB202" in run(["journalctl", "--no-pager", "-u", "tenant@acme.service"]).stdout


def test_enable_now_and_status_do_what_their_words_say(acme: Tenant) -> None:
    run(["systemctl", "stop", "tenant@acme"])
    run(["systemctl", "enable", "--now", "tenant@acme"])
    assert acme.state("web") == "active"
    assert "generation" in run(["systemctl", "status", "--no-pager", "tenant@acme"]).stdout
    infra = run(["systemctl", "status", "--no-pager", "tenant-infra@acme"]).stdout
    assert "active (exited)" in infra
    run(["systemctl", "disable", "tenant@acme"])


def test_stopping_all_tenants_has_one_handle(acme: Tenant) -> None:
    run(["systemctl", "stop", "tenants.target"], timeout=120)
    assert acme.state("web") == acme.state("db") == "inactive"
    run(["systemctl", "start", "tenants.target"])
    wait_until("all runs again", lambda: acme.state("web") == acme.state("db") == "active")


def test_a_guest_that_reboots_comes_back_and_one_that_powers_off_is_started_again(acme: Tenant) -> None:
    acme.commit(web=container(boot=True))
    assert acme.sync() == "applied"
    before = acme.leader("web")
    run(["machinectl", "reboot", "web.acme"])
    wait_until("web is back", lambda: acme.leader("web") not in (0, before) and acme.state("web") == "active")
