"""Promise 3, by faults: the engine is killed, or a call of it fails, at many of its system calls; the host lives on.

CI takes a seeded sample, the bench (tests/bench/bench_faults.py) as many as there are. The rest are faults that once
ended badly, each by itself.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import faults, scenarios, striking, trying
from .conftest import Make
from .subject import Subject
from .support import REGISTRATIONS, registration, run, unit_property, wait_until
from .trying import Tried

# A seeded sample of one scenario, and places of the others, of which the older systemd gets every second and the newer
# the rest. They are calls that only the engine makes, so that nobody has to look first where they are, which takes as
# long as to try one. The bench samples each scenario.
SAMPLE = "change=6"
PLACES = (
    "reshape:rename:rename:15:KILL", "live:sync:fsync:42:EIO",
    "rollback:rename:rename:4:KILL", "unhealthy:start:vfork:14:KILL",
    "first:sync:fsync:60:ENOSPC", "start:rename:rename:8:KILL",
    "suspend:sync:fsync:4:KILL", "stop:start:vfork:3:KILL",
    "confirm:rename:rename:2:EIO", "resume:start:vfork:2:KILL",
    "storage:start:vfork:9:KILL", "scripts:start:vfork:16:KILL",
    "image:sync:fsync:46:KILL", "together:rename:rename:8:KILL",
)  # fmt: skip
NEWER = 258


@pytest.fixture(scope="module")
def subjects() -> Iterator[list[Subject]]:
    """Tenants that faults are tried on."""
    made = striking.prepare()
    yield made
    striking.leave(made)


@pytest.fixture
def subject(subjects: list[Subject]) -> Subject:
    """One of them, at rest and up."""
    scenarios.up(subjects[0])
    return subjects[0]


def test_promise_3_a_seeded_sample_of_faults_leaves_the_old_or_the_new_generation(subjects: list[Subject]) -> None:
    newer = int(run(["systemctl", "--version"]).stdout.split()[1]) >= NEWER
    chosen = striking.chosen(subjects, [*PLACES[newer::2], SAMPLE])
    tried: list[Tried] = []
    striking.all_of(subjects, chosen, tried.append)
    wrong = [f"{one.point}: {'; '.join(one.problems)}\n{one.hit}\n{one.said}" for one in tried if one.problems]
    assert not wrong, "\n".join(wrong)
    reached = [one for one in tried if one.hit]
    assert len(reached) >= len(chosen) * 3 // 4, [str(one.point) for one in tried if not one.hit]
    assert len({one.point.kind for one in reached}) >= 5 and "KILL" in {one.point.action for one in reached}


def test_a_kind_of_every_call_that_changes_something_is_found(subject: Subject) -> None:
    found = trying.find(subject, "change")
    kinds = Counter(point.kind for point in found if point.action == "KILL")
    assert set(kinds) >= {"write", "rename", "sync", "make", "remove", "mode", "lock", "create", "start", "wait"}
    assert sum(kinds.values()) >= 150, kinds


def test_an_offered_image_that_cannot_be_read_is_the_hosts_failure_and_not_the_tenants(subject: Subject) -> None:
    before = scenarios.change(subject).before
    words = faults.at("/var/lib/bitbuilder/offered", "openat", "EIO")
    ended = faults.run([*words, "bbhv", "sync", subject.id])
    assert ended.status == 1 and "/var/lib/bitbuilder/offered: Input/output error" in ended.said, ended.said
    assert subject.unsettled(before) == []
    assert scenarios.sync(subject).status == 0 and subject.settles(subject.shape) == []


def test_registrations_that_cannot_be_read_stop_nobody(subject: Subject) -> None:
    words = faults.at("/etc/bitbuilder/tenants", "openat", "EIO")
    ended = faults.run([*words, "bbhv", "sync"])
    assert subject.unsettled(subject.shape) == [], ended.said
    one = faults.run([*words, "bbhv", "sync", subject.id])
    assert one.status == 1 and "cannot be told" in one.said, one.said


def test_settings_that_cannot_be_read_are_told_and_stop_nobody_who_is_registered_by_them(subject: Subject) -> None:
    before, text = dict(subject.shape), scenarios.SETTINGS.read_text()
    mine = REGISTRATIONS / f"{subject.id}.json"
    words = faults.at(str(scenarios.SETTINGS), "openat", "EIO")
    try:
        scenarios.SETTINGS.write_text(f"{text}[Host]\nName=elsewhere\n")
        mine.write_text(registration(subject.id, subject.tenant.repo.url, hosts=["elsewhere"]))
        assert scenarios.sync(subject).status == 0
        ended = faults.run([*words, "bbhv", "sync"])
        assert ended.status == 1, ended.said
        assert f"{scenarios.SETTINGS} cannot be read: Input/output error" in ended.said
        assert subject.unsettled(before) == []
    finally:
        scenarios.SETTINGS.write_text(text)
        mine.write_text(registration(subject.id, subject.tenant.repo.url))
    assert scenarios.sync(subject).status == 0 and subject.unsettled(before) == []


def test_a_folder_that_is_read_by_half_is_not_taken_for_a_generation(subject: Subject) -> None:
    before = scenarios.change(subject).before
    number = (subject.number("good") or 0) + 1
    place = f"{subject.folder}/generations/{number}/units/tenant-container@web.{subject.id}.service.d"
    ended = faults.run([*faults.at(place, "getdents64", "EIO"), "bbhv", "sync", subject.id])
    assert ended.status == 1 and "Input/output error" in ended.said, ended.said
    assert subject.broken() == [] and before == subject.written(subject.number("good"))
    assert scenarios.sync(subject).status == 0 and subject.settles(subject.shape) == []


def test_memory_that_is_short_does_not_make_the_engine_forget(subject: Subject) -> None:
    scenarios.unhealthy(subject)
    assert scenarios.sync(subject).status == 1
    kept = subject.memory()["quarantine"]
    words = faults.at(f"{subject.folder}/state.json", "openat", "ENOMEM")
    ended = faults.run([*words, "bbhv", "sync", subject.id])
    assert ended.status == 1 and "Cannot allocate memory" in ended.said, ended.said
    assert kept and subject.memory()["quarantine"] == kept


def test_a_stop_that_was_interrupted_is_brought_to_its_end_by_the_next_sync(subject: Subject) -> None:
    scenarios.change(subject)
    assert scenarios.sync(subject).status == 0
    log = scenarios.PLACE / subject.id / "trace"
    point = faults.Point("stop", "start", "vfork", 1, "KILL")
    log.unlink(missing_ok=True)
    trying.do(subject, scenarios.stop(subject), faults.injected(point, log))
    assert faults.hit(log) and subject.runs() == subject.shape
    ended = scenarios.sync(subject)
    assert ended.status == 0 and "held" in ended.said, ended.said
    wait_until("nothing of it runs", lambda: subject.runs() == {})
    run(["systemctl", "start", f"tenant@{subject.id}"])
    assert subject.settles(subject.shape) == []


def test_nobody_who_was_stopped_is_started_because_others_are(subjects: list[Subject]) -> None:
    stopped, new = subjects[:2]
    scenarios.up(stopped)
    run(["systemctl", "daemon-reload"])  # the generator makes tenants.target want both
    run(["systemctl", "stop", f"tenant@{stopped.id}"])
    scenarios.first(new)
    assert scenarios.sync(new).status == 0 and new.settles(new.shape) == []
    assert stopped.runs() == {} and unit_property(f"tenant@{stopped.id}", "ActiveState") == "inactive"
    run(["systemctl", "restart", "tenant-manager.service"])
    wait_until("systemd has no job left", lambda: run(["systemctl", "list-jobs", "--no-legend"]).stdout == "")
    assert stopped.runs() == {} and new.settles(new.shape) == []
    run(["systemctl", "start", f"tenant@{stopped.id}"])


def test_descriptors_that_run_out_anywhere_end_in_a_sentence(subject: Subject) -> None:
    before = scenarios.change(subject).before
    for most in range(4, 12):
        ended = faults.run(["prlimit", f"--nofile={most}", "bbhv", "sync", subject.id])
        if ended.status == 0:
            break
        assert "Too many open files" in ended.said and "Traceback" not in ended.said, f"{most}: {ended.said}"
        assert subject.unsettled(before) == []
    assert scenarios.sync(subject).status == 0 and subject.settles(subject.shape) == []


def test_what_runs_goes_on_while_the_disk_is_full_and_is_changed_when_it_is_not(make: Make) -> None:
    full = Subject(make("full"))
    scenarios.enter(full)
    full.folder.mkdir(parents=True)
    run(["mount", "-t", "tmpfs", "-o", "size=3M,mode=700", "tmpfs", full.folder])
    try:
        first = scenarios.up(full)
        ballast = full.folder / "ballast"
        change = scenarios.change(full)
        run(["sh", "-c", f"cat /dev/zero > {ballast}"], check=False)
        ended = faults.run(["bbhv", "sync", full.id])
        assert ended.status == 1 and "No space left on device" in ended.said, ended.said
        assert full.broken() == [] and full.runs() == first
        run(["systemctl", "restart", f"tenant@{full.id}"])
        assert full.settles(first) == []
        ballast.unlink()
        assert scenarios.sync(full).status == 0 and full.settles(change.after) == []
        run(["mount", "-o", "remount,ro", full.folder])
        scenarios.change(full)
        ended = faults.run(["bbhv", "sync", full.id])
        assert ended.status == 1 and "Read-only file system" in ended.said, ended.said
        run(["systemctl", "restart", f"tenant@{full.id}"])
        assert full.settles(change.after) == []
        run(["mount", "-o", "remount,rw", full.folder])
        assert scenarios.sync(full).status == 0 and full.settles(full.shape) == []
        json.loads((full.folder / "state.json").read_text())
    finally:
        scenarios.leave(full)


def test_a_restart_that_systemd_refuses_is_no_success(subject: Subject) -> None:
    before = scenarios.change(subject).before
    drop_in = scenarios.UNIT / f"tenant-container@web.{subject.id}.service.d/99-broken.conf"
    drop_in.parent.mkdir()
    drop_in.write_text("[Service]\nType=oneshot\nRestart=always\nExecStart=\n")
    ended = faults.run(["bbhv", "sync", subject.id])
    run(["rm", "-rf", drop_in.parent])
    assert ended.status == 1 and "applied" not in ended.said, ended.said
    assert subject.written(subject.number("good")) == before
    scenarios.sync(subject)
    scenarios.begin_anew(subject)


def test_a_container_whose_supervisor_was_killed_runs_again(subject: Subject) -> None:
    unit = f"tenant-container@web.{subject.id}.service"
    first = unit_property(unit, "MainPID")
    run(["systemctl", "kill", "--signal=KILL", unit])
    wait_until("another supervisor is there", lambda: unit_property(unit, "MainPID") not in ("0", first))
    assert subject.settles(subject.shape) == []
    assert unit_property(unit, "NRestarts") == "1"
    group = Path(f"/sys/fs/cgroup{unit_property(unit, 'ControlGroup')}")

    def asleep() -> bool:
        pids = [pid for file in group.rglob("cgroup.procs") for pid in file.read_text().split()]
        return any(Path(f"/proc/{pid}/comm").read_text() == "sleep\n" for pid in pids)

    wait_until("the payload has begun, which can be asked to stop only then", asleep)


def test_what_cannot_be_read_when_all_is_done_makes_no_failure_of_a_success(subject: Subject) -> None:
    trying.find(subject, "change")
    log = scenarios.PLACE / subject.id / "trace"
    when = _when(log, "readlink", '/good"')[-1]
    one = scenarios.change(subject)
    ended = trying.do(subject, one, faults.injected(faults.Point("", "read", "readlink", when, "EIO"), log))
    assert faults.hit(log) and ended.status == 0 and f"{subject.id}: applied" in ended.said, ended.said
    assert subject.unsettled(one.after) == []


def _when(log: Path, call: str, path: str) -> list[int]:
    """The numbers of the calls of a trace that are about a path, among those of their name."""
    lines = [line for line in log.read_text().splitlines() if f" {call}(" in line]
    return [number for number, line in enumerate(lines, 1) if path in line]


def test_a_manager_that_restarts_forgets_no_interrupted_way_back(subject: Subject) -> None:
    trying.find(subject, "rollback")
    log = scenarios.PLACE / subject.id / "trace"
    when = _when(log, "rename", '/good")')[0]
    one = scenarios.rollback(subject)
    ended = trying.do(subject, one, faults.injected(faults.Point("", "rename", "rename", when, "ENOMEM"), log))
    assert ended.status == 1 and "Cannot allocate memory" in ended.said and subject.runs() == one.after, ended.said
    run(["systemctl", "restart", "tenant-manager.service"])
    assert scenarios.sync(subject).status == 0 and subject.settles(one.before) == []
