"""Events: what the engine does to a tenant is followed to its end, by the journal, and nobody else can tell of it; what
a tenant uses, and the metrics of the host."""

import json
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .conftest import Make
from .support import run, unit_property, wait_until
from .world import Tenant, container, never_healthy, new_tenant

sys.path.insert(0, "/usr/bin/bbhv")
from bbhv.engine import events, manager
from bbhv.engine.tenant.job import Asked
from bbhv.model.events import Event, Kind

Told = dict[str, object]
JOURNAL = "/run/systemd/journal/socket"
STEPS = ["fetched", "verified", "checked", "compiled", "supplied", "planned", "activated", "watched"]
APPLIED, ROLLED_BACK = "3b70ab978fb64316a55a7e33b0a85357", "4def6af8536947b89c812b3a8e160964"
# Sends the first bytes of its standard input to the journal, and stays until that ends: journald looks who it is.
SENDER = f"""
import socket, sys
channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
channel.sendto(sys.stdin.buffer.read(int(sys.argv[1])), {JOURNAL!r})
sys.stdin.buffer.read()
"""


class Monitor:
    """A `bbhv monitor` that runs, whose lines are read one by one."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def line(self) -> str:
        """The next line."""
        stream = self._process.stdout
        assert stream and select.select([stream], [], [], 60)[0], "nothing happens any more"
        return stream.readline().decode().rstrip("\n")

    def event(self) -> Told:
        """The next event."""
        told = json.loads(self.line())["event"]
        assert isinstance(told, dict)
        return told

    def until(self, word: str) -> list[Told]:
        """The events up to one that ended so, or is of that kind."""
        found = [self.event()]
        while word not in (found[-1]["outcome"], found[-1]["kind"]):
            found.append(self.event())
        return found


@contextmanager
def monitor(*words: str, since: float | None = None) -> Iterator[Monitor]:
    """Watches from now on, or from a time before, so that nothing that comes meanwhile is missed; Ctrl-C ends it."""
    begin = f"--since=@{time.time() if since is None else since:.6f}"
    argv = ["env", "--default-signal=INT", "bbhv", "monitor", begin, *words]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0) as process:
        try:
            yield Monitor(process)
            process.send_signal(signal.SIGINT)
            assert (process.wait(30), process.stderr and process.stderr.read()) == (0, b"")
        finally:
            process.kill()
    assert run(["pgrep", "-f", f"^journalctl .*{re.escape(begin)}"], check=False).stdout == ""


def brief(events: list[Told]) -> list[tuple[object, object]]:
    """The kind of each, and its outcome."""
    return [(one["kind"], one["outcome"]) for one in events]


def steps(event: Told) -> list[str]:
    """The steps of its trace, which must be in the order of their times."""
    trace = event["trace"]
    assert isinstance(trace, list)
    times = [int(one["whenUSec"]) for one in trace]
    assert times == sorted(times) and times[-1] <= int(str(event["whenUSec"]))
    return [str(one["step"]) for one in trace]


def test_a_sync_a_rollback_and_a_quarantine_are_followed_to_the_end_with_their_traces(make: Make) -> None:
    acme, beta = make("acme"), make("beta")
    with monitor("acme", "--json=short") as watched:
        good = acme.commit(web=container())
        beta.commit(web=container())
        assert acme.sync() == beta.sync() == "applied"
        applied = watched.event()
        bad = acme.commit(web=never_healthy())
        assert acme.sync(status=1) == "rolled-back"
        back = watched.event()
        assert [acme.sync(status=1) for _ in range(3)] == ["quarantined"] * 3
        quarantined = watched.event()
        acme.commit(web=container("Imag=x"))
        assert [acme.sync(status=3) for _ in range(2)] == ["refused"] * 2
        refused = watched.event()
        newest = acme.commit(web=container("MemoryMax=99M"))
        assert [acme.sync() for _ in range(3)] == ["applied", "unchanged", "unchanged"]
        again = watched.event()
        run(["bbhv", "suspend", "acme"])
        last = watched.until("suspended")
    events = [applied, back, quarantined, refused, again]
    assert {one["tenant"] for one in (*events, *last)} == {"acme"}
    assert brief(events) == [("outcome", word) for word in
                             ("applied", "rolled-back", "quarantined", "refused", "applied")]  # fmt: skip
    assert brief(last) == [("hold", None), ("outcome", "suspended")]
    assert [(one["commit"], one["generation"]) for one in (applied, back, again)] == [
        (good, 1), (bad, 2), (newest, 3)
    ]  # fmt: skip
    assert steps(applied) == STEPS
    assert steps(back) == [*STEPS, "returned"] and "web.acme" in str(back["message"])
    assert steps(quarantined) == ["fetched"] and quarantined["commit"] == bad
    assert steps(refused) == ["fetched", "verified"]
    assert steps(again) == STEPS


def test_each_step_of_a_new_commit_is_an_event_for_who_asks_and_of_an_old_one_none(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    with monitor("acme", "--steps", "--json=short") as watched:
        acme.sync()
        acme.commit(web=container("MemoryMax=99M"))
        acme.sync()
        found = watched.until("applied")
    assert brief(found) == [("step", None)] * len(STEPS) + [("outcome", "applied")]
    assert [steps(one) for one in found] == [STEPS[: number + 1] for number in range(len(STEPS))] + [STEPS]


def test_what_operators_do_is_an_event(make: Make) -> None:
    acme = make("acme")
    for memory in (90, 91):
        acme.commit(web=container(f"MemoryMax={memory}M"))
        acme.sync()
    with monitor("acme", "--json=short") as watched:
        run(["bbhv", "rollback", "acme"], timeout=120)
        rollback = watched.until("applied")
        run(["bbhv", "suspend", "acme"], timeout=120)
        suspend = watched.until("suspended")
        run(["bbhv", "resume", "acme"], timeout=120)
        resume = watched.until("resume")
        run(["systemctl", "kill", "--signal=KILL", acme.unit("web")])
        run(["systemctl", "stop", acme.unit("web")])
        acme.sync()
        heal = watched.until("heal")
    assert brief(rollback) == [("hold", None), ("outcome", "applied")]
    assert "rolled back to generation 1 by root" in str(rollback[0]["message"])
    assert brief(suspend)[0] == ("hold", None) and "suspended by root" in str(suspend[0]["message"])
    assert brief(resume)[0] == ("resume", None)
    assert "tenant-container@web.acme" in str(heal[-1]["message"]) or "web" in str(heal[-1]["message"])


def test_whoever_confirms_is_told(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    life = {"healthTimeoutSec": 20, "confirmWithinSec": 600}
    metadata = json.dumps({"apiVersion": "bitbuilder.io/v1", "tenant": "acme", "lifecycle": life})
    acme.repo.commit({"metadata.json": metadata, "containers/web.nspawn": container("MemoryMax=80M")})
    with monitor("acme", "--json=short") as watched:
        assert acme.sync() == "held"
        run(["bbhv", "confirm", "acme"])
        found = watched.until("applied")
    assert brief(found) == [("outcome", "held"), ("confirm", None), ("outcome", "applied")]
    assert found[1]["message"] == "confirmed by root" and found[1]["generation"] == 2


def entries(*words: str) -> list[dict[str, str]]:
    """Entries of the journal, by its own reader."""
    run(["journalctl", "--sync"])
    lines = run(["journalctl", "--output=json", "--all", "--no-pager", *words]).stdout.splitlines()
    return [json.loads(line) for line in lines]


def test_the_journal_has_the_fields_and_shows_them_as_the_words_of_the_tenants_unit(make: Make) -> None:
    acme = make("acme")
    commit = acme.commit(web=container())
    since = f"--since=@{time.time():.6f}"
    acme.sync()
    (one,) = entries(f"MESSAGE_ID={APPLIED}", "BITBUILDER_TENANT=acme", since)
    assert one["MESSAGE"].startswith("acme: applied: generation 1") and one["PRIORITY"] == "5"
    assert (one["BITBUILDER_EVENT"], one["BITBUILDER_OUTCOME"], one["BITBUILDER_GENERATION"]) == (
        "outcome", "applied", "1")  # fmt: skip
    assert one["BITBUILDER_COMMIT"] == commit and "activated=" in one["BITBUILDER_TRACE"]
    assert one["SYSLOG_IDENTIFIER"] == "bbhv" and one["_UID"] == "0" and one["_TRANSPORT"] == "journal"
    assert one in entries("-u", "tenant@acme.service", since)
    assert one["MESSAGE"] in run(["bbhv", "logs", "acme"]).stdout


def test_what_a_unit_does_is_in_the_journal_once_and_its_status_line_says_the_step(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    slow = never_healthy().replace("/bin/false", "/bin/sleep 4").replace("HealthStableSec=3", "HealthStableSec=8")
    acme.commit(web=slow)
    since, unit = f"--since=@{time.time():.6f}", "tenant-sync@acme.service"
    run(["systemctl", "start", unit], timeout=120)
    wait_until("it watches", lambda: unit_property(unit, "StatusText") == "acme: activated", 60)
    wait_until("it has ended", lambda: unit_property(unit, "ActiveState") == "inactive", 60)
    words = [one["MESSAGE"] for one in entries("-u", unit, since)]
    assert len([word for word in words if word.startswith("acme: rolled-back: ")]) == 1
    assert [one["_SYSTEMD_UNIT"] for one in entries(f"MESSAGE_ID={ROLLED_BACK}", since)] == ["tenant-sync@acme.service"]


def test_the_catalogue_explains_what_happened(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=never_healthy())
    since = f"--since=@{time.time():.6f}"
    acme.sync(status=1)
    run(["journalctl", "--update-catalog"])
    assert f"{ROLLED_BACK} BitBuilder Hypervisor: A commit did not stay" in run(["journalctl", "--list-catalog"]).stdout
    run(["journalctl", "--sync"])
    said = run(["journalctl", "--no-pager", "-x", f"MESSAGE_ID={ROLLED_BACK}", "BITBUILDER_TENANT=acme", since]).stdout
    assert "of tenant acme runs no more, and is" in said and "bbhv sync" in said


def test_a_sync_without_news_writes_nothing_into_the_journal(make: Make, tmp_path: Path) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    log = tmp_path / "trace"
    run(["strace", "-f", "-qq", "-e", "trace=network", "-s", "100", "-o", log, "bbhv", "sync", "acme"])
    assert "systemd/journal/socket" not in log.read_text()


# In another process, and in this one


def following(since: str = "", start: float | None = None) -> events.Feed:
    """The events of acme after a cursor, or since a time."""
    when = "" if start is None else f"@{start:.6f}"
    return events.Feed(["acme"], since, "all", since=when)


def messages(feed: events.Feed, number: int) -> dict[str, str]:
    """So many events, and no more: their messages by their cursors."""
    found: dict[str, str] = {}
    try:
        while len(found) < number:
            assert select.select([feed], [], [], 30)[0], f"{found} is all that comes"
            found.update((cursor, event.message) for cursor, event in feed.read())
        assert not select.select([feed], [], [], 0.5)[0] or feed.read() == []
    finally:
        feed.close()
    return found


def test_who_was_away_goes_on_after_the_last_event_that_he_has_seen(make: Make) -> None:
    begun = time.time()

    def tell(message: str) -> None:
        when = time.time_ns() // 1000
        assert events.emit(Event(tenant="acme", kind=Kind.CONFIRM, message=message, when_usec=when))

    for word in ("one", "two", "three"):
        tell(word)
        events.emit(Event(tenant="beta", kind=Kind.CONFIRM, message=word, when_usec=1))
    seen = messages(following(start=begun), 3)
    first, second, third = seen
    assert list(seen.values()) == ["one", "two", "three"]
    assert messages(following(first), 2) == {second: "two", third: "three"}
    feed = following(third)
    tell("four")
    assert list(messages(feed, 1).values()) == ["four"]
    run(["journalctl", "--rotate"])
    tell("five")
    assert list(messages(following(second), 3).values()) == ["three", "four", "five"]


def test_who_syncs_in_this_process_hears_each_step_as_it_is_done(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    commit = acme.commit(web=container("MemoryMax=70M"))
    heard: list[Event] = []
    with events.listening(heard.append):
        manager.sync_all(["acme"], Asked(wait=True))
        manager.sync_all(["acme"], Asked(wait=True))
    assert [one.trace[-1].stage.value for one in heard if one.kind is Kind.STEP] == [*STEPS, "fetched"]
    assert [(one.kind.value, one.outcome) for one in heard if one.kind is not Kind.STEP] == [("outcome", "applied")]
    assert {one.commit for one in heard} == {commit} and heard[-2].generation == 2


# Nobody else


def forged(tenant: str, reason: str) -> bytes:
    """An entry as the engine writes it, of something that never happened."""
    fields = {
        "MESSAGE": f"{tenant}: applied: {reason}", "MESSAGE_ID": APPLIED, "PRIORITY": "5", "SYSLOG_IDENTIFIER": "bbhv",
        "OBJECT_SYSTEMD_UNIT": f"tenant@{tenant}.service", "BITBUILDER_TENANT": tenant, "BITBUILDER_EVENT": "outcome",
        "BITBUILDER_OUTCOME": "applied", "BITBUILDER_COMMIT": "f" * 40, "BITBUILDER_GENERATION": "9",
        "BITBUILDER_REASON": reason, "BITBUILDER_USEC": str(time.time_ns() // 1000), "_UID": "0",
        "_TRANSPORT": "journal", "_SYSTEMD_UNIT": "tenant-sync.service", "_SYSTEMD_SLICE": "system.slice",
    }  # fmt: skip
    return "".join(f"{name}={value}\n" for name, value in fields.items()).encode()


def sent(reason: str, *options: str) -> None:
    """Sends a forged entry from a process of the host, of a unit that is made with these options."""
    entry = forged("stage", reason)
    words = ["--", "/usr/bin/python3", "-c", SENDER, str(len(entry))]
    with subprocess.Popen(["systemd-run", "--quiet", "--wait", "--pipe", *options, *words],
                          stdin=subprocess.PIPE) as process:  # fmt: skip
        assert process.stdin
        process.stdin.write(entry)
        process.stdin.flush()
        wait_until(f"the journal has what is {reason}", lambda: bool(entries(f"BITBUILDER_REASON={reason}")))
        process.stdin.close()
        assert process.wait(60) == 0


WAYS = {
    "another user": ("--uid=nobody",),
    "a user in the slice of the tenant": ("--uid=nobody", "--slice=tenants-stage.slice"),
    "root in the slice of the tenant": ("--slice=tenants-stage.slice",),
    "root in the slice of all tenants": ("--slice=tenants.slice",),
    "a user with capabilities": ("--uid=nobody", "--property=AmbientCapabilities=CAP_SYS_ADMIN CAP_SETUID"),
    "a worker": ("--unit=bitbuilder-unpack-stage-1-abcdef.service",),
}


@pytest.fixture(scope="module")
def stage() -> Iterator[Tenant]:
    """A tenant whose container has booted, with a journal of its own."""
    tenant = new_tenant("stage")
    tenant.commit(web=container(boot=True))
    assert tenant.sync() == "applied"
    yield tenant
    tenant.remove()


def witnessed(since: float, reason: str) -> list[Told]:
    """All events that are believed since then. The last is a true one, sent after all that was tried."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.sendto(forged("stage", reason), JOURNAL)  # root of the host, who may
    with monitor("stage", "--json=short", "--lines=all", since=since) as watched:
        found = [watched.event()]
        while found[-1]["message"] != reason:
            found.append(watched.event())
    return found


def test_nobody_who_runs_for_a_tenant_can_tell_of_it_in_the_hosts_name(stage: Tenant) -> None:
    since = time.time()
    for name, options in WAYS.items():
        sent(f"forged by {name}", *options)
    sent("told by root of the host", "--unit=honest.service")
    tried = entries(f"MESSAGE_ID={APPLIED}", f"--since=@{since:.6f}")
    assert len(tried) == len(WAYS) + 1, "all of it is in the journal"
    found = [one["message"] for one in witnessed(since, "the end of it")]
    assert found == ["told by root of the host", "the end of it"]


def test_the_words_and_the_journal_of_a_container_are_no_events(stage: Tenant) -> None:
    since = time.time()
    reason = "forged inside"
    text = forged("stage", reason).decode()
    inside = ["nsenter", "-t", str(stage.leader("web")), "-a", "--root", "--wd"]
    # Into its own journal, by its own root, with all the fields; on its console, as text; and straight to the host's.
    run([*inside, "logger", "--journald"], input="".join(
        f"{line}\n" for line in text.splitlines() if not line.startswith("_")))  # fmt: skip
    run([*inside, "sh", "-c", "cat >/dev/console"], input=text)
    run([*inside, "sh", "-c", "cat >/dev/kmsg || true"], input=text)
    looked = run([*inside, "sh", "-c", "find / -xdev -path '*journal/socket' -type s; cat /proc/net/unix"]).stdout
    assert looked.count("/run/systemd/journal/socket") <= 2, "its own, and no other"
    own = run([*inside, "journalctl", "-o", "json", "--no-pager", f"MESSAGE_ID={APPLIED}"]).stdout
    assert '"_UID":"0"' in own.replace(" ", "") and reason in own, "its own journal says that its root wrote it"
    assert [one["message"] for one in witnessed(since, "the end of that")] == ["the end of that"]
    _link_its_journal(stage, since)


def _link_its_journal(stage: Tenant, since: float) -> None:
    """As nspawn would do it with --link-journal, which no container of a tenant gets: the host has its files then."""
    assert "--link-journal=no" in Path(f"/proc/{unit_property(stage.unit('web'), 'MainPID')}/cmdline").read_text()
    root = Path(f"/proc/{stage.leader('web')}/root")
    machine = (root / "etc/machine-id").read_text().strip()
    assert machine != Path("/etc/machine-id").read_text().strip()
    (journal,) = [path for place in ("run", "var") for path in (root / place / "log/journal").glob("*/system.journal")]
    folder = Path("/run/log/journal") / machine
    folder.mkdir(parents=True)
    try:
        run(["cp", journal, folder / "system.journal"])
        merged = run(["journalctl", "-m", "-o", "json", "--no-pager", f"MESSAGE_ID={APPLIED}", "_UID=0"]).stdout
        assert "forged inside" in merged, "whoever asks for the journals of all machines finds it"
        found = witnessed(since, "the end of them")
        assert [one["message"] for one in found] == ["the end of that", "the end of them"]
    finally:
        run(["rm", "-rf", folder])


# What people see


def test_a_person_sees_a_line_for_each_and_what_is_past_first(make: Make) -> None:
    acme = make("acme")
    begun = time.time()
    commit = acme.commit(web=container())
    acme.sync()
    with monitor("acme", "--lines=1", since=begun) as watched:
        line = watched.line()
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d  acme +applied +1  {commit[:12]}  generation 1 .*", line)


def test_what_cannot_be_watched_says_why() -> None:
    done = run(["bbhv", "monitor", "nobody"], check=False)
    assert done.returncode == 5 and "This host has no tenant nobody." in done.stderr
    assert run(["bbhv", "monitor", "--lines=x"], check=False).returncode == 2
    done = run(["bbhv", "monitor", "--since=never"], check=False)
    assert done.returncode == 1 and "never" in done.stderr


# Usage and metrics


def has(controller: str) -> bool:
    """Whether this host has a controller for what tenants run."""
    return controller in Path("/sys/fs/cgroup/cgroup.controllers").read_text().split()


def usage(*words: str) -> Told:
    told = json.loads(run(["bbhv", "usage", "--json=short", *words]).stdout)
    (one,) = told["tenants"]
    assert isinstance(one, dict)
    return one


def workload(told: Told, name: str) -> Told:
    """What it tells of one workload."""
    workloads = told["workloads"]
    assert isinstance(workloads, list)
    (found,) = [one for one in workloads if one["name"] == name]
    assert isinstance(found, dict)
    return found


def counted(told: Told, *path: str) -> int | None:
    """A number in a reply."""
    value: object = told
    for name in path:
        assert isinstance(value, dict)
        value = value[name]
    assert value is None or isinstance(value, int)
    return value


def test_usage_tells_what_a_tenant_takes_of_what_it_is_granted(make: Make) -> None:
    acme = make("acme")
    busy = 'Parameters=/bin/sh -c "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exec sleep infinity"'
    acme.repo.commit({
        **acme.files(web=container("MemoryMax=256M", "Volume=data:/srv/data", exec=(busy,))),
        "infrastructure/data.volume": "[Volume]\nSize=1G\n",
    })  # fmt: skip
    assert acme.sync() == "applied"
    acme.inside("web", "sh", "-c", "head -c 3000000 /dev/urandom >/srv/data/file; sync /srv/data/file")
    one = usage("acme")
    web = workload(one, "web")
    for told in (one, web):
        used = counted(told, "cpu", "usedUSec")
        assert used is not None and 10_000 < used < 60_000_000, "every cgroup counts its processor time"
        for controller, path in (("memory", ("memory", "current")), ("pids", ("tasks", "current"))):
            value = counted(told, *path)
            assert (value is not None and value > 0) if has(controller) else value is None, path
    grants = [counted(one, *path) for path in (("memory", "granted"), ("cpu", "grantedUSecPerSec"),
                                               ("tasks", "granted"), ("storage", "granted"))]  # fmt: skip
    assert grants == [4 << 30, 4_000_000, 4096, 20 << 30]
    assert counted(web, "memory", "granted") is None
    assert counted(web, "memory", "limit") == (256 << 20 if has("memory") else None)
    stored = counted(one, "storage", "current")
    assert stored is not None and 3_000_000 <= stored < 1 << 30
    shown = run(["bbhv", "usage"]).stdout
    assert re.search(r"^acme .* / 4096 MiB .* / 4 CPUs .* / 4096 .* / 20480 MiB", shown, re.MULTILINE)
    assert re.search(r"^  web ", shown, re.MULTILINE)
    run(["systemctl", "stop", "tenant@acme"], timeout=120)
    web = workload(usage("acme"), "web")
    assert counted(web, "cpu", "usedUSec") is None and counted(web, "memory", "current") is None
    assert run(["bbhv", "usage", "nobody"], check=False).returncode == 5


def series(text: str) -> dict[str, float]:
    """What the metrics say, by the whole name of each series."""
    assert text.endswith("# EOF\n")
    return {name: float(value) for name, _, value in
            (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))}  # fmt: skip


def test_metrics_are_those_of_what_runs(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    acme.commit(web=never_healthy())
    acme.sync(status=1)
    run(["systemctl", "start", "tenant-sync.service"], timeout=300)
    assert "1 quarantined" in unit_property("tenant-sync.service", "StatusText")
    text = run(["bbhv", "metrics"]).stdout
    found, of = series(text), 'tenant="acme"'
    assert found["bitbuilder_tenants"] >= 1 and 0 < found["bitbuilder_generator_seconds"] < 10
    assert 0 < found["bitbuilder_sync_seconds"] < 300 and 0 <= found["bitbuilder_sync_age_seconds"] < 60
    assert found[f"bitbuilder_tenant_generation{{{of}}}"] == found[f"bitbuilder_tenant_good_generation{{{of}}}"] == 1
    assert found[f"bitbuilder_tenant_quarantined_commits{{{of}}}"] == 1
    assert found[f'bitbuilder_tenant_outcome{{{of},bitbuilder_tenant_outcome="quarantined"}}'] == 1
    assert found[f'bitbuilder_tenant_workloads{{{of},health="healthy"}}'] == 1
    assert 0 <= found[f"bitbuilder_tenant_sync_age_seconds{{{of}}}"] < 60
    well = found[f"bitbuilder_tenant_success_age_seconds{{{of}}}"]
    assert well > found[f"bitbuilder_tenant_sync_age_seconds{{{of}}}"], "the last one that ended well is longer ago"
    assert found[f"bitbuilder_tenant_cpu_seconds_total{{{of}}}"] > 0
    assert found[f"bitbuilder_tenant_memory_granted_bytes{{{of}}}"] == 4 << 30
    assert (f"bitbuilder_tenant_memory_bytes{{{of}}}" in found) is has("memory")
    assert found[f'bitbuilder_workload_cpu_seconds_total{{{of},workload="web"}}'] > 0
    run(["bbhv", "suspend", "acme"], timeout=120)
    found = series(json.loads(run(["bbhv", "metrics", "--json=short"]).stdout)["text"])
    assert found[f'bitbuilder_tenant_hold{{{of},bitbuilder_tenant_hold="suspend"}}'] == 1
    wait_until("it is told as stopped", lambda: acme.state("web") == "inactive")


def test_whom_no_registration_names_sees_nothing(make: Make) -> None:
    make("acme", access={"users": ["daemon"]})
    for verb in ("monitor", "usage", "metrics"):
        done = run(["setpriv", "--reuid=9", "--regid=9", "--clear-groups", "bbhv", verb], check=False)
        assert done.returncode == 4, done
