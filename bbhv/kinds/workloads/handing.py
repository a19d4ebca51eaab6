"""How a workload gets its credentials: from those of its unit, by the switch that nspawn and vmspawn have in common.

A unit is given a credential under the name inside of it, which systemd compares when it decrypts. The switch names it
in the unit's credentials and hands it on under the tenant's own name, so neither a secret nor a path is ever in an
argument. No name of a credential that systemd itself reads can be one of a tenant's: those have dots in them.
"""

from ..credential import embedded_name
from ..source import Declared
from .workload import CREDENTIAL


def credentials(workload: Declared) -> tuple[str, ...]:
    """The names of the credentials that a workload asks for, sorted, each once."""
    return tuple(sorted(set(workload.values.all(CREDENTIAL))))


def arguments(workload: Declared, tenant: str) -> tuple[str, ...]:
    """The switches of nspawn and vmspawn."""
    return tuple(f"--load-credential={name}:{embedded_name(tenant, name)}" for name in credentials(workload))
