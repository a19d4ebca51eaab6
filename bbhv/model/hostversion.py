"""What a tenant's declarations need of the version of the host's systemd. Findings: BB210 (a key needs a newer one).

systemd skips a key of a file that it does not know with a line in its log, and its programs fail at a switch that they
do not know; a tenant would see neither.
"""

from collections.abc import Collection, Iterable, Iterator

from ..findings import Finding, Severity
from ..kinds.extension import ExtensionImage
from ..kinds.settings import Values
from ..kinds.source import Declared
from .tenant import Tenant

# The oldest systemd that is supported: that of Debian 13.
OLDEST = 257


def newer(tenant: Tenant, version: int | None, *, idle: Collection[str] = ()) -> tuple[Finding, ...]:
    """Every key that systemd of this version does not know, at the place where it is set first.

    None is that no host was named: what not every host has is then a warning. So it is for the kinds that are `idle`,
    which are checked and not run. A host whose version could not be told, which is 0, is taken for one that has it all.
    """
    there = "the oldest that is supported" if version is None else "what this host has"
    findings = []
    for kind, values in _values(tenant) if version != 0 else ():
        lenient = version is None or kind in idle
        severity: Severity = "warning" if lenient else "error"
        for row, place in values.newer(version or OLDEST):
            needs = f"{row.key}= in section [{row.section}] needs systemd {row.since}"
            message = f"{needs}; {version or OLDEST} is {there}."
            findings.append(Finding(place, "BB210", message, "Leave it out, or use a newer host.", severity))
    return tuple(findings)


def _values(tenant: Tenant) -> Iterator[tuple[str, Values]]:
    """The settings of each declaration, with the name of its kind."""
    declared: tuple[tuple[str, Iterable[Declared]], ...] = (
        ("image", tenant.images.values()), ("volume", tenant.volumes.values()),
        ("container", tenant.containers.values()), ("machine", tenant.machines.values()),
        ("netdev", tenant.netdevs.values()), ("network", tenant.networks.values()),
        ("portable", tenant.portables.values()),
        ("sysext", [one for one in tenant.extensions if isinstance(one, ExtensionImage)]),
        ("limits", (tenant.limits,) if tenant.limits else ()),
    )
    for kind, group in declared:
        yield from ((kind, one.values) for one in group)
