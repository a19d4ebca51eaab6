"""Partition tables: read as they are, whatever is broken is named with its byte, and hostile numbers cost nothing."""

import random
import struct
import time
from collections.abc import Callable

import pytest

from bbhv.formats.images import gpt
from bbhv.formats.images.reader import MAX_FINDINGS, over

from .images import DISK, Part, Watched, disk, guid_of, seal, sound

ROOT, USR = guid_of("root"), guid_of("usr")
PARTS = [Part(ROOT, b"a" * 1024, name="Rööt"), Part(USR, b"b" * 100, flags=1 << 63 | 1 << 60 | 1)]
Edit = Callable[[bytearray], object]


def messages(image: bytes | bytearray) -> list[str]:
    return sound(gpt.parse(over("f", bytes(image)))[1])


def table_of(image: bytes | bytearray) -> gpt.Table:
    table, _ = gpt.parse(over("f", bytes(image)))
    assert table is not None
    return table


@pytest.mark.parametrize("sector", gpt.SECTORS)
@pytest.mark.parametrize("count", [4, 128, 1024])
def test_a_good_table_is_read_without_a_finding(sector: int, count: int) -> None:
    image = over("f", bytes(disk(PARTS, sector, count)))
    table, findings = gpt.parse(image)
    assert findings == () and table is not None
    assert (table.sector, table.uuid, table.backup) == (sector, DISK, False)
    first, second = table.partitions
    assert (first.number, first.type, first.name, first.flags) == (1, ROOT, "Rööt", 0)
    assert (second.number, second.type, second.flag(63), second.flag(59)) == (2, USR, True, False)
    assert first.first == table.first_usable and second.last == table.last_usable
    assert table.reader(image, first).at(0, 9999).rstrip(b"\0") == b"a" * 1024
    assert table.reader(image, second).at(0, 100) == b"b" * 100


def test_unused_entries_keep_their_number() -> None:
    image = disk([*PARTS, Part(ROOT, first=5, last=5)], tail=1)
    image[1024 + 128 : 1024 + 256] = bytes(128)
    at = len(image) - 1024
    image[at + 128 : at + 256] = bytes(128)
    assert [one.number for one in table_of(seal(image)).partitions] == [1, 3]


def test_an_image_that_is_cut_off_anywhere_is_a_finding() -> None:
    image = bytes(disk(PARTS))
    for length in range(len(image)):
        table, findings = gpt.parse(over("f", image[:length]))
        assert sound(findings)
        assert table is None or table.uuid == DISK
    assert messages(image) == []


def test_a_flipped_bit_is_found_and_never_misread() -> None:
    image = bytes(disk(PARTS))
    good = table_of(image).partitions
    rng = random.Random(7)
    backup = len(image) - 1024
    guarded = [*range(446 + 4, 462), 510, 511, *range(512, 604), *range(1024, 1536), *range(backup, backup + 604)]
    for _ in range(1500):
        data = bytearray(image)
        at = rng.choice(guarded)
        data[at] ^= 1 << rng.randrange(8)
        table, findings = gpt.parse(over("f", bytes(data)))
        ignored = at in range(450, 458) or at in range(458, 462)
        assert sound(findings) or ignored, at
        assert table is not None or at >= 512, at
        if table is not None:
            read = [(one.type, one.first, one.last, one.name) for one in table.partitions]
            assert read == [(one.type, one.first, one.last, one.name) for one in good]


def test_random_edits_with_right_checksums_never_raise_and_stay_bounded() -> None:
    image = bytes(disk(PARTS))
    rng = random.Random(11)
    numbers = (0, 1, 2, 127, 128, 129, 0x7FFFFFFF, 0xFFFFFFFF, (1 << 63) - 1, (1 << 64) - 1)
    for _ in range(1500):
        data = bytearray(image)
        for _ in range(rng.randint(1, 4)):
            at = rng.choice([*range(512 + 8, 604, 4), *range(1024, 1280, 8), len(image) - 512 + 24])
            data[at : at + 8] = struct.pack("<Q", rng.choice(numbers))
        watched = Watched(bytes(seal(data)))
        _, findings = gpt.parse(watched.reader)
        sound(findings)
        assert len(findings) <= MAX_FINDINGS and watched.read < 1 << 20


DAMAGE: dict[str, tuple[Edit, list[str]]] = {
    "no primary header": (
        lambda image: image.__setitem__(slice(512, 520), bytes(8)), ["There is no primary GPT header at byte 512."]
    ),
    "primary checksum": (
        lambda image: image.__setitem__(560, 77), ["primary GPT header at byte 512 does not match its checksum."]
    ),
    "primary entries": (
        lambda image: image.__setitem__(1024 + 60, 7), ["entries at byte 1024 do not match the checksum in the GPT hea"]
    ),
    "header too long": (
        lambda image: struct.pack_into("<I", image, 512 + 12, 513), ["at byte 512 says that it has 513 bytes."]
    ),
    "header too short": (
        lambda image: struct.pack_into("<I", image, 512 + 12, 91), ["at byte 512 says that it has 91 bytes."]
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_primary_table_is_a_finding_and_the_backup_is_read(name: str) -> None:
    image = disk(PARTS)
    edit, words = DAMAGE[name]
    edit(image)
    table, findings = gpt.parse(over("f", bytes(image)))
    assert table is not None and table.backup and [one.name for one in table.partitions] == ["Rööt", "part"]
    told = sound(findings)
    assert [any(word in one for one in told) for word in words] == [True] * len(words), told
    assert {one.code for one in findings} == {"BB111"}


def test_a_damaged_backup_is_a_finding() -> None:
    image = disk(PARTS)
    end = len(image) - 512
    image[end + 20] ^= 1
    assert messages(image) == [f"The backup GPT header at byte {end} does not match its checksum."]
    assert not table_of(image).backup


def test_headers_that_disagree_are_a_finding_and_the_primary_counts() -> None:
    image = disk(PARTS)
    image[len(image) - 1024 + 16] ^= 1
    end = len(image) - 512
    assert messages(seal(image)) == [f"The GPT headers at byte 512 and byte {end} disagree."]
    assert table_of(image).partitions[0].uuid.endswith("01")


def test_two_damaged_copies_are_no_table() -> None:
    image = disk(PARTS)
    image[1024] ^= 1
    image[len(image) - 1024] ^= 1
    assert gpt.parse(over("f", bytes(image)))[0] is None
    assert len(messages(image)) == 2


def test_an_image_without_a_table_says_where_one_was_looked_for() -> None:
    for data in (b"", b"x", bytes(511), bytes(512), bytes(9000)):
        table, findings = gpt.parse(over("f", data))
        assert table is None and [one.code for one in findings] == ["BB112"]
        assert gpt.sector_size(over("f", data)) == 0


def test_a_grown_image_has_its_backup_not_at_the_end() -> None:
    image = disk(PARTS)
    end = len(image) - 512
    told = messages(image + bytes(1024))
    assert any(f"backup GPT header is at byte {end}, but the last sector is at byte {end + 1024}." in one
               for one in told)
    assert any(one.startswith("The protective MBR at byte 0 covers") for one in told)


# Edits of the image whose checksums are made right again: the maker of the image says it, so it counts as said.
SAID: dict[str, tuple[Edit, str]] = {
    "version": (lambda i: struct.pack_into("<I", i, 520, 0x20000), "at byte 512 is not of version 1.0"),
    "own place": (lambda i: struct.pack_into("<Q", i, 536, 9), "at byte 512 says that it is at byte 4608"),
    "entry size": (lambda i: struct.pack_into("<I", i, 596, 256), "has entries of 256 bytes; Linux reads only"),
    "entry size zero": (lambda i: struct.pack_into("<I", i, 596, 0), "has entries of 0 bytes"),
    "no entries": (lambda i: struct.pack_into("<I", i, 592, 0), "has 0 entries; 1 to 1024 are read"),
    "too many entries": (lambda i: struct.pack_into("<I", i, 592, 0xFFFFFFFF), "has 4294967295 entries"),
    "entries far away": (lambda i: struct.pack_into("<Q", i, 584, (1 << 64) - 1), "where they cannot be"),
    "entries in the data": (lambda i: struct.pack_into("<Q", i, 584, 3), "where they cannot be"),
    "entries on the header": (lambda i: struct.pack_into("<Q", i, 584, 1), "where they cannot be"),
    "usable too far": (lambda i: struct.pack_into("<Q", i, 560, (1 << 64) - 1), "but the image has"),
    "usable turned round": (lambda i: struct.pack_into("<QQ", i, 552, 9, 3), "allows bytes 4608 to 2048"),
    "start behind end": (lambda i: struct.pack_into("<QQ", i, 1056, 4, 3), "ends in sector 3, before it starts"),
    "beyond the end": (lambda i: struct.pack_into("<Q", i, 1064, 1 << 40), "has sectors 3 to 1099511627776; usable"),
    "near two to the 64": (lambda i: struct.pack_into("<QQ", i, 1056, 3, (1 << 64) - 1), "18446744073709551615"),
    "in front": (lambda i: struct.pack_into("<QQ", i, 1056, 0, 4), "has sectors 0 to 4; usable are"),
    "overlap": (lambda i: struct.pack_into("<QQ", i, 1056 + 128, 4, 5), "starts in sector 4, inside of partition 1"),
    "same place": (lambda i: struct.pack_into("<QQ", i, 1056 + 128, 3, 4), "starts in sector 3, inside of partition 1"),
    "same UUID": (lambda i: i.__setitem__(slice(1168, 1184), i[1040:1056]), "has the same UUID as partition 1"),
    "no UUID": (lambda i: i.__setitem__(slice(1168, 1184), bytes(16)), "Partition 2 (entry at byte 1152) has no UUID"),
    "reserved flags": (lambda i: struct.pack_into("<Q", i, 1072, 8), "has reserved attribute flags: 0x000000000000000"),
    "lone surrogate": (lambda i: struct.pack_into("<H", i, 1080, 0xD800), "has a name that is not plain text: 00d8"),
    "escape in a name": (lambda i: struct.pack_into("<H", i, 1080, 27), "has a name that is not plain text: 1b00"),
}


@pytest.mark.parametrize("name", SAID)
def test_what_a_table_says_wrongly_is_named_with_its_byte(name: str) -> None:
    image = disk(PARTS)
    edit, words = SAID[name]
    edit(image)
    told = messages(seal(image))
    assert any(words in one and "byte" in one for one in told), told


MBR: dict[str, tuple[Edit, str]] = {
    "no signature": (lambda image: image.__setitem__(510, 0), "There is no protective MBR at byte 0"),
    "no protective entry": (lambda image: image.__setitem__(450, 0x83), "There is no protective MBR at byte 0"),
    "wrong start": (lambda image: image.__setitem__(454, 2), "from 2, not the whole image"),
    "wrong size": (lambda image: image.__setitem__(458, 1), "covers 1 sectors from 1"),
    "hybrid": (lambda image: image.__setitem__(466, 0x83), "The MBR at byte 0 has partitions of its own"),
}


@pytest.mark.parametrize("name", MBR)
def test_the_protective_mbr_protects(name: str) -> None:
    image = disk(PARTS)
    edit, words = MBR[name]
    edit(image)
    told = messages(image)
    assert len(told) == 1 and words in told[0]
    assert len(table_of(image).partitions) == 2


def test_headers_for_two_sector_sizes_are_not_clear() -> None:
    image = disk([Part(ROOT, bytes(8192))])
    image[4096:4104] = b"EFI PART"
    assert any("the sector size is not clear" in one for one in messages(image))


def test_a_table_of_overlapping_partitions_is_checked_quickly() -> None:
    image = disk([Part(ROOT, b"", uuid=DISK, first=600, last=700) for _ in range(1024)], count=1024, tail=900)
    start = time.process_time()
    table, findings = gpt.parse(over("f", bytes(image)))
    assert time.process_time() - start < 2
    assert table is not None and len(table.partitions) == 1024 and len(findings) == MAX_FINDINGS


def test_a_terabyte_is_read_at_its_ends_only() -> None:
    watched = Watched(bytes(disk(PARTS)), size=1 << 40)
    table, findings = gpt.parse(watched.reader)
    assert table is not None and findings and watched.read < 1 << 20
