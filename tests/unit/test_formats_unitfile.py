"""Unit files: read as systemd reads them, with every problem in its place, and written so that they read back."""

import random
from pathlib import Path

import pytest

from bbhv.findings import CODES
from bbhv.formats import unitfile
from bbhv.formats.unitfile import Entry, parse, parse_lines, render, split_words, values, write_lines
from bbhv.names import quote_word

FIXTURES = sorted((Path(__file__).parent / "fixtures/formats/unit").iterdir())


def entries(text: str | bytes) -> list[tuple[str, str, str]]:
    """Section, key and value of every assignment of a file without findings."""
    unit, findings = parse("x.service", text.encode() if isinstance(text, str) else text)
    assert findings == ()
    return [(entry.section, entry.key, entry.value) for entry in unit.entries]


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: str(path.name))
def test_a_file_reads_as_its_own_comments_say(path: Path) -> None:
    data = path.read_bytes()
    unit, findings = parse("f", data)
    seen = [f"{found.place.line}:{found.place.column} {found.code} {found.message}" for found in findings]
    seen += [f"[{entry.section}] {entry.key}={entry.value}" for entry in unit.entries]
    assert seen == [line[3:] for line in data.decode().splitlines() if line.startswith("## ")]


def test_an_entry_knows_where_its_key_and_its_value_are() -> None:
    unit, _ = parse("f", b"[A]\n  Key  =  value\nEmpty=\nLate=\\\n  later\n\\\n  Next=line\n")
    assert unit.entries == (
        Entry("A", "Key", "value", 2, 3, 11),
        Entry("A", "Empty", "", 3, 1, 7),
        Entry("A", "Late", "later", 4, 1, 1),
        Entry("A", "Next", "line", 7, 3, 8),
    )
    assert unit.sections == (("A", 1),)


def test_columns_count_characters_and_not_bytes() -> None:
    unit, findings = parse("f", "[A]\nKéy=x\nÄÖ \\\nÜ".encode())
    assert [(entry.line, entry.value_column) for entry in unit.entries] == [(2, 5)]
    assert [str(found.place) for found in findings] == ["f:3:1"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\r"])
def test_every_line_end_of_systemd_ends_a_line(end: str) -> None:
    text = end.join(["[A]", "One=1 \\", "  more", "Two=2", ""])
    assert entries(text) == [("A", "One", "1    more"), ("A", "Two", "2")]
    unit, _ = parse("f", text.encode())
    assert [entry.line for entry in unit.entries] == [2, 4]


def test_form_feed_and_vertical_tab_are_no_whitespace() -> None:
    assert entries("[A]\nKey=\x0bvalue\x0c\n") == [("A", "Key", "\x0bvalue\x0c")]


def test_a_byte_order_mark_is_left_out_once() -> None:
    assert entries("\ufeff[A]\n\ufeffKey=\ufeffvalue") == [("A", "\ufeffKey", "\ufeffvalue")]


def test_repeated_sections_and_keys_are_all_kept_in_order() -> None:
    unit, _ = parse("f", b"[A]\nK=1\n[B]\nK=2\n[A]\nK=3\n")
    assert unit.sections == (("A", 1), ("B", 3), ("A", 5))
    assert [(entry.section, entry.value) for entry in unit.entries] == [("A", "1"), ("B", "2"), ("A", "3")]


def test_an_empty_assignment_resets_a_list() -> None:
    unit, _ = parse("f", b"[A]\nK=1\nOther=\nK=\n[B]\nK=x\n[A]\nK=2\nK=3\nGone=1\nGone=\n")
    assert [entry.value for entry in values(unit, "A", "K")] == ["2", "3"]
    assert values(unit, "A", "Gone") == values(unit, "A", "Missing") == ()
    found = unitfile.last(unit, "A", "K")
    assert found is not None and found.value == "3"
    assert unitfile.last(unit, "A", "Gone") is None


@pytest.mark.parametrize(
    ("data", "place", "words"),
    [
        (b"[A]\nKey=a\xffb\n", "f:2:6", "not valid UTF-8"),
        (b"[A]\nKey=\xed\xa0\x80\n", "f:2:5", "not valid UTF-8"),
        ("[A]\n# \ufffe\n".encode(), "f:2:3", "not valid UTF-8"),
        (b"[A]\nKey=a\0b\n", "f:2:6", "NUL"),
    ],
)
def test_a_line_that_is_no_text_is_reported_and_left_out(data: bytes, place: str, words: str) -> None:
    unit, findings = parse("f", data + b"Other=1\n")
    assert [(str(found.place), found.code) for found in findings] == [(place, "BB101")]
    assert words in findings[0].message
    assert [entry.key for entry in unit.entries] == ["Other"]


def test_a_continued_line_with_a_bad_part_is_left_out_whole() -> None:
    unit, findings = parse("f", b"[A]\nKey=1 \\\n \xff \\\n 3\nOther=1\n")
    assert [str(found.place) for found in findings] == ["f:3:2"]
    assert [entry.key for entry in unit.entries] == ["Other"]


def test_the_bounds_hold_and_are_reported() -> None:
    unit, findings = parse("f", b"[A]\n" + b"K=1\n" * (unitfile.MAX_ENTRIES + 5))
    assert len(unit.entries) + len(unit.sections) == unitfile.MAX_ENTRIES
    assert [(found.place.line, found.code) for found in findings] == [(unitfile.MAX_ENTRIES + 1, "BB105")]

    unit, findings = parse("f", b"[A]\n" + b"broken\n" * 5000)
    assert len(findings) == unitfile.MAX_FINDINGS + 1
    assert "more than 200 problems" in findings[-1].message

    fits = b"K=" + b"x" * (unitfile.LONG_LINE_MAX - 3)
    unit, findings = parse("f", b"[A]\n" + fits + b"\nB=1\n")
    assert (len(unit.entries), findings) == (2, ())
    unit, findings = parse("f", b"[A]\n" + fits + b"x\nB=1\n")
    assert [(found.place.line, found.code) for found in findings] == [(2, "BB105")]
    assert unit.entries == ()
    _, findings = parse("f", b"[A]\n" + b"K=\\\n" + (b"x" * 1000 + b"\\\n") * 1100)
    assert [(found.place.line, found.code) for found in findings] == [(2, "BB105")]

    _, findings = parse("f", b"\n" + b"#" * unitfile.LONG_LINE_MAX)
    assert [(found.place.line, found.code) for found in findings] == [(2, "BB105")]
    lines = unitfile.MAX_LINES
    assert parse("f", b"[A]" + b"\n" * lines)[1] == ()
    for end in (b"\n", b"\r\n"):
        unit, findings = parse("f", b"[A]" + end * (lines - 1) + b"K=1" + end + b"K=2" + end)
        assert [(found.place.line, found.code) for found in findings] == [(lines + 1, "BB105")]
        assert [entry.line for entry in unit.entries] == [lines]
    _, findings = parse("f", b"#" * (unitfile.MAX_SIZE + 1))
    assert [found.code for found in findings] == ["BB105", "BB105"]


def test_a_rendered_file_reads_back_as_it_was_given() -> None:
    unit = ("Unit", [("Description", "Café 100%%"), ("After", "a.service")])
    service = ("Service", [("ExecStart", '/bin/x "a\\\\"')])
    text = render([unit, service], header="Generated.\n\n  Do not edit \\")
    assert text == (
        "# Generated.\n#\n#   Do not edit \\\n\n[Unit]\nDescription=Café 100%%\nAfter=a.service\n\n"
        '[Service]\nExecStart=/bin/x "a\\\\"\n'
    )
    assert entries(text)[2] == ("Service", "ExecStart", '/bin/x "a\\\\"')
    assert render([("A", [])]) == "[A]\n"


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("A", "K", "a\nExecStart=/bin/evil"), ("A", "K", "a\rb"), ("A", "K", "a\0b"), ("A", "K", "a\tb"),
        ("A", "K", " a"), ("A", "K", "a "), ("A", "K", "a\\"), ("A", "K", "\\\\\\"), ("A", "K", "\ud800"),
        ("A", "K", "\x85"), ("A", "K", "\ufeff"), ("A", "K", "\ufdd0"), ("A", "K", "x" * (1 << 20)),
        ("A", "", "1"), ("A", "#K", "1"), ("A", ";K", "1"), ("A", "[K", "1"), ("A", "K=", "1"), ("A", "K\n", "1"),
        ("A", " K", "1"), ("", "K", "1"), ("A]\n[B", "K", "1"), ("A\\", "K", "1"), ("A'", "K", "1"), ("[A", "K", "1"),
    ],
)
def test_what_would_not_read_back_is_not_written(section: str, key: str, value: str) -> None:
    with pytest.raises(ValueError, match="unit file|cannot be|backslash|longer"):
        render([(section, [(key, value)])])


def test_a_comment_cannot_break_out() -> None:
    with pytest.raises(ValueError, match="A comment of a unit file"):
        render([], header="a\rExecStart=/bin/evil")


def test_whatever_is_rendered_reads_back() -> None:
    rng = random.Random(7)
    alphabet = list("aZ0 =#;[]\\\"'%$é\u200b\u2028/") + ["\U0001f600", "\ufeff", "\t", "\\\\"]
    rendered = 0
    for _ in range(3000):
        word = ["".join(rng.choices(alphabet, k=rng.randint(0, 6))) for _ in range(3)]
        try:
            text = render([("S" + word[0], [(word[1], word[2]), ("K", "v")])], header="h\\")
        except ValueError:
            continue
        rendered += 1
        assert entries(text) == [("S" + word[0], word[1], word[2]), ("S" + word[0], "K", "v")]
    assert rendered > 300


def test_a_file_is_written_back_byte_for_byte() -> None:
    for path in FIXTURES:
        data = path.read_bytes().replace(b"\n", b"\r\n") + b"\xff\0\n\\"
        lines, findings = parse_lines("f", data)
        assert write_lines(lines) == data
        unit, same = parse("f", data)
        assert findings == same
        assert tuple(line.entry for line in lines if line.entry) == unit.entries
        assert [line.section for line in lines if line.section] == [name for name, _ in unit.sections]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", ()), ("  ", ()), ("a b\tc", ("a", "b", "c")), (' a "b c" \'d e\' ', ("a", "b c", "d e")),
        ('a"b c"d', ("ab cd",)), ('""', ("",)), ("\"it's\"", ("it's",)), (r"a\x20b", ("a b",)),
        (r"\s\t\n\\", (" \t\n\\",)),
        (r"\101\102", ("AB",)), (r"\u00e9\U0001F600", ("é😀",)), (r"\xc3\xa9", ("é",)), (r"\"a\"", ('"a"',)),
        (r"'a\'b'", ("a'b",)), ("a\\ b", None), ("a\\", None), ('"a', None), ("'", None), (r"\q", None), (r"\x4", None),
        (r"\x00", None), (r"\000", None), (r"\400", None), (r"\18", None), (r"\u12", None), (r"\u0000", None),
        (r"\U00110000", None), (r"\xff", None), (r"\ud800", None),
    ],
)
def test_words_are_split_as_systemd_splits_them(value: str, words: tuple[str, ...] | None) -> None:
    if words is not None:
        assert split_words(value) == words
    else:
        with pytest.raises(ValueError, match=r"\.$"):
            split_words(value)


def test_a_long_list_is_split_in_one_pass() -> None:
    assert len(split_words("a 'b' " * 50_000)) == 100_000


def test_a_quoted_word_is_one_word() -> None:
    rng = random.Random(3)
    for _ in range(2000):
        word = "".join(rng.choices("ab \"'\\%$\n\t\x01é\u2028😀", k=rng.randint(0, 8)))
        assert split_words(quote_word(word)) == (word.replace("%", "%%"),)


def test_every_code_is_known() -> None:
    _, findings = parse("f", b"x\n[\n=\n\xff\n")
    assert {found.code for found in findings} <= CODES.keys()
