"""A place to measure in: the /usr of a Debian with the product merged over it, and all else in memory.

The bench calls itself again in a mount namespace of its own, and goes into the new root for good: what it measures
after that is the programs, not the ways into another root.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.host.harness import trees
from tests.host.harness.shell import Progress, run

LAUNCHER = Path(__file__).parents[2] / "sysext/usr/lib/systemd/system-generators/bitbuilder-generator"
ETC = ("group", "ld.so.cache", "nsswitch.conf", "passwd")


def call(module: str, arguments: Sequence[str | Path]) -> None:
    """Run a bench module in a mount namespace of its own; its rows are printed by it."""
    argv = ["unshare", "--mount", "--propagation", "private", sys.executable, "-m", module, *map(str, arguments)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)


def pythons(dist: Path, releases: Sequence[str], progress: Progress) -> Iterator[tuple[str, Path, Path]]:
    """The machine itself and releases: what to call it, its tree, and the archive that was built for its Python."""
    places = [(Path("/"), dist / "bbhv")]
    places += [(trees.host_tree(release, progress), dist / release / "bbhv") for release in releases]
    for tree, archive in places:
        version = run(["chroot", tree, "/usr/bin/python3", "-ISc", "import sys; print('%d.%d' % sys.version_info[:2])"])
        yield f"Python {version.stdout.strip()}", tree, archive


def layer(archive: Path, where: Path) -> Path:
    """Lay out what comes over /usr: the archive, and the launcher of the generator."""
    generators = where / "lib/systemd/system-generators"
    for folder in (where / "bin", generators):
        folder.mkdir(parents=True)
    shutil.copy2(archive, where / "bin/bbhv")
    shutil.copy2(LAUNCHER, generators)
    return where


def enter(tree: Path, over: Path, root: Path) -> None:
    """Make a root of a tree's /usr with the layer over it, and go into it. Only in a mount namespace of its own."""
    for folder in ("usr", "etc", "dev", "proc", "run", "tmp"):
        (root / folder).mkdir(parents=True)
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        if (tree / name).is_symlink():
            (root / name).symlink_to(os.readlink(tree / name))
    for name in ETC:
        shutil.copy(tree / "etc" / name, root / "etc" / name)
    (root / "dev/null").touch()
    mounts: tuple[list[str | Path], ...] = (
        ["mount", "-t", "overlay", "-o", f"ro,lowerdir={over}:{tree / 'usr'}", "overlay", root / "usr"],
        ["mount", "--bind", "/dev/null", root / "dev/null"],
        ["mount", "--bind", "/proc", root / "proc"],
        ["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", root / "run"],
    )
    for argv in mounts:
        subprocess.run(argv, check=True)
    os.chroot(root)
    os.chdir("/")
