"""What a hostile root tries inside its container: run there with `python3 THIS FACTS RESULT`.

Each attempt is a function that says whether it got what it wanted (None: it did), in a process of its own; being denied
is an OSError. A control wants what everybody may have, and shows that this way of trying works. FACTS are what the host
tells about itself, so that nobody has to guess: numbers of processes, handles of files, names. All of it is bounded.
"""

import ctypes
import errno
import fcntl
import json
import os
import resource
import select
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

Attempt = Callable[[], object]
ATTEMPTS: dict[str, Attempt] = {}
CONTROLS: dict[str, Attempt] = {}
FACTS: dict[str, Any] = {}
SECONDS = 8
DATA, PLACE = os.environ.get("DATA", "/srv/data"), "/mnt"
DENIED = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EROFS, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT)
NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = (
    0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
)  # fmt: skip
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE, MS_SHARED, MNT_DETACH = 1, 32, 4096, 16384, 1 << 18, 1 << 20, 2
AT_FDCWD = -100
# System calls by their numbers on x86-64.
CALLS = {
    "shmget": 29, "semget": 64, "msgget": 68, "ptrace": 101, "syslog": 103, "getpgid": 121, "vhangup": 153,
    "pivot_root": 155, "adjtimex": 159, "acct": 163, "settimeofday": 164, "mount": 165, "umount2": 166, "swapon": 167,
    "swapoff": 168, "reboot": 169, "iopl": 172, "ioperm": 173, "init_module": 175, "delete_module": 176,
    "clock_settime": 227, "mq_open": 240, "kexec_load": 246, "add_key": 248, "request_key": 249, "keyctl": 250,
    "ioprio_set": 251, "migrate_pages": 256, "unshare": 272, "move_pages": 279, "timerfd_create": 283,
    "perf_event_open": 298, "fanotify_init": 300, "fanotify_mark": 301, "prlimit64": 302, "open_by_handle_at": 304,
    "clock_adjtime": 305, "setns": 308, "process_vm_readv": 310, "kcmp": 312, "finit_module": 313, "sched_setattr": 314,
    "renameat2": 316,
    "kexec_file_load": 320, "bpf": 321, "userfaultfd": 323, "pidfd_send_signal": 424, "open_tree": 428, "fsopen": 430,
    "fsconfig": 431,
    "pidfd_open": 434, "pidfd_getfd": 438, "mount_setattr": 442, "quotactl_fd": 443, "listmount": 458,
}  # fmt: skip
_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long


def call(name: str, *arguments: "int | bytes | ctypes.Array[ctypes.c_char]") -> int:
    """A system call. Raises OSError."""
    words = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    result = int(_LIBC.syscall(ctypes.c_long(CALLS[name]), *words))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def wanted(name: str) -> Callable[[Attempt], Attempt]:
    """An attempt."""
    def note(function: Attempt) -> Attempt:
        assert name not in ATTEMPTS
        ATTEMPTS[name] = function
        return function

    return note


def control(name: str) -> Callable[[Attempt], Attempt]:
    """What must succeed."""
    def note(function: Attempt) -> Attempt:
        CONTROLS[name] = function
        return function

    return note


def through(attempt: Attempt, *harmless: int) -> Attempt:
    """Whether the kernel did it, or got as far as finding the words wrong: every error but that of being denied."""
    def tried() -> object:
        try:
            attempt()
        except OSError as error:
            if error.errno in (*DENIED, *harmless):
                raise
            return f"let through: {error}"
        return True

    return tried


def mount(source: str, target: str, kind: str, flags: int = 0, options: str = "") -> None:
    """mount(2)"""
    call("mount", source.encode(), target.encode(), kind.encode(), flags, options.encode())


def alone() -> None:
    """From here on, what is mounted is nobody else's."""
    call("unshare", NEWNS)
    mount("none", "/", "none", MS_REC | MS_PRIVATE)


def host_below(root: str) -> list[str]:
    """What is below a folder that only the host has."""
    return [path for path in FACTS["marks"] if os.path.lexists(f"{root}{path}")]


def opens(path: str, flags: int = os.O_RDONLY) -> bool:
    """Whether something can be opened; what nspawn has put over a file of the kernel's is empty, or a pipe."""
    handle = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        return not stat.S_ISFIFO(os.fstat(handle).st_mode)
    finally:
        os.close(handle)


def reads(path: str) -> bool:
    """Whether there is anything to read in a file."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return bool(os.read(handle, 8))
    finally:
        os.close(handle)


def each(attempt: Callable[[Any], object], values: Iterable[Any]) -> list[object]:
    """What an attempt got with each of the values, where it was not denied; None says that it got it."""
    found = []
    for value in values:
        try:
            got = attempt(value)
        except OSError:
            continue
        if got is None or got:
            found.append(value if got is None else got)
    return found


def child(function: Callable[[], object]) -> int:
    """The number of another process, which does that and ends: with 1 when it got something."""
    number = os.fork()
    if not number:
        status = 0
        try:
            status = int(bool(function()))
        except OSError:
            pass
        finally:
            os._exit(status)
    return number


def ended(number: int) -> int:
    """How a child has ended."""
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


# Processes


@wanted("processes: see one of the host")
def _() -> object:
    def told(path: Path) -> str:
        try:
            return path.read_bytes().decode("utf-8", "replace") if FACTS["word"] in path.read_text() else ""
        except OSError:
            return ""

    return "".join(map(told, Path("/proc").glob("[0-9]*/cmdline")))


def _foreign() -> list[int]:
    """The numbers of processes of the host that are none in here; on the host itself, all of them."""
    return [pid for pid in FACTS["pids"] if FACTS.get("here") or not os.path.exists(f"/proc/{pid}")]


_ROOM = ctypes.create_string_buffer(8)


def _piece(address: int) -> bytes:
    """A piece of memory (iovec)."""
    return struct.pack("QQ", address, 8)


def _of_the_host(attempt: Callable[[int], object]) -> Attempt:
    """Tried for each number that is a process of the host and none in here."""
    def tried() -> object:
        def one(pid: int) -> None:
            attempt(pid)

        return each(one, _foreign())

    return tried


for _name, _attempt in {
    "end one": lambda pid: os.kill(pid, signal.SIGKILL),
    "hold one": lambda pid: call("pidfd_open", pid, 0),
    "trace one": lambda pid: call("ptrace", 0x4206, pid, 0, 0),
    "read the memory of one": lambda pid: call(
        "process_vm_readv", pid, _piece(ctypes.addressof(_ROOM)), 1, _piece(FACTS["address"]), 1, 0),
    "compare with one": lambda pid: call("kcmp", os.getpid(), pid, 0, 0, 0),
    "change the limits of one": lambda pid: call("prlimit64", pid, 7, struct.pack("QQ", 9, 9), 0),
    "change the priority of one": lambda pid: os.setpriority(os.PRIO_PROCESS, pid, 19),
    "change the scheduling of one": lambda pid: os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0)),
    "change the disk priority of one": lambda pid: call("ioprio_set", 1, pid, 3 << 13),
    "confine one to a processor": lambda pid: os.sched_setaffinity(pid, {0}),
    "move the pages of one": lambda pid: call("move_pages", pid, 0, 0, 0, 0, 0),
    "move one to another node": lambda pid: call("migrate_pages", pid, 0, 0, 0),
    "find the group of one": lambda pid: call("getpgid", pid),
}.items():
    ATTEMPTS[f"processes: {_name} of the host"] = _of_the_host(_attempt)


def _peers() -> Iterator[int]:
    """Descriptors of the processes at the other ends of the sockets that came along."""
    for number in range(3):
        if stat.S_ISSOCK(os.fstat(number).st_mode):
            with socket.socket(fileno=os.dup(number)) as one:
                if struct.unpack("3i", one.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]:
                    continue  # it is one of its own
                yield struct.unpack("i", one.getsockopt(socket.SOL_SOCKET, 77, 4))[0]


@wanted("processes: end who is behind standard output")
def _() -> object:
    return each(lambda one: call("pidfd_send_signal", one, 0, 0, 0) >= 0, _peers())


@wanted("processes: take a file of who is behind standard output")
def _() -> object:
    return each(lambda one: call("pidfd_getfd", one, 1, 0) >= 0, _peers())


@wanted("processes: enter who is behind standard output")
def _() -> object:
    return each(lambda one: call("setns", one, NEWNET) >= 0, _peers())


@wanted("processes: find the host below a process")
def _() -> object:
    return [str(path) for path in Path("/proc").glob("[0-9]*") for link in ("root", "cwd")
            if host_below(f"{path}/{link}")]  # fmt: skip


@control("processes: end one of its own")
def _() -> object:
    number = child(signal.pause)
    os.kill(number, signal.SIGKILL)
    return ended(number) == -signal.SIGKILL


# The kernel's files

for _path in ("kcore", "kmsg", "kpagecount", "kpageflags", "kpagecgroup", "vmallocinfo", "slabinfo", "pagetypeinfo",
              "timer_list", "sched_debug", "mtrr", "allocinfo"):  # fmt: skip
    ATTEMPTS[f"proc: read /proc/{_path}"] = partial(reads, f"/proc/{_path}")


@wanted("proc: learn addresses of the kernel")
def _() -> object:
    lines = [line.split()[0] for path in ("kallsyms", "modules", "iomem") for line in
             Path(f"/proc/{path}").read_text(errors="replace").splitlines() if path == "kallsyms"][:1000]  # fmt: skip
    return any(int(address, 16) for address in lines)


@wanted("proc: the keys of the kernel that are for emergencies")
def _() -> object:
    return opens("/proc/sysrq-trigger", os.O_WRONLY)


# What a container may set for itself: its networks, its name, its own queues and counts. Whoever writes to
# /proc/pressure asks to be woken, which everybody may, and /proc/kmsg is a pipe of nspawn's.
_OWN_SYSCTLS = ("/proc/sys/net/", "/proc/sys/user/", "/proc/sys/fs/mqueue/", "/proc/sys/fs/binfmt_misc/",
                "/proc/sys/kernel/shm", "/proc/sys/kernel/msg", "/proc/sys/kernel/sem", "/proc/sys/kernel/auto_msgmni",
                "/proc/sys/kernel/hostname", "/proc/sys/kernel/domainname", "/proc/sys/kernel/ns_last_pid",
                "/proc/sys/kernel/pid_max", "/proc/pressure/", "/proc/kmsg")  # fmt: skip


def _writable(root: str, *own: str) -> list[str]:
    """What can be opened for writing below a folder of the kernel's, but for its own."""
    found, rest = [], [root]
    while rest:
        folder = rest.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        for entry in entries:
            path = entry.path.replace(root, "", 1)
            if entry.is_dir(follow_symlinks=False):
                if not path.startswith(own) and not entry.name.isdigit():
                    rest.append(entry.path)
            elif entry.is_file(follow_symlinks=False) and not path.startswith(own):
                try:
                    os.close(os.open(entry.path, os.O_WRONLY | os.O_NONBLOCK))
                except OSError:
                    continue
                found.append(entry.path)
    return found


def _proc(root: str) -> list[str]:
    return _writable(root, *(path.removeprefix("/proc") for path in _OWN_SYSCTLS), "/self/", "/thread-self/")


@wanted("proc: write to any file of it")
def _() -> object:
    return _proc("/proc")


@wanted("proc: write to any file of it, after it was mounted anew for writing")
def _() -> object:
    alone()
    each(lambda path: mount("none", path, "none", MS_REMOUNT | MS_BIND), ("/proc", "/proc/sys", "/proc/sys/net"))
    return _proc("/proc")


@wanted("proc: write to any file of another one")
def _() -> object:
    alone()
    mount("proc", PLACE, "proc")
    return _proc(PLACE)


@wanted("proc: see the host in another one of another process namespace")
def _() -> object:
    call("unshare", NEWNS | NEWPID)
    mount("none", "/", "none", MS_REC | MS_PRIVATE)

    def look() -> object:
        mount("proc", PLACE, "proc")
        return host_below(f"{PLACE}/1/root") or _proc(PLACE)

    return ended(child(look))


# The own interfaces of a container are in its own part of sysfs.
_OWN_SYS = ("/class/net", "/devices/virtual/net", "/fs/cgroup")


@wanted("sys: write to any file of it")
def _() -> object:
    return _writable("/sys", *_OWN_SYS)


@wanted("sys: write to any file of it, after it was mounted anew for writing")
def _() -> object:
    alone()
    mount("none", "/sys", "none", MS_REMOUNT | MS_BIND)
    return _writable("/sys", *_OWN_SYS)


@wanted("sys: write to any file of another one")
def _() -> object:
    alone()
    mount("sysfs", PLACE, "sysfs")
    return _writable(PLACE, *_OWN_SYS)


@control("sys: see its own interfaces")
def _() -> object:
    return os.path.exists("/sys/class/net/lo")


# Devices

_NODES = {(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2), (10, 200)}
_UNIX98 = range(136, 144)


def _is_own(mode: int, device: int) -> bool:
    major, minor = os.major(device), os.minor(device)
    return stat.S_ISCHR(mode) and ((major, minor) in _NODES or major in _UNIX98)


@wanted("devices: open one that is there")
def _() -> object:
    def one(path: str) -> object:
        found = os.lstat(path)
        is_node = stat.S_ISBLK(found.st_mode) or stat.S_ISCHR(found.st_mode)
        return is_node and not _is_own(found.st_mode, found.st_rdev) and opens(path) and path

    return each(one, [f"{folder}/{name}" for folder, _, names in os.walk("/dev") for name in names])


for _path in ("mem", "kmem", "port", "kmsg", "fuse", "loop-control", "loop0", "kvm", "vhost-net", "vhost-vsock",
              "mapper/control", "sda", "vda", "nvme0n1", "rtc0", "watchdog", "uinput", "cpu/0/msr", "nvram", "hpet",
              "ppp", "vfio/vfio", "dri/card0", "input/event0", "snapshot", "autofs", "btrfs-control", "userfaultfd",
              "udmabuf", "vcs", "tty0", "tty1", "ttyS0", "hwrng", "tpm0", "mei0", "sg0"):  # fmt: skip
    ATTEMPTS[f"devices: open /dev/{_path}"] = partial(opens, f"/dev/{_path}")


def _made(kind: int, major: int, minor: int) -> Attempt:
    """Makes a device where root of a container can write, and opens it."""
    def one(folder: str) -> object:
        path = f"{folder}/{FACTS['word']}-{major}-{minor}"
        os.mknod(path, kind | 0o666, os.makedev(major, minor))
        return opens(path) and path

    return lambda: each(one, (DATA, "/dev", "/tmp", "/dev/shm", "/run/host/unix-export"))


for _what, (_kind, _major, _minor) in {
    "the memory": (stat.S_IFCHR, 1, 1), "the ports": (stat.S_IFCHR, 1, 4), "the kernel's log": (stat.S_IFCHR, 1, 11),
    "a loop device": (stat.S_IFBLK, 7, 0), "what makes loop devices": (stat.S_IFCHR, 10, 237),
    "FUSE": (stat.S_IFCHR, 10, 229), "KVM": (stat.S_IFCHR, 10, 232), "the console": (stat.S_IFCHR, 5, 1),
    "a terminal": (stat.S_IFCHR, 4, 0), "the clock": (stat.S_IFCHR, 254, 0), "the device mapper":
    (stat.S_IFCHR, 10, 236), "a disk": (stat.S_IFBLK, 8, 0), "a disk of a virtual machine": (stat.S_IFBLK, 254, 0),
    "vsock": (stat.S_IFCHR, 10, 241), "a way into the network": (stat.S_IFCHR, 10, 238),
}.items():  # fmt: skip
    ATTEMPTS[f"devices: make {_what}"] = _made(_kind, _major, _minor)


@wanted("devices: make the disk of the host")
def _() -> object:
    return [got for major, minor in FACTS["disks"] if (got := _made(stat.S_IFBLK, major, minor)())]


@control("devices: read random bytes")
def _() -> object:
    return len(Path("/dev/urandom").open("rb").read(4)) == 4


# Mounts


@contextmanager
def _users(text: str) -> Iterator[int]:
    """A process in a namespace of users of its own, with these."""
    ready, go = os.pipe(), os.pipe()

    def wait() -> None:
        os.close(ready[0])
        os.close(go[1])
        call("unshare", NEWUSER)
        os.write(ready[1], b"x")
        os.read(go[0], 1)

    number = child(wait)
    os.close(ready[1])
    try:
        if not os.read(ready[0], 1):
            raise PermissionError(errno.EPERM, "no namespace of users")
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{number}/{name}").write_text(text)
        yield number
    finally:
        os.close(go[1])
        ended(number)


def _prepared(kind: str) -> object:
    """By the newer calls."""
    alone()
    handle = call("fsopen", kind.encode(), 0)
    call("fsconfig", handle, 1, b"source\0", f"{DATA}/image\0".encode(), 0)
    call("fsconfig", handle, 6, 0, 0, 0)
    return True


def _written(kind: str) -> object:
    """An older hierarchy of control groups, where a host has one, may be seen, but not changed."""
    alone()
    mount("none", PLACE, kind)
    return _writable(PLACE)


def _mounted(source: str, kind: str, flags: int = 0) -> object:
    alone()
    mount(source, PLACE, kind, flags)
    return os.listdir(PLACE) or True


for _system in ("ext4", "xfs", "btrfs", "squashfs", "erofs", "vfat", "iso9660"):
    ATTEMPTS[f"mounts: a file as {_system}"] = partial(_mounted, f"{DATA}/image", _system, MS_RDONLY)
    ATTEMPTS[f"mounts: a file as {_system}, the new way"] = partial(_prepared, _system)
for _system in ("devtmpfs", "debugfs", "tracefs", "securityfs", "configfs", "efivarfs", "pstore", "hugetlbfs", "autofs",
              "fusectl", "nfs", "cifs", "9p", "ceph", "virtiofs", "rpc_pipefs", "nfsd", "selinuxfs", "smackfs",
              "resctrl", "xenfs", "fuse", "fuseblk"):  # fmt: skip
    ATTEMPTS[f"mounts: {_system}"] = partial(_mounted, "none", _system)
ATTEMPTS["mounts: control groups of the older kind"] = partial(_written, "cgroup")
ATTEMPTS["mounts: sets of processors of the older kind"] = partial(_written, "cpuset")


@wanted("mounts: the control groups of the host")
def _() -> object:
    alone()
    mount("none", PLACE, "cgroup2")
    return [name for name in os.listdir(PLACE) if name.endswith((".slice", "init.scope"))
            and FACTS["word"] not in name and os.path.exists(f"{PLACE}/tenants.slice")]  # fmt: skip


@wanted("mounts: the terminals of the host")
def _() -> object:
    alone()
    mount("devpts", PLACE, "devpts")
    return [name for name in os.listdir(PLACE) if name.isdigit()]


@wanted("mounts: the queues of the host")
def _() -> object:
    alone()
    mount("mqueue", PLACE, "mqueue")
    return os.listdir(PLACE)


@wanted("mounts: BPF objects of the host, and a token for more")
def _() -> object:
    alone()
    mount("bpf", PLACE, "bpf", 0, "delegate_cmds=any")
    return True


def _points() -> list[tuple[str, str, str]]:
    """Where something is mounted, with which options, and what kind of file system it is."""
    rows = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [(row[4], row[5], row[row.index("-") + 1]) for row in rows]


@wanted("mounts: write to what is read-only")
def _() -> object:
    alone()

    def one(point: str) -> object:
        mount("none", point, "none", MS_REMOUNT | MS_BIND)
        path = f"{point}/{FACTS['word']}-rw"
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL) if os.path.isdir(point)
                 else os.open(point, os.O_WRONLY))  # fmt: skip
        return point

    return each(one, [point for point, options, kind in _points()
                      if "ro" in options.split(",") and kind not in ("proc", "sysfs")
                      and not point.startswith("/run/credentials/")])  # fmt: skip


@wanted("mounts: change the options of a file system of the host")
def _() -> object:
    alone()
    return each(lambda point: mount("none", point, "none", MS_REMOUNT),
                [point for point, _, kind in _points() if kind in ("ext4", "xfs", "btrfs", "squashfs", "erofs")])


@wanted("mounts: look below what is mounted over something else")
def _() -> object:
    alone()
    points = [point for point, _, _ in reversed(_points()) if point not in ("/", DATA)]
    each(lambda point: call("umount2", point.encode(), MNT_DETACH), points)
    return _proc("/proc") + host_below("/")


@wanted("mounts: go out by way of the first file system")
def _() -> object:
    alone()
    os.makedirs(f"{PLACE}/{FACTS['word']}-root", exist_ok=True)
    mount(f"{PLACE}/{FACTS['word']}-root", f"{PLACE}/{FACTS['word']}-root", "none", MS_BIND)
    os.chdir(f"{PLACE}/{FACTS['word']}-root")
    call("pivot_root", b".", b".")
    call("umount2", b".", MNT_DETACH)
    os.chdir("..")
    return host_below(".") or host_below("/")


@wanted("mounts: go out of the root by an open folder")
def _() -> object:
    root = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    os.makedirs(f"/tmp/{FACTS['word']}-jail", exist_ok=True)
    os.chroot(f"/tmp/{FACTS['word']}-jail")
    os.fchdir(root)
    for _ in range(64):
        os.chdir("..")
    os.chroot(".")
    return host_below("/")


@wanted("mounts: go to the root of its namespace of mounts")
def _() -> object:
    call("setns", os.open("/proc/self/ns/mnt", os.O_RDONLY), NEWNS)
    return host_below("/")


@wanted("mounts: go up from a volume")
def _() -> object:
    handle = os.open(DATA, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(16):
        handle = os.open("..", os.O_RDONLY | os.O_DIRECTORY, dir_fd=handle)
    return host_below(f"/proc/self/fd/{handle}")


@wanted("mounts: find the host by an open file")
def _() -> object:
    folders = [path for pid in ("1", "self") for path in Path(f"/proc/{pid}/fd").glob("*")]
    return [str(path) for path in folders if host_below(str(path)) or host_below(f"{path}/..")]


@wanted("mounts: have the files of a volume be somebody else's")
def _() -> object:
    with _users("0 1 1000") as number:
        users = os.open(f"/proc/{number}/ns/user", os.O_RDONLY)
    tree = call("open_tree", AT_FDCWD, f"{DATA}\0".encode(), 1 | os.O_CLOEXEC)
    call("mount_setattr", tree, b"\0", 0x1000, struct.pack("QQQQ", 0x100000, 0, 0, users), 32)
    return True


@wanted("mounts: list those of the host")
def _() -> object:
    buffer = ctypes.create_string_buffer(8 * 64)
    request = struct.pack("IIQQQ", 32, 0, 0xFFFFFFFFFFFFFFFF, 0, FACTS["mountNamespace"])
    return call("listmount", request, buffer, 64, 0)


@control("mounts: memory of its own")
def _() -> object:
    alone()
    mount("tmpfs", PLACE, "tmpfs", 0, "size=1M")
    Path(f"{PLACE}/x").write_text("x")
    return True


# Namespaces


def _ioctl_namespace(kind: str, request: int) -> int:
    return fcntl.ioctl(os.open(f"/proc/self/ns/{kind}", os.O_RDONLY), request)


ATTEMPTS["namespaces: hold the users outside"] = lambda: _ioctl_namespace("user", 0xB702) >= 0
ATTEMPTS["namespaces: hold the processes outside"] = lambda: _ioctl_namespace("pid", 0xB702) >= 0
ATTEMPTS["namespaces: hold who owns its users"] = lambda: _ioctl_namespace("user", 0xB701) >= 0


@wanted("namespaces: the mounts of others, by turns")
def _() -> object:
    found: list[object] = []
    for request in (0x8010B70B, 0x8010B70C):
        handle = os.open("/proc/self/ns/mnt", os.O_RDONLY)
        for _ in range(64):
            try:
                handle = fcntl.ioctl(handle, request, bytearray(struct.pack("IIQ", 16, 0, 0)))
            except OSError:
                break
            found += [handle] if ended(child(partial(_entered, handle))) else []
    return found


def _entered(handle: int) -> object:
    call("setns", handle, NEWNS)
    return host_below("/")


def _mapped(text: str) -> Attempt:
    """Users of the host, in a namespace of users below its own."""
    def tried() -> object:
        with _users(text):
            return True

    return tried


ATTEMPTS["namespaces: all users of the host"] = _mapped("0 0 4294967295")
ATTEMPTS["namespaces: a user behind its own"] = _mapped("0 65536 1")
ATTEMPTS["namespaces: users of another tenant"] = lambda: _mapped(f"0 {FACTS['uid']} 1")()
CONTROLS["namespaces: users of its own"] = _mapped("0 1 10")


@wanted("namespaces: another time, for others as well")
def _() -> object:
    call("unshare", NEWTIME)  # which systemd 257 does not know how to deny
    Path("/proc/self/timens_offsets").write_text("monotonic 1000000 0\nboottime 1000000 0\n")
    return False  # the host looks at its clocks


@wanted("namespaces: enter those of the host by their handles")
def _() -> object:
    return each(lambda one: _by_handle(-10003, one) >= 0, FACTS["namespaceHandles"])


# Files by their handles


def _by_handle(where: int, handle: "list[Any]") -> int:
    kind, text = int(handle[0]), bytes.fromhex(handle[1])
    return call("open_by_handle_at", where, struct.pack("Ii", len(text), kind) + text, os.O_RDONLY | os.O_NONBLOCK)


@wanted("files: open those of the host by their handles")
def _() -> object:
    places = [DATA, "/", "/etc/hosts", "/run", "/dev", "/proc/self/ns/mnt"]
    first = [1, struct.pack("II", 2, 0).hex()]  # the root of a file system of ext4
    where = [os.open(place, os.O_RDONLY) for place in places if os.path.exists(place)]
    return each(lambda pair: _by_handle(*pair) >= 0, product(where, (*FACTS["handles"], first)))


@wanted("files: hear of what others open, on all of a file system")
def _() -> object:
    handle = call("fanotify_init", 0x200, 0)
    call("fanotify_mark", handle, 0x101, 0x20, AT_FDCWD, f"{DATA}\0".encode())
    return True


@wanted("files: be asked before others open something")
def _() -> object:
    return call("fanotify_init", 4, 0) >= 0


def _attributes(request: int, value: bytes) -> Attempt:
    def tried() -> object:
        handle = os.open(f"{DATA}/{FACTS['word']}-own", os.O_RDWR | os.O_CREAT)
        fcntl.ioctl(handle, request, value)
        return True

    return tried


ATTEMPTS["files: count for another project"] = _attributes(0x401C5820, struct.pack("IIIII8x", 0, 0, 0, 4242, 0))
ATTEMPTS["files: one that nobody can remove"] = _attributes(0x40086602, struct.pack("L", 0x10))
ATTEMPTS["files: one that only grows"] = _attributes(0x40086602, struct.pack("L", 0x20))


@wanted("files: what only the host may note on them")
def _() -> object:
    path = f"{DATA}/{FACTS['word']}-own"
    Path(path).touch()
    os.setxattr(path, "trusted.bitbuilder", b"x")
    return True


@wanted("files: fill the memory of /run of the host")
def _() -> object:
    path, taken = f"/run/host/unix-export/{FACTS['word']}", 0
    with open(path, "wb", buffering=0) as file:
        try:
            while taken < 32 << 20:
                taken += file.write(bytes(1 << 20))
        except OSError:
            pass
    os.unlink(path)
    return taken > 8 << 20


# Sockets


@wanted("sockets: an abstract one of the host")
def _() -> object:
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(f"\0{FACTS['word']}")
        return True


@wanted("sockets: see those of the host")
def _() -> object:
    return FACTS["word"] in Path("/proc/net/unix").read_text()


@control("sockets: an abstract one of its own")
def _() -> object:
    with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX) as two:
        one.bind("\0own")
        one.listen()
        two.connect("\0own")
        return FACTS["word"] not in "own"


def _outside(path: str) -> object:
    """Whether somebody outside is behind a socket: the kernel has no number for him in here."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
        try:
            with socket.socket(socket.AF_UNIX, kind) as one:
                one.settimeout(1)
                one.connect(path)
                pid = struct.unpack("3i", one.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
                return path if not pid else False
        except OSError:
            continue
    return False


@wanted("sockets: any one in a folder with somebody outside behind it")
def _() -> object:
    return each(lambda path: stat.S_ISSOCK(os.lstat(path).st_mode) and _outside(path), [
        f"{folder}/{name}" for top in ("/run", "/tmp", "/var", "/dev", "/srv", "/etc")
        for folder, _, names in os.walk(top) for name in names
    ])  # fmt: skip


for _path in (
    "systemd/private", "systemd/notify", "systemd/journal/stdout", "systemd/journal/io.systemd.journal",
    "systemd/io.systemd.Manager", "systemd/io.systemd.Credentials", "systemd/machine/io.systemd.Machine",
    "systemd/userdb/io.systemd.Machine", "systemd/resolve/io.systemd.Resolve", "systemd/netif/io.systemd.Network",
    "dbus/system_bus_socket", "udev/control", "bitbuilder/io.bitbuilder.Hypervisor", "systemd/coredump",
    "varlink/registry/io.bitbuilder.Hypervisor", "host/io.systemd.NamespaceResource", "systemd/ask-password/sck",
):  # fmt: skip
    ATTEMPTS[f"sockets: /run/{_path}"] = partial(_outside, f"/run/{_path}")


for _what, _family in {
    "vsock": 40, "the kernel's ciphers": 38, "TIPC": 30, "QRTR": 42, "Bluetooth": 31, "CAN": 29, "RDS": 21, "SMC": 43,
    "KCM": 41, "XDP": 44, "NFC": 39, "X.25": 9, "AppleTalk": 5, "IPX": 4, "AX.25": 3, "PPP": 24, "LLC": 26, "IB": 27,
    "MPLS": 28, "MCTP": 45, "IPsec keys": 15, "phonet": 35, "802.15.4": 36, "CAIF": 37, "IUCV": 32, "RXRPC": 33,
    "ISDN": 34, "DECnet": 12,
}.items():  # fmt: skip
    ATTEMPTS[f"sockets: of {_what}"] = partial(
        each, partial(socket.socket, _family), (socket.SOCK_DGRAM, socket.SOCK_STREAM, socket.SOCK_SEQPACKET))


@wanted("sockets: tell the service manager of the host lies")
def _() -> object:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.connect("/run/host/notify")
        for text in (f"STATUS={FACTS['word']}\x1b[31m", "MAINPID=1", "STOPPING=1", "RELOADING=1", "WATCHDOG=trigger",
                     "FDSTORE=1\nFDNAME=x", "ERRNO=5", "EXTEND_TIMEOUT_USEC=999999999", "X_NSPAWN_LEADER_PID=1",
                     f"STATUS=x\nMAINPID=1\nSTATUS={FACTS['word']}", "BARRIER=1", "RESTART_RESET=1"):  # fmt: skip
            with open("/dev/null", "rb") as null:
                socket.send_fds(one, [text.encode()], [null.fileno()])
    return False  # the host looks at the unit


# Netlink


def _asked(protocol: int, kind: int, body: bytes, flags: int = 5) -> bytes:
    """The answer to a message (netlink(7)). Raises OSError when it is an error."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as one:
        one.settimeout(2)
        one.sendto(struct.pack("IHHII", 16 + len(body), kind, flags, 1, 0) + body, (0, 0))
        answer = one.recv(1 << 16)
    if struct.unpack_from("H", answer, 4)[0] == 2 and (number := -struct.unpack_from("i", answer, 16)[0]):
        raise OSError(number, os.strerror(number))
    return answer


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


_LINK = struct.pack("BxHiII", 0, 0, 1, 0, 0)
GETLINK, NEWLINK, DELLINK = 18, 16, 17


@control("netlink: its own interfaces")
def _() -> object:
    return b"lo\0" in _asked(0, GETLINK, _LINK)


def _numbered(kind: int, *more: bytes, flags: int = 5) -> Attempt:
    """Something with the interfaces of namespaces that have a number in here: that of the host has one."""
    def one(pair: tuple[int, str]) -> object:
        number, name = pair
        named = _attribute(46, struct.pack("i", number)) + _attribute(3, f"{name}\0".encode())
        return _asked(0, kind, bytes(16) + named + b"".join(more), flags)

    return lambda: each(one, product(range(4), [f"{FACTS['word'][:8]}0"] if kind == NEWLINK else FACTS["links"]))


_MADE = _attribute(18, _attribute(1, b"bridge\0"))
ATTEMPTS["netlink: see interfaces of the host by number"] = _numbered(GETLINK)
ATTEMPTS["netlink: remove interfaces of the host by number"] = _numbered(DELLINK)
ATTEMPTS["netlink: make an interface on the host by number"] = _numbered(NEWLINK, _MADE, flags=0x605)


@wanted("netlink: see interfaces of the host by name")
def _() -> object:
    named = [_attribute(3, f"{name}\0".encode()) for name in FACTS["links"] if name != "lo"]
    return each(lambda name: _asked(0, GETLINK, bytes(16) + name), named)


@wanted("netlink: give an interface of its own to a process of the host")
def _() -> object:
    name = f"{FACTS['word'][:8]}1\0".encode()
    _asked(0, NEWLINK, bytes(16) + _attribute(3, name) + _MADE, 0x605)
    pids = [struct.pack("I", pid) for pid in _foreign()]
    return each(lambda pid: _asked(0, NEWLINK, bytes(16) + _attribute(3, name) + _attribute(19, pid)), pids)


@wanted("netlink: see the filter of the host")
def _() -> object:
    return b"bitbuilder" in _asked(12, 0xA01, bytes(4), 0x301)


@wanted("netlink: remove the filter of the host")
def _() -> object:
    def batch(family: int) -> object:
        def piece(kind: int, flags: int, family: int, body: bytes) -> bytes:
            text = struct.pack("!BBH", family, 0, 10 if kind < 32 else 0) + body
            return struct.pack("IHHII", 16 + len(text), kind, flags, 1, 0) + text

        gone = piece(0xA02, 5, family, _attribute(1, b"bitbuilder\0"))
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as one:
            one.settimeout(2)
            one.sendto(piece(16, 1, 0, b"") + gone + piece(17, 1, 0, b""), (0, 0))
            answer = one.recv(1 << 16)
        return struct.unpack_from("i", answer, 16)[0] == 0

    return each(batch, (1, 7))


ATTEMPTS["netlink: write to the audit log"] = lambda: _asked(9, 1107, f"{FACTS['word']}\0".encode())
ATTEMPTS["netlink: switch the audit log off"] = lambda: _asked(9, 1001, struct.pack("8I", 1, 0, 0, 0, 0, 0, 0, 0))
ATTEMPTS["netlink: see how the audit log is set up"] = lambda: _asked(9, 1000, b"")


def _heard(protocol: int) -> object:
    """Whether anything is said to the groups of a protocol: processes start all the time."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as one:
        one.bind((0, 0xFFFFFFFF))
        one.settimeout(0.3)
        return bool(one.recv(1 << 16))


for _what, _protocol in {"processes that start": 11, "SCSI": 18, "iSCSI": 8, "RDMA": 20, "ciphers": 21,
                         "SELinux": 7, "eCryptfs": 19, "SMC": 22}.items():  # fmt: skip
    ATTEMPTS[f"netlink: hear of {_what}"] = partial(_heard, _protocol)


@wanted("netlink: tell udev of the host of a device")
def _() -> object:
    text = f"add@/devices/virtual/net/{FACTS['word']}\0ACTION=add\0DEVPATH=/devices/virtual/net/{FACTS['word']}\0"
    text += "SUBSYSTEM=net\0SEQNUM=99999\0"
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15) as one:
        each(lambda group: one.sendto(text.encode(), (0, group)), (1, 2, 3))
    return False  # the host listens


@wanted("netlink: have the kernel tell udev of the host of a device")
def _() -> object:
    alone()
    each(lambda path: mount("none", path, "none", MS_REMOUNT | MS_BIND), ("/sys", "/sys/class/net"))
    text = f"add 00000000-0000-4000-8000-000000000000 LURE={FACTS['word']}"
    each(lambda name: bool(Path(f"/sys/class/net/{name}/uevent").write_text(text)), os.listdir("/sys/class/net"))
    return False  # the host listens


@wanted("netlink: the figures of a process of the host")
def _() -> object:
    found = _asked(16, 16, struct.pack("BBH", 3, 1, 0) + _attribute(2, b"TASKSTATS\0"), 1)
    at = found.index(struct.pack("HH", 6, 1))
    family = struct.unpack_from("H", found, at + 4)[0]
    pids = [_attribute(1, struct.pack("I", pid)) for pid in FACTS["pids"]]
    return each(lambda pid: _asked(16, family, struct.pack("BBH", 1, 1, 0) + pid, 1), pids)


# What only the kernel's owner may do


def _bpf(command: int, attributes: bytes) -> Attempt:
    return through(lambda: call("bpf", command, attributes.ljust(128, b"\0"), 128))


_PROGRAM = ctypes.create_string_buffer(bytes.fromhex("b7000000000000009500000000000000"))
_LICENSE = ctypes.create_string_buffer(b"GPL")
_LOADED = struct.pack("IIQQ", 1, 2, ctypes.addressof(_PROGRAM), ctypes.addressof(_LICENSE))
ATTEMPTS |= {
    "kernel: load a BPF program": _bpf(5, _LOADED),
    "kernel: load a BPF program that traces": _bpf(5, struct.pack("I", 2) + _LOADED[4:]),
    "kernel: make a BPF map": _bpf(0, struct.pack("IIII", 1, 4, 4, 1)),
    "kernel: find BPF programs": _bpf(11, b""),
    "kernel: find BPF maps": _bpf(12, b""),
    "kernel: find BPF types": _bpf(23, b""),
    "kernel: find BPF links": _bpf(31, b""),
    "kernel: open a BPF program": _bpf(13, struct.pack("I", 1)),
    "kernel: ask what a process has of BPF": _bpf(20, struct.pack("II", 1, 1)),
    "kernel: watch a processor": through(lambda: call("perf_event_open", _perf(), -1, 0, -1, 0)),
    "kernel: watch the kernel": through(lambda: call("perf_event_open", _perf(), 0, -1, -1, 0)),
    "kernel: load a module": through(lambda: call("init_module", bytes(64), 64, b"\0")),
    "kernel: load a module from a file": through(
        lambda: call("finit_module", os.open("/bin/sh", os.O_RDONLY), b"\0", 0)),
    "kernel: unload a module": through(lambda: call("delete_module", b"bitbuilder_none\0", os.O_NONBLOCK)),
    "kernel: start another kernel": through(lambda: call("kexec_load", 0, 0, 0, 0)),
    "kernel: start another kernel from a file": through(lambda: call("kexec_file_load", -1, -1, 1, b"\0", 0)),
    "kernel: change what the keys for a reboot do": through(
        lambda: call("reboot", 0xFEE1DEAD, 672274793, 0), errno.EINVAL),
    "kernel: read its log": through(lambda: call("syslog", 3, ctypes.create_string_buffer(4096), 4096)),
    "kernel: empty its log": through(lambda: call("syslog", 5, 0, 0)),
    "kernel: set what it prints": through(lambda: call("syslog", 8, 0, 7)),
    "kernel: ports, all": through(lambda: call("iopl", 3)),
    "kernel: ports, one": through(lambda: call("ioperm", 0x80, 1, 1)),
    "kernel: account for processes": through(lambda: call("acct", f"{DATA}/image\0".encode())),
    "kernel: stop accounting for processes": through(lambda: call("acct", 0)),
    "kernel: swap to a file": through(lambda: call("swapon", f"{DATA}/image\0".encode(), 0)),
    "kernel: stop swapping": through(lambda: call("swapoff", f"{DATA}/image\0".encode())),
    "kernel: set quotas": through(lambda: call("quotactl_fd", os.open(DATA, os.O_RDONLY), 0x80000800, 0, bytes(72))),
    "kernel: hang up terminals": through(lambda: call("vhangup")),
    "kernel: serve faults of the kernel": through(lambda: call("userfaultfd", 0)),
    "time: set the clock": through(lambda: call("clock_settime", 0, _now())),
    "time: set the clock the old way": through(lambda: call("settimeofday", _now(), 0)),
    "time: set the time zone of the kernel": through(lambda: call("settimeofday", 0, struct.pack("ii", 0, 0))),
    "time: tune the clock": through(lambda: call("adjtimex", _timex())),
    "time: tune a clock": through(lambda: call("clock_adjtime", 0, _timex())),
    "time: wake the host": through(lambda: call("timerfd_create", 8, 0)),
}  # fmt: skip


def _perf() -> bytes:
    return struct.pack("IIQQQQ", 1, 128, 0, 0, 0, 0).ljust(128, b"\0")


def _now() -> bytes:
    return struct.pack("qq", int(time.time()), 0)


def _timex() -> "ctypes.Array[ctypes.c_char]":
    return ctypes.create_string_buffer(struct.pack("IxxxxqqQ", 4, 0, 0, 1).ljust(256, b"\0"), 256)


@control("time: read the clock")
def _() -> object:
    return time.time() > 0


# Keys and what processes share


def _key(name: str) -> "ctypes.Array[ctypes.c_char]":
    return ctypes.create_string_buffer(name.encode())


ATTEMPTS |= {
    "keys: read one of the host": lambda: call("keyctl", 11, FACTS["key"], ctypes.create_string_buffer(64), 64) > 0,
    "keys: describe one of the host": lambda: call("keyctl", 6, FACTS["key"], ctypes.create_string_buffer(64), 64) > 0,
    "keys: end one of the host": lambda: call("keyctl", 3, FACTS["key"]) == 0,
    "keys: take one of the host": lambda: call("keyctl", 8, FACTS["key"], -3) == 0,
    "keys: make one of the host its own": lambda: call("keyctl", 4, FACTS["key"], 0, 0) == 0,
    "keys: find one of the host": lambda: call("request_key", _key("user"), _key(FACTS["word"]), 0, 0) > 0,
    "keys: search those of the host": lambda: call("keyctl", 10, -4, _key("user"), _key(FACTS["word"]), 0) > 0,
    "keys: see those of the host": lambda: FACTS["word"] in Path("/proc/keys").read_text(),
    "shared memory: that of the host": lambda: call("shmget", FACTS["ipc"], 1, 0) >= 0,
    "shared memory: a queue of the host": lambda: call("msgget", FACTS["ipc"], 0) >= 0,
    "shared memory: a semaphore of the host": lambda: call("semget", FACTS["ipc"], 1, 0) >= 0,
    "shared memory: a named queue of the host": lambda: call("mq_open", _key(FACTS["word"]), os.O_RDONLY, 0, 0) >= 0,
    "shared memory: a file of the host": lambda: opens(f"/dev/shm/{FACTS['word']}"),
}
CONTROLS["shared memory: its own"] = lambda: call("shmget", 77, 4096, 0o1600) >= 0


# Limits

for _what, _number in {name: getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}.items():
    def _raised(number: int = _number) -> object:
        soft, hard = resource.getrlimit(number)
        if hard == resource.RLIM_INFINITY:
            return False  # there is none
        resource.setrlimit(number, (soft, hard + 1))
        return True

    ATTEMPTS[f"limits: raise {_what}"] = _raised

_OWN_GROUP = ("cgroup.procs", "cgroup.threads", "cgroup.subtree_control", "memory.oom.group", "memory.reclaim")


def _groups(top: str) -> list[object]:
    def one(path: str) -> object:
        os.close(os.open(path, os.O_WRONLY))
        return path

    paths = [f"{top}/{name}" for name in os.listdir(top) if name not in _OWN_GROUP]
    return each(one, [path for path in paths if os.path.isfile(path) and os.stat(path).st_mode & 0o222])


@wanted("limits: write to its control group")
def _() -> object:
    return _groups("/sys/fs/cgroup")


@wanted("limits: write to its control group, mounted anew")
def _() -> object:
    alone()
    mount("none", PLACE, "cgroup2")
    return _groups(PLACE)


@wanted("limits: leave its control group")
def _() -> object:
    alone()
    mount("none", PLACE, "cgroup2")
    os.makedirs(f"{PLACE}/{FACTS['word']}", exist_ok=True)
    Path(f"{PLACE}/{FACTS['word']}/cgroup.procs").write_text("0")
    call("unshare", NEWCGROUP)
    return "/.." in Path("/proc/self/cgroup").read_text()


ATTEMPTS |= {
    "limits: be the last to be killed": lambda: bool(Path("/proc/self/oom_score_adj").write_text("-1000")),
    "limits: be killed a little later": lambda: bool(Path("/proc/self/oom_score_adj").write_text("-1")),
    "limits: be before others": lambda: os.nice(-1) < 0,
    "limits: be before others, by its group": partial(os.setpriority, os.PRIO_PGRP, 0, -20),
    "limits: be before others, by its user": partial(os.setpriority, os.PRIO_USER, 0, -20),
    "limits: real time": partial(os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(1)),
    "limits: real time by turns": partial(os.sched_setscheduler, 0, os.SCHED_RR, os.sched_param(99)),
    "limits: a deadline": lambda: call(
        "sched_setattr", 0, struct.pack("IIQiIQQQ", 48, 6, 0, 0, 0, 10**7, 10**8, 10**8), 0) == 0,
    "limits: the disk before others": lambda: call("ioprio_set", 1, 0, 1 << 13) == 0,
    "limits: a larger pipe": lambda: fcntl.fcntl(os.pipe()[0], fcntl.F_SETPIPE_SZ, 1 << 26) > 0,
}
CONTROLS["limits: lower its own"] = partial(resource.setrlimit, resource.RLIMIT_NOFILE, (64, 64))
CONTROLS["limits: be killed first"] = lambda: bool(Path("/proc/self/oom_score_adj").write_text("1000"))


# The name of the host, and its journal



@wanted("names: that of the host")
def _() -> object:
    each(socket.sethostname, [FACTS["word"]])
    each(lambda path: bool(Path(path).write_text(FACTS["word"])), ["/proc/sys/kernel/hostname", "/etc/hostname"])
    return False  # the host looks


@wanted("kernel: start the host again")
def _() -> object:
    call("unshare", NEWPID)
    ended(child(lambda: call("reboot", 0xFEE1DEAD, 672274793, 0x1234567)))
    return False  # the host is still there


def _forged() -> Iterator[str]:
    for field in ("_SYSTEMD_UNIT", "UNIT", "OBJECT_SYSTEMD_UNIT", "_PID", "SYSLOG_IDENTIFIER", "_TRANSPORT"):
        yield f"{field}={FACTS['victim']} {FACTS['word']}"
    yield f"<0>{FACTS['word']} of the kernel"
    yield f"MESSAGE={FACTS['word']}\nPRIORITY=0\n_SYSTEMD_UNIT={FACTS['victim']}\n"
    yield f"\n\n{FACTS['victim']}\nx\n0\n0\n0\n{FACTS['word']} as a stream that begins\n"


@wanted("journal: lines of another unit")
def _() -> object:
    for text in _forged():
        os.write(1, f"{text}\n".encode())
    os.write(1, b"\0" + f"{FACTS['word']} behind a NUL\n".encode())
    return False  # the host reads its journal


@wanted("journal: entries of another unit, as files and with another sender")
def _() -> object:
    text = f"MESSAGE={FACTS['word']}\n_SYSTEMD_UNIT={FACTS['victim']}\nUNIT={FACTS['victim']}\nPRIORITY=0\n".encode()
    file = os.memfd_create("entry")
    os.write(file, text)
    if stat.S_ISSOCK(os.fstat(1).st_mode):
        with socket.socket(fileno=os.dup(1)) as one:
            who = (socket.SOL_SOCKET, 2, struct.pack("3i", 1, 0, 0))
            passed = (socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", file))
            each(lambda more: one.sendmsg([f"{FACTS['word']} of another\n".encode()], [more]), (who, passed))
    return False


@wanted("journal: a flood")
def _() -> object:
    line = f"{FACTS['word']} flood\n".encode() * 100
    for _ in range(50):
        os.write(1, line)
    return False


@control("journal: a line of its own")
def _() -> object:
    return os.write(1, f"{FACTS['word']} honest\n".encode()) > 0


# Programs that talk to a service manager


def _told(*argv: str) -> Attempt:
    """Whether a program says anything that only the host knows."""
    def tried() -> object:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=5, stdin=subprocess.DEVNULL, check=False)
        text = done.stdout + done.stderr
        return [name for name in FACTS["names"] if name in text]

    return tried


for _words in (
    "systemctl -M .host list-units --no-pager", "systemctl list-units --all --no-pager", "systemctl -M .host hostname",
    "machinectl list --no-pager", "machinectl -M .host list --no-pager", "machinectl poweroff web.isovictim",
    "machinectl shell .host /usr/bin/hostname", "loginctl list-sessions --no-pager", "loginctl -M .host --no-pager",
    "hostnamectl -M .host hostname", "busctl list --no-pager", "busctl -M .host list --no-pager",
    "systemd-run -M .host -P hostname", "systemd-cgls --no-pager", "networkctl list --no-pager", "networkctl lldp",
    "userdbctl --no-pager", "varlinkctl list-registry", "journalctl --no-pager -n 50", "journalctl -M .host -n 50",
    "timedatectl set-time 2001-01-01", "homectl list", "portablectl list", "bbhv list", "ps ax", "ip link", "nft list",
):  # fmt: skip
    ATTEMPTS[f"programs: {_words}"] = _told(*_words.split())


# What the root of the host gets with the same words: so it is not for the words that nobody gets it inside.
ON_THE_HOST = (
    "processes: see one of the host", "processes: hold one of the host", "processes: compare with one of the host",
    "processes: read the memory of one of the host", "processes: find the group of one of the host",
    "proc: read /proc/kpagecount", "proc: write to any file of it", "mounts: go up from a volume",
    "mounts: go to the root of its namespace of mounts", "mounts: list those of the host",
    "files: open those of the host by their handles", "files: hear of what others open, on all of a file system",
    "files: be asked before others open something", "files: what only the host may note on them",
    "sockets: an abstract one of the host", "sockets: see those of the host", "netlink: see the filter of the host",
    "netlink: see interfaces of the host by name", "netlink: the figures of a process of the host",
    "kernel: find BPF programs", "kernel: watch a processor", "kernel: read its log", "keys: read one of the host",
    "keys: describe one of the host", "keys: see those of the host", "shared memory: that of the host",
    "shared memory: a queue of the host", "shared memory: a semaphore of the host",
    "shared memory: a named queue of the host", "shared memory: a file of the host", "limits: be before others",
    "limits: real time", "mounts: debugfs",
    "programs: systemctl list-units --all --no-pager", "programs: machinectl list --no-pager", "time: wake the host",
)  # fmt: skip


def run(function: Attempt) -> list[object]:
    """What a function got, in a process of its own: whether something, and the words for it."""
    reading, writing = os.pipe()
    number = os.fork()
    if not number:
        signal.alarm(SECONDS)
        try:
            got = function()
            text = json.dumps([got is None or bool(got), repr(got)[:300]])
        except OSError as error:
            text = json.dumps([False, errno.errorcode.get(error.errno or 0, str(error))])
        except (subprocess.SubprocessError, ValueError, IndexError) as error:
            text = json.dumps([False, repr(error)[:300]])
        os.write(writing, text.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        text = file.read().decode() if select.select([file], [], [], SECONDS + 2)[0] else ""
    status = ended(number)
    return list(json.loads(text)) if text else [False, f"ended with {status}"]


def go_below() -> None:
    """Goes on in namespaces below the container's, with all the users that there are."""
    ready, go = os.pipe(), os.pipe()
    if number := os.fork():
        os.read(ready[0], 1)
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{number}/{name}").write_text("0 0 65536")
        os.write(go[1], b"x")
        sys.exit(ended(number))
    call("unshare", NEWUSER | NEWNS | NEWPID | NEWNET | NEWUTS | NEWIPC | NEWCGROUP)
    os.write(ready[1], b"x")
    os.read(go[0], 1)
    if number := os.fork():
        sys.exit(ended(number))
    mount("none", "/", "none", MS_REC | MS_PRIVATE)
    each(lambda path: mount("proc", path, "proc"), ["/proc"])


def race() -> None:
    """Fills its volume with what leads elsewhere, never ends, or speaks to terminals, and has one name be a folder and
    a link by turns, until it is told to stop."""
    word = FACTS["word"]
    os.chdir(DATA)
    os.makedirs("swap/there/deep")
    Path("swap/there/deep/file").write_text("honest\n")
    targets = ("/var/lib", "/", "/proc/1/root", "/proc/self/fd", "/dev/zero", "../../..", f"/var/lib/{word}", ".", "x")
    for number, target in enumerate(targets):
        os.symlink(target, f"swap/link{number}")
    os.mkfifo("swap/pipe")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("swap/socket")
    os.link("swap/there/deep/file", "swap/again")
    for name in ("-rf", "--to-command=reboot", "a\nb", "\x1b]0;x\x07", "$(reboot)", "`reboot`", ".#new", "\u202e"):
        Path(f"swap/{name}").touch()
    shutil.copy("/bin/sh", "swap/sh")
    os.chmod("swap/sh", 0o6755)
    os.setxattr("swap/sh", "security.capability", struct.pack("<5I", 0x2000001, 0xFFFFFFFF, 0, 0xFFFFFFFF, 0))
    Path("racing").touch()
    until = time.monotonic() + 60
    while not os.path.exists("stop") and time.monotonic() < until:
        for _ in range(100):
            call("renameat2", AT_FDCWD, b"swap/there\0", AT_FDCWD, b"swap/link0\0", 2)


def main(facts: str, result: str, how: str = "") -> None:
    """Tries everything, and writes down what became of it."""
    if how == "race":
        FACTS.update(json.loads(Path(facts).read_text()))
        race()
        return
    if how == "below":
        go_below()
    FACTS.update(json.loads(Path(facts).read_text()))
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    if how == "here":
        FACTS["here"] = True
        for name in ATTEMPTS.keys() - set(ON_THE_HOST):
            del ATTEMPTS[name]
    found = {name: run(function) for name, function in ATTEMPTS.items()}
    controls = {name: run(function) for name, function in CONTROLS.items()}
    new = Path(f"{result}.new")
    new.write_text(json.dumps({"attempts": found, "controls": controls}))
    new.rename(result)


if __name__ == "__main__":
    main(*sys.argv[1:])
