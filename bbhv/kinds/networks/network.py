"""A network as the host sees it: network/NAME.network, a systemd.network(5) file.

The file is about an interface that one of the tenant's netdevs makes, or about an uplink of the host that is granted,
on which it puts VLANs. The rows are in keys.py and refusals.py, what they say together in
rules.py, and what only shows across files in wiring.py.
"""

from collections.abc import Iterator, Mapping

from ...findings import Finding, Place
from ...records import dataclass
from ..source import Declared, Source, read_declared
from . import keys, rules
from .address import IPNetwork
from .rules import HostAddress, Subnet


@dataclass(frozen=True, slots=True, kw_only=True)
class Network(Declared):
    """A network as declared. `name` is that of the file; `link` says what the file is about."""

    @property
    def link(self) -> str:
        """The name in [Match]: a netdev of the tenant, the other end of its veth, or an uplink."""
        return self.values.need(keys.NAME)

    @property
    def link_place(self) -> Place:
        """Where that name is."""
        return self.values.places(keys.NAME)[0]

    @property
    def bridge(self) -> str | None:
        """The bridge that this is a port of."""
        return self.values.get(keys.BRIDGE)

    @property
    def vlans(self) -> tuple[tuple[str, Place], ...]:
        """The VLANs that are put on this uplink: the netdev's name, and where it is written. Else nothing."""
        return tuple(zip(self.values.all(keys.VLAN), self.values.places(keys.VLAN)))

    @property
    def uplinks(self) -> tuple[tuple[str, Place], ...]:
        """The uplink that the file is about, and where it is written; nothing for a network of the tenant's own."""
        return ((self.link, self.link_place),) if self.vlans else ()

    @property
    def addresses(self) -> tuple[HostAddress, ...]:
        """The addresses of the host in this network."""
        return rules.addresses(self.values)

    @property
    def subnets(self) -> tuple[Subnet, ...]:
        """Each subnet of this network once."""
        return rules.subnets(self.values)

    @property
    def routes(self) -> tuple[Subnet, ...]:
        """The IPv6 prefixes that are announced as reached through the host, but are not of this network."""
        rows = zip(self.values.all(keys.ROUTE_PREFIX), self.values.places(keys.ROUTE_PREFIX))
        return tuple(Subnet(prefix, place) for prefix, place in rows)


def read_network(source: Source) -> tuple[Network | None, tuple[Finding, ...]]:
    """The network of a file, None when it has errors."""
    return read_declared(source, keys.TABLE, Network, sound=lambda network: rules.contradictions(network.values))


def overlaps(networks: Mapping[str, Network]) -> Iterator[Finding]:
    """Subnets that two networks of one tenant share (BB304); within one network see rules.py."""
    spans = [_joined(network) for _, network in sorted(networks.items())]
    yield from rules.overlapping(one for span in spans for one in span)


def _joined(network: Network) -> Iterator[Subnet]:
    """The subnets without those that lie in another one of the same network, which has its finding already."""
    found: list[IPNetwork] = []
    for one in sorted(network.subnets, key=lambda one: (one.network.version, one.network)):
        if not (found and found[-1].version == one.network.version and one.network.overlaps(found[-1])):
            found.append(one.network)
            yield one
