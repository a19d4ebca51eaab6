"""What it costs to validate a repository whole: CPU time for a thousand declarations, memory for what is too much."""

import os
import subprocess
import sys
from pathlib import Path

from tests.bench import declarations, measure

ROUNDS = 10
COUNT = 1000
LIMIT = 1000.0  # ms
MEMORY = 64.0  # MB
PEAK = "import sys, runpy; sys.argv[:1] = []; sys.path.insert(0, sys.argv[0]); from bbhv.cli.main import run; " \
       "status = run(sys.argv[1:]); sys.stderr.write(open('/proc/self/status').read()); sys.exit(status)"


def large(top: Path) -> Path:
    """A repository at all bounds at once: as many files, bytes and lines as are read, and some more of each."""
    declarations.write(top, 3000)
    words = " ".join(f"A{n}=" for n in range(30))
    for n in range(30):
        (top / f"containers/l{n}.nspawn").write_text("[Exec]\n" + f"Environment={words}\n" * 150)
    tree = top / "extensions/sysext/tools/usr/lib"
    tree.mkdir(parents=True)
    for n in range(20):
        (tree / f"big{n}").write_bytes(os.urandom(1 << 20))
    for n in range(16_000):
        (tree / f"{n:0100}").touch()
    return top


def peak(archive: Path, folder: Path) -> float:
    """The most memory that one run has taken, in MB. The kernel counts it anew for a new program."""
    done = subprocess.run([sys.executable, "-IS", "-c", PEAK, archive, "validate", folder], check=False, text=True,
                          capture_output=True, timeout=measure.TIMEOUT)
    line = next(line for line in done.stderr.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1e6


def main(dist: Path) -> None:
    """Measure the built archive."""
    folder = declarations.write(Path("thousand").absolute(), COUNT)
    archive = (dist / "bbhv").absolute()
    bare, program = (sys.executable, "-IS", "-c", "pass"), (sys.executable, "-IS", str(archive))
    times = measure.programs({"bare": bare, "all": (*program, "validate", str(folder))}, ROUNDS)
    measure.row(f"bbhv validate, {COUNT} declarations, CPU", times.ms("all"), "ms", LIMIT)
    measure.row(f"bbhv validate, {COUNT} declarations, over the bare interpreter", times.ratio("all", "bare"), "times")
    measure.row(f"bbhv validate, {COUNT} declarations, memory", peak(archive, folder), "MB", MEMORY)
    measure.row("bbhv validate, at all bounds, memory", peak(archive, large(Path("large").absolute())), "MB", MEMORY)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
