"""git alone in a sandbox of its own: what such a unit runs is git itself, and nothing of ours is in there with it.

Everything that git is told lies in one folder, the unit's workplace: a repository as `git init --bare` makes it, with
our configuration, in which git may write into two folders and nowhere else. What it leaves there is untrusted, and so
is what it says. Where it can be, the unit's root holds nothing but /usr and /etc, read-only: that is less to see, and
costs systemd half of what it costs to take the host apart.

    workplace/            root's; /var/lib/bitbuilder/work in there
      repo.git/           HEAD, config, objects/info/alternates: root's
        objects/pack/     git's own
        refs/bitbuilder/  git's own
"""

import errno
import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from io import FileIO
from itertools import islice

from ..errors import BbhvError
from ..host import files, git, run, systemd, transient
from ..records import dataclass
from . import emptyroot, paths, resolving, sandboxes

REPOSITORY = "repo.git"
CHUNK = 1 << 20
# With less than this left, git may have failed for want of it.
LEAST_ROOM = 64 << 10
LEAST_FILES = 16
# What a name or a certificate is looked up in, besides /etc; some distributions have only some of it.
_LOOKED_UP = ("/run/systemd/resolve", "/var/lib/ca-certificates")
_NAME_SERVERS = "/etc/resolv.conf"
# What is not there costs nothing to protect: in a root of its own, a unit has no kernel file system at all.
CLOSED = ("BindLogSockets=no", "InaccessiblePaths=-+/proc -+/sys")
# By default it would also wait for targets that were reached long ago, each of which systemd tells the bus about.
UNIT = (
    "Type=simple", "CollectMode=inactive-or-failed", "PrivateTmp=disconnected", "LogLevelMax=notice",
    "DefaultDependencies=no", "Conflicts=shutdown.target", "Before=shutdown.target",
)  # fmt: skip
# Nothing that a unit writes has to outlive it.
_GIT = tuple("core.fsync=none" if word == "core.fsync=all" else word for word in git.HARMLESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A piece of work: what it is called, whose it is, where, and which objects are lent to it, read-only."""

    step: str
    name: str
    workplace: str
    objects: str = ""
    rooted: bool = True


@dataclass(frozen=True, slots=True)
class Said:
    """What a unit wrote last, whether it came to an end at all, after how many seconds, and what was short on its disk
    then: git does not always say that this was why."""

    unit: str
    words: str
    ended: bool
    took: float
    short: str = ""

    def why(self, seconds: int) -> str:
        """The end of a sentence about what went wrong."""
        if self.took >= seconds:
            return sandboxes.late(seconds)
        words = sandboxes.said(self.words) or f"it ended without a word, see journalctl --unit={self.unit}"
        return f"{words}; {self.short}" if self.short else words


def unit_name(step: str, name: str) -> str:
    """A name for a unit that nobody else has."""
    return f"bitbuilder-{step}-{name}-{os.getpid()}-{os.urandom(3).hex()}.service"


def furnish(workplace: str, kind: git.Algorithm, have: str, lent: bool) -> None:
    """Makes the workplace; its ref `have` tells git what is in the objects that are lent."""
    repository = f"{workplace}/{REPOSITORY}"
    _folder(workplace, 0o755)
    for folder, mode in (("", 0o755), ("objects", 0o755), ("objects/info", 0o755), ("objects/pack", 0o777),
                         ("refs", 0o755), ("refs/heads", 0o755), ("refs/bitbuilder", 0o777)):  # fmt: skip
        _folder(f"{repository}/{folder}", mode)
    extensions = "[extensions]\n\tobjectFormat = sha256\n" if kind == "sha256" else ""
    version = 1 if extensions else 0
    put(f"{repository}/HEAD", "ref: refs/heads/main\n")
    put(f"{repository}/config", f"[core]\n\trepositoryFormatVersion = {version}\n\tbare = true\n{extensions}")
    if lent:
        put(f"{repository}/objects/info/alternates", f"{paths.OBJECTS}\n")
    if have:
        put(f"{repository}/refs/bitbuilder/have", f"{have}\n")


def put(path: str, text: str) -> None:
    """Writes a file that everybody in the unit reads. It need not outlive a power cut."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with open(handle, "w", encoding="utf-8") as file:
        os.fchmod(handle, 0o644)
        file.write(text)


def _folder(path: str, mode: int) -> None:
    os.makedirs(path.rstrip("/"))
    os.chmod(path, mode)


def packs(workplace: str) -> list[str]:
    """The names of packs that git has left, a few of them if there are many."""
    with os.scandir(f"{workplace}/{REPOSITORY}/objects/pack") as entries:
        return [one.name for one in islice(entries, 100) if one.name.endswith(".pack")]


def run_git(
    work: Work, arguments: tuple[str, ...], sandbox: systemd.Sandbox, environment: Mapping[str, str],
    feed: int | None = None, unit: str = "",
) -> Said:  # fmt: skip
    """Runs git to its end. What can be read from `feed` comes to it on a pipe. Raises BbhvError, OSError."""
    unit = unit or unit_name(work.step, work.name)
    program = run.find("git")
    if program is None:
        raise run.not_found(("git",))
    command = (program, f"--git-dir={paths.WORKPLACE}/{REPOSITORY}", *_GIT, *arguments)
    env = {**run.ENVIRONMENT, **git.ENVIRONMENT, "HOME": paths.WORKPLACE, **environment}
    properties = (*systemd.sandbox_properties(sandbox), *UNIT, *_place(work, sandbox.network))
    with ExitStack() as ours:
        ours.enter_context(systemd.owned(unit))
        out, stdout = _pipe(ours)
        with ExitStack() as theirs:
            theirs.callback(os.close, stdout)
            source, sink = _source(ours, theirs, feed)
            transient.start(unit, properties, command, env, stdout, source)
        began = time.monotonic()
        try:
            if feed is not None and sink is not None:
                _pour(feed, sink)
            words, ended = _read(out, began + sandbox.seconds + sandboxes.GRACE)
        except BaseException:
            systemd.urge("stop", [unit])
            raise
        if not ended:
            systemd.urge("stop", [unit])
        run.go_on()
    return Said(unit, words, ended, time.monotonic() - began, _short(work.workplace))


def _short(workplace: str) -> str:
    """What is short where the workplace lies, beside the clone."""
    found, place = os.statvfs(workplace), files.parent(files.parent(workplace))
    if found.f_bavail * found.f_frsize < LEAST_ROOM:
        return f"{os.strerror(errno.ENOSPC)}: {found.f_bavail * found.f_frsize} bytes are free in {place}"
    if found.f_files and found.f_favail < LEAST_FILES:
        return f"{os.strerror(errno.ENOSPC)}: {found.f_favail} more files have room in {place}"
    return ""


def _owned(stack: ExitStack, handle: int) -> int:
    stack.callback(os.close, handle)
    return handle


def _pipe(ours: ExitStack) -> tuple[int, int]:
    """A pipe whose reading end is ours."""
    reading, writing = os.pipe()
    return _owned(ours, reading), writing


def _source(ours: ExitStack, theirs: ExitStack, feed: int | None) -> tuple[int | None, FileIO | None]:
    """What the unit reads from, and where we write what it is fed."""
    if feed is None:
        return None, None
    reading, writing = os.pipe()
    return _owned(theirs, reading), ours.enter_context(FileIO(writing, "w"))


def _pour(source: int, sink: FileIO) -> None:
    """Passes on what a file holds from where it stands, and closes the pipe. Who reads no more says why itself."""
    left = sandboxes.PACK_LIMIT + 1
    try:
        while left > 0 and (moved := os.splice(source, sink.fileno(), min(left, CHUNK))):
            left -= moved
    except BrokenPipeError:
        pass
    sink.close()


def _read(pipe: int, deadline: float) -> tuple[str, bool]:
    """The end of what is written until all have closed the other end, and whether they did so in time."""
    data = b""
    while run.has_data(pipe, deadline - time.monotonic()):
        chunk = os.read(pipe, run.LAST_WORDS)
        data = (data + chunk)[-run.LAST_WORDS :]
        if not chunk:
            return data.decode("utf-8", "replace"), True
    return data.decode("utf-8", "replace"), False


def _place(work: Work, network: bool) -> list[str]:
    """The lines of a unit file about what there is to see."""
    found = [f"BindPaths={work.workplace}:{paths.WORKPLACE}"]
    if work.objects:
        found.append(f"BindReadOnlyPaths={work.objects}:{paths.OBJECTS}")
    if not work.rooted:
        return [*sandboxes.lend(""), *found]
    servers = files.parent(os.path.realpath(_NAME_SERVERS))  # which some program or other keeps in /run
    also = (*_LOOKED_UP, *([servers] if servers.startswith("/run/") else []))
    looked_up = [*(f"BindReadOnlyPaths=-{path}" for path in also), *resolving.properties()] if network else []
    system = ["BindReadOnlyPaths=/usr", "BindReadOnlyPaths=/etc"]
    return [f"RootDirectory={emptyroot.prepare()}", *CLOSED, *system, *looked_up, *found]


def take(workplace: str, name: str, folder: str) -> dict[str, str]:
    """Copies what git made of a pack, by part: pack, idx, rev. Raises BbhvError when it is not whole."""
    parts: dict[str, str] = {}
    for part in ("pack", "idx", "rev"):
        path = f"{workplace}/{REPOSITORY}/objects/pack/pack-{name}.{part}"
        try:
            source = files.open_plain(path)
        except FileNotFoundError:
            if part == "rev":
                continue
            raise BbhvError(f"git made no {part} of the pack.") from None
        with open(source, "rb") as file, open(f"{folder}/pack-{name}.{part}", "xb") as copy:
            _copy(file.fileno(), copy.fileno())
        parts[part] = f"{folder}/pack-{name}.{part}"
    return parts


def _copy(source: int, target: int) -> None:
    left = sandboxes.PACK_LIMIT * 2
    while moved := os.sendfile(target, source, None, min(left, CHUNK)):
        left -= moved
        if left <= 0:
            raise BbhvError("git made more of the pack than is taken.")
