"""The guest of the tests with virtual machines: the cloud kernel of Debian 13, and an initramfs that is one script.

It comes up in seconds also where a processor is emulated, needs nothing but a disk to start from, and says on its
console what it was given (`guest-init`). The disk is made by a test, with systemd-repart of the host under test.
"""

import lzma
import shutil
from dataclasses import dataclass
from pathlib import Path

from . import cache
from .shell import Progress, run

_INIT = Path(__file__).with_name("guest-init")
_PACKAGES = ("linux-image-cloud-amd64", "busybox-static")
# Those that the kernel does not have built in, in an order in which they can be loaded.
_MODULES = (
    "drivers/block/virtio_blk", "drivers/acpi/button", "drivers/input/evdev", "drivers/firmware/qemu_fw_cfg",
    "net/core/failover", "drivers/net/net_failover", "drivers/net/virtio_net",
)  # fmt: skip
_PACK = 'cd "$1" && find . -print | sort | "$1/bin/busybox" cpio -o -H newc 2>/dev/null | gzip -1n >"$2"'


@dataclass(frozen=True, slots=True)
class MachineGuest:
    """Its kernel and its initramfs."""

    kernel: Path
    initrd: Path


def machine_guest(progress: Progress) -> MachineGuest:
    """The guest, made once per recipe."""
    argv = ["mmdebstrap", "--quiet", "--variant=extract", f"--include={','.join(_PACKAGES)}", "trixie"]

    def make(path: Path) -> None:
        with progress.step("making the guest of virtual machines from the Debian archive"):
            path.mkdir(mode=0o755)
            tree = path / "tree"
            run([*argv, tree], timeout=900)
            shutil.copyfile(next((tree / "boot").glob("vmlinuz-*")), path / "vmlinuz")
            _initramfs(tree, path / "root")
            run(["sh", "-c", _PACK, "pack", path / "root", path / "initrd"])
            for used in ("tree", "root"):
                shutil.rmtree(path / used)

    home = cache.entry("machine-guest", cache.digest(*argv, *_MODULES, _PACK, _INIT.read_bytes()), make)
    return MachineGuest(home / "vmlinuz", home / "initrd")


def _initramfs(tree: Path, root: Path) -> None:
    """The tree of the initramfs, from that of the packages."""
    (root / "bin").mkdir(parents=True)
    (root / "modules").mkdir()
    shutil.copy(tree / "usr/bin/busybox", root / "bin/busybox")
    kernel = next((tree / "usr/lib/modules").glob("*/kernel"))
    for number, name in enumerate(_MODULES):
        plain = lzma.decompress((kernel / f"{name}.ko.xz").read_bytes())
        (root / f"modules/{number}-{Path(name).name}.ko").write_bytes(plain)
    shutil.copy(_INIT, root / "init")
    (root / "init").chmod(0o755)
