"""What two tenants of one host cannot both have: names, ports, addresses, VLANs."""

from ipaddress import ip_address, ip_network

import pytest

from bbhv import names
from bbhv.findings import Finding, Place
from bbhv.kinds.settings import Value, Values
from bbhv.kinds.workloads import container, workload
from bbhv.kinds.workloads.ports import port
from bbhv.model import neighbours
from bbhv.model.neighbours import Claim, against, collisions, findings, granted, may_meet
from bbhv.model.registration import Grants
from bbhv.model.tenant import Tenant
from bbhv.records import replace
from tests.unit import model

EVERYWHERE: dict[str, tuple[str, ...]] = {}


def claim(tenant: str, first: int, last: int = 0, space: str = "tcp port", line: int = 1) -> Claim:
    last = last or first
    shown = f"tcp:{first}" if first == last else f"tcp:{first}-{last}"
    return Claim(tenant=tenant, space=space, first=first, last=last, shown=shown, place=Place(f"{tenant}.json", line))


def pairs(*claims: Claim, hosts: dict[str, tuple[str, ...]] | None = None) -> list[tuple[str, str]]:
    found, complete = collisions(claims, hosts or EVERYWHERE)
    assert complete
    return sorted((one.claim.shown, one.other.shown) for one in found)


def test_ranges_of_one_space_that_overlap_collide_each_pair_once() -> None:
    a, b = claim("a", 1, 10), claim("b", 10, 12)
    assert pairs(a, b) == pairs(b, a) == [("tcp:10-12", "tcp:1-10")]
    assert pairs(a, claim("b", 11)) == [] and pairs(a, claim("b", 3, space="udp port")) == []
    assert pairs(a, claim("a", 5)) == []


def test_all_that_overlap_are_found_also_behind_one_that_covers_them() -> None:
    found = pairs(claim("a", 1, 100), claim("a", 20, 30), claim("b", 25), claim("c", 25), claim("c", 99, 120))
    assert found == sorted([("tcp:25", "tcp:1-100"), ("tcp:25", "tcp:20-30"), ("tcp:25", "tcp:1-100"),
                            ("tcp:25", "tcp:20-30"), ("tcp:25", "tcp:25"), ("tcp:99-120", "tcp:1-100")])


def test_tenants_that_never_meet_on_a_host_share_nothing() -> None:
    hosts = {"a": ("alpha", "gamma-*"), "b": ("beta",), "c": ("g*",)}
    found = pairs(claim("a", 1), claim("b", 1), claim("c", 1), hosts=hosts)
    assert len(found) == 1
    assert pairs(claim("a", 1), claim("b", 1), hosts={"a": ("alpha",)}) == [("tcp:1", "tcp:1")]


@pytest.mark.parametrize(("one", "two", "expected"), [
    ("*", "*", True), ("a", "a", True), ("a", "b", False), ("a*", "abc", True), ("a*", "b", False), ("a*", "b*", False),
    ("a*", "ab*", True), ("*.eu", "*.us", False), ("*.eu", "x*", True), ("a?", "ab", True), ("a?", "abc", False),
    ("[ab]1", "a1", True), ("[ab]1", "c1", False), ("[ab]1", "?2", False), ("[!a]", "[a]", True), ("*[a", "*", True),
])  # fmt: skip
def test_patterns_of_hosts_that_a_host_may_fit_both(one: str, two: str, expected: bool) -> None:
    assert may_meet(one, two) is may_meet(two, one) is expected


def test_the_operator_sees_both_tenants_and_both_places() -> None:
    shown = findings([claim("a", 1, 10), claim("b", 10, line=7)], EVERYWHERE, "error")
    assert [str(one) for one in shown] == [
        "b.json:7: error[BB305]: tcp:10 of tenant b overlaps tcp:1-10 of tenant a (a.json:1). "
        "hint: Change one of them, or let them run on different hosts."
    ]
    same = findings([claim("a", 1), claim("b", 1)], EVERYWHERE, "warning")
    assert same[0].severity == "warning"
    assert same[0].message == "tcp:1 of tenant b is also that of tenant a (a.json:1)."


def test_a_tenant_never_learns_who_else_is_on_the_host() -> None:
    secret = claim("rival", 8000, 8999, line=42)
    found = (*against([claim("acme", 8080)], [secret]), *against([claim("zebra", 8080)], [secret]))
    assert [one.place for one in found] == [Place("acme.json", 1), Place("zebra.json", 1)]
    for one in (*found, *findings([claim("zebra", 8080), secret], EVERYWHERE, "error", reveal=False)):
        assert one.code == "BB305" and one.severity == "error"
        assert not any(word in str(one.as_json()) for word in ("rival", "8000", "8999", "42"))


def test_others_among_themselves_are_not_this_tenants_business() -> None:
    assert against([claim("acme", 1)], [claim("b", 5), claim("c", 5), claim("acme", 1)]) == ()
    assert len(against([claim("acme", 5)], [claim("b", 5), claim("c", 5)])) == 1


def test_too_much_to_compare_is_said_and_bounded() -> None:
    many = [claim(f"t{number}", 1, 60_000) for number in range(3000)]
    shown = findings(many, EVERYWHERE, "warning")
    assert len(shown) == neighbours.MAX_COLLISIONS + 1 and shown[-1].code == "BB115"
    apart = {one.tenant: (one.tenant,) for one in many}
    assert [one.code for one in findings(many, apart, "warning")] == ["BB115"]
    endless = (claim("a", 1, number + 2) for number in range(10**9))
    assert [one.code for one in findings(endless, EVERYWHERE, "warning")] == ["BB115"]


# What is granted


def test_what_registrations_grant_twice_is_found_at_its_line() -> None:
    grants = Grants(
        ports=("tcp:8080-8090", "udp:53"), subnets=("10.0.0.0/8", "fd00::/64"), vlans=(7, 8), uplinks=("eth0",)
    )
    one = replace(model.registration(grants), tenant="a", source=Place("tenants/a.json"))
    other = Grants(
        ports=("tcp:8090", "udp:54"), subnets=("10.77.0.0/24", "fd01::/64"), vlans=(8,), uplinks=("eth0", "eth1")
    )
    two = replace(model.registration(other), tenant="b", source=Place("tenants/b.json"))
    found, complete = collisions([*granted(one), *granted(two)], EVERYWHERE)
    assert complete and sorted((item.claim.shown, item.other.shown) for item in found) == [
        ("10.77.0.0/24", "10.0.0.0/8"), ("VLAN 8 on eth0", "VLAN 8 on eth0"), ("tcp:8090", "tcp:8080-8090")
    ]


# What is declared


def declared(tenant: str, **files: str) -> Tenant:
    data = {"metadata.json": f'{{"apiVersion": "bitbuilder.io/v1", "tenant": "{tenant}"}}'.encode()}
    data |= {f"network/{name.replace('__', '.')}": text.encode() for name, text in files.items()}
    found, trouble = model.read(data, tenant)
    assert found is not None, trouble
    return found


BRIDGE = "[NetDev]\nName=lan\nKind=bridge\n"
SUBNET = "[Match]\nName=lan\n[Network]\nAddress=10.77.{}.1/24\n"


def seen(*tenants: Tenant) -> list[Finding]:
    return list(findings([one for tenant in tenants for one in neighbours.claims(tenant)], EVERYWHERE, "error"))


def test_subnets_of_two_tenants_may_not_overlap() -> None:
    acme = declared("acme", lan__netdev=BRIDGE, lan__network=SUBNET.format(0))
    shop = declared("shop", lan__netdev=BRIDGE, lan__network=SUBNET.format(1))
    assert seen(acme, shop) == []
    twin = declared("twin", lan__netdev=BRIDGE, lan__network=SUBNET.format(0))
    found = seen(acme, shop, twin)
    assert [(one.place.file, one.place.line, one.code) for one in found] == [("network/lan.network", 4, "BB305")]
    assert found[0].message.startswith("10.77.0.0/24 of tenant twin is also that of tenant acme (network/lan.network:4")


def test_one_vlan_on_one_uplink_is_for_one_tenant() -> None:
    def tenant(name: str, number: int, uplink: str) -> Tenant:
        return declared(
            name, v__netdev=f"[NetDev]\nName=v\nKind=vlan\n[VLAN]\nId={number}\n",
            up__network=f"[Match]\nName={uplink}\n[Network]\nVLAN=v\n",
            v__network="[Match]\nName=v\n[Network]\nBridge=lan\n", lan__netdev=BRIDGE,
            lan__network="[Match]\nName=lan\n[Link]\nMTUBytes=1400\n",
        )

    acme = tenant("acme", 7, "eth0")
    assert seen(acme, tenant("shop", 8, "eth0"), tenant("some", 7, "eth1")) == []
    assert [one.message.partition(" of")[0] for one in seen(acme, tenant("shop", 7, "eth0"))] == ["VLAN 7 on eth0"]


def test_addresses_and_ports_of_workloads_are_taken_too() -> None:
    acme = declared("acme", lan__netdev=BRIDGE, lan__network=SUBNET.format(0))
    place = Place("containers/web.nspawn", 6, 6)
    given = {
        ("X-Bitbuilder", "Address"): (Value(ip_address("10.77.0.9"), place),),
        ("Network", "Port"): (Value(port("8080:80"), place), Value(port("udp:53"), place)),
    }
    web = container.Container(name="web", file=place.file, values=Values(place.file, container.TABLE, given))
    shop = replace(declared("shop"), containers={"web": web})
    assert web.values.all(workload.ADDRESS) == (ip_address("10.77.0.9"),)
    assert [one.message for one in seen(acme, shop)] == [
        "10.77.0.9 of tenant shop overlaps 10.77.0.0/24 of tenant acme (network/lan.network:4:9)."
    ]
    taken = [(one.space, one.first, one.shown) for one in neighbours.claims(shop) if "port" in one.space]
    assert taken == [("tcp port", 8080, "tcp:8080"), ("udp port", 53, "udp:53")]


def test_names_of_interfaces_are_short_and_differ_between_tenants() -> None:
    assert names.interface_name("lan", "acme") == "lan.acme"
    long = {names.interface_name(f"network-{n}", "a-long-tenant-name") for n in range(2000)}
    assert len(long) == 2000 and all(len(name) <= 15 and name.startswith("ne.") for name in long)
    assert names.interface_name("a-b", "c") != names.interface_name("a", "b-c")


def test_interfaces_that_map_to_one_name_collide() -> None:
    # Nobody can wait for a digest of 71 bits that meets another; what meets it here is made up.
    acme = declared("acme-with-a-long-name", **{"longname__netdev": "[NetDev]\nName=longname\nKind=bridge\n"})
    mapped = names.interface_name("longname", "acme-with-a-long-name")
    other = Claim(tenant="shop", space=f"interface {mapped}", first=0, last=0, shown=f"The interface {mapped}",
                  place=Place("network/x.netdev"))  # fmt: skip
    found = findings([*neighbours.claims(acme), other], EVERYWHERE, "error")
    assert [one.message for one in found] == [
        f"The interface {mapped} of tenant shop is also that of tenant acme-with-a-long-name (network/longname.netdev)."
    ]


def test_a_subnet_that_cannot_be_read_is_no_claim() -> None:
    grants = Grants(ports=("tcp:x",), subnets=("10.0.0.0/99",))
    assert list(granted(model.registration(grants))) == [] and ip_network("10.0.0.0/8")
