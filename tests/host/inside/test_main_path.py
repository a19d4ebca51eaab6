"""The main path: what a tenant commits is what runs, and nothing else is touched."""

from pathlib import Path

from .conftest import Make
from .nets import GRANTED
from .support import run, unit_property
from .world import container, never_healthy, reloads


def test_a_commit_becomes_a_running_container(make: Make) -> None:
    acme = make("acme")
    oid = acme.commit(web=container("MemoryMax=256M", boot=True))
    assert acme.sync() == "applied"
    status = acme.status()
    assert status["outcome"] == "applied", "it is what the sync said"
    assert status["commit"] == oid and status["generation"] == status["good"] == 1
    assert status["workloads"] == [{"name": "web", "kind": "container", "activeState": "active", "health": "healthy"}]
    assert "web.acme" in run(["machinectl", "list", "--no-legend"]).stdout
    cgroup = unit_property(acme.unit("web"), "ControlGroup")
    assert cgroup.startswith("/tenants.slice/tenants-acme.slice/")
    assert unit_property(acme.unit("web"), "MemoryMax") == str(256 << 20)
    links = acme.inside("web", "ip", "-br", "link")
    assert [line.split()[0] for line in links.splitlines()] == ["lo"]
    assert acme.inside("web", "cat", "/proc/self/uid_map").split()[1] != "0"


def test_only_the_container_that_changed_restarts(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container(), db=container())
    acme.sync()
    web, db = acme.leader("web"), acme.leader("db")
    acme.commit(web=container(boot=True, exec=("Environment=ROLE=web",)))
    assert acme.sync() == "applied"
    assert acme.leader("db") == db and acme.leader("web") != web
    assert "ROLE=web" in Path(f"/proc/{acme.leader('web')}/environ").read_bytes().decode().split("\0")


def test_a_commit_that_changes_nothing_that_runs_restarts_and_reloads_nothing(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    before = acme.leader("web"), reloads()
    acme.repo.commit({"README.md": "Words.\n"})
    assert acme.sync() == "applied"
    assert acme.sync() == acme.status()["outcome"] == "unchanged"
    assert (acme.leader("web"), reloads()) == before


def test_a_sync_without_news_runs_no_command_that_changes_anything(make: Make, tmp_path: Path) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    log = tmp_path / "trace"
    run(["strace", "-f", "-qq", "-e", "trace=execve", "-s", "400", "-o", log, "bbhv", "sync", "acme"])
    calls = [line for line in log.read_text().splitlines() if "systemctl" in line]
    looking = ('"show"', '"list-units"', '"--version"')
    assert calls and all(any(word in line for word in looking) for line in calls), calls


def test_what_does_not_run_yet_is_a_warning_that_stays_as_long_as_the_commit(make: Make) -> None:
    acme = make("acme", grants={**GRANTED, "serviceProfiles": ["strict"]})
    acme.repo.commit({**acme.files(web=container()), "services/agent.portable": "[Portable]\nImage=debian-13\n"})
    for outcome in ("applied", "unchanged"):
        assert acme.sync() == outcome
        findings = acme.status()["findings"]
        assert isinstance(findings, list) and [one["code"] for one in findings] == ["BB211"]
    acme.repo.commit({"services/agent.portable": None})
    assert acme.sync() == "applied" and acme.status()["findings"] == []


def test_a_limit_changes_without_a_restart(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container("MemoryMax=256M"))
    acme.sync()
    before = acme.leader("web")
    acme.commit(web=container("MemoryMax=300M", "CPUQuota=50%"))
    assert acme.sync() == "applied"
    assert acme.leader("web") == before
    assert unit_property(acme.unit("web"), "MemoryMax") == str(300 << 20)
    assert unit_property(acme.unit("web"), "CPUQuotaPerSecUSec") == "500ms"
    assert unit_property(acme.unit("web"), "NeedDaemonReload") == "no"


def test_a_broken_commit_is_refused_with_file_and_line_and_the_tenant_runs_on(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    before = acme.leader("web"), reloads()
    acme.commit(web=container("Imag=x", "MemoryMax=lots"))
    assert acme.sync(status=3) == "refused"
    assert "containers/web.nspawn:6:1: error[BB202]" in acme.said and "containers/web.nspawn:7:" in acme.said
    assert (acme.leader("web"), reloads()) == before
    status = acme.status()
    findings = status["findings"]
    assert isinstance(findings, list) and {one["line"] for one in findings} == {6, 7}
    assert status["outcome"] == "refused"


def test_a_commit_that_never_gets_healthy_is_rolled_back_and_quarantined(make: Make) -> None:
    acme = make("acme")
    good = acme.commit(web=container(), db=container())
    acme.sync()
    db = acme.leader("db")
    acme.commit(web=never_healthy())
    assert acme.sync(status=1) == "rolled-back"
    status = acme.status()
    assert status["outcome"] == "rolled-back" and status["commit"] == good
    assert status["generation"] == status["good"] == 1
    assert acme.state("web") == "active" and acme.leader("db") == db
    assert acme.sync(status=1) == acme.status()["outcome"] == "quarantined"
    acme.commit(web=container("MemoryMax=128M"))
    assert acme.sync() == "applied" and acme.status()["good"] == acme.status()["generation"]


def test_a_first_commit_that_never_gets_healthy_leaves_nothing_running(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=never_healthy())
    assert acme.sync(status=1) == "rolled-back"
    assert acme.status()["generation"] is None and acme.state("web") != "active"
    acme.commit(web=container())
    assert acme.sync() == "applied" and acme.state("web") == "active"


def test_what_is_removed_stops_and_what_is_added_starts(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container(), db=container())
    acme.sync()
    web = acme.leader("web")
    acme.commit(db=None, mail=container())
    assert acme.sync() == "applied"
    assert acme.state("db") == "inactive" and acme.state("mail") == "active" and acme.leader("web") == web


def test_a_rollback_holds_until_a_newer_commit(make: Make) -> None:
    acme = make("acme")
    first = acme.commit(web=container("MemoryMax=100M"))
    acme.sync()
    acme.commit(web=container("MemoryMax=200M"))
    acme.sync()
    run(["bbhv", "rollback", "acme"])
    assert acme.status()["commit"] == first and unit_property(acme.unit("web"), "MemoryMax") == str(100 << 20)
    hold = acme.status()["hold"]
    assert isinstance(hold, dict) and hold["verb"] == "rollback"
    assert acme.sync() == acme.status()["outcome"] == "held"
    newest = acme.commit(web=container("MemoryMax=150M"))
    assert acme.sync() == "applied" and acme.status()["commit"] == newest and acme.status()["hold"] is None


def test_a_volume_outlives_its_container(make: Make) -> None:
    acme = make("acme")
    acme.repo.commit({
        **acme.files(web=container("Volume=data:/srv/data")),
        "infrastructure/data.volume": "[Volume]\nSize=1G\n",
    })  # fmt: skip
    assert acme.sync() == "applied"
    acme.inside("web", "sh", "-c", "echo kept > /srv/data/file; echo gone > /srv/other")
    acme.commit(web=container("Volume=data:/srv/data", exec=("Environment=A=1",)))
    acme.sync()
    assert acme.inside("web", "cat", "/srv/data/file") == "kept\n"
    assert acme.inside("web", "ls", "/srv") == "data\n"
    assert (acme.folder / "volumes/data/file").stat().st_uid == 0


def test_a_dash_in_a_tenants_name_does_not_put_it_below_another_tenant(make: Make) -> None:
    team = make("team-a")
    team.commit(**{"my-web": container()})
    assert team.sync() == "applied"
    cgroup = unit_property("tenant-container@my-web.team-a.service", "ControlGroup")
    assert cgroup.startswith("/tenants.slice/tenants-team\\x2da.slice/")


def test_stopped_by_hand_stays_stopped_until_started_by_hand(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    run(["systemctl", "stop", "tenant@acme"])
    assert acme.state("web") == "inactive"
    newest = acme.commit(web=container("MemoryMax=90M"))
    assert acme.sync() == "held" and acme.state("web") == "inactive"
    run(["systemctl", "start", "tenant@acme"])
    assert acme.state("web") == "active" and acme.status()["commit"] == newest


def test_a_container_waits_for_the_one_it_names(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container("After=db"), db=container())
    acme.sync()
    times = [int(unit_property(acme.unit(name), f"{what}TimestampMonotonic"))
             for name, what in (("db", "ActiveEnter"), ("web", "InactiveExit"))]
    assert times == sorted(times)
