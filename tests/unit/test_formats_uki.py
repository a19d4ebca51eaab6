"""Unified kernel images and addons: what they need, what may be there once, and content that can be read."""

import json
import random

import pytest

from bbhv.formats.images import pe, uki
from bbhv.formats.images.reader import MAX_FINDINGS, over

from .images import Watched, program, sound

KERNEL = bytes(program([(".text", b"k")]))
ARM_KERNEL = bytes(program([(".text", b"k")], machine=0xAA64))
OSREL = b'PRETTY_NAME="Debian 13"\nID=debian\nVERSION_ID=13\n'
SIGNATURE = {"pcrs": [11], "pkfp": "ab", "pol": "cd", "sig": "AAAA"}
PCRSIG = json.dumps({"sha256": [SIGNATURE]}).encode() + b"\0"
DTB = b"\xd0\x0d\xfe\xed\x00\x00\x00\x08"
Sections = list[tuple[str, bytes]]
BASE: Sections = [(".text", b"stub"), (".linux", KERNEL), (".osrel", OSREL), (".cmdline", b"quiet")]
FULL: Sections = [
    *BASE, (".initrd", b"070701"), (".ucode", b"070701"), (".splash", b"BM"), (".dtb", DTB), (".dtbauto", DTB),
    (".dtbauto", DTB), (".efifw", b"x"), (".efifw", b"y"), (".hwids", b"h"), (".uname", b"6.18.1-amd64"),
    (".sbat", b"sbat,1,SBAT Version,sbat,1,https://x\nsystemd,1,a,b,c,d\n\0"), (".pcrsig", PCRSIG),
    (".pcrpkey", b"-----BEGIN PUBLIC KEY-----\nAA\n-----END PUBLIC KEY-----\n"),
]  # fmt: skip


def told(sections: Sections, addon: bool = False, machine: int = 0x8664, subsystem: int = 10) -> list[str]:
    file = over("f", bytes(program(sections, machine, subsystem)))
    read, findings = pe.parse(file)
    assert read is not None and findings == (), findings
    return sound(uki.check(file, read, addon=addon))


def test_images_are_good() -> None:
    assert told(BASE) == []
    assert told(FULL) == []
    assert told([(".linux", ARM_KERNEL), (".osrel", OSREL)], machine=0xAA64) == []


@pytest.mark.parametrize("name", [".cmdline", ".initrd", ".ucode", ".dtb", ".dtbauto"])
def test_an_addon_has_something_for_an_image(name: str) -> None:
    content = dict(FULL)[name]
    assert told([(name, content)], addon=True) == []
    assert told([(".text", b"t"), (".sbat", b"sbat,1,a,b,c,d"), (name, content)], addon=True) == []


def test_an_image_with_profiles_is_good() -> None:
    two = b'ID=two\nTITLE="Two"\n'
    profiles = [(".profile", b"ID=one\n"), (".cmdline", b"one"), (".profile", two), (".cmdline", b"")]
    assert told([*BASE, *profiles]) == []


ROLES: dict[str, tuple[Sections, bool, str]] = {
    "nothing of a UKI": ([(".text", b"t"), (".sbat", b"sbat,1,a,b,c,d")], False, "There is no .linux section: it is a"),
    "no os-release": ([(".linux", KERNEL)], False, "There is no .osrel section: the boot menu and bootctl do not list"),
    "an addon by content": ([(".cmdline", b"x")], False, "but those of an addon, which the stub looks for by name"),
    "an image by content": (BASE, True, "is called an addon, but has a kernel in Section 2 '.linux' (header at byte 4"),
    "an empty addon": ([(".text", b"t")], True, "at least one of the sections .cmdline, .initrd, .ucode, .dtb, .dtbau"),
    "an os-release alone": ([(".osrel", OSREL)], True, "An addon has at least one of the sections"),
}


@pytest.mark.parametrize("name", ROLES)
def test_a_file_is_what_its_name_says(name: str) -> None:
    sections, addon, words = ROLES[name]
    said = told(sections, addon)
    assert any(words in one for one in said), said


def test_the_header_is_for_uefi_and_a_known_machine() -> None:
    assert told(BASE, subsystem=3)[0] == "The subsystem is 3, not 10: it is no application for UEFI."
    assert told([(".linux", bytes(program([(".t", b"k")], machine=0x14C))), (".osrel", OSREL)], machine=0x14C) == [
        "The file is for x86; known are x86-64 and arm64."
    ]


@pytest.mark.parametrize("name", [row.name for row in uki.ROWS if not row.repeatable and row.name != ".profile"])
def test_a_section_is_there_once_in_each_profile(name: str) -> None:
    section = (name, dict(FULL)[name])
    others = [one for one in BASE if one[0] != name]
    assert told([*others, section]) == []
    assert "is a second one in the image" in told([*others, section, section])[0]
    profile = (".profile", b"ID=a\n")
    assert told([*others, section, profile, section, profile, section]) == []
    assert "is a second one in profile @1" in told([*others, profile, profile, section, section])[0]


CONTENT: dict[str, tuple[str, bytes, str]] = {
    "kernel no program": (".linux", b"\x1f\x8b", "is no kernel that UEFI can start"),
    "kernel cut off": (".linux", b"MZ", "The kernel at byte"),
    "kernel of another machine": (".linux", ARM_KERNEL, "is a kernel for arm64 in an image for x86-64"),
    "os-release not read": (".osrel", b"what\n", "The os-release at byte"),
    "os-release no text": (".osrel", b"\xff", "The file is not UTF-8 text."),
    "os-release without a title": (".osrel", b"ID=x\n", "has no PRETTY_NAME=: the boot menu has no title"),
    "command line no text": (".cmdline", b"a\xff", "is not UTF-8 text: look at byte"),
    "command line of two lines": (".cmdline", b"a\nb", "has control characters or more than one line"),
    "command line with NUL": (".cmdline", b"a\0b", "has a NUL byte in the middle"),
    "command line too long": (".cmdline", b"a" * (uki.MAX_TEXT + 1), "text has at most 1048576"),
    "release with a space": (".uname", b"6.1 x", "is no kernel release"),
    "SBAT without itself": (".sbat", b"x,1,a,b,c,d", "does not start with a line for sbat"),
    "SBAT short": (".sbat", b"sbat,1,a", "has a line that is not: component,generation,vendor"),
    "SBAT without a number": (".sbat", b"sbat,x,a,b,c,d", "has a line that is not"),
    "profile not read": (".profile", b"what\n", "The profile at byte"),
    "key not PEM": (".pcrpkey", b"\x30\x82", "is not UTF-8 text"),
    "key without its line": (".pcrpkey", b"AAAA", "is no public key in PEM form"),
    "signature no JSON": (".pcrsig", b"{", "The signature at byte"),
    "signature no object": (".pcrsig", b"[]", "is no JSON object with a list"),
    "signature no list": (".pcrsig", b'{"sha256": 1}', "is no JSON object with a list"),
    "signature without pol": (".pcrsig", b'{"sha256": [{"pcrs": [11]}]}', "has a signature without pcrs, pkfp"),
    "signature of register 99": (
        ".pcrsig", json.dumps({"sha1": [{**SIGNATURE, "pcrs": [99]}]}).encode(), "has a signature without pcrs"
    ),
    "signature of true": (
        ".pcrsig", json.dumps({"sha1": [{**SIGNATURE, "pcrs": [True]}]}).encode(), "has a signature without pcrs"
    ),
    "signature no Base64": (
        ".pcrsig", json.dumps({"sha1": [{**SIGNATURE, "sig": "!"}]}).encode(), "has a signature without pcrs"
    ),
    "picture": (".splash", b"\x89PNG", "is no BMP picture: it is not shown"),
    "device tree": (".dtb", b"\xd0\x0d\xfe\xee\0\0\0\x08", "is no whole device tree blob"),
    "device tree cut off": (".dtbauto", b"\xd0\x0d\xfe\xed\0\0\0\x09", "is no whole device tree blob"),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTENT)
def test_the_content_of_a_section_can_be_read(name: str) -> None:
    section, content, words = CONTENT[name]
    said = told([*(one for one in BASE if one[0] != section), (section, content)])
    assert any(words in one for one in said), said


def test_more_profiles_than_are_used_are_a_finding() -> None:
    many = [(".profile", b"ID=a\n")] * (uki.MAX_PROFILES + 1)
    assert told([*BASE, *many]) == ["There are 257 profiles; at most 256 are used."]


def test_a_profile_uses_its_own_sections_and_those_of_the_base_in_the_canonical_order() -> None:
    sections = [(".cmdline", b"base"), (".osrel", OSREL), (".linux", KERNEL), (".splash", b"BM"), (".text", b"t"),
                (".profile", b"ID=a\n"), (".splash", b""), (".profile", b"ID=b\n"), (".cmdline", b"two!")]  # fmt: skip
    file = over("f", bytes(program(sections)))
    read, _ = pe.parse(file)
    assert read is not None and len(uki.profiles(read)) == 3
    assert [one.name for one in uki.effective(read)] == [".linux", ".osrel", ".cmdline", ".splash"]
    assert [one.name for one in uki.effective(read, 0)] == [".linux", ".osrel", ".cmdline", ".profile"]
    two = uki.effective(read, 1)
    assert [one.name for one in two] == [".linux", ".osrel", ".cmdline", ".splash", ".profile"]
    assert read.reader(file, two[2]).at(0, 9) == b"two!"


def test_random_edits_never_raise_and_read_little() -> None:
    data = bytes(program([*FULL, (".profile", b"ID=a\n"), (".cmdline", b"x")]))
    rng = random.Random(17)
    for _ in range(700):
        spoilt = bytearray(data)
        for _ in range(rng.randint(1, 6)):
            spoilt[rng.randrange(0x80, len(data))] = rng.choice((0, 1, 0x7F, 0xFF, rng.randrange(256)))
        watched = Watched(bytes(spoilt))
        read, findings = pe.parse(watched.reader)
        sound(findings)
        if read is not None:
            found = uki.check(watched.reader, read, addon=rng.random() < 0.5)
            assert len(found) <= MAX_FINDINGS
            sound(found)
        assert watched.read < 32 << 20
