"""Grants: whether what a tenant declares is within what the registration gives it. Nothing is given by default.

Findings: BB401 (more than granted), BB402 (image), BB403 (source of an image), BB404 (a grant is needed),
BB405 (subnet, VLAN or uplink), BB406 (service profile).
"""

from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatchcase

from ..findings import Finding, Place
from ..kinds import image, limits, portable
from ..kinds.extension import ExtensionImage
from ..kinds.image import Fetched
from ..kinds.portable import Portable
from ..kinds.source import Declared
from ..kinds.urls import covers
from ..kinds.values import INFINITY, show_limit, show_quota, show_size
from ..kinds.workloads.machine import GROW_IMAGE, Machine
from ..kinds.workloads.workload import IMAGE, PERSISTENT
from . import capacity
from .networks import granted
from .capacity import ASK
from .registration import Grants, Registration
from .relations import Runs
from .tenant import Tenant


MEBI = 1 << 20


def check(
    tenant: Tenant, registration: Registration, *, allow_file: bool, offered: Collection[str]
) -> tuple[Finding, ...]:
    """Everything in which a tenant goes beyond its grants. `offered` names the images that this host offers."""
    grants = registration.grants
    findings = [*_count(tenant.containers, "Container", grants.containers)]
    findings += _count(tenant.machines, "Machine", grants.machines)
    findings += _limits(tenant, registration)
    findings += _storage(tenant, grants)
    findings += capacity.findings(tenant, grants)
    # The kernel of a machine mounts its images; all others that something starts from, the kernel of the host.
    mounted = {name for one in tenant.runs if not isinstance(one, Machine) for name, _ in one.images}
    for one in tenant.images.values():
        findings += _source(one, grants, allow_file, mounted=one.name in mounted)
    for extension in tenant.extensions:
        if isinstance(extension, ExtensionImage):
            findings += _source(extension, grants, allow_file, mounted=True)
    findings += granted.findings(tenant, grants)
    for service in tenant.portables.values():
        findings += _profile(service, grants)
    for workload in tenant.runs:
        findings += _images(workload, tenant, grants, offered)
    return tuple(findings)


def _count(declared: Mapping[str, Declared], what: str, granted: int) -> Iterator[Finding]:
    for number, name in enumerate(sorted(declared), 1):
        if number > granted:
            message = f"{what} {name} is number {number}, but {granted} are granted."
            yield Finding(Place(declared[name].file), "BB401", message, ASK)


def _limits(tenant: Tenant, registration: Registration) -> Iterator[Finding]:
    """tenant.slice against the grants, and that there is a grant at all for a tenant that runs something."""
    grants = registration.grants
    rows = (
        ("memory", limits.MEMORY_MAX, grants.memory, show_size),
        ("cpus", limits.CPU_QUOTA, grants.cpu_quota, show_quota),
        ("tasks", limits.TASKS_MAX, grants.tasks, show_limit),
    )
    for name, row, granted, show in rows:
        if granted is None:
            if tenant.runs:
                message = f"Tenant {tenant.id} declares workloads, but is granted no {name}."
                yield Finding(registration.source, "BB404", message, f'The operator adds "{name}" to the grants.')
        elif tenant.limits is not None:
            wanted = tenant.limits.values.get(row)
            if wanted is not None and wanted > granted and wanted != INFINITY:
                place = tenant.limits.values.places(row)[0]
                message = f"{row.key}={show(wanted)} is more than the {show(granted)} that are granted."
                yield Finding(place, "BB401", message, ASK)


def _storage(tenant: Tenant, grants: Grants) -> Iterator[Finding]:
    """What is declared with a size, all together. What has none needs only that there is storage."""
    total = 0
    for what, size, place in _stored(tenant):
        if grants.storage is None:
            yield Finding(place, "BB404", f"{what} needs storage, but none is granted.", ASK)
            continue
        total += size
        if size and total > grants.storage:
            granted = show_size(grants.storage)
            message = f"With {what[0].lower()}{what[1:]} the storage of the tenant has {show_size(total)} in it, but "
            message += f"{granted} are granted."
            yield Finding(place, "BB401", message, ASK)


def stored(tenant: Tenant, grants: Grants, images: int, clone: int) -> tuple[Finding, ...]:
    """Whether what is declared fits beside the tenant's own images and its clone, which take so many bytes."""
    if grants.storage is None or declared(tenant) + images + clone <= grants.storage:
        return ()
    parts = (("what it declares", declared(tenant)), ("its images", images), ("its repository", clone))
    shown = ", ".join(f"{show_size(-(-size // MEBI) * MEBI)} for {what}" for what, size in parts if size)
    message = f"The tenant needs {shown}, but {show_size(grants.storage)} of storage are granted."
    return (Finding(Place("metadata.json"), "BB401", message, ASK),)


def declared(tenant: Tenant) -> int:
    """The bytes that everything takes that is declared with a size."""
    return sum(size for _, size, _ in _stored(tenant))


def _stored(tenant: Tenant) -> Iterator[tuple[str, int, Place]]:
    """What takes of the storage: how it is called, its size in bytes (0 when it has none), and where that stands."""
    for name, volume in sorted(tenant.volumes.items()):
        yield f"Volume {name}", volume.size, Place(volume.file)
    for name, one in sorted(tenant.workloads.items()):
        if isinstance(one, Machine):  # what it writes is on the disk of the host even where it is not kept
            yield f"The disk of {name}", one.values.get(GROW_IMAGE) or 0, one.values.places(IMAGE)[0]
        elif one.values.need(PERSISTENT):
            yield f"The root of {name}", 0, one.values.places(PERSISTENT)[0]


def _source(one: Fetched, grants: Grants, allow_file: bool, *, mounted: bool) -> Iterator[Finding]:
    for setting in (image.SOURCE, image.SIGNATURE):
        url = one.values.get(setting)
        if url:
            yield from _url(setting.key, url, one.values.places(setting)[0], grants, allow_file)
    if grants.storage is not None and one.size > grants.storage:
        message = f"Size={show_size(one.size)} is more than the {show_size(grants.storage)} of storage that is granted."
        yield Finding(one.values.places(image.SIZE)[0], "BB401", message, ASK)
    if one.format == "raw" and mounted and not grants.mount_images:
        place = one.values.places(image.FORMAT)[0]
        message = "Format=raw needs the grant mountImages: the kernel of the host mounts the image."
        yield Finding(place, "BB404", message, "Use Format=tar, or ask the operator.")


def _url(key: str, url: str, place: Place, grants: Grants, allow_file: bool) -> Iterator[Finding]:
    """A place that something is fetched from."""
    if not any(covers(prefix, url) for prefix in grants.image_sources):
        granted = ", ".join(grants.image_sources) or "none"
        yield Finding(place, "BB403", f"{key}={url} is outside the sources that are granted.", f"Granted: {granted}.")
    elif url.startswith("file:") and not allow_file:
        message = f"{key}= is a file of the host, which this host does not allow."
        hint = "The operator sets AllowFile=yes under [System] in /etc/bitbuilder/bitbuilder.conf."
        yield Finding(place, "BB403", message, hint)


def _images(workload: Runs, tenant: Tenant, grants: Grants, offered: Collection[str]) -> Iterator[Finding]:
    for name, place in workload.images:
        if name in tenant.images:
            continue
        # The same words for "not there" and "not for you": a tenant does not learn what others are offered.
        if name not in offered or not any(fnmatchcase(name, pattern) for pattern in grants.images):
            message = f"The image {name} is neither declared by the tenant nor offered to it by this host."
            granted = f"Granted are the offered images {', '.join(grants.images)}." if grants.images else ""
            yield Finding(place, "BB402", message, granted or f"Add infrastructure/{name}.image, or ask the operator.")


def _profile(one: Portable, grants: Grants) -> Iterator[Finding]:
    place = one.values.places(portable.PROFILE)[0]
    if one.profile == portable.TRUSTED:
        message = "The profile trusted has no sandbox: the service would be root on the host."
        yield Finding(place, "BB406", message, "Write Profile=strict. It cannot be granted.")
    elif one.profile not in grants.service_profiles:
        granted = ", ".join(name for name in grants.service_profiles if name != portable.TRUSTED)
        message = f"The profile {one.profile} is not granted."
        yield Finding(place, "BB406", message, f"Granted: {granted}." if granted else "Ask the operator for one.")
