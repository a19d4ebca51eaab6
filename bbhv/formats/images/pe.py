"""Programs for UEFI: PE32 and PE32+ files (Microsoft PE and COFF specification), as far as boot files need it.

Promises: `parse` never raises for what the bytes say; it reads the headers only, and at most MAX_SECTIONS section
headers. Findings: BB111; each says at which byte.
"""

from typing import Mapping

from ...findings import Finding
from ...records import dataclass
from .reader import Reader, Report, integer

# Far more than any boot file has; a header may announce 65535.
MAX_SECTIONS = 1024
EFI_APPLICATION = 10

MACHINES: Mapping[int, str] = {
    0x8664: "x86-64", 0xAA64: "arm64", 0x014C: "x86", 0x01C0: "arm", 0x01C2: "arm", 0x01C4: "arm",
    0x5032: "riscv32", 0x5064: "riscv64", 0x6232: "loongarch32", 0x6264: "loongarch64", 0x0200: "ia64",
}  # fmt: skip
_COFF, _SECTION = 24, 40
# The magic of the optional header, and how long it is at least without its data directories.
_OPTIONAL = {0x10B: 96, 0x20B: 112}
_BROKEN = "Build the file anew, for example with ukify."


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One section: `at` is the byte of its header, `offset` and `raw` its place in the file, `size` what is loaded."""

    number: int
    name: str
    at: int
    size: int
    address: int
    raw: int
    offset: int

    @property
    def length(self) -> int:
        """How many bytes of the file are its content: what is behind `size` fills up the alignment."""
        return min(self.size, self.raw)

    def __str__(self) -> str:
        return f"Section {self.number} {self.name!a} (header at byte {self.at})"


@dataclass(frozen=True, slots=True)
class Program:
    """A PE file: the architecture's name (or its number in hexadecimal), its subsystem, its sections in their order."""

    machine: str
    subsystem: int
    sections: tuple[Section, ...]

    def reader(self, file: Reader, section: Section) -> Reader:
        """The content of a section."""
        return file.part(section.offset, section.length)


def parse(file: Reader) -> tuple[Program | None, tuple[Finding, ...]]:
    """The headers of a program; None when they cannot be understood."""
    report = Report(file.file)
    start = integer(file.at(0x3C, 4), 0, 4)
    head = file.at(start, _COFF)
    if file.at(0, 2) != b"MZ":
        report.error("BB111", "There is no program for UEFI: byte 0 does not start with MZ.", _BROKEN)
        return None, report.all
    if start < 0x40 or len(head) < _COFF or head[:4] != b"PE\0\0":
        report.error("BB111", f"There is no PE header at byte {start}, where byte 60 says that it is.", _BROKEN)
        return None, report.all
    optional = file.at(start + _COFF, integer(head, 20, 2))
    magic, size = integer(optional, 0, 2), integer(head, 20, 2)
    if magic not in _OPTIONAL or len(optional) < max(size, _OPTIONAL[magic]):
        report.error("BB111", f"The optional header at byte {start + _COFF} is neither PE32 nor PE32+, or is cut off.",
                     _BROKEN)
        return None, report.all
    sections = _sections(file, start + _COFF + size, integer(head, 6, 2), report)
    if sections is None:
        return None, report.all
    _check_places(file, sections, report)
    machine = integer(head, 4, 2)
    return Program(MACHINES.get(machine, f"{machine:#06x}"), integer(optional, 68, 2), sections), report.all


def _sections(file: Reader, at: int, count: int, report: Report) -> tuple[Section, ...] | None:
    """The section headers, when all that are announced are there."""
    if not 0 < count <= MAX_SECTIONS:
        report.error("BB111", f"The PE header announces {count} sections; 1 to {MAX_SECTIONS} are read.", _BROKEN)
        return None
    data = file.at(at, count * _SECTION)
    if len(data) < count * _SECTION:
        message = f"The headers of {count} sections start at byte {at}, but the file ends at byte {file.size}."
        report.error("BB111", message, "The file is cut off: copy it again.")
        return None
    return tuple(
        _section(data[place : place + _SECTION], number, at + place)
        for number, place in enumerate(range(0, len(data), _SECTION), 1)
    )


def _section(data: bytes, number: int, at: int) -> Section:
    return Section(
        number=number, name=data[:8].rstrip(b"\0").decode("latin-1"), at=at, size=integer(data, 8, 4),
        address=integer(data, 12, 4), raw=integer(data, 16, 4), offset=integer(data, 20, 4),
    )  # fmt: skip


def _check_places(file: Reader, sections: tuple[Section, ...], report: Report) -> None:
    """Every section is in the file, and none shares its bytes or its memory with another."""
    for one in sections:
        if one.length and one.offset + one.raw > file.size:
            message = f"{one} has bytes {one.offset} to {one.offset + one.raw}, but the file has {file.size}."
            report.error("BB111", message, "The file is cut off: copy it again.")
    ends = (
        ("the file", [(one.offset, one.offset + one.raw, one) for one in sections if one.raw]),
        ("memory", [(one.address, one.address + one.size, one) for one in sections if one.size]),
    )
    for where, ranges in ends:
        _check_overlaps(where, ranges, report)


def _check_overlaps(where: str, ranges: list[tuple[int, int, Section]], report: Report) -> None:
    high, holder = 0, ""
    for first, last, one in sorted(ranges, key=lambda item: (item[0], item[1], item[2].number)):
        if first < high:
            report.error("BB111", f"{one} shares bytes of {where} with {holder}.", _BROKEN)
        if last > high:
            high, holder = last, f"section {one.number} {one.name!a}"
