"""What our generator costs on every daemon-reload: beside the bare interpreter, beside podman's, and as it grows.

Both generators run in the same root, which is in memory, and see as many workloads: ours what compile made of tenants
with four containers each, podman's as many .container files that say about the same.
"""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from bbhv.model.compile import Generation
from tests.bench import fleet, measure, place, quadlet
from tests.host.harness.shell import Progress

OURS = "/usr/lib/systemd/system-generators/bitbuilder-generator"
THEIRS = "/usr/libexec/podman/quadlet"
BARE = ("/usr/bin/python3", "-IS", "-c", "pass")
PER_TENANT = 4
SIZES = (1, 1000, 3000)
ROUNDS_SMALL, ROUNDS_LARGE = 40, 10
MODULE = "tests.bench.bench_generator"
CONTAINER = """[Unit]
Description=Container {name}

[Container]
Image=docker.io/library/debian:13
Environment=ROLE=web
PodmanArgs=--memory=64m

[Install]
WantedBy=multi-user.target
"""


def fill(size: int, made: dict[str, Generation]) -> None:
    """Lay out that many workloads for both in /run/SIZE."""
    workloads = Path(f"/run/{size}/containers")
    workloads.mkdir(parents=True)
    for number in range(size):
        (workloads / f"web{number}.container").write_text(CONTAINER.format(name=number), encoding="utf-8")
    Path(f"/run/{size}/bitbuilder").mkdir()
    use(size)
    fleet.show(made)


def use(size: int) -> None:
    """Let both see the workloads of /run/SIZE."""
    for link, target in (("/run/bitbuilder", "bitbuilder"), ("/run/containers/systemd", "containers")):
        Path(link).parent.mkdir(exist_ok=True)
        Path(link).unlink(missing_ok=True)
        Path(link).symlink_to(f"/run/{size}/{target}")


def generator(program: str, size: int) -> Callable[[], float]:
    """One run of a generator with empty folders to write to, as systemd runs it."""
    out = [f"/run/out/{name}" for name in ("normal", "early", "late")]

    def run() -> float:
        use(size)
        shutil.rmtree("/run/out", ignore_errors=True)
        for folder in out:
            os.makedirs(folder)
        return measure.cpu((program, *out))

    return run


def results() -> tuple[int, int]:
    """How many entries the last run wrote, and how many services are wanted by a target."""
    normal = Path("/run/out/normal")
    return len(os.listdir(normal)), sum(len(os.listdir(wants)) for wants in normal.glob("*.wants"))


def check(program: str, size: int, wanted: int) -> None:
    """A generator that generates nothing would be fast indeed."""
    generator(program, size)()
    entries, wants = results()
    if wants != wanted or entries < size:
        raise SystemExit(f"{program} made {entries} entries and {wants} wanted units of {size} workloads.")


def inside(label: str, tree: Path, over: Path) -> None:
    """Measure in a place of its own."""
    made = {size: fleet.make(-(-size // PER_TENANT), min(size, PER_TENANT)) for size in SIZES}
    place.enter(tree, over, Path("root-" + over.name).absolute())
    for size in SIZES:
        fill(size, made[size])
        check(OURS, size, len(made[size]))
        check(THEIRS, size, size)
    one, many, most = SIZES
    small = measure.by_turns({"bare": lambda: measure.cpu(BARE), "ours": generator(OURS, one)}, ROUNDS_SMALL)
    measure.row(f"generator with {one} workload, {label}", small.ms("ours"), "ms")
    measure.row(f"generator with {one} workload over the bare, {label}", small.ratio("ours", "bare"), "times", 1.3)
    large = measure.by_turns(
        {"ours": generator(OURS, many), "theirs": generator(THEIRS, many), "most": generator(OURS, most)}, ROUNDS_LARGE)
    measure.row(f"generator with {many} workloads, {label}", large.ms("ours"), "ms")
    measure.row(f"podman's generator with {many} containers, {label}", large.ms("theirs"), "ms")
    measure.row(f"generator over podman's with {many} workloads, {label}", large.ratio("ours", "theirs"), "times", 0.3)
    grown = (large.ms("most") - small.ms("ours")) / (large.ms("ours") - small.ms("ours")) * many / most
    measure.row(f"generator per workload, {most} over {many}, {label}", grown, "times", 1.3)


def main(dist: Path) -> None:
    """Measure on the machine itself and on Debian 13."""
    progress = Progress()
    program = quadlet.program(progress)
    for label, tree, archive in place.pythons(dist, ("trixie",), progress):
        over = place.layer(archive, Path(f"over-{tree.name}").absolute())
        (over / "libexec/podman").mkdir(parents=True)
        shutil.copy2(program, over / "libexec/podman/quadlet")
        (over / "libexec/podman/quadlet").chmod(0o755)
        place.call(MODULE, (label, tree, over))


if __name__ == "__main__":
    if len(sys.argv) == 2:
        main(Path(sys.argv[1]))
    else:
        inside(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
