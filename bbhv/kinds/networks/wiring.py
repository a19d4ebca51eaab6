"""How the netdevs and networks of one tenant are wired: which interface each file is about, and what leads where.

A network of workloads is a bridge. A VLAN or an end of a veth is a port of one, so its .network file says Bridge=; a
VLAN is on an uplink, so the .network file of that says VLAN=. Bridges must not form a ring: a single broadcast packet
would go round in it for ever, at the cost of the whole host. Findings: BB209, BB301, BB304.
"""

from collections.abc import Iterable, Iterator, Mapping

from ...findings import Finding, Place, did_you_mean
from ..source import Declared
from . import keys, netdev
from .netdev import Netdev
from .network import Network

Netdevs = Mapping[str, Netdev]
Networks = Mapping[str, Network]
_OUTSIDE = ""
_MAX_NAMED = 8


def wiring(netdevs: Netdevs, networks: Networks, *, complete: bool) -> Iterator[Finding]:
    """Everything that is wrong between the files. Unless `complete`, some file could not be read: then nothing is said
    of what is missing, because it may be in there."""
    yield from _names(netdevs)
    yield from _subjects(netdevs, networks)
    yield from _kinds(netdevs, networks)
    yield from _rings(netdevs, networks)
    if complete:
        yield from _unknown(netdevs, networks)
        yield from _unused(netdevs, networks)


def connections(
    workloads: Iterable[Declared], netdevs: Netdevs, networks: Networks, *, complete: bool
) -> Iterator[Finding]:
    """Workloads that are connected to what is no bridge. What is not declared at all has a finding of its own, and so
    has, unless they are `complete`, what could not be read."""
    for one in workloads:
        for row, name, place in one.values.references() if netdevs or networks else ():
            if "netdev" not in row.refers:
                continue
            if name in netdevs and netdevs[name].kind != netdev.BRIDGE:
                message = f"{row.key}={name} names a netdev of Kind={netdevs[name].kind}."
                yield Finding(place, "BB209", message, "Name a netdev with Kind=bridge.")
            elif name in networks and name not in netdevs:
                uplink = bool(networks[name].uplinks)
                if not uplink and not complete:
                    continue
                what = "an uplink of the host" if uplink else f"a file about {networks[name].link}, and no netdev"
                yield Finding(place, "BB209", f"{row.key}={name} names {what}.", "Name a netdev with Kind=bridge.")


def owners(netdevs: Netdevs) -> dict[str, Netdev]:
    """Each interface that a netdev makes, and that netdev."""
    found: dict[str, Netdev] = {}
    for _, one in sorted(netdevs.items()):
        for link in one.links:
            found.setdefault(link, one)
    return found


def _names(netdevs: Netdevs) -> Iterator[Finding]:
    """The other ends of veths have names of their own."""
    taken = {name: one.file for name, one in netdevs.items()}
    for name, one in sorted(netdevs.items()):
        if one.peer and one.peer != name:
            first = taken.setdefault(one.peer, one.file)
            if first != one.file:
                message = f"The name {one.peer} is taken by {first} already."
                yield Finding(one.values.places(netdev.PEER)[0], "BB304", message, "Choose another name.")


def _subjects(netdevs: Netdevs, networks: Networks) -> Iterator[Finding]:
    """Two files about one interface: systemd-networkd would read the first one only."""
    taken: dict[str, str] = {}
    listed: dict[str, Place] = {}
    numbers: dict[tuple[str, int], str] = {}
    for _, one in sorted(networks.items()):
        first = taken.setdefault(one.link, one.file)
        if first != one.file:
            message = f"{first} is about {one.link} already."
            yield Finding(one.link_place, "BB304", message, "Put both into one file.")
        for name, place in one.vlans:
            if listed.setdefault(name, place).file != place.file:
                message = f"VLAN={name} is on another uplink already, by {listed[name]}."
                yield Finding(place, "BB304", message, "Leave one out, or declare another netdev.")
            number = netdevs[name].vlan_id if name in netdevs else None
            if number and numbers.setdefault((one.link, number), name) != name:
                message = f"VLAN {number} is on {one.link} already, as {numbers[one.link, number]}."
                yield Finding(place, "BB304", message, "Leave one out.")


def _kinds(netdevs: Netdevs, networks: Networks) -> Iterator[Finding]:
    """What is named must be of the kind that is meant."""
    own = owners(netdevs)
    for _, one in sorted(networks.items()):
        target = netdevs.get(one.bridge or "")
        if target is not None and target.kind != netdev.BRIDGE:
            message = f"Bridge={target.name} names a netdev of Kind={target.kind}."
            yield Finding(one.values.places(keys.BRIDGE)[0], "BB209", message, "Name a netdev with Kind=bridge.")
        for name, place in one.vlans:
            if name in netdevs and netdevs[name].kind != netdev.VLAN:
                message = f"VLAN={name} names a netdev of Kind={netdevs[name].kind}."
                yield Finding(place, "BB209", message, "Name a netdev with Kind=vlan.")
        subject = own.get(one.link)
        if subject is None:
            continue
        if one.vlans:
            message = f"VLAN= is for uplinks of the host, but {one.link} is a network of the tenant."
            yield Finding(one.vlans[0][1], "BB209", message, "Write VLAN= into a file about an uplink.")
        elif subject.kind == netdev.BRIDGE and one.bridge:
            message = f"Bridge= contradicts that {one.link} is a bridge itself."
            hint = "Connect two bridges by a netdev with Kind=veth."
            yield Finding(one.values.places(keys.BRIDGE)[0], "BB209", message, hint)


def _unknown(netdevs: Netdevs, networks: Networks) -> Iterator[Finding]:
    """Files about an interface that nothing makes."""
    own = owners(netdevs)
    for _, one in sorted(networks.items()):
        if one.link not in own and not one.vlans:
            known = f" Declared: {', '.join(sorted(own))}." if 0 < len(own) <= _MAX_NAMED else ""
            hint = did_you_mean(one.link, own) or f"Add network/{one.link}.netdev, or correct the name.{known}"
            message = f"Name={one.link} names something that is not declared."
            yield Finding(one.link_place, "BB301", message, hint)


def _unused(netdevs: Netdevs, networks: Networks) -> Iterator[Finding]:
    """VLANs that are on no uplink, and VLANs and veths that lead into no bridge."""
    listed = {name for one in networks.values() for name, _ in one.vlans}
    ports = {one.link for one in networks.values() if one.bridge}
    for name, one in sorted(netdevs.items()):
        place = one.values.places(netdev.KIND)[0]
        if one.kind == netdev.VLAN and name not in listed:
            hint = f"Add network/UPLINK.network with Name=UPLINK in [Match] and VLAN={name} in [Network]."
            yield Finding(place, "BB301", f"The VLAN {name} is on no uplink.", hint)
        for link in one.links if one.kind != netdev.BRIDGE else ():
            if link not in ports:
                hint = f"Add network/{link}.network with Name={link} in [Match] and Bridge= in [Network]."
                yield Finding(place, "BB301", f"{link} leads into no bridge.", hint)


def _rings(netdevs: Netdevs, networks: Networks) -> Iterator[Finding]:
    """Ways between what is connected already. Each is reported once. All VLANs lead outside, which is one place here:
    the host knows nothing of the switches there, and a bridge must not connect two VLANs of the operator either."""
    inside = {one.link: one.bridge for _, one in sorted(networks.items(), reverse=True) if one.bridge}
    root: dict[str, str] = {}

    def find(name: str) -> str:
        path = []
        while root.get(name, name) != name:
            path.append(name)
            name = root[name]
        for passed in path:
            root[passed] = name
        return name

    for _, one in sorted(netdevs.items()):
        ends = [inside[link] for link in one.links if link in inside]
        if one.kind == netdev.VLAN and ends:
            ends.append(_OUTSIDE)
        if one.kind == netdev.BRIDGE or len(ends) != 2:
            continue
        first, second = find(ends[0]), find(ends[1])
        if first == second:
            yield Finding(one.values.places(netdev.KIND)[0], "BB304", _ring(one.name, ends), "Leave one of them out.")
        root[first] = second


def _ring(name: str, ends: list[str]) -> str:
    if ends[0] == ends[1]:
        return f"Both ends of {name} are in the bridge {ends[0]}."
    if ends[1] == _OUTSIDE:
        return f"The bridge {ends[0]} is connected to a VLAN already, so that {name} may close a ring."
    return f"The bridges {ends[0]} and {ends[1]} are connected already, so that {name} closes a ring."
