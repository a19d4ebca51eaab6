"""Run the benches: every tests/bench/bench_*.py, each in its own process, on a tmpfs.

A bench is called with the directory of the artifacts and works in its current directory. It prints one JSON object per
line: what was measured, its value, its unit, and the limit that it should keep, or null; or a sentence. The rows are
shown as a table, the sentences below it, and all is kept in dist/bench/NAME.json. A bench that breaks off counts like a
row over its limit; the others go on.
"""

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .shell import BuildError, Progress, run

_TMPFS = Path("/dev/shm")
TIMEOUT = 7200.0


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was measured."""

    what: str
    value: float
    unit: str
    limit: float | None

    @property
    def over(self) -> bool:
        """Whether it is more than it should be."""
        return self.limit is not None and self.value > self.limit

    def line(self) -> str:
        """The row as a line of the table."""
        bound = f"  limit {self.limit:g}" if self.limit is not None else ""
        return f"  {self.what:<78} {self.value:>10.3f} {self.unit:<8}{bound}{'  OVER' if self.over else ''}".rstrip()


def run_all(root: Path, python: Path, dist: Path, only: list[str]) -> int:
    """Run the benches, or those named. Returns 1 when a row is over its limit, or when a bench has failed."""
    scripts = {path.stem.removeprefix("bench_"): path for path in sorted((root / "tests/bench").glob("bench_*.py"))}
    if unknown := sorted(set(only) - scripts.keys()):
        raise BuildError(f"There is no bench {', '.join(unknown)}; there are {', '.join(scripts)}.")
    wrong: list[str] = []
    for name in only or scripts:
        try:
            rows, said = _rows(root, python, dist, name)
        except BuildError as error:
            Progress().say(f"The bench {name} has failed. {error}")
            wrong.append(name)
            continue
        print(f"{name}:", *(row.line() for row in rows), *said, sep="\n", flush=True)
        wrong += [row.what for row in rows if row.over]
    print(f"Over their limits, or failed: {'; '.join(wrong) or 'none'}.")
    return int(bool(wrong))


def _rows(root: Path, python: Path, dist: Path, name: str) -> tuple[list[Row], list[str]]:
    """What one bench measures and says, kept in dist/bench as well."""
    base = _TMPFS if _TMPFS.is_dir() else None
    module = f"tests.bench.bench_{name}"
    place = tempfile.TemporaryDirectory(prefix="bitbuilder-bench-", dir=base)
    with place as scratch, Progress().step(f"measuring {name}"):
        environment = {**os.environ, "PYTHONPATH": str(root)}
        done = run([python, "-m", module, dist], cwd=Path(scratch), env=environment, timeout=TIMEOUT)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    if not found:
        raise BuildError(f"{module} measured nothing.")
    results = dist / "bench" / f"{name}.json"
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_text(json.dumps(found, indent=2) + "\n")
    said = [str(one["said"]) for one in found if "said" in one]
    return [Row(one["what"], float(one["value"]), one["unit"], one["limit"]) for one in found if "what" in one], said
