"""How the benches measure: CPU time, as the ratio of two things that ran by turns in one run.

A machine that others use is slow in one second and fast in the next, so a time alone says little, and so does the ratio
of two sums. What counts is the median over the rounds of the ratio within each round.
"""

import json
import resource
import statistics
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

TIMEOUT = 120.0


@dataclass(frozen=True, slots=True)
class Times:
    """The CPU times of each thing that was measured, in seconds, round by round."""

    seen: Mapping[str, Sequence[float]]

    def ms(self, name: str) -> float:
        """The median of one thing, in milliseconds."""
        return statistics.median(self.seen[name]) * 1000

    def ratio(self, name: str, base: str) -> float:
        """How many times the base it costs: the median over the rounds."""
        return statistics.median(one / two for one, two in zip(self.seen[name], self.seen[base]))


def cpu(argv: Sequence[str]) -> float:
    """The CPU time of one run of a program and of all that it waited for, user and system, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=TIMEOUT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def by_turns(things: Mapping[str, Callable[[], float]], rounds: int) -> Times:
    """Measure things by turns. Each gives what it took, in seconds. A first round warms up and does not count."""
    seen: dict[str, list[float]] = {name: [] for name in things}
    for number in range(rounds + 1):
        for name, measure in things.items():
            took = measure()
            if number:
                seen[name].append(took)
    return Times(seen)


def programs(commands: Mapping[str, Sequence[str]], rounds: int) -> Times:
    """Measure programs by turns."""
    def measured(argv: Sequence[str]) -> Callable[[], float]:
        return lambda: cpu(argv)

    return by_turns({name: measured(argv) for name, argv in commands.items()}, rounds)


def row(what: str, value: float, unit: str, limit: float | None = None) -> None:
    """Print one result, for tests/host/harness/bench.py."""
    print(json.dumps({"what": what, "value": round(value, 3), "unit": unit, "limit": limit}), flush=True)


def say(text: str) -> None:
    """Print a sentence that belongs below the table, for tests/host/harness/bench.py."""
    print(json.dumps({"said": text}), flush=True)
