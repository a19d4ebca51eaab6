"""What the settings of one network say together: its addresses and subnets, and what contradicts itself.

Findings: BB209 (settings that contradict each other), BB304 (two things that are the same or overlap).
"""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Interface

from ...findings import Finding, Place
from ...records import dataclass
from ..settings import Setting, Values, Verdict
from ..values import show_boolean, show_span
from . import keys
from .address import IPAddress, IPInterface, IPNetwork

# What systemd-networkd takes for PreferredLifetimeSec=; ValidLifetimeSec= is twice as long.
_HALF_HOUR = 1800 * 10**6
_ONE_QUEUE = "A network has one of [TokenBucketFilter], [CAKE] and [NetworkEmulator]."


@dataclass(frozen=True, slots=True)
class HostAddress:
    """An address of the host in a network, with its subnet, and where it is written."""

    interface: IPInterface
    place: Place


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet that is in use on a network, and where it is written."""

    network: IPNetwork
    place: Place


def addresses(values: Values) -> tuple[HostAddress, ...]:
    """The addresses of the host, in the order of the file. ServerAddress= is one too, as in systemd.network(5)."""
    found = [
        HostAddress(value, place)
        for row in (keys.PLAIN_ADDRESS, keys.ADDRESS)
        for value, place in zip(values.all(row), values.places(row))
    ]
    server = values.get(keys.SERVER_ADDRESS)
    if server is not None and server not in [one.interface for one in found]:
        found.append(HostAddress(server, values.places(keys.SERVER_ADDRESS)[0]))
    return tuple(sorted(found, key=lambda one: one.place.line))


def subnets(values: Values) -> tuple[Subnet, ...]:
    """Each subnet once: those of the addresses, and the IPv6 prefixes that are announced."""
    found: dict[IPNetwork, Subnet] = {}
    for one in addresses(values):
        found.setdefault(one.interface.network, Subnet(one.interface.network, one.place))
    for prefix, place in zip(values.all(keys.PREFIX), values.places(keys.PREFIX)):
        found.setdefault(prefix, Subnet(prefix, place))
    return tuple(found.values())


def contradictions(values: Values) -> Iterator[Finding]:
    """Everything in which the file contradicts itself."""
    yield from _uplink(values)
    yield from _port(values)
    yield from _needed(values)
    yield from _collisions(values)
    yield from _server(values)
    yield from _emitted(values)
    yield from _announced(values)
    yield from _queues(values)


def _against(values: Values, row: Setting[object], message: str, hint: str, code: str = "BB209") -> Finding:
    return Finding(values.places(row)[0], code, message, hint)


def _set(values: Values, sections: Iterable[str]) -> Iterator[Setting[object]]:
    """The rows of these sections that the file sets, in the order of the file."""
    wanted = tuple(sections)
    rows = [row for row in keys.TABLE if row.section in wanted and row.verdict is Verdict.ALLOWED and values.given(row)]
    yield from sorted(rows, key=lambda row: values.places(row)[0].line)


def _uplink(values: Values) -> Iterator[Finding]:
    """An uplink belongs to the host: a tenant puts its VLANs on it, and nothing else."""
    if not values.given(keys.VLAN):
        return
    fine = (keys.NAME.name, keys.VLAN.name, keys.DESCRIPTION.name)
    for row in _set(values, keys.TABLE.sections):
        if row.name not in fine:
            message = f"{row.key}= contradicts VLAN=: an uplink belongs to the host."
            hint = "Put it into the file of the network, and leave only VLAN= in the file of the uplink."
            yield _against(values, row, message, hint)
    for name, place in values.repeats(keys.VLAN):
        yield Finding(place, "BB304", f"VLAN={name} is there already.", "Leave it out.")


def _port(values: Values) -> Iterator[Finding]:
    """A port of a bridge has no addresses: they belong to the bridge."""
    if not values.given(keys.BRIDGE):
        for row in list(_set(values, (keys.PORT,)))[:1]:
            hint = "Write Bridge= in [Network], or leave the section out."
            yield _against(values, row, "Section [Bridge] is about a port, but there is no Bridge=.", hint)
        return
    sections = (*keys.SERVER_SECTIONS, *keys.RA_SECTIONS, "Address")
    own = {row.name for row in (keys.PLAIN_ADDRESS, keys.DHCP_SERVER, keys.SEND_RA, keys.LINK_LOCAL)}
    for row in _set(values, (*sections, "Network")):
        if row.section in sections or row.name in own:
            message = f"{row.key}= contradicts Bridge=: a port of a bridge has no addresses."
            yield _against(values, row, message, f"Put it into the file of the bridge {values.need(keys.BRIDGE)}.")


def _needed(values: Values) -> Iterator[Finding]:
    """Settings that do nothing without another one."""
    for switch, sections in ((keys.DHCP_SERVER, keys.SERVER_SECTIONS), (keys.SEND_RA, keys.RA_SECTIONS)):
        first = next(_set(values, sections), None)
        if first is not None and not values.get(switch):
            message = f"Section [{first.section}] does nothing without {switch.key}=yes."
            yield _against(values, first, message, f"Write {switch.key}=yes in [Network], or leave the section out.")
    if values.get(keys.SEND_RA) and values.get(keys.LINK_LOCAL) == "no":
        hint = "Leave LinkLocalAddressing= out."
        yield _against(values, keys.LINK_LOCAL, "IPv6SendRA=yes needs a link-local address.", hint)
    if values.get(keys.SEND_RA) and not values.each("IPv6Prefix"):
        hint = "Add a section [IPv6Prefix] with Prefix=."
        yield _against(values, keys.SEND_RA, "IPv6SendRA=yes, but there is no prefix to announce.", hint)


def _collisions(values: Values) -> Iterator[Finding]:
    """The same address twice, and subnets that overlap without being the same."""
    taken: dict[IPAddress, Place] = {}
    for one in addresses(values):
        first = taken.setdefault(one.interface.ip, one.place)
        if first is not one.place:
            message = f"The address {one.interface.ip} is there already, in line {first.line}."
            yield Finding(one.place, "BB304", message, "Leave one out.")
    yield from overlapping(subnets(values))
    for row in (keys.PREFIX, keys.ROUTE_PREFIX):
        seen = set()
        for prefix, place in zip(values.all(row), values.places(row)):
            if prefix in seen:
                yield Finding(place, "BB304", f"{row.key}={prefix} is there already.", "Leave one out.")
            seen.add(prefix)


def overlapping(found: Iterable[Subnet]) -> Iterator[Finding]:
    """Subnets that lie in another one, or are the same; each is reported once, where it comes second by address."""
    widest: Subnet | None = None
    for one in sorted(found, key=lambda one: (one.network.version, one.network, one.place.file, one.place.line)):
        if widest is not None and widest.network.version == one.network.version and one.network.overlaps(
            widest.network
        ):
            message = f"The subnet {one.network} overlaps {widest.network}, of {widest.place}."
            yield Finding(one.place, "BB304", message, "Choose subnets that do not overlap.")
        else:
            widest = one


def _server(values: Values) -> Iterator[Finding]:
    """The DHCP server: which subnet it hands out, and that all it hands out lies in there."""
    if not values.get(keys.DHCP_SERVER):
        return
    own = {one.interface for one in addresses(values) if isinstance(one.interface, IPv4Interface)}
    if not own:
        hint = "Write Address= with an IPv4 address, such as 10.77.0.1/24."
        yield _against(values, keys.DHCP_SERVER, "DHCPServer=yes needs an IPv4 address of the host.", hint)
        return
    server = values.get(keys.SERVER_ADDRESS) or min(own)
    if not values.given(keys.SERVER_ADDRESS) and len({one.network for one in own}) > 1:
        message = "DHCPServer=yes does not say which of the subnets it hands out."
        yield _against(values, keys.DHCP_SERVER, message, "Write ServerAddress= in [DHCPServer].")
        return
    yield from _pool(values, server)
    yield from _leases(values, server, {one.ip for one in own})
    router = values.get(keys.ROUTER)
    if router is not None and router not in server.network:
        hint = f"Write an address inside of {server.network}."
        yield _against(values, keys.ROUTER, f"Router={router} is not in the subnet {server.network}.", hint)
    usual, most = values.get(keys.DEFAULT_LEASE), values.get(keys.MAX_LEASE)
    if usual is not None and most is not None and usual > most:
        message = f"DefaultLeaseTimeSec={show_span(usual)} is longer than MaxLeaseTimeSec={show_span(most)}."
        yield _against(values, keys.DEFAULT_LEASE, message, "Make the one shorter, or the other longer.")


def _pool(values: Values, server: IPv4Interface) -> Iterator[Finding]:
    offset, size = values.get(keys.POOL_OFFSET) or 1, values.get(keys.POOL_SIZE) or 1
    last = server.network.num_addresses - 2  # the last one is the broadcast address
    hint = f"The subnet {server.network} has addresses from 1 to {last}."
    if offset > last:
        yield _against(values, keys.POOL_OFFSET, f"PoolOffset={offset} lies outside of the subnet.", hint)
    elif offset + size - 1 > last:
        message = f"A pool of {size} addresses from {offset} on goes beyond the subnet."
        yield _against(values, keys.POOL_SIZE, message, hint)


def _leases(values: Values, server: IPv4Interface, own: set[IPv4Address]) -> Iterator[Finding]:
    """Static leases: inside of the subnet, not an address of the host, and each device and address once."""
    seen: dict[object, int] = {}
    for lease in values.each("DHCPServerStaticLease"):
        address, mac = lease.get(keys.LEASE_ADDRESS), lease.get(keys.LEASE_MAC)
        ends = (server.network.network_address, server.network.broadcast_address)
        if address is not None and (address not in server.network or address in ends):
            message = f"Address={address} is not an address of the subnet {server.network}."
            yield _against(lease, keys.LEASE_ADDRESS, message, "Choose one inside of it.")
        elif address is not None and address in own:
            message = f"Address={address} is the host's own."
            yield _against(lease, keys.LEASE_ADDRESS, message, "Choose another one.", "BB304")
        for row, value in ((keys.LEASE_ADDRESS, address), (keys.LEASE_MAC, mac)):
            line = lease.places(row)[0].line
            if value is not None and seen.setdefault(value, line) != line:
                message = f"{row.key}={value} has a lease already, in line {seen[value]}."
                yield _against(lease, row, message, "Leave one out.", "BB304")


def _emitted(values: Values) -> Iterator[Finding]:
    """EmitDNS=yes and its like without a value would hand out what is the host's, or nothing."""
    for switch, row in keys.EMITTED:
        if values.get(switch) and not values.given(row):
            hint = f"Write {row.key}=, or leave {switch.key}= out."
            yield _against(values, switch, f"{switch.key}=yes, but there is no {row.key}= to hand out.", hint)
        elif values.given(switch) and not values.get(switch) and values.given(row):
            message = f"{switch.key}={show_boolean(False)} contradicts {row.key}=."
            yield _against(values, switch, message, "Leave one out.")


def _announced(values: Values) -> Iterator[Finding]:
    """Prefixes: a length that addresses can be made of, and lifetimes in order."""
    for one in values.each("IPv6Prefix"):
        prefix, preferred, valid = one.get(keys.PREFIX), one.get(keys.PREFERRED), one.get(keys.VALID)
        if prefix is not None and prefix.prefixlen != 64 and one.get(keys.AUTOCONF) is not False:
            message = f"Prefix={prefix} has not the length 64, so that no addresses can be made of it."
            hint = "Choose a /64, or write AddressAutoconfiguration=no."
            yield _against(one, keys.PREFIX, message, hint)
        if (preferred or _HALF_HOUR) > (valid or 2 * _HALF_HOUR):
            row = keys.PREFERRED if preferred else keys.VALID
            message = "PreferredLifetimeSec= is longer than ValidLifetimeSec=."
            yield _against(one, row, message, "Make the one shorter, or the other longer.")


def _queues(values: Values) -> Iterator[Finding]:
    """One queue, at the root; and a token bucket has all that the kernel needs."""
    queues = sorted((one for section in keys.QUEUES for one in values.each(section)), key=lambda one: one.place.line)
    for one in queues[1:]:
        message = f"There is a queue already, in line {queues[0].place.line}."
        yield Finding(one.place, "BB209", message, _ONE_QUEUE)
    for one in values.each("TokenBucketFilter"):
        yield from _bucket(one)


def _bucket(one: Values) -> Iterator[Finding]:
    for row in (keys.TBF_RATE, keys.TBF_BURST):
        if not one.given(row):
            message = f"[TokenBucketFilter] needs {row.key}=."
            yield Finding(one.place, "BB209", message, row.doc)
    if one.given(keys.TBF_LATENCY) is one.given(keys.TBF_LIMIT):
        message = "[TokenBucketFilter] needs one of LatencySec= and LimitBytes=."
        yield Finding(one.place, "BB209", message, "Write for example LatencySec=50ms.")
    rate, peak = one.get(keys.TBF_RATE), one.get(keys.TBF_PEAK)
    if peak is not None and (not one.given(keys.TBF_MTU) or (rate is not None and peak <= rate)):
        message = "PeakRate= needs MTUBytes=, and to be more than Rate=."
        yield _against(one, keys.TBF_PEAK, message, "Write MTUBytes=1500 and a higher rate, or leave PeakRate= out.")
