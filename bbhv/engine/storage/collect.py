"""Collection of what nobody needs any more: images, memories of images, and what crashes and purged tenants left.

It runs at the end of a sync of all. `in_use` is held by every run from before it makes sure of an image until its
generation is written; the collector waits a while to hold the same lock alone, or leaves it for the next time: so
nothing goes that somebody is about to use. What is given up loses its name first, at one instant; a crash leaves the
rest to the sweep.

Nothing to do costs one stat for each tenant: the times of the folders that change with a generation or an image are
compared with those of the last collection, which are kept in /run.
"""

import fcntl
import os
import time
from contextlib import AbstractContextManager

from ...errors import BbhvError, BusyError
from ...host import files, log
from ...host.lock import together
from ...model.retention import Kept, Surplus, surplus
from ...names import is_name
from ...records import replace
from .. import paths, synced
from ..tenant.job import sentence, tenant_lock
from . import images, partial, publish
from .state import Store, known_tenants

PATIENCE = 20  # seconds
DAY_SEC = 86400
_LOCK = f"{paths.RUN_LOCK}/_store"
_LOOKED = f"{paths.RUN}/collected"


def in_use() -> AbstractContextManager[bool]:
    """While it is held, no image is given up."""
    return together(_LOCK)


def collect(registered: frozenset[str]) -> None:
    """Gives up what nobody needs; a problem is logged, and tried again the next time."""
    try:
        times = _times()
        if files.read(_LOOKED) == times:
            return
        if _collect(registered):
            files.write(_LOOKED, times if times == _times() else b"", 0o600)
    except (BbhvError, OSError) as error:
        log.write("warning", f"Nothing was collected, it is tried again: {sentence(error)}")


def _collect(registered: frozenset[str]) -> bool:
    """Whether all was done that there was to do."""
    with together(_LOCK, alone_within=PATIENCE) as alone:
        if not alone:
            return False
        if os.path.isdir(paths.IMAGES):
            images.sweep()
        tenants = kept()
        found = surplus(paths.IMAGES, stored(), tenants, _loaded())
        left = [tenant for tenant, digests in found.forgotten.items() if not _forget(tenant, digests)]
        _tidy(registered | frozenset(tenants))
        partial.sweep(tenants)
        trash = [] if left else [_take_name(path) for path in found.images]
    for path, handle in trash:
        files.remove_tree(path)
        os.close(handle)
    _say(found)
    return not left


def kept() -> dict[str, Kept]:
    """What is kept of every tenant that has a folder."""
    found = {}
    for tenant in known_tenants():
        store = Store(paths.tenant(tenant))
        manifests = {number: store.manifest(number) for number in store.numbers()}
        found[tenant] = Kept(generations=manifests, fetched=store.load().images)
    return found


def stored() -> list[str]:
    """The names of the images in the store."""
    return [name for name in _names(paths.IMAGES) if name[0] != "."]


def _times() -> bytes:
    """What differs whenever there may be something to do."""
    folders = [paths.TENANTS, paths.IMAGES, paths.RUN_GENERATIONS]
    folders += [f"{paths.tenant(tenant)}/generations" for tenant in known_tenants()]
    days = [f"{time.time() // DAY_SEC}\n"] if os.path.lexists(paths.PARTIAL) else []
    return "".join([*days, *(f"{folder} {_mtime(folder)}\n" for folder in folders)]).encode()


def _mtime(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except FileNotFoundError:
        return 0


def _loaded() -> list[str]:
    """The texts of all units that are published, which systemd may run."""
    return list(files.read_tree(paths.RUN_GENERATIONS).values())


def _forget(tenant: str, digests: tuple[str, ...]) -> bool:
    """Has a tenant fetch images from its own source when it uses them again; not while somebody works on it."""
    store = Store(paths.tenant(tenant))
    with tenant_lock(tenant) as lock:
        try:
            lock.take(f"bbhv sync, collecting {tenant}", wait=False)
        except BusyError:
            return False
        state = store.load()
        kept = tuple(one for one in state.images if one not in digests)
        vouchers = tuple(one for one in state.vouchers if one.sha256 in kept)
        store.save(replace(state, images=kept, vouchers=vouchers))
    return True


def _take_name(path: str) -> tuple[str, int]:
    """Takes an image's name away, durably, and locks what it was, so that no sweep does the same work."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    fcntl.flock(handle, fcntl.LOCK_EX)
    gone = files.temporary(path)
    os.rename(path, gone)
    files.fsync_dir(paths.IMAGES)
    return gone, handle


def _tidy(known: frozenset[str]) -> None:
    """Removes what is left in /run of tenants that are neither registered nor have a folder.

    Their UID ranges stay until `bbhv purge` gives them back: a file system that is not mounted looks like no folder.
    """
    for entry in _names(paths.RUN_GENERATIONS):
        owner = entry.removeprefix(files.PREFIX).partition(".")[0]
        if is_name(owner) and owner not in known and not os.path.lexists(f"{paths.RUN_UNITS}/{owner}"):
            publish.tidy(owner)
            files.remove_tree(f"{paths.RUN_GENERATIONS}/{entry}")
    for folder in (paths.RUN_STOPPED, paths.RUN_WANTED):
        for name in _names(folder):
            if name not in known:
                files.discard(f"{folder}/{name}")
    synced.forget(known)


def _say(found: Surplus) -> None:
    for path in found.images:
        log.write("info", f"Removed {path}: no generation that is kept needs it.")


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
