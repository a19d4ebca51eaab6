"""Holds: what an operator's verb puts in the way of newer commits, through syncs and reboots, and what ends it."""

import json
import shutil
from pathlib import Path

import pytest

from .conftest import Make
from .support import REGISTRATIONS, cursor, registration, run, unit_property, wait_until
from .test_confirm import expire, role
from .test_confirm import start as waiting
from .test_triggers import journal
from .world import Tenant, container, never_healthy

RUN = Path("/run/bitbuilder")


def bbhv(*words: str, status: int = 0) -> str:
    """What a verb says, with the exit status that it must have."""
    done = run(["bbhv", *words], check=False, timeout=180)
    assert done.returncode == status, f"{words}: {done.returncode}, not {status}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def hold(tenant: Tenant) -> dict[str, object] | None:
    found = tenant.status()["hold"]
    assert found is None or isinstance(found, dict)
    return found


def active(tenant: Tenant) -> str:
    return unit_property(f"tenant@{tenant.id}", "ActiveState")


def reboot() -> None:
    """What a boot does with what is in /run and what is not."""
    for name in ("suspended", "stopped"):
        shutil.rmtree(RUN / name)
    run(["systemctl", "restart", "tenant-manager"], timeout=120)


def two(make: Make) -> tuple[Tenant, list[str]]:
    """A tenant with two generations."""
    acme = make("acme")
    commits = []
    for memory in ("100M", "200M"):
        commits.append(acme.commit(web=container(f"MemoryMax={memory}")))
        assert acme.sync() == "applied"
    return acme, commits


def test_a_suspended_tenant_stays_down_through_sync_start_and_reboot_and_resumes_with_the_newest(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    assert "suspended" in bbhv("suspend", "acme")
    found = hold(acme)
    assert found and (found["verb"], found["who"], found["until"]) == ("suspend", "root", "bbhv resume")
    assert (active(acme), acme.state("web")) == ("inactive", "inactive")
    assert "suspend by root" in bbhv("status", "acme") and "until bbhv resume" in bbhv("status", "acme")
    newest = acme.commit(web=container("MemoryMax=90M"))
    assert acme.sync() == "suspended"
    for again in (lambda: run(["systemctl", "start", "tenant@acme"]), reboot, lambda: bbhv("sync")):
        again()
        assert (active(acme), acme.state("web")) == ("inactive", "inactive")
    assert "ConditionPathExists" in run(["systemctl", "status", "tenant@acme"], check=False).stdout
    assert bbhv("suspend", "acme").startswith("acme: suspended")
    assert "acme: applied" in bbhv("resume", "acme")
    assert (active(acme), acme.state("web"), acme.status()["commit"]) == ("active", "active", newest)
    assert hold(acme) is None and acme.sync() == "unchanged"
    assert "it is not suspended" in bbhv("resume", "acme")
    bbhv("suspend", "acme")  # and without news
    assert "acme: applied: generation 2" in bbhv("resume", "acme") and acme.state("web") == "active"


def test_the_registration_goes_before_a_verb(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    bbhv("suspend", "acme")
    (REGISTRATIONS / "acme.json").write_text(registration("acme", acme.repo.url, state="suspended"))
    assert "its registration says suspended" in bbhv("resume", "acme", status=4)
    assert acme.state("web") == "inactive" and hold(acme) is None
    (REGISTRATIONS / "acme.json").write_text(registration("acme", acme.repo.url))
    bbhv("sync")
    assert acme.state("web") == "active"


def test_a_tenant_can_be_suspended_whose_registration_cannot_be_read(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    (REGISTRATIONS / "acme.json").write_text("{")
    bbhv("suspend", "acme")
    assert acme.state("web") == "inactive"
    (REGISTRATIONS / "acme.json").write_text(registration("acme", acme.repo.url))
    bbhv("resume", "acme")
    assert acme.state("web") == "active"
    assert "This host has no" in bbhv("suspend", "nobody", status=5) or "is registered" in bbhv("resume", "x", status=5)


def test_a_rollback_counts_again_after_a_suspension(make: Make) -> None:
    acme, (first, _) = two(make)
    bbhv("rollback", "acme")
    bbhv("suspend", "acme")
    assert "suspended by root" in bbhv("rollback", "acme", "--to=2", status=4)
    bbhv("resume", "acme")
    found = hold(acme)
    assert found and (found["verb"], found["until"]) == ("rollback", "a newer commit")
    assert acme.status()["commit"] == first and acme.sync() == "held" and acme.state("web") == "active"


def test_a_rollback_of_a_stopped_tenant_is_what_starts(make: Make) -> None:
    acme, (first, _) = two(make)
    run(["systemctl", "stop", "tenant@acme"])
    assert "tenant@acme is stopped" in bbhv("rollback", "acme")
    assert (acme.state("web"), acme.status()["good"], acme.status()["outcome"]) == ("inactive", 1, "held")
    run(["systemctl", "start", "tenant@acme"])
    assert acme.state("web") == "active" and acme.status()["commit"] == first
    assert unit_property("tenant@acme", "StatusText").startswith(f"at its start or reload generation 1 ({first[:7]})")


def test_a_rollback_to_what_runs_or_to_nothing_is_refused_and_to_the_newest_ends_the_hold(make: Make) -> None:
    acme, (first, second) = two(make)
    assert "is the good one already" in bbhv("rollback", "acme", "--to=2", status=4)
    assert "has no generation 9" in bbhv("rollback", "acme", "--to=9", status=5) and hold(acme) is None
    bbhv("rollback", "acme", "--to=1")
    assert acme.status()["commit"] == first and hold(acme)
    bbhv("rollback", "acme", "--to=2")
    assert acme.status()["commit"] == second and hold(acme) is None and acme.sync() == "unchanged"
    assert "has no generation before this one" not in bbhv("rollback", "acme")
    assert "has no generation before this one" in bbhv("rollback", "acme", status=5)


def test_a_rollback_to_what_does_not_get_healthy_goes_back_and_holds_nothing(make: Make) -> None:
    acme, (first, second) = two(make)
    manifest = acme.folder / "generations/1/manifest.json"
    unit = acme.folder / "generations/1/units" / f"{acme.unit('web')}.d/10-bitbuilder.conf"
    unit.write_text(unit.read_text() + "[Service]\nExecStart=\nExecStart=/bin/false\n")
    value = json.loads(manifest.read_text())
    value["workloads"][0]["settings"]["Exec.Environment"] = "X=1"  # so that it restarts
    manifest.write_text(json.dumps(value))
    said = bbhv("rollback", "acme", status=1)
    assert "rolled-back" in said and "generation 2 runs again" in said
    assert acme.status()["commit"] == second and hold(acme) is None and acme.state("web") == "active"
    assert acme.sync() == "unchanged"
    assert json.loads((acme.folder / "state.json").read_text())["quarantine"] == []


def test_a_rollback_to_a_generation_whose_image_is_gone_changes_nothing(make: Make) -> None:
    acme, (_, second) = two(make)
    path = acme.folder / "generations/1/manifest.json"
    value = json.loads(path.read_text())
    for image in (*value["images"], value["workloads"][0]["image"]):
        image["path"] = "/var/lib/bitbuilder/offered/gone"
    path.write_text(json.dumps(value))
    leader = acme.leader("web")
    assert "is not at /var/lib/bitbuilder/offered/gone any more" in bbhv("rollback", "acme", status=1)
    assert acme.leader("web") == leader and acme.status()["commit"] == second and hold(acme) is None


def test_the_generation_that_a_rollback_left_is_kept(make: Make) -> None:
    acme, (_, second) = two(make)
    bbhv("rollback", "acme")
    state = acme.folder / "state.json"
    held = json.loads(state.read_text())["hold"]
    assert held["commit"] == second
    acme.commit(web=never_healthy())
    assert acme.sync(status=1) == "rolled-back"
    assert acme.status()["good"] == 1 and (acme.folder / "generations/2").is_dir()


def test_a_commit_that_removes_everything_is_refused_until_it_says_so(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    leader = acme.leader("web")
    acme.commit(web=None)
    assert acme.sync(status=3) == "refused" and "BB601" in acme.said and '{"allowEmpty": true}' in acme.said
    assert acme.leader("web") == leader
    run(["systemctl", "restart", "tenant@acme"], timeout=120)
    assert acme.state("web") == "active" and acme.status()["good"] == 1
    acme.repo.commit({"metadata.json": json.dumps({
        "apiVersion": "bitbuilder.io/v1", "tenant": "acme", "lifecycle": {"allowEmpty": True},
    })})  # fmt: skip
    assert acme.sync() == "applied" and acme.state("web") == "inactive"
    acme.repo.commit({"metadata.json": None})
    assert acme.sync(status=3) == "refused" and "BB109" in acme.said


def test_a_suspension_outlives_a_boot_at_which_the_registration_kept_the_tenant_down(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    bbhv("suspend", "acme")
    (REGISTRATIONS / "acme.json").write_text(registration("acme", acme.repo.url, state="suspended"))
    reboot()
    (REGISTRATIONS / "acme.json").write_text(registration("acme", acme.repo.url))
    bbhv("sync", "--wait")  # the start that the registration forbade may still be on its way down
    # The start at boot failed, because the registration did not want it, or it met the suspension and stops again.
    wait_until("it is down", lambda: active(acme) in ("inactive", "failed"))
    assert acme.state("web") == "inactive" and hold(acme)
    bbhv("resume", "acme")
    assert acme.state("web") == "active"


def test_who_is_killed_while_suspending_has_suspended_or_not(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    for count in (1, 2, 3):
        run(["strace", "-qq", "-f", "-o", "/dev/null", "-e", "trace=rename",
             "-e", f"inject=rename:signal=KILL:when={count}", "bbhv", "suspend", "acme"], check=False, timeout=120)
        suspended = hold(acme) is not None
        assert acme.sync() == ("suspended" if suspended else "unchanged")
        wanted = "inactive" if suspended else "active"
        wait_until(f"the container is {wanted}", lambda: acme.state("web") == wanted and active(acme) == wanted, 60)
        run(["systemctl", "start", "tenant@acme"], timeout=120)
        assert acme.state("web") == wanted
        if suspended:
            bbhv("resume", "acme")


@pytest.mark.parametrize("late", [False, True])
def test_what_waits_to_be_confirmed_waits_through_a_suspension_until_its_time_is_over(make: Make, late: bool) -> None:
    acme = waiting(make)
    bbhv("suspend", "acme")
    assert acme.state("web") == "inactive"
    if late:
        expire(acme)
    assert acme.sync() == "suspended"
    bbhv("resume", "acme", status=int(late))  # which tells that the newest one went back
    assert acme.state("web") == "active" and role(acme) == ("one" if late else "two")
    if not late:
        bbhv("confirm", "acme")
        assert acme.status()["good"] == 2


def test_a_suspension_outlives_a_lost_state_file(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    bbhv("suspend", "acme")
    (acme.folder / "state.json").unlink()
    assert acme.sync() == "suspended"
    (acme.folder / "state.json").write_text("nonsense")
    reboot()
    assert (active(acme), acme.state("web")) == ("inactive", "inactive")
    found = hold(acme)
    assert found and (found["verb"], found["who"]) == ("suspend", "root")
    assert "acme: applied" in bbhv("resume", "acme") and acme.state("web") == "active"
    assert not (acme.folder / "suspended").exists()


def test_whom_the_registration_does_not_let_run_is_no_failure_at_boot(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    reasons: tuple[dict[str, object], ...] = ({"state": "suspended"}, {"state": "absent"}, {"hosts": ["another-host"]})
    for changes in reasons:
        (REGISTRATIONS / "acme.json").write_text(registration("acme", acme.repo.url, **changes))
        run(["systemctl", "stop", "tenant@acme"], timeout=120)
        reboot()
        run(["systemctl", "start", "tenant@acme"], timeout=120)  # as the generator has it started, by the file's name
        assert (active(acme), acme.state("web")) == ("inactive", "inactive"), changes
        assert unit_property("tenant@acme", "Result") == "success"
        (REGISTRATIONS / "acme.json").write_text(registration("acme", acme.repo.url))
        run(["systemctl", "reload", "tenant-manager"], timeout=120)
        wait_until("it runs again", lambda: acme.state("web") == active(acme) == "active", 60)


def test_a_start_by_hand_of_whom_the_registration_suspends_says_so(make: Make) -> None:
    acme = make("acme", state="suspended")
    run(["systemctl", "start", "tenant@acme"], timeout=120)
    assert unit_property("tenant@acme", "StatusText") == "suspended: its registration says suspended"
    assert acme.state("web") == "inactive"
    run(["systemctl", "reload", "tenant-manager"], timeout=120)
    wait_until("it is stopped", lambda: active(acme) == "inactive", 60)


def test_a_suspended_tenant_that_never_ran_has_not_failed(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container("Nonsense=yes"))
    assert acme.sync(status=3) == "refused" and active(acme) == "failed"
    bbhv("suspend", "acme")
    assert active(acme) == "inactive" and "failed" not in bbhv("status", "acme")
    assert "refused" in bbhv("resume", "acme", status=3)
    (REGISTRATIONS / "acme.json").write_text(registration("acme", acme.repo.url, state="suspended"))
    assert active(acme) == "failed"
    run(["systemctl", "reload", "tenant-manager"], timeout=120)
    assert active(acme) == "inactive"


def test_what_keeps_a_tenant_down_is_said_once(make: Make) -> None:
    acme, since = make("acme"), cursor()
    acme.commit(web=container("Nonsense=yes"))
    assert acme.sync(status=3) == "refused"
    said = journal("tenant@acme", since)
    assert said.count("acme: refused: ") == 1 and "cannot be brought up" not in said
    assert said.count("BB202") == 1
    resumed = (bbhv("suspend", "acme"), bbhv("resume", "acme", status=3))[1]
    assert resumed.count("has 1 error") == 1
