"""bbhv plan on a host: what a sync would do, from the functions that do it, and not a byte written."""

import hashlib
import json
import os
from pathlib import Path

from .conftest import SETTINGS, Make
from .support import REGISTRATIONS, registration, run
from .world import Tenant, container, never_healthy, reloads

WATCHED = (Path("/var/lib/tenants"), Path("/var/lib/bitbuilder"), Path("/run/bitbuilder"))


def everything() -> dict[str, str]:
    """Every name below what the product keeps, with its times and a digest of what it holds."""
    found = {}
    for top in WATCHED:
        for folder, names, files in os.walk(top):
            for name in (*names, *files):
                path = Path(folder) / name
                status = path.lstat()
                small = path.is_file() and not path.is_symlink() and status.st_size < 1 << 20
                data = path.read_bytes() if small else b""
                link = os.readlink(path) if path.is_symlink() else ""
                digest = hashlib.sha256(data).hexdigest()
                found[str(path)] = f"{status.st_mode} {status.st_ino} {status.st_mtime_ns} {link} {digest}"
    return found


def plan(*words: str, status: int = 0) -> str:
    """What `bbhv plan` says. It must change nothing, whatever it says."""
    before = everything(), reloads()
    done = run(["bbhv", "plan", *words], check=False, timeout=120)
    assert done.returncode == status, f"{words}: {done.returncode}, not {status}:\n{done.stdout}{done.stderr}"
    assert (everything(), reloads()) == before
    return done.stdout + done.stderr


def told(tenant: Tenant, *words: str, status: int = 0) -> dict[str, object]:
    (found,) = json.loads(plan(tenant.id, *words, "--json=short", status=status))["plans"]
    assert isinstance(found, dict)
    return found


def done(found: dict[str, object]) -> dict[str, str]:
    """The actions by object, those that do something."""
    steps = found["steps"]
    assert isinstance(steps, list)
    return {f"{step['kind']} {step['name']}": step["action"] for step in steps if step["action"] != "none"}


def fetched(tenant: Tenant) -> None:
    """Has the newest commit fetched, and nothing else."""
    run(["bbhv", "plan", "--fetch", tenant.id], check=False, timeout=120)


def test_a_plan_is_what_the_sync_then_does_and_writes_nothing(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container("MemoryMax=256M"), db=container(), old=container())
    acme.sync()
    leaders = {name: acme.leader(name) for name in ("web", "db")}
    changed = container(exec=("Environment=A=1",))
    newest = acme.commit(web=container("MemoryMax=512M"), db=changed, new=container(), old=None)
    fetched(acme)
    text = plan("acme")
    assert "X-Bitbuilder.MemoryMax=256M → 512M (live)" in text
    assert "1 to stop, 1 to start, 1 to restart, 1 live, 2 untouched; loses data: none" in text
    assert "UID ranges of new.acme: (allocated when applied)" in text
    found = told(acme)
    assert (found["commit"], found["outcome"]) == (newest, "applied")
    wanted = {"container old": "stop", "container db": "restart", "container new": "start", "container web": "live"}
    assert done(found) == wanted
    assert acme.sync() == "applied"
    assert acme.leader("web") == leaders["web"] and acme.leader("db") != leaders["db"]
    assert acme.state("old") == "inactive" and acme.state("new") == "active"
    assert told(acme)["outcome"] == "unchanged" and done(told(acme)) == {}


def test_a_new_tenant_is_planned_as_the_sync_then_starts_it(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container())
    fetched(acme)
    found = told(acme)
    assert found["outcome"] == "applied" and "tenant@acme does not run: a sync starts it." in str(found["notes"])
    assert acme.sync() == "applied" and acme.state("web") == "active"


def test_only_fetch_asks_the_server_and_only_the_clone_moves(make: Make) -> None:
    acme = make("acme")
    assert "was never fetched" in plan("acme", status=5)
    acme.commit(web=container())
    acme.sync()
    newest = acme.commit(web=container("MemoryMax=64M"))
    assert told(acme)["outcome"] == "unchanged"
    before = (acme.folder / "state.json").read_bytes(), reloads()
    run(["bbhv", "plan", "--fetch", "acme"], timeout=120)
    assert ((acme.folder / "state.json").read_bytes(), reloads()) == before
    assert told(acme)["commit"] == newest and acme.status()["commit"] != newest


def test_a_commit_is_named_by_its_id_whole_or_abbreviated(make: Make) -> None:
    acme = make("acme")
    first = acme.commit(web=container("MemoryMax=64M"))
    acme.sync()
    second = acme.commit(web=container("MemoryMax=65M"))
    acme.sync()
    assert told(acme, f"--commit={second[:8]}")["commit"] == told(acme, "--commit=HEAD")["commit"] == second
    for name in ("f" * 40, "main", "--all", "HEAD~1", "0"):
        assert "has no commit" in plan("acme", f"--commit={name}", status=5)
    back = told(acme, f"--commit={first}", status=4)
    assert back["outcome"] == "refused" and "history was rewound" in str(back["refusal"])
    assert done(back) == {"container web": "live"}  # it is shown all the same


def test_what_a_sync_would_refuse_is_said_first_with_its_exit_status(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    acme.commit(web=container("Imag=x"))
    fetched(acme)
    assert "acme" in plan("acme", status=3) and "BB202" in plan("acme", status=3)
    acme.commit(web=None)
    fetched(acme)
    text = plan("acme", status=3)
    assert "BB601" in text and "stop      container web" in text
    acme.commit(web=never_healthy())
    assert acme.sync(status=1) == "rolled-back"
    text = plan("acme", status=1)
    assert text.splitlines()[1].startswith("  quarantined: commit ") and "restart" in text
    run(["bbhv", "suspend", "acme"], timeout=120)
    assert "suspended by root" in plan("acme") and told(acme)["outcome"] == "suspended"
    run(["bbhv", "resume", "acme"], check=False, timeout=120)


def test_what_does_not_run_joins_the_plan_as_it_joins_the_sync(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container(), db=container())
    acme.sync()
    run(["systemctl", "stop", acme.unit("db")])
    acme.commit(web=container("MemoryMax=64M"))
    fetched(acme)
    found = told(acme)
    assert done(found) == {"container db": "start", "container web": "live"}
    assert "A sync sets right: container db" in str(found["notes"])
    assert acme.sync() == "applied" and acme.state("db") == "active"


def test_a_stopped_tenant_and_one_that_is_not_to_run_are_planned_too(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    (REGISTRATIONS / "acme.json").write_text(registration("acme", acme.repo.url, state="suspended"))
    found = told(acme)
    assert done(found)["container web"] == "stop" and "says suspended" in str(found["refusal"])
    (REGISTRATIONS / "acme.json").write_text(registration("acme", acme.repo.url))
    run(["systemctl", "stop", "tenant@acme"])
    found = told(acme)
    assert found["outcome"] == "held" and "is stopped" in str(found["notes"])
    assert done(found)["container web"] == "start"


def test_a_volume_that_goes_is_kept_and_said_so(make: Make) -> None:
    acme = make("acme")
    acme.repo.commit({
        **acme.files(web=container("Volume=data:/srv/data")), "infrastructure/data.volume": "[Volume]\nSize=1G\n",
    })  # fmt: skip
    acme.sync()
    acme.repo.commit({"containers/web.nspawn": container(), "infrastructure/data.volume": None})
    fetched(acme)
    assert "volumes/data (bbhv purge acme --volume=data removes it)" in plan("acme")
    assert told(acme)["kept"] == ["volumes/data"]
    assert acme.sync() == "applied" and (acme.folder / "volumes/data").is_dir()


def test_what_a_tenant_wrote_drives_no_terminal_and_is_no_markdown(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    acme.repo.commit({"containers/web.nspawn": container(exec=("Environment=A=`@all`",))}, "\x1b[31m`<b>@all\x1b[0m")
    fetched(acme)
    text, comment = plan("acme"), plan("acme", "--format=markdown")
    assert "\x1b" not in text + comment
    assert "### bbhv plan: `acme`" in comment and "``\\x1b[31m`<b>@all\\x1b[0m``" in comment


def test_the_facts_of_a_host_give_its_plan_elsewhere(make: Make, tmp_path: Path) -> None:
    acme = make("acme", fetch={"user": "deploy"}, access={"users": ["root"]})
    acme.commit(web=container("MemoryMax=256M"))
    acme.sync()
    acme.commit(web=container("MemoryMax=512M"))
    fetched(acme)
    before = everything()
    facts = run(["bbhv", "facts", "acme"]).stdout
    assert everything() == before and "deploy" not in facts and "access" not in facts
    (tmp_path / "facts.json").write_text(facts)
    run(["git", "clone", "--quiet", acme.repo.path, tmp_path / "work"])
    run(["chmod", "-R", "a+rX", tmp_path, *tmp_path.parents[:2]])
    words = ["bbhv", "plan", f"--repository={tmp_path}/work", f"--host-facts={tmp_path}/facts.json", "--json=short"]
    away = json.loads(run(["setpriv", "--reuid=65534", "--clear-groups", *words]).stdout)["plans"][0]
    here = told(acme)
    assert away["steps"] == here["steps"] and away["summary"] == here["summary"]


def test_a_tenant_that_somebody_works_on_is_planned_without_waiting(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    done = run(["flock", "/run/bitbuilder/lock/acme", "bbhv", "plan", "acme"], timeout=60)
    assert "untouched" in done.stdout


def test_a_tenant_whose_registration_has_errors_is_no_empty_plan(make: Make) -> None:
    make("acme")
    (REGISTRATIONS / "acme.json").write_text('{"tenant": "acme"}')
    for words in (["plan"], ["plan", "--fetch"], ["plan", "acme"], ["sync", "acme"]):
        done = run(["bbhv", *words], check=False)
        assert done.returncode == 3 and "/etc/bitbuilder/tenants/acme.json:1:1: error[BB104]" in done.stdout
    one = json.loads(run(["bbhv", "plan", "--json=short"], check=False).stdout)["plans"][0]
    assert (one["id"], one["outcome"]) == ("acme", "refused") and one["findings"]


def test_a_plan_of_nobody_says_so() -> None:
    assert run(["bbhv", "plan"]).stdout.startswith("No tenant is registered on this host.\n")
    assert run(["bbhv", "plan", "--json=short"]).stdout == '{"plans": []}\n'
    assert run(["bbhv", "plan", "--no-legend"]).stdout == ""


def test_a_local_repository_that_the_host_does_not_take_says_where_to_allow_it(make: Make) -> None:
    make("acme")
    SETTINGS.write_text("")
    try:
        for words in (["plan", "--fetch", "acme"], ["sync", "acme"]):
            done = run(["bbhv", *words], check=False)
            assert done.returncode == 4
            assert "AllowFile=yes under [System] in /etc/bitbuilder/bitbuilder.conf" in done.stdout + done.stderr
    finally:
        SETTINGS.write_text("[System]\nAllowFile=yes\n")
