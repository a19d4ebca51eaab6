"""Programs for UEFI: headers are read as they are, and hostile ones are named with their byte, quickly."""

import random
import struct
import time
from collections.abc import Callable

import pytest

from bbhv.formats.images import pe
from bbhv.formats.images.reader import MAX_FINDINGS, over

from .images import Watched, program, sound

SECTIONS = [(".text", b"t" * 700), (".osrel", b"ID=x\n"), (".longname", b""), (".linux", b"MZ")]
OPTIONAL = 0x80 + 24
TABLE = OPTIONAL + 240
Edit = Callable[[bytearray], object]


def messages(data: bytes | bytearray) -> list[str]:
    return sound(pe.parse(over("f", bytes(data)))[1])


@pytest.mark.parametrize("plus", [True, False])
@pytest.mark.parametrize(("machine", "name"), [(0x8664, "x86-64"), (0xAA64, "arm64"), (0x1234, "0x1234")])
def test_a_program_is_read(plus: bool, machine: int, name: str) -> None:
    file = over("f", bytes(program(SECTIONS, machine, 10, plus)))
    read, findings = pe.parse(file)
    assert read is not None and findings == ()
    assert (read.machine, read.subsystem) == (name, pe.EFI_APPLICATION)
    assert [section.name for section in read.sections] == [".text", ".osrel", ".longnam", ".linux"]
    assert [section.number for section in read.sections] == [1, 2, 3, 4]
    assert read.reader(file, read.sections[1]).at(0, 99) == b"ID=x\n"
    assert read.reader(file, read.sections[2]).at(0, 99) == b""


def test_a_program_that_is_cut_off_anywhere_is_a_finding() -> None:
    data = bytes(program(SECTIONS))
    for length in range(len(data)):
        told = messages(data[:length])
        assert told, length
    assert messages(data) == []


def test_random_edits_never_raise_and_read_little() -> None:
    data = bytes(program(SECTIONS))
    rng = random.Random(13)
    for _ in range(3000):
        spoilt = bytearray(data)
        for _ in range(rng.randint(1, 5)):
            at = rng.choice([0, 1, 0x3C, 0x3D, *range(0x80, TABLE + 160)])
            spoilt[at] = rng.choice((0, 1, 0x7F, 0xFF, rng.randrange(256)))
        watched = Watched(bytes(spoilt))
        _, findings = pe.parse(watched.reader)
        sound(findings)
        assert watched.read < 1 << 20


HOSTILE: dict[str, tuple[Edit, str]] = {
    "no MZ": (lambda data: data.__setitem__(0, 0), "byte 0 does not start with MZ"),
    "header beyond the end": (lambda data: struct.pack_into("<I", data, 0x3C, 0xFFFFFFFF), "at byte 4294967295, where"),
    "header on itself": (lambda data: struct.pack_into("<I", data, 0x3C, 0), "There is no PE header at byte 0"),
    "no PE": (lambda data: data.__setitem__(0x80, 0), "There is no PE header at byte 128"),
    "no section": (lambda data: struct.pack_into("<H", data, 0x86, 0), "announces 0 sections; 1 to 1024"),
    "65535 sections": (lambda data: struct.pack_into("<H", data, 0x86, 65535), "announces 65535 sections"),
    "more sections than bytes": (lambda data: struct.pack_into("<H", data, 0x86, 1000), "but the file ends at byte"),
    "short optional header": (lambda data: struct.pack_into("<H", data, 0x94, 60), "at byte 152 is neither PE32 nor"),
    "long optional header": (lambda data: struct.pack_into("<H", data, 0x94, 65535), "or is cut off"),
    "unknown magic": (lambda data: struct.pack_into("<H", data, OPTIONAL, 0x107), "is neither PE32 nor PE32+"),
    "section beyond the end": (
        lambda data: struct.pack_into("<I", data, TABLE + 40 + 20, 0xFFFFFE00), "Section 2 '.osrel' (header at byte 432"
    ),
    "raw size beyond the end": (
        lambda data: struct.pack_into("<I", data, TABLE + 16, 0xFFFFFFFF), "Section 1 '.text' (header at byte 392) has"
    ),
    "shared bytes": (
        lambda data: struct.pack_into("<I", data, TABLE + 40 + 20, 1024), "shares bytes of the file with section 2 '.os"
    ),
    "shared memory": (
        lambda data: struct.pack_into("<I", data, TABLE + 40 + 12, 0x10000), "shares bytes of memory with section 2"
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_header_is_named_with_its_byte(name: str) -> None:
    data = program(SECTIONS)
    edit, words = HOSTILE[name]
    edit(data)
    told = messages(data)
    assert any(words in one and "byte" in one or "sections" in one for one in told), told


def test_a_name_that_is_no_text_is_shown_as_escapes() -> None:
    data = program(SECTIONS)
    data[TABLE : TABLE + 8] = b"\x1b[31m\xff\n\x00"
    struct.pack_into("<I", data, TABLE + 20, 0x7FFFFFFF)
    assert any(r"'\x1b[31m\xff\n'" in one for one in messages(data))


def test_as_many_sections_as_are_read_overlap_quickly() -> None:
    data = program([(f".{number}", b"x") for number in range(pe.MAX_SECTIONS)])
    for number in range(pe.MAX_SECTIONS):
        struct.pack_into("<I", data, TABLE + 40 * number + 20, 0x200)
    start = time.process_time()
    assert len(messages(data)) == MAX_FINDINGS
    assert time.process_time() - start < 2
