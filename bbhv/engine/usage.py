"""What tenants use of the host, read from their control groups and their storage. It changes nothing.

The kernel counts everything that runs in the slice of a tenant, however deep: containers, machines, scripts, shells.
"""

import os
from collections.abc import Collection

from ..model.manifest import Manifest
from ..model.registration import Grants
from ..model.usage import FILES, Measured, OfTenant, OfWorkload, measured
from ..names import tenant_slice
from . import paths, world
from .storage.state import Store, known_tenants
from .storage.taken import taken
from .world import World

MOST = 64 << 10


def usage(tenants: Collection[str] | None = None) -> list[OfTenant]:
    """What these tenants use (None: all that there are), by id. Raises NotFoundError for one that nobody has here."""
    host = world.load()
    known = {*host.registrations, *host.refused, *known_tenants()}
    for name in sorted(set(tenants or ()) - known):
        raise world.unknown(name, known)
    return [of(host, tenant, closely=True) for tenant in sorted(known if tenants is None else set(tenants))]


def of(host: World, tenant: str, *, closely: bool) -> OfTenant:
    """What one tenant uses. Not `closely`, storage that would have to be added up file by file is not known."""
    store = Store(paths.tenant(tenant))
    manifest = store.manifest(store.number("current"))
    one, top = host.registrations.get(tenant), f"{paths.CGROUPS}/{tenant_slice(tenant)}"
    return OfTenant(
        id=tenant, measured=_measured(top), storage=storage(store.folder, closely=closely),
        grants=one.grants if one else Grants(), workloads=_workloads(manifest, top),
    )  # fmt: skip


def _workloads(manifest: Manifest | None, top: str) -> tuple[OfWorkload, ...]:
    found = manifest.workloads if manifest else ()
    return tuple(OfWorkload(one.name, one.kind, _measured(f"{top}/{one.unit}")) for one in found)


def _measured(group: str) -> Measured:
    return measured({name: text for name in FILES if (text := _text(f"{group}/{name}")) is not None})


def _text(path: str) -> str | None:
    """A file of the kernel's, which is not there without its controller, and gone with its group."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(handle, MOST).decode("ascii", "replace")
    except OSError:
        return None
    finally:
        os.close(handle)


def storage(home: str, *, closely: bool) -> int | None:
    """The bytes that the storage in the folder of a tenant takes on the disk.

    Where it is a file system of its own, or has a project quota, the file system knows. Elsewhere all is added up.
    """
    room = f"{home}/storage"
    try:
        if os.path.ismount(room) or _has_quota(home, room):
            found = os.statvfs(room)
            return (found.f_blocks - found.f_bfree) * found.f_frsize
        if os.path.exists(f"{room}.raw"):  # the tenant is stopped, and what is in there is not mounted
            return taken(f"{room}.raw")
        places = [room] if os.path.isdir(room) else [f"{home}/{name}" for name in ("volumes", "roots", "machines")]
        return sum(map(taken, places)) if closely else None
    except OSError:
        return None


def _has_quota(home: str, room: str) -> bool:
    """Whether the file system counts this folder by itself: then it says of it what it does not say of its parent."""
    try:
        inside, outside = os.statvfs(room), os.statvfs(home)
    except FileNotFoundError:
        return False
    return (inside.f_blocks, inside.f_files) != (outside.f_blocks, outside.f_files)
