"""A place of its own for one test host: mount and process namespace, cgroup, scratch directory.

Everything a test host mounts or starts lives inside the namespaces of one small process, the holder. When the holder
ends, the kernel ends and unmounts all of it; and the holder ends when the harness does, in whatever way, because it
waits for the end of a pipe. The outer system sees nothing but an empty cgroup and the scratch directory, which the
next harness sweeps when nobody holds their lock any more.
"""

import fcntl
import os
import shutil
import struct
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from . import cache
from .shell import BuildError, words

_LOOP_CTL_ADD = 0x4C80
_LOOP_CLR_FD = 0x4C01
_LOOP_GET_STATUS64 = 0x4C05
_LOOPS = 16
_CGROUPS = "/sys/fs/cgroup"

# Runs as process 1 of the new process namespace. $1 is where this kernel has cgroup2 mounted, or nothing; $2 a spare
# mount point. An existing cgroup2 mount is bound, because a new one would change the options of the outer system's.
_ENTER = r"""
set -e
if [ -z "$1" ]; then
    umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup
elif [ "$1" != /sys/fs/cgroup ]; then
    mount --bind "$1" "$2" && umount -R /sys/fs/cgroup && mount --move "$2" /sys/fs/cgroup
fi
mount -t tmpfs -o mode=755 tmpfs /run
eval "$3"
echo ready
exec cat
"""


class Holder:
    """The namespaces of one test host. `directory` is its scratch, `pid` the process whose namespaces they are."""

    def __init__(self, name: str) -> None:
        self.name = f"{name}-{uuid.uuid4().hex[:8]}"
        self.cgroup = f"bitbuilder-{self.name}"
        self.directory = cache.home() / "hosts" / self.name
        self._stack = ExitStack()
        self.pid = 0

    def open(self) -> None:
        """Make the scratch directory. It is locked for as long as this object is open."""
        self.directory.parent.mkdir(mode=0o700, exist_ok=True)
        with cache.locked(self.directory.parent / ".lock"):
            self.directory.mkdir(mode=0o755)
            lock = self._stack.enter_context((self.directory / "lock").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        self._stack.callback(_remove, self.directory)

    def enter(self, mounts: str) -> None:
        """Start the holder; `mounts` are shell commands that mount what the host needs, seen by nobody else."""
        spare = self.directory / "spare"
        spare.mkdir()
        process = subprocess.Popen(
            words(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private",
                   "sh", "-c", _ENTER, "holder", _cgroup2(), spare, mounts]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/",
            # Outside of the terminal's process group: an interrupt is for the harness, which then closes the host.
            start_new_session=True,
        )
        self._stack.callback(_end, process)
        assert process.stdout and process.stderr
        if process.stdout.readline() != "ready\n":
            raise BuildError(f"Cannot set up the namespaces of a test host: {process.stderr.read().strip()}")
        self.pid = child_of(process.pid)

    def command(self, *argv: str | Path) -> tuple[str, ...]:
        """The command line that runs a program in the namespaces, and in the cgroup of this host."""
        join = f'mkdir -p {_CGROUPS}/{self.cgroup} && echo 0 > {_CGROUPS}/{self.cgroup}/cgroup.procs && exec "$@"'
        enter = ("nsenter", "-t", str(self.pid), "-m", "-p", "--root", "--wd", "--")
        return words([*enter, "sh", "-c", join, "sh", *argv])

    def path(self, inner: Path) -> Path:
        """A path of the namespaces, as seen from outside."""
        return Path(f"/proc/{self.pid}/root{inner}")

    def sweep_cgroup(self) -> None:
        """Remove the cgroups that a host left behind. Its processes must have ended."""
        if self.pid:
            remove_cgroup(self.path(Path(_CGROUPS)) / self.cgroup)

    def close(self) -> None:
        """End every process of the host, unmount everything, detach its loop devices, remove the scratch directory."""
        with self._stack:
            self.sweep_cgroup()
        self.pid = 0


def child_of(pid: int) -> int:
    """The only child of a process. Raises BuildError when it has none, or several."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    if len(children) != 1:
        raise BuildError(f"Process {pid} has {len(children)} children where one was expected.")
    return int(children[0])


def add_loop_devices() -> None:
    """Have the kernel make the first loop devices: systemd removes those it has used, for all hosts together."""
    try:
        control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise BuildError(f"Cannot open /dev/loop-control: {error.strerror}. Test hosts need loop devices.") from None
    try:
        for number in range(_LOOPS):
            try:
                fcntl.ioctl(control, _LOOP_CTL_ADD, number)
            except FileExistsError:
                continue
    finally:
        os.close(control)


def sweep() -> None:
    """Remove what killed harnesses left: scratch directories whose lock nobody holds, and their cgroups."""
    parent = cache.home() / "hosts"
    if not parent.is_dir():
        return
    with cache.locked(parent / ".lock"):
        for directory in parent.iterdir():
            with suppress(FileNotFoundError):  # whose it was may be removing it as well
                if directory.is_dir() and _abandoned(directory):
                    _remove(directory)


def _abandoned(directory: Path) -> bool:
    try:
        with (directory / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _cgroup2() -> str:
    """Where cgroup2 is mounted, or an empty string."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup2":
            return where
    return ""


def remove_cgroup(path: Path) -> None:
    """Remove a cgroup and all below it, deepest first."""
    for directory, _, _ in os.walk(path, topdown=False):
        try:
            os.rmdir(directory)
        except OSError:
            continue


def _end(process: subprocess.Popen[str]) -> None:
    """End the holder: first its pipe, which is enough, then by force."""
    with process:
        assert process.stdin
        process.stdin.close()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()


def _remove(directory: Path) -> None:
    """Remove a scratch directory, detaching the loop devices that are still attached to its files."""
    attached = dict(_attached_loops())
    if attached:
        for parent, _, files in os.walk(directory):
            for name in files:
                status = os.lstat(os.path.join(parent, name))
                if device := attached.get((status.st_dev, status.st_ino)):
                    _detach(device)
    if (where := _cgroup2()) and directory.name:
        remove_cgroup(Path(where) / f"bitbuilder-{directory.name}")
    shutil.rmtree(directory, ignore_errors=True)


def _attached_loops() -> Iterator[tuple[tuple[int, int], Path]]:
    """Each attached loop device, by device and inode of its backing file."""
    for entry in Path("/sys/block").glob("loop*/loop"):
        device = Path("/dev") / entry.parent.name
        buffer = bytearray(232)
        with _opened(device) as fd:
            if fd is None:
                continue
            try:
                fcntl.ioctl(fd, _LOOP_GET_STATUS64, buffer)
            except OSError:
                continue
        dev, inode = struct.unpack_from("QQ", buffer)
        yield (dev, inode), device


def _detach(device: Path) -> None:
    with _opened(device) as fd:
        if fd is not None:
            fcntl.ioctl(fd, _LOOP_CLR_FD)


@contextmanager
def _opened(device: Path) -> Iterator[int | None]:
    try:
        fd = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        yield None
        return
    try:
        yield fd
    finally:
        os.close(fd)
