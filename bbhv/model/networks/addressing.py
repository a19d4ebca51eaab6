"""Which address each workload has in each network: the one that it declares, else one that it always gets.

Where the host hands out addresses by DHCP, every workload that declares none is given one of the pool, found by its
name: so names can be told to its neighbours, a filter can hold it to its address, and it has the same one tomorrow.
Findings: BB304 (an address that is taken), BB209 (one that is not of the network, a pool that is used up).
"""

import hashlib
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Protocol, TypeAlias

from ...findings import Finding, Place
from ...kinds.networks import keys
from ...kinds.networks.address import IPAddress
from ...kinds.networks.netdev import BRIDGE as BRIDGE_KIND
from ...kinds.networks.netdev import Netdev
from ...kinds.networks.network import Network
from ...kinds.workloads import container, machine
from ...kinds.workloads.workload import ADDRESS, HEALTH, Workload
from ...records import dataclass

Addresses: TypeAlias = Mapping[tuple[str, str], tuple[IPAddress, ...]]


class Declares(Protocol):
    """What of a tenant is about networks, by name."""

    @property
    def netdevs(self) -> Mapping[str, Netdev]:
        """What makes interfaces."""

    @property
    def networks(self) -> Mapping[str, Network]:
        """What is said of interfaces."""

    @property
    def workloads(self) -> Mapping[str, Workload]:
        """What may be connected."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A workload in a network: the addresses that it declares there, each with its place, and where the network is
    named. `number` is 0 for the first network."""

    workload: Workload
    network: str
    number: int
    place: Place
    declared: tuple[tuple[IPAddress, Place], ...]


def connections(workload: Workload) -> Iterator[Connection]:
    """The networks of a workload, the first one first."""
    values = workload.values
    row = machine.BRIDGE if isinstance(workload, machine.Machine) else container.BRIDGE
    first = values.get(row)
    if first is not None:
        own = tuple(zip(values.all(ADDRESS), values.places(ADDRESS)))
        yield Connection(workload, first, 0, values.places(row)[0], own)
    links = zip(values.all(container.NETWORK), values.places(container.NETWORK)) if row is container.BRIDGE else ()
    for number, (link, place) in enumerate(links, 1):
        declared = ((link.address, place),) if link.address is not None else ()
        yield Connection(workload, link.network, number, place, declared)


def all_connections(tenant: Declares) -> tuple[Connection, ...]:
    """Those of all workloads, by name, whose network is a bridge of the tenant."""
    bridges = {name for name, one in tenant.netdevs.items() if one.kind == BRIDGE_KIND}
    found = (one for _, workload in sorted(tenant.workloads.items()) for one in connections(workload))
    return tuple(one for one in found if one.network in bridges)


def described(tenant: Declares) -> dict[str, Network]:
    """What is said of each interface: the network file whose [Match] names it."""
    return {one.link: one for _, one in sorted(tenant.networks.items()) if not one.vlans}


def addresses(tenant: Declares) -> Addresses:
    """The addresses of each workload in each network: `(workload, network)`, IPv4 first. A pool that is used up gives
    no more."""
    found: dict[tuple[str, str], tuple[IPAddress, ...]] = {}
    said = described(tenant)
    by_network: dict[str, list[Connection]] = {}
    for one in all_connections(tenant):
        by_network.setdefault(one.network, []).append(one)
    for network, members in by_network.items():
        taken = {address for one in members for address, _ in one.declared}
        pool = _pool(said[network]) if network in said else None
        for one in members:
            own = [address for address, _ in one.declared]
            if pool is not None and not any(address.version == 4 for address in own):
                free = pool.free(one.workload.name, taken)
                if free is not None:
                    taken.add(free)
                    own.append(free)
            found[one.workload.name, network] = tuple(sorted(own, key=lambda one: (one.version, int(one))))
    return found


def findings(tenant: Declares) -> Iterator[Finding]:
    """What is wrong with the addresses that workloads declare, and with pools that are too small."""
    said = described(tenant)
    given = addresses(tenant)
    taken: dict[tuple[str, IPAddress], Connection] = {}
    for one in all_connections(tenant):
        network = said.get(one.network)
        yield from _unasked(one, given[one.workload.name, one.network])
        for address, place in one.declared:
            yield from _declared(address, place, one, network)
            first = taken.setdefault((one.network, address), one)
            if first is not one:
                message = f"The address {address} is that of {first.workload.file} already."
                yield Finding(place, "BB304", message, "Choose another one.")
        if network is not None and network.values.get(keys.DHCP_SERVER):
            if not any(address.version == 4 for address in given[one.workload.name, one.network]):
                message = f"The network {one.network} has no address left for {one.workload.name}."
                hint = f"Write more into PoolSize= of {network.file}, or choose a larger subnet."
                yield Finding(one.place, "BB209", message, hint)


def _unasked(one: Connection, given: tuple[IPAddress, ...]) -> Iterator[Finding]:
    """A machine is asked over its network, for which the host has to know where it is."""
    check = one.workload.values.need(HEALTH)
    if isinstance(one.workload, machine.Machine) and check.needs_network and not given:
        message = f"Health={check} needs an address, and the network {one.network} gives none."
        hint = "Write Address= in [X-Bitbuilder], or DHCPServer=yes into the file of the network."
        yield Finding(one.workload.values.places(HEALTH)[0], "BB209", message, hint)


def _declared(address: IPAddress, place: Place, one: Connection, network: Network | None) -> Iterator[Finding]:
    subnets = network.subnets if network else ()
    if not any(address in subnet.network for subnet in subnets):
        known = ", ".join(str(subnet.network) for subnet in subnets)
        hint = f"Its subnets are {known}." if known else f"Add network/{one.network}.network with Address= in it."
        yield Finding(place, "BB209", f"The address {address} is not of the network {one.network}.", hint)
        return
    for subnet in subnets:
        ends = (subnet.network.network_address, subnet.network.broadcast_address)
        if address in subnet.network and address in ends[: 2 if address.version == 4 else 1]:
            hint = f"Choose one inside of {subnet.network}."
            yield Finding(place, "BB209", f"The address {address} is that of no workload.", hint)
    if network is not None:
        for host in network.addresses:
            if host.interface.ip == address:
                message = f"The address {address} is the host's own, by {host.place}."
                yield Finding(place, "BB304", message, "Choose another one.")
        for lease in network.values.each("DHCPServerStaticLease"):
            if lease.get(keys.LEASE_ADDRESS) == address:
                message = f"The address {address} is leased to somebody else, by {lease.place}."
                yield Finding(place, "BB304", message, "Leave out one of them: the host leases it to the workload.")


@dataclass(frozen=True, slots=True)
class Pool:
    """What a DHCP server hands out: the subnet, the first number in it, how many, and what is not free."""

    subnet: IPv4Network
    first: int
    size: int
    reserved: frozenset[IPv4Address]

    def free(self, name: str, taken: set[IPAddress]) -> IPv4Address | None:
        """An address for this name that nobody has; None when there is none."""
        start = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
        for step in range(min(self.size, len(taken) + len(self.reserved) + 1)):
            found = self.subnet.network_address + self.first + (start + step) % self.size
            if found not in taken and found not in self.reserved:
                return found
        return None


def server(network: Network) -> IPv4Interface | None:
    """The address of the DHCP server of a network, whose subnet it hands out; None when there is no server."""
    if not network.values.get(keys.DHCP_SERVER):
        return None
    chosen = network.values.get(keys.SERVER_ADDRESS)
    own = [one.interface for one in network.addresses if isinstance(one.interface, IPv4Interface)]
    return chosen or min(own, default=None)


def _pool(network: Network) -> Pool | None:
    found = server(network)
    if found is None:
        return None
    values, last = network.values, found.network.num_addresses - 2
    first = values.get(keys.POOL_OFFSET) or 1
    size = min(values.get(keys.POOL_SIZE) or last, last - first + 1)
    reserved = {one.interface.ip for one in network.addresses if isinstance(one.interface, IPv4Interface)}
    leased = (lease.get(keys.LEASE_ADDRESS) for lease in values.each("DHCPServerStaticLease"))
    reserved |= {address for address in (*leased, values.get(keys.ROUTER)) if address is not None}
    return Pool(found.network, first, size, frozenset(reserved)) if size > 0 else None
