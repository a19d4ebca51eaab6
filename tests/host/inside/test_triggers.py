"""From a push to running: the hook of a repository on this host, as root and as who may; and the API behind it."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Make
from .support import Repo, cursor, run, unit_property, wait_until
from .world import Tenant, container

ADDRESS = "/run/bitbuilder/io.bitbuilder.Hypervisor"
PUSHED, CONFIRM = "io.bitbuilder.Hypervisor.Pushed", "io.bitbuilder.Hypervisor.Confirm"
DAEMON, BIN, NEWS = 1, 2, 9  # users and groups that every Debian has
PATH_UNIT = "bitbuilder-requests.path"
REQUESTS = Path("/run/bitbuilder/requests")
WORK = Path("/srv/work.git")


@pytest.fixture
def work() -> Iterator[Repo]:
    """Where whoever pushes commits."""
    yield Repo(WORK).init()
    shutil.rmtree(WORK)


def with_hook(tenant: Tenant, words: str = "", owner: int = 0) -> None:
    """Gives the tenant's repository the hook, and to a user."""
    hook = tenant.repo.path / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nexec bbhv hook post-receive {words}\n")
    hook.chmod(0o755)
    run(["chown", "-R", f"{owner}:{owner}", tenant.repo.path])


def push(work: Repo, tenant: Tenant, ref: str = "main", uid: int = 0) -> str:
    """Pushes what was committed, and returns what the pusher is told."""
    run(["chown", "-R", f"{uid}:{uid}", work.path])
    who = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--"] if uid else []
    env = {"GIT_DIR": str(work.path), "HOME": "/nonexistent", "GIT_CONFIG_COUNT": "1",
           "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
    done = run([*who, "git", "push", "--quiet", tenant.repo.path, ref], env=env)
    run(["chown", "-R", "0:0", work.path])
    lines = [line.removeprefix("remote: ").rstrip() for line in done.stderr.splitlines() if line.startswith("remote:")]
    return "\n".join(lines)


def runs(tenant: Tenant, commit: str) -> None:
    """Waits until a commit is what runs, without a sync by hand."""
    wait_until(f"{commit} runs", lambda: tenant.status()["commit"] == commit and tenant.state("web") == "active", 90)


def call(tenant: str, uid: int = 0, *groups: int, method: str = PUSHED) -> "subprocess.CompletedProcess[str]":
    """Asks for a sync, or calls another method, with systemd's client."""
    drop = ["--groups", ",".join(map(str, groups))] if groups else ["--clear-groups"]
    who = ["setpriv", f"--reuid={uid}", f"--regid={uid}", *drop, "--"] if uid else []
    words = ["varlinkctl", "call", "--json=short", ADDRESS, method, json.dumps({"tenant": tenant})]
    return run([*who, *words], check=False)


def journal(unit: str, since: str) -> str:
    """What a unit said since a cursor."""
    return run(["journalctl", "-u", unit, "-o", "cat", f"--after-cursor={since}"]).stdout


def test_what_root_pushes_runs(make: Make, work: Repo) -> None:
    acme = make("acme")
    with_hook(acme)
    first = work.commit(acme.files(web=container()))
    assert push(work, acme) == "acme: sync is under way"
    runs(acme, first)
    second = work.commit({"containers/web.nspawn": container("MemoryMax=90M")})
    assert push(work, acme) == "acme: sync is under way"
    runs(acme, second)
    assert unit_property(acme.unit("web"), "MemoryMax") == str(90 << 20)


def test_what_a_user_that_the_registration_names_pushes_runs(make: Make, work: Repo) -> None:
    acme = make("acme", access={"users": ["daemon"]})
    with_hook(acme, "acme", DAEMON)
    commit = work.commit(acme.files(web=container()))
    assert push(work, acme, uid=DAEMON) == "acme: sync is under way"
    runs(acme, commit)


def test_the_tenant_is_found_by_the_place_of_its_repository(make: Make, work: Repo) -> None:
    acme, beta = make("acme", access={"users": ["daemon"]}), make("beta")
    with_hook(acme, "", DAEMON)
    commit = work.commit(acme.files(web=container()))
    assert push(work, acme, uid=DAEMON) == "acme: sync is under way"
    runs(acme, commit)
    assert beta.status()["generation"] is None


def test_a_push_of_a_stranger_is_taken_and_he_is_told_why_nothing_happens(make: Make, work: Repo) -> None:
    acme = make("acme")
    with_hook(acme, "", NEWS)
    commit = work.commit(acme.files(web=container()))
    told = push(work, acme, uid=NEWS)
    assert told.startswith("bbhv: no sync was asked for, the timer does it:") and "access" in told
    assert acme.repo.head == commit and os.listdir(REQUESTS) == [] and acme.status()["generation"] is None


def test_a_push_of_tags_asks_for_nothing(make: Make, work: Repo) -> None:
    acme = make("acme")
    with_hook(acme)
    work.commit(acme.files(web=container()))
    work.git("tag", "v1", "main")
    assert push(work, acme, "v1") == ""


def test_a_push_while_a_sync_runs_is_not_lost(make: Make, work: Repo) -> None:
    acme = make("acme")
    with_hook(acme)
    slow = container().replace("HealthStableSec=0", "HealthStableSec=3")
    runs_first = work.commit(acme.files(web=slow))
    push(work, acme)
    runs(acme, runs_first)
    work.commit({"containers/web.nspawn": slow + "MemoryMax=80M\n"})
    push(work, acme)
    good, current = acme.folder / "good", acme.folder / "current"
    wait_until("the trial is under way", lambda: good.resolve() != current.resolve(), 60)
    last = work.commit({"containers/web.nspawn": slow + "MemoryMax=81M\n"})
    assert push(work, acme) == "acme: sync is under way"
    runs(acme, last)


def test_who_may_ask_for_a_sync_and_who_may_not(make: Make) -> None:
    acme = make("acme", access={"users": ["daemon"], "groups": ["bin"]})
    commit = acme.commit(web=container())
    for uid, groups in ((NEWS, ()), (NEWS, (NEWS,))):
        for tenant in ("acme", "no-such-tenant", "../acme"):
            done = call(tenant, uid, *groups)
            assert done.returncode != 0 and json.loads(done.stdout) == {} and "ermission" in done.stderr
    assert os.listdir(REQUESTS) == [] and acme.status()["generation"] is None
    assert json.loads(call("no-such-tenant").stdout) == {"tenant": "no-such-tenant"}
    assert json.loads(call("acme", NEWS, BIN).stdout) == {"tenants": ["acme"]}
    runs(acme, commit)
    for uid in (0, DAEMON):
        assert json.loads(call("acme", uid).stdout) == {"tenants": ["acme"]}


def test_a_user_of_the_tenant_confirms_and_nobody_else(make: Make) -> None:
    acme = make("acme", access={"users": ["daemon"]})
    acme.commit(web=container())
    assert acme.sync() == "applied"
    life = {"healthTimeoutSec": 20, "confirmWithinSec": 600}
    text = json.dumps({"apiVersion": "bitbuilder.io/v1", "tenant": "acme", "lifecycle": life})
    acme.repo.commit({"metadata.json": text, "containers/web.nspawn": container("MemoryMax=91M")})
    assert acme.sync() == "held"
    assert call("acme", NEWS, method=CONFIRM).returncode != 0 and acme.status()["good"] == 1
    (told,) = json.loads(call("acme", DAEMON, method=CONFIRM).stdout)["tenants"]
    assert told["good"] == 2 and acme.status()["good"] == 2
    assert f"confirmed by uid {DAEMON} (pid " in str(acme.status()["message"])


def test_a_flood_of_calls_wedges_nothing(make: Make, work: Repo) -> None:
    acme = make("acme", access={"users": ["daemon"]})
    with_hook(acme, "acme", DAEMON)
    flood = f"""
import sys
from bbhv.errors import BbhvError
from bbhv.ipc.client import call
for _ in range(2000):
    call({ADDRESS!r}, {PUSHED!r}, {{"tenant": "acme"}}, seconds=60)
print("done")
"""
    words = ["setpriv", f"--reuid={DAEMON}", f"--regid={DAEMON}", "--clear-groups", "--", "python3", "-c", flood]
    assert run(words, env={"PYTHONPATH": "/usr/bin/bbhv"}, timeout=300).stdout == "done\n"
    assert unit_property(PATH_UNIT, "ActiveState") == "active"
    commit = work.commit(acme.files(web=container()))
    assert push(work, acme, uid=DAEMON) == "acme: sync is under way"
    runs(acme, commit)
    for unit in (PATH_UNIT, "bitbuilder-requests.service", "tenant-sync@acme.service", "bitbuilder-varlink.service"):
        assert unit_property(unit, "Result") == "success", unit


def test_what_is_no_request_is_removed_and_said() -> None:
    since = cursor()
    (REQUESTS / "Not A Name").mkdir()
    (REQUESTS / "Not A Name" / "x").write_text("")
    (REQUESTS / "sync.acme").symlink_to("/etc/passwd")
    wait_until("the folder is empty", lambda: os.listdir(REQUESTS) == [])
    wait_until("it is said", lambda: journal("bitbuilder-requests.service", since).count("is no request") >= 2)
    assert Path("/etc/passwd").exists()
