"""GUID partition tables (UEFI specification, chapter 5), as Linux reads them.

Promises: `parse` never raises for what the bytes say and reads a bounded part of them: the protective MBR, both
headers and both entry arrays. Findings: BB111 (damaged) and BB112 (against the specification); each says at which
byte. The table is read from the backup when the primary one is damaged. Sectors have 512 or 4096 bytes.
"""

from binascii import crc32
from typing import Iterator

from ...findings import Finding
from ...records import dataclass
from .reader import Reader, Report, integer

MAGIC = b"EFI PART"
SECTORS = (512, 4096)
MAX_ENTRIES = 1024
# Linux refuses every other size, although the specification allows larger ones.
ENTRY_SIZE = 128

_HEADER_SIZE = 92
_NOTHING = bytes(16)
_RESERVED_FLAGS = ((1 << 48) - 1) & ~0b111
_REWRITE = "Write the table anew, for example with sfdisk."


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """One used entry: `first` and `last` are sectors, both inclusive; `at` is the byte where the entry stands."""

    number: int
    type: str
    uuid: str
    first: int
    last: int
    flags: int
    name: str
    at: int

    def flag(self, bit: int) -> bool:
        """Whether an attribute flag is set."""
        return bool(self.flags >> bit & 1)

    def __str__(self) -> str:
        return f"Partition {self.number} (entry at byte {self.at})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A partition table. `backup` says that it was read from the backup, because the primary one is damaged."""

    sector: int
    uuid: str
    first_usable: int
    last_usable: int
    partitions: tuple[Partition, ...]
    backup: bool = False

    def reader(self, image: Reader, partition: Partition) -> Reader:
        """The bytes of a partition, as far as the image has them."""
        sectors = max(0, partition.last - partition.first + 1)
        return image.part(partition.first * self.sector, sectors * self.sector)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    """A header whose own checksum is right: `at` in bytes, positions in sectors."""

    at: int
    current: int
    alternate: int
    first_usable: int
    last_usable: int
    uuid: str
    entries: int
    count: int
    entries_crc: int

    @property
    def content(self) -> tuple[str, int, int, int, int]:
        """What the primary and the backup header must have in common."""
        return self.uuid, self.first_usable, self.last_usable, self.count, self.entries_crc


def guid(data: bytes) -> str:
    """A GUID as text, in lower case. On disk its first three fields are little-endian."""
    parts = (data[3::-1], data[5:3:-1], data[7:5:-1], data[8:10], data[10:16])
    return "-".join(part.hex() for part in parts)


def sector_size(image: Reader) -> int:
    """The sector size that the image's headers show, or 0 when it has no GPT (UAPI.3, Image Format)."""
    places = [(size, size) for size in SECTORS] + [(size, _last(image, size) * size) for size in SECTORS]
    return next((size for size, at in places if at >= size and image.at(at, 8) == MAGIC), 0)


def parse(image: Reader) -> tuple[Table | None, tuple[Finding, ...]]:
    """The partition table of an image. None when it has none, or when neither copy can be read."""
    report = Report(image.file)
    sector = sector_size(image)
    if not sector:
        message = "There is no GPT: neither at byte 512 or 4096 nor in the last sector are the words EFI PART."
        report.error("BB112", message, "Make the image with systemd-repart, or give a squashfs, erofs or ext4 image.")
        return None, report.all
    _check_mbr(image, sector, report)
    if all(image.at(size, 8) == MAGIC for size in SECTORS):
        report.error("BB112", "There are GPT headers at byte 512 and at byte 4096: the sector size is not clear.")
    primary = _header(image, sector, "primary", sector, report)
    end = _last(image, sector)
    backup = _header(image, sector, "backup", (primary.alternate if primary else end) * sector, report)
    if backup and backup.current != end:
        message = f"The backup GPT header is at byte {backup.at}, but the last sector is at byte {end * sector}."
        report.warn("BB112", message, "Run: sfdisk --relocate gpt-bak-std IMAGE")
    if primary and backup and primary.content != backup.content:
        message = f"The GPT headers at byte {primary.at} and byte {backup.at} disagree."
        report.error("BB111", message, _REWRITE)
    table = None
    for header in (primary, backup):
        data = _entries(image, sector, header, report) if header else None
        if header and data is not None and table is None:
            table = _table(image, sector, header, data, report)
    return table, report.all


def _last(image: Reader, sector: int) -> int:
    """The number of the image's last whole sector."""
    return image.size // sector - 1


def _check_mbr(image: Reader, sector: int, report: Report) -> None:
    """The protective MBR, without which Linux does not look for a GPT (UEFI specification, 5.2.3)."""
    record = image.at(0, 512)
    slots = [record[at : at + 16] for at in range(446, 510, 16)]
    protective = [slot for slot in slots if slot[4:5] == b"\xee"]
    if record[510:] != b"\x55\xaa" or not protective:
        report.error("BB112", "There is no protective MBR at byte 0: Linux does not see the GPT.", _REWRITE)
        return
    first, count = integer(protective[0], 8, 4), integer(protective[0], 12, 4)
    # A number of sectors that does not fit is written as the highest number; some tools always write that.
    if first != 1 or count not in (min(_last(image, sector), 0xFFFFFFFF), 0xFFFFFFFF):
        message = f"The protective MBR at byte 0 covers {count} sectors from {first}, not the whole image."
        report.warn("BB112", message, _REWRITE)
    if any(slot[4] not in (0, 0xEE) for slot in slots):
        report.warn("BB112", "The MBR at byte 0 has partitions of its own: who reads them sees another image.")


def _header(image: Reader, sector: int, what: str, at: int, report: Report) -> _Header | None:
    """The header at a byte, when its checksum is right."""
    data = image.at(at, sector)
    if len(data) < sector:
        message = f"The {what} GPT header should be at byte {at}, but the image ends at byte {image.size}."
        report.error("BB111", message, "The image is cut off: copy it again.")
        return None
    size = integer(data, 12, 4)
    if data[:8] != MAGIC:
        report.error("BB111", f"There is no {what} GPT header at byte {at}.", _REWRITE)
    elif not _HEADER_SIZE <= size <= sector:
        report.error("BB111", f"The {what} GPT header at byte {at} says that it has {size} bytes.", _REWRITE)
    elif crc32(data[:16] + bytes(4) + data[20:size]) != integer(data, 16, 4):
        report.error("BB111", f"The {what} GPT header at byte {at} does not match its checksum.", _REWRITE)
    else:
        return _fields(image, sector, what, at, data, report)
    return None


def _fields(image: Reader, sector: int, what: str, at: int, data: bytes, report: Report) -> _Header | None:
    """What a header says, when it is possible. A checksum is no proof: who made the image made it too."""
    header = _Header(
        at=at, current=integer(data, 24, 8), alternate=integer(data, 32, 8), first_usable=integer(data, 40, 8),
        last_usable=integer(data, 48, 8), uuid=guid(data[56:72]), entries=integer(data, 72, 8),
        count=integer(data, 80, 4), entries_crc=integer(data, 88, 4),
    )  # fmt: skip
    size = header.count * ENTRY_SIZE
    start, end = header.entries * sector, header.entries * sector + size
    usable = header.first_usable * sector, (header.last_usable + 1) * sector
    others = ((0, 2 * sector), usable, (at, at + sector))
    problems = (
        (integer(data, 8, 4) != 0x10000, "BB112", "is not of version 1.0"),
        (header.current * sector != at, "BB111", f"says that it is at byte {header.current * sector}"),
        (integer(data, 84, 4) != ENTRY_SIZE, "BB112",
         f"has entries of {integer(data, 84, 4)} bytes; Linux reads only those of {ENTRY_SIZE}"),
        (not 0 < header.count <= MAX_ENTRIES, "BB112", f"has {header.count} entries; 1 to {MAX_ENTRIES} are read"),
        (usable[0] > usable[1] or usable[1] > image.size, "BB111",
         f"allows bytes {usable[0]} to {usable[1]}, but the image has {image.size}"),
        (end > image.size or any(start < last and first < end for first, last in others), "BB111",
         f"has its entries at bytes {start} to {end}, where they cannot be"),
    )  # fmt: skip
    wrong = [(code, text) for bad, code, text in problems if bad]
    for code, text in wrong:
        report.error(code, f"The {what} GPT header at byte {at} {text}.", _REWRITE)
    return None if wrong else header


def _entries(image: Reader, sector: int, header: _Header, report: Report) -> bytes | None:
    """The bytes of the entries, when their checksum is right."""
    at = header.entries * sector
    data = image.at(at, header.count * ENTRY_SIZE)
    if crc32(data) == header.entries_crc:
        return data
    message = f"The partition entries at byte {at} do not match the checksum in the GPT header at byte {header.at}."
    report.error("BB111", message, _REWRITE)
    return None


def _table(image: Reader, sector: int, header: _Header, data: bytes, report: Report) -> Table:
    """The table with its used entries, all of them checked."""
    base = header.entries * sector
    table = Table(
        sector=sector, uuid=header.uuid, first_usable=header.first_usable, last_usable=header.last_usable,
        partitions=tuple(_partitions(data, base)), backup=header.at != sector,
    )  # fmt: skip
    for one in table.partitions:
        _check_place(table, one, report)
        _check_name(data[one.at - base :][56:ENTRY_SIZE], one, report)
        if one.flags & _RESERVED_FLAGS:
            report.warn("BB112", f"{one} has reserved attribute flags: {one.flags:#018x}.")
    _check_overlaps(table, report)
    _check_identity(table, report)
    return table


def _partitions(data: bytes, base: int) -> Iterator[Partition]:
    for number, at in enumerate(range(0, len(data), ENTRY_SIZE), 1):
        entry = data[at : at + ENTRY_SIZE]
        if entry[:16] != _NOTHING:
            yield Partition(
                number=number, type=guid(entry[:16]), uuid=guid(entry[16:32]), first=integer(entry, 32, 8),
                last=integer(entry, 40, 8), flags=integer(entry, 48, 8), name=_name(entry[56:]), at=base + at,
            )  # fmt: skip


def _name(data: bytes) -> str:
    return data.decode("utf-16-le", "replace").partition("\0")[0]


def _check_name(data: bytes, one: Partition, report: Report) -> None:
    if "\ufffd" in one.name or not one.name.isprintable():
        report.warn("BB112", f"{one} has a name that is not plain text: {data.rstrip(bytes(1))[:72].hex()}.")


def _check_place(table: Table, one: Partition, report: Report) -> None:
    if one.first > one.last:
        report.error("BB111", f"{one} ends in sector {one.last}, before it starts in sector {one.first}.", _REWRITE)
    elif one.first < table.first_usable or one.last > table.last_usable:
        usable = f"sectors {table.first_usable} to {table.last_usable}"
        report.error("BB111", f"{one} has sectors {one.first} to {one.last}; usable are {usable}.", _REWRITE)


def _check_overlaps(table: Table, report: Report) -> None:
    """No sector belongs to two partitions."""
    whole = [one for one in table.partitions if one.first <= one.last]
    before: Partition | None = None
    for one in sorted(whole, key=lambda one: (one.first, one.last)):
        if before and one.first <= before.last:
            message = f"{one} starts in sector {one.first}, inside of partition {before.number}."
            report.error("BB111", message, _REWRITE)
        before = one if before is None or one.last > before.last else before


def _check_identity(table: Table, report: Report) -> None:
    """Every partition has an UUID of its own: systemd and udev find partitions by it."""
    known: dict[str, int] = {}
    for one in table.partitions:
        other = known.setdefault(one.uuid, one.number)
        if one.uuid == guid(_NOTHING):
            report.error("BB112", f"{one} has no UUID.", "Give it one: sfdisk --part-uuid IMAGE N UUID")
        elif other != one.number:
            message = f"{one} has the same UUID as partition {other}: {one.uuid}."
            report.error("BB112", message, "Give each its own: sfdisk --part-uuid IMAGE N UUID")
