"""What tests of networks share: the files of a tenant, commands in the network of a workload, and the world."""

import json
import os
import select
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from .support import leader, run, wait_until
from .world import Tenant

GRANTED = {
    "cpus": 4, "memory": "4G", "tasks": 4096, "storage": "1G", "containers": 16, "machines": 4, "emulation": True,
    "images": ["debian-*"],
}  # fmt: skip
WORLD, UPLINK = "world", "up0"
# A second world, with the subnets of its uplink.
ELSEWHERE, OTHER_UPLINK = "elsewhere", "up1"
_WAYS = {WORLD: (UPLINK, "198.51.100", "2001:db8:1:"), ELSEWHERE: (OTHER_UPLINK, "192.0.2", "2001:db8:2:")}


def grants(number: int, **more: object) -> dict[str, object]:
    """The grants of a tenant with the subnets 10.NUMBER.0.0/16 and fd00:NUMBER::/32."""
    return {**GRANTED, "subnets": [f"10.{number}.0.0/16", f"fd00:{number}::/32"], **more}


def bridge(name: str, address: str = "", *lines: str, dhcp: bool = True) -> dict[str, str | None]:
    """A network with an address of the host, such as 10.77.0.1/24, which hands out addresses."""
    text = f"[Match]\nName={name}\n[Network]\n"
    text += f"Address={address}\nDHCPServer={'yes' if dhcp else 'no'}\n" if address else ""
    return {
        f"network/{name}.netdev": f"[NetDev]\nName={name}\nKind=bridge\n",
        f"network/{name}.network": text + "".join(f"{line}\n" for line in lines),
    }


def member(network: str, *lines: str, ports: tuple[str, ...] = (), boot: bool = False) -> str:
    """A container in a network, healthy as soon as it runs."""
    head = ["[Exec]", "Boot=yes"] if boot else ["[Exec]", "Parameters=/bin/sleep infinity"]
    wired = ["[Network]", f"Bridge={network}", *(f"Port={port}" for port in ports)]
    return "\n".join([*head, *wired, "[X-Bitbuilder]", "Image=debian-13", "HealthStableSec=0", *lines, ""])


def commit(tenant: Tenant, files: dict[str, str | None], **containers: str | None) -> str:
    """Commits a whole repository with these files and containers."""
    life = {"apiVersion": "bitbuilder.io/v1", "tenant": tenant.id, "lifecycle": {"healthTimeoutSec": 30}}
    named = {f"containers/{name}.nspawn": text for name, text in containers.items()}
    return tenant.repo.commit({"metadata.json": json.dumps(life), **files, **named})


def net(tenant: Tenant, name: str, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """A program of the host in the network of a container, as the container's root."""
    pid = str(leader(f"{name}.{tenant.id}"))
    return run(["nsenter", "-t", pid, "-n", "-U", *argv], check=check)


def settle(tenant: Tenant, name: str, *addresses: str, link: str = "host0", gateway: str = "") -> None:
    """Gives a container its addresses, as its image would: 10.77.0.10/24."""
    net(tenant, name, "ip", "link", "set", link, "up")
    for address in addresses:
        net(tenant, name, "ip", "address", "add", address, "dev", link, "nodad")
    if gateway:
        net(tenant, name, "ip", "route", "add", "default", "via", gateway)


def given(tenant: Tenant, name: str, network: str) -> str:
    """The IPv4 address that the host has given to a workload in a network."""
    hosts = run(["cat", f"/run/bitbuilder/networks/{tenant.id}/hosts"]).stdout
    return next(line.split()[0] for line in hosts.splitlines() if f"{name}.{network}" in line.split())


def pings(tenant: Tenant, name: str, address: str) -> bool:
    """Whether a container reaches an address, within a second."""
    return net(tenant, name, "ping", "-c1", "-W1", address, check=False).returncode == 0


def reached(tenant: Tenant, name: str, address: str) -> None:
    """The container reaches the address, at last: whoever answers may have to find out where it is first."""
    wait_until(f"{name}.{tenant.id} reaches {address}", lambda: pings(tenant, name, address))


def links() -> dict[str, int]:
    """The interfaces of the host and their numbers."""
    return {one["ifname"]: one["ifindex"] for one in json.loads(run(["ip", "-json", "link"]).stdout)}


@contextmanager
def world(*addresses: str, name: str = WORLD) -> Iterator[None]:
    """A network namespace that plays the internet, behind an uplink of the host, with addresses in both."""
    uplink, four, six = _WAYS[name]
    inner = f"w{uplink}"
    for words in (
        ("netns", "add", name), ("link", "add", uplink, "type", "veth", "peer", "name", inner, "netns", name),
        ("link", "set", uplink, "up"), ("-n", name, "link", "set", inner, "up"),
        ("-n", name, "link", "set", "lo", "up"),
        ("address", "add", f"{four}.1/24", "dev", uplink),
        ("address", "add", f"{six}:1/64", "dev", uplink, "nodad"),
        ("-n", name, "address", "add", f"{four}.2/24", "dev", inner),
        ("-n", name, "address", "add", f"{six}:2/64", "dev", inner, "nodad"),
        *(("-n", name, "address", "add", address, "dev", "lo") for address in addresses),
        *(("route", "add", address, "via", f"{four}.2") for address in addresses),
    ):  # fmt: skip
        run(["ip", *words])
    try:
        yield
    finally:
        run(["ip", "netns", "delete", name])
        run(["ip", "link", "delete", uplink], check=False)


def outside(*argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """A program in the world."""
    return run(["ip", "netns", "exec", WORLD, *argv], check=check)


SERVER = """
import socket, sys
family, kind = getattr(socket, sys.argv[1]), getattr(socket, sys.argv[2])
with socket.socket(family, kind) as one:
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind((sys.argv[3], int(sys.argv[4])))
    if kind == socket.SOCK_STREAM:
        one.listen()
    print("ready", flush=True)
    while True:
        if kind == socket.SOCK_STREAM:
            channel, who = one.accept()
            channel.sendall(f"{sys.argv[5]} {who[0]}".encode())
            channel.close()
        else:
            _, who = one.recvfrom(100)
            one.sendto(f"{sys.argv[5]} {who[0]}".encode(), who)
"""
CLIENT = """
import socket, sys
family, kind = getattr(socket, sys.argv[1]), getattr(socket, sys.argv[2])
with socket.socket(family, kind) as one:
    one.settimeout(2)
    try:
        one.connect((sys.argv[3], int(sys.argv[4])))
        if kind == socket.SOCK_DGRAM:
            one.send(b"x")
        print(one.recv(100).decode())
    except OSError:
        print("nothing")
"""


PEER = """
import select, socket, sys
family, where = getattr(socket, sys.argv[2]), (sys.argv[3], int(sys.argv[4]))
if sys.argv[1] == "listen":
    with socket.create_server(where, family=family) as one:
        print("ready", flush=True)
        channel, _ = one.accept()
else:
    channel = socket.create_connection(where, 5)
print("connected", flush=True)
while True:
    for source in select.select([sys.stdin, channel], [], [])[0]:
        if source is channel:
            print(channel.recv(100).decode(), flush=True)
        else:
            channel.sendall(sys.stdin.readline().strip().encode())
"""


@contextmanager
def serving(where: list[str], address: str, port: int, word: str, *, udp: bool = False) -> Iterator[None]:
    """A server of this word, started by the command `where` in some network."""
    family, kind = _family(address), "SOCK_DGRAM" if udp else "SOCK_STREAM"
    argv = [*where, "python3", "-c", SERVER, family, kind, address, str(port), word]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        try:
            yield
        finally:
            process.kill()


def asks(where: list[str], address: str, port: int, *, udp: bool = False) -> str:
    """What a server says to a client that is started by the command `where`; `nothing` when it cannot be reached."""
    family, kind = _family(address), "SOCK_DGRAM" if udp else "SOCK_STREAM"
    return run([*where, "python3", "-c", CLIENT, family, kind, address, str(port)]).stdout.strip()


def _family(address: str) -> str:
    return "AF_INET6" if ":" in address else "AF_INET"


def within(tenant: Tenant, name: str) -> list[str]:
    """The command that starts another one in the network of a container."""
    pid = str(leader(f"{name}.{tenant.id}"))
    return ["nsenter", "-t", pid, "-n", "-U"]


ALL_WAYS = {"ping", "tcp", "udp"}
_REACH = """
import concurrent.futures, json, socket, subprocess, sys

def tcp(family, address):
    with socket.create_connection((address, 80), 2) as one:
        return bool(one.recv(100))

def udp(family, address):
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        one.settimeout(2)
        one.connect((address, 33434))
        one.send(b"x")
        try:
            return bool(one.recv(100))
        except ConnectionRefusedError:
            return True

def ping(family, address):
    argv = ["ping", "-n", "-c2", "-i0.2", "-W2", address]
    return subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

def reached(where):
    way, address = where
    try:
        return way(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    except OSError:
        return False

wanted = [(way, address) for address in sys.argv[1:] for way in (ping, tcp, udp)]
with concurrent.futures.ThreadPoolExecutor(30) as pool:
    done = zip(wanted, pool.map(reached, wanted))
    print(json.dumps([(address, way.__name__) for (way, address), yes in done if yes]))
"""


def ways(where: list[str], *targets: str) -> dict[str, set[str]]:
    """In which ways each address answers who is started by the command `where`: to ping, on the port 80 of TCP, and
    that nobody listens to a port of UDP."""
    done = run([*where, "python3", "-c", _REACH, *targets], timeout=120)
    found: dict[str, set[str]] = {target: set() for target in targets}
    for address, way in json.loads(done.stdout):
        found[address].add(way)
    return found


class Peer:
    """One end of a connection, which says what it is told to, and what it hears."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin and process.stdout
        self._into, self._out = process.stdin, process.stdout

    def says(self, word: str) -> None:
        """Sends a word."""
        self._into.write(f"{word}\n".encode())

    def hears(self, timeout: float) -> str:
        """The next thing that it says, within some seconds; nothing when there is none."""
        ready, _, _ = select.select([self._out], [], [], timeout)
        return os.read(self._out.fileno(), 1000).decode().strip() if ready else ""


@contextmanager
def connection(
    server: list[str], client: list[str], bound: str, asked: str, port: int, inside: int = 0
) -> Iterator[tuple[Peer, Peer]]:
    """A TCP connection that stays: its server, which is bound to an address and to the port, or the one `inside`, and
    its client, who asked for another address. Both are started by commands, in some network."""
    with ExitStack() as stack:
        def start(where: list[str], *words: str) -> Peer:
            argv = [*where, "python3", "-c", PEER, *words]
            pipe = subprocess.PIPE
            process = stack.enter_context(subprocess.Popen(argv, stdin=pipe, stdout=pipe, bufsize=0))
            stack.callback(process.kill)
            return Peer(process)

        one = start(server, "listen", _family(bound), bound, str(inside or port))
        assert one.hears(10) == "ready"
        other = start(client, "connect", _family(asked), asked, str(port))
        assert (one.hears(10), other.hears(10)) == ("connected", "connected")
        yield one, other


ABROAD = ["ip", "netns", "exec", WORLD]
FAR = ["ip", "netns", "exec", ELSEWHERE]
