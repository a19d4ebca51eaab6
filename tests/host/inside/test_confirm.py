"""Commit-confirm: a healthy generation stays only if somebody says so in time."""

import json
from pathlib import Path

from .conftest import Make
from .support import run, unit_property, wait_until
from .world import Tenant, container, never_healthy

LONG = 600


def metadata(seconds: int) -> str:
    """The description of acme, with so much time to confirm."""
    life = {"healthTimeoutSec": 20, "confirmWithinSec": seconds}
    return json.dumps({"apiVersion": "bitbuilder.io/v1", "tenant": "acme", "lifecycle": life})


def change(acme: Tenant, role: str, seconds: int = LONG, **more: str | None) -> str:
    """Commits a change that somebody has to confirm."""
    files = {f"containers/{name}.nspawn": text for name, text in more.items()}
    text = container(exec=(f"Environment=ROLE={role}",))
    return acme.repo.commit({"metadata.json": metadata(seconds), "containers/web.nspawn": text, **files})


def role(acme: Tenant) -> str:
    """What the container says it is of."""
    words = Path(f"/proc/{unit_property(acme.unit('web'), 'MainPID')}/cmdline").read_text().split("\0")
    return next(word.rpartition("=")[2] for word in words if "ROLE=" in word)


def timer(acme: Tenant) -> str:
    """The state of the timer."""
    return unit_property(f"tenant-confirm@{acme.id}.timer", "ActiveState")


def expire(acme: Tenant) -> None:
    """Lets the time pass: the deadline in the state is moved to the past."""
    path = acme.folder / "state.json"
    state = json.loads(path.read_text())
    assert state["trial"]["confirmUSec"] > 0
    state["trial"]["confirmUSec"] = 1
    path.write_text(json.dumps(state))


def start(make: Make) -> Tenant:
    """A tenant whose first generation is good, and whose second waits."""
    acme = make("acme")
    change(acme, "one", 0)
    assert acme.sync() == "applied"
    change(acme, "two")
    assert acme.sync() == "held", acme.said
    return acme


def test_what_is_confirmed_stays(make: Make) -> None:
    acme = start(make)
    assert "generation 2" in acme.said and "confirm it within 10 min with: bbhv confirm acme" in acme.said
    status = acme.status()
    assert (status["generation"], status["good"]) == (2, 1) and role(acme) == "two" and timer(acme) == "active"
    assert isinstance(status["confirmUSec"], int)
    shown = run(["bbhv", "status", "acme"]).stdout
    assert "Confirm: within 9 min" in shown and "bbhv confirm acme" in shown and "on trial; 1 is good" in shown
    leader = acme.leader("web")
    done = run(["bbhv", "confirm", "acme"])
    assert "acme: applied: generation 2" in done.stdout and "confirmed by root" in done.stdout
    status = acme.status()
    assert (status["good"], status["outcome"], status["confirmUSec"]) == (2, "applied", None)
    assert acme.leader("web") == leader and timer(acme) == "inactive"
    assert acme.sync() == "unchanged"
    done = run(["bbhv", "confirm", "acme"], check=False)
    assert done.returncode == 5 and "Nothing of acme waits to be confirmed." in done.stderr


def test_a_tenant_that_is_not_there_has_nothing_to_confirm(make: Make) -> None:
    make("acme")
    for name in ("acme", "nobody"):
        assert run(["bbhv", "confirm", name], check=False).returncode == 5
    assert run(["bbhv", "confirm", "../acme"], check=False).returncode == 2


def test_what_nobody_confirms_goes_back_by_itself(make: Make) -> None:
    acme = make("acme")
    change(acme, "one", 0)
    acme.sync()
    commit = change(acme, "two", 1)
    assert acme.sync() == "held"
    wait_until("the generation before is back", lambda: acme.status()["outcome"] == "rolled-back", 60)
    assert role(acme) == "one" and acme.status()["generation"] == acme.status()["good"] == 1
    assert acme.sync(status=1) == "quarantined" and "nobody confirmed it within 1 s" in acme.said
    assert commit[:12] in acme.said
    wait_until("the timer is gone", lambda: timer(acme) == "inactive")
    change(acme, "three", 0)
    assert acme.sync() == "applied" and role(acme) == "three"


def test_while_it_waits_newer_commits_wait_and_nothing_is_written(make: Make) -> None:
    acme = start(make)
    leader, before = acme.leader("web"), (acme.folder / "state.json").stat().st_ino
    change(acme, "three")
    assert acme.sync() == "held" and "bbhv confirm acme" in acme.said
    run(["systemctl", "reload", "tenant@acme"])
    run(["systemctl", "reload", "tenant-manager"])
    assert acme.leader("web") == leader and (acme.folder / "state.json").stat().st_ino == before
    run(["bbhv", "confirm", "acme"])
    assert acme.sync() == "held" and role(acme) == "three" and acme.status()["good"] == 2


def test_a_sync_after_the_deadline_goes_back_though_the_timer_is_lost(make: Make) -> None:
    acme = start(make)
    run(["systemctl", "stop", "tenant-confirm@acme.timer"])
    assert acme.sync() == "held" and timer(acme) == "active", "a sync starts the timer again"
    run(["systemctl", "stop", "tenant-confirm@acme.timer"])
    expire(acme)
    assert acme.sync(status=1) == "rolled-back" and role(acme) == "one"
    assert acme.sync(status=1) == "quarantined"


def test_a_word_that_comes_too_late_is_none(make: Make) -> None:
    acme = start(make)
    expire(acme)
    done = run(["bbhv", "confirm", "acme"], check=False)
    assert done.returncode == 1 and "rolled-back" in done.stdout and role(acme) == "one"


def test_a_restart_of_the_tenant_brings_up_what_waits_and_the_deadline_stays(make: Make) -> None:
    acme = start(make)
    before = json.loads((acme.folder / "state.json").read_text())["trial"]
    run(["systemctl", "restart", "tenant@acme"], timeout=120)
    assert role(acme) == "two" and json.loads((acme.folder / "state.json").read_text())["trial"] == before
    assert acme.status()["outcome"] == "held" and timer(acme) == "active"
    run(["systemctl", "restart", "tenant-manager"], timeout=120)
    wait_until("the tenant is up", lambda: acme.state("web") == "active")
    assert role(acme) == "two"
    run(["bbhv", "confirm", "acme"])
    assert acme.status()["good"] == 2


def test_a_tenant_that_is_stopped_meanwhile_starts_with_what_was_good(make: Make) -> None:
    acme = start(make)
    run(["systemctl", "stop", "tenant@acme"])
    expire(acme)
    run(["systemctl", "start", "tenant-confirm@acme.service"])
    assert acme.state("web") == "inactive" and acme.status()["outcome"] == "rolled-back"
    run(["systemctl", "start", "tenant@acme"], timeout=120)
    assert role(acme) == "one"


def test_an_operator_rolls_back_what_waits(make: Make) -> None:
    acme = start(make)
    done = run(["bbhv", "rollback", "acme"], check=False)
    assert done.returncode == 1 and "root rolled it back" in done.stdout
    assert role(acme) == "one" and timer(acme) == "inactive" and acme.status()["generation"] == 1
    assert acme.sync(status=1) == "quarantined"


def test_the_first_generation_that_nobody_confirms_leaves_nothing_behind(make: Make) -> None:
    acme = make("acme")
    change(acme, "one")
    assert acme.sync() == "held" and "everything stops" in acme.said
    expire(acme)
    assert acme.sync(status=1) == "rolled-back" and acme.state("web") == "inactive"
    assert acme.status()["generation"] is None


def test_what_is_not_healthy_is_not_waited_for(make: Make) -> None:
    acme = make("acme")
    change(acme, "one", 0)
    acme.sync()
    change(acme, "two", db=never_healthy())
    assert acme.sync(status=1) == "rolled-back" and timer(acme) == "inactive" and role(acme) == "one"


def test_an_engine_that_is_killed_while_it_goes_back_goes_back_all_the_way_the_next_time(make: Make) -> None:
    acme = start(make)
    expire(acme)
    run(["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=rename", "-e", "inject=rename:signal=KILL:when=2",
         "bbhv", "sync", "acme"], check=False)
    assert acme.sync(status=1) in ("rolled-back", "quarantined") and role(acme) == "one", acme.said
    assert acme.status()["generation"] == acme.status()["good"] == 1
    assert acme.sync(status=1) == "quarantined"
