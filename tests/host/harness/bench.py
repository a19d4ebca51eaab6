"""Run the benches: every tests/bench/bench_*.py, each in its own process, on a tmpfs.

A bench is called with the directory of the artifacts and works in its current directory. It prints one JSON object per
line: what was measured, its value, its unit, and the limit that it should keep, or null. The rows are shown as a table
and kept in dist/bench/NAME.json.
"""

import json
import os
import tempfile
from pathlib import Path

from .shell import BuildError, run

_TMPFS = Path("/dev/shm")


def run_all(root: Path, python: Path, dist: Path, only: list[str]) -> int:
    """Run the benches, or those named. Returns 1 when a row is over its limit."""
    over = 0
    for script in sorted((root / "tests/bench").glob("bench_*.py")):
        name = script.stem.removeprefix("bench_")
        if only and name not in only:
            continue
        rows = _rows(root, python, dist, f"tests.bench.{script.stem}")
        results = dist / "bench" / f"{name}.json"
        results.parent.mkdir(parents=True, exist_ok=True)
        results.write_text(json.dumps(rows, indent=2) + "\n")
        for row in rows:
            limit = row["limit"]
            bad = isinstance(limit, (int, float)) and float(str(row["value"])) > limit
            over += bad
            bound = f"  limit {limit} {row['unit']}" if limit is not None else ""
            print(f"{name:<12} {row['what']:<64} {row['value']:>10} {row['unit']}{bound}{'  OVER' if bad else ''}")
    return int(over > 0)


def _rows(root: Path, python: Path, dist: Path, module: str) -> list[dict[str, str | float | None]]:
    base = _TMPFS if _TMPFS.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="bitbuilder-bench-", dir=base) as scratch:
        done = run([python, "-m", module, dist], cwd=Path(scratch), env={**os.environ, "PYTHONPATH": str(root)})
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    if not rows:
        raise BuildError(f"{module} measured nothing.")
    return rows
