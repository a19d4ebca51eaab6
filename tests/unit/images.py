"""Disk images and programs for UEFI, built byte by byte: small, with right checksums, and easy to spoil."""

import hashlib
import json
import struct
import uuid
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bbhv.findings import CODES, Finding
from bbhv.formats.images import dps
from bbhv.formats.images.reader import Reader

DISK = "11111111-2222-3333-4444-555555555555"


def guid_of(designator: str, architecture: str = "") -> str:
    """The type of a partition."""
    return next(
        guid for guid, kind in dps.TYPES.items()
        if kind.designator == designator and architecture in ("", kind.architecture)
    )


@dataclass(frozen=True)
class Part:
    """A partition of a built image; None as a place means: behind the one before."""

    type: str
    content: bytes = bytes(512)
    uuid: str = ""
    first: int | None = None
    last: int | None = None
    flags: int = 0
    name: str = "part"


def disk(parts: Sequence[Part], sector: int = 512, count: int = 4, tail: int = 0) -> bytearray:
    """An image with a GPT: both headers and entries, the partitions one after the other."""
    array = -(-count * 128 // sector)
    at = 2 + array
    entries, body = b"", b""
    for number, part in enumerate(parts, 1):
        content = part.content + bytes(-len(part.content) % sector)
        first = at if part.first is None else part.first
        last = first + len(content) // sector - 1 if part.last is None else part.last
        unique = part.uuid or f"00000000-0000-0000-0000-{number:012x}"
        entries += uuid.UUID(part.type).bytes_le + uuid.UUID(unique).bytes_le
        entries += struct.pack("<QQQ", first, last, part.flags) + part.name.encode("utf-16-le").ljust(72, b"\0")
        body += content
        at += len(content) // sector
    body += bytes(tail * sector)
    at += tail
    end = at + array
    image = bytearray((end + 1) * sector)
    image[446:462] = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xEE, b"\xff\xff\xff", 1, min(end, 0xFFFFFFFF))
    image[510:512] = b"\x55\xaa"
    image[(2 + array) * sector : (2 + array) * sector + len(body)] = body
    for place in (2, at):
        image[place * sector : place * sector + len(entries)] = entries
    for here, other, table in ((1, end, 2), (end, 1, at)):
        head = struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, here, other, 2 + array, at - 1,
                           uuid.UUID(DISK).bytes_le, table, count, 128, 0)  # fmt: skip
        image[here * sector : here * sector + 92] = head
    return seal(image, sector)


def seal(image: bytearray, sector: int = 512) -> bytearray:
    """Both headers with the checksums that fit what they and their entries say: spoilt on purpose, not by accident."""
    for at in (sector, len(image) // sector * sector - sector):
        table, count, size = struct.unpack_from("<QII", image, at + 72)
        if table * sector < len(image) and count * size < 1 << 20:
            crc = zlib.crc32(image[table * sector : table * sector + count * size])
            struct.pack_into("<I", image, at + 88, crc)
        struct.pack_into("<I", image, at + 16, 0)
        struct.pack_into("<I", image, at + 16, zlib.crc32(image[at : at + 92]))
    return image


def verity(data_size: int, salt: bytes = b"salt", algorithm: str = "sha256") -> tuple[bytes, str]:
    """A hash partition of dm-verity for so many bytes, and its root hash; the levels below the top are left out."""
    head = struct.pack("<8sII16s32sIIQH6s", b"verity\0\0", 1, 1, bytes(16), algorithm.encode(), 4096, 4096,
                       data_size // 4096, len(salt), b"")  # fmt: skip
    top = b"top level".ljust(4096, b"\1")
    digest = hashlib.new(algorithm, salt + top).hexdigest()
    return (head + salt).ljust(4096, b"\0") + top, digest


def signature(root_hash: str, **changes: object) -> bytes:
    """A signature partition for a root hash."""
    value: dict[str, object] = {"rootHash": root_hash, "signature": "MAA=", "certificateFingerprint": "a" * 64}
    value |= changes
    text = json.dumps({key: one for key, one in value.items() if one is not None}).encode()
    return text + bytes(-len(text) % 4096)


def verity_set(designator: str = "root", architecture: str = "x86-64", signed: bool = True) -> list[Part]:
    """A data partition, its hashes and its signature, with the UUIDs that belong to them."""
    hashes, root_hash = verity(8192)
    parts = [
        Part(guid_of(designator, architecture), b"hsqs".ljust(8192, b"\0"), dps.first_uuid(root_hash)),
        Part(guid_of(f"{designator}-verity", architecture), hashes, dps.last_uuid(root_hash), flags=1 << 60),
        Part(guid_of(f"{designator}-verity-sig", architecture), signature(root_hash), flags=1 << 60),
    ]
    return parts if signed else parts[:2]


def changed(parts: Sequence[Part], index: int, part: Part) -> list[Part]:
    """The same partitions with one of them replaced."""
    return [*parts[:index], part, *parts[index + 1 :]]


def program(
    sections: Sequence[tuple[str, bytes]], machine: int = 0x8664, subsystem: int = 10, plus: bool = True
) -> bytearray:
    """A PE file with these sections; an empty content makes a section of no length."""
    optional = 240 if plus else 224
    head = 0x80 + 24 + optional + 40 * len(sections)
    offset = -(-head // 512) * 512
    table, body, address = b"", b"", 0x10000
    for name, content in sections:
        raw = content + bytes(-len(content) % 512)
        table += struct.pack("<8sIIIIIIHHI", name.encode(), len(content), address, len(raw),
                             offset + len(body) if raw else 0, 0, 0, 0, 0, 0x40000040)  # fmt: skip
        body += raw
        address += -(-max(len(content), 1) // 4096) * 4096
    image = bytearray(offset)
    image[0:2] = b"MZ"
    struct.pack_into("<I", image, 0x3C, 0x80)
    struct.pack_into("<4sHHIIIHH", image, 0x80, b"PE\0\0", machine, len(sections), 0, 0, 0, optional, 0x22)
    struct.pack_into("<H", image, 0x80 + 24, 0x20B if plus else 0x10B)
    struct.pack_into("<H", image, 0x80 + 24 + 68, subsystem)
    image[0x80 + 24 + optional : head] = table
    return image + body


class Watched:
    """A file that notes how much of it is read."""

    def __init__(self, data: bytes, size: int | None = None) -> None:
        self.data = bytes(data)
        self.read = 0
        self.reader = Reader("f", len(data) if size is None else size, self._fetch)

    def _fetch(self, offset: int, length: int) -> bytes:
        self.read += length
        return self.data[offset : offset + length].ljust(min(length, self.reader.size - offset), b"\0")


def sound(findings: Iterable[Finding]) -> list[str]:
    """The messages of findings, each of which has a known code and is a sentence that a terminal can show."""
    found = list(findings)
    for one in found:
        assert one.code in CODES and one.message.endswith(".") and str(one).isprintable(), one
        assert len(one.message) < 500, one
    return [one.message for one in found]
