"""Changes without an end, on a host that is crashed at random moments: `python3 -m tests.host.inside.churning STEP`.

`prepare` makes two tenants; `churn` lets one change follow the other until the host is gone, each noted on the disk
before it begins; `check` says after a boot without a git server what is wrong, and `mend` after a sync with one.
"""

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path

from . import faults, scenarios
from .striking import prepare
from .subject import Shape, Subject
from .support import run, unit_property, wait_until

NOTE = Path("/var/lib/churning.json")
KINDS = (
    scenarios.change, scenarios.change, scenarios.reshape, scenarios.live, scenarios.unhealthy, scenarios.rollback,
    scenarios.scripts,
)  # fmt: skip
COUNT = 2
# So many shapes back what is good may lie: each commit that is not healthy adds two, and several may come in a row.
MEMORY = 13


def note(subjects: list[Subject]) -> None:
    """Writes down what every tenant may run."""
    value = {one.id: {"shape": one.shape, "known": one.known, "serial": one.serial} for one in subjects}
    new = NOTE.with_suffix(".new")
    new.write_text(json.dumps(value))
    new.rename(NOTE)


def noted() -> Iterator[tuple[Subject, list[Shape]]]:
    """The tenants, each with what it may run: one of the last shapes that it was told to have."""
    for name, value in json.loads(NOTE.read_text()).items():
        subject = Subject.named(name)
        subject.shape, subject.serial = _shape(value["shape"]), value["serial"]
        subject.known = [_shape(one) for one in value["known"]]
        yield subject, subject.known[-MEMORY:]


def _shape(value: dict[str, list[str | int]]) -> dict[str, tuple[str, int]]:
    return {name: (str(role), int(limit)) for name, (role, limit) in value.items()}


def begin() -> None:
    """Two tenants that are up."""
    subjects = prepare(COUNT)
    for one in subjects:
        scenarios.up(one)
    note(subjects)


def churn(seed: int) -> None:
    """Changes both tenants at once, over and over again."""
    chance = random.Random(seed)
    subjects = [subject for subject, _ in noted()]
    for one in subjects:
        one.note = lambda: note(subjects)
    run(["systemctl", "stop", "tenant-sync.timer"])
    print("begun", flush=True)
    while True:
        for one in subjects:
            change = chance.choice(KINDS)(one)
            if change.either:
                faults.run(change.argv)
        faults.run(["bbhv", "sync"])


def check() -> list[str]:
    """What is wrong after a boot, when the tenants have started."""
    problems = []
    for subject, allowed in noted():
        unit = f"tenant@{subject.id}.service"
        wait_until(f"{unit} has started", lambda: unit_property(unit, "ActiveState") in ("active", "failed"), 90)
        subject.rests()
        problems += [f"{subject.id}: {problem}" for problem in subject.settles(*allowed)]
    return problems


def mend() -> list[str]:
    """What is wrong after the next sync: nothing is left over, and each tenant runs what one of its commits says."""
    problems = []
    for subject, allowed in noted():
        ended = scenarios.sync(subject)
        if ended.status not in (0, 1):
            problems.append(f"{subject.id}: the next sync ended with {ended.status}: {ended.said}")
        left = [*subject.settles(*allowed, subject.shape), *subject.left(stale=False)]
        problems += [f"{subject.id}: after the next sync: {problem}" for problem in left]
    return problems


def main(words: list[str]) -> None:
    """Does one step."""
    match words:
        case ["prepare"]:
            begin()
        case ["churn", seed]:
            churn(int(seed))
        case ["check"]:
            print(json.dumps(check()))
        case ["mend"]:
            print(json.dumps(mend()))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
