"""The ports of a tenant: what connects each of its workloads to each of its networks.

A port is a pair of interfaces, or for a machine one tap device; the host's end is in the bridge of the network. Names
and hardware addresses are derived, so that filters, leases and whoever starts the workload agree without asking.
"""

from collections.abc import Iterator

from ... import names
from ...kinds.networks import keys, netdev
from ...kinds.networks.address import IPAddress
from ...kinds.networks.network import Network
from ...kinds.workloads.machine import Machine
from ...kinds.workloads.ports import Port as Forwarded
from ...kinds.workloads.container import PORT
from ...records import dataclass
from ..host import HostFacts
from ..tenant import Tenant
from . import addressing

USUAL_MTU = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A workload in a network. `bridge`, whose hardware address is `bridge_mac`, and `interface` are the host's; `peer`
    is what becomes `inside` in a container, and empty for a machine. `mac` is the hardware address inside."""

    workload: str
    network: str
    bridge: str
    bridge_mac: str
    interface: str
    peer: str
    inside: str
    mac: str
    mtu: int
    addresses: tuple[IPAddress, ...]
    forwarded: tuple[Forwarded, ...] = ()

    @property
    def readable(self) -> str:
        """The alternative name of the host's end."""
        return f"{self.network}.{self.workload}"

    @property
    def host_mac(self) -> str:
        """The hardware address of the host's end, which no bridge takes for its own."""
        return f"fe{self.mac[2:]}"


def ports(tenant: Tenant, facts: HostFacts) -> tuple[Port, ...]:
    """All ports of a tenant that the host can have, in the order of the workloads."""
    return tuple(_ports(tenant, facts))


def _ports(tenant: Tenant, facts: HostFacts) -> Iterator[Port]:
    given, said = addressing.addresses(tenant), addressing.described(tenant)
    for one in addressing.all_connections(tenant):
        workload = names.workload(one.workload.name, tenant.id)
        is_machine = isinstance(one.workload, Machine)
        yield Port(
            workload=workload,
            network=one.network,
            bridge=names.interface_name(one.network, tenant.id),
            bridge_mac=link_mac(one.network, tenant.id, facts),
            interface=names.port_name(one.workload.name, one.network, tenant.id),
            peer="" if is_machine else names.inner_name(one.workload.name, one.network, tenant.id),
            inside=f"host{one.number}",
            mac=names.hardware_address(f"{workload} {one.network}", facts.host_name),
            mtu=mtu(tenant, one.network, said.get(one.network)),
            addresses=given[one.workload.name, one.network],
            forwarded=() if is_machine or one.number else one.workload.values.all(PORT),
        )


def link_mac(link: str, tenant: str, facts: HostFacts) -> str:
    """The hardware address of an interface that a netdev of a tenant makes."""
    return names.hardware_address(f"network {link}.{tenant}", facts.host_name)


def mtu(tenant: Tenant, name: str, network: Network | None) -> int:
    """The largest packet of a network, in bytes."""
    chosen = network.values.get(keys.MTU) if network else None
    return chosen or tenant.netdevs[name].values.get(netdev.MTU) or USUAL_MTU
