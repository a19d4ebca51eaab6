"""Fetch and ingest: from a repository on the network to objects in the clone, nothing of it trusted yet.

Two sandboxed units with a pipe between them (DESIGN: the way a commit travels). The first talks to the network and
hands over a git bundle; the second takes it apart without one. A bundle from a file enters at the same door. The
engine only copies checked frames into place. The ref `incoming` moves last; what is behind it is verified by the next
step, and every object again when it is read.
"""

import fcntl
import os
import stat
import sys
import termios

from ...errors import BbhvError, CommandError, NotFoundError, NotYetError, RefusedError
from ...host import files, git, run, systemd
from ...model.fetching import encode
from ...names import is_name, is_object_id
from .. import paths, sandboxes
from . import housekeeping, reach, retry
from .reach import Repository as Repository

MEMORY = "512M"
INGEST_SECONDS = 300
CPU_SECONDS = 240


def attempt(repository: Repository, *, bundle: str = "", patient: bool = False) -> str:
    """The tip of the branch, from a bundle or fetched; how fetching ended is remembered.

    Raises NotYetError when that failed a short while ago and the caller is `patient`, else what `obtain` raises.
    """
    name = repository.name
    if bundle:
        return obtain(repository, bundle)
    if patient and retry.waits(name, repository.way):
        times = retry.load(name).failures
        verb = f"bbhv sync {name}" if is_name(name) else "bbhv sync --system"
        raise NotYetError(
            f"Fetching {repository.subject} failed {times} time{'s' if times != 1 else ''} in a row.",
            hint=f"It is tried again later, see bbhv status; {verb} tries now.",
        )
    try:
        tip = obtain(repository)
    except (BbhvError, OSError):
        retry.failed(name, repository.way)
        raise
    retry.forget(name)
    return tip


def obtain(repository: Repository, bundle: str = "") -> str:
    """Brings the clone up to date and returns the tip of the branch, unverified. Raises BbhvError.

    An unchanged branch costs one round trip and changes nothing. With the path of a `bundle`, that is taken instead of
    the network. Only under the lock of whose repository it is.
    """
    clone = repository.clone
    clone.sweep()
    if clone.exists():
        if clone.ref(paths.REF_INCOMING) == clone.ref(paths.REF_TRIED):
            clone.keep_packs()  # whoever accepted it was interrupted
        clone.restore(repository.configuration(clone.algorithm()))
    # What came last may be no commit that we read, and nobody has signed for it: what was accepted still is there.
    have = _usable(clone, paths.REF_INCOMING) or _usable(clone, paths.REF_TRIED)
    if clone.exists() and have is None and clone.ref(paths.REF_INCOMING):
        clone.discard()
    try:
        tip = _take(repository, have, bundle)
    except (CommandError, RefusedError):
        if have is None or clone.is_whole(have) is not False:
            raise
        clone.discard()  # the other side is not to blame: what the clone should hold is not there
        tip = _take(repository, None, bundle)
    clone.set_ref(paths.REF_INCOMING, tip)
    clone.configure(repository.configuration(git.algorithm(tip)), repository.branch)
    return tip


def accept(repository: Repository) -> None:
    """The caller has verified what came in and remembers it: it stays, and is put together with what is there."""
    repository.clone.keep_packs()
    housekeeping.consolidate(repository)


def give_back(repository: Repository) -> None:
    """Nobody may have what came in: no object of it is kept, and `incoming` is what was accepted before again."""
    clone = repository.clone
    accepted = clone.ref(paths.REF_TRIED)
    if accepted is None and clone.head() is None:
        clone.discard()
        return
    clone.return_packs()
    if accepted:
        clone.set_ref(paths.REF_INCOMING, accepted)
    else:
        files.discard(f"{clone.gitdir}/{paths.REF_INCOMING}")


def _take(repository: Repository, have: str | None, bundle: str) -> str:
    return _open(repository, have, bundle) if bundle else _transfer(repository, have)


def _usable(clone: git.Clone, ref: str) -> str | None:
    """The commit of a ref, when it can be read."""
    have = clone.ref(ref) if clone.exists() else None
    if have is None:
        return None
    try:
        with git.ObjectReader(clone.gitdir) as reader:
            reader.commit(have)
    except BbhvError:
        return None
    return have


def _transfer(repository: Repository, have: str | None) -> str:
    objects = f"{repository.clone.gitdir}/objects" if have else ""
    sandbox = systemd.Sandbox(
        properties=(*sandboxes.lend(objects), *reach.properties(repository)), memory=MEMORY, cpu=CPU_SECONDS,
        network=not repository.url.startswith("file:"), file_size=sandboxes.PACK_LIMIT, seconds=repository.seconds,
    )  # fmt: skip
    try:
        request = sandboxes.in_memory(encode(repository.request(have, objects)))
    except ValueError as error:
        raise RefusedError(f"{repository.url} cannot be fetched: {error}.") from None
    try:
        work = ("fetch",)
        with reach.slot(repository.url), sandboxes.unit(
            "fetch", repository.name, repository.subject, work, sandbox, request
        ) as fetching:
            if _has_data(fetching.process.stdout.fileno(), repository.seconds + sandboxes.GRACE):
                return _ingest(repository, have, fetching.process.stdout.fileno(), fetching)
            fetching.finish()
    finally:
        os.close(request)
    if have is None:
        raise BbhvError(f"{repository.url} gave nothing.")
    return have


def _open(repository: Repository, have: str | None, bundle: str) -> str:
    """Takes a bundle from a file, which root opens without following a link at its end."""
    try:
        source = os.open(bundle, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        hint = "Name the bundle itself, not a link to it." if os.path.islink(bundle) else ""
        raise NotFoundError(f"The bundle {bundle} cannot be opened: {error.strerror}.", hint=hint) from None
    try:
        if not stat.S_ISREG(os.fstat(source).st_mode):
            raise RefusedError(f"The bundle {bundle} is not a plain file.")
        return _ingest(repository, have, source, None)
    finally:
        os.close(source)


def _ingest(repository: Repository, have: str | None, source: int, fetching: sandboxes.Unit | None) -> str:
    """Takes a bundle apart and its pack into the clone. What goes wrong with fetching it is told first."""
    objects = f"{repository.clone.gitdir}/objects" if have else ""
    sandbox = systemd.Sandbox(
        properties=sandboxes.lend(objects), memory=MEMORY, cpu=CPU_SECONDS, file_size=sandboxes.PACK_LIMIT * 2,
        seconds=INGEST_SECONDS,
    )  # fmt: skip
    kind = git.algorithm(have) if have else ""
    work = ("ingest", objects, str(sandboxes.PACK_LIMIT), kind, f"refs/heads/{repository.branch}")
    with sandboxes.unit("ingest", repository.name, repository.subject, work, sandbox, source) as ingesting:
        if fetching:
            fetching.process.stdout.close()
        return receive(repository, ingesting, fetching)


def receive(repository: Repository, ingesting: sandboxes.Unit, fetching: sandboxes.Unit | None) -> str:
    """Takes the pack that a unit hands over into the clone, and moves the ref `incoming`."""
    files.make_dir(files.parent(repository.clone.path), 0o700)
    staging = files.temporary(f"{files.parent(repository.clone.path)}/incoming")
    os.mkdir(staging, 0o700)
    try:
        problem: ValueError | None = None
        try:
            texts, parts = sandboxes.read_frames(ingesting.process, staging)
        except ValueError as error:
            problem = error
        if fetching:
            fetching.finish()
        ingesting.finish()
        if problem:
            raise BbhvError(f"The ingest unit of {repository.name} handed over nonsense: {problem}.")
        tip, name = texts.get("tip", ""), texts.get("name", "")
        if not is_object_id(tip) or not is_object_id(name) or not {"pack", "idx"} <= parts.keys():
            raise BbhvError(f"The ingest unit of {repository.name} handed over no whole pack.")
        clone = repository.clone
        if not clone.exists():
            kind = git.algorithm(tip)
            clone.create(repository.configuration(kind), repository.branch, kind)
        clone.store_pack(name, parts, on_trial=True)
        clone.set_ref(paths.REF_INCOMING, tip)
        return tip
    finally:
        files.remove_tree(staging)


def _has_data(pipe: int, seconds: int) -> bool:
    """Whether there is something to read, without taking it: False means that the other end is closed."""
    if not run.has_data(pipe, seconds):
        return False  # its end says why
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, b"\0\0\0\0"), sys.byteorder) > 0
