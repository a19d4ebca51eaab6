"""Fetch and ingest: from a repository on the network to objects in the clone, nothing of it trusted yet.

Two sandboxed units (DESIGN: the way a commit travels), in each of which git runs alone. The first talks to the network
and leaves a pack (`fetching`). The second reads it from a pipe and takes it apart without a network (`ingesting`); what
it makes is copied into the clone, and the ref `incoming` moves last. A bundle from a file enters at the same door. What
is behind `incoming` is verified by the next step, and every object again when it is read.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ...errors import BbhvError, CommandError, NotFoundError, NotYetError, RefusedError
from ...formats import bundle
from ...host import files, git
from ...names import is_name
from .. import confined, paths
from ..sandboxes import AGAIN
from . import fetching, housekeeping, ingesting, reach, retry
from .reach import Repository as Repository


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
    have = _accepted(clone) or _usable(clone, paths.REF_INCOMING) or _usable(clone, paths.REF_TRIED)
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


def _accepted(clone: git.Clone) -> str | None:
    """What came last, when it was accepted as well, and so was read."""
    have = clone.ref(paths.REF_INCOMING) if clone.exists() else None
    return have if have and have == clone.ref(paths.REF_TRIED) else None


def _usable(clone: git.Clone, ref: str) -> str | None:
    """The commit of a ref, when it can be read."""
    have = clone.ref(ref) if clone.exists() else None
    if have is None:
        return None
    try:
        with clone.reading() as reader:
            reader.commit(have)
    except BbhvError:
        return None
    return have


def _transfer(repository: Repository, have: str | None) -> str:
    with _staging(repository) as staging:
        with reach.slot(repository.url):
            tip = fetching.fetch(repository, have, f"{staging}/fetch")
        repository.fetched()
        if tip == have:
            return tip
        packs = confined.packs(f"{staging}/fetch")
        if not packs:  # the server had nothing to send, for the clone has all of it
            with repository.clone.reading() as reader:
                reader.read(tip, "commit")
            return tip
        if len(packs) > 1:
            raise BbhvError(f"git made more than one pack of what {repository.subject} gave.")
        source = files.open_plain(f"{staging}/fetch/{confined.REPOSITORY}/objects/pack/{packs[0]}")
        try:
            return _ingest(repository, have, source, tip, staging)
        finally:
            os.close(source)


def _open(repository: Repository, have: str | None, path: str) -> str:
    """Takes a bundle from a file, which root opens without following a link at its end."""
    try:
        source = files.open_plain(path)
    except OSError as error:
        hint = "Name the bundle itself, not a link to it." if os.path.islink(path) else ""
        raise NotFoundError(f"The bundle {path} cannot be opened: {error.strerror}.", hint=hint) from None
    except BbhvError:
        raise RefusedError(f"The bundle {path} is not a plain file.") from None
    try:
        head = ingesting.header(source)
        tip = bundle.chosen(head, f"refs/heads/{repository.branch}")
        with _staging(repository) as staging:
            try:
                return _ingest(repository, have, source, tip, staging)
            except RefusedError as error:
                for oid in head.prerequisites:
                    _prerequisite(repository, oid)  # which would be the reason
                if error.hint != AGAIN:
                    raise
                hint = f"Copy {path} again, or make it anew: git bundle create FILE {repository.branch}"
                raise RefusedError(error.message, hint=hint) from None
    except bundle.BundleFormatError as error:
        message = f"The ingest of {repository.subject} failed: {error.message}"
        raise RefusedError(message, hint=error.hint or bundle.MAKE) from None
    finally:
        os.close(source)


def _prerequisite(repository: Repository, oid: str) -> None:
    try:
        if not repository.clone.exists():
            raise BbhvError("There is no clone.")
        with repository.clone.reading() as reader:
            reader.read(oid, "commit")
    except BbhvError:
        hint = f"Make a complete one: git bundle create FILE {repository.branch}"
        message = f"The bundle goes on from commit {oid[:12]}, which this host does not have."
        raise RefusedError(message, hint=hint) from None


@contextmanager
def _staging(repository: Repository) -> Iterator[str]:
    """A folder beside the clone in which all that is not believed yet lies, and which is gone afterwards."""
    files.make_dir(files.parent(repository.clone.path), 0o700)
    staging = files.temporary(f"{files.parent(repository.clone.path)}/incoming")
    os.mkdir(staging, 0o700)
    try:
        yield staging
    finally:
        files.remove_tree(staging)


def _ingest(repository: Repository, have: str | None, source: int, tip: str, staging: str) -> str:
    """Takes a pack into the clone, once it is known to hold all that the tip needs."""
    name, parts = ingesting.ingest(repository, have, source, tip, staging)
    clone = repository.clone
    fresh = not clone.exists()
    if fresh:
        kind = git.algorithm(tip)
        clone.create(repository.configuration(kind), repository.branch, kind)
    clone.store_pack(name, parts, on_trial=True)
    try:
        _holds(repository, tip)
    except RefusedError:
        clone.discard() if fresh else clone.return_packs()
        raise
    return tip


def _holds(repository: Repository, tip: str) -> None:
    """Whether the tip is there, and a commit. Raises RefusedError."""
    try:
        with repository.clone.reading() as reader:
            reader.read(tip, "commit")
    except RefusedError:
        raise
    except BbhvError as error:
        message = f"The ingest of {repository.subject} failed: {tip[:12]}, which is offered, is no commit"
        raise RefusedError(f"{message}: {error.message}", hint=bundle.MAKE) from None
