"""The command line of whoever is not root, on a real host: the same verbs, by the service, as far as one may."""

import fcntl
import grp
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import SETTINGS, Make
from .support import REGISTRATIONS, run, unit_property, wait_until
from .test_bundle import bundled
from .world import Tenant, container, never_healthy

DAEMON, NEWS = 1, 9  # users of the host; the first is named in "access"
SERVICE = "bitbuilder-varlink.service"
Done = subprocess.CompletedProcess[str]


def who(uid: int, *groups: int) -> list[str]:
    """What makes a command one of this user."""
    more = ["--groups", ",".join(map(str, groups))] if groups else ["--clear-groups"]
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", *more, "--"]


def bbhv(words: str, uid: int = DAEMON, *groups: int, status: int = 0, input: str = "") -> Done:
    """What a command line says to a user, which is to end so."""
    done = run([*who(uid, *groups), "bbhv", *words.split()], check=False, timeout=120, input=input)
    assert done.returncode == status, f"bbhv {words} ended with {done.returncode}: {done.stdout}{done.stderr}"
    return done


def told(words: str, uid: int = DAEMON, status: int = 0) -> Any:
    """What it says to a user as JSON."""
    return json.loads(bbhv(f"{words} --json=short", uid, status=status).stdout)


def by_root(words: str, status: int = 0) -> Any:
    """What it says to root as JSON, without the service."""
    return told(words, 0, status)


@pytest.fixture
def operators() -> Iterator[int]:
    """The number of the operators' group."""
    if "bitbuilder" not in [group.gr_name for group in grp.getgrall()]:
        run(["groupadd", "--system", "bitbuilder"])
    run(["systemctl", "stop", SERVICE])  # it looks the group up when it starts
    yield grp.getgrnam("bitbuilder").gr_gid


def ours(make: Make, name: str = "acme", **changes: object) -> Tenant:
    """A tenant that the user daemon may see and change, as the service knows, which looks once a second."""
    tenant = make(name, access={"users": ["daemon"]}, **changes)
    words = [*who(DAEMON), "bbhv", "list", "--no-legend"]
    wait_until("the service knows it", lambda: f"{name} " in run(words, check=False).stdout)
    return tenant


def started(make: Make) -> Tenant:
    """One that runs, with a volume."""
    acme = ours(make)
    acme.repo.commit({**acme.files(web=web()), "infrastructure/data.volume": "[Volume]\nSize=16M\n"})
    assert "acme: applied: generation 1" in bbhv("sync acme").stdout
    return acme


def web(*more: str) -> str:
    return container("Volume=data:/srv/data", *more)


def test_a_user_of_a_tenant_sees_it_as_root_does_and_no_other(make: Make) -> None:
    acme = started(make)
    other = make("other")
    other.commit(web=container())
    other.sync()
    assert [line.split()[0] for line in bbhv("list --no-legend").stdout.splitlines()] == ["acme"]
    assert bbhv("list").stdout.endswith("\n1 tenant listed.\n")
    for words in ("status acme", "history acme", "plan acme", "plan acme --commit=HEAD", "volume list acme"):
        assert told(words) == by_root(words), words
        assert shown(words, DAEMON) == shown(words, 0), words
    assert [told(words) for words in ("list", "status", "plan")] == [
        {"tenants": by_root("status acme")["tenants"]}, by_root("status acme"), by_root("plan acme")
    ]
    assert bbhv("plan --format=markdown").stdout == bbhv("plan acme --format=markdown", 0).stdout
    assert acme.state("web") == "active"


def shown(words: str, uid: int) -> str:
    """What a person sees, without how long ago something was."""
    return re.sub(r" *\d+ (s|min) ago", "", bbhv(f"{words} --no-legend", uid).stdout)


def test_logs_are_told_as_to_root(make: Make) -> None:
    acme = ours(make)
    acme.commit(web=container(exec=("Parameters=/bin/sh -c 'echo plain text; exec sleep infinity'",)))
    bbhv("sync acme")
    wait_until("it has said something", lambda: "plain text" in bbhv("logs web.acme").stdout)
    line = next(line for line in bbhv("logs web.acme").stdout.splitlines() if "plain text" in line)
    assert line in bbhv("logs web.acme", 0).stdout.splitlines()
    lines = [bbhv("logs web.acme -n 20 --json=short", uid).stdout.splitlines() for uid in (DAEMON, 0)]
    assert lines[0] == lines[1] and len(lines[0]) > 2
    assert bbhv("logs acme --since=+1h").stdout == ""
    assert "Failed to parse timestamp" in bbhv("logs acme --since=never-ever", status=1).stderr


def test_a_log_is_followed_until_who_reads_it_interrupts(make: Make) -> None:
    acme = ours(make)
    acme.commit(web=container(exec=("Parameters=/bin/sh -c 'while sleep 0.2; do echo tick; done'",)))
    bbhv("sync acme")
    words = [*who(DAEMON), "bbhv", "logs", "--follow", "-n0", "web.acme"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        assert [reader.stdout.readline().endswith(": tick\n") for _ in range(3)] == [True] * 3
        reader.send_signal(signal.SIGINT)
        _, errors = reader.communicate(timeout=30)
    assert (reader.returncode, errors) == (0, "")
    wait_until("nobody listens any more", lambda: units_of("look") == "")


def units_of(kind: str) -> str:
    """The units that answer calls at this moment."""
    return run(["systemctl", "list-units", "--plain", "--no-legend", f"bitbuilder-{kind}@*.service"]).stdout


def test_a_user_of_a_tenant_changes_it_and_is_told_what_root_is_told(make: Make) -> None:
    acme = started(make)
    acme.commit(web=web("MemoryMax=80M"))
    said = bbhv("sync").stdout
    assert said.startswith("acme: applied: generation 2 (") and "\n  live     web  " in said
    assert "acme: applied: generation 1" in bbhv("rollback acme --to=1").stdout and acme.status()["generation"] == 1
    assert bbhv("rollback acme --to=77", status=5).stderr == bbhv("rollback acme --to=77", 0, status=5).stderr
    assert bbhv("confirm acme", status=5).stderr == bbhv("confirm acme", 0, status=5).stderr
    assert unchanging("sync acme", DAEMON) == unchanging("sync acme", 0)
    acme.commit(web=container("Nonsense=yes"))
    assert bbhv("sync acme", status=3).stdout == bbhv("sync acme", 0, status=3).stdout
    assert told("plan acme", status=3) == by_root("plan acme", 3)
    acme.commit(web=never_healthy())
    assert "acme: rolled-back" in bbhv("sync acme", status=1).stdout
    assert bbhv("sync acme", status=1).stdout == bbhv("sync acme", 0, status=1).stdout
    assert "acme: quarantined" in bbhv("apply acme", status=1).stdout


def unchanging(words: str, uid: int) -> Any:
    """What is told as JSON of a run that has nothing to do, without when that was."""
    reply = told(words, uid)
    for one in reply["tenants"]:
        del one["outcomeUSec"]
    return reply


def test_what_waits_is_confirmed_by_a_user_of_the_tenant(make: Make) -> None:
    acme = started(make)
    life = {"apiVersion": "bitbuilder.io/v1", "tenant": "acme", "lifecycle": {"confirmWithinSec": 600}}
    acme.repo.commit({"metadata.json": json.dumps(life), "containers/web.nspawn": web("MemoryMax=81M")})
    assert "acme: held" in bbhv("sync acme").stdout
    assert "acme: applied" in bbhv("confirm acme").stdout and acme.status()["good"] == 2


def test_a_sync_without_a_name_is_of_all_that_one_may_change_and_one_that_is_busy_holds_up_no_other(make: Make) -> None:
    tenants = {name: ours(make, name) for name in ("acme", "beta")} | {"other": make("other")}
    for tenant in tenants.values():
        tenant.commit(web=container())
    assert bbhv("sync --quiet").stdout == ""
    for tenant in tenants.values():
        tenant.commit(web=container("MemoryMax=70M"))
    with open("/run/bitbuilder/lock/beta", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = bbhv("sync", status=75).stdout
        assert "acme: applied" in said and "beta: failed: Tenant beta is busy" in said and "\nother" not in said
        alone = bbhv("sync beta", status=75)
        assert alone.stderr == bbhv("sync beta", 0, status=75).stderr
    assert [one["outcome"] for one in told("sync")["tenants"]] == ["unchanged", "applied"]
    assert tenants["other"].status()["generation"] is None


def test_volumes_secrets_and_bundles_of_a_tenant_are_for_its_users(make: Make, tmp_path: Path) -> None:
    acme = started(make)
    assert "has a snapshot first" in bbhv("volume snapshot acme data first").stdout
    assert told("volume list acme")["volumes"][0]["snapshots"] == ["first"]
    assert "is running" in (said := bbhv("volume restore acme data first", status=4).stderr) or "use" in said
    assert told("volume discard acme data first") == by_root("volume list acme")
    tmp_path.chmod(0o755)
    secret = bbhv("credential encrypt acme key", input="s3cret")
    (tmp_path / "key.cred").write_text(secret.stdout)
    decrypted = run(["systemd-creds", "decrypt", "--name=tenant-acme.key", tmp_path / "key.cred", "-"]).stdout
    assert decrypted == "s3cret" and "Commit it as infrastructure/credentials/key.cred" in secret.stderr
    commit = acme.commit(web=web("MemoryMax=90M"))
    bundled(acme, tmp_path / "bundle")
    for folder in tmp_path.parents[:2]:
        folder.chmod(0o755)
    assert "acme: applied" in bbhv(f"sync --bundle={tmp_path}/bundle acme").stdout
    assert acme.status()["commit"] == commit


@pytest.mark.parametrize("words", ["status T", "history T", "plan T", "sync T", "apply T", "rollback T", "confirm T",
                                   "logs T", "logs web.T", "volume list T", "volume snapshot T data one",
                                   "credential encrypt T key", "suspend T", "resume T", "purge T --yes"])
def test_another_tenant_is_refused_like_one_that_there_is_not(words: str, make: Make) -> None:
    ours(make)
    other = make("other")
    other.commit(web=container())
    found = set()
    for uid, name in ((DAEMON, "other"), (DAEMON, "none"), (NEWS, "acme"), (NEWS, "none")):
        done = bbhv(words.replace("T", name), uid, status=4, input="x")
        found.add((done.stdout, done.stderr.replace(name, "T").replace(f"uid {uid}", "uid N")))
    assert len(found) == 1, found
    assert other.status()["generation"] is None


def test_operators_may_do_what_is_root_s_for_every_tenant(make: Make, operators: int) -> None:
    acme = started(make)
    assert "It is for operators" in bbhv("suspend acme", status=4).stderr
    assert "--allow-rewind, which is for operators" in bbhv("sync acme --allow-rewind", status=4).stderr
    assert "acme: suspended" in bbhv("suspend acme", NEWS, operators).stdout and acme.state("web") != "active"
    assert "acme: suspended" in bbhv("sync", NEWS, operators).stdout
    assert "acme: applied" in bbhv("resume acme", NEWS, operators).stdout
    assert "acme: unchanged" in bbhv("sync --system", NEWS, operators).stdout
    for words in ("list", "status", "status none", "plan", "history none", "sync none", "status acme none"):
        theirs = run([*who(NEWS, operators), "bbhv", *words.split(), "--json=short"], check=False, timeout=120)
        root = run(["bbhv", *words.split(), "--json=short"], check=False, timeout=120)
        assert (theirs.returncode, theirs.stdout, theirs.stderr) == (root.returncode, root.stdout, root.stderr), words
    assert bbhv("purge acme", NEWS, operators, status=4).stderr == bbhv("purge acme", 0, status=4).stderr
    (REGISTRATIONS / "acme.json").unlink()
    run(["systemctl", "reload", "tenant-manager"], timeout=120)
    assert "nobody can be asked here" in bbhv("purge acme", NEWS, operators, status=4).stderr and acme.folder.exists()
    assert bbhv("purge acme --yes", NEWS, operators).stdout == f"Removed {acme.folder}.\n" and not acme.folder.exists()


def test_a_system_repository_that_cannot_be_followed_hides_no_outcome(make: Make, operators: int) -> None:
    acme = started(make)
    place = SETTINGS.parent / "bitbuilder.conf.d/50-system.conf"
    place.parent.mkdir(exist_ok=True)
    place.write_text("[System]\nRepository=https://192.0.2.1/system.git\nTrust=unsigned\n")
    try:
        acme.commit(web=web("MemoryMax=85M"))
        done = bbhv("sync", NEWS, operators, status=1)
        assert "acme: applied" in done.stdout and "192.0.2.1" in done.stderr
        assert "192.0.2.1" in bbhv("sync", 0, status=1).stderr
        own = bbhv("sync acme")
        assert "acme: unchanged" in own.stdout and own.stderr == ""
    finally:
        place.unlink()


def test_who_interrupts_is_told_that_it_goes_on(make: Make) -> None:
    acme = started(make)
    acme.commit(web=web("MemoryMax=70M").replace("HealthStableSec=0", "HealthStableSec=4"))
    good, current = acme.folder / "good", acme.folder / "current"
    with subprocess.Popen([*who(DAEMON), "bbhv", "sync", "acme"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as asking:  # fmt: skip
        wait_until("the trial is under way", lambda: good.resolve() != current.resolve(), 60)
        asking.send_signal(signal.SIGINT)
        out, errors = asking.communicate(timeout=30)
    assert (asking.returncode, out) == (130, "") and "What the service has begun goes on" in errors
    wait_until("it is done", lambda: acme.status()["good"] == 2, 60)
    assert acme.status()["outcome"] == "applied"


def test_without_the_service_root_goes_on_and_others_are_told_what_to_do(make: Make) -> None:
    acme = started(make)
    run(["systemctl", "stop", "bitbuilder-varlink.socket", SERVICE])
    try:
        assert bbhv("list", 0).stdout.startswith("TENANT") and acme.sync() == "unchanged"
        done = bbhv("list", status=1)
        assert done.stderr.splitlines() == [
            "bbhv: bbhv list asks the service of this host, which is not there: "
            "/run/bitbuilder/io.bitbuilder.Hypervisor: No such file or directory.",
            "      Start it: systemctl start bitbuilder-varlink.socket; or run this with sudo or run0.",
        ]
    finally:
        run(["systemctl", "start", "bitbuilder-varlink.socket"])
    assert bbhv("list").stdout.startswith("TENANT") and unit_property(SERVICE, "ActiveState") == "active"


def test_the_program_asks_in_the_name_of_whoever_calls_it_and_of_nobody_else(make: Make) -> None:
    ours(make)
    run(["setpriv", "--reuid=1", "--regid=1", "--clear-groups", "--", "bbhv", "list"], env={"SUDO_USER": "root"})
    done = run([*who(NEWS), "bbhv", "list"], check=False, env={"SUDO_USER": "daemon", "USER": "daemon"})
    assert done.returncode == 4 and "uid 9" in done.stderr and os.geteuid() == 0
