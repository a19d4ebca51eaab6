"""Boot loader entries: their lines, their names and counters, and the order in which a menu shows them."""

import random
import time

import pytest

from bbhv.formats.images import bls

from .images import sound

GOOD = b"""# a comment
title        Debian 13
version\t6.18.1-1
sort-key debian
machine-id 6a9857a393724b7a981ebb5b8495b9ea

options root=UUID=x quiet
options
options splash
architecture x64
linux /debian/6.18/linux
initrd debian/6.18/initrd
initrd /debian/6.18/more
devicetree /a.dtb
devicetree-overlay /a.dtbo /b.dtbo
extra /x.cred
"""


def read(data: bytes, name: str = "debian.conf") -> tuple[bls.Entry, list[str]]:
    entry, findings = bls.parse("f", name, data)
    assert entry is not None
    return entry, [f"{one.place.line}:{one.place.column} {one.code} {one.message}" for one in findings]


def test_a_good_entry_is_read() -> None:
    entry, told = read(GOOD)
    assert told == []
    assert (entry.get("title"), entry.get("version"), entry.get("nothing")) == ("Debian 13", "6.18.1-1", "")
    assert entry.all("options") == ("root=UUID=x quiet", "", "splash")
    assert entry.all("initrd") == ("debian/6.18/initrd", "/debian/6.18/more")


@pytest.mark.parametrize("line", ["linux /a", "efi /a.efi", "uki /a.efi", "uki-url https://x/a", "uki /a\nprofile 1"])
def test_an_entry_boots_one_thing(line: str) -> None:
    assert read(line.encode())[1] == []


WRONG = {
    b"title x\n": "0:0 BB208 The entry boots nothing: it has none of linux, efi, uki, uki-url.",
    b"linux /a\nuki /b\n": "2:5 BB209 The entry has linux in line 1 and uki: only one can be booted.",
    b"linux /a\ntitel x\n": "2:1 BB202 The key 'titel' is not known, ignoring.",
    b"linux /a\n\ttitle x\ntitle y\n": "3:1 BB206 title is given in line 2 already; the last one counts.",
    b"linux /a\ntitle\n": "2:1 BB205 title has no value.",
    b"linux\n": "1:1 BB205 linux has no value.",
    b"linux /a/../b\n": "1:7 BB205 linux: '/a/../b' is no normalised path",
    b"linux //a\n": "1:7 BB205 linux: '//a' is no normalised path",
    b"linux \\a\\b\n": "1:7 BB205 linux: '\\\\a\\\\b' is no normalised path",
    b"linux /a\ninitrd /./a\n": "2:8 BB205 initrd: '/./a' is no",
    b"linux /a\ndevicetree /d\ndevicetree-overlay /a b/../c\n": "3:20 BB205 devicetree-overlay: 'b/../c' is no",
    b"linux /a\ndevicetree-overlay /a\n": "2:20 BB209 devicetree-overlay needs devicetree.",
    b"linux /a\nprofile 1\n": "2:9 BB209 profile chooses one of a UKI, and there is no uki.",
    b"uki /a\nprofile -1\n": "2:9 BB205 profile: The number of a profile has digits only.",
    b"linux /a\nmachine-id 6A9857A393724B7A981EBB5B8495B9EA\n": "2:12 BB205 machine-id: A machine ID has 32",
    b"linux /a\nmachine-id 00000000000000000000000000000000\n": "2:12 BB205 machine-id: A machine ID has 32",
    b"linux /a\narchitecture amd64\n": "2:14 BB205 architecture: 'amd64' is no architecture as UEFI calls it",
    b"linux /a\nversion 1 2\n": "2:9 BB205 version: '1 2' has characters",
    b"linux /a\nextra /x.raw\n": "2:7 BB205 extra: An extra file is called",
    b"linux /a\r\n": "1:9 BB114 The line ends with CR LF.",
    b"\xef\xbb\xbflinux /a\n": "1:1 BB114 The entry starts with a byte order mark.",
    b"linux /a\ntitle \x1b[31m\n": "2:1 BB114 The line has control characters in it.",
    "linux /a\n\u2028\n".encode(): "2:1 BB202 The key '\\u2028' is not known, ignoring.",
    b"linux /a\ntitle a\0b\n": "2:1 BB114 The line has control characters in it.",
}


@pytest.mark.parametrize("data", WRONG)
def test_a_wrong_line_is_named_with_its_place(data: bytes) -> None:
    told = read(data)[1]
    assert any(one.startswith(WRONG[data]) for one in told), told


def test_a_misspelt_key_gets_a_hint_and_keys_of_others_are_left_alone() -> None:
    _, findings = bls.parse("f", "a.conf", b"linux /a\ntitel x\ngrub_class y\n")
    assert [(one.severity, one.hint) for one in findings] == [("warning", "Did you mean title?")]


def test_what_is_no_text_or_too_long_is_no_entry() -> None:
    for data, code in ((b"linux /a\n\xff", "BB101"), (b"#" * (bls.MAX_SIZE + 1), "BB105")):
        entry, findings = bls.parse("f", "a.conf", data)
        assert entry is None and [one.code for one in findings] == [code]
    assert bls.parse("f", "a.conf", b"linux /a\n\xff")[1][0].place.line == 2


@pytest.mark.parametrize(
    ("file", "stem", "left", "done", "state"),
    [
        ("a.conf", "a", None, 0, "good"), ("a+3.conf", "a", 3, 0, "indeterminate"), ("a+2-1.conf", "a", 2, 1, "inde"),
        ("a+0-3.conf", "a", 0, 3, "bad"), ("a+0.CONF", "a", 0, 0, "bad"), ("a+003-01.conf", "a", 3, 1, "indeterminate"),
        ("a+1+2.conf", "a+1", 2, 0, "indeterminate"), ("a+.conf", "a+", None, 0, "good"),
        ("+1.conf", "+1", None, 0, "good"),
        ("a+1-.conf", "a+1-", None, 0, "good"), ("a+99999999999.conf", "a+99999999999", None, 0, "good"),
        ("a-1.conf", "a-1", None, 0, "good"),
    ],
)
def test_a_counter_is_in_front_of_the_suffix(file: str, stem: str, left: int | None, done: int, state: str) -> None:
    name = bls.parse_name(file, bls.TYPE1)
    assert name is not None and (name.stem, name.left, name.done) == (stem, left, done)
    assert name.state.startswith(state)


@pytest.mark.parametrize(
    ("file", "suffix", "words"),
    [
        ("a.conf", ".conf", ""), ("a+3-0.efi", ".efi", ""), ("A_b-1.2.conf", ".conf", ""),
        ("a.efi", ".conf", "end with .conf"), ("ä.conf", ".conf", "is not one of a boot entry"),
        ("a b.conf", ".conf", "is not one"), (".conf", ".conf", "is not one"),
        ("a" * 252 + ".efi", ".efi", "is not one"),
        ("a\n.conf", ".conf", "is not one"), ("a+x.conf", ".conf", "no counter"),
        ("a+0-1.conf", ".conf", "the entry is bad"), ("a@1.conf", ".conf", "is not one of a boot entry"),
    ],
)
def test_a_file_name_is_one_of_a_boot_entry(file: str, suffix: str, words: str) -> None:
    told = sound(bls.check_name("f", file, suffix))
    assert len(told) == bool(words) and words in "".join(told)


def entry(name: str, **values: str) -> bls.Entry:
    text = "".join(f"{key.replace('_', '-')} {value}\n" for key, value in values.items())
    return read(f"linux /a\n{text}".encode(), f"{name}.conf")[0]


def test_entries_are_in_the_order_of_a_boot_menu() -> None:
    wanted = [
        entry("z9", sort_key="arch", version="1"),
        entry("a", sort_key="debian", machine_id="1" * 32, version="6.18"),
        entry("b", sort_key="debian", machine_id="1" * 32, version="6.9"),
        entry("b-2", sort_key="debian", machine_id="1" * 32, version="6.9~rc1"),
        entry("c", sort_key="debian", machine_id="2" * 32, version="9"),
        entry("d+3", sort_key="fedora", version="1"),
        entry("os-10", version="1"),
        entry("os-9", version="2"),
        entry("a+0-2", sort_key="arch"),
        entry("zz+0-3"),
    ]
    rng = random.Random(1)
    for _ in range(20):
        mixed = rng.sample(wanted, len(wanted))
        assert [one.name for one in bls.ordered(mixed)] == [one.name for one in wanted]


def test_hostile_entries_are_read_quickly() -> None:
    for line in (b"options\n", b"title x\n", b"x" * 60000, b"linux /" + b"a/" * 30000, b"\t" * 60000, b"+" * 60000,
                 b"devicetree-overlay " + b"/../ " * 12000):  # fmt: skip
        data = (line * (bls.MAX_SIZE // len(line)))[: bls.MAX_SIZE]
        start = time.process_time()
        _, findings = bls.parse("f", "a.conf", data)
        assert time.process_time() - start < 2 and len(findings) <= bls.MAX_FINDINGS
        sound(findings)
    start = time.process_time()
    assert bls.parse_name("+1" * 50000 + ".conf", ".conf") is not None
    assert time.process_time() - start < 2


def test_random_edits_never_raise() -> None:
    rng = random.Random(19)
    for _ in range(1500):
        data = bytearray(GOOD)
        for _ in range(rng.randint(1, 5)):
            data[rng.randrange(len(data))] = rng.choice((0, 9, 10, 13, 32, 35, 43, 92, 0xFF, rng.randrange(256)))
        entry, findings = bls.parse("f", "a.conf", bytes(data))
        sound(findings)
        assert entry is not None or findings
