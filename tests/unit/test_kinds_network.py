"""Netdevs and networks: the tables against the manual, what one file contradicts, and how the files are wired."""

from pathlib import Path

import pytest

from bbhv.findings import Finding, ordered
from bbhv.formats.unitfile import parse
from bbhv.kinds.networks import keys, netdev, refusals
from bbhv.kinds.networks.netdev import Netdev, read_netdev
from bbhv.kinds.networks.network import Network, read_network
from bbhv.kinds.settings import MAX_REPEATS, Cost, Table, Verdict, read
from bbhv.kinds.source import Source
from bbhv.model import grants
from bbhv.model.networks import granted
from bbhv.model.registration import Grants
from bbhv.model.tenant import Tenant, read_tenant
from bbhv.records import replace

from .model import FILES, METADATA_SCHEMA, registration, told

HERE = Path(__file__).parent
KEYS = HERE / "fixtures" / "kinds"
OURS = sorted((HERE.parent / "host" / "inside" / "networkd").iterdir())
DROPS = OURS[0].parents[1] / "networkd-drops.txt"
OTHERS = sorted((HERE / "fixtures" / "formats" / "network").glob("*/*"))
# systemd 257 documents these, systemd 262 still reads them, but no longer says so.
OLD = {"DHCPServer.BindToInterface", "DHCPServer.RelayAgentCircuitId", "DHCPServer.RelayAgentRemoteId",
       "DHCPServer.RelayTarget", "Network.IPv6ProxyNDPAddress"}  # fmt: skip
BRIDGE = "[NetDev]\nName=lan\nKind=bridge\n"
LAN = "[Match]\nName=lan\n[Network]\n"
SERVED = f"{LAN}Address=10.77.0.1/24\nDHCPServer=yes\n"


def source(file: str, text: str) -> Source:
    name = file.rpartition("/")[2].partition(".")[0]
    return Source(tenant="acme", name=name, file=file, data=text.encode(), metadata_schema=METADATA_SCHEMA)


def device(text: str) -> tuple[Netdev | None, list[str]]:
    found, findings = read_netdev(source("lan.netdev", text))
    return found, brief(findings)


def network(text: str) -> tuple[Network | None, list[str]]:
    found, findings = read_network(source("lan.network", text))
    return found, brief(findings)


def brief(findings: tuple[Finding, ...]) -> list[str]:
    """The findings as "line CODE"."""
    return [f"{one.place.line} {one.code}" for one in ordered(findings)]


def tenant(files: dict[str, str]) -> tuple[Tenant | None, list[str]]:
    """A tenant with these files, in network/ unless they say where, and the findings as "file:line CODE"."""
    texts = {"metadata.json": FILES["metadata.json"]}
    texts |= {name if "/" in name else f"network/{name}": text.encode() for name, text in files.items()}
    found, findings = read_tenant(texts, "acme", METADATA_SCHEMA)
    seen = [line.removeprefix("network/") for line in told(findings) if not line.endswith("BB211")]
    return found, seen


def made(files: dict[str, str]) -> Tenant:
    found, findings = tenant(files)
    assert found is not None, findings
    return found


# The tables


@pytest.mark.parametrize(
    ("name", "table", "old"), [("netdev", netdev.TABLE, set[str]()), ("network", keys.TABLE, OLD)]
)
def test_a_table_has_exactly_the_keys_of_the_manual_and_since_when(name: str, table: Table, old: set[str]) -> None:
    """The lists come from the pages of systemd 262, printed 120 columns wide by man(1).

    A heading "[X] SECTION OPTIONS" opens a section, whose name in its own case is in the sentence below it. A key is
    a line indented by seven that is nothing but a word and =, several of these with commas, or such a word with what
    its value looks like (NetLabel=label). The number after it is that of the next "Added in version N" when it is
    above 257. [MACVTAP], [IPVTAP] and [Tap] accept the same keys as [MACVLAN], [IPVLAN] and [Tun]. [DHCP] is the old
    name of [DHCPv4], in no manual.
    """
    lines = (KEYS / f"keys-of-{name}-262.txt").read_text(encoding="utf-8").splitlines()
    wanted = {key: int(since or 0) for key, _, since in (line.partition(" ") for line in lines)}
    assert {row.name: row.since for row in table if row.name not in old and row.section != "DHCP"} == wanted
    assert old <= {row.name for row in table}


@pytest.mark.parametrize("table", [netdev.TABLE, keys.TABLE])
def test_rows_of_sections_that_are_objects_have_no_defaults(table: Table) -> None:
    assert table.each <= set(table.sections)
    assert [row.name for row in table if row.section in table.each and row.default is not None] == []


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.name)
def test_files_that_others_wrote_for_systemd_are_read_without_a_finding_and_each_key_has_a_row(path: Path) -> None:
    unit, findings = parse(path.name, path.read_bytes())
    table = netdev.TABLE if ".netdev" in path.name else keys.TABLE
    assert findings == ()
    assert unit.entries
    assert [entry.key for entry in unit.entries if (entry.section, entry.key) not in table.by_key] == []


def test_the_host_tier_reads_every_key_that_is_allowed_with_the_right_version() -> None:
    """tests/host/inside/test_networkd_keys.py shows these files to a real systemd-networkd."""
    shown = {}
    for path in OURS:
        lines = path.read_text(encoding="utf-8").splitlines()
        for entry in parse(path.name, path.read_bytes())[0].entries:
            mark = lines[entry.line - 2].partition("# since ")[2]
            shown[path.suffix, entry.section, entry.key] = int(mark or 0)
    tables = ((".netdev", netdev.TABLE), (".network", keys.TABLE))
    rows = [(kind, row) for kind, table in tables for row in table if row.verdict is Verdict.ALLOWED]
    assert shown == {(kind, row.section, row.key): row.since for kind, row in rows}
    assert tenant({path.name: path.read_text(encoding="utf-8") for path in OURS})[1] == []


def test_each_kind_that_systemd_knows_is_allowed_or_refused_with_a_reason() -> None:
    known = """bond bridge dummy gre gretap erspan ip6gre ip6tnl ip6gretap ipip ipvlan ipvtap macvlan macvtap sit tap
    tun veth vlan vti vti6 vxlan geneve hsr l2tp macsec vrf vcan vxcan wireguard nlmon fou xfrm ifb bareudp batadv
    ipoib wlan""".split()
    assert set(known) == {*refusals.KINDS, "bridge", "vlan", "veth"}
    for kind, reason in refusals.KINDS.items():
        _, findings = read_netdev(source("lan.netdev", f"[NetDev]\nName=lan\nKind={kind}\n"))
        assert [(one.code, one.hint) for one in findings] == [("BB205", reason)]


def test_what_a_change_costs_is_known_for_every_section_of_a_name() -> None:
    assert keys.TABLE.cost("Address.Address") is Cost.RELOAD
    assert keys.TABLE.cost("Address[12].Address") is Cost.RELOAD
    assert keys.TABLE.cost("Match.Name") is Cost.RECREATE
    assert keys.TABLE.cost("Address.Nonsense") is None


def test_nobody_is_led_into_a_section_that_is_refused() -> None:
    unit = parse("lan.network", f"{LAN}[Rout]\n[Adress]\n[NeighBor]\n".encode())[0]
    hints = [one.hint.partition(":")[0] for one in read(keys.TABLE, unit, "lan.network")[1]]
    assert hints == ["[Route] is not for tenants", "Did you mean Address?", "[Neighbor] is not for tenants"]


def test_a_key_that_must_be_in_each_section_is_missed_where_the_section_is() -> None:
    assert network(f"{LAN}[Address]\n[Address]\nAddress=10.77.0.1/24\n") == (None, ["4 BB208"])


def test_too_many_sections_are_one_finding() -> None:
    text = LAN + "".join(f"[Address]\nAddress=10.{n // 256}.{n % 256}.1/24\n" for n in range(MAX_REPEATS + 1))
    assert network(text) == (None, [f"{4 + 2 * MAX_REPEATS} BB206"])


def test_each_section_has_its_values_and_its_place() -> None:
    text = f"{LAN}[Address]\nAddress=10.77.0.1/24\n[Address]\nAddress=fd00:77::1/64\n"
    values, findings = read(keys.TABLE, parse("x", text.encode())[0], "x")
    assert findings == ()
    parts = values.each("Address")
    assert [(str(one.get(keys.ADDRESS)), one.place.line) for one in parts] == [
        ("10.77.0.1/24", 4), ("fd00:77::1/64", 6)
    ]
    assert [str(value) for value in values.all(keys.ADDRESS)] == ["10.77.0.1/24", "fd00:77::1/64"]
    assert values.each("IPv6Prefix") == () and values.each("Network") == ()


# One netdev


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        (BRIDGE, []),
        ("[NetDev]\nName=lan\n", ["1 BB208"]),
        ("[NetDev]\nName=wan\nKind=bridge\n", ["2 BB209"]),
        ("[NetDev]\nName=lan\nKind=vlan\n", ["0 BB208"]),
        ("[NetDev]\nName=lan\nKind=vlan\n[VLAN]\nId=7\n", []),
        ("[NetDev]\nName=lan\nKind=vlan\n[VLAN]\nId=x\n", ["5 BB205"]),
        ("[NetDev]\nName=lan\nKind=vlan\n[VLAN]\nId=7\n[Bridge]\nAgeingTimeSec=1min\n", ["7 BB209"]),
        (f"{BRIDGE}[VLAN]\nId=7\n", ["5 BB209"]),
        (f"{BRIDGE}[Peer]\nName=x\n", ["5 BB209"]),
        ("[NetDev]\nName=lan\nKind=veth\n", ["0 BB208"]),
        ("[NetDev]\nName=lan\nKind=veth\n[Peer]\nName=lan-b\n", []),
        ("[NetDev]\nName=lan\nKind=veth\n[Peer]\nName=lan\n", ["5 BB304"]),
    ],
)
def test_a_netdev_is_checked_as_a_whole(text: str, findings: list[str]) -> None:
    found, seen = device(text)
    assert seen == findings
    assert (found is None) is bool(findings)


def test_a_netdev_says_what_it_is() -> None:
    vlan = device("[NetDev]\nName=lan\nKind=vlan\n[VLAN]\nId=7\n")[0]
    veth = device("[NetDev]\nName=lan\nKind=veth\n[Peer]\nName=lan-b\n")[0]
    assert vlan is not None and veth is not None
    assert (vlan.kind, vlan.vlan_id, vlan.peer, vlan.links) == ("vlan", 7, None, ("lan",))
    assert (veth.kind, veth.vlan_id, veth.peer, veth.links) == ("veth", None, "lan-b", ("lan", "lan-b"))


# One network

POOLED = f"{SERVED}[DHCPServer]\n"
LEASE = f"{SERVED}[DHCPServerStaticLease]\nMACAddress=02:00:00:00:00:01\nAddress="
ANNOUNCED = f"{LAN}IPv6SendRA=yes\n[IPv6Prefix]\nPrefix=fd00:77::/64\n"
TBF = f"{LAN}[TokenBucketFilter]\n"


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        (LAN, []),
        ("[Network]\nDescription=x\n", ["0 BB208"]),
        (f"{LAN}Address=10.77.0.1/24\nAddress=fd00::1/64\n", []),
        # an uplink has VLANs, and nothing else
        (f"{LAN}VLAN=office\nDescription=x\n", []),
        (f"{LAN}VLAN=office\nAddress=10.77.0.1/24\n[Link]\nMTUBytes=1500\n", ["5 BB209", "7 BB209"]),
        (f"{LAN}VLAN=office\nBridge=x\n", ["5 BB209"]),
        (f"{LAN}VLAN=office\nVLAN=office\n", ["5 BB304"]),
        # a port has no addresses
        (f"{LAN}Bridge=x\n[Bridge]\nIsolated=yes\n[Link]\nMTUBytes=1500\n", []),
        (f"{LAN}[Bridge]\nIsolated=yes\nLearning=no\n", ["5 BB209"]),
        (f"{LAN}Bridge=x\nAddress=10.77.0.1/24\nLinkLocalAddressing=no\n", ["5 BB209", "6 BB209"]),
        (f"{LAN}Bridge=x\n[Address]\nAddress=10.77.0.1/24\n", ["6 BB209"]),
        # sections that need a switch
        (f"{LAN}Address=10.77.0.1/24\n[DHCPServer]\nPoolSize=5\nPoolOffset=5\n", ["6 BB209"]),
        (f"{LAN}DHCPServer=no\n[DHCPServer]\nPoolSize=5\n", ["6 BB209"]),
        (f"{LAN}[IPv6Prefix]\nPrefix=fd00::/64\n", ["5 BB209"]),
        (f"{LAN}IPv6SendRA=yes\n", ["4 BB209"]),
        (ANNOUNCED, []),
        (f"{LAN}IPv6SendRA=yes\nLinkLocalAddressing=no\n[IPv6Prefix]\nPrefix=fd00::/64\n", ["5 BB209"]),
        # addresses
        (f"{LAN}Address=10.77.0.1/24\nAddress=10.77.0.2/24\n", []),
        (f"{LAN}Address=10.77.0.1/24\n[Address]\nAddress=10.77.0.1/24\n", ["6 BB304"]),
        (f"{LAN}Address=10.77.0.1/24\nAddress=10.77.9.2/16\n", ["4 BB304"]),
        (f"{LAN}IPv6SendRA=yes\nAddress=fd00:77::1/64\n[IPv6Prefix]\nPrefix=fd00:77::/64\n", []),
        (f"{ANNOUNCED}[IPv6Prefix]\nPrefix=fd00:77::/64\n", ["8 BB304"]),
        (f"{ANNOUNCED}AddressAutoconfiguration=no\n[IPv6Prefix]\nPrefix=fd00:77::/48\n"
         "AddressAutoconfiguration=no\n", ["6 BB304"]),
        # the DHCP server
        (f"{LAN}DHCPServer=yes\n", ["4 BB209"]),
        (f"{LAN}Address=fd00::1/64\nDHCPServer=yes\n", ["5 BB209"]),
        (SERVED, []),
        (f"{LAN}Address=10.1.0.1/24\nAddress=10.2.0.1/24\nDHCPServer=yes\n", ["6 BB209"]),
        (f"{LAN}Address=10.1.0.1/24\nAddress=10.1.0.2/24\nDHCPServer=yes\n", []),
        (f"{LAN}Address=10.1.0.1/24\nAddress=10.2.0.1/24\nDHCPServer=yes\n"
         "[DHCPServer]\nServerAddress=10.2.0.1/24\n", []),
        (f"{LAN}DHCPServer=yes\n[DHCPServer]\nServerAddress=10.2.0.1/24\n", []),
        (f"{POOLED}PoolOffset=254\n", []),
        (f"{POOLED}PoolOffset=255\n", ["7 BB209"]),
        (f"{POOLED}PoolSize=254\n", []),
        (f"{POOLED}PoolSize=255\n", ["7 BB209"]),
        (f"{POOLED}PoolOffset=200\nPoolSize=55\n", []),
        (f"{POOLED}PoolOffset=200\nPoolSize=56\n", ["8 BB209"]),
        (f"{POOLED}Router=10.77.0.254\n", []),
        (f"{POOLED}Router=10.78.0.254\n", ["7 BB209"]),
        (f"{POOLED}DefaultLeaseTimeSec=2h\nMaxLeaseTimeSec=1h\n", ["7 BB209"]),
        (f"{POOLED}EmitNTP=yes\nEmitDNS=yes\n", ["7 BB209", "8 BB209"]),
        (f"{POOLED}EmitDNS=no\nDNS=10.77.0.2\n", ["7 BB209"]),
        (f"{LAN}IPv6SendRA=yes\n[IPv6SendRA]\nEmitDNS=yes\nEmitDomains=yes\n[IPv6Prefix]\nPrefix=fd00:77::/64\n",
         ["6 BB209", "7 BB209"]),
        (f"{POOLED}EmitNTP=no\nNTP=10.77.0.2\n", ["7 BB209"]),
        (f"{POOLED}EmitTimezone=yes\nTimezone=UTC\n", []),
        # static leases
        (f"{LEASE}10.77.0.10\n", []),
        (f"{LEASE}10.78.0.10\n", ["8 BB209"]),
        (f"{LEASE}10.77.0.255\n", ["8 BB209"]),
        (f"{LEASE}10.77.0.1\n", ["8 BB304"]),
        (f"{LEASE}10.77.0.10\n[DHCPServerStaticLease]\nMACAddress=02:00:00:00:00:01\nAddress=10.77.0.11\n",
         ["10 BB304"]),
        (f"{LEASE}10.77.0.10\n[DHCPServerStaticLease]\nMACAddress=02:00:00:00:00:02\nAddress=10.77.0.10\n",
         ["11 BB304"]),
        # prefixes
        (f"{LAN}IPv6SendRA=yes\n[IPv6Prefix]\nPrefix=fd00:77::/48\n", ["6 BB209"]),
        (f"{LAN}IPv6SendRA=yes\n[IPv6Prefix]\nPrefix=fd00:77::/48\nAddressAutoconfiguration=no\n", []),
        (f"{ANNOUNCED}PreferredLifetimeSec=2h\n", ["7 BB209"]),
        (f"{ANNOUNCED}ValidLifetimeSec=1min\n", ["7 BB209"]),
        (f"{ANNOUNCED}PreferredLifetimeSec=2h\nValidLifetimeSec=3h\n", []),
        # queues
        (f"{TBF}Rate=10M\nBurstBytes=64K\nLatencySec=50ms\n", []),
        (f"{TBF}Rate=10M\nLatencySec=50ms\n", ["4 BB209"]),
        (f"{TBF}Rate=10M\nBurstBytes=64K\n", ["4 BB209"]),
        (f"{TBF}Rate=10M\nBurstBytes=64K\nLatencySec=50ms\nLimitBytes=1M\n", ["4 BB209"]),
        (f"{TBF}Rate=10M\nBurstBytes=64K\nLatencySec=50ms\nPeakRate=20M\n", ["8 BB209"]),
        (f"{TBF}Rate=10M\nBurstBytes=64K\nLatencySec=50ms\nPeakRate=20M\nMTUBytes=1500\n", []),
        (f"{TBF}Rate=10M\nBurstBytes=64K\nLatencySec=50ms\n[CAKE]\nBandwidth=1M\n", ["8 BB209"]),
        (f"{LAN}[CAKE]\nBandwidth=1M\n[CAKE]\nBandwidth=2M\n", ["6 BB209"]),
    ],
)
def test_a_network_is_checked_as_a_whole(text: str, findings: list[str]) -> None:
    found, seen = network(text)
    assert seen == findings
    assert (found is None) is bool(findings)


@pytest.mark.parametrize("case", DROPS.read_text(encoding="utf-8").split("## ")[1:], ids=lambda case: case.split()[0])
def test_what_systemd_would_drop_without_an_error_is_found(case: str) -> None:
    assert network(case.partition("\n")[2])[0] is None


def test_a_network_says_what_it_is() -> None:
    found, _ = network(
        "[Match]\nName=wan\n[Network]\nAddress=10.77.0.1/24\nIPv6SendRA=yes\n[Address]\nAddress=FD00:77::1/64\n"
        "[IPv6Prefix]\nPrefix=fd00:77::/64\n[IPv6Prefix]\nPrefix=fd00:78::/64\n[IPv6RoutePrefix]\nRoute=fd00:79::/64\n"
    )
    assert found is not None
    assert (found.name, found.link, found.link_place.line, found.bridge, found.vlans) == ("lan", "wan", 2, None, ())
    assert [(str(one.interface), one.place.line) for one in found.addresses] == [
        ("10.77.0.1/24", 4), ("fd00:77::1/64", 7)
    ]
    assert [(str(one.network), one.place.line) for one in found.subnets] == [
        ("10.77.0.0/24", 4), ("fd00:77::/64", 7), ("fd00:78::/64", 11)
    ]
    assert [str(one.network) for one in found.routes] == ["fd00:79::/64"]
    assert found.uplinks == ()


def test_an_uplink_says_which_one_it_is() -> None:
    found, _ = network("[Match]\nName=enp1s0\n[Network]\nVLAN=office\nVLAN=lab\n")
    assert found is not None
    assert [(name, place.line) for name, place in found.uplinks] == [("enp1s0", 2)]
    assert [(name, place.line) for name, place in found.vlans] == [("office", 4), ("lab", 5)]


# Across files

WHOLE = {
    "lan.netdev": BRIDGE,
    "lan.network": f"{LAN}Address=10.77.0.1/25\n",
    "dmz.netdev": "[NetDev]\nName=dmz\nKind=bridge\n",
    "dmz.network": "[Match]\nName=dmz\n[Network]\nAddress=10.77.0.129/25\n",
    "office.netdev": "[NetDev]\nName=office\nKind=vlan\n[VLAN]\nId=7\n",
    "office.network": "[Match]\nName=office\n[Network]\nBridge=lan\n",
    "uplink.network": "[Match]\nName=enp1s0\n[Network]\nVLAN=office\n",
    "way.netdev": "[NetDev]\nName=way\nKind=veth\n[Peer]\nName=way-b\n",
    "way.network": "[Match]\nName=way\n[Network]\nBridge=lan\n",
    "way-b.network": "[Match]\nName=way-b\n[Network]\nBridge=dmz\n",
}
LAB = {"lab.netdev": "[NetDev]\nName=lab\nKind=vlan\n[VLAN]\nId=8\n"}


@pytest.mark.parametrize(
    ("changes", "findings"),
    [
        ({}, []),
        ({"lan.network": LAN.replace("lan", "lam")}, ["lan.network:2 BB301"]),
        ({"uplink.network": "[Match]\nName=enp1s0\n"}, ["office.netdev:3 BB301", "uplink.network:2 BB301"]),
        ({"office.network": LAN}, ["office.netdev:3 BB301", "office.network:2 BB304"]),
        ({"way-b.network": LAN.replace("lan", "way-b")}, ["way.netdev:3 BB301"]),
        ({"way-b.network": "[Match]\nName=way-b\n[Network]\nBridge=lan\n"}, ["way.netdev:3 BB304"]),
        ({"way-b.network": "[Match]\nName=way-b\n[Network]\nBridge=office\n"}, ["way-b.network:4 BB209"]),
        ({"way-b.network": "[Match]\nName=way-b\n[Network]\nBridge=dmzz\n"}, ["way-b.network:4 BB301"]),
        ({"dmz.network": "[Match]\nName=dmz\n[Network]\nBridge=lan\n"}, ["dmz.network:4 BB209"]),
        ({"dmz.network": "[Match]\nName=dmz\n[Network]\nVLAN=office\n"},
         ["dmz.network:4 BB209", "uplink.network:4 BB304"]),
        ({"uplink.network": "[Match]\nName=enp1s0\n[Network]\nVLAN=office\nVLAN=lan\n"}, ["uplink.network:5 BB209"]),
        ({"other.network": "[Match]\nName=enp2s0\n[Network]\nVLAN=office\n"}, ["uplink.network:4 BB304"]),
        ({"way.netdev": "[NetDev]\nName=way\nKind=veth\n[Peer]\nName=dmz\n"},
         ["way-b.network:2 BB301", "way.netdev:3 BB301", "way.netdev:5 BB304"]),
        ({**LAB, "lab.network": "[Match]\nName=lab\n[Network]\nBridge=dmz\n",
          "uplink.network": "[Match]\nName=enp1s0\n[Network]\nVLAN=office\nVLAN=lab\n"}, ["way.netdev:3 BB304"]),
        ({**LAB, "lab.network": "[Match]\nName=lab\n[Network]\nBridge=lan\n",
          "uplink.network": "[Match]\nName=enp1s0\n[Network]\nVLAN=office\nVLAN=lab\n"}, ["office.netdev:3 BB304"]),
        ({"two.netdev": "[NetDev]\nName=two\nKind=veth\n[Peer]\nName=two-b\n",
          "two.network": "[Match]\nName=two\n[Network]\nBridge=lan\n",
          "two-b.network": "[Match]\nName=two-b\n[Network]\nBridge=dmz\n"}, ["way.netdev:3 BB304"]),
        ({"dmz.network": "[Match]\nName=dmz\n[Network]\nAddress=10.77.0.100/25\n"}, ["lan.network:4 BB304"]),
        ({"dmz.network": "[Match]\nName=dmz\n[Network]\nAddress=10.9.0.1/8\n"}, ["lan.network:4 BB304"]),
        # nothing is said to be missing that may be in a file with errors
        ({"office.network": "[Match]\nName=office\n[Network]\nBridg=lan\n"}, ["office.network:4 BB202"]),
        ({"way.netdev": "[NetDev]\nName=way\nKind=weth\n[Peer]\nName=way-b\n"}, ["way.netdev:3 BB205"]),
    ],
)
def test_the_files_fit_together(changes: dict[str, str], findings: list[str]) -> None:
    assert tenant({**WHOLE, **changes})[1] == findings


def test_two_vlans_of_one_number_are_not_on_one_uplink() -> None:
    files = {
        **WHOLE, "lab.netdev": "[NetDev]\nName=lab\nKind=vlan\n[VLAN]\nId=7\n", "x.netdev": BRIDGE.replace("lan", "x"),
        "lab.network": "[Match]\nName=lab\n[Network]\nBridge=x\n",
        "uplink.network": "[Match]\nName=enp1s0\n[Network]\nVLAN=office\nVLAN=lab\n",
    }  # fmt: skip
    assert tenant(files)[1] == ["uplink.network:5 BB304"]


@pytest.mark.parametrize(
    ("bridge", "findings"),
    [
        ("lan", []),
        ("office", ["machines/web.vmspawn:4 BB209"]),
        ("way", ["machines/web.vmspawn:4 BB209"]),
        ("uplink", ["machines/web.vmspawn:4 BB209"]),
        ("lam", ["machines/web.vmspawn:4 BB301"]),
    ],
)
def test_a_workload_is_connected_to_a_bridge(bridge: str, findings: list[str]) -> None:
    text = f"[VM]\nRAM=1G\n[Network]\nBridge={bridge}\n[X-Bitbuilder]\nImage=debian-13\n"
    assert tenant({**WHOLE, "machines/web.vmspawn": text})[1] == findings


def test_a_file_about_a_bridge_is_no_bridge() -> None:
    files = {
        "network/lan.netdev": "[NetDev]\nName=lan\nKind=bridge\n",
        "network/house.network": "[Match]\nName=lan\n[Network]\nAddress=10.77.0.1/24\n",
        "machines/web.vmspawn": "[VM]\nRAM=1G\n[Network]\nBridge=house\n[X-Bitbuilder]\nImage=debian-13\n",
    }
    assert tenant(files)[1] == ["machines/web.vmspawn:4 BB209"]


def test_a_long_chain_of_bridges_is_no_ring() -> None:
    files = {f"b{n}.netdev": f"[NetDev]\nName=b{n}\nKind=bridge\n" for n in range(200)}
    for n in range(199):
        files[f"w{n}.netdev"] = f"[NetDev]\nName=w{n}\nKind=veth\n[Peer]\nName=x{n}\n"
        files[f"w{n}.network"] = f"[Match]\nName=w{n}\n[Network]\nBridge=b{n}\n"
        files[f"x{n}.network"] = f"[Match]\nName=x{n}\n[Network]\nBridge=b{n + 1}\n"
    assert tenant(files)[1] == []
    files["x198.network"] = "[Match]\nName=x198\n[Network]\nBridge=b0\n"
    assert tenant(files)[1] == ["w99.netdev:3 BB304"]


# Grants

GRANTED = Grants(subnets=("10.77.0.0/24", "fd00:77::/48"), vlans=(7,), uplinks=("enp1s0",))


@pytest.mark.parametrize(
    ("given", "findings"),
    [
        (GRANTED, []),
        (Grants(), ["dmz.network:4", "lan.network:4", "office.netdev:5", "uplink.network:2"]),
        (replace(GRANTED, subnets=("10.77.0.0/25",)), ["dmz.network:4"]),
        (replace(GRANTED, subnets=("10.77.0.0/25", "10.77.0.128/25", "999.1.1.1/40")), []),
        (replace(GRANTED, subnets=("::/0",)), ["dmz.network:4", "lan.network:4"]),
        (replace(GRANTED, vlans=(70,)), ["office.netdev:5"]),
        (replace(GRANTED, uplinks=("enp1s",)), ["uplink.network:2"]),
    ],
)
def test_a_network_is_within_its_grants(given: Grants, findings: list[str]) -> None:
    found = tuple(granted.findings(made(WHOLE), given))
    assert {one.code for one in found} <= {"BB405"}
    assert [line.removeprefix("network/").removesuffix(" BB405") for line in told(found)] == findings


def test_the_check_of_grants_includes_networks() -> None:
    found = grants.check(made(WHOLE), registration(Grants()), allow_file=True, offered=())
    assert sum(one.code == "BB405" for one in found) == 4


def test_prefixes_and_routes_that_are_announced_need_a_grant_too() -> None:
    files = {"lan.netdev": BRIDGE, "lan.network": f"{ANNOUNCED}[IPv6RoutePrefix]\nRoute=fd00:78::/64\n"}
    assert told(tuple(granted.findings(made(files), GRANTED))) == ["network/lan.network:8 BB405"]


def test_what_is_not_granted_is_said_with_what_is() -> None:
    finding = next(iter(granted.findings(made(WHOLE), replace(GRANTED, uplinks=("enp2s0",)))))
    assert str(finding) == (
        "network/uplink.network:2:6: error[BB405]: The uplink enp1s0 is not granted. hint: Granted: enp2s0."
    )
    finding = next(iter(granted.findings(made(WHOLE), Grants())))
    assert finding.hint == "No subnets are granted: ask the operator for some."


def test_the_tables_refuse_far_more_than_they_allow() -> None:
    """A key that systemd adds must be weighed before it is allowed; this is what there is now."""
    for table, allowed in ((netdev.TABLE, 13), (keys.TABLE, 94)):
        assert sum(row.verdict is Verdict.ALLOWED for row in table) == allowed
