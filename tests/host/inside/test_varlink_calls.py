"""Every method of the interface, called by systemd's varlinkctl: what it does, and who may have it done."""

import base64
import grp
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bbhv.formats.jsontext import Json
from bbhv.ipc.client import call as ask
from bbhv.ipc.table import HYPERVISOR, ROWS, Who

from .conftest import Make
from .support import REGISTRATIONS, cursor, registration, run, unit_property, wait_until
from .test_bundle import bundled
from .test_varlink import ADDRESS, SERVICE, varlinkctl
from .world import Tenant, container, never_healthy

DAEMON, NEWS = 1, 9  # users of the host; the first is named in "access"
DENIED = "ermission"


def call(method: str, uid: int = 0, *options: str, **given: object) -> "subprocess.CompletedProcess[str]":
    """What varlinkctl says of a call."""
    words = ("call", "--json=short", *options, "--timeout=infinity", ADDRESS, f"io.bitbuilder.Hypervisor.{method}")
    return varlinkctl(*words, json.dumps(given), uid=uid)


def told(method: str, uid: int = 0, **given: object) -> Any:
    """The parameters of the reply to a call that succeeds."""
    done = call(method, uid, **given)
    assert done.returncode == 0, f"{method}: {done.stdout}{done.stderr}"
    return json.loads(done.stdout)


def error(method: str, uid: int = 0, **given: object) -> str:
    """The error of a call that fails, and its parameters."""
    done = call(method, uid, **given)
    assert done.returncode != 0, f"{method}: {done.stdout}"
    return done.stderr + done.stdout


def allowed(make: Make) -> Tenant:
    """A tenant of which the user daemon may see and change everything, as the service knows, which looks once a
    second."""
    acme = make("acme", access={"users": ["daemon"]})
    wait_until("the service knows it", lambda: '"acme"' in call("ListTenants", DAEMON).stdout)
    return acme


def started(make: Make) -> Tenant:
    """Such a tenant that runs."""
    acme = allowed(make)
    acme.repo.commit({
        **acme.files(web=container("Volume=data:/srv/data")), "infrastructure/data.volume": "[Volume]\nSize=16M\n",
    })  # fmt: skip
    (one,) = told("Sync", DAEMON, tenant="acme")["tenants"]
    assert (one["outcome"], one["generation"], one["good"]) == ("applied", 1, 1)
    return acme


def test_a_user_of_a_tenant_has_all_done_that_is_its_own(make: Make) -> None:
    acme = started(make)
    other = make("other")
    other.commit(web=container())
    assert [one["id"] for one in told("ListTenants", DAEMON)["tenants"]] == ["acme"]
    assert [one["id"] for one in told("ListTenants")["tenants"]] == ["acme", "other"]
    printed = json.loads(run(["bbhv", "status", "acme", "--json=short"]).stdout)
    assert told("ListTenants", DAEMON, tenant="acme") == printed
    assert [one["name"] for one in told("ListWorkloads", DAEMON, tenant="acme")["workloads"]] == ["web"]
    described = told("DescribeTenant", DAEMON, tenant="acme")
    assert described["tenant"]["id"] == "acme" and described["grants"]["containers"] >= 1
    web = told("DescribeWorkload", DAEMON, tenant="acme", workload="web")["workload"]
    assert (web["hostName"], web["activeState"], web["image"]) == ("web.acme", "active", "debian-13")
    assert [one["commit"] for one in told("History", DAEMON, tenant="acme")["generations"]] == [acme.repo.head]
    assert [one["name"] for one in told("ListVolumes", DAEMON, tenant="acme")["volumes"]] == ["data"]


def test_a_sync_of_a_user_leaves_the_system_repository_alone(make: Make) -> None:
    """Which cannot be fetched here: an operator is told, and the tenants are done all the same."""
    allowed(make).commit(web=container())
    conf = Path("/etc/bitbuilder/bitbuilder.conf.d/50-nowhere.conf")
    conf.parent.mkdir(parents=True, exist_ok=True)
    conf.write_text("[System]\nRepository=https://127.0.0.1:9/system.git\nTrust=unsigned\n")
    try:
        assert told("Sync", DAEMON)["tenants"][0]["outcome"] == "applied"
        assert "Failed" in error("Sync", tenant="acme")
    finally:
        conf.unlink()


def test_a_plan_and_what_is_wrong_are_told_before_anything_is_done(make: Make) -> None:
    acme = started(make)
    commit = acme.commit(db=container())
    run(["bbhv", "plan", "--fetch", "acme"])
    plan = told("Plan", DAEMON, tenant="acme")["plan"]
    assert (plan["commit"], plan["outcome"]) == (commit, "applied")
    assert [(step["action"], step["name"]) for step in plan["steps"] if step["action"] == "start"] == [("start", "db")]
    assert told("Plan", DAEMON, tenant="acme", commit=commit[:12])["plan"] == plan
    bad = {"metadata.json": '{"apiVersion": "bitbuilder.io/v1", "tenant": "acme"}',
           "containers/web.nspawn": "[Exec]\nX=1\n"}  # fmt: skip
    files = {path: base64.b64encode(text.encode()).decode() for path, text in bad.items()}
    findings = told("Validate", DAEMON, tenant="acme", files=files)["findings"]
    assert any((one["file"], one["line"]) == ("containers/web.nspawn", 2) for one in findings)
    assert "parameter" in error("Validate", DAEMON, tenant="acme", files={"x": "no base64!"})
    # As a whole it is larger than what a socket takes at once, and than what varlinkctl can be told.
    large: dict[str, Json] = {**files, "infrastructure/large": base64.b64encode(bytes(600_000)).decode()}
    reply = ask(ADDRESS, f"{HYPERVISOR}.Validate", {"tenant": "acme", "files": large}, seconds=60)
    assert isinstance(reply["findings"], list) and len(reply["findings"]) > len(findings)
    assert acme.status()["generation"] == 1


def test_what_happens_later_is_done_and_undone(make: Make) -> None:
    acme = started(make)
    acme.commit(web=container("MemoryMax=80M", "Volume=data:/srv/data"))
    assert told("Sync", DAEMON, tenant="acme")["tenants"][0]["generation"] == 2
    before = acme.invocation("web")
    (back,) = told("Rollback", DAEMON, tenant="acme", generation=1)["tenants"]
    assert (back["generation"], back["hold"]["verb"]) == (1, "rollback")
    assert re.fullmatch(r"uid 1 \(pid \d+\)", back["hold"]["who"])
    assert "NotFound" in error("Rollback", DAEMON, tenant="acme", generation=77)
    assert told("Restart", DAEMON, tenant="acme", workload="web") == {}
    assert acme.invocation("web") not in ("", before)
    assert "NotFound" in error("Restart", DAEMON, tenant="acme", workload="no-such")
    assert told("Apply", DAEMON, tenant="acme")["tenants"][0]["outcome"] == "held"
    acme.commit(bad=never_healthy())
    (gone,) = told("Sync", DAEMON, tenant="acme")["tenants"]
    assert gone["outcome"] == "rolled-back"
    assert told("History", DAEMON, tenant="acme")["quarantined"][0]["commit"] == acme.repo.head


def test_volumes_are_copied_and_come_back(make: Make) -> None:
    acme = started(make)
    acme.inside("web", "sh", "-c", "echo one > /srv/data/file")
    given = {"tenant": "acme", "volume": "data", "snapshot": "first"}
    assert told("SnapshotVolume", DAEMON, **given) == {"clean": False}
    assert "Refused" in error("RestoreVolume", DAEMON, **given)
    acme.inside("web", "sh", "-c", "echo two > /srv/data/file")
    run(["systemctl", "stop", acme.unit("web")])
    assert told("RestoreVolume", DAEMON, **given) == {}
    assert (acme.folder / "volumes/data/file").read_text() == "one\n"
    assert told("DiscardSnapshot", DAEMON, **given) == {}
    assert told("ListVolumes", DAEMON, tenant="acme")["volumes"][0]["snapshots"] == []


def test_a_secret_goes_in_and_only_this_host_can_use_it(make: Make) -> None:
    acme = started(make)
    since = cursor()
    given = {"tenant": "acme", "name": "key", "secret": base64.b64encode(b"s3cret").decode()}
    reply = told("EncryptCredential", DAEMON, **given)
    acme.repo.commit({
        "infrastructure/credentials/key.cred": reply["text"],
        "containers/web.nspawn": container("Volume=data:/srv/data", "Credential=key"),
    })  # fmt: skip
    assert told("Sync", DAEMON, tenant="acme")["tenants"][0]["outcome"] == "applied"
    assert acme.inside("web", "sh", "-c", "cat /run/host/credentials/key") == "s3cret"
    journal = run(["journalctl", "--no-pager", "-o", "json", f"--after-cursor={since}"]).stdout
    assert '"applied"' in journal and "s3cret" not in journal and given["secret"] not in journal
    for wrong in ({"name": "../key"}, {"secret": "\u00e9\u00e9\u00e9\u00e9"}, {"notAfter": "2030\0"}):
        assert "parameter" in error("EncryptCredential", DAEMON, **{**given, **wrong})


def test_a_bundle_enters_by_the_same_door(make: Make, tmp_path: Path) -> None:
    acme = started(make)
    commit = acme.commit(web=container("MemoryMax=90M", "Volume=data:/srv/data"))
    bundle = bundled(acme, tmp_path / "bundle").read_bytes()
    (one,) = told("Bundle", DAEMON, tenant="acme", bundle=base64.b64encode(bundle).decode())["tenants"]
    assert (one["outcome"], one["commit"]) == ("applied", commit)
    (bad,) = told("Bundle", DAEMON, tenant="acme", bundle=base64.b64encode(b"no bundle").decode())["tenants"]
    assert bad["outcome"] == "refused" and bad["commit"] == commit


def test_operators_stop_and_purge_and_nobody_else(make: Make) -> None:
    acme = started(make)
    for method in ("Suspend", "Resume", "Purge"):
        assert DENIED in error(method, DAEMON, tenant="acme")
    assert DENIED in error("SyncSystem", DAEMON) and DENIED in error("DescribeHost", DAEMON)
    assert DENIED in error("Sync", DAEMON, tenant="acme", allowRewind=True)
    (one,) = told("Suspend", tenant="acme")["tenants"]
    assert one["outcome"] == "suspended" and acme.state("web") != "active"
    assert told("Resume", tenant="acme")["tenants"][0]["generation"] == 1 and acme.state("web") == "active"
    assert "Refused" in error("Purge", tenant="acme")
    host = told("DescribeHost")["host"]
    assert host["version"] == run(["bbhv", "--version"]).stdout.split()[1] and host["tenants"] >= 1


@pytest.mark.parametrize("method", ["Sync", "Plan", "History", "Confirm", "Restart", "Logs", "EncryptCredential"])
def test_a_stranger_and_a_user_of_another_tenant_learn_nothing(method: str, make: Make) -> None:
    allowed(make)
    make("other")
    found = set()
    for uid, tenant in ((NEWS, "acme"), (NEWS, "none"), (DAEMON, "other"), (DAEMON, "none"), (DAEMON, "../acme")):
        done = call(method, uid, "--more", tenant=tenant)
        assert done.returncode != 0
        found.add((done.stdout, done.stderr))
    assert len(found) == 1 and DENIED in str(found)


def test_logs_come_one_by_one_and_a_user_of_the_tenant_reads_its_own(make: Make) -> None:
    acme = started(make)
    run(["systemd-cat", "-t", "x", "echo", "nothing of acme"])
    done = call("Logs", DAEMON, "--collect", tenant="acme", lines=50)
    assert done.returncode == 0, done.stderr
    entries = [one["entry"] for one in json.loads(done.stdout)]
    assert entries[-1] is None and len(entries) > 2
    assert all(".acme.service" in one["unit"] or "@acme.service" in one["unit"] for one in entries[:-1])
    assert DENIED in call("Logs", NEWS, "--more", tenant="acme").stderr
    assert acme.state("web") == "active"


def test_killed_while_it_waits_the_service_loses_that_call_and_nothing_else(make: Make) -> None:
    acme = started(make)
    slow = container("Volume=data:/srv/data", "MemoryMax=70M").replace("HealthStableSec=0", "HealthStableSec=4")
    commit = acme.commit(web=slow)
    words = ["varlinkctl", "call", "--timeout=infinity", ADDRESS, "io.bitbuilder.Hypervisor.Sync",
             '{"tenant":"acme"}']  # fmt: skip
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as client:
        good, current = acme.folder / "good", acme.folder / "current"
        wait_until("the trial is under way", lambda: good.resolve() != current.resolve(), 60)
        run(["systemctl", "kill", "--signal=SIGKILL", SERVICE])
        client.communicate(timeout=30)
        assert client.returncode != 0
    assert told("ListTenants", tenant="acme")["tenants"][0]["id"] == "acme"
    wait_until("what was begun is done", lambda: acme.status()["good"] == 2, 60)
    assert acme.status()["commit"] == commit and acme.status()["outcome"] == "applied"
    wait_until("nothing of it is left", lambda: units_of("act") == "")


def units_of(kind: str) -> str:
    """The units that answer calls at this moment."""
    return run(["systemctl", "list-units", "--plain", "--no-legend", f"bitbuilder-{kind}@*.service"]).stdout


def test_who_goes_away_from_a_log_that_it_follows_leaves_nothing_running(make: Make) -> None:
    started(make)
    words = ["varlinkctl", "call", "--more", "--timeout=infinity", ADDRESS, "io.bitbuilder.Hypervisor.Logs",
             '{"tenant":"acme","follow":true}']  # fmt: skip
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as client:
        assert client.stdout is not None and client.stdout.readline()
        assert units_of("look")
        client.terminate()
    wait_until("the unit has ended", lambda: units_of("look") == "")
    assert unit_property(SERVICE, "ActiveState") == "active"
    assert not [pid for pid in os.listdir("/proc") if pid.isdecimal() and b"journalctl" in _command(pid)]


def _command(pid: str) -> bytes:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


def follow(method: str, uid: int = 0, **given: object) -> "subprocess.Popen[str]":
    """A client that hears one reply after the other."""
    words = ["varlinkctl", "call", "--more", "--json=short", "--timeout=infinity", ADDRESS,
             f"io.bitbuilder.Hypervisor.{method}", json.dumps(given)]  # fmt: skip
    who = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--"] if uid else []
    return subprocess.Popen([*who, *words], stdout=subprocess.PIPE, text=True)


def heard(client: "subprocess.Popen[str]") -> Any:
    """The next reply, without the mark that JSON text sequences begin with (RFC 7464)."""
    assert client.stdout is not None
    return json.loads(client.stdout.readline().lstrip("\x1e"))


def test_an_event_stream_follows_a_sync_a_rollback_and_a_quarantine_to_the_end(make: Make) -> None:
    acme, other = started(make), make("other")
    other.commit(web=container())
    with follow("Subscribe", DAEMON, lines=1) as client:
        assert heard(client)["event"]["outcome"] == "applied"  # of the first sync: now it follows
        assert other.sync() == "applied"  # which is nobody's business here
        commit = acme.commit(web=container("MemoryMax=80M", "Volume=data:/srv/data"))
        assert acme.sync() == "applied"
        bad = acme.commit(bad=never_healthy())
        assert acme.sync(1) == "rolled-back"
        assert acme.sync(1) == "quarantined"
        told = [heard(client) for _ in range(3)]
        client.terminate()
    events = [one["event"] for one in told]
    assert {one["tenant"] for one in events} == {"acme"}
    assert [(one["outcome"], one["commit"]) for one in events] == [
        ("applied", commit), ("rolled-back", bad), ("quarantined", bad)
    ]  # fmt: skip
    assert [one["step"] for one in events[0]["trace"]][-2:] == ["activated", "watched"]
    with follow("Subscribe", DAEMON, tenant="acme", cursor=told[0]["cursor"]) as client:  # who was away misses nothing
        assert [heard(client) for _ in range(2)] == told[1:]
        client.terminate()
    assert DENIED in call("Subscribe", NEWS, "--more").stderr
    assert DENIED in call("Subscribe", DAEMON, "--more", tenant="other").stderr


def test_a_sync_tells_each_step_to_who_wants_to_hear_of_it(make: Make) -> None:
    acme = started(make)
    acme.commit(web=container("MemoryMax=80M", "Volume=data:/srv/data"))
    done = call("Sync", DAEMON, "--collect", tenant="acme")
    assert done.returncode == 0, done.stderr
    *steps, last = json.loads(done.stdout)
    stages = [one["event"]["trace"][-1]["step"] for one in steps if one["event"]["kind"] == "step"]
    assert stages[0] == "fetched" and stages[-2:] == ["activated", "watched"]
    assert all(one["tenants"] == [] for one in steps)
    assert last["tenants"][0]["outcome"] == "applied" and last.get("event") is None


def test_usage_and_metrics_are_told_to_whom_they_concern(make: Make) -> None:
    started(make)
    make("other")
    (one,) = told("Usage", DAEMON)["tenants"]
    assert one["id"] == "acme" and [work["name"] for work in one["workloads"]] == ["web"]
    assert told("Usage", DAEMON, tenant="acme") == told("Usage", tenant="acme")
    assert DENIED in error("Metrics", DAEMON)
    text = told("Metrics")["text"]
    assert text.endswith("# EOF\n") and 'bitbuilder_calls_denied_total{server="_host"}' in text


def test_each_class_of_callers_may_call_what_the_table_says(make: Make) -> None:
    """With a parameter that no method has: who may not call it learns not even that."""
    allowed(make)
    if "bitbuilder" not in [group.gr_name for group in grp.getgrall()]:
        run(["groupadd", "--system", "bitbuilder"])
    run(["systemctl", "stop", SERVICE])  # it looks the group up when it starts
    operators = str(grp.getgrnam("bitbuilder").gr_gid)
    classes: dict[str, tuple[int, str | None, set[Who]]] = {
        "root": (0, None, {*Who}),
        "an operator": (NEWS, operators, {*Who}),
        "a user of the tenant": (DAEMON, None, {Who.EVERYBODY, Who.VIEWERS, Who.EDITORS}),
        "a stranger": (NEWS, None, {Who.EVERYBODY}),
    }
    wrong = []
    for method, row in ROWS.items():
        for name, (uid, groups, may) in classes.items():
            words = ("call", "--more", "--json=short", ADDRESS, method, '{"tenant":"acme","no-such-parameter":1}')
            done = varlinkctl(*words, uid=uid, groups=groups)
            refused = done.stdout.strip("\x1e\n") == "{}" and DENIED in done.stderr
            told = "parameter" in done.stdout if row.who in may else refused
            wrong += [] if told and done.returncode else [f"{method}: {name}: {done.stdout}{done.stderr}"]
    assert wrong == []


def test_what_is_left_of_a_tenant_is_purged_and_the_system_repository_is_synced(make: Make) -> None:
    acme = started(make)
    (REGISTRATIONS / "acme.json").write_text(registration("acme", acme.repo.url, state="absent"))
    assert told("Sync")["tenants"][0]["outcome"] == "suspended"
    listed = told("Purge", tenant="acme", dryRun=True)["removed"]
    assert str(acme.folder) in listed and acme.folder.exists()
    assert told("Purge", tenant="acme")["removed"] == listed and not acme.folder.exists()
    assert [(one["id"], one["outcome"]) for one in told("SyncSystem")["tenants"]] == [("acme", "suspended")]


def test_the_service_answers_as_those_of_systemd_do() -> None:
    def ask(method: str, given: str = "{}", uid: int = 0) -> "subprocess.CompletedProcess[str]":
        return varlinkctl("call", "--json=short", ADDRESS, f"io.systemd.service.{method}", given, uid=uid)

    assert ask("Ping", uid=NEWS).stdout == "{}\n"
    environment = json.loads(ask("GetEnvironment").stdout)["environment"]
    assert any(one.startswith("PATH=") for one in environment)
    assert ask("SetLogLevel", '{"level":7}').stdout == "{}\n" == ask("SetLogLevel", '{"level":6}').stdout
    assert "level" in ask("SetLogLevel", '{"level":99}').stdout
    assert DENIED in ask("SetLogLevel", '{"level":7}', NEWS).stderr and DENIED in ask("GetEnvironment", uid=NEWS).stderr
