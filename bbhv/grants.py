"""Grants: whether what a tenant declares is within what the registration gives it. Nothing is given by default.

Findings: BB401 (more than granted), BB402 (image), BB403 (source of an image), BB404 (a grant is needed).
"""

from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase

from .findings import Finding, Place
from .kinds import container, image, limits
from .kinds.container import Container
from .kinds.image import Image
from .kinds.urls import covers
from .kinds.values import INFINITY, show_limit, show_quota, show_size
from .registration import Grants, Registration
from .tenant import Tenant

_ASK = "Ask the operator for more, or declare less."


def check(
    tenant: Tenant, registration: Registration, *, allow_file: bool, offered: Collection[str]
) -> tuple[Finding, ...]:
    """Everything in which a tenant goes beyond its grants. `offered` names the images that this host offers."""
    grants = registration.grants
    findings = [*_count(tenant, grants), *_limits(tenant, registration), *_storage(tenant, grants)]
    for one in tenant.images.values():
        findings += _source(one, grants, allow_file)
    for workload in tenant.containers.values():
        findings += _image(workload, tenant, grants, offered)
    return tuple(findings)


def cpu_quota(grants: Grants) -> int | None:
    """The granted CPUs in hundredths of a percent of one CPU."""
    return None if grants.cpus is None else max(1, round(grants.cpus * 10_000))


def _count(tenant: Tenant, grants: Grants) -> Iterator[Finding]:
    for number, name in enumerate(sorted(tenant.containers), 1):
        if number > grants.containers:
            file = tenant.containers[name].file
            message = f"Container {name} is number {number}, but {grants.containers} are granted."
            yield Finding(Place(file), "BB401", message, _ASK)


def _limits(tenant: Tenant, registration: Registration) -> Iterator[Finding]:
    """tenant.slice against the grants, and that there is a grant at all for a tenant that runs something."""
    grants = registration.grants
    rows = (
        ("memory", limits.MEMORY_MAX, grants.memory, show_size),
        ("cpus", limits.CPU_QUOTA, cpu_quota(grants), show_quota),
        ("tasks", limits.TASKS_MAX, grants.tasks, show_limit),
    )
    for name, row, granted, show in rows:
        if granted is None:
            if tenant.containers:
                message = f"Tenant {tenant.id} declares containers, but is granted no {name}."
                yield Finding(registration.source, "BB404", message, f'The operator adds "{name}" to the grants.')
        elif tenant.limits is not None:
            wanted = tenant.limits.values.get(row)
            if wanted is not None and wanted > granted and wanted != INFINITY:
                place = tenant.limits.values.places(row)[0]
                message = f"{row.key}={show(wanted)} is more than the {show(granted)} that are granted."
                yield Finding(place, "BB401", message, _ASK)


def _storage(tenant: Tenant, grants: Grants) -> Iterator[Finding]:
    total = 0
    for name in sorted(tenant.volumes):
        volume = tenant.volumes[name]
        if grants.storage is None:
            yield Finding(Place(volume.file), "BB404", f"Volume {name} needs storage, but none is granted.", _ASK)
            continue
        total += volume.size
        if total > grants.storage:
            granted = show_size(grants.storage)
            message = f"With volume {name} the volumes take {show_size(total)}, but {granted} are granted."
            yield Finding(Place(volume.file), "BB401", message, _ASK)


def _source(one: Image, grants: Grants, allow_file: bool) -> Iterator[Finding]:
    place = one.values.places(image.SOURCE)[0]
    if not any(covers(prefix, one.source) for prefix in grants.image_sources):
        granted = ", ".join(grants.image_sources) or "none"
        message = f"Source={one.source} is outside the sources that are granted."
        yield Finding(place, "BB403", message, f"Granted: {granted}.")
    elif one.source.startswith("file:") and not allow_file:
        message = "Source= is a file of the host, which this host does not allow."
        yield Finding(place, "BB403", message, "The operator sets AllowFile=yes under [System] in bitbuilder.conf.")
    if one.format == "raw" and not grants.mount_images:
        place = one.values.places(image.FORMAT)[0]
        message = "Format=raw needs the grant mountImages: the kernel of the host mounts the image."
        yield Finding(place, "BB404", message, "Use Format=tar, or ask the operator.")


def _image(workload: Container, tenant: Tenant, grants: Grants, offered: Collection[str]) -> Iterator[Finding]:
    name = workload.values.need(container.IMAGE)
    if name in tenant.images:
        return
    # The same words for "not there" and "not for you": a tenant does not learn what others are offered.
    if name not in offered or not any(fnmatchcase(name, pattern) for pattern in grants.images):
        place = workload.values.places(container.IMAGE)[0]
        message = f"Image={name} is neither declared by the tenant nor offered to it by this host."
        granted = f"Granted are the offered images {', '.join(grants.images)}." if grants.images else ""
        yield Finding(place, "BB402", message, granted or f"Add infrastructure/{name}.image, or ask the operator.")
