"""rtnetlink: the messages by which the kernel makes, changes, finds and removes network interfaces (rtnetlink(7)).

Pure: values become the bytes of a request, and of an answer is read whether it worked and which interface it is about.
Numbers are in the byte order of the machine, as the kernel has them (linux/netlink.h, linux/if_link.h).
"""

import struct
from collections.abc import Iterator

from ..records import dataclass

MAX_ANSWER = 64 << 10
NEW, DELETE, GET, NEW_PROPERTY = 16, 17, 18, 108
_ERROR = 2
_REQUEST, _ACK, _EXCLUSIVE, _CREATE = 0x1, 0x4, 0x200, 0x400
_UP = 0x1
_ADDRESS, _NAME, _MTU, _LINK, _MASTER, _INFO, _GROUP = 1, 3, 4, 5, 10, 18, 27
_PROPERTIES, _ALTERNATIVE = 52, 53
_KIND, _DATA = 1, 2
_PEER, _VLAN_ID = 1, 1
_NESTED = 0x8000
_HEAD, _LINK_HEAD = struct.Struct("=IHHII"), struct.Struct("=BxHiII")


@dataclass(frozen=True, slots=True)
class Link:
    """An interface that the kernel has. `master` is the index of the bridge that it is a port of, or 0."""

    index: int
    name: str
    up: bool
    master: int
    group: int


@dataclass(frozen=True, slots=True)
class End:
    """A new interface: its name, its hardware address (02:00:00:00:00:01), the largest packet in bytes, its group."""

    name: str
    mac: str
    mtu: int
    group: int


def veth(end: End, peer: End) -> bytes:
    """Makes a pair of interfaces: what goes into the one comes out of the other (veth(4))."""
    data = _attribute(_PEER, _LINK_HEAD.pack(0, 0, 0, 0, 0) + _end(peer))
    return _message(NEW, _LINK_HEAD.pack(0, 0, 0, 0, 0), _end(end) + _info("veth", data), _CREATE | _EXCLUSIVE)


def vlan(end: End, uplink: int, number: int) -> bytes:
    """Makes an interface for one VLAN of the interface with the index `uplink`."""
    body = _end(end) + _number(_LINK, uplink) + _info("vlan", _attribute(_VLAN_ID, struct.pack("=H", number)))
    return _message(NEW, _LINK_HEAD.pack(0, 0, 0, 0, 0), body, _CREATE | _EXCLUSIVE)


def change(index: int, *, up: bool | None = None, master: int | None = None, end: End | None = None) -> bytes:
    """Changes an interface: whether it is up, the bridge that it is a port of (0: of none), its address and the like.
    Its name stays."""
    body = b"" if master is None else _number(_MASTER, master)
    if end is not None:
        body += _attribute(_ADDRESS, hardware(end.mac)) + _number(_MTU, end.mtu) + _number(_GROUP, end.group)
    flags, changed = (_UP if up else 0, 0 if up is None else _UP)
    return _message(NEW, _LINK_HEAD.pack(0, 0, index, flags, changed), body)


def call(index: int, alternative: str) -> bytes:
    """Gives an interface an alternative name, of at most 127 bytes."""
    body = _attribute(_PROPERTIES | _NESTED, _text(_ALTERNATIVE, alternative))
    return _message(NEW_PROPERTY, _LINK_HEAD.pack(0, 0, index, 0, 0), body, _CREATE | _EXCLUSIVE)


def delete(index: int) -> bytes:
    """Removes an interface; of a pair both."""
    return _message(DELETE, _LINK_HEAD.pack(0, 0, index, 0, 0), b"")


def find(name: str) -> bytes:
    """Asks for an interface by its name."""
    return _message(GET, _LINK_HEAD.pack(0, 0, 0, 0, 0), _text(_NAME, name))


def answers(data: bytes) -> Iterator[Link | int]:
    """What the kernel says: an interface, or an errno, which is 0 when all went well. Raises ValueError for bytes that
    are no answer."""
    offset = 0
    while offset < len(data):
        if offset + _HEAD.size > len(data):
            raise ValueError("the answer ends in the middle of a header")
        size, kind, *_ = _HEAD.unpack_from(data, offset)
        if size < _HEAD.size or offset + size > len(data):
            raise ValueError("the answer has a size that cannot be")
        body = data[offset + _HEAD.size : offset + size]
        if kind == _ERROR:
            if len(body) < 4:
                raise ValueError("the answer has no error number")
            yield -int(struct.unpack_from("=i", body)[0])
        elif kind == NEW:
            yield _link(body)
        offset += _aligned(size)


def hardware(mac: str) -> bytes:
    """The six bytes of a hardware address. Raises ValueError for another text."""
    found = bytes.fromhex(mac.replace(":", ""))
    if len(found) != 6:
        raise ValueError(f"{mac!r} is no hardware address")
    return found


def _link(body: bytes) -> Link:
    if len(body) < _LINK_HEAD.size:
        raise ValueError("the answer has no interface")
    _, _, index, flags, _ = _LINK_HEAD.unpack_from(body)
    found = dict(_attributes(body[_LINK_HEAD.size :]))
    name = found.get(_NAME, b"").rstrip(b"\0").decode("utf-8", "backslashreplace")
    return Link(index, name, bool(flags & _UP), _whole(found.get(_MASTER)), _whole(found.get(_GROUP)))


def _whole(data: bytes | None) -> int:
    return int.from_bytes(data, "little" if struct.pack("=H", 1)[0] else "big") if data else 0


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset + 4 <= len(data):
        size, kind = struct.unpack_from("=HH", data, offset)
        if size < 4 or offset + size > len(data):
            raise ValueError("the answer has an attribute that cannot be")
        yield kind & ~_NESTED, data[offset + 4 : offset + size]
        offset += _aligned(size)


def _end(end: End) -> bytes:
    return (
        _text(_NAME, end.name) + _attribute(_ADDRESS, hardware(end.mac)) + _number(_MTU, end.mtu)
        + _number(_GROUP, end.group)
    )  # fmt: skip


def _info(kind: str, data: bytes) -> bytes:
    return _attribute(_INFO, _attribute(_KIND, kind.encode()) + _attribute(_DATA, data))


def _number(kind: int, value: int) -> bytes:
    return _attribute(kind, struct.pack("=I", value))


def _text(kind: int, value: str) -> bytes:
    return _attribute(kind, value.encode() + b"\0")


def _attribute(kind: int, data: bytes) -> bytes:
    size = 4 + len(data)
    return struct.pack("=HH", size, kind) + data + bytes(_aligned(size) - size)


def _message(kind: int, head: bytes, body: bytes, flags: int = 0) -> bytes:
    return _HEAD.pack(_HEAD.size + len(head) + len(body), kind, _REQUEST | _ACK | flags, 1, 0) + head + body


def _aligned(size: int) -> int:
    return (size + 3) & ~3
