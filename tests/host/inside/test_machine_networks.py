"""A virtual machine in a network of its tenant: its address, its neighbours and their names, and nobody else."""

import hashlib
import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .conftest import Make
from .frames import router
from .nets import ALL_WAYS, asks, bridge, grants, links, member, pings, reached, serving, settle, ways, within
from .support import run, wait_until
from .test_machines import heard, metadata
from .vms import (
    CAN_RUN,
    GRANTS,
    ORDERS,
    TAKES_ORDERS,
    expect_orders,
    images,
    machine,
    order,
    qemu,
    unit,
)
from .world import Tenant

FORWARDING = "/proc/sys/net/ipv{}/conf/{}/forwarding"
# In a guest, which has what busybox has: in which ways each address answers, as `nets.ways` has them.
REACH = """
reach() {
    ping -c 2 -W 2 "$1" >/dev/null 2>&1 && echo "$1 ping"
    [ -z "$(timeout 6 nc -w 3 "$1" 80 </dev/null 2>/dev/null)" ] || echo "$1 tcp"
}
for target in TARGETS; do reach "$target" & done
wait
# One after the other: what is said to one of them, the others take for theirs.
for target in TARGETS; do
    traceroute -n -q 2 -m 2 -w 1 "$target" 2>/dev/null | grep '^ *[0-9]' | grep -q -F "  $target " &&
        echo "$target udp"
done
"""
# Who said what in a network, until a ping comes that has nothing in it but one byte.
HEAR = """
import json, socket, sys
found = set()
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as one:
    one.settimeout(120)
    one.bind((sys.argv[1], 0))
    print("ready", flush=True)
    while True:
        frame, where = one.recvfrom(2000)
        if where[2] == 4:
            continue
        kind, who = frame[12:14].hex(), frame[6:12].hex(":")
        if kind == "0800":
            found.add(f"{who} {socket.inet_ntoa(frame[26:30])}")
        elif kind == "0806":
            found.add(f"{who} ARP {frame[22:28].hex(':')} {socket.inet_ntoa(frame[28:32])}")
        elif kind == "86dd":
            found.add(f"{who} {socket.inet_ntop(socket.AF_INET6, frame[22:38])}")
            if frame[20] == 58 and frame[54] == 136:
                found.add(f"{who} NDP {socket.inet_ntop(socket.AF_INET6, frame[62:78])}")
        else:
            found.add(f"{who} {kind}")
        if bytes([0xee]) * 40 in frame:
            break
print(json.dumps(sorted(found)))
"""
# What a guest says of itself, and falsely: `four` and `six` are an address, and everything that goes with it.
TRICKS = """
conf=/proc/sys/net/ipv6/conf/eth0
echo 0 >$conf/accept_dad; echo 1 >$conf/ndisc_notify; echo 1 >$conf/keep_addr_on_down
four() {
    ip -4 address flush dev eth0; ip address add "$1/24" dev eth0
    ping -c 2 -W 1 -I eth0 255.255.255.255
    arping -c 2 -w 2 -U -I eth0 -s "$1" "$1"; arping -c 2 -w 2 -A -I eth0 -s "$1" "$1"
}
six() {
    ip -6 address flush dev eth0; ip address add "$1/64" dev eth0
    ping6 -c 2 -W 1 -I eth0 ff02::1
    ip link set eth0 down; ip link set eth0 up
    sleep 1
}
hardware() { ip link set eth0 down; ip link set eth0 address "$1"; ip link set eth0 up; }
own=$(cat /sys/class/net/eth0/address)
for address in FALSE4; do four "$address"; done
for address in FALSE6; do six "$address"; done
hardware 02:00:00:00:be:ef; four OWN4; six OWN6
hardware "$own"; four OWN4; six OWN6
ping -c 5 -W 1 -s 100 -p ee -I eth0 255.255.255.255
"""


def connects(make: Make) -> None:
    """A machine that is asked over its network whether it is healthy, beside a container."""
    acme = make("vms", grants={**GRANTS, **grants(77)})
    text = machine("Address=10.77.0.20", health="tcp:80", vm=("[Network]", "Bridge=lan"))
    acme.repo.commit({
        **metadata("vms"), **images(), **bridge("lan", "10.77.0.1/24"), "machines/db.vmspawn": text,
        "containers/web.nspawn": member("lan", "Address=10.77.0.10"),
    })  # fmt: skip
    assert acme.sync() == "applied", acme.said
    assert heard(acme, "address 10.77.0.20")
    settle(acme, "web", "10.77.0.10/24", gateway="10.77.0.1")
    reached(acme, "web", "10.77.0.20")
    assert asks(within(acme, "web"), "10.77.0.20", 80) == "machine"
    names = acme.inside("web", "cat", "/etc/hosts")
    assert names.splitlines()[2:] == ["10.77.0.20 db db.lan", "10.77.0.10 web web.lan"]
    # The guest is told the same: systemd there makes /etc/hosts of it.
    assert heard(acme, f"credential network.hosts {hashlib.sha256(names.encode()).hexdigest()}")
    run(["systemd-analyze", "security", "--no-pager", "--threshold=20", unit(acme, "db")])
    lines = Path(f"/proc/{qemu(acme, 'db')}/status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    before = links()
    acme.repo.commit({"machines/db.vmspawn": None})
    assert acme.sync() == "applied", acme.said
    assert len(before) - len(links()) == 1, "its port is gone with it"
    assert not pings(acme, "web", "10.77.0.20")


def bring_up(tenant: Tenant, number: int, *lines: str) -> None:
    """A machine that takes orders, and a container, in a network with the subnets of a number."""
    where = "Address=10.{0}.0.{1}", "Address=fd00:{0}::{1}"
    web, db = ([line.format(number, last) for line in where] for last in (10, 20))
    tenant.repo.commit({
        **metadata(tenant.id), **images(), **ORDERS, "containers/web.nspawn": member("lan", *web),
        **bridge("lan", f"10.{number}.0.1/24", f"Address=fd00:{number}::1/64", *lines),
    })  # fmt: skip
    assert tenant.sync() == "applied", tenant.said
    expect_orders(tenant)
    text = machine(*db, TAKES_ORDERS, health="tcp:80", vm=("[Network]", "Bridge=lan"))
    tenant.repo.commit({"machines/db.vmspawn": text})
    assert tenant.sync() == "applied", tenant.said
    settle(tenant, "web", f"10.{number}.0.10/24", f"fd00:{number}::10/64", gateway=f"10.{number}.0.1")
    run([*within(tenant, "web"), "ip", "route", "add", "default", "via", f"fd00:{number}::1"])
    order(tenant, f"""
        echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad
        ip address add fd00:{number}::20/64 dev eth0 && ip -6 route add default via fd00:{number}::1
    """)


def from_machine(tenant: Tenant, *targets: str) -> dict[str, set[str]]:
    """In which ways each address answers the machine."""
    found: dict[str, set[str]] = {target: set() for target in targets}
    for line in order(tenant, REACH.replace("TARGETS", " ".join(targets))).splitlines():
        address, way = line.split()
        found[address].add(way)
    return found


def pair(number: int, last: int) -> tuple[str, str]:
    """The addresses of who is the last one in the subnets of a number."""
    return f"10.{number}.0.{last}", f"fd00:{number}::{last}"


@contextmanager
def forwarding(*interfaces: str) -> Iterator[None]:
    """The host passes on whatever comes from these, as if somebody had wanted it so."""
    paths = [Path(FORWARDING.format(4, one)) for one in interfaces] + [Path(FORWARDING.format(6, "all"))]
    before = [path.read_text() for path in paths]
    try:
        for path in paths:
            path.write_text("1\n")
        yield
    finally:
        for path, text in zip(paths, before):
            path.write_text(text)


def apart(make: Make) -> None:
    """Machines and containers of one tenant reach each other, and nobody else: not those of another tenant, and not the
    host. Nothing but the filter is in the way: without it, all of them are reached."""
    acme, other = (make(name, grants={**GRANTS, **grants(number)}) for name, number in (("vma", 77), ("vmb", 78)))
    bring_up(acme, 77, "[Link]", "MTUBytes=1400")
    bring_up(other, 78)
    assert order(acme, "cat /sys/class/net/eth0/mtu") == "1400\n"
    with ExitStack() as stack:
        for tenant, number in ((acme, 77), (other, 78)):
            for address in pair(number, 10):
                stack.enter_context(serving(within(tenant, "web"), address, 80, "web"))
        stack.enter_context(serving([], "::", 80, "host"))
        stack.enter_context(forwarding("lan.vma", "lan.vmb"))
        for tenant, number in ((acme, 77), (other, 78)):
            wait_until("the container answers", lambda: "tcp" in ways(within(tenant, "web"), pair(number, 20)[1])
                       [pair(number, 20)[1]])  # fmt: skip
            everything = dict.fromkeys(pair(number, 10), ALL_WAYS)
            assert from_machine(tenant, *pair(number, 10)) == everything
            everything = dict.fromkeys(pair(number, 20), ALL_WAYS)
            assert ways(within(tenant, "web"), *pair(number, 20)) == everything == ways([], *pair(number, 20))
        foreign = [*pair(78, 10), *pair(78, 20), *pair(77, 1), *pair(78, 1)]
        nothing: dict[str, set[str]] = dict.fromkeys(foreign, set())
        back = [*pair(77, 10), *pair(77, 20)]
        assert from_machine(acme, *foreign) == nothing == ways(within(acme, "web"), *foreign)
        assert from_machine(other, *back) == dict.fromkeys(back, set()) == ways(within(other, "web"), *back)
        run(["nft", "flush", "ruleset"])
        assert from_machine(acme, *foreign) == dict.fromkeys(foreign, ALL_WAYS) == ways(within(acme, "web"), *foreign)
        assert from_machine(other, *back) == dict.fromkeys(back, ALL_WAYS) == ways(within(other, "web"), *back)


@contextmanager
def hearing(where: list[str], link: str) -> "Iterator[subprocess.Popen[str]]":
    """Who notes what is said in a network."""
    with subprocess.Popen([*where, "python3", "-c", HEAR, link], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        yield process


def honest(make: Make) -> None:
    """A guest says that it has other addresses than its own, of hardware, IPv4 and IPv6: nobody hears of it."""
    acme = make("vms", grants={**GRANTS, **grants(77)})
    bring_up(acme, 77)
    wait_until("the host has a link-local address", lambda: router("lan.vms") != "")
    own4, own6 = pair(77, 20)
    false4 = (*(pair(77, last)[0] for last in (1, 10, 99)), "10.78.0.20", "198.51.100.2", "169.254.169.254")
    false6 = (*(pair(77, last)[1] for last in (1, 10)), "fd00:78::20", "2001:db8::1", router("lan.vms"))
    script = TRICKS.replace("FALSE4", " ".join(false4)).replace("FALSE6", " ".join(false6))
    mac = order(acme, "cat /sys/class/net/eth0/address").strip()
    (link,) = json.loads(run([*within(acme, "web"), "ip", "-json", "link", "show", "host0"]).stdout)
    neighbour = str(link["address"])
    with hearing(within(acme, "web"), "host0") as web, hearing([], "lan.vms") as host:
        order(acme, script.replace("OWN4", own4).replace("OWN6", own6), timeout=300)
        said = {who: set(json.loads(ear.communicate(timeout=120)[0])) for who, ear in (("web", web), ("host", host))}
    bridge_mac = Path("/sys/class/net/lan.vms/address").read_text().strip()
    own = {f"{mac} {own4}", f"{mac} ARP {mac} {own4}", f"{mac} {own6}", f"{mac} NDP {own6}"}
    # What has no address yet, and those that are made of the hardware address, are its own too.
    low = order(acme, "ip -6 address show dev eth0 scope link | grep -o 'fe80[0-9a-f:]*'").split()
    may = own | {f"{mac} ::", f"{mac} 0.0.0.0"} | {f"{mac} {form}{one}" for one in low for form in ("", "NDP ")}
    # The host's ends of both wires begin with another byte.
    others = (neighbour, bridge_mac, *(f"fe{one[2:]}" for one in (mac, neighbour)))
    for who, found in said.items():
        heard_of = {line for line in found if not line.startswith(others)}
        assert own <= heard_of, (who, own - heard_of)
        assert heard_of <= may, (who, heard_of - may)


if CAN_RUN:
    test_a_machine_has_an_address_and_neighbours = connects
    test_machines_and_containers_of_two_tenants_reach_nobody_but_their_own = apart
    test_a_machine_that_claims_other_addresses_is_not_heard = honest
