"""Purge: the only way in which data of a tenant is removed, and only by an operator's word.

A tenant goes whole when nobody registers it any more, a volume when nobody declares it. What goes loses its name first,
durably, and is removed then: whoever is interrupted finds the old state or none, and calls it again for the rest.
"""

import os

from ...errors import NotFoundError, RefusedError, printable
from ...formats.jsontext import Json
from ...host import files, removal, systemd
from ...model.manifest import SHARED_ENDING
from ...names import infra_unit, is_name, network_unit, tenant_unit
from ...records import dataclass
from .. import paths
from ..manager import open_world
from ..storage import publish
from ..storage.numbers import CIDS, RANGES
from ..storage.state import Store
from ..world import World, written
from . import control, deadline
from .job import Asked, say_waiting, tenant_lock

_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """What was removed: names in the file system, and the workloads whose UID ranges are free again."""

    tenant: str
    removed: tuple[str, ...] = ()
    ranges: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Json]:
        """The same as `purge --json` and the interface tell it."""
        return {"tenant": self.tenant, "removed": list(self.removed), "uidRanges": list(self.ranges)}


def look(tenant: str, volume: str) -> tuple[str, ...]:
    """What a purge would remove; without `volume`, everything of the tenant.

    Raises RefusedError when it is still wanted or runs, NotFoundError when there is no such thing.
    """
    return _volume(tenant, volume) if volume else _whole(open_world(), tenant)


def purge(tenant: str, volume: str, asked: Asked) -> Purged:
    """Removes it. Raises as `look`, and BusyError when somebody works on the tenant."""
    host = open_world()
    with tenant_lock(tenant) as lock:
        lock.take(f"bbhv purge {tenant}", wait=asked.wait, waiting=say_waiting)
        if volume:
            return Purged(tenant=tenant, removed=_remove(_volume(tenant, volume)))
        found = _whole(host, tenant)
        _forget(tenant)
        removed = _remove(found)
        CIDS.release(tenant)
        return Purged(tenant=tenant, removed=removed, ranges=RANGES.release(tenant))


def _whole(host: World, tenant: str) -> tuple[str, ...]:
    if tenant in host.refused:
        raise RefusedError(f"The registration of {tenant} has errors: nobody can say that it is gone.")
    if not host.readable:
        what = "The settings of this host" if host.unread else "The system repository"
        raise RefusedError(f"{what} cannot be read: nobody can say that {tenant} is gone.")
    one = host.registrations.get(tenant)
    if one is not None and one.state != "absent":
        hint = 'Remove the registration, or write "state": "absent" into it, then: bbhv sync'
        raise RefusedError(f"{tenant} is registered in {written(one)}.", hint=hint)
    found = _here(paths.TENANTS, tenant)
    if not found and not RANGES.of(tenant):
        raise NotFoundError(f"This host has no data of a tenant {tenant}.", hint="bbhv list shows the tenants.")
    _refuse_running(tenant)
    _refuse_mounted(found)
    return found


def _refuse_running(tenant: str) -> None:
    own = (tenant_unit(tenant), infra_unit(tenant), network_unit(tenant))
    units = systemd.states((*own, f"tenant-container@*.{tenant}.service", f"tenant-machine@*.{tenant}.service"))
    running = sorted(unit for unit, state in units.items() if state not in ("inactive", "failed"))
    if running:
        hint = f"Stop it first: systemctl stop {tenant_unit(tenant)}"
        raise RefusedError(f"{tenant} still runs: {', '.join(running[:5])}.", hint=hint)


def _refuse_mounted(found: tuple[str, ...]) -> None:
    """What is mounted there belongs to somebody else, and is not removed. Nothing is, as long as it is there."""
    points = [point for path in found for point in removal.mounted(path)]
    if points:
        message = f"Something is mounted at {', '.join(map(printable, points[:5]))}, which a purge does not remove."
        raise RefusedError(message, hint=f"Unmount it first: umount {printable(points[0])}")


def _volume(tenant: str, volume: str) -> tuple[str, ...]:
    if not is_name(volume):
        raise NotFoundError(f"{ascii(volume[:64])} is no name of a volume.")
    store = Store(paths.tenant(tenant))
    trial = store.load().trial
    numbers = {store.number("current"), store.number("good"), trial.generation if trial else None}
    for number in sorted(number for number in numbers if number is not None):
        manifest = store.manifest(number)
        if manifest is None or f"volume:{volume}" in manifest.infra_settings:
            message = f"Volume {volume} of {tenant} is declared by generation {number}."
            raise RefusedError(message, hint="Only what nobody declares any more can be purged.")
    home = os.path.realpath(f"{store.folder}/volumes")  # where the storage is, when it has a bound
    snapshots = f"{os.path.dirname(home)}/snapshots"
    places = [one for ending in ("", ".raw", SHARED_ENDING) for one in _here(home, f"{volume}{ending}")]
    found = (*places, *_here(snapshots, volume))
    if not found and not os.path.isdir(home):
        message = f"The storage of {tenant} is not there, so nobody can say what is in it."
        raise NotFoundError(message, hint=f"systemctl start {infra_unit(tenant)}")
    if not found:
        raise NotFoundError(f"{tenant} has no volume {volume}.", hint=f"bbhv volume list {tenant}")
    _refuse_mounted(found)
    return found


def _here(folder: str, name: str) -> tuple[str, ...]:
    """What has this name in a folder, or had it until a purge that was interrupted."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return ()
    before = f"{files.PREFIX}{name}."
    left = (one for one in names if one.startswith(before) and _HEX.issuperset(one.removeprefix(before)))
    return tuple(f"{folder}/{one}" for one in sorted([*left, *(one for one in names if one == name)]))


def _forget(tenant: str) -> None:
    """Takes the tenant's units and marks out of /run."""
    deadline.disarm(tenant)
    if publish.withdraw(tenant):
        systemd.daemon_reload()
    publish.tidy(tenant)
    control.forget(tenant)
    publish.mark_stopped(tenant, False)
    publish.mark_suspended(tenant, False)


def _remove(found: tuple[str, ...]) -> tuple[str, ...]:
    """Takes all names away, durably, and then removes what had them."""
    gone = []
    for path in found:
        retired = path if os.path.basename(path).startswith(files.PREFIX) else files.temporary(path)
        if retired != path:
            os.rename(path, retired)
            files.fsync_dir(files.parent(path))
        gone.append(retired)
    for path in gone:
        removal.remove(path)
        files.fsync_dir(files.parent(path))
    return found
