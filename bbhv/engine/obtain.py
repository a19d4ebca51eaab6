"""Fetch and ingest: from a repository on the network to objects in the clone, nothing of it trusted yet.

Two sandboxed units with a pipe between them (DESIGN: the way a commit travels). The first talks to the network and
hands over a git bundle; the second takes it apart without one. The engine only copies checked frames into place. The
ref `incoming` moves last; what is behind it is verified by the next step, and every object again when it is read.
"""

import os
import sys
from dataclasses import dataclass

from ..errors import BbhvError, CommandError
from ..formats import frames
from ..host import files, git, run, systemd
from ..names import is_object_id
from . import paths

PACK_LIMIT = 256 << 20
SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository that the host follows, and where its clone is."""

    name: str
    url: str
    branch: str
    clone: git.Clone
    allow_file: bool

    def configuration(self, kind: git.Algorithm) -> str:
        """The clone's configuration, whole."""
        protocols = ("https", "ssh", "file") if self.allow_file else ("https", "ssh")
        return git.configuration(self.url, self.branch, kind, protocols)


def program() -> tuple[str, ...]:
    """The command that is this program: the archive that runs now."""
    return (sys.executable or "/usr/bin/python3", "-IS", os.path.abspath(sys.argv[0]))


def obtain(repository: Repository, handle: int) -> str:
    """Brings the clone up to date and returns the tip of the branch, unverified. Raises BbhvError.

    An unchanged branch costs one round trip and changes nothing. `handle` is the lock under which this happens.
    """
    clone = repository.clone
    clone.sweep()
    have = _usable(clone)
    if clone.exists() and have is None and clone.ref(paths.REF_INCOMING):
        clone.discard()
    try:
        tip = _transfer(repository, have, handle)
    except CommandError:
        if have is None or clone.is_whole(have):
            raise
        clone.discard()  # the other side is not to blame: what the clone should hold is not there
        tip = _transfer(repository, None, handle)
    if clone.exists():
        clone.configure(repository.configuration(git.algorithm(tip)), repository.branch)
    return tip


def _usable(clone: git.Clone) -> str | None:
    have = clone.ref(paths.REF_INCOMING) if clone.exists() else None
    if have is None:
        return None
    try:
        with git.ObjectReader(clone.gitdir) as reader:
            reader.commit(have)
    except BbhvError:
        return None
    return have


def _transfer(repository: Repository, have: str | None, handle: int) -> str:
    objects = f"{repository.clone.gitdir}/objects" if have else ""
    lend = _lend(objects)
    command = _unit(repository, "fetch", lend, network=not repository.url.startswith("file:"))
    work = ("fetch", repository.url, repository.branch, have or "", objects)
    fetching = run.spawn((*command, *program(), "worker", *work))
    try:
        if not _has_data(fetching):
            _finish(repository, fetching, "fetch")
            if have is None:
                raise BbhvError(f"{repository.url} gave nothing.")
            return have
        command = _unit(repository, "ingest", lend, network=False)
        asked = ("ingest", objects, str(PACK_LIMIT), git.algorithm(have) if have else "")
        ingesting = run.spawn((*command, *program(), "worker", *asked), stdin=fetching.stdout.fileno())
        try:
            return _receive(repository, fetching, ingesting)
        finally:
            ingesting.close()
    finally:
        fetching.close()


def _receive(repository: Repository, fetching: run.Process, ingesting: run.Process) -> str:
    files.make_dir(files.parent(repository.clone.path), 0o700)
    staging = files.temporary(f"{files.parent(repository.clone.path)}/incoming")
    os.mkdir(staging, 0o700)
    try:
        problem: ValueError | None = None
        try:
            texts, parts = _read_frames(ingesting, staging)
        except ValueError as error:
            problem = error
        fetching.stdout.close()
        _finish(repository, fetching, "fetch")
        _finish(repository, ingesting, "ingest")
        if problem:
            raise BbhvError(f"The ingest unit of {repository.name} handed over nonsense: {problem}.")
        tip, name = texts.get("tip", ""), texts.get("name", "")
        if not is_object_id(tip) or not is_object_id(name) or not {"pack", "idx"} <= parts.keys():
            raise BbhvError(f"The ingest unit of {repository.name} handed over no whole pack.")
        clone = repository.clone
        if not clone.exists():
            kind = git.algorithm(tip)
            clone.create(repository.configuration(kind), repository.branch, kind)
        clone.store_pack(name, parts)
        clone.set_ref(paths.REF_INCOMING, tip)
        return tip
    finally:
        files.remove_tree(staging)


def _read_frames(ingesting: run.Process, staging: str) -> tuple[dict[str, str], dict[str, str]]:
    pipe = ingesting.stdout
    texts: dict[str, str] = {}
    parts: dict[str, str] = {}
    while True:
        name, size = frames.parse_header(pipe.read(frames.HEADER_SIZE), PACK_LIMIT * 2)
        if name == "end":
            return texts, parts
        if name in texts or name in parts or (name in ("tip", "name") and size > 64):
            raise ValueError(f"the frame {name} is not expected")
        if name in ("tip", "name"):
            texts[name] = pipe.read(size).decode("ascii", "replace")
            continue
        parts[name] = f"{staging}/{name}"
        with open(parts[name], "xb") as file:
            while size:
                chunk = pipe.read(min(size, 1 << 20))
                if not chunk:
                    raise ValueError("a frame ends early")
                file.write(chunk)
                size -= len(chunk)


def _finish(repository: Repository, process: run.Process, step: str) -> None:
    done = process.wait(SECONDS)
    if done.returncode:
        words = said(done.stderr) or f"exit status {done.returncode}"
        message = f"The {step} of {repository.url} (branch {repository.branch}) failed: {words}."
        hint = "What runs stays as it is; the next sync tries again."
        raise CommandError(process.argv, done.returncode, done.stderr, message, hint=hint)


def said(stderr: str) -> str:
    """What a worker said last, as the end of a sentence of ours."""
    return " ".join(stderr.split())[-600:].removeprefix("bbhv: ").rstrip(".")


def _has_data(process: run.Process) -> bool:
    """Whether the process wrote something, without taking it: False means that it closed its output."""
    import fcntl
    import select
    import termios

    pipe = process.stdout.fileno()
    if not select.select([pipe], [], [], SECONDS)[0]:
        raise run.failure(process.argv, -14, f"no answer within {SECONDS} s")
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, b"\0\0\0\0"), sys.byteorder) > 0


def _unit(repository: Repository, step: str, properties: tuple[str, ...], *, network: bool) -> tuple[str, ...]:
    sandbox = systemd.Sandbox(properties=properties, network=network, file_size=PACK_LIMIT * 2, seconds=SECONDS)
    unit = f"bitbuilder-{step}-{repository.name}-{os.getpid()}-{os.urandom(3).hex()}.service"
    return systemd.sandbox_command(unit, sandbox, (), {})


def _lend(objects: str) -> tuple[str, ...]:
    """The tenants' folder is empty in there, but for this clone's objects, which are read-only."""
    hidden = tuple(f"TemporaryFileSystem={folder}:ro,mode=0755" for folder in (paths.TENANTS, paths.STATE))
    return (*hidden, f"BindReadOnlyPaths={objects}") if objects else hidden
