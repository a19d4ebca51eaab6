"""The files of systemd-networkd that make a tenant's networks: rebuilt from checked values, key by key.

What a file is about, [Match], is written by the host alone; so is everything about forwarding, resolvers and filters.
They sort before the files of the distribution, so that no pattern there takes an interface of a tenant for another.
"""

from collections.abc import Iterator

from ... import names
from ...formats.unitfile import render
from ...kinds.networks import keys, netdev
from ...kinds.networks.netdev import Netdev
from ...kinds.networks.network import Network
from ...kinds.settings import Setting, Values, Verdict
from ..host import HostFacts
from ..registration import Grants
from ..tenant import Tenant
from . import addressing
from .ports import Port, link_mac

PREFIX = "10-bitbuilder-"
HEADER = "Written by bbhv, and again with the next commit of the tenant."
_OWN = (netdev.NAME, netdev.KIND, netdev.DESCRIPTION, keys.NAME, keys.DESCRIPTION, keys.BRIDGE, keys.VLAN)
_SKIPPED = frozenset(row.name for row in _OWN)
# Leases and announcements name what the tenant says, and nothing that the host itself uses.
_EMITTED = ("DNS", "NTP", "SIP", "POP3", "SMTP", "LPR", "Timezone")
_EMITTED_SINCE = (("Domain", 259),)

Sections = dict[str, list[list[tuple[str, str]]]]


def texts(tenant: Tenant, grants: Grants, facts: HostFacts, ports: tuple[Port, ...]) -> dict[str, str]:
    """All files, by their names."""
    said = addressing.described(tenant)
    found: dict[str, str] = {}
    for name, one in sorted(tenant.netdevs.items()):
        base = f"{PREFIX}{names.workload(name, tenant.id)}"
        if one.kind != netdev.VLAN:  # a VLAN is made by us: networkd makes one only where a file of the uplink names it
            found[f"{base}.netdev"] = _netdev(one, tenant.id, facts)
        for link in one.links:
            text = _network(one, link, said.get(link), tenant.id, grants, facts, ports)
            found[f"{PREFIX}{names.workload(link, tenant.id)}.network"] = text
    return found


def bridges(tenant: Tenant) -> tuple[str, ...]:
    """The networks that workloads can be in, by name."""
    return tuple(sorted(name for name, one in tenant.netdevs.items() if one.kind == netdev.BRIDGE))


def forwards(grants: Grants, ports: tuple[Port, ...], name: str) -> bool:
    """Whether the host passes packets on from and to a network."""
    outside = grants.internet and bool(grants.uplinks)
    return outside or any(port.network == name and port.forwarded for port in ports)


def _netdev(one: Netdev, tenant: str, facts: HostFacts) -> str:
    own = names.interface_name(one.name, tenant)
    head = [("Name", own), ("Kind", one.kind), ("Description", f"{one.name} of Tenant {tenant}")]
    head.append(("MACAddress", link_mac(one.name, tenant, facts)))
    sections = _sections(one.values)
    if one.peer is not None:
        sections["Peer"] = [[
            ("Name", names.interface_name(one.peer, tenant)),
            ("MACAddress", link_mac(one.peer, tenant, facts)),
        ]]  # fmt: skip
    if one.kind == netdev.BRIDGE:
        sections.setdefault("Bridge", [[]])[0].append(("STP", "no"))
    sections["NetDev"] = [[*head, *sections.get("NetDev", [[]])[0]]]
    return _text(sections, ("NetDev", "Bridge", "Peer"))


def _network(
    one: Netdev, link: str, said: Network | None, tenant: str, grants: Grants, facts: HostFacts,
    ports: tuple[Port, ...],
) -> str:
    sections = _sections(said.values) if said else {}
    sections["Match"] = [[("Name", names.interface_name(link, tenant))]]
    group = names.NETWORK_GROUP if one.kind == netdev.BRIDGE else names.WAY_GROUP
    _add(sections, "Link", ("Group", str(group)), ("RequiredForOnline", "no"))
    own = dict(sections.get("Network", [[]])[0])
    if said is not None and said.bridge:
        _add(sections, "Network", ("Bridge", names.interface_name(said.bridge, tenant)))
    # Without such an address the host cannot ask who has another one for what it passes on.
    local = "ipv6" if said is not None and any(one.network.version == 6 for one in said.subnets) else "no"
    passes = one.kind == netdev.BRIDGE and forwards(grants, ports, link)
    _add(
        sections, "Network",
        *(() if "LinkLocalAddressing" in own else (("LinkLocalAddressing", local),)),
        ("DHCP", "no"), ("IPv6AcceptRA", "no"), ("LLMNR", "no"), ("MulticastDNS", "no"), ("LLDP", "no"),
        ("EmitLLDP", "no"), ("DNSDefaultRoute", "no"), ("ConfigureWithoutCarrier", "yes"),
        # Nobody can have an address of the host, and without a workload nobody would answer.
        ("IPv6DuplicateAddressDetection", "0"),
        ("IPv4Forwarding", "yes" if passes else "no"), ("IPv6Forwarding", "no"),
    )  # fmt: skip
    if said is not None and said.values.get(keys.DHCP_SERVER):
        _served(sections, said, link, facts, ports)
    if said is not None and said.values.get(keys.SEND_RA):
        _quiet(sections, "IPv6SendRA", ("DNS", "Domains"))
    order = dict.fromkeys(("Match", "Link", "Network", *keys.TABLE.sections))
    return _text(sections, tuple(order))


def _served(sections: Sections, said: Network, link: str, facts: HostFacts, ports: tuple[Port, ...]) -> None:
    """The DHCP server: each workload has its address, and nothing of the host's own is handed out."""
    found = addressing.server(said)
    more = tuple(key for key, since in _EMITTED_SINCE if facts.systemd_version >= since)
    _quiet(sections, "DHCPServer", (*_EMITTED, *more))
    _add(sections, "DHCPServer", ("PersistLeases", "no"))
    leases = sections.setdefault("DHCPServerStaticLease", [])
    for port in ports:
        for address in port.addresses if port.network == link else ():
            if found is not None and address.version == 4 and address in found.network:
                leases.append([("MACAddress", port.mac), ("Address", str(address))])


def _quiet(sections: Sections, section: str, words: tuple[str, ...]) -> None:
    own = dict(sections.get(section, [[]])[0])
    silent = [(f"Emit{word}", "no") for word in words if word not in own and f"Emit{word}" not in own]
    _add(sections, section, *silent)


def _add(sections: Sections, section: str, *assignments: tuple[str, str]) -> None:
    if assignments:
        sections.setdefault(section, [[]])[0].extend(assignments)


def _sections(values: Values) -> Sections:
    """What the file itself says, each value as its row shows it."""
    found: Sections = {}
    for row in values.table:
        if row.verdict is not Verdict.ALLOWED or row.name in _SKIPPED:
            continue
        if row.section in values.table.each:
            parts = values.each(row.section)
            lists = found.setdefault(row.section, [[] for _ in parts])
            for part, into in zip(parts, lists):
                into.extend(_shown(part, row))
        elif shown := _shown(values, row):
            _add(found, row.section, *shown)
    return {section: lists for section, lists in found.items() if any(lists)}


def _shown(values: Values, row: Setting[object]) -> list[tuple[str, str]]:
    return [(row.key, row.show(value)) for value in values.all(row)] if values.given(row) else []


def _text(sections: Sections, order: tuple[str, ...]) -> str:
    return render(tuple(_ordered(sections, order)), header=HEADER)


def _ordered(sections: Sections, order: tuple[str, ...]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    for section in order:
        for assignments in sections.get(section, []):
            yield section, assignments
