"""A network device of a tenant: network/NAME.netdev, a systemd.netdev(5) file.

There are three kinds. A bridge is a network that workloads are connected to. A VLAN leads from a bridge to an uplink
of the host that is granted; a veth leads from one bridge to another. All names are logical: the host writes the file
anew, with interface names of its own. Other kinds, and all keys that are refused, are in refusals.py.
"""

from collections.abc import Iterator

from ...findings import Finding, Place, did_you_mean
from ...records import dataclass
from .. import elsewhere
from .. import values as v
from ..settings import Cost, Setting, Table, Verdict
from ..source import Declared, Source, read_declared
from . import address, refusals
from .refusals import group

BRIDGE, VLAN, VETH = "bridge", "vlan", "veth"
_YES, _HOST, _NO = Verdict.ALLOWED, Verdict.HOST, Verdict.FORBIDDEN
_FORWARD = "It would let frames through that are meant for the switches of the operator."
_REGISTER = "It would register VLANs on the switches of the operator."
_PRIORITY = "Which packets go first on an uplink, the operator decides for all."


def kind(value: str) -> str:
    """A kind of netdev that a tenant may have."""
    if value in (BRIDGE, VLAN, VETH):
        return value
    if value in refusals.KINDS:
        raise v.Unreadable(f"The kind {value} is not allowed for tenants.", refusals.KINDS[value])
    hint = did_you_mean(value, (BRIDGE, VLAN, VETH)) or "Write bridge, vlan or veth."
    raise v.Unreadable(f"{v.quoted(value)} is not a kind of network device.", hint)


DESCRIPTION = Setting("NetDev", "Description", _YES, address.description, Cost.NONE, "A line for people.")
NAME = Setting("NetDev", "Name", _YES, v.name, Cost.RECREATE, "The name of the network, as in the name of the file.",
               required=True)
KIND = Setting(
    "NetDev", "Kind", _YES, kind, Cost.RECREATE,
    "bridge: a network for workloads. vlan: its way to an uplink. veth: a way from one bridge to another.",
    required=True,
)  # fmt: skip
MTU = Setting("NetDev", "MTUBytes", _YES, v.bounded_size(1280, 65535), Cost.RELOAD,
              "The largest packet in bytes, from 1280 to 65535, such as 1500.")
AGEING = Setting("Bridge", "AgeingTimeSec", _YES, v.bounded_span(1, 86400), Cost.RELOAD,
                 "How long an address that is silent is remembered, such as 5min.", show=v.show_span)
QUERIER = Setting("Bridge", "MulticastQuerier", _YES, v.boolean, Cost.RELOAD,
                  "Whether the bridge asks who wants multicast packets.", show=v.show_boolean)
SNOOPING = Setting("Bridge", "MulticastSnooping", _YES, v.boolean, Cost.RELOAD,
                   "Whether multicast packets go only where they are wanted.", show=v.show_boolean)
IGMP = Setting("Bridge", "MulticastIGMPVersion", _YES, v.integer(2, 3), Cost.RELOAD, "The version of IGMP, 2 or 3.")
FDB_MAX = Setting("Bridge", "FDBMaxLearned", _YES, v.integer(1, 4096), Cost.RELOAD,
                  "How many hardware addresses are learned, from 1 to 4096.")
LOCAL_LEARNING = Setting("Bridge", "LinkLocalLearning", _YES, v.boolean, Cost.RELOAD,
                         "Whether addresses are learned from link-local frames.", since=258, show=v.show_boolean)
VLAN_ID = Setting("VLAN", "Id", _YES, v.integer(1, 4094), Cost.RECREATE,
                  "The number of the VLAN, from 1 to 4094. It must be granted.")
PROTOCOL = Setting("VLAN", "Protocol", _YES, v.one_of("802.1q"), Cost.RECREATE,
                   "The tag of the VLAN, which is always 802.1q.")
PEER = Setting("Peer", "Name", _YES, v.name, Cost.RECREATE, "The name of the other end of the pair.")

TABLE = Table(
    *refusals.conditions(refusals.HOSTS_CHOICE),
    DESCRIPTION,
    NAME,
    KIND,
    MTU,
    *group(_HOST, "NetDev", refusals.HARDWARE_ADDRESS, "MACAddress"),
    *group(_HOST, "Bridge", refusals.RING, "HelloTimeSec MaxAgeSec ForwardDelaySec Priority STP"),
    AGEING,
    *group(_NO, "Bridge", _FORWARD, "GroupForwardMask"),
    *group(_HOST, "Bridge", refusals.UNTAGGED, "DefaultPVID VLANFiltering VLANProtocol"),
    QUERIER,
    SNOOPING,
    IGMP,
    FDB_MAX,
    LOCAL_LEARNING,
    VLAN_ID,
    PROTOCOL,
    *group(_NO, "VLAN", _REGISTER, "GVRP MVRP"),
    *group(_HOST, "VLAN", "It follows the uplink, as the operator has set that up.", "LooseBinding ReorderHeader"),
    *group(_NO, "VLAN", _PRIORITY, "EgressQOSMaps IngressQOSMaps"),
    PEER,
    *group(_HOST, "Peer", refusals.HARDWARE_ADDRESS, "MACAddress"),
    *refusals.NETDEV,
    meant=elsewhere.NETDEV,
)
# The sections that belong to one kind only, and the key that this kind cannot do without.
_OF_KIND = {"Bridge": (BRIDGE, None), "VLAN": (VLAN, VLAN_ID), "Peer": (VETH, PEER)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Netdev(Declared):
    """A netdev as declared."""

    @property
    def kind(self) -> str:
        """`bridge`, `vlan` or `veth`."""
        return self.values.need(KIND)

    @property
    def vlan_id(self) -> int | None:
        """The number of a VLAN; None for other kinds."""
        return self.values.get(VLAN_ID)

    @property
    def peer(self) -> str | None:
        """The name of the other end of a veth; None for other kinds."""
        return self.values.get(PEER)

    @property
    def links(self) -> tuple[str, ...]:
        """The names of the interfaces that it stands for: its own, and the other end of a veth."""
        return (self.name, self.peer) if self.peer else (self.name,)


def read_netdev(source: Source) -> tuple[Netdev | None, tuple[Finding, ...]]:
    """The netdev of a file, None when it has errors."""
    return read_declared(source, TABLE, Netdev, always=_contradictions, sound=_missing)


def _contradictions(netdev: Netdev) -> Iterator[Finding]:
    values = netdev.values
    name = values.get(NAME)
    if name is not None and name != netdev.name:
        message = f"Name={name} is not the name of the file."
        hint = f"Write Name={netdev.name}, or rename the file to network/{name}.netdev."
        yield Finding(values.places(NAME)[0], "BB209", message, hint)
    if netdev.peer == netdev.name:
        yield Finding(values.places(PEER)[0], "BB304", "Both ends have the same name.", "Choose another one.")
    chosen = values.get(KIND)
    for section, (of_kind, _) in _OF_KIND.items() if chosen else ():
        given = [row for row in TABLE if row.section == section and values.given(row)]
        if chosen != of_kind and given:
            message = f"Section [{section}] contradicts Kind={chosen}."
            hint = f"Write Kind={of_kind}, or leave the section out."
            yield Finding(values.places(given[0])[0], "BB209", message, hint)


def _missing(netdev: Netdev) -> Iterator[Finding]:
    for section, (of_kind, needed) in _OF_KIND.items():
        if netdev.kind == of_kind and needed and not netdev.values.given(needed):
            message = f"{needed.key}= is missing in section [{section}]."
            yield Finding(Place(netdev.file), "BB208", message, needed.doc)
