"""How much may pass in a network: the largest packet, and the bandwidth."""

import json
import subprocess
from contextlib import ExitStack

from .conftest import Make
from .nets import ABROAD, UPLINK, bridge, commit, grants, member, net, reached, settle, within, world
from .support import run
from .world import Tenant

# Headers of IPv4 and of ICMP.
AROUND = 28
SINK = """
import socket, sys
with socket.create_server((sys.argv[1], 9000)) as one:
    print("ready", flush=True)
    while True:
        channel, _ = one.accept()
        while channel.recv(1 << 16):
            pass
        channel.sendall(b"all")
        channel.close()
"""
SOURCE = """
import socket, sys, time
with socket.create_connection((sys.argv[1], 9000), 60) as one:
    begun = time.monotonic()
    one.sendall(bytes(int(sys.argv[2])))
    one.shutdown(socket.SHUT_WR)
    assert one.recv(10) == b"all"
    print(time.monotonic() - begun)
"""
SIZE = 2 << 20


def whole(tenant: Tenant, name: str, address: str, size: int) -> bool:
    """Whether a packet of a size comes there and back in one piece."""
    argv = ("ping", "-c1", "-W1", "-M", "do", "-s", str(size - AROUND), address)
    return net(tenant, name, *argv, check=False).returncode == 0


def mtus(*where: str) -> dict[str, int]:
    """The largest packet of each interface, somewhere."""
    return {one["ifname"]: one["mtu"] for one in json.loads(run([*where, "ip", "-json", "link"]).stdout)}


def test_a_packet_is_as_large_as_its_network_has_it(make: Make) -> None:
    acme = make("acme", grants=grants(77))
    files = {**bridge("small", "10.77.0.1/24", "[Link]", "MTUBytes=1400"), **bridge("usual", "10.77.1.1/24"),
             **bridge("large", "10.77.2.1/24", "[Link]", "MTUBytes=9000")}
    wanted = {"small": (0, 1400), "usual": (1, 1500), "large": (2, 9000)}
    commit(acme, files, **{
        f"{name}-{who}": member(name, f"Address=10.77.{number}.{who}")
        for name, (number, _) in wanted.items() for who in (10, 11)
    })  # fmt: skip
    assert acme.sync() == "applied", acme.said
    ports = json.loads(run(["ip", "-json", "link", "show", "group", "25187"]).stdout)
    for name, (number, size) in wanted.items():
        for who in (10, 11):
            settle(acme, f"{name}-{who}", f"10.77.{number}.{who}/24")
            assert mtus(*within(acme, f"{name}-{who}"))["host0"] == size
        assert mtus()[f"{name}.acme"] == size
        assert [one["mtu"] for one in ports if one.get("master") == f"{name}.acme"] == [size] * 2
        one, other, host = f"{name}-10", f"10.77.{number}.11", f"10.77.{number}.1"
        reached(acme, one, other)
        assert whole(acme, one, other, size) and not whole(acme, one, other, size + 1)
        assert run(["ping", "-c1", "-W1", "-M", "do", "-s", str(size - AROUND), other]).returncode == 0
        # Whoever thinks that his own side takes more is alone with that.
        net(acme, one, "ip", "link", "set", "host0", "mtu", str(size + 100))
        assert whole(acme, one, other, size) and not whole(acme, one, other, size + 1), host


def taken(where: list[str], address: str) -> float:
    """How long it takes to send something to an address, in seconds."""
    return float(run([*where, "python3", "-c", SOURCE, address, str(SIZE)], timeout=120).stdout)


def test_what_comes_into_a_network_is_bounded_by_its_bandwidth(make: Make) -> None:
    """Eight megabits in a second, beside a network without a bound: from the host, and from the world through it."""
    acme = make("acme", grants=grants(77, ports=["tcp:9000"], uplinks=[UPLINK]))
    bucket = ("[TokenBucketFilter]", "Rate=8M", "BurstBytes=16K", "LatencySec=50ms")
    with world(), ExitStack() as stack:
        commit(acme, {**bridge("slow", "10.77.0.1/24", *bucket), **bridge("fast", "10.77.1.1/24")},
               slow=member("slow", "Address=10.77.0.10", ports=("tcp:9000:9000",)),
               fast=member("fast", "Address=10.77.1.10"))  # fmt: skip
        assert acme.sync() == "applied", acme.said
        for name, address, router in (("slow", "10.77.0.10", "10.77.0.1"), ("fast", "10.77.1.10", "10.77.1.1")):
            settle(acme, name, f"{address}/24", gateway=router)
            argv = [*within(acme, name), "python3", "-c", SINK, address]
            sink = stack.enter_context(subprocess.Popen(argv, stdout=subprocess.PIPE, text=True))
            stack.callback(sink.kill)
            assert sink.stdout and sink.stdout.readline() == "ready\n"
        slow, fast, outside = taken([], "10.77.0.10"), taken([], "10.77.1.10"), taken(ABROAD, "198.51.100.1")
        # Whoever sends, and however busy this machine is: the bound is the same.
        assert min(slow, outside) > 10 * fast and outside > slow / 2, (slow, fast, outside)
    (queue,) = json.loads(run(["tc", "-s", "-json", "qdisc", "show", "dev", "slow.acme", "root"]).stdout)
    assert queue["kind"] == "tbf" and queue["options"]["rate"] == 1_000_000
    assert queue["bytes"] > 2 * SIZE and queue["overlimits"] > 0
