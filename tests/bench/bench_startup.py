"""What starting the command costs beside the bare interpreter, on each Python that it is for, and how large it is."""

import sys
from pathlib import Path

from tests.bench import measure, place
from tests.host.harness import trees
from tests.host.harness.shell import Progress

BARE = ("/usr/bin/python3", "-IS", "-c", "pass")
ROUNDS = 60
MODULE = "tests.bench.bench_startup"


def inside(label: str, tree: Path, over: Path) -> None:
    """Measure in a place of its own."""
    place.enter(tree, over, Path("root-" + over.name).absolute())
    times = measure.programs({"bare": BARE, "version": ("/usr/bin/bbhv", "--version")}, ROUNDS)
    measure.row(f"python3 -IS -c pass, {label}", times.ms("bare"), "ms")
    measure.row(f"bbhv --version, {label}", times.ms("version"), "ms")
    measure.row(f"bbhv --version over the bare interpreter, {label}", times.ratio("version", "bare"), "times", 1.7)


def main(dist: Path) -> None:
    """Measure on the machine itself and on the Python of each test host."""
    for label, tree, archive in place.pythons(dist, trees.RELEASES, Progress()):
        place.call(MODULE, (label, tree, place.layer(archive, Path(f"over-{tree.name}").absolute())))
        measure.row(f"size of the archive for {label}", archive.stat().st_size / 1e6, "MB", 1.0)
    measure.row("size of the extension image", (dist / "bbhv.raw").stat().st_size / 1e6, "MB", 2.0)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        main(Path(sys.argv[1]))
    else:
        inside(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
