"""The formats of JSON Schema beyond what the official suite tries: each with what it takes and what it refuses."""

import sys
import time
import unicodedata

import pytest

from bbhv.formats.characters import properties as schema_unicode
from bbhv.formats.characters.ranges import CATEGORY_NAMES, PROPERTIES
from bbhv.formats.schema.compiler import compile_schema
from bbhv.formats.schema.formats import FORMATS

CASES = {
    "date-time": ("2026-02-28T23:59:60Z 2026-01-01t00:00:00.5+01:30 1998-12-31T15:59:60.1-08:00",
                  "2026-01-01T00:00:00 2026-01-01T24:00:00Z 1998-12-31T23:58:60Z 2026-1-1T00:00:00Z 2026-01-01Z "
                  "২026-01-01T00:00:00Z"),
    "date": ("2024-02-29 2000-02-29 0000-01-01", "2023-02-29 1900-02-29 2026-00-10 2026-04-31 2026-13-01 20260101"),
    "time": ("00:00:00Z 23:59:60+00:00 00:29:60+00:30", "24:00:00Z 12:60:00Z 12:00:61Z 12:00Z 12:00:00 12:00:00+24:00"),
    "duration": ("P1W PT0S P1Y2M3DT4H5M6S P1M PT1M", "P PT P1WT1H P1Y1D PT1H1S 1D P-1D P1.5D"),
    "email": ('a@b a.b+c@x.y "a\\"@b"@x.y a@[127.0.0.1] a@[IPv6:::1]',
              '@b a@ a@-b a..b@c "a@b a@[1] "a"b"@c é@x.y a@[::1]'),
    "idn-email": ("é@x.y a@bücher.example 실례@실례.테스트", "é@ a@-é a@é..b \ud800@x"),
    "hostname": ("a A-b.c1 xn--bcher-kva.example", "a. .a a_b -a a- xn--a aa--b xn--bcher-kvb \u212a " + "a" * 64),
    "idn-hostname": ("bücher.example a.b 例え。テスト l·l.x",
                     "-é é- a..é \u00b7 a·l A\u0308 Bücher ab--é \u0300a " + "é" * 64),
    "ipv4": ("0.0.0.0 255.255.255.255", "1.2.3 1.2.3.4.5 01.2.3.4 256.1.1.1 1.2.3.٤ 1.2.3. 1..2.3"),
    "ipv6": (":: ::1 1:2:3:4:5:6:7:8 1::8 ::ffff:1.2.3.4 1:2:3:4:5:6:1.2.3.4 1:2:3:4:5:6:7::",
             ": ::: 1:2 1:2:3:4:5:6:7:8:9 1::2::3 12345::1 ::1%eth0 ::1.2.3 1.2.3.4::1 1:2:3:4:5:6:7:1.2.3.4 g::"),
    "uri": ("http://a/b?c#d urn:x:y a: http://[::1]:80/ http://u:p@h/%41 file:///x http://[v1.a:b]/",
            "a //a /a http://[::1 http://a/%4 http://a/é http://[1]/ 1a:b http://a\\b :x a:b#c#d"),
    "uri-reference": ("a ./a:b //h/p ?q #f ../x", "a\\b %zz a#b#c http://[x]/ é"),
    "iri": ("http://é/ñ?\ue000 urn:ä", "é http://a/\ue000 http://\ud800/ a\u0020b"),
    "iri-reference": ("é #ñ //é", "\\ a#\ue000"),
    "uri-template": ("http://x/{a,b*}{?c:3}{+d.e} {a}", "{ } {} {a {a:0} {a,} {a b} {-a} a%z <x>"),
    "uuid": ("2EB8AA08-aa98-11ea-b4aa-73b441d16380",
             "2eb8aa08aa9811eab4aa73b441d16380 {2eb8aa08-aa98-11ea-b4aa-73b441d16380}"),
    "json-pointer": ("/ /a~1b/~0 //", "a ~ /~2 /~ #/a"),
    "relative-json-pointer": ("0 0# 1/a 10+1/b 2-3#", "01 /a -1 +1/a 1a 0## 1+0"),
    "regex": ("a+ \\p{L} (?<x>a)\\k<x>", "( a** \\Z (?<=a+)b [b-a] \\p{x} a{2,1}"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_takes_what_is_right_and_refuses_what_is_wrong(name: str) -> None:
    schema = compile_schema({"format": name})
    right, wrong = (words.split(" ") for words in CASES[name])
    assert [word for word in right if schema.problems(word)] == []
    assert [word for word in wrong if not schema.problems(word)] == []
    assert schema.problems(1) == schema.problems(None) == ()


PIECES = ("a", "1", ":", "1:", "a.", "/", "%41", "-", "{a}", "\u0e01", "\u064e", "(", "\\p{L}", "[", '"', "~0",
          "\u200d")


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_takes_no_time_over_a_long_text(name: str) -> None:
    """Each piece comes 100,000 times; a test that went back and forth would not end."""
    test, _ = FORMATS[name]
    for piece in PIECES:
        start = time.process_time()
        assert test(piece * 100_000 + "\n") in (False, name == "json-pointer")
        assert time.process_time() - start < 3


def test_the_tables_of_characters_agree_with_those_of_python() -> None:
    """Characters that both know have the same category, but for the few that a newer Unicode has put right."""
    differing = 0
    for point in range(sys.maxunicode + 1):
        category = unicodedata.category(chr(point))
        differing += category != "Cn" and not schema_unicode.has(chr(point), category)
    assert differing < 20


@pytest.mark.parametrize(("script", "word"), [
    ("Greek", "GREEK SMALL LETTER"), ("Cyrillic", "CYRILLIC SMALL LETTER"), ("Han", "CJK UNIFIED IDEOGRAPH"),
    ("Thai", "THAI CHARACTER"), ("Hiragana", "HIRAGANA LETTER"), ("Cherokee", "CHEROKEE LETTER"),
])  # fmt: skip
def test_the_letters_of_a_script_are_in_its_table(script: str, word: str) -> None:
    named = [chr(point) for point in range(0x20000) if unicodedata.name(chr(point), "").startswith(word)]
    assert len(named) > 40
    assert [char for char in named if not schema_unicode.has(char, f"Script={script}")] == []
    assert [char for char in named if not schema_unicode.has(char, f"scx={script}")] == []


def test_every_name_of_a_property_is_known_and_the_categories_are_all_characters() -> None:
    for alias in CATEGORY_NAMES.replace("|", " ").split():
        assert schema_unicode.lookup(alias) == schema_unicode.lookup(f"General_Category={alias}")
    names = [row.partition("=")[0].split("|") for row in PROPERTIES.split(";")]
    assert len(names) > 50
    assert all(schema_unicode.lookup(alias.strip()) for row in names if ":" not in row[0] for alias in row)
    sizes = {one: len(range_of(one)) for one in ("L", "M", "N", "P", "S", "Z", "C")}
    assert sum(sizes.values()) == len(range_of("Any")) == 0x110000


def range_of(name: str) -> set[int]:
    ends = [*schema_unicode.lookup(name), 0x110000]
    return {point for start, end in zip(ends[::2], ends[1::2]) for point in range(start, end)}
