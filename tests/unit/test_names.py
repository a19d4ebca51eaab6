"""Names and the escaping for systemd: what a tenant writes never becomes more than one word."""

import random

import pytest

from bbhv.formats.unitfile import split_words
from bbhv.names import (
    InvalidNameError,
    exec_line,
    is_name,
    is_object_id,
    parse_workload,
    quote_word,
    tenant_slice,
    unit_escape,
)  # fmt: skip


@pytest.mark.parametrize("name", ["a", "acme", "team-a", "a1-b2-c3", "x" * 24])
def test_a_name_is_lower_case_words_with_single_dashes(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize(
    "name", ["", "-a", "a-", "a--b", "A", "1a", "a_b", "a.b", "a/b", "..", "a\n", "ä", "x" * 25, "a b", "a\0", "٣"]
)
def test_anything_else_is_not_a_name(name: str) -> None:
    assert not is_name(name)


def test_a_workload_is_a_name_and_a_tenant() -> None:
    assert parse_workload("my-web.team-a") == ("my-web", "team-a")
    for text in ("web", "web.", ".acme", "web.acme.x", "web/..acme", ""):
        with pytest.raises(InvalidNameError, match="NAME.TENANT|not a workload"):
            parse_workload(text)


def test_a_dash_does_not_nest_a_slice_below_another_tenants() -> None:
    assert tenant_slice("acme") == "tenants-acme.slice"
    assert tenant_slice("team-a") == "tenants-team\\x2da.slice"


def test_unit_names_are_escaped_as_systemd_escape_does() -> None:
    assert unit_escape(".hidden/a b-c") == "\\x2ehidden-a\\x20b\\x2dc"


def test_object_ids_are_whole_and_lower_case() -> None:
    assert is_object_id("a" * 40) and is_object_id("0" * 64)
    assert not any(map(is_object_id, ["a" * 39, "A" * 40, "g" * 40, "", "a" * 41]))


@pytest.mark.parametrize("text", [
    "", " ", "a b", "a\nb", "\n[Service]\nExecStart=/bin/sh", '"', "'", "\\", "\\n", "%n", "%%", "$HOME", "${A}", ";",
    "#x", "a;b", "\t", "\x07", "\u202e", "ä€😀", "a\\", "=", "--", "-x",
])  # fmt: skip
def test_a_quoted_word_comes_back_as_it_was(text: str) -> None:
    quoted = quote_word(text)
    assert "\n" not in quoted and "\r" not in quoted
    assert split_words(quoted.replace("%%", "%")) == (text,)


def test_any_words_come_back_as_they_were() -> None:
    generator = random.Random(7)
    alphabet = " \t\n\r\"'\\%$;#=-@+:!|{}[]()*?~`<>&^aZ9é€\x01\x7f\x85\u2028"
    for _ in range(2000):
        argv = ["/usr/bin/x", *("".join(generator.choices(alphabet, k=generator.randrange(8))) for _ in range(3))]
        line = exec_line(tuple(argv))
        assert "\n" not in line
        assert list(split_words(line.replace("%%", "%").replace("$$", "$"))) == argv


def test_a_nul_and_a_relative_program_are_refused() -> None:
    with pytest.raises(InvalidNameError, match="NUL"):
        quote_word("a\0b")
    with pytest.raises(InvalidNameError, match="absolute"):
        exec_line(("sh", "-c", "x"))
