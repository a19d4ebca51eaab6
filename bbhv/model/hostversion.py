"""What a tenant's declarations need of the version of the host's systemd. Findings: BB210 (a key needs a newer one).

systemd skips a key of a file that it does not know with a line in its log, and its programs fail at a switch that they
do not know; a tenant would see neither.
"""

from collections.abc import Iterable, Iterator

from ..findings import Finding, Severity
from ..kinds.extension import ExtensionImage
from ..kinds.settings import Values
from ..kinds.source import Declared
from .tenant import Tenant

# The oldest systemd that is supported: that of Debian 13.
OLDEST = 257


def newer(tenant: Tenant, version: int | None) -> tuple[Finding, ...]:
    """Every key that systemd of this version does not know, at the place where it is set first.

    None is that no host was named: what not every host has is then a warning. A host whose version could not be told,
    which is 0, is taken for one that has it all.
    """
    severity: Severity = "warning" if version is None else "error"
    found = [] if version == 0 else [row for values in _values(tenant) for row in values.newer(version or OLDEST)]
    there = "the oldest that is supported" if version is None else "what this host has"
    findings = []
    for row, place in found:
        message = f"{row.key}= in section [{row.section}] needs systemd {row.since}; {version or OLDEST} is {there}."
        findings.append(Finding(place, "BB210", message, "Leave it out, or use a newer host.", severity))
    return tuple(findings)


def _values(tenant: Tenant) -> Iterator[Values]:
    declared: tuple[Iterable[Declared], ...] = (
        tenant.images.values(), tenant.volumes.values(), tenant.containers.values(), tenant.machines.values(),
        tenant.netdevs.values(), tenant.networks.values(), tenant.portables.values(),
    )  # fmt: skip
    for group in declared:
        yield from (one.values for one in group)
    yield from (one.values for one in tenant.extensions if isinstance(one, ExtensionImage))
    yield from (tenant.limits.values,) if tenant.limits else ()
