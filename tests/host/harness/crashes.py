"""Crashes of a whole test host at random moments, while its tenants change without an end."""

import json
import random
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .host import Host, kill

ROOT = Path(__file__).parents[3]
PLACE = "/var/lib/faults"
MODULES = ("tests/__init__.py", "tests/host/__init__.py")
LONGEST = 6.0
REPOSITORIES = "/srv/git"


@dataclass(frozen=True, slots=True)
class Crash:
    """One crash: how long after the changes began, and what was wrong afterwards."""

    number: int
    after: float
    problems: tuple[str, ...]


def install(host: Host) -> None:
    """Puts the modules of the tests inside on the host's disk."""
    for name in MODULES:
        host.copy_in(ROOT / name, f"{PLACE}/{name}")
    for path in sorted((ROOT / "tests/host/inside").glob("*.py")):
        host.copy_in(path, f"{PLACE}/tests/host/inside/{path.name}")


def command(host: Host, module: str, *words: str) -> list[str]:
    """The outer command line of a module inside."""
    return host.command(["python3", "-m", f"tests.host.inside.{module}", *words], {"PYTHONPATH": PLACE})


def step(host: Host, *words: str) -> str:
    """Does one step of churning, and returns what it printed."""
    argv = ["python3", "-m", "tests.host.inside.churning", *words]
    return host.run(argv, timeout=400, env={"PYTHONPATH": PLACE}).stdout


def crashes(host: Host, count: int, seed: int) -> Iterator[Crash]:
    """So many crashes of a host with the product that is up; after each it boots without its repositories."""
    chance = random.Random(seed)
    install(host)
    step(host, "prepare")
    away = f"{REPOSITORIES}.away"
    for number in range(count):
        after = chance.uniform(0.0, LONGEST)
        argv = ["python3", "-m", "tests.host.inside.churning", "churn", str(seed + number)]
        with host.spawn(argv, env={"PYTHONPATH": PLACE}) as process:
            try:
                assert process.stdout and process.stdout.readline() == "begun\n", process.communicate()
                threading.Event().wait(after)
                host.crash()
            finally:
                kill(process)
        host.path(REPOSITORIES).rename(host.path(away))
        host.boot(expect=None)
        problems = json.loads(step(host, "check"))
        shutil.move(host.path(away), host.path(REPOSITORIES))
        problems += json.loads(step(host, "mend"))
        yield Crash(number, after, tuple(problems))
