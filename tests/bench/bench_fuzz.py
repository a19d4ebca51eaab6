"""Every reader of untrusted bytes for as long as a bench may take: how many inputs, how many failures, the slowest one.

A failing input is kept as dist/bench/fuzz/READER-SEED-NUMBER, so that a test can be made of it.
"""

import sys
import time
import traceback
from pathlib import Path

from tests.bench import measure
from tests.fuzz.mutate import mutated
from tests.fuzz.targets import TARGETS, Target

SECONDS = 20.0
BATCH = 500
SLOWEST_MS = 1000.0


def main(dist: Path) -> None:
    """Run each row for its time."""
    for target in TARGETS:
        _run(target, dist / "bench/fuzz")


def _run(target: Target, kept: Path) -> None:
    tried, failed, slowest, end = 0, 0, 0.0, time.process_time() + SECONDS
    seeds, seed = target.seeds(), 0
    while time.process_time() < end:
        seed += 1
        for number, data in enumerate(mutated(seeds, BATCH, seed)):
            before = time.process_time()
            try:
                target.check(data)
            except Exception:
                failed += 1
                kept.mkdir(parents=True, exist_ok=True)
                (kept / f"{target.name.replace(' ', '-')}-{seed}-{number}").write_bytes(data)
                traceback.print_exc(file=sys.stderr)
            slowest = max(slowest, time.process_time() - before)
            tried += 1
            if time.process_time() >= end:
                break
    measure.row(f"{target.name}: inputs tried", tried, "inputs")
    measure.row(f"{target.name}: inputs that broke a promise", failed, "inputs", 0)
    measure.row(f"{target.name}: the slowest input", slowest * 1000, "ms", SLOWEST_MS)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
