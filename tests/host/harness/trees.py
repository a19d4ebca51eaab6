"""The file-system trees that test hosts and their containers are made of.

A host tree is a Debian release with the systemd under test: trixie has systemd 257, sid has 262. The guest tree is a
small Debian 13 that boots in a container; it is also kept as a tar archive and as a squashfs image. All are made by
mmdebstrap from the Debian archive that the machine is set up for, once per recipe.
"""

from dataclasses import dataclass
from pathlib import Path

from . import cache
from .shell import Progress, run

RELEASES = ("trixie", "sid")
# Those whose systemd comes with systemd-vmspawn.
WITH_MACHINES = ("sid",)

_HOST_PACKAGES = (
    "systemd", "systemd-sysv", "systemd-container", "systemd-resolved", "dbus", "git", "openssh-client",
    "python3-minimal", "libpython3-stdlib", "squashfs-tools", "erofs-utils", "iproute2", "kmod", "udev", "nftables",
    "libnss-mymachines", "gnupg", "curl", "strace",
    # What signs commits, and what serves repositories over ssh, in tests.
    "openssh-server", "sqv", "gpgv",
    # What makes and reads the images with which our readers are compared.
    "systemd-repart", "systemd-ukify", "systemd-boot-efi", "systemd-boot-tools", "cryptsetup-bin", "dosfstools",
    "mtools", "openssl",
)
# What runs virtual machines, and what makes their disks: only where there is a systemd-vmspawn.
_MACHINE_PACKAGES = ("qemu-system-x86", "qemu-utils", "ovmf", "seabios", "swtpm", "virtiofsd", "e2fsprogs")
_GUEST_PACKAGES = ("systemd-sysv", "dbus", "iproute2")

# Documentation and translations are most of the bytes that no test reads.
_SLIM = tuple(
    f"--dpkgopt=path-exclude=/usr/share/{what}/*" for what in ("doc", "man", "locale", "info", "lintian", "help")
)

# Runs once, outside, with the tree as $1.
_HOST_SETUP = r"""
set -eu
# No first-boot presets and no shared identity: each copy of the tree gets an id of its own.
: > "$1/etc/machine-id"
echo testhost > "$1/etc/hostname"
# What the operator of a real host enables: the product arrives as an extension.
chroot "$1" systemctl --quiet enable systemd-sysext.service systemd-networkd.service systemd-resolved.service
# No link of the test host is ever online: it has loopback only, and networkd would hold up nothing but the boot.
chroot "$1" systemctl --quiet mask systemd-networkd-wait-online.service
# Timers of the distribution that would run in the middle of a test.
chroot "$1" systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    fstrim.timer motd-news.timer
# Tests start servers of their own, with keys of their own.
chroot "$1" systemctl --quiet mask ssh.service ssh.socket
rm -f "$1"/etc/ssh/ssh_host_*
# The kernel makes loop devices on demand, but no udev runs here to make their nodes.
for n in $(seq 0 63); do echo "b! /dev/loop$n 0660 root disk - 7:$n"; done > "$1/etc/tmpfiles.d/loop-nodes.conf"
mkdir -p "$1/srv/images" "$1/srv/git" "$1/var/lib/bitbuilder/offered/debian-13" "$1/var/lib/extensions"
rm -rf "$1"/var/cache/* "$1"/var/lib/apt/* "$1"/var/log/* "$1"/var/lib/dpkg/info
"""

_GUEST_SETUP = r"""
set -eu
: > "$1/etc/machine-id"
echo guest > "$1/etc/hostname"
rm -rf "$1"/var/cache/* "$1"/var/lib/apt/* "$1"/var/log/* "$1"/var/lib/dpkg/info
"""

# A container gets its device nodes from who starts it.
_FINISH = """find "$1/dev" -mindepth 1 -delete"""


@dataclass(frozen=True, slots=True)
class Guest:
    """The guest in its three forms."""

    tree: Path
    tar: Path
    squashfs: Path


def host_tree(release: str, progress: Progress, more: tuple[str, ...] = ()) -> Path:
    """The pristine tree of a test host, with more packages where they are named. Never boot or change it in place."""
    options = ["--variant=important", *_SLIM]
    if release == "sid":
        options.append("--aptopt=Acquire::Check-Valid-Until \"false\"")
    packages = _HOST_PACKAGES + (_MACHINE_PACKAGES if release in WITH_MACHINES else ()) + more
    return _tree("-".join(("host", release, *more)), release, options, packages, _HOST_SETUP, progress)


def guest(progress: Progress) -> Guest:
    """The guest tree and the images made from it."""
    tree = _tree("guest", "trixie", ["--variant=minbase", *_SLIM], _GUEST_PACKAGES, _GUEST_SETUP, progress)
    key = tree.name.removeprefix("guest-")

    def tar(path: Path) -> None:
        with progress.step("packing the guest as a tar archive"):
            run(["tar", "-C", tree, "--sort=name", "--numeric-owner", "-I", "gzip -1n", "-cf", path, "."])

    def squashfs(path: Path) -> None:
        with progress.step("packing the guest as a squashfs image"):
            run(["mksquashfs", tree, path, "-quiet", "-no-progress", "-comp", "zstd", "-Xcompression-level", "3"])

    return Guest(tree, cache.entry("guest.tar.gz", key, tar), cache.entry("guest.squashfs", key, squashfs))


def _tree(
    name: str, suite: str, options: list[str], packages: tuple[str, ...], setup: str, progress: Progress
) -> Path:
    """One tree by mmdebstrap. `setup` is a shell script that finishes it."""
    argv = ["mmdebstrap", "--quiet", *options, f"--include={','.join(packages)}", suite]

    def make(path: Path) -> None:
        with progress.step(f"making the {name} tree from the Debian archive"):
            path.mkdir(mode=0o755)
            run([*argv, path], timeout=900)
            run(["sh", "-c", setup + _FINISH, "setup", path])
            path.chmod(0o755)

    return cache.entry(name, cache.digest(*argv, setup, _FINISH), make)
