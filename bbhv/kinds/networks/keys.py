"""The settings of network/NAME.network: every key of systemd.network(5), and who may set it.

What a tenant may say is about its own network: the addresses of the host in it, what is handed out there by DHCP and
by router advertisements, how much may pass, and which bridge or uplink it leads to.
"""

from collections.abc import Callable

from .. import values as v
from ..settings import Cost, Setting, Table, Verdict
from . import address, refusals
from .refusals import group

_YES, _HOST, _NO, _RELOAD = Verdict.ALLOWED, Verdict.HOST, Verdict.FORBIDDEN, Cost.RELOAD
_SERVER, _LEASE, _RA, _PREFIX = "DHCPServer", "DHCPServerStaticLease", "IPv6SendRA", "IPv6Prefix"
_ROUTE, _PORT, _TBF, _CAKE, _NETEM = "IPv6RoutePrefix", "Bridge", "TokenBucketFilter", "CAKE", "NetworkEmulator"
_ONLINE = "The network of a tenant never holds up the boot of the host."
_UP = "The host brings the interfaces of a tenant up, and keeps them up."
_IDENTITY = "The host neither describes itself to a network, nor listens to who else is there."
_FORWARDING = "What may leave a network is a matter of the grants; the host forwards and masquerades it by itself."
_STACK = "How its own side of a network treats packets, the host decides."
_OTHERS = "It names another interface of the host. A network leads to others by VLAN= or by Kind=veth."
_PLAIN = "An address has its subnet and nothing else; the host sets the rest."
_LEARNT = "It would hand out what the host learnt on its uplinks."
_HOME = "The host is no home agent of mobile IPv6."


def _switch(section: str, key: str, doc: str, since: int = 0) -> Setting[bool]:
    return Setting(section, key, _YES, v.boolean, _RELOAD, doc, since=since, show=v.show_boolean)


def _number(section: str, key: str, reader: Callable[[str], int], doc: str) -> Setting[int]:
    return Setting(section, key, _YES, reader, _RELOAD, doc)


def _time(section: str, key: str, reader: Callable[[str], int], doc: str) -> Setting[int]:
    return Setting(section, key, _YES, reader, _RELOAD, doc, show=v.show_span)


def _rate(section: str, key: str, doc: str) -> Setting[int]:
    return Setting(section, key, _YES, address.bandwidth, _RELOAD, doc, show=address.show_bandwidth)


def _bytes(section: str, key: str, low: int, high: int, doc: str) -> Setting[int]:
    return Setting(section, key, _YES, v.bounded_size(low, high), _RELOAD, doc)


def _word(section: str, key: str, reader: Callable[[str], str], doc: str, since: int = 0) -> Setting[str]:
    return Setting(section, key, _YES, reader, _RELOAD, doc, since=since)


def _list(section: str, key: str, reader: Callable[[str], tuple[str, ...]], doc: str) -> Setting[tuple[str, ...]]:
    return Setting(section, key, _YES, reader, _RELOAD, doc, repeat=True, show=" ".join)


def _share(key: str, doc: str) -> Setting[int]:
    return Setting(_NETEM, key, _YES, address.share, _RELOAD, doc, show=v.show_quota)


_root = v.one_of("root")
_preference = v.one_of("low", "medium", "high")

NAME = Setting("Match", "Name", _YES, address.link, Cost.RECREATE,
               "The network that this file is about; or an uplink of the host, to put VLANs on it.", required=True)
MTU = Setting("Link", "MTUBytes", _YES, v.bounded_size(1280, 65535), _RELOAD,
              "The largest packet in bytes, from 1280 to 65535, such as 1500.")
DESCRIPTION = Setting("Network", "Description", _YES, address.description, Cost.NONE, "A line for people.")
DHCP_SERVER = _switch("Network", "DHCPServer", "Whether the host hands out IPv4 addresses on this network.")
LINK_LOCAL = _word("Network", "LinkLocalAddressing", v.one_of("no", "ipv6"),
                   "Whether the host has a link-local address: no or ipv6.")
PLAIN_ADDRESS = Setting("Network", "Address", _YES, address.interface, _RELOAD,
                        "An address of the host in this network, and the length of its subnet, such as 10.77.0.1/24.",
                        repeat=True)
SEND_RA = _switch("Network", "IPv6SendRA", "Whether the host announces IPv6 prefixes on this network.")
BRIDGE = Setting("Network", "Bridge", _YES, v.name, _RELOAD, "The bridge that this VLAN or end of a veth leads into.",
                 refers=("netdev",))
VLAN = Setting("Network", "VLAN", _YES, v.name, _RELOAD, "A VLAN on this uplink: the name of a netdev with Kind=vlan.",
               repeat=True, refers=("netdev",))
ADDRESS = Setting("Address", "Address", _YES, address.interface, _RELOAD,
                  "An address of the host in this network, and the length of its subnet, such as fd00:77::1/64.",
                  required=True)
SERVER_ADDRESS = Setting(_SERVER, "ServerAddress", _YES, address.interface4, _RELOAD,
                         "The address of the DHCP server, whose subnet it hands out, such as 10.77.0.1/24.")
POOL_OFFSET = _number(_SERVER, "PoolOffset", v.integer(0, 1 << 24),
                      "How far from the start of the subnet the pool begins; 0 for the first address.")
POOL_SIZE = _number(_SERVER, "PoolSize", v.integer(0, 1 << 24), "How many addresses the pool has; 0 for all.")
DEFAULT_LEASE = _time(_SERVER, "DefaultLeaseTimeSec", v.bounded_span(60, 604800),
                      "How long a lease lasts, from one minute to one week, such as 1h.")
MAX_LEASE = _time(_SERVER, "MaxLeaseTimeSec", v.bounded_span(60, 604800),
                  "How long a lease may last for who asks, from one minute to one week, such as 12h.")
EMIT_DNS = _switch(_SERVER, "EmitDNS", "Whether leases name the resolvers of DNS=.")
DNS = _list(_SERVER, "DNS", address.resolvers4,
            "IPv4 addresses of resolvers, or _server_address for the DHCP server's own.")
ROUTER = Setting(_SERVER, "Router", _YES, address.address4, _RELOAD, "The router that leases name; else the host.")
EMIT_ROUTER = _switch(_SERVER, "EmitRouter", "Whether leases name a router.")
TIMEZONE = _word(_SERVER, "Timezone", address.timezone, "The time zone that leases name, such as Europe/Berlin.")
DOMAIN = _word(_SERVER, "Domain", address.domain, "The DNS domain that leases name, such as lan.example.", since=259)
RA_EMIT_DNS = _switch(_RA, "EmitDNS", "Whether announcements name the resolvers of DNS=.")
RA_DNS = _list(_RA, "DNS", address.resolvers6, "IPv6 addresses of resolvers, or _link_local for the host's own.")
RA_EMIT_DOMAINS = _switch(_RA, "EmitDomains", "Whether announcements name the domains of Domains=.")
RA_DOMAINS = _list(_RA, "Domains", address.domains, "DNS search domains, such as lan.example.")
# What leases and announcements may name: the switch, and the value. Without the value, systemd-networkd would hand out
# what the host itself uses on its uplinks.
LEASED: tuple[tuple[Setting[bool], Setting[object]], ...] = (
    *((_switch(_SERVER, f"Emit{key}", f"Whether leases name {what} of {key}=."),
       _list(_SERVER, key, address.servers4, f"IPv4 addresses of {what}."))
      for key, what in (("NTP", "time servers"), ("SIP", "SIP servers"), ("POP3", "POP3 servers"),
                        ("SMTP", "SMTP servers"), ("LPR", "print servers"))),
    (_switch(_SERVER, "EmitTimezone", "Whether leases name the time zone of Timezone=."), TIMEZONE),
    (_switch(_SERVER, "EmitDomain", "Whether leases name the domain of Domain=.", since=259), DOMAIN),
)  # fmt: skip
EMITTED: tuple[tuple[Setting[bool], Setting[object]], ...] = (
    (EMIT_DNS, DNS), *LEASED, (RA_EMIT_DNS, RA_DNS), (RA_EMIT_DOMAINS, RA_DOMAINS),
)  # fmt: skip
LEASE_MAC = Setting(_LEASE, "MACAddress", _YES, address.mac, _RELOAD, "The hardware address of who gets it.",
                    required=True)
LEASE_ADDRESS = Setting(_LEASE, "Address", _YES, address.address4, _RELOAD, "The IPv4 address that it gets.",
                        required=True)
RA_LIFETIME = _time(_RA, "RouterLifetimeSec", address.zero_or(v.bounded_span(4, 9000)),
                    "How long the host counts as router: 0 for never, else from 4s to 9000s.")
PREFIX = Setting(_PREFIX, "Prefix", _YES, address.prefix6, _RELOAD,
                 "The IPv6 prefix to announce, such as fd00:77::/64.", required=True)
AUTOCONF = _switch(_PREFIX, "AddressAutoconfiguration",
                   "Whether workloads make addresses of this prefix, whose length must be 64 then. The default is yes.")
PREFERRED = _time(_PREFIX, "PreferredLifetimeSec", v.bounded_span(60, 1 << 31),
                  "How long addresses of this prefix are used for new connections. The default is 30min.")
VALID = _time(_PREFIX, "ValidLifetimeSec", v.bounded_span(60, 1 << 31),
              "How long addresses of this prefix are valid. The default is 1h.")
ROUTE_PREFIX = Setting(_ROUTE, "Route", _YES, address.prefix6, _RELOAD,
                       "An IPv6 prefix that workloads reach through the host, such as fd00:78::/64.", required=True)
TBF_RATE = _rate(_TBF, "Rate", "The bandwidth in bits per second, such as 100M.")
TBF_BURST = _bytes(_TBF, "BurstBytes", 1 << 10, 1 << 30, "How many bytes may pass at once, such as 64K.")
TBF_LATENCY = _time(_TBF, "LatencySec", address.span_between("1ms", "10s"), "How long a packet may wait, such as 50ms.")
TBF_LIMIT = _bytes(_TBF, "LimitBytes", 1 << 10, 64 << 20, "How many bytes may wait, from 1K to 64M.")
TBF_PEAK = _rate(_TBF, "PeakRate", "The bandwidth while tokens are left, in bits per second, such as 200M.")
TBF_MTU = _bytes(_TBF, "MTUBytes", 64, 1 << 20, "The size of the bucket of PeakRate=, in bytes, such as 1500.")

# The sections whose settings only mean something together with another setting.
QUEUES = (_TBF, _CAKE, _NETEM)
PORT, RA_SECTIONS, SERVER_SECTIONS = _PORT, (_RA, _PREFIX, _ROUTE), (_SERVER, _LEASE)

TABLE = Table(
    NAME,
    *group(_HOST, "Match", refusals.MATCH, "MACAddress PermanentMACAddress Path Driver Type Kind Property"),
    *group(_HOST, "Match", refusals.MATCH, "WLANInterfaceType SSID BSSID"),
    *refusals.conditions(refusals.HOSTS_CHOICE),
    *group(_HOST, "Link", refusals.HARDWARE_ADDRESS, "MACAddress"),
    MTU,
    *group(_HOST, "Link", _STACK, "ARP Multicast AllMulticast Promiscuous"),
    *group(_HOST, "Link", _UP, "Unmanaged ActivationPolicy"),
    *group(_NO, "Link", refusals.FILTER, "Group"),
    *group(_HOST, "Link", _ONLINE, "RequiredForOnline RequiredFamilyForOnline"),
    DESCRIPTION,
    *group(_NO, "Network", refusals.CLIENT, "DHCP IPv6AcceptRA UseDomains DHCPPrefixDelegation"),
    *group(_NO, "Network", refusals.RELAY, "DHCPRelay", since=261),
    DHCP_SERVER,
    LINK_LOCAL,
    *group(_HOST, "Network", _STACK, """IPv6LinkLocalAddressGenerationMode IPv6StableSecretAddress IPv6PrivacyExtensions
        IPv6DuplicateAddressDetection IPv6HopLimit IPv6RetransmissionTimeSec IPv4ReversePathFilter
        MulticastIGMPVersion"""),
    *group(_HOST, "Network", _STACK, "IPv4DuplicateAddressDetectionTimeoutSec", since=258),
    *group(_NO, "Network", "Link-local addresses of IPv4 are where clouds keep services of the host.",
           "IPv4LLStartAddress IPv4LLRoute"),
    *group(_NO, "Network", refusals.ROUTES, "DefaultRouteOnDevice Gateway"),
    *group(_NO, "Network", refusals.RESOLVER, """LLMNR MulticastDNS DNSOverTLS DNSSEC DNSSECNegativeTrustAnchors
        DNSDefaultRoute"""),
    *group(_NO, "Network", refusals.RESOLVERS, "DNS Domains"),
    *group(_NO, "Network", "The clock of the host is the operator's. Write NTP= in [DHCPServer] for the workloads.",
           "NTP"),
    *group(_NO, "Network", _IDENTITY, "LLDP EmitLLDP"),
    *group(_NO, "Network", _OTHERS, "BindCarrier"),
    PLAIN_ADDRESS,
    *group(_HOST, "Network", _FORWARDING, "IPv4Forwarding IPv6Forwarding IPMasquerade"),
    *group(_NO, "Network", "It would let a network reach what only the host itself may reach.",
           "IPv4AcceptLocal IPv4RouteLocalnet"),
    *group(_NO, "Network", refusals.FILTER, "IPv4SrcValidMark", since=261),
    *group(_NO, "Network", refusals.PROXY, "IPv4ProxyARP IPv4ProxyARPPrivateVLAN IPv6ProxyNDP"),
    *group(_NO, "Network", refusals.PROXY, "ProxyNeighbor", since=262),
    *group(_NO, "Network", refusals.PROXY, "IPv6ProxyNDPAddress"),
    SEND_RA,
    *group(_HOST, "Network", "It follows MTUBytes=.", "IPv6MTUBytes"),
    *group(_NO, "Network", refusals.ROUTES, "MPLSRouting", since=258),
    *group(_HOST, "Network", "Write Bridge= into the file of a port: nothing else makes it one.", "KeepMaster"),
    *group(_HOST, "Network", _UP, "ConfigureWithoutCarrier IgnoreCarrierLoss KeepConfiguration"),
    *group(_NO, "Network", _OTHERS, """BatmanAdvanced Bond VRF IPoIB IPVLAN IPVTAP MACsec MACVLAN MACVTAP Tunnel VXLAN
        Xfrm"""),
    *group(_NO, "Network", "It is for a port of a bond, and a tenant has none.", "ActiveSlave PrimarySlave"),
    BRIDGE,
    VLAN,
    ADDRESS,
    *group(_NO, "Address", refusals.ROUTES, "Peer RouteMetric AddPrefixRoute"),
    *group(_HOST, "Address", _PLAIN, """Broadcast Label PreferredLifetime Scope HomeAddress DuplicateAddressDetection
        ManageTemporaryAddress AutoJoin"""),
    *group(_NO, "Address", refusals.FILTER, "NetLabel NFTSet"),
    SERVER_ADDRESS,
    POOL_OFFSET,
    POOL_SIZE,
    DEFAULT_LEASE,
    MAX_LEASE,
    *group(_HOST, _SERVER, _LEARNT, "UplinkInterface"),
    EMIT_DNS,
    DNS,
    EMIT_ROUTER,
    ROUTER,
    *(row for pair in LEASED for row in pair),
    *group(_NO, _SERVER, refusals.NET_BOOT, "BootServerAddress BootServerName BootFilename"),
    _time(_SERVER, "IPv6OnlyPreferredSec", v.bounded_span(300, 604800),
          "For how long workloads that can do without IPv4 go without, from 300s."),
    *group(_NO, _SERVER, refusals.RAW_OPTIONS, "SendOption SendVendorOption"),
    _switch(_SERVER, "RapidCommit", "Whether a lease may be had with two packets instead of four."),
    *group(_HOST, _SERVER, "The host keeps leases where they belong to the tenant.", "PersistLeases"),
    *group(_NO, _SERVER, "The host's resolver would answer with names that workloads gave themselves.",
           "LocalLeaseDomain", since=259),
    *group(_HOST, _SERVER, "The server answers on its own network only.", "BindToInterface"),
    *group(_NO, _SERVER, refusals.RELAY, "RelayTarget RelayAgentCircuitId RelayAgentRemoteId"),
    LEASE_MAC,
    LEASE_ADDRESS,
    _word(_LEASE, "Hostname", address.domain, "The host name that it gets, such as printer.", since=259),
    _switch(_RA, "Managed", "Whether workloads are to ask a DHCPv6 server for addresses."),
    _switch(_RA, "OtherInformation", "Whether workloads are to ask a DHCPv6 server for everything but addresses."),
    RA_LIFETIME,
    _time(_RA, "ReachableTimeSec", address.span_between("0s", "1h"), "How long a neighbour counts as reachable."),
    _time(_RA, "RetransmitSec", address.span_between("0s", "1h"),
          "How long to wait before asking a neighbour again."),
    _word(_RA, "RouterPreference", v.one_of("low", "medium", "normal", "default", "high"),
          "How the host ranks among routers: low, medium or high."),
    _number(_RA, "HopLimit", v.integer(0, 255), "The hop limit that workloads use, from 0 to 255."),
    *group(_HOST, _RA, _LEARNT, "UplinkInterface"),
    RA_EMIT_DNS,
    RA_DNS,
    RA_EMIT_DOMAINS,
    RA_DOMAINS,
    _time(_RA, "DNSLifetimeSec", v.bounded_span(60, 1 << 31), "How long resolvers and domains count, such as 1h."),
    *group(_NO, _RA, _HOME, "HomeAgent HomeAgentLifetimeSec HomeAgentPreference"),
    PREFIX,
    AUTOCONF,
    _switch(_PREFIX, "OnLink", "Whether addresses of this prefix are reached without a router. The default is yes."),
    PREFERRED,
    VALID,
    _switch(_PREFIX, "Assign", "Whether the host has an address of this prefix too."),
    *group(_HOST, _PREFIX, "The host makes its own address; write Address= to choose it.", "Token"),
    *group(_NO, _PREFIX, refusals.ROUTES, "RouteMetric"),
    ROUTE_PREFIX,
    _time(_ROUTE, "LifetimeSec", v.bounded_span(60, 1 << 31), "How long the route counts. The default is 1h."),
    _word(_ROUTE, "Preference", _preference, "How the route ranks: low, medium or high.", since=258),
    _switch(_PORT, "UnicastFlood", "Whether packets for unknown addresses go out here."),
    _switch(_PORT, "MulticastFlood", "Whether multicast packets that nobody asked for go out here."),
    _switch(_PORT, "MulticastToUnicast", "Whether multicast packets are sent as one copy for each who asked."),
    _switch(_PORT, "Learning", "Whether addresses are learned from what comes in here."),
    _switch(_PORT, "Isolated", "Whether this port reaches only ports that are not isolated."),
    _switch(_PORT, "FastLeave", "Whether multicast packets stop at once when one leaves a group."),
    _word(_PORT, "MulticastRouter", v.one_of("no", "query", "permanent", "temporary"),
          "Whether a multicast router is behind this port: no, query, permanent or temporary."),
    *group(_NO, _PORT, "Packets could go round in circles.", "HairPin"),
    *group(_HOST, _PORT, refusals.RING, "UseBPDU AllowPortToBeRoot Cost Priority"),
    *group(_NO, _PORT, refusals.PROXY, "NeighborSuppression ProxyARP ProxyARPWiFi"),
    *group(_HOST, _PORT, refusals.FILTER, "Locked MACAuthenticationBypass", since=258),
    *group(_HOST, _PORT, refusals.UNTAGGED, "VLANTunnel", since=258),
    _word(_TBF, "Parent", _root, "Where it hangs, which is always root."),
    *group(_HOST, _TBF, refusals.HANDLES, "Handle"),
    TBF_RATE,
    TBF_BURST,
    TBF_LATENCY,
    TBF_LIMIT,
    TBF_PEAK,
    TBF_MTU,
    _bytes(_TBF, "MPUBytes", 0, 65535, "The least that a packet counts, in bytes, such as 64."),
    _word(_CAKE, "Parent", _root, "Where it hangs, which is always root."),
    *group(_HOST, _CAKE, refusals.HANDLES, "Handle"),
    _rate(_CAKE, "Bandwidth", "The bandwidth in bits per second, such as 100M."),
    _switch(_CAKE, "AutoRateIngress", "Whether the bandwidth is estimated from what comes in."),
    _number(_CAKE, "OverheadBytes", address.whole(-64, 256),
            "Bytes to add to the size of each packet, from -64 to 256."),
    _number(_CAKE, "MPUBytes", v.integer(1, 256), "The least that a packet counts, from 1 to 256 bytes."),
    _word(_CAKE, "CompensationMode", v.one_of("none", "atm", "ptm"), "How framing is counted: none, atm or ptm."),
    _switch(_CAKE, "UseRawPacketSize", "Whether the kernel's size of a packet counts, not that of its IP part."),
    _word(_CAKE, "FlowIsolationMode", v.one_of(
        "none", "src-host", "dst-host", "hosts", "flows", "dual-src-host", "dual-dst-host", "triple",
    ), "Among whom to be fair: none, src-host, dst-host, hosts, flows, dual-src-host, dual-dst-host or triple."),
    _switch(_CAKE, "NAT", "Whether to be fair among the hosts behind a masquerade."),
    _word(_CAKE, "PriorityQueueingPreset", v.one_of("besteffort", "precedence", "diffserv8", "diffserv4", "diffserv3"),
          "What goes first: besteffort, precedence, diffserv8, diffserv4 or diffserv3."),
    *group(_NO, _CAKE, refusals.FILTER, "FirewallMark"),
    _switch(_CAKE, "Wash", "Whether the priority (DSCP) is taken off each packet."),
    _switch(_CAKE, "SplitGSO", "Whether large packets are split."),
    _time(_CAKE, "RTTSec", address.span_between("1us", "10s"),
          "The usual time there and back, such as 100ms or 100us."),
    _word(_CAKE, "AckFilter", v.one_of("no", "yes", "aggressive"), "Whether redundant ACKs are dropped."),
    _word(_NETEM, "Parent", _root, "Where it hangs, which is always root."),
    *group(_HOST, _NETEM, refusals.HANDLES, "Handle"),
    _time(_NETEM, "DelaySec", address.span_between("0s", "10s"), "How long each packet waits, at most 10s."),
    _time(_NETEM, "DelayJitterSec", address.span_between("0s", "10s"), "By how much that varies, at most 10s."),
    _number(_NETEM, "PacketLimit", v.integer(1, 10_000), "How many packets may wait, from 1 to 10000."),
    _share("LossRate", "The share of packets that is lost, such as 0.5%."),
    _share("DuplicateRate", "The share of packets that is doubled, such as 0.5%."),
    *refusals.NETWORK,
    each=("Address", _LEASE, _PREFIX, _ROUTE, *QUEUES),
)
