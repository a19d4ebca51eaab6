"""Networks against the grants: subnets, VLANs, uplinks and ports (BB405). Nothing is given by default."""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network

from ...findings import Finding
from ...kinds.networks.address import IPNetwork
from ...kinds.networks.netdev import VLAN_ID
from ...kinds.networks.network import Network
from ...kinds.workloads.container import PORT
from ...kinds.workloads.ports import is_granted
from ..registration import Grants
from ..tenant import Tenant

_MAX_NAMED = 8


def findings(tenant: Tenant, grants: Grants) -> Iterator[Finding]:
    """Everything in which the networks of a tenant go beyond its grants."""
    granted = subnets(grants)
    for _, network in sorted(tenant.networks.items()):
        yield from _subnets(network, granted, grants)
        for uplink, place in network.uplinks:
            if uplink not in grants.uplinks:
                # The same words for "not there" and "not for you": a tenant does not learn what the host has.
                message = f"The uplink {uplink} is not granted."
                yield Finding(place, "BB405", message, _hint(grants.uplinks, "uplinks"))
    for _, one in sorted(tenant.containers.items()):
        for port, place in zip(one.values.all(PORT), one.values.places(PORT)):
            if not is_granted(port, grants.ports):
                message = f"The port {port.protocol}:{port.host} of the host is not granted."
                yield Finding(place, "BB405", message, _hint(grants.ports, "ports"))
    for _, netdev in sorted(tenant.netdevs.items()):
        if netdev.vlan_id is not None and netdev.vlan_id not in grants.vlans:
            place = netdev.values.places(VLAN_ID)[0]
            message = f"The VLAN {netdev.vlan_id} is not granted."
            yield Finding(place, "BB405", message, _hint(tuple(map(str, grants.vlans)), "VLANs"))


def subnets(grants: Grants) -> tuple[IPNetwork, ...]:
    """The granted subnets; one that cannot be read grants nothing."""
    found = []
    for text in grants.subnets:
        try:
            found.append(ip_network(text, strict=False))
        except ValueError:
            continue
    return tuple(found)


def within(wanted: IPNetwork, granted: tuple[IPNetwork, ...]) -> bool:
    """Whether a subnet lies in one that is granted."""
    return any(
        (isinstance(wanted, IPv4Network) and isinstance(one, IPv4Network) and wanted.subnet_of(one))
        or (isinstance(wanted, IPv6Network) and isinstance(one, IPv6Network) and wanted.subnet_of(one))
        for one in granted
    )


def _subnets(network: Network, granted: tuple[IPNetwork, ...], grants: Grants) -> Iterator[Finding]:
    for one in (*network.subnets, *network.routes):
        if not within(one.network, granted):
            message = f"The subnet {one.network} is not granted."
            yield Finding(one.place, "BB405", message, _hint(grants.subnets, "subnets"))


def _hint(granted: tuple[str, ...], what: str) -> str:
    if not granted:
        return f"No {what} are granted: ask the operator for some."
    more = ", …" if len(granted) > _MAX_NAMED else ""
    return f"Granted: {', '.join(granted[:_MAX_NAMED])}{more}."
