"""One point of a scenario, tried: the command is struck there, and what is left is looked at and set right.

What must hold at any instant is looked at first. Then the tenant is set right in one of the ways in which that happens
on a host, and looked at again, and once more after the next sync.

A strike that left a tenant at rest (it runs the old or the new generation, whole; nothing is left over but what every
run removes first of all, and nothing is noted but an outcome) leaves nothing to set right: up to `SHARED` such points
in a row share what comes afterwards, which then has the sum of what they did to it.
"""

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from . import faults, scenarios
from .faults import Ended, Point
from .scenarios import Change, Scenario, sync
from .subject import LEFT, Shape, Subject
from .support import run, unit_property

SHARED = 12
# What no message may have in it: a sentence says what failed, and where.
DEFECTS = ("Traceback", "internal error", "[Errno", "Exception ignored", " /var/lib: ")
NAMED = (*faults.WORDS.values(), "exited with status", "was ended by", "cannot be read", "took too long")
WORDS = "applied|unchanged|rolled-back|quarantined|refused|failed|held|suspended"


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one point: which call was hit (none: it was not reached), and what was wrong afterwards.

    `way` is how the tenant was set right; empty where it was at rest, and others were tried on it at once.
    """

    point: Point
    hit: str
    problems: tuple[str, ...] = ()
    said: str = ""
    way: str = ""


def find(subject: Subject, name: str) -> list[Point]:
    """All points of a scenario, by tracing it once."""
    log = scenarios.PLACE / subject.id / "trace"
    log.unlink(missing_ok=True)
    one = scenarios.SCENARIOS[name].begin(subject)
    ended = do(subject, one, faults.trace(log))
    assert log.exists(), ended.said
    found = faults.points(name, log, threads=one.threads)
    assert found, f"{name}: a trace without a point: {ended.said}"
    sync(subject, one.again)
    return found


@dataclass
class Series:
    """Points that are tried on one subject, one after the other."""

    subject: Subject
    sharing: list[Point] = field(default_factory=list)  # what was tried since the tenant was last set right
    offered: list[Shape] = field(default_factory=list)  # what it was told to run meanwhile: HEAD may be one of these
    last: Change | None = None  # what the last of them was
    kept: str = ""  # the scenario that may try it again as it is

    def try_point(self, point: Point) -> Tried:
        """Does one point, and says what was wrong. A subject that something is wrong with begins anew."""
        problems: list[str] = []
        scenario = scenarios.SCENARIOS[point.scenario]
        way, was, said = scenario.ways[point.when % len(scenario.ways)], "", ""
        struck = [self.subject]
        try:
            one = self._begin(point.scenario, scenario)
            struck = [subject for subject, _ in _all(self.subject, one)]
            before = [_noted(subject) for subject in struck]
            log = scenarios.PLACE / self.subject.id / "trace"
            log.unlink(missing_ok=True)
            ended = do(self.subject, one, faults.injected(point, log))
            was, said = faults.hit(log), ended.said
            for subject, change in _all(self.subject, one):
                subject.rests()
                problems += subject.broken()
                if was and point.action != "KILL":
                    problems += untrue(subject, change, ended)
            if not problems and len(self.sharing) < SHARED and _rests(self.subject, one, before):
                self.sharing.append(point)
                self.offered.append(one.after)
                self.last, self.kept = one, point.scenario if scenario.repeats else ""
                return Tried(point, was, (), said)
            problems += _mend(self.subject, one, way, self.offered, stale=point.action != "KILL")
        except (AssertionError, OSError, ValueError) as error:
            problems.append(f"{type(error).__name__}: {error}")
        if problems and self.sharing:
            problems.append(f"tried on it before: {' '.join(map(str, self.sharing))}")
        self._clear()
        for subject in struck if problems else ():
            scenarios.begin_anew(subject)
        return Tried(point, was, tuple(problems), said, way)

    def end(self) -> Iterator[Tried]:
        """Sets the tenant right after the last point; tells of that point again if that shows something wrong."""
        if self.sharing and self.last and (problems := _mend(self.subject, self.last, "sync", (), stale=False)):
            problems.append(f"tried on it before: {' '.join(map(str, self.sharing))}")
            yield Tried(self.sharing[-1], "", tuple(problems), way="sync")
        self._clear()

    def _begin(self, name: str, scenario: Scenario) -> Change:
        kept, self.kept = self.kept, ""
        return self.last if self.last and kept == name else scenario.begin(self.subject)

    def _clear(self) -> None:
        self.sharing.clear()
        self.offered.clear()


def _all(subject: Subject, one: Change) -> list[tuple[Subject, Change]]:
    return [(subject, one), *one.beside]


def _rests(subject: Subject, one: Change, before: list[dict[str, object]]) -> bool:
    """Whether everybody runs the old or the new, whole, and no more is left over, nor noted that was not before."""
    for (who, change), noted in zip(_all(subject, one), before, strict=True):
        left = [what for what in who.left(stale=False) if not what.startswith(f"left: {who.folder}/{LEFT}")]
        if noted != _noted(who) or who.unsettled(change.before, change.after) or left:
            return False
    return True


def _noted(subject: Subject) -> dict[str, object]:
    """What decides about a tenant's future: what is noted about it, on the disk and in /run, and whether it is up."""
    memory, good = subject.memory(), subject.number("good") or 0
    kept = [int(path.name) for path in (subject.folder / "generations").glob("[0-9]*")]
    return {
        **{key: memory.get(key) for key in ("trial", "quarantine", "hold", "images")}, "marks": subject.marks(),
        "beyond": [number for number in kept if number > good],
        "state": unit_property(f"tenant@{subject.id}.service", "ActiveState"),
    }  # fmt: skip


def do(subject: Subject, one: Change, words: list[str]) -> Ended:
    """Runs the command of a change with these words before what is struck."""
    if one.threads:
        return faults.attached(words, one.argv)
    if not one.hook:
        return faults.run([*words, *one.argv])
    since = time.time()
    scenarios.script(subject, one.hook, words)
    ended = faults.run(one.argv)
    scenarios.unhook(subject)
    journal = ["journalctl", "--quiet", "--output=cat", f"--since=@{since:.6f}", "-u", f"tenant@{subject.id}"]
    return Ended(ended.status, run(journal).stdout)


def _mend(subject: Subject, one: Change, way: str, offered: Iterable[Shape], *, stale: bool) -> list[str]:
    """Has the tenant set right, and says what is wrong afterwards: first by one of the ways, then by a sync."""
    problems: list[str] = []
    unit = f"tenant@{subject.id}.service"
    way = "sync" if one.hook == "stop" else way
    if way in ("reload", "restart"):
        done = faults.run(["systemctl", way, unit])
        problems += [f"{way} ended with {done.status}: {done.said}"] if done.status else []
        problems += [f"after {way}: {problem}" for problem in subject.settles(one.before, one.after, *offered)]
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
    for who, change in _all(subject, one):
        allowed: tuple[Shape, ...] = (change.before, change.after) if change.either else (change.end,)
        left = (*who.settles(*allowed), *who.left(stale=stale))
        problems += [f"after the next sync: {problem}" for problem in left]
    return problems


def untrue(subject: Subject, one: Change, ended: Ended) -> list[str]:
    """What is wrong with the words of a command that a call failed for."""
    said, problems = ended.said, [f"it says {defect!r}" for defect in DEFECTS if defect in ended.said]
    good = subject.written(subject.number("good")) or {}
    arrived = good == one.after
    words = re.findall(rf"^{subject.id}: ({WORDS})", said, re.M)
    if "applied" in words and subject.runs() != one.after:
        problems.append(f"it says applied, but what runs is {subject.runs()}")
    if one.hook or one.again or one.after == one.before or {} in (one.before, one.after):
        return problems  # its exit status is not about one commit of this tenant
    if ended.status == 0 and not arrived:
        problems.append(f"it ended well, but generation {subject.number('good')} is good: {good}")
    if ended.status and arrived and "applied" not in words:  # with that, what failed was not about this tenant
        problems.append("it says that it failed, but the new generation is good")
    if ended.status and not any(named in said for named in NAMED):
        problems.append("it does not say what failed")
    return problems
