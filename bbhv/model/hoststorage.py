"""What the storage of a tenant needs of a host. Findings: BB211 (no drives, or no bound, without mkfs.ext4)."""

from collections.abc import Iterator

from ..findings import Finding, Place
from .host import HostFacts
from .tenant import Tenant
from .units.shared import machines_of

MKFS = "mkfs.ext4"
HINT = "The operator installs e2fsprogs."


def findings(tenant: Tenant, facts: HostFacts) -> Iterator[Finding]:
    """A drive cannot be made without the program; folders only have no bound then, unless there are project quotas."""
    if facts.tools.get(MKFS, MKFS):
        return
    for _, volume in sorted(tenant.volumes.items()):
        if volume.use == "container" and not facts.tools.get("setquota"):
            message = f"Volume {volume.name} has no bound here: this host has neither {MKFS} nor project quotas."
            yield Finding(Place(volume.file), "BB211", message, HINT, severity="warning")
        elif volume.use == "machine" and machines_of(tenant, facts):
            message = f"Volume {volume.name} is a drive, which this host cannot make: it has no {MKFS}."
            yield Finding(Place(volume.file), "BB211", message, HINT)
