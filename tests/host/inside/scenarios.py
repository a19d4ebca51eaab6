"""The scenarios in which faults are tried: what changes, by which command, and how it is to end.

Each begins with a tenant that is at rest, and says what the tenant may run afterwards. `try_point` does one point of
one scenario: it strikes the command there, looks at what must hold at any instant, has the tenant set right in one of
the ways in which that happens on a host, and looks again.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import faults
from .faults import Ended, Point
from .subject import Shape, Subject
from .support import REGISTRATIONS, REPOSITORIES, Repo, registration, run

PLACE = Path("/run/faults")
SETTINGS = Path("/etc/bitbuilder/bitbuilder.conf")
UNIT = Path("/run/systemd/system")
BUSY = 75
ANY = frozenset({0, 1, 3, 4})  # when others are synced as well, who may have troubles of their own
# What no message may have in it: a sentence says what failed, and where.
DEFECTS = ("Traceback", "internal error", "[Errno", "Exception ignored")
NAMED = (*faults.WORDS.values(), "exited with status", "was ended by", "cannot be read", "took too long")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a scenario does: the command, what runs before it and after it, and how the last sync is to end.

    A `hook` is the part of tenant@ that is struck while the command starts or stops it. With `either`, a sync does not
    end what was begun: the tenant runs one or the other. `again` is the next sync, when it is not that of the tenant.
    """

    argv: tuple[str, ...]
    before: Shape
    after: Shape
    hook: str = ""
    either: bool = False
    statuses: frozenset[int] = frozenset({0})
    final: Shape | None = None
    again: tuple[str, ...] = ()

    @property
    def end(self) -> Shape:
        """What runs when all is done."""
        return self.after if self.final is None else self.final


@dataclass(frozen=True, slots=True)
class Scenario:
    """What brings a subject to where the change begins, and by which ways a host sets right what went wrong.

    One that concerns the whole host is for a `guest` of its own, while nobody else is struck.
    """

    begin: Callable[[Subject], Change]
    ways: tuple[str, ...] = ("sync", "reload", "restart", "boot")
    guest: str = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one point: which call was hit (none: it was not reached), and what was wrong afterwards."""

    point: Point
    hit: str
    problems: tuple[str, ...] = ()
    said: str = ""
    way: str = ""


# Subjects


def enter(subject: Subject) -> None:
    """Registers a tenant that is not there yet."""
    subject.tenant.repo.init()
    REGISTRATIONS.mkdir(parents=True, exist_ok=True)
    (REGISTRATIONS / f"{subject.id}.json").write_text(registration(subject.id, subject.tenant.repo.url))
    _hook(subject)


def begin_anew(subject: Subject) -> None:
    """Takes everything of a tenant from the host, without asking the program, and registers it again."""
    run(["systemctl", "stop", f"tenant@{subject.id}.service"], check=False, timeout=150)
    run(["systemctl", "stop", f"tenant-*@*{subject.id}.service"], check=False, timeout=150)
    if subject.folder.is_dir():  # which may be a file system of its own
        run(["find", subject.folder, "-mindepth", "1", "-delete"])
    places = [subject.tenant.repo.path, *(path for name in ("units", "generations", "stopped")
              for path in Path("/run/bitbuilder", name).glob(f"*{subject.id}*"))]
    run(["rm", "-rf", *places])
    run(["systemctl", "reset-failed"], check=False)
    subject.shape, subject.known = {}, []
    enter(subject)


def leave(subject: Subject) -> None:
    """Takes a tenant from the host, and what has it struck."""
    run(["systemctl", "stop", f"tenant@{subject.id}.service"], check=False, timeout=150)
    run(["umount", subject.folder], check=False)
    subject.tenant.remove()
    run(["rm", "-rf", UNIT / f"tenant@{subject.id}.service.d", PLACE / subject.id])
    run(["systemctl", "daemon-reload"])


def _hook(subject: Subject) -> None:
    """Makes tenant@ call two scripts, so that what it starts can be struck without a daemon-reload for each point."""
    folder = UNIT / f"tenant@{subject.id}.service.d"
    folder.mkdir(parents=True, exist_ok=True)
    place = PLACE / subject.id
    place.mkdir(parents=True, exist_ok=True)
    lines = ["[Service]"]
    for key, verb in (("ExecStart", "start"), ("ExecStopPost", "stop")):
        lines += [f"{key}=", f"{key}={place}/{verb}"]
    (folder / "90-faults.conf").write_text("\n".join([*lines, ""]))
    unhook(subject)
    run(["systemctl", "daemon-reload"])


def unhook(subject: Subject) -> None:
    """Lets tenant@ start and stop as it is shipped."""
    for verb in ("start", "stop"):
        _script(subject, verb, [])


def _script(subject: Subject, verb: str, words: list[str]) -> None:
    path = PLACE / subject.id / verb
    path.write_text(f"#!/bin/sh\nexec {' '.join(words)} /usr/bin/bbhv tenant {verb} {subject.id}\n")
    path.chmod(0o755)


def up(subject: Subject) -> Shape:
    """A tenant that runs two containers; what it runs."""
    if subject.shape and not subject.runs():
        run(["systemctl", "start", f"tenant@{subject.id}"], check=False, timeout=150)
        subject.settles(subject.shape)
    if (runs := subject.runs()) in subject.known and runs == subject.written(subject.number("good")):
        subject.shape = dict(runs)  # also after a rollback
    if not subject.shape or subject.runs() != subject.shape or subject.number("good") is None:
        begin_anew(subject)
        role = subject.role()
        subject.declare({"web": (role, 200), "db": (role, 200)})
        sync(subject)
    return dict(subject.shape)


# Scenarios


def _sync(subject: Subject) -> tuple[str, ...]:
    return ("bbhv", "sync", subject.id)


def change(subject: Subject) -> Change:
    """Both containers restart."""
    before, role = up(subject), subject.role()
    subject.declare({name: (role, limit) for name, (_, limit) in before.items()})
    return Change(argv=_sync(subject), before=before, after=subject.shape)


def live(subject: Subject) -> Change:
    """Limits change, nothing restarts."""
    before = up(subject)
    subject.declare({name: (role, 200 + limit % 200 + 1) for name, (role, limit) in before.items()})
    return Change(argv=_sync(subject), before=before, after=subject.shape)


def reshape(subject: Subject) -> Change:
    """One container goes, one comes, one stays."""
    before = up(subject)
    other = "cache" if "db" in before else "db"
    subject.declare({"web": before["web"], other: (subject.role(), 200)})
    return Change(argv=_sync(subject), before=before, after=subject.shape)


def unhealthy(subject: Subject) -> Change:
    """A commit that does not become healthy: the way back is struck as well as the way there."""
    before, role = up(subject), subject.role()
    good = dict(subject.shape)
    bad = f"[Exec]\nBoot=no\nParameters=/bin/false\nEnvironment=ROLE={role}\n" \
          "[X-Bitbuilder]\nImage=debian-13\nHealthStableSec=3\nMemoryMax=200M\n"
    last = sorted(good)[-1]
    subject.declare({name: (role, limit) for name, (_, limit) in good.items()}, {f"containers/{last}.nspawn": bad})
    subject.known.append({**subject.shape, last: (role, 200)})
    subject.shape = good
    return Change(argv=_sync(subject), before=before, after=before, statuses=frozenset({1}), final=before)


def rollback(subject: Subject) -> Change:
    """The generation before the good one is asked for."""
    before, role = up(subject), subject.role()
    subject.declare({name: (role, limit) for name, (_, limit) in before.items()})
    sync(subject)
    newest, good = dict(subject.shape), subject.number("good") or 0
    numbers = [int(path.name) for path in (subject.folder / "generations").glob("[0-9]*")]
    after = subject.written(max(number for number in numbers if number < good)) or {}
    return Change(argv=("bbhv", "rollback", subject.id), before=newest, after=after, either=True)


def first(subject: Subject) -> Change:
    """tenant@ starts a tenant that never was."""
    begin_anew(subject)
    role = subject.role()
    subject.declare({"web": (role, 200), "db": (role, 200)})
    return Change(argv=("systemctl", "start", f"tenant@{subject.id}"), before={}, after=subject.shape, hook="start")


def start(subject: Subject) -> Change:
    """tenant@ starts again, with a commit that was pulled by hand meanwhile."""
    before, role = up(subject), subject.role()
    run(["systemctl", "stop", f"tenant@{subject.id}"], timeout=120)
    subject.declare({name: (role, limit) for name, (_, limit) in before.items()})
    run(["git", "-C", subject.folder / "config.git", "pull", "--quiet"])
    return Change(argv=("systemctl", "start", f"tenant@{subject.id}"), before=before, after=subject.shape, hook="start")


def stop(subject: Subject) -> Change:
    """tenant@ stops."""
    before = up(subject)
    return Change(argv=("systemctl", "stop", f"tenant@{subject.id}"), before=before, after={}, hook="stop", either=True)


def boot(subject: Subject) -> Change:
    """The host shows and starts its tenants, as after it was switched on."""
    before = up(subject)
    run(["systemctl", "stop", f"tenant@{subject.id}"], timeout=120)
    run(["rm", "-rf", *(path for name in ("units", "generations", "stopped")
                        for path in Path("/run/bitbuilder", name).glob(f"{subject.id}*"))])  # fmt: skip
    run(["systemctl", "daemon-reload"])
    return Change(argv=("bbhv", "boot"), before=before, after=before)


def system(subject: Subject) -> Change:
    """The system repository registers a tenant, or does not any more."""
    repo, runs = Repo(REPOSITORIES / "system.git"), subject.runs()
    mine = f"tenants/{subject.id}.json"
    if not repo.head:
        repo.init()
        other = registration("elsewhere", subject.tenant.repo.url, hosts=["elsewhere"])
        head = '{"apiVersion": "bitbuilder.io/v1", "allowEmpty": true}'
        repo.commit({"system.json": head, "tenants/elsewhere.json": other})
        SETTINGS.write_text(f"{SETTINGS.read_text()}Repository={repo.url}\nTrust=unsigned\n")
    (REGISTRATIONS / f"{subject.id}.json").unlink(missing_ok=True)
    command = ("bbhv", "sync")
    if runs:
        repo.commit({mine: None})
        return Change(argv=command, before=runs, after={}, again=command, statuses=ANY)
    if not subject.shape:  # one that comes again starts with what it has
        subject.declare({"web": (subject.role(), 200), "db": (subject.role(), 200)})
    repo.commit({mine: registration(subject.id, subject.tenant.repo.url)})
    return Change(argv=command, before={}, after=subject.shape, again=command, statuses=ANY)


SCENARIOS: Mapping[str, Scenario] = {
    "change": Scenario(change),
    "live": Scenario(live),
    "reshape": Scenario(reshape),
    "unhealthy": Scenario(unhealthy),
    "rollback": Scenario(rollback),
    "first": Scenario(first, ("sync", "restart")),
    "start": Scenario(start, ("sync", "restart")),
    "stop": Scenario(stop, ("sync", "restart")),
    "boot": Scenario(boot, ("boot",), guest="dune"),
    "system": Scenario(system, ("sync", "boot"), guest="echo"),
}


# One point


def find(subject: Subject, name: str) -> list[Point]:
    """All points of a scenario, by tracing it once."""
    log = PLACE / subject.id / "trace"
    log.unlink(missing_ok=True)
    one = SCENARIOS[name].begin(subject)
    ended = do(subject, one, faults.trace(log))
    assert log.exists(), ended.said
    found = faults.points(name, log)
    assert found, f"{name}: a trace without a point: {ended.said}"
    sync(subject, one.again)
    return found


def try_point(subject: Subject, point: Point) -> Tried:
    """Does one point, and says what was wrong. A subject that something is wrong with begins anew."""
    problems: list[str] = []
    scenario = SCENARIOS[point.scenario]
    way, was, said = scenario.ways[point.when % len(scenario.ways)], "", ""
    try:
        one = scenario.begin(subject)
        log = PLACE / subject.id / "trace"
        log.unlink(missing_ok=True)
        ended = do(subject, one, faults.injected(point, log))
        was, said = faults.hit(log), ended.said
        subject.rests()
        problems += subject.broken()
        if was and point.action != "KILL":
            problems += untrue(subject, one, ended)
        problems += _mend(subject, one, way, stale=point.action != "KILL")
    except (AssertionError, OSError, ValueError) as error:
        problems.append(f"{type(error).__name__}: {error}")
    if problems:
        begin_anew(subject)
    return Tried(point, was, tuple(problems), said, way)


def do(subject: Subject, one: Change, words: list[str]) -> Ended:
    """Runs the command of a change with these words before what is struck."""
    if not one.hook:
        return faults.run([*words, *one.argv])
    since = time.time()
    _script(subject, one.hook, words)
    ended = faults.run(one.argv)
    unhook(subject)
    journal = ["journalctl", "--quiet", "--output=cat", f"--since=@{since:.6f}", "-u", f"tenant@{subject.id}"]
    return Ended(ended.status, run(journal).stdout)


def sync(subject: Subject, command: tuple[str, ...] = ()) -> Ended:
    """The next sync without a fault; what a run that was killed still had at work is waited for."""
    while (ended := faults.run(command or ("bbhv", "sync", subject.id))).status == BUSY:
        subject.rests()
    return ended


def _mend(subject: Subject, one: Change, way: str, *, stale: bool) -> list[str]:
    """Has the tenant set right, and says what is wrong afterwards: first by one of the ways, then by a sync."""
    problems: list[str] = []
    unit = f"tenant@{subject.id}.service"
    way = "sync" if one.hook == "stop" else way
    if way in ("reload", "restart"):
        done = faults.run(["systemctl", way, unit])
        problems += [f"{way} ended with {done.status}: {done.said}"] if done.status else []
        problems += [f"after {way}: {problem}" for problem in subject.settles(one.before, one.after)]
    elif way == "boot":
        done = faults.run(["systemctl", "restart", "tenant-manager.service"])
        problems += [f"{way} ended with {done.status}: {done.said}"] if done.status else []
    if problems:
        return problems
    if one.hook == "start":
        sync(subject)  # which starts what is good, when a trial was interrupted
    ended = sync(subject, one.again)
    if ended.status not in one.statuses:
        problems.append(f"the next sync ended with {ended.status}: {ended.said}")
    allowed = (one.before, one.after) if one.either else (one.end,)
    left = (*subject.settles(*allowed), *subject.left(stale=stale))
    return problems + [f"after the next sync: {problem}" for problem in left]


def untrue(subject: Subject, one: Change, ended: Ended) -> list[str]:
    """What is wrong with the words of a command that a call failed for."""
    said, problems = ended.said, [f"it says {defect!r}" for defect in DEFECTS if defect in ended.said]
    good = subject.written(subject.number("good")) or {}
    arrived = good == one.after
    words = re.findall(rf"^{subject.id}: (applied|unchanged|rolled-back|quarantined|refused|failed|held)", said, re.M)
    if "applied" in words and subject.runs() != one.after:
        problems.append(f"it says applied, but what runs is {subject.runs()}")
    if one.hook or one.again or one.after == one.before:
        return problems  # its exit status is not about one change of this tenant
    if ended.status == 0 and not arrived:
        problems.append(f"it ended well, but generation {subject.number('good')} is good: {good}")
    if ended.status and arrived:
        problems.append("it says that it failed, but the new generation is good")
    if ended.status and not any(named in said for named in NAMED):
        problems.append("it does not say what failed")
    return problems
