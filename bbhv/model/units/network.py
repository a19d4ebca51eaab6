"""The networks of a tenant as a generation has them: the files beside its units, and what a manifest says of them."""

import hashlib
from collections.abc import Mapping

from ... import names
from ...formats import nft
from ...records import dataclass
from ..host import HostFacts
from ..networks import files, filter, wires
from ..networks.ports import Port, ports
from ..registration import Grants
from ..tenant import Tenant
from .shared import render

FILTER, WIRES, HOSTS = "filter.json", "wires.json", "hosts"


@dataclass(frozen=True, slots=True)
class Networks:
    """What a tenant's networks are made of: the ports, the texts by their names, and the settings."""

    ports: tuple[Port, ...]
    texts: Mapping[str, str]
    settings: Mapping[str, str]


def networks(tenant: Tenant, grants: Grants, facts: HostFacts) -> Networks:
    """The networks of a tenant; nothing where it declares none, or the host cannot have any."""
    if not tenant.netdevs or facts.network_lacking:
        return Networks((), {}, {})
    found = ports(tenant, facts)
    texts = files.texts(tenant, grants, facts, found)
    texts[FILTER] = nft.to_json(filter.fragment(tenant, grants, found))
    texts[WIRES] = wires.to_json(wires.wires(tenant, grants, facts, found))
    texts[HOSTS] = wires.hosts(found)
    return Networks(found, dict(sorted(texts.items())), dict(sorted(_settings(tenant, grants, found, texts).items())))


def _settings(
    tenant: Tenant, grants: Grants, found: tuple[Port, ...], texts: Mapping[str, str]
) -> dict[str, str]:
    """What a plan compares: what the tenant wrote, who is connected, and the texts that were made of both."""
    settings = {
        f"{one.file}:{key}": text
        for kind in (tenant.netdevs, tenant.networks)
        for _, one in sorted(kind.items())
        for key, text in one.values.texts().items()
    }
    settings |= {f"port:{port.readable}": described(port) for port in found}
    settings |= {"internet": " ".join(grants.uplinks)} if grants.internet else {}
    whole = "".join(f"{name}\n{text}" for name, text in sorted(texts.items()))
    return settings | {"texts": hashlib.sha256(whole.encode()).hexdigest()[:12]}


def described(port: Port) -> str:
    """A port in words: its addresses, and what of the host leads there."""
    words = (*map(str, port.addresses), port.mac, *(str(one) for one in port.forwarded))
    return " ".join(words)


def unit(tenant: Tenant) -> str:
    """The drop-in of the unit that brings them up."""
    return render(("Service", [("Slice", names.tenant_slice(tenant.id))]))
