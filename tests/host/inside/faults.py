"""Faults: every system call of a command by which it changes something, and the command run with one of them struck.

`points` traces the command once with strace; `strike` runs it again with one point killed or failing. Calls are
counted by name since the start of the program (`fsync:7` is its seventh fsync), which names the same place again and
again, but not to the letter: `strike` says which call was really hit. The programs that the command starts (git,
systemctl, the sandboxed units) are let go of when they start; they are struck as a whole, by what the engine does
with them.
"""

import fcntl
import random
import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .support import wait_until

# What is struck: a class of points, and the system calls in it as far as a machine has them.
CLASSES: Mapping[str, tuple[str, ...]] = {
    "write": ("write", "pwrite64", "ftruncate"),
    "rename": ("rename", "renameat", "renameat2"),
    "sync": ("fsync", "fdatasync", "syncfs"),
    "make": ("mkdir", "mkdirat", "symlink", "symlinkat"),
    "remove": ("unlink", "unlinkat", "rmdir"),
    "mode": ("chmod", "fchmod", "fchmodat", "chown", "fchown", "fchownat"),
    "lock": ("flock",),
    "create": ("openat",),  # for writing
    "open": ("openat",),  # for reading
    "read": ("read", "pread64", "getdents64", "readlink", "readlinkat"),
    "pipe": ("pipe2", "epoll_create1", "socketpair"),
    "start": ("vfork", "clone", "clone3", "fork"),
    "talk": ("socket", "connect", "sendto", "sendmsg", "recvmsg", "recvfrom"),
    "wait": ("wait4", "waitid", "poll", "ppoll", "epoll_wait", "pselect6", "clock_nanosleep"),
}  # fmt: skip
CHANGING = ("write", "rename", "sync", "make", "remove", "mode", "lock", "create", "start", "talk")
# What happens to a point, and to which classes of points it can.
ACTIONS: Mapping[str, tuple[str, ...]] = {
    "KILL": (*CHANGING, "wait"),
    "ENOSPC": ("write", "rename", "sync", "make", "create"),
    "EIO": ("write", "rename", "sync", "make", "remove", "mode", "create", "open", "read"),
    "EMFILE": ("create", "open", "pipe", "talk"),
    "ENOMEM": ("start", "make", "rename", "open"),
}
WORDS = {
    "ENOSPC": "No space left on device", "EIO": "Input/output error", "EMFILE": "Too many open files",
    "ENOMEM": "Cannot allocate memory",
}  # fmt: skip
# What only the start of a thread has, in the line of the call or where that is resumed: its number.
THREAD = re.compile(r"parent_tid=\[(\d+)\]")
CALL = re.compile(r"^(\d+)\s+(\w+)\((.*)$")
# The first of these is where the program has been loaded and begins to look at its host.
BEGINNING = ("/run/bitbuilder", "/var/lib/", "/etc/bitbuilder")
WRITING = re.compile(r"O_WRONLY|O_RDWR|O_CREAT")
SECONDS = 150
GATE = Path("/run/bitbuilder/lock/_store")


@dataclass(frozen=True, slots=True)
class Point:
    """One place of a scenario, and what happens to it there. As a text it is the command line that repeats it."""

    scenario: str
    kind: str
    call: str
    when: int
    action: str

    def __str__(self) -> str:
        return f"{self.scenario}:{self.kind}:{self.call}:{self.when}:{self.action}"

    @classmethod
    def parse(cls, text: str) -> "Point":
        """The point that `str` wrote. Raises ValueError."""
        scenario, kind, call, when, action = text.split(":")
        return cls(scenario, kind, call, int(when), action)

    @property
    def injection(self) -> str:
        """What strace is to do."""
        what = "signal=KILL" if self.action == "KILL" else f"error={self.action}"
        return f"inject={self.call}:{what}:when={self.when}"


def strace(log: Path, calls: Iterable[str], *more: str) -> list[str]:
    """The words before a command that have it traced, its threads with it, until what it starts is a program."""
    known = ",".join(f"?{call}" for call in calls)
    return ["strace", "-f", "-b", "execve", "--quiet=attach,personality", "-y", "-s", "200", "-o", str(log),
            "-e", f"trace={known}", *more]  # fmt: skip


def trace(log: Path) -> list[str]:
    """The words before a command that have the points of it written down."""
    return strace(log, dict.fromkeys(call for calls in CLASSES.values() for call in calls))


def points(scenario: str, log: Path, *, threads: bool = False) -> list[Point]:
    """Every point that a trace shows after the program was loaded, with every action that can happen to it.

    strace counts each thread by itself. So only the calls of the first thread are points, unless the `threads` were
    traced from where the program had been loaded: then a point is the n-th call of this name in every one of them.
    """
    counted: Counter[tuple[str, str]] = Counter()
    found: dict[tuple[str, int], str] = {}
    text = log.read_text(errors="replace")
    lines = [call.groups() for line in text.splitlines() if (call := CALL.match(line))]
    tasks = {lines[0][0] if lines else "", *(THREAD.findall(text) if threads else ())}
    begun = threads
    for task, name, rest in lines:
        if task not in tasks:
            continue
        counted[task, name] += 1
        begun = begun or any(place in rest for place in BEGINNING)
        if begun and (kind := _kind(name, rest)):
            found.setdefault((name, counted[task, name]), kind)
    return [Point(scenario, kind, name, when, action)
            for (name, when), kind in found.items() for action, kinds in ACTIONS.items() if kind in kinds]


def _kind(name: str, rest: str) -> str:
    if name == "openat":
        return "create" if WRITING.search(rest) else "open"
    if name == "write" and rest.startswith(("1<", "2<")):
        return ""  # what it says to people; whoever reads it may go away at any time
    return next((kind for kind, calls in CLASSES.items() if name in calls), "")


def injected(point: Point, log: Path) -> list[str]:
    """The words before a command that have one point of it struck."""
    return strace(log, (point.call,), "-e", point.injection)


def at(path: str, call: str, error: str) -> list[str]:
    """The words before a command for which every call of this name about a path fails."""
    return strace(Path("/dev/null"), (call,), "-P", path, "-e", f"inject={call}:error={error}")


def hit(log: Path) -> str:
    """The call that was struck, as strace shows it; empty when the program never came there."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    for number, line in enumerate(lines):
        if "(INJECTED)" in line:
            return line.partition(" ")[2].strip()
        if "killed by SIGKILL" in line:
            pid = line.split()[0]
            before = [one for one in lines[:number] if CALL.match(one)]
            calls = [one for one in before if one.split()[0] == pid] or before  # of threads, the first may be another
            return calls[-1].partition(" ")[2].strip() if calls else line
    return ""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended, and what it said."""

    status: int
    said: str


def run(argv: Sequence[str], seconds: float = SECONDS) -> Ended:
    """Runs a command to its end; one that does not end is killed, and says so."""
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", timeout=seconds, check=False)  # fmt: skip
    except subprocess.TimeoutExpired as error:
        return Ended(-14, f"It did not end within {seconds:g} s: {error.output!r}")
    return Ended(done.returncode, done.stdout)


def attached(words: Sequence[str], argv: Sequence[str], seconds: float = SECONDS) -> Ended:
    """Runs a command to its end, which strace is attached to when the command has been loaded and has no thread yet.

    What holds it there is the lock that every run shares and that collecting has alone: so nobody else may be at work.
    """
    with GATE.open("r+") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        done = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True, errors="replace")  # fmt: skip
        held = re.compile(rf"-> FLOCK .* {done.pid} ")
        wait_until("it waits for the lock", lambda: bool(held.search(Path("/proc/locks").read_text())))
        tracer = subprocess.Popen([*words, "-p", str(done.pid)], stdin=subprocess.DEVNULL)
        status, log = Path(f"/proc/{done.pid}/status"), Path(words[list(words).index("-o") + 1])
        wait_until("it is traced", lambda: "TracerPid:\t0\n" not in status.read_text() and log.exists())
    with done, tracer:
        try:
            said, _ = done.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            done.kill()
            return Ended(-14, f"It did not end within {seconds:g} s: {error.output!r}")
    return Ended(done.returncode, said)


def sample(found: Sequence[Point], count: int, seed: int) -> list[Point]:
    """So many points in a reproducible order, in which no class and no action comes late."""
    chance = random.Random(seed)
    groups: dict[tuple[str, str, str], list[Point]] = {}
    for point in found:
        groups.setdefault((point.scenario, point.kind, point.action), []).append(point)
    for group in groups.values():
        chance.shuffle(group)
    keys = sorted(groups)
    chance.shuffle(keys)
    rounds = max(map(len, groups.values()), default=0)
    ordered = [groups[key][turn] for turn in range(rounds) for key in keys if turn < len(groups[key])]
    return ordered[:count]
