"""Drift on a real host: what somebody stopped, changed, masked, added or removed is told, and healed as it is said."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Make
from .support import REGISTRATIONS, registration, run, unit_property, wait_until
from .world import Tenant, container, reloads

GENERATED = Path("/run/systemd/generator")
PUBLISHED = Path("/run/bitbuilder/units")


@pytest.fixture
def clean() -> Iterator[None]:
    """Afterwards nothing of acme is overridden."""
    yield
    for root in ("/etc/systemd/system", "/run/systemd/system", "/etc/systemd/system.control",
                 "/run/systemd/system.control"):
        for path in [*Path(root).glob("tenant*acme*")]:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    run(["systemctl", "daemon-reload"])


def start(make: Make, policy: str | None = None, **containers: str) -> Tenant:
    """The tenant acme, which runs what it committed."""
    acme = make("acme", **({"drift": policy} if policy else {}))
    acme.commit(**(containers or {"web": container(), "db": container()}))
    assert acme.sync() == "applied"
    return acme


def drift(acme: Tenant) -> list[tuple[str, str]]:
    """Kind and unit of what has drifted, as status says."""
    found = acme.status()["drift"]
    assert isinstance(found, list)
    return [(one["kind"], one["unit"]) for one in found]


def test_what_was_stopped_is_told_and_started_again_and_nothing_else_is_touched(make: Make) -> None:
    acme = start(make)
    db, before = acme.leader("db"), reloads()
    run(["systemctl", "stop", acme.unit("web")])
    assert drift(acme) == [("stopped", acme.unit("web"))]
    shown = run(["bbhv", "status", "acme"]).stdout
    assert f"Drift: {acme.unit('web')}: it is stopped" in shown and f"systemctl start {acme.unit('web')}" in shown
    assert acme.sync() == "unchanged" and "set right: container web: it is stopped" in acme.said
    assert acme.state("web") == "active" and acme.leader("db") == db and reloads() == before
    assert drift(acme) == []
    assert acme.sync() == "unchanged" and "set right" not in acme.said


def test_what_has_failed_is_started_again(make: Make, clean: None) -> None:
    acme = start(make, web=container("Restart=on-failure"), db=container())
    drop_in = Path(f"/run/systemd/system/{acme.unit('web')}.d/90-once.conf")
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text("[Service]\nRestart=no\n")
    run(["systemctl", "daemon-reload"])
    run(["systemctl", "kill", "--signal=SIGKILL", "--kill-whom=all", acme.unit("web")])
    wait_until("it has failed", lambda: acme.state("web") == "failed")
    assert ("failed", acme.unit("web")) in drift(acme)
    acme.sync()
    assert "set right: container web: it has failed" in acme.said and acme.state("web") == "active"


def test_what_ended_as_it_was_declared_is_left_alone(make: Make) -> None:
    once = container("Restart=no")
    acme = start(make, web=container(), db=once)
    run(["systemctl", "stop", acme.unit("db")])
    assert drift(acme) == [] and acme.sync() == "unchanged" and acme.state("db") == "inactive"


def test_a_tenant_that_was_stopped_has_not_drifted(make: Make) -> None:
    acme = start(make)
    run(["systemctl", "stop", "tenant@acme"])
    assert drift(acme) == [] and acme.sync() == "held" and acme.state("web") == "inactive"


def test_with_report_nothing_is_touched(make: Make) -> None:
    acme = start(make, "report")
    run(["systemctl", "stop", acme.unit("web")])
    for _ in range(2):
        assert acme.sync() == "unchanged" and "drift: container web: it is stopped" in acme.said
    assert acme.state("web") == "inactive" and "drift: " in str(acme.status()["message"])


def test_what_is_good_is_healed_also_when_the_newest_commit_is_refused_or_cannot_be_had(make: Make) -> None:
    acme = start(make)
    acme.commit(web=container("Nonsense=1"))
    run(["systemctl", "stop", acme.unit("web")])
    assert acme.sync(status=3) == "refused" and "set right" in acme.said and acme.state("web") == "active"
    assert acme.status()["findings"]
    run(["systemctl", "stop", acme.unit("db")])
    acme.repo.path.rename("/srv/git/away")
    assert acme.sync(status=1) == "failed" and acme.state("db") == "active"
    Path("/srv/git/away").rename(acme.repo.path)


def test_an_override_stays_unless_it_is_to_be_reverted(make: Make, clean: None) -> None:
    acme = start(make)
    leader = acme.leader("web")
    for options in (["--runtime"], []):
        run(["systemctl", "set-property", *options, acme.unit("web"), "MemoryMax=77M"])
        assert drift(acme) == [("overridden", acme.unit("web"))]
        assert acme.sync() == "unchanged" and "drift: container web: it is changed by /" in acme.said
        assert unit_property(acme.unit("web"), "MemoryMax") == str(77 << 20)
        change(acme, drift="revert")
        assert acme.sync() == "unchanged" and "set right" in acme.said
        assert unit_property(acme.unit("web"), "MemoryMax") != str(77 << 20)
        assert drift(acme) == [] and acme.leader("web") == leader
        change(acme)


def change(acme: Tenant, **changes: object) -> None:
    """Changes the registration."""
    (REGISTRATIONS / "acme.json").write_text(registration("acme", acme.repo.url, **changes))


def test_a_drop_in_in_etc_goes_and_the_container_runs_as_it_was_committed(make: Make, clean: None) -> None:
    acme = start(make, "revert")
    folder = Path(f"/etc/systemd/system/{acme.unit('web')}.d")
    folder.mkdir(parents=True)
    (folder / "50-ops.conf").write_text("[Service]\nEnvironment=X=1\n")
    run(["systemctl", "daemon-reload"])
    run(["systemctl", "restart", acme.unit("web")])
    db = acme.leader("db")
    assert drift(acme) == [("overridden", acme.unit("web"))]
    assert acme.sync() == "unchanged" and not folder.exists() and acme.leader("db") == db
    assert unit_property(acme.unit("web"), "DropInPaths").count(".conf") == 1
    assert unit_property(acme.unit("web"), "NeedDaemonReload") == "no" and acme.state("web") == "active"


def test_a_mask_is_told_and_reverted_and_the_container_runs(make: Make, clean: None) -> None:
    acme = start(make)
    run(["systemctl", "mask", "--now", acme.unit("web")])
    assert drift(acme) == [("masked", acme.unit("web"))]
    assert acme.sync() == "unchanged" and acme.state("web") != "active"
    change(acme, drift="revert")
    assert acme.sync() == "unchanged" and acme.state("web") == "active" and drift(acme) == []


def test_a_whole_unit_in_etc_is_told_and_removed(make: Make, clean: None) -> None:
    acme = start(make)
    path = Path(f"/etc/systemd/system/{acme.unit('web')}")
    path.write_text("[Service]\nExecStart=/usr/bin/sleep infinity\n")
    assert ("replaced", acme.unit("web")) in drift(acme)
    change(acme, drift="revert")
    assert acme.sync() == "unchanged" and not path.exists() and "web.acme" in run(["machinectl", "list"]).stdout


def test_no_override_of_another_unit_is_touched(make: Make, clean: None) -> None:
    acme = start(make, "revert")
    others = [Path("/etc/systemd/system") / name for name in (
        "tenant-container@.service.d/90-all.conf", "tenant-container@web.acme2.service.d/90-x.conf", "tenant-x.conf")]
    for path in others:
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    run(["systemctl", "set-property", acme.unit("web"), "MemoryMax=77M"])
    acme.sync()
    assert all(path.exists() for path in others) and drift(acme) == []
    for path in others:
        shutil.rmtree(path.parent) if path.parent.name.endswith(".d") else path.unlink()


def test_a_link_in_place_of_an_override_is_removed_and_not_followed(make: Make, clean: None, tmp_path: Path) -> None:
    acme = start(make, "revert")
    kept = tmp_path / "kept.conf"
    kept.write_text("[Service]\n")
    folder = Path(f"/etc/systemd/system/{acme.unit('web')}.d")
    folder.symlink_to(tmp_path)
    assert ("overridden", acme.unit("web")) in drift(acme)
    acme.sync(status=0)
    assert kept.exists() and not folder.exists() and drift(acme) == []


def test_what_is_published_is_published_again(make: Make) -> None:
    acme = start(make)
    web, link = acme.leader("web"), PUBLISHED / "acme"
    for harm in ("removed", "changed", "unlinked", "unread"):
        folder = Path(os.path.realpath(link))
        match harm:
            case "removed":
                shutil.rmtree(folder)
            case "changed":
                path = next(folder.glob("tenant-container@web*/*.conf"))
                path.write_text(path.read_text() + "[Service]\nMemoryMax=66M\n")
            case "unlinked":
                link.unlink()
            case "unread":
                shutil.rmtree(GENERATED)
        assert ("unpublished", "tenants-acme.slice") in drift(acme), harm
        assert acme.sync() == "unchanged" and "set right: tenant acme: " in acme.said
        assert drift(acme) == [] and acme.leader("web") == web, harm
        assert unit_property(acme.unit("web"), "MemoryMax") != str(66 << 20)
        assert len(list(Path("/run/bitbuilder/generations").glob("acme.*"))) == 1, harm


def test_what_runs_and_is_not_declared_is_stopped(make: Make) -> None:
    acme = start(make)
    unit = "tenant-container@old.acme.service"
    path = Path(f"/run/systemd/transient/{unit}")
    path.parent.mkdir(exist_ok=True)
    path.write_text("[Service]\nExecStart=/usr/bin/sleep infinity\nSlice=tenants-acme.slice\n")
    run(["systemctl", "daemon-reload"])
    run(["systemctl", "start", unit])
    assert drift(acme) == [("orphan", unit)]
    assert acme.sync() == "unchanged" and unit_property(unit, "ActiveState") == "inactive" and drift(acme) == []
    path.unlink(missing_ok=True)
    run(["systemctl", "daemon-reload"])


def test_a_unit_that_systemd_has_not_read_again_is_told(make: Make, clean: None) -> None:
    acme = start(make)
    folder = Path(f"/etc/systemd/system/{acme.unit('web')}.d")
    folder.mkdir()
    (folder / "50-ops.conf").write_text("[Service]\nEnvironment=X=1\n")
    assert ("outdated", acme.unit("web")) in drift(acme)


def test_a_wrong_word_for_the_policy_is_a_finding(make: Make, tmp_path: Path) -> None:
    acme = make("acme", drift="fix")
    done = run(["bbhv", "sync", "acme"], check=False)
    assert done.returncode == 3 and "acme.json:" in done.stdout and "heal" in done.stdout
    assert json.loads(run(["bbhv", "status", "acme", "--json=short"]).stdout)["tenants"][0]["drift"] == []
    change(acme)
