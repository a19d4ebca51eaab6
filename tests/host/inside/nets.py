"""What tests of networks share: the files of a tenant, commands in the network of a workload, and the world."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from .support import leader, run, wait_until
from .world import Tenant

GRANTED = {
    "cpus": 4, "memory": "4G", "tasks": 4096, "storage": "1G", "containers": 16, "machines": 4, "emulation": True,
    "images": ["debian-*"],
}  # fmt: skip
WORLD, UPLINK = "world", "up0"


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
def world(*addresses: str) -> Iterator[None]:
    """A network namespace that plays the internet, behind the interface up0 of the host, with addresses in both."""
    for words in (
        ("netns", "add", WORLD), ("link", "add", UPLINK, "type", "veth", "peer", "name", "w0", "netns", WORLD),
        ("link", "set", UPLINK, "up"), ("-n", WORLD, "link", "set", "w0", "up"),
        ("-n", WORLD, "link", "set", "lo", "up"),
        ("address", "add", "198.51.100.1/24", "dev", UPLINK),
        ("address", "add", "2001:db8:1::1/64", "dev", UPLINK, "nodad"),
        ("-n", WORLD, "address", "add", "198.51.100.2/24", "dev", "w0"),
        ("-n", WORLD, "address", "add", "2001:db8:1::2/64", "dev", "w0", "nodad"),
        *(("-n", WORLD, "address", "add", address, "dev", "lo") for address in addresses),
        *(("route", "add", address, "via", "198.51.100.2") for address in addresses),
    ):  # fmt: skip
        run(["ip", *words])
    try:
        yield
    finally:
        run(["ip", "netns", "delete", WORLD])
        run(["ip", "link", "delete", UPLINK], check=False)


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


ABROAD = ["ip", "netns", "exec", WORLD]
