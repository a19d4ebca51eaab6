"""The networks of a tenant as they are compiled: addresses, files of systemd-networkd, rules, and what is wrong."""

import json

import pytest

from bbhv.formats import nft
from bbhv.formats.unitfile import parse, values
from bbhv.model import neighbours
from bbhv.model.compile import Generation, compile_tenant
from bbhv.model.networks import wires
from bbhv.model.networks.filter import interface_id
from bbhv.model.networks.revoked import revoked, told
from bbhv.model.plan import Action, plan
from bbhv.model.registration import Grants
from bbhv.model.tenant import read_tenant
from bbhv.records import replace

from .model import COMMIT, FACTS, GRANTS, METADATA_SCHEMA, registration

LAN = "[NetDev]\nName=lan\nKind=bridge\n"
SAID = "[Match]\nName=lan\n[Network]\nAddress=10.77.0.1/24\nDHCPServer=yes\n"
WEB = "[Exec]\nParameters=/bin/true\n[Network]\nBridge=lan\n[X-Bitbuilder]\nImage=debian-13\n"
FILES = {"metadata.json": json.dumps({"apiVersion": "bitbuilder.io/v1", "tenant": "acme"}),
         "network/lan.netdev": LAN, "network/lan.network": SAID, "containers/web.nspawn": WEB}  # fmt: skip
BASES = {f"{name}.acme": 1_000_000_000 + 65536 * at for at, name in enumerate(("web", "db", "cache"))}
LEASE, FROM = "DHCPServerStaticLease", "10-bitbuilder-lan.acme.network"


def made(files: dict[str, str], grants: Grants = GRANTS) -> Generation:
    named = {path: text.encode() for path, text in {**FILES, **files}.items()}
    tenant, findings = read_tenant(named, "acme", METADATA_SCHEMA)
    assert tenant is not None, findings
    return compile_tenant(tenant, registration(grants), replace(FACTS, uid_bases=BASES, host_name="one"), COMMIT, "1")


def found(files: dict[str, str]) -> list[str]:
    named = {path: text.encode() for path, text in {**FILES, **files}.items()}
    return [f"{one.place.file}:{one.place.line} {one.code}" for one in read_tenant(named, "acme", METADATA_SCHEMA)[1]]


def setting(one: Generation, file: str, section: str, key: str) -> list[str]:
    unit, findings = parse(file, one.networks[file].encode())
    assert findings == ()
    return [entry.value for entry in values(unit, section, key)]


def test_the_host_writes_what_a_file_is_about_and_the_tenant_what_is_in_it() -> None:
    one = made({})
    assert setting(one, FROM, "Match", "Name") == ["lan.acme"]
    assert setting(one, FROM, "Network", "Address") == ["10.77.0.1/24"]
    assert setting(one, "10-bitbuilder-lan.acme.netdev", "NetDev", "Name") == ["lan.acme"]
    assert setting(one, FROM, "Network", "IPv4Forwarding") == ["no"]
    assert setting(one, FROM, "Link", "Group") == ["25186"]
    emitted = {key: setting(one, FROM, "DHCPServer", f"Emit{key}") for key in ("DNS", "NTP", "Timezone")}
    assert set(map(tuple, emitted.values())) == {("no",)}


def test_an_address_is_the_declared_one_or_always_the_same_of_the_pool() -> None:
    both = made({"containers/db.nspawn": WEB + "Address=10.77.0.20\n"})
    leases = setting(both, FROM, LEASE, "Address")
    assert leases[0] == "10.77.0.20" and len(set(leases)) == 2
    assert setting(made({}), FROM, LEASE, "Address") == [leases[1]]
    hosts = both.networks["hosts"].splitlines()
    assert hosts[2:] == ["10.77.0.20 db db.lan", f"{leases[1]} web web.lan"]


def test_another_host_has_other_hardware_addresses_and_the_same_one_the_same() -> None:
    tenant, _ = read_tenant({path: text.encode() for path, text in FILES.items()}, "acme", METADATA_SCHEMA)
    assert tenant is not None
    hosts = [replace(FACTS, uid_bases=BASES, host_name=name) for name in ("one", "two", "one")]
    each = [compile_tenant(tenant, registration(GRANTS), host, COMMIT, "1") for host in hosts]
    macs = [setting(one, FROM, LEASE, "MACAddress")[0] for one in each]
    assert macs[0] == macs[2] != macs[1] and all(int(mac[:2], 16) & 3 == 2 for mac in macs)


@pytest.mark.parametrize(
    ("files", "findings"),
    [
        ({"containers/web.nspawn": WEB + "Address=10.78.0.10\n"}, ["containers/web.nspawn:7 BB209"]),
        ({"containers/web.nspawn": WEB + "Address=10.77.0.1\n"}, ["containers/web.nspawn:7 BB304"]),
        ({"containers/web.nspawn": WEB + "Address=10.77.0.255\n"}, ["containers/web.nspawn:7 BB209"]),
        ({"containers/web.nspawn": WEB + "Address=10.77.0.9\n", "containers/db.nspawn": WEB + "Address=10.77.0.9\n"},
         ["containers/web.nspawn:7 BB304"]),
        ({"containers/web.nspawn": WEB.replace("[Network]\nBridge=lan\n", "") + "Address=10.77.0.9\n"},
         ["containers/web.nspawn:5 BB209"]),
        ({"containers/web.nspawn": WEB + "Network=lan\n"}, ["containers/web.nspawn:7 BB304"]),
        ({"network/lan.network": SAID.replace("/24", "/30")}, []),
        ({"network/lan.network": SAID.replace("/24", "/30"), "containers/db.nspawn": WEB},
         ["containers/web.nspawn:4 BB209"]),
        ({"containers/web.nspawn": WEB.replace("=lan\n", "=lan\nPort=80\nPort=tcp:80:8080\n")},
         ["containers/web.nspawn:6 BB304"]),
        ({"machines/vm.vmspawn": "[VM]\n[Network]\nBridge=lan\n[X-Bitbuilder]\nImage=debian-13\nHealth=tcp:80\n",
          "network/lan.network": "[Match]\nName=lan\n"}, ["machines/vm.vmspawn:6 BB209"]),
    ],
)  # fmt: skip
def test_addresses_that_cannot_be_are_found(files: dict[str, str], findings: list[str]) -> None:
    assert found(files) == findings


def test_a_workload_is_held_to_its_addresses() -> None:
    one = made({"containers/web.nspawn": WEB + "Address=10.77.0.10\n"})
    fragment = nft.from_json(one.networks["filter.json"])
    (port,) = (chain for family, chain in fragment.chains if family == "bridge")
    rules = fragment.chains["bridge", port]
    mac = setting(one, FROM, LEASE, "MACAddress")[0]
    assert rules[0] == f"ether saddr != {mac} drop" and rules[-1] == "drop"
    assert "ip saddr { 10.77.0.10 } accept" in rules
    assert fragment.elements["bridge", "from"] == {f'"{port}"': f"jump {port}"}


def test_without_a_grant_nothing_leaves_and_with_one_only_what_is_public() -> None:
    inside = nft.from_json(made({}).networks["filter.json"])
    assert inside.chains["inet", "translate-acme"] == () and ("inet", "tcp_to_ip") not in inside.elements
    open_ = made({}, replace(GRANTS, internet=True, uplinks=("eth0",)))
    rules = nft.from_json(open_.networks["filter.json"]).chains["inet", "from-acme"]
    assert any('oifname { "eth0" }' in rule and "ip daddr != " in rule and "10.0.0.0/8" in rule for rule in rules)
    assert setting(open_, FROM, "Network", "IPv4Forwarding") == ["yes"]


def test_a_port_leads_back_only_into_the_network_that_it_is_of_and_ends_with_its_connections() -> None:
    ported = {"network/back.netdev": LAN.replace("lan", "back"),
              "containers/web.nspawn": WEB.replace("=lan\n", "=lan\nPort=8080:80\n") + "Address=10.77.0.10\n"}
    chains = nft.from_json(made(ported, replace(GRANTS, ports=("tcp:8080",))).networks["filter.json"]).chains
    (asked,) = chains["inet", "ports-acme"]
    assert asked.startswith('iifname "lan.acme" ') and asked.endswith(" tcp dport 8080 dnat ip to 10.77.0.10:80")
    assert chains["inet", "translate-acme"] == ('iifname "lan.acme" oifname "lan.acme" ct status dnat masquerade',)
    for chain, link in (("to-acme", 'oifname "lan.acme"'), ("from-acme", 'iifname "lan.acme"')):
        (rule,) = chains["inet", chain]
        assert rule.startswith(link) and "ct original protocol tcp ct original proto-dst 8080 ct reply ip saddr" in rule
    without = nft.from_json(made({}).networks["filter.json"]).chains
    assert {without["inet", f"{chain}-acme"] for chain in ("ports", "translate", "to", "from")} == {()}


def test_what_is_not_granted_any_more_is_shut_and_nothing_else() -> None:
    one = wires.Wires(links={}, ports={}, bridges=("lan.acme",), forwarded=("tcp:8080", "udp:53"))
    all_of = replace(GRANTS, ports=("tcp:8080-8090", "udp:53"), internet=True, uplinks=("eth0", "eth1"))
    assert revoked(one, ("eth0", "eth1"), all_of) == nft.Fragment()
    less = revoked(one, ("eth0", "eth1"), replace(all_of, ports=("udp:53",), uplinks=("eth1",)))
    assert less.elements == {
        ("inet", "shut_ports"): {"tcp . 8080": "drop"},
        ("inet", "shut_ways"): {'"lan.acme" . "eth0"': "drop", '"eth0" . "lan.acme"': "drop"},
    }
    assert told(less) == "tcp:8080, internet" and nft.from_json(nft.to_json(less)) == less
    assert len(revoked(one, ("eth0", "eth1"), replace(all_of, internet=False)).elements["inet", "shut_ways"]) == 4
    assert revoked(one, (), replace(all_of, internet=False)) == nft.Fragment()


def test_the_wires_are_read_back_and_nothing_else_is() -> None:
    text = made({}).networks["wires.json"]
    assert wires.to_json(wires.from_json(text)) == text
    for bad in ("", "[]", "{}", text.replace("lan.acme", "lan/../acme"), text.replace("[", "{")):
        with pytest.raises(ValueError):
            wires.from_json(bad)


def test_what_the_networks_of_another_tenant_have_is_taken() -> None:
    mine = [*neighbours.held("acme", wires.from_json(made({}).networks["wires.json"]))]
    other = wires.Wires(links={}, ports={}, subnets=("10.77.0.0/16",))

    def taken(one: wires.Wires) -> list[str]:
        found = neighbours.against(mine, neighbours.held("b", one))
        return [str(finding.message).partition(" is taken")[0] for finding in found]

    assert taken(other) == ["10.77.0.0/24"]
    assert taken(replace(other, subnets=("fd00::/8", "10.78.0.0/16"))) == []
    assert taken(replace(other, subnets=(), links={"lan.acme": "x"})) == ["The interface lan.acme"]
    assert neighbours.against(mine, mine) == ()


def test_a_change_of_networks_is_a_reload_and_the_rest_goes_on() -> None:
    before = made({}).manifest
    more = plan(before, made({"network/lan.network": SAID.replace("0.1/24", "0.2/24")}).manifest)
    (step,) = [one for one in more.steps if one.kind == "network"]
    assert step.action is Action.RELOAD and "10.77.0.2/24" in " ".join(step.reasons)
    assert [one.action for one in more.steps if one.kind == "container"] == [Action.NONE]
    gone = plan(before, replace(before, network_settings={}))
    assert [one.action for one in gone.steps if one.kind == "network"] == [Action.STOP]
    assert [one.action for one in plan(None, before).steps if one.kind == "network"] == [Action.START]


def test_an_interface_id_is_made_of_a_hardware_address() -> None:
    assert f"{interface_id('02:00:5e:10:00:01'):016x}" == "00005efffe100001"
