"""Neighbours: what one tenant of a host takes that another one takes too.

Everything that tenants share is a claim: a range of numbers in some space, such as the ports of TCP or the addresses of
IPv4. Two claims of different tenants in one space that overlap collide, when both tenants may run on one host. Names of
units and machines end in the tenant's id, which no other tenant has; names of interfaces are too short for that.
Findings: BB115 (too much to compare), BB305.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from ipaddress import ip_network
from itertools import islice

from ..findings import Finding, Place, Severity
from ..kinds.workloads.container import PORT
from ..kinds.workloads.workload import ADDRESS
from ..names import interface_name
from ..records import dataclass
from .networks.wires import Wires
from .registration import Registration
from .tenant import Tenant

# What keeps a comparison of a whole fleet within about a second.
MAX_CLAIMS = 20_000
MAX_COMPARED = 1_000_000
MAX_COLLISIONS = 400
MAX_KEPT = 10_000
_MAGIC = frozenset("*?[")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A range of a space that a tenant takes, both ends included; `shown` is how it was written, at `place`."""

    tenant: str
    space: str
    first: int
    last: int
    shown: str
    place: Place


@dataclass(frozen=True, slots=True)
class Collision:
    """A claim, and the claim of another tenant that it overlaps."""

    claim: Claim
    other: Claim

    def finding(self, severity: Severity, *, reveal: bool) -> Finding:
        """What is wrong, at the claim. Only an operator may see the other tenant's name and what it wrote."""
        mine, other = self.claim, self.other
        if not reveal:
            message = f"{mine.shown} is taken on this host already."
            return Finding(mine.place, "BB305", message, "Choose another one, or ask the operator.", severity)
        how = "is also that" if mine.shown == other.shown else f"overlaps {other.shown}"
        message = f"{mine.shown} of tenant {mine.tenant} {how} of tenant {other.tenant} ({other.place})."
        hint = "Change one of them, or let them run on different hosts."
        return Finding(mine.place, "BB305", message, hint, severity)


def findings(
    claims: Iterable[Claim], hosts: Mapping[str, tuple[str, ...]], severity: Severity, *, reveal: bool = True
) -> tuple[Finding, ...]:
    """All collisions of these claims as findings, each pair once. `hosts` are the patterns of each tenant's hosts."""
    found, complete = collisions(claims, hosts)
    shown = [collision.finding(severity, reveal=reveal) for collision in found]
    if not complete:
        message = "The tenants share so much that not all of it was compared."
        shown.append(Finding(found[0].claim.place if found else Place("tenants"), "BB115", message, "", "warning"))
    return tuple(shown)


def against(own: Iterable[Claim], others: Iterable[Claim]) -> tuple[Finding, ...]:
    """What a tenant cannot have on a host where others run: errors that never say who has it."""
    mine = list(own)
    tenants = {claim.tenant for claim in mine}
    theirs = [claim for claim in others if claim.tenant not in tenants]
    found, _ = collisions([*mine, *theirs], {}, only=tenants)
    told = (one if one.claim.tenant in tenants else Collision(one.other, one.claim) for one in found)
    return tuple(dict.fromkeys(one.finding("error", reveal=False) for one in told))


def collisions(
    claims: Iterable[Claim], hosts: Mapping[str, tuple[str, ...]], *, only: Iterable[str] = ()
) -> tuple[tuple[Collision, ...], bool]:
    """The pairs of claims that collide, the later one by tenant and place first, and whether that is all of them.

    Tenants that `hosts` does not know may run anywhere. With `only`, pairs without any of these tenants do not count.
    """
    taken = list(islice(claims, MAX_CLAIMS + 1))
    complete = len(taken) <= MAX_CLAIMS
    found: list[Collision] = []
    chosen = frozenset(only)
    compared = 0
    together = _together(hosts)
    active: list[Claim] = []
    for claim in sorted(taken[:MAX_CLAIMS], key=_order):
        active = [one for one in active if one.space == claim.space and one.last >= claim.first]
        for one in active:
            if one.tenant != claim.tenant and together(one.tenant, claim.tenant):
                if not chosen or one.tenant in chosen or claim.tenant in chosen:
                    found.append(_collision(one, claim))
        compared += len(active)
        active.append(claim)
        if compared > MAX_COMPARED or len(found) > MAX_COLLISIONS:
            return tuple(found[:MAX_COLLISIONS]), False
    return tuple(found), complete


def _order(claim: Claim) -> tuple[str, int, int, str, str, int]:
    return claim.space, claim.first, claim.last, claim.tenant, claim.place.file, claim.place.line


def _collision(one: Claim, two: Claim) -> Collision:
    first, second = sorted((one, two), key=lambda claim: claim.tenant)
    return Collision(second, first)


def _together(hosts: Mapping[str, tuple[str, ...]]) -> Callable[[str, str], bool]:
    """Whether two tenants may run on one host. Most have hosts of a few kinds, or hosts by name."""
    named = {tenant: frozenset(names) for tenant, names in hosts.items() if all(map(_MAGIC.isdisjoint, names))}

    @lru_cache(MAX_KEPT)
    def meet(ours: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
        return any(may_meet(a, b) for a in ours for b in theirs)

    def answer(one: str, two: str) -> bool:
        if one in named and two in named:
            return not named[one].isdisjoint(named[two])
        return meet(hosts.get(one, ("*",)), hosts.get(two, ("*",)))

    return answer


def may_meet(one: str, two: str) -> bool:
    """Whether some host's name may fit both patterns. True when only a search through all names could tell."""
    if _MAGIC.isdisjoint(one):
        return fnmatchcase(one, two)
    if _MAGIC.isdisjoint(two):
        return fnmatchcase(two, one)
    heads = _plain(one), _plain(two)
    tails = _plain(one[::-1].replace("]", "[")), _plain(two[::-1].replace("]", "["))
    return all(a.startswith(b) or b.startswith(a) for a, b in (heads, tails))


def _plain(pattern: str) -> str:
    """The beginning of a pattern in which every character stands for itself."""
    end = next((at for at, char in enumerate(pattern) if char in _MAGIC), len(pattern))
    return pattern[:end]


def granted(registration: Registration) -> Iterator[Claim]:
    """What a registration gives to its tenant alone, if it is to be of use."""
    grants = registration.grants
    for index, port in enumerate(grants.ports):
        yield from _port(registration.tenant, port, registration.where("grants", "ports", index))
    for index, subnet in enumerate(grants.subnets):
        yield from _subnet(registration.tenant, subnet, registration.where("grants", "subnets", index))
    for index, vlan in enumerate(grants.vlans):
        place = registration.where("grants", "vlans", index)
        for uplink in grants.uplinks:
            yield _vlan(registration.tenant, vlan, uplink, place)


def claims(tenant: Tenant) -> Iterator[Claim]:
    """What a tenant's declarations take of the host."""
    for _, netdev in sorted(tenant.netdevs.items()):
        for link in netdev.links:
            yield _interface(tenant.id, interface_name(link, tenant.id), Place(netdev.file))
    for _, network in sorted(tenant.networks.items()):
        for subnet in (*network.subnets, *network.routes):
            yield from _subnet(tenant.id, str(subnet.network), subnet.place)
        for name, place in network.vlans:
            made = tenant.netdevs.get(name)
            if made is not None and made.vlan_id is not None:
                yield _vlan(tenant.id, made.vlan_id, network.link, place)
    for _, workload in sorted(tenant.workloads.items()):
        values = workload.values
        for address, place in zip(values.all(ADDRESS), values.places(ADDRESS)):
            yield from _subnet(tenant.id, str(address), place)
        for port, place in zip(values.all(PORT), values.places(PORT)):
            yield from _port(tenant.id, f"{port.protocol}:{port.host}", place)


def held(tenant: str, wires: Wires) -> Iterator[Claim]:
    """What the networks of a tenant take of the host that brought them up, wherever that is written."""
    nowhere = Place("")
    for name in wires.links:
        yield _interface(tenant, name, nowhere)
    for subnet in wires.subnets:
        yield from _subnet(tenant, subnet, nowhere)
    for port in wires.forwarded:
        yield from _port(tenant, port, nowhere)
    for vlan in wires.vlans:
        yield _vlan(tenant, vlan.number, vlan.uplink, nowhere)


def _interface(tenant: str, name: str, place: Place) -> Claim:
    shown = f"The interface {name}"
    return Claim(tenant=tenant, space=f"interface {name}", first=0, last=0, shown=shown, place=place)


def _port(tenant: str, text: str, place: Place) -> Iterator[Claim]:
    """A range of ports as grants write it, such as tcp:8080-8090."""
    protocol, _, ports = text.partition(":")
    first, _, last = ports.partition("-")
    if first.isdigit() and (last or first).isdigit():
        yield Claim(tenant=tenant, space=f"{protocol} port", first=int(first), last=int(last or first),
                    shown=text, place=place)  # fmt: skip


def _subnet(tenant: str, text: str, place: Place) -> Iterator[Claim]:
    """An IP network or one address; what is none has its finding elsewhere."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return
    yield Claim(
        tenant=tenant, space=f"IPv{network.version}", first=int(network.network_address),
        last=int(network.broadcast_address), shown=text, place=place,
    )  # fmt: skip


def _vlan(tenant: str, vlan: int, uplink: str, place: Place) -> Claim:
    shown = f"VLAN {vlan} on {uplink}"
    return Claim(tenant=tenant, space=f"VLAN {uplink}", first=vlan, last=vlan, shown=shown, place=place)
