"""What the storage of a tenant needs of a host. Findings: BB211 (no drives, or no bound, without mkfs.ext4)."""

from collections.abc import Iterator

from ..findings import Finding, Place
from ..kinds.workloads.workload import PERSISTENT
from .host import HostFacts
from .tenant import Tenant
from .units.shared import machines_of

MKFS = "mkfs.ext4"
HINT = "The operator installs e2fsprogs."


def findings(tenant: Tenant, facts: HostFacts) -> Iterator[Finding]:
    """A drive cannot be made without the program; folders only have no bound then, unless there are project quotas."""
    if facts.tools.get(MKFS, MKFS):
        return
    if not facts.tools.get("setquota"):
        yield from _unbounded(tenant, facts)
    for _, volume in sorted(tenant.volumes.items()):
        if volume.is_drive and machines_of(tenant, facts):
            message = f"Volume {volume.name} is a drive, which this host cannot make: it has no {MKFS}."
            yield Finding(Place(volume.file), "BB211", message, HINT)


def _unbounded(tenant: Tenant, facts: HostFacts) -> Iterator[Finding]:
    """What can take more of the disk than is granted: folders, roots that are kept, and whatever a machine writes."""
    volumes = (one for _, one in sorted(tenant.volumes.items()))
    folders = (one for one in volumes if one.use == "container" or one.is_shared and machines_of(tenant, facts))
    roots = (one for _, one in sorted(tenant.containers.items()) if one.values.need(PERSISTENT))
    machines = (one for _, one in sorted(machines_of(tenant, facts).items()))
    for what, each in (("Volume", folders), ("The root of", roots), ("The disk of", machines)):
        for one in each:
            message = f"{what} {one.name} has no bound here: this host has neither {MKFS} nor project quotas."
            yield Finding(Place(one.file), "BB211", message, HINT, severity="warning")
