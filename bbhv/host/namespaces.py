"""Namespaces: held open by descriptors, so that nobody else's can take their place, and entered for good.

A process number says nothing once its process has ended. So what belongs to a process is opened through one descriptor
of its folder in /proc, after which the kernel gives either that process's or an error.
"""

import ctypes
import os
import stat
from collections.abc import Iterable, Sequence
from signal import pidfd_send_signal

from ..errors import BbhvError
from ..records import dataclass, field
from . import run

KINDS = ("net", "uts", "ipc", "cgroup", "pid", "mnt", "user")
MAX_PASSWD = 1 << 20
_NSPAWN, _STUB = "/usr/bin/systemd-nspawn", "(sd-stubinit)"
EXIT_ENTER, EXIT_NO_EXEC, EXIT_NO_PROGRAM, EXIT_USER = 125, 126, 127, 217
_PR_SET_DUMPABLE, _PR_CAPBSET_READ, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 4, 23, 24, 38
_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_LIBC = ctypes.CDLL(None, use_errno=True)
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(slots=True)
class Namespaces:
    """The namespaces of a process, open until `close`: by kind, and its root. What it may do is in `status`."""

    handles: dict[str, int] = field(default_factory=dict)
    bounding: int = 0
    no_new_privileges: bool = False

    def path(self, kind: str) -> str:
        """Where others find one, as long as it is open."""
        return f"/proc/{os.getpid()}/fd/{self.handles[kind]}"

    def close(self) -> None:
        """Lets go of them."""
        for handle in self.handles.values():
            os.close(handle)
        self.handles.clear()


def leader(machine: str) -> int:
    """The leader process of a machine that systemd-machined knows; 0 when there is none."""
    shown = run.run(("machinectl", "show", "--value", "--property=Leader", "--", machine), timeout=60.0, ok=()).text
    return int(shown) if shown.isascii() and shown.isdigit() else 0


def process(number: int, unit: str) -> int:
    """A descriptor of a process that belongs to a unit (pidfd_open(2)); -1 when there is none."""
    if not number:
        return -1
    try:
        handle = os.pidfd_open(number)
    except ProcessLookupError:
        return -1
    try:
        with open(f"/proc/{number}/cgroup", encoding="utf-8", errors="replace") as file:
            ours = f"/{unit}/" in file.read(1 << 16).replace("\n", "/\n")
    except OSError:
        ours = False
    if not ours:
        os.close(handle)
    return handle if ours else -1


def signal(handle: int, number: int) -> None:
    """Sends a signal to a process, unless it has ended."""
    try:
        pidfd_send_signal(handle, number)
    except ProcessLookupError:
        pass  # it was quicker


def hold(process: int, unit: str, kinds: Sequence[str] = KINDS) -> Namespaces:
    """Opens the namespaces of a process that must belong to a unit. Raises BbhvError."""
    found = Namespaces()
    try:
        folder = os.open(f"/proc/{process}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if f"/{unit}/" not in _text(folder, "cgroup") + "/":
                raise BbhvError(f"Process {process} is not of {unit}.")
            if _is_in_the_making(folder):
                raise BbhvError(f"Process {process} of {unit} is not set up yet.")
            status = dict(line.partition(":\t")[::2] for line in _text(folder, "status").splitlines())
            found.bounding = int(status.get("CapBnd", "0"), 16)
            found.no_new_privileges = status.get("NoNewPrivs") == "1"
            for kind in kinds:
                found.handles[kind] = os.open(f"ns/{kind}", os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
            found.handles["root"] = os.open("root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
        finally:
            os.close(folder)
    except OSError as error:
        found.close()
        raise BbhvError(f"Process {process} of {unit} cannot be reached: {error.strerror}.") from error
    except BbhvError:
        found.close()
        raise
    return found


def _is_in_the_making(folder: int) -> bool:
    """Whether a process is nspawn's own still, before it becomes the first one of a container or its stub.

    It may have all capabilities then. Newer versions of systemd say that a container has started before they are
    dropped: the parent's barrier at that point does not wait for the child (nspawn.c, run_container).
    """
    try:
        same = os.path.samestat(os.stat("exe", dir_fd=folder), os.stat(_NSPAWN))
    except FileNotFoundError:
        return False
    return same and _text(folder, "comm").strip() != _STUB


def _text(folder: int, name: str) -> str:
    with open(os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder), encoding="utf-8", errors="replace") as file:
        return file.read(1 << 16)


def become(argv: Sequence[str], user: str, bounding: int, no_new_privileges: bool, paths: Iterable[str]) -> int:
    """Becomes a program inside: `paths` are the mount and the user namespace and the root; the rest is entered already.

    A program without a slash is looked for in there. Nothing of ours goes along: no descriptor, no variable but the
    name of the terminal, and no capability that the first process there does not have. Returns an exit status when
    that cannot be done, for there is nobody there to tell more.
    """
    # In the user namespace, its root may trace whoever is in it: a process that is root of the host still, and runs a
    # program of the host. Who cannot be dumped can be traced by the host's root alone (ptrace(2)), until execve.
    _LIBC.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    terminal = {name: os.environ[name] for name in ("TERM",) if name in os.environ}
    try:
        _enter(*(os.open(path, os.O_RDONLY | os.O_CLOEXEC) for path in paths))
        known = _user(user)
        if known is None:
            return EXIT_USER
        uid, gid, home = known
        _drop(bounding, no_new_privileges)
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    except OSError:
        return EXIT_ENTER
    name, environment = argv[0], {"PATH": _PATH, "LANG": "C.UTF-8", "HOME": home, "USER": user or "root", **terminal}
    for program in (name,) if "/" in name else (f"{folder}/{name}" for folder in _PATH.split(":")):
        try:
            run.become((program, *argv[1:]), environment)
        except FileNotFoundError:
            continue
        except OSError:
            return EXIT_NO_EXEC
    return EXIT_NO_PROGRAM


def _enter(mnt: int, users: int, root: int) -> None:
    """From here on, every path is one of the tenant's: nothing may be imported any more."""
    _check(_LIBC.setns(mnt, _CLONE_NEWNS))
    os.fchdir(root)
    os.chroot(".")
    _check(_LIBC.setns(users, _CLONE_NEWUSER))


def _drop(bounding: int, no_new_privileges: bool) -> None:
    """Gives up the capabilities that are not in a set, for good."""
    number = 0
    while (there := _LIBC.prctl(_PR_CAPBSET_READ, number, 0, 0, 0)) >= 0:
        if there and not bounding >> number & 1:
            _check(_LIBC.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0))
        number += 1
    if no_new_privileges:
        _check(_LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def _check(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), "")


def _user(name: str) -> tuple[int, int, str] | None:
    """The user and group id and the home of a user, by the passwd(5) file of this root, which nobody vouches for."""
    if name in ("", "root", "0"):
        return 0, 0, "/root"
    try:
        handle = os.open("/etc/passwd", os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(handle, "rb") as file:
            text = file.read(MAX_PASSWD) if stat.S_ISREG(os.fstat(handle).st_mode) else b""
    except OSError:
        text = b""
    for line in text.decode("utf-8", "replace").splitlines():
        fields = line.split(":")
        if len(fields) == 7 and name in (fields[0], fields[2]) and _is_id(fields[2]) and _is_id(fields[3]):
            return int(fields[2]), int(fields[3]), fields[5] if fields[5].startswith("/") else "/"
    return None


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5
