"""What a hostile root sends out of its container, frame by frame: run there with `python3 THIS INTERFACE TRICKS`.

The tricks are a JSON list of lists: what it is, and the addresses for it. Who listens elsewhere tells what came.
"""

import json
import socket
import struct
import sys

BROADCAST = b"\xff" * 6
ALL_NODES = bytes.fromhex("333300000001")
TIMES = 3


def mac(text: str) -> bytes:
    """A hardware address as bytes."""
    return bytes.fromhex(text.replace(":", ""))


def checksum(data: bytes) -> int:
    """The checksum of the internet protocols (RFC 1071)."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return int(~total & 0xFFFF)


def ip4(source: str, target: str, protocol: int, body: bytes) -> bytes:
    """A packet of IPv4."""
    ends = socket.inet_aton(source) + socket.inet_aton(target)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0, 64, protocol, 0) + ends
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def udp4(source: str, target: str, ports: tuple[int, int], body: bytes) -> bytes:
    """A datagram without a checksum, which IPv4 allows."""
    return ip4(source, target, 17, struct.pack("!HHHH", *ports, 8 + len(body), 0) + body)


def ip6(source: str, target: str, kind: int, body: bytes, hops: int = 255) -> bytes:
    """A packet of IPv6; `kind` 58 is ICMPv6, whose checksum is filled in."""
    ends = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, target)
    if kind in (17, 58):
        at = 2 if kind == 58 else 6
        found = checksum(ends + struct.pack("!II", len(body), kind) + body)
        body = body[:at] + struct.pack("!H", found) + body[at + 2 :]
    return struct.pack("!IHBB", 0x60000000, len(body), kind, hops) + ends + body


def arp(operation: int, hardware: bytes, address: str, target: str) -> bytes:
    """A request (1) or an answer (2)."""
    head = struct.pack("!HHBBH", 1, 0x800, 6, 4, operation)
    return head + hardware + socket.inet_aton(address) + BROADCAST + socket.inet_aton(target)


def advertisement(address: str, hardware: bytes) -> bytes:
    """A neighbour advertisement that says who has an address."""
    body = struct.pack("!BBHI", 136, 0, 0, 0x20000000) + socket.inet_pton(socket.AF_INET6, address)
    return body + b"\2\1" + hardware


def router(hardware: bytes) -> bytes:
    """A router advertisement: everything goes by way of me."""
    return struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + b"\1\1" + hardware


def frames(what: str, own: bytes, words: list[str], tag: bytes) -> list[bytes]:
    """The frames of a trick, each with a tag in what it carries: behind it, some of them would be cut."""
    other = mac("02:00:00:00:be:ef")
    v4, v6, arps = b"\x08\x00", b"\x86\xdd", b"\x08\x06"
    match what:
        case "mac":
            return [BROADCAST + other + v4 + udp4(words[0], "255.255.255.255", (9, 9), tag)]
        case "ip":
            return [BROADCAST + own + v4 + udp4(words[0], "255.255.255.255", (9, 9), tag)]
        case "arp":
            return [BROADCAST + own + arps + arp(kind, own, words[0], words[0]) + tag for kind in (1, 2)]
        case "arp-mac":
            return [BROADCAST + own + arps + arp(2, other, words[0], words[0]) + tag]
        case "ndp":
            return [ALL_NODES + own + v6 + ip6(words[1], "ff02::1", 58, advertisement(words[0], own) + tag)]
        case "ip6":
            return [ALL_NODES + own + v6 + ip6(words[0], "ff02::1", 58, struct.pack("!BBHHH", 128, 0, 0, 1, 1) + tag)]
        case "ra":
            return [ALL_NODES + own + v6 + ip6(words[0], "ff02::1", 58, router(own) + tag)]
        case "dhcp":
            return [BROADCAST + own + v4 + udp4(words[0], "255.255.255.255", (67, 68), b"\2" + bytes(240) + tag)]
        case "dhcp6":
            body = struct.pack("!HHHH", 547, 546, 12 + len(tag), 0) + b"\2\0\0\1" + tag
            return [ALL_NODES + own + v6 + ip6(words[0], "ff02::1", 17, body)]
        case "vlan":
            return [BROADCAST + own + b"\x81\x00\x00\x05" + v4 + udp4(words[0], "255.255.255.255", (9, 9), tag)]
        case "double-vlan":
            tags = b"\x88\xa8\x00\x05\x81\x00\x00\x06"
            return [BROADCAST + own + tags + v4 + udp4(words[0], "255.255.255.255", (9, 9), tag)]
        case "stp":
            return [mac("01:80:c2:00:00:00") + own + struct.pack("!H", 38) + b"\x42\x42\x03" + bytes(35) + tag]
        case "odd":
            return [BROADCAST + own + b"\x88\xb5" + bytes(50) + tag]
        case "honest":
            return [BROADCAST + own + v4 + udp4(words[0], "255.255.255.255", (9, 9), tag)]
        case "honest-arp":
            return [BROADCAST + own + arps + arp(1, own, words[0], words[1]) + tag]
        case "honest6":
            return [ALL_NODES + own + v6 + ip6(words[0], "ff02::1", 58, struct.pack("!BBHHH", 128, 0, 0, 1, 1) + tag)]
    raise SystemExit(f"there is no trick {what}")


def main(link: str, tricks: str) -> None:
    """Send the frames of each trick, with its number in them."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as one:
        one.bind((link, 0))
        own = one.getsockname()[4]
        for number, (what, *words) in enumerate(json.loads(tricks)):
            for frame in frames(what, own, words, b"trick%03d" % number) * TIMES:
                one.send(frame.ljust(60, b"\0"))


if __name__ == "__main__":
    main(*sys.argv[1:])
