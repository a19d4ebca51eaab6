"""A hostile root in a container, with every frame that it can make, and who hears it elsewhere.

The neighbour is of the same tenant, so that nobody is safe only because he is elsewhere. Whoever listens has a raw
socket where a frame would come, and must hear what is honest and sent last: so what was not heard did not come.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from . import hostile_packets
from .nets import bridge, commit, member, settle, within
from .support import run, wait_until
from .world import Tenant

LISTEN = """
import re, socket, sys
found = set()
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as one:
    one.settimeout(20)
    one.bind((sys.argv[1], 0))
    print("ready", flush=True)
    while sys.argv[2] not in found:
        frame, where = one.recvfrom(2000)
        if where[2] != 4:
            found |= {tag.decode() for tag in re.findall(rb"trick([0-9]{3})", frame)}
print(" ".join(sorted(found)))
"""
HOST, NEIGHBOUR, OWN = "10.77.0.1", "10.77.0.11", "10.77.0.10"
HOST6, NEIGHBOUR6, OWN6 = "fd00:77::1", "fd00:77::11", "fd00:77::10"
# The host makes this one of its hardware address: whoever announces it is everybody's router.
LINK = "the host's link-local address"
HOSTILE = {
    "another hardware address": ("mac", OWN),
    "an address that nobody has": ("ip", "10.77.0.99"),
    "the address of the host": ("ip", HOST),
    "the address of a neighbour": ("ip", NEIGHBOUR),
    "the address of another tenant": ("ip", "10.78.0.10"),
    "an address of the world": ("ip", "198.51.100.2"),
    "the loopback address": ("ip", "127.0.0.1"),
    "the address of a provider's service": ("ip", "169.254.169.254"),
    "ARP for the host": ("arp", HOST),
    "ARP for a neighbour": ("arp", NEIGHBOUR),
    "ARP for what nobody has": ("arp", "10.77.0.99"),
    "ARP with another hardware address": ("arp-mac", OWN),
    "the IPv6 address of the host": ("ip6", HOST6),
    "the IPv6 address of a neighbour": ("ip6", NEIGHBOUR6),
    "an IPv6 address from elsewhere": ("ip6", "2001:db8::1"),
    "an IPv6 address of another tenant": ("ip6", "fd00:78::10"),
    "a neighbour advertisement for the host": ("ndp", HOST6, OWN6),
    "a neighbour advertisement for a neighbour": ("ndp", NEIGHBOUR6, OWN6),
    "the link-local address of the host": ("ip6", LINK),
    "a neighbour advertisement for the link-local address of the host": ("ndp", LINK, OWN6),
    "a router advertisement": ("ra", "fe80::666"),
    "a router advertisement of the host": ("ra", LINK),
    "a DHCP server": ("dhcp", OWN),
    "a DHCPv6 server": ("dhcp6", OWN6),
    "a tag of a VLAN": ("vlan", OWN),
    "two tags of VLANs": ("double-vlan", OWN),
    "a spanning tree": ("stp",),
    "another protocol": ("odd",),
}
HONEST = {"ARP": ("honest-arp", OWN, NEIGHBOUR), "IPv6": ("honest6", OWN6), "IPv4": ("honest", OWN)}


@contextmanager
def listening(where: list[str], link: str, last: int) -> "Iterator[subprocess.Popen[str]]":
    """Who notes the numbers of the tricks that come, until the last one."""
    argv = [*where, "python3", "-c", LISTEN, link, f"{last:03}"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        yield process


def router(network: str = "lan.acme") -> str:
    """The link-local address of the host in the network; empty as long as there is none."""
    shown = json.loads(run(["ip", "-json", "-6", "address", "show", "dev", network, "scope", "link"]).stdout)
    return next((str(info["local"]) for one in shown for info in one.get("addr_info", ()) if "local" in info), "")


def heard(acme: Tenant) -> dict[str, set[str]]:
    """Has a container of a tenant with the subnets of number 77 send every frame: what of it came to whom."""
    pair = {"web": (OWN, OWN6), "db": (NEIGHBOUR, NEIGHBOUR6)}
    commit(acme, bridge("lan", f"{HOST}/24", f"Address={HOST6}/64"), **{
        name: member("lan", *(f"Address={address}" for address in own)) for name, own in pair.items()
    })  # fmt: skip
    assert acme.sync() == "applied", acme.said
    for name, (four, six) in pair.items():
        settle(acme, name, f"{four}/24", f"{six}/64")
    wait_until("the host has a link-local address", lambda: router() != "")
    names = [*HOSTILE, *HONEST]
    tricks = [[router() if word == LINK else word for word in words] for words in (*HOSTILE.values(), *HONEST.values())]
    with ExitStack() as stack:
        ears = {
            "a neighbour": stack.enter_context(listening(within(acme, "db"), "host0", len(tricks) - 1)),
            "the host": stack.enter_context(listening([], "lan.acme", len(tricks) - 1)),
        }
        program = Path(hostile_packets.__file__).read_text(encoding="utf-8")
        run([*within(acme, "web"), "python3", "-c", program, "host0", json.dumps(tricks)])
        numbers = {who: ear.communicate(timeout=60)[0].split() for who, ear in ears.items()}
    return {who: {names[int(number)] for number in found} for who, found in numbers.items()}
