"""What the networks of a tenant need of a host. Findings: BB211 (the host cannot have any)."""

from collections.abc import Iterator

from ..findings import Finding, Place
from .host import HostFacts
from .tenant import Tenant


def findings(tenant: Tenant, facts: HostFacts) -> Iterator[Finding]:
    """One finding for all networks. It is an error: a workload without its network is not what was declared."""
    declared = [one for _, one in sorted(tenant.netdevs.items())]
    if declared and facts.network_lacking:
        message = f"Networks cannot be had here: {facts.network_lacking}."
        yield Finding(Place(declared[0].file), "BB211", message, "The operator installs it.")
