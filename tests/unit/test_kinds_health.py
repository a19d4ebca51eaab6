"""Health checks, patterns for a console, and ports: what is declared reads back, and no pattern can stop us."""

import random
import re

import pytest

from bbhv.kinds.values import NotYet, Unreadable
from bbhv.kinds.workloads import health
from bbhv.kinds.workloads.attachment import link
from bbhv.kinds.workloads.console import MAX_LINE, MAX_PATTERN, pattern
from bbhv.kinds.workloads.ports import Port, is_granted, port, port_range

READ = health.checks("unit", "tcp", "http", "exec", "script", "console")


@pytest.mark.parametrize(
    "text",
    ["unit", "tcp:80", "http:80/", "http:8080/a?b=%20", "exec:/bin/x 'a b'", "script:health", "console:^ok: [a-z]+$"],
)
def test_a_check_that_is_shown_reads_back(text: str) -> None:
    assert str(READ(text)) == text
    assert READ(str(READ(text))) == READ(text)


def test_a_check_says_what_it_needs() -> None:
    assert READ("exec:/bin/x 'a b' c").argv == ("/bin/x", "a b", "c")
    assert (READ("script:health").script, READ("tcp:80").script) == ("health", "")
    needs = [READ(text).needs_network for text in ("unit", "tcp:1", "http:1/", "console:x")]
    assert needs == [False, True, True, False]


def test_a_check_that_is_not_supported_yet_is_read_first() -> None:
    read = health.checks("unit", later=("tcp",))
    with pytest.raises(NotYet):
        read("tcp:80")
    with pytest.raises(Unreadable) as caught:
        read("tcp:0")
    assert not isinstance(caught.value, NotYet)


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        ("login:", "debian login: ", True),
        ("login:", "Login:", False),
        ("^ready", "ready", True),
        ("^ready", "not ready", False),
        ("ready$", "now ready", True),
        ("ready$", "ready now", False),
        ("^a.c$", "abc", True),
        ("a.c", "ac", False),
        ("[0-9]+ units?", "12 units", True),
        ("[^0-9]", "123", False),
        ("\\d{3}", "a123", True),
        ("^\\d{3}$", "1234", False),
        ("x{2,3}y", "xy", False),
        ("x{2,3}y", "xxxxy", True),
        ("a|b", "xbx", True),
        ("^a|b$", "cb", True),
        ("[a|b]c", "|c", True),
        ("a\\|b", "a|b", True),
        ("[\\]x-]", "-", True),
        ("^ab*c+d?$", "abbbccd", True),
        ("^ab*c+d?$", "abbbd", False),
        ("\\w+\\s\\w", "é a b", True),
        ("^$", "", True),
        ("é", "café", True),
    ],
)
def test_a_pattern_is_found(text: str, line: str, found: bool) -> None:
    assert pattern(text).found(line) is found


@pytest.mark.parametrize(
    "text",
    [
        "", "(a)", "a(?=b)", "(a+)+$", "a**", "a+?", "*a", "a|*", "[a", "[]", "[z-a]", "[a-é]", "a{", "a{}", "a{,3}",
        "a{3,2}", "a{0}", "a{1000}", "a{200}b{200}", "\\", "\\b", "\\1", "a*", ".*", "a|", "|", "a^b", "a$b", "{", "]",
        "a{2}{2}", "x" * (MAX_PATTERN + 1), "a{99}" * 50,
    ],
)  # fmt: skip
def test_a_pattern_that_is_not_of_the_subset_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        pattern(text)


def test_patterns_are_found_where_regular_expressions_find_them() -> None:
    rng = random.Random("patterns")
    atoms = ["a", "b", ".", "[ab]", "[^a]", "\\d", "\\w", "\\.", "1", "[a-c1-2]"]
    tried = 0
    for _ in range(3000):
        parts = [rng.choice(atoms) + rng.choice(["", "", "*", "+", "?", "{2}", "{1,3}", "{0,2}"]) for _ in range(4)]
        text = rng.choice(["", "^"]) + "".join(parts[: rng.randint(1, 4)]) + rng.choice(["", "$"])
        text = text if rng.random() < 0.7 else f"{text}|{''.join(parts[:2])}"
        try:
            one = pattern(text)
        except Unreadable:
            continue
        line = "".join(rng.choice("abc12.") for _ in range(rng.randint(0, 8)))
        assert one.found(line) is bool(re.search(text, line, re.ASCII)), (text, line)
        tried += 1
    assert tried > 1000


@pytest.mark.parametrize("text", ["a*" * 60 + "b", "a{0,60}" * 4 + "b", "[^b]*.*[a]+.*c$", "^a*a*a*a*a*a*a*a*b"])
def test_no_pattern_takes_longer_than_its_line(text: str) -> None:
    # A search that goes back would need longer than anybody waits: there are more than 10^12 ways to try.
    assert pattern(text).found("a" * 10 * MAX_LINE) is False


@pytest.mark.parametrize(
    ("text", "shown"),
    [("tcp:8080:80", "tcp:8080:80"), ("udp:53", "udp:53:53"), ("8080", "tcp:8080:8080"), ("8080:80", "tcp:8080:80")],
)
def test_a_port_is_read_as_nspawn_reads_it(text: str, shown: str) -> None:
    assert str(port(text)) == shown


@pytest.mark.parametrize(
    ("wanted", "granted", "found"),
    [
        ("tcp:8080:80", ("tcp:8080",), True),
        ("tcp:8080:80", ("tcp:8000-8090",), True),
        ("tcp:8080:80", ("udp:8080",), False),
        ("tcp:80:8080", ("tcp:8080",), False),
        ("tcp:8091", ("tcp:8080-8090",), False),
        ("tcp:8080", (), False),
        ("tcp:8080", ("8080", "tcp:8090-8070", "tcp", "tcp:x", "tcp:8080-"), False),
        ("tcp:8080", ("nonsense", "tcp:8080"), True),
    ],
)
def test_a_port_of_the_host_must_be_granted(wanted: str, granted: tuple[str, ...], found: bool) -> None:
    assert is_granted(port(wanted), granted) is found


def test_a_range_of_ports_has_both_of_its_ends() -> None:
    one = port_range("tcp:10-12")
    assert [one.covers(Port("tcp", number, 1)) for number in (9, 10, 12, 13)] == [False, True, True, False]


def test_a_link_is_a_network_and_an_address_in_it() -> None:
    assert [str(link(text)) for text in ("db", "db:10.0.0.1", "db:FD00::1")] == ["db", "db:10.0.0.1", "db:fd00::1"]
