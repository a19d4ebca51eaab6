"""What starting the command costs: CPU time of `bbhv --version` over that of the bare interpreter, interleaved."""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

RUNS = 60


def cpu(argv: Sequence[str]) -> float:
    """The CPU time that one run of a program takes, user and system, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, timeout=60)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def medians(commands: dict[str, Sequence[str]], runs: int = RUNS) -> dict[str, float]:
    """The median CPU time of each command, in seconds. The runs take turns, so that all see the same machine."""
    seen: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, argv in commands.items():
            seen[name].append(cpu(argv))
    return {name: statistics.median(times) for name, times in seen.items()}


def row(what: str, value: float, unit: str, limit: float | None = None) -> None:
    """Print one result."""
    print(json.dumps({"what": what, "value": round(value, 3), "unit": unit, "limit": limit}))


def main(dist: Path) -> None:
    """Measure on a copy in the current directory."""
    program = os.path.abspath("bbhv")
    shutil.copy2(dist / "bbhv", program)
    cost = medians({"bare": ("/usr/bin/python3", "-IS", "-c", "pass"), "version": (program, "--version")})
    row("python3 -IS -c pass", cost["bare"] * 1000, "ms")
    row("bbhv --version", cost["version"] * 1000, "ms")
    row("bbhv --version over the bare interpreter", cost["version"] / cost["bare"], "times", 1.7)
    row("size of the archive", os.path.getsize(program) / 1e6, "MB", 1.0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
