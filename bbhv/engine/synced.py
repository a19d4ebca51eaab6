"""When tenants were last synced, and how long the last sync of all took: what metrics tell, until the next boot.

    /run/bitbuilder/synced/acme         its time: when a sync of the tenant ended last
    /run/bitbuilder/synced/acme.well    its time: when one last ended well
    /run/bitbuilder/synced/_all         when the last sync of all began and ended

state.json has the time of the last outcome that said something new, which may be long ago. Here a time alone is noted,
which costs a sync of a thousand tenants that have nothing new a few milliseconds.
"""

import os
import time
from collections.abc import Iterable

from ..errors import BbhvError
from ..host import files, log
from ..records import dataclass
from . import paths

WELL = frozenset(("applied", "unchanged", "held", "suspended"))
_WELL = ".well"
_ALL = f"{paths.RUN_SYNCED}/_all"


@dataclass(frozen=True, slots=True)
class Times:
    """When a tenant was last synced, and when that last ended well: seconds since the epoch, None when nobody knows."""

    last: float | None = None
    well: float | None = None


def note(ended: Iterable[tuple[str, str]]) -> None:
    """Notes that syncs of these tenants have ended just now, each with the word of its outcome."""
    try:
        for tenant, word in ended:
            for name in (tenant, f"{tenant}{_WELL}") if word in WELL else (tenant,):
                _touch(f"{paths.RUN_SYNCED}/{name}")
    except OSError as error:
        log.write("debug", f"{paths.RUN_SYNCED}: {error.strerror}")  # a time that is missing decides nothing


def _touch(path: str) -> None:
    try:
        os.utime(path)
    except FileNotFoundError:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))


def note_all(began: float) -> None:
    """Notes that a sync of all has ended just now, which began so many seconds after the epoch."""
    try:
        files.write(_ALL, f"{began:.6f} {time.time():.6f}\n".encode(), 0o600)
    except OSError as error:
        log.write("debug", f"{_ALL}: {error.strerror}")


def of(tenant: str) -> Times:
    """What is known of a tenant since the boot."""
    return Times(_time(tenant), _time(f"{tenant}{_WELL}"))


def _time(name: str) -> float | None:
    try:
        return os.lstat(f"{paths.RUN_SYNCED}/{name}").st_mtime
    except OSError:
        return None


def of_all() -> tuple[float, float] | None:
    """When the last sync of all began and ended, in seconds since the epoch; None when nobody knows."""
    try:
        began, ended = map(float, (files.read(_ALL, 100) or b"").split())
    except (BbhvError, OSError, ValueError):
        return None
    return began, ended


def forget(known: Iterable[str]) -> None:
    """Forgets all tenants but these."""
    kept = frozenset(known)
    for name in os.listdir(paths.RUN_SYNCED) if os.path.isdir(paths.RUN_SYNCED) else ():
        if name.removesuffix(_WELL) not in kept and f"{paths.RUN_SYNCED}/{name}" != _ALL:
            files.discard(f"{paths.RUN_SYNCED}/{name}")
