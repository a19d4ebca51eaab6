"""The filter: what may pass between a tenant's networks, its workloads, the host and the world. Default is: nothing.

Two tables of our own, beside whatever an operator has: `inet bitbuilder` for what the host receives or passes on, and
`bridge bitbuilder` for what comes out of a workload. Their base chains know the interfaces of tenants by their groups,
which they have from the moment they exist, and drop all that no rule of a tenant lets pass. Each tenant has chains of
its own, found by the name of the interface in one lookup, however many tenants there are.

What is let pass:

- inside of a network, everything, from the hardware address and the addresses that a workload has;
- from a network to the host: DHCP, where the host serves it, and what IPv6 needs to find the host; answers;
- to a network, from the host: everything; from elsewhere, and from the network itself: Port=, by the granted ports;
- with `internet`, from a network through the granted uplinks to public addresses. What belongs to no connection would
  leave with the address that it came with, so it is dropped.

An uplink that did not forward before is opened for tenants alone: what comes by it for others of the host's interfaces
is dropped as before. The kernel has no reject for bridges, so frames that may not pass are dropped.
"""

from collections.abc import Iterable, Iterator
from ipaddress import IPv6Network

from ...formats.nft import Fragment
from ...kinds.networks import keys
from ...kinds.networks.address import IPAddress
from ...kinds.networks.network import Network
from ...kinds.workloads.ports import Port as Forwarded
from ...names import FILTER_TABLE as TABLE
from ...names import NETWORK_GROUP, PORT_GROUP, interface_name
from ..registration import Grants
from ..tenant import Tenant
from . import addressing
from .files import bridges
from .ports import Port
from .revoked import PORTS, WAYS

# What internet does not lead to: the networks of the operator, of providers, of hosts themselves (RFC 6890).
PRIVATE4 = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.168.0.0/16", "224.0.0.0/3",
)  # fmt: skip
# What the bridge lets a workload send before it has an address.
_FINDING = "{ nd-neighbor-solicit, nd-router-solicit, mld-listener-report, mld2-listener-report }"

BASE = f"""\
table inet {TABLE} {{
	set opened_ip {{ type ifname; }}
	set opened_ip6 {{ type ifname; }}
	map {PORTS} {{ type inet_proto . inet_service : verdict; }}
	map {WAYS} {{ type ifname . ifname : verdict; }}
	map within {{ type ifname . ifname : verdict; }}
	map input_from {{ type ifname : verdict; }}
	map forward_from {{ type ifname : verdict; }}
	map forward_to {{ type ifname : verdict; }}
	map translate_from {{ type ifname : verdict; }}
	map ports_from {{ type ifname : verdict; }}
	map tcp_to_ip {{ type inet_service : ipv4_addr . inet_service; }}
	map udp_to_ip {{ type inet_service : ipv4_addr . inet_service; }}
	map tcp_to_ip6 {{ type inet_service : ipv6_addr . inet_service; }}
	map udp_to_ip6 {{ type inet_service : ipv6_addr . inet_service; }}
	chain input {{
		type filter hook input priority filter; policy accept;
		meta iifgroup != {NETWORK_GROUP} accept
		ct state established,related accept
		iifname vmap @input_from
		drop
	}}
	chain forward {{
		type filter hook forward priority filter; policy accept;
		ct status dnat ct original protocol . ct original proto-dst vmap @{PORTS}
		ct status & dnat == 0 iifname . oifname vmap @{WAYS}
		iifname . oifname vmap @within
		meta nfproto ipv4 iifname @opened_ip meta oifgroup != {NETWORK_GROUP} drop
		meta nfproto ipv6 iifname @opened_ip6 meta oifgroup != {NETWORK_GROUP} drop
		meta iifgroup != {NETWORK_GROUP} meta oifgroup != {NETWORK_GROUP} accept
		ct state {{ invalid, untracked }} drop
		meta iifgroup {NETWORK_GROUP} meta oifgroup {NETWORK_GROUP} drop
		meta iifgroup {NETWORK_GROUP} iifname vmap @forward_from
		meta oifgroup {NETWORK_GROUP} oifname vmap @forward_to
		drop
	}}
	chain prerouting {{
		type nat hook prerouting priority dstnat; policy accept;
		meta iifgroup {NETWORK_GROUP} iifname vmap @ports_from
		meta iifgroup {NETWORK_GROUP} accept
		fib daddr type local jump ports
	}}
	chain output {{
		type nat hook output priority dstnat; policy accept;
		ip daddr 127.0.0.0/8 accept
		ip6 daddr ::1 accept
		fib daddr type local jump ports
	}}
	chain ports {{
		meta nfproto ipv4 dnat ip to tcp dport map @tcp_to_ip
		meta nfproto ipv4 dnat ip to udp dport map @udp_to_ip
		meta nfproto ipv6 dnat ip6 to tcp dport map @tcp_to_ip6
		meta nfproto ipv6 dnat ip6 to udp dport map @udp_to_ip6
	}}
	chain postrouting {{
		type nat hook postrouting priority srcnat; policy accept;
		iifname vmap @translate_from
	}}
}}
table bridge {TABLE} {{
	map from {{ type ifname : verdict; }}
	chain prerouting {{
		type filter hook prerouting priority filter; policy accept;
		meta iifgroup != {PORT_GROUP} accept
		iifname vmap @from
		drop
	}}
}}
"""


def opened(uplinks: Iterable[tuple[str, int]], bridges: Iterable[str]) -> str:
    """The transaction that notes uplinks, each with the version of IP, as opened for tenants alone. Those that are
    `bridges` go on with what they bridge, which passes the hooks of routing where br_netfilter is loaded."""
    lines = [f'add element inet {TABLE} opened_{"ip" if version == 4 else "ip6"} {{ "{one}" }}'
             for one, version in uplinks]  # fmt: skip
    lines += [f'add element inet {TABLE} within {{ "{one}" . "{one}" : accept }}' for one in bridges]
    return "".join(f"{line}\n" for line in lines)


def fragment(tenant: Tenant, grants: Grants, ports: tuple[Port, ...]) -> Fragment:
    """What a tenant adds to the tables; nothing where it has no network."""
    names = {name: interface_name(name, tenant.id) for name in bridges(tenant)}
    if not names:
        return Fragment()
    said = addressing.described(tenant)
    uplinks = grants.uplinks if grants.internet else ()
    chains = {
        ("inet", f"input-{tenant.id}"): tuple(_input(names, said)),
        ("inet", f"from-{tenant.id}"): tuple(_from(said, names, uplinks, ports)),
        ("inet", f"to-{tenant.id}"): tuple(_to(ports, uplinks)),
        ("inet", f"ports-{tenant.id}"): tuple(_ports(ports)),
        ("inet", f"translate-{tenant.id}"): tuple(_translate(said, names, uplinks, ports)),
        **{("bridge", port.interface): tuple(_port(port, ports, said.get(port.network))) for port in ports},
    }
    by_name = [f'"{own}"' for own in names.values()]
    elements = {
        ("inet", "input_from"): dict.fromkeys(by_name, f"jump input-{tenant.id}"),
        # Where bridged frames pass here too, as br_netfilter has it.
        ("inet", "within"): {f"{own} . {own}": "accept" for own in by_name},
        ("inet", "forward_from"): dict.fromkeys(by_name, f"jump from-{tenant.id}"),
        ("inet", "forward_to"): dict.fromkeys(by_name, f"jump to-{tenant.id}"),
        ("inet", "translate_from"): dict.fromkeys(by_name, f"jump translate-{tenant.id}"),
        ("inet", "ports_from"): dict.fromkeys(by_name, f"jump ports-{tenant.id}"),
        ("bridge", "from"): {f'"{port.interface}"': f"jump {port.interface}" for port in ports},
        **_forwarded(ports),
    }
    return Fragment(chains, {where: found for where, found in elements.items() if found})


def _input(names: dict[str, str], said: dict[str, Network]) -> Iterator[str]:
    """What a network may say to the host: ask for an address, and find it by IPv6."""
    for name, own in sorted(names.items()):
        network = said.get(name)
        if network is None:
            continue
        if addressing.server(network) is not None:
            yield f'iifname "{own}" meta nfproto ipv4 udp sport 68 udp dport 67 accept'
        if any(subnet.network.version == 6 for subnet in network.subnets):
            kinds = "{ nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert }"
            yield f'iifname "{own}" ip6 hoplimit 255 icmpv6 type {kinds} accept'


def _subnets(network: Network | None, version: int) -> list[str]:
    return [str(one.network) for one in network.subnets if one.network.version == version] if network else []


def _from(
    said: dict[str, Network], names: dict[str, str], uplinks: Iterable[str], ports: tuple[Port, ...]
) -> Iterator[str]:
    """What leaves a network through the host: answers to who came by a port, and what may go to the internet."""
    for own, leads in _leading(ports):
        yield f'iifname "{own}" ct direction reply ct status dnat ct state established,related {leads} accept'
    out = _quoted(uplinks)
    for name, own in sorted(names.items()) if out else ():
        if subnets := _subnets(said.get(name), 4):
            to = f"ip daddr != {_set(PRIVATE4)}"
            yield f'iifname "{own}" oifname {out} ip saddr {_set(subnets)} {to} accept'
        if subnets := _subnets(said.get(name), 6):
            yield f'iifname "{own}" oifname {out} ip6 saddr {_set(subnets)} ip6 daddr 2000::/3 accept'


def _to(ports: tuple[Port, ...], uplinks: Iterable[str]) -> Iterator[str]:
    """What comes into a network through the host: to a port that is forwarded, and answers from the internet."""
    for own, leads in _leading(ports):
        yield f'oifname "{own}" ct direction original ct status dnat {leads} accept'
    if out := _quoted(uplinks):
        yield f"iifname {out} ct direction reply ct state established,related accept"


def _leading(ports: tuple[Port, ...]) -> Iterator[tuple[str, str]]:
    """For each way that a port of the host leads: the network, and what tells its connections from all others. It is
    asked of the connection, not of the packet: so it holds for both directions, and for errors about it; and when a
    port is taken back, what came by it has an end in both."""
    for port, one, address in _ways(ports):
        there = f"ct reply {_ip(address)} saddr {address} ct reply proto-src {one.inside}"
        yield port.bridge, f"ct original protocol {one.protocol} ct original proto-dst {one.host} {there}"


def _ways(ports: tuple[Port, ...]) -> Iterator[tuple[Port, Forwarded, IPAddress]]:
    return ((port, one, address) for port in ports for one in port.forwarded for address in port.addresses)


def _ports(ports: tuple[Port, ...]) -> Iterator[str]:
    """Who asks the host, in a network, for a port that leads back into the same network. No other network is led
    there: the rule names the one."""
    for port, one, address in _ways(ports):
        to = f"{address}:{one.inside}" if address.version == 4 else f"[{address}]:{one.inside}"
        asked = f'iifname "{port.bridge}" meta nfproto ipv{address.version} fib daddr type local'
        yield f"{asked} {one.protocol} dport {one.host} dnat {_ip(address)} to {to}"


def _translate(
    said: dict[str, Network], names: dict[str, str], uplinks: Iterable[str], ports: tuple[Port, ...]
) -> Iterator[str]:
    """Who leaves by an uplink has the host's address there; so has who was led back into his network, or he would be
    answered by somebody whom he did not ask. (Where br_netfilter is loaded, the bridge leads him back by itself, and
    the answer too.)"""
    for own in sorted({port.bridge for port in ports if port.forwarded}):
        yield f'iifname "{own}" oifname "{own}" ct status dnat masquerade'
    if out := _quoted(uplinks):
        for name, own in sorted(names.items()):
            for version in (4, 6):
                if subnets := _subnets(said.get(name), version):
                    family = "ip" if version == 4 else "ip6"
                    yield f'iifname "{own}" oifname {out} {family} saddr {_set(subnets)} masquerade'


def _forwarded(ports: tuple[Port, ...]) -> dict[tuple[str, str], dict[str, str]]:
    """Where ports of the host lead, by protocol and by version of IP."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for _, one, address in _ways(ports):
        into = found.setdefault(("inet", f"{one.protocol}_to_{_ip(address)}"), {})
        into.setdefault(str(one.host), f"{address} . {one.inside}")
    return found


def _port(port: Port, ports: tuple[Port, ...], network: Network | None) -> Iterator[str]:
    """What may come out of a workload: from its own hardware address and its own addresses, and no word of a server or
    of a router."""
    own4 = [str(address) for address in port.addresses if address.version == 4]
    own6 = [str(address) for address in port.addresses if address.version == 6]
    yield f"ether saddr != {port.mac} drop"
    yield "ether type { vlan, 8021ad } drop"
    asking = _set(("0.0.0.0", *own4))
    yield f"ether type arp arp saddr ether {port.mac} arp saddr ip {asking} accept"
    yield f"ip saddr {asking} udp sport 68 udp dport 67 accept"
    yield "udp sport { 67, 547 } drop"
    yield f"ip saddr {asking} ip protocol igmp accept"
    if own4:
        yield f"ip saddr {_set(own4)} accept"
    yield "icmpv6 type { nd-router-advert, nd-redirect } drop"
    others = tuple(dict.fromkeys(_others(port, ports, network)))
    if others:
        yield f"icmpv6 type nd-neighbor-advert icmpv6 taddr {_set(others)} drop"
        yield f"ip6 saddr {_set(others)} drop"
    yield f"ip6 saddr :: icmpv6 type {_FINDING} accept"
    yield f"ip6 saddr {_set(('fe80::/64', *_subnets(network, 6), *own6))} accept"
    yield "drop"


def _others(port: Port, ports: tuple[Port, ...], network: Network | None) -> Iterator[str]:
    """The IPv6 addresses of a network that are not this workload's: the host's, what others declare, and what others
    make of their hardware addresses."""
    for host in network.addresses if network else ():
        if host.interface.version == 6:
            yield str(host.interface.ip)
    prefixes = [one.network for one in network.subnets if isinstance(one.network, IPv6Network)] if network else []
    bridge_side = [IPv6Network("fe80::/64"), *(one for one in prefixes if one.prefixlen == 64)]
    yield from (str(one.network_address + interface_id(port.bridge_mac)) for one in bridge_side)
    for other in ports:
        if other.network != port.network or other.interface == port.interface:
            continue
        yield from (str(address) for address in other.addresses if address.version == 6)
        yield from (str(one.network_address + interface_id(other.mac)) for one in bridge_side)


def interface_id(mac: str) -> int:
    """The lower half of an IPv6 address that is made of a hardware address (RFC 4291, appendix A)."""
    digits = bytes.fromhex(mac.replace(":", ""))
    return int.from_bytes(bytes((digits[0] ^ 2,)) + digits[1:3] + b"\xff\xfe" + digits[3:], "big")


def _ip(address: IPAddress) -> str:
    return "ip" if address.version == 4 else "ip6"


def _set(items: Iterable[str]) -> str:
    return f"{{ {', '.join(items)} }}"


def _quoted(uplinks: Iterable[str]) -> str:
    """The uplinks as a set of names, or nothing. A name was checked to be one where the registration was read."""
    found = [f'"{one}"' for one in uplinks]
    return _set(found) if found else ""
