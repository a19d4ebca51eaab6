"""Values: what is shown reads back as the same value, and nothing but `Unreadable` ever comes out of a parser."""

import random

import pytest

from bbhv.kinds import urls, values
from bbhv.kinds.image import TABLE as IMAGE
from bbhv.kinds.limits import TABLE as LIMITS
from bbhv.kinds.settings import Setting, Verdict
from bbhv.kinds.values import INFINITY, Unreadable
from bbhv.kinds.volume import TABLE as VOLUME
from bbhv.kinds.workloads import guest
from bbhv.kinds.workloads.container import TABLE as CONTAINER
from bbhv.kinds.workloads.machine import TABLE as MACHINE

ALPHABET = list("abzAZ019.:/-_=%,;~@#+*?'\"\\ \t$") + ["é", "²", "٣", "\u202e", "\u00a0", "\x00", "\x1b", "\x85", "🦊"]
ALPHABET += ["infinity", "..", "64M"]
CONTROL = set(map(chr, (*range(32), *range(127, 160)))) - {"\t"}
TABLES = (CONTAINER, IMAGE, LIMITS, MACHINE, VOLUME)
ROWS = [row for table in TABLES for row in table if row.verdict in (Verdict.ALLOWED, Verdict.LATER)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_parser_takes_any_text_and_raises_nothing_but_unreadable(row: Setting[object]) -> None:
    rng = random.Random(row.name)
    for _ in range(300):
        text = "".join(rng.choice(ALPHABET) for _ in range(rng.randint(1, 12)))
        try:
            value = row.parse(text)
        except Unreadable as error:
            assert str(error).endswith(".") and str(error).isprintable()
            continue
        assert CONTROL.isdisjoint(row.show(value))
        assert all(CONTROL.isdisjoint(word) for word in row.emit(value))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_parser_survives_texts_that_are_too_long(row: Setting[object]) -> None:
    long = 10_000
    for text in ("9" * long, "a" * long, "/" + "x" * long, "1." + "0" * long + "M", "a=" * long, "~" + "a " * long):
        try:
            row.parse(text)
        except Unreadable as error:
            assert len(str(error)) < 400
        else:
            pytest.fail(f"{row.name} took {len(text)} characters")


@pytest.mark.parametrize("amount", [0, 1, 1023, 1024, 1536 << 10, 1 << 30, (1 << 40) + 1, INFINITY])
def test_a_size_that_is_shown_reads_back(amount: int) -> None:
    assert values.size(values.show_size(amount)) == amount


@pytest.mark.parametrize("share", [1, 50, 5000, 5050, 123_456])
def test_a_quota_that_is_shown_reads_back(share: int) -> None:
    assert values.quota(values.show_quota(share)) == share


@pytest.mark.parametrize("microseconds", [0, 1, 1500, 2_500_000, 90 * 10**6])
def test_a_span_that_is_shown_reads_back(microseconds: int) -> None:
    assert values.span(values.show_span(microseconds)) == microseconds


def test_a_fraction_is_exact() -> None:
    assert values.size("0.1G") == (1 << 30) // 10
    assert values.size("2.5K") == 2560


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a b", ("a", "b")),
        ("  'a b'  \"c\" ", ("a b", "c")),
        ("a'b'\"c\"", ("abc",)),
        ("''", ("",)),
        ("a\\ b", ("a\\", "b")),
        ("'\\x41'", ("\\x41",)),
        ("a\tb", ("a", "b")),
    ],
)
def test_words_split_as_in_a_nspawn_file(text: str, words: tuple[str, ...]) -> None:
    assert values.words(text) == words


def test_different_words_are_shown_differently() -> None:
    assert values.show_words(("a b",)) != values.show_words(("a", "b"))
    assert values.show_words(("",)) != values.show_words(())
    assert values.show_words(("'a'",)) != values.show_words(("a",))


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("https://Git.Example.COM:443/Acme.git", "https://git.example.com/Acme.git"),
        ("https://git.example.com:0443/a", "https://git.example.com/a"),
        ("https://git.example.com:8443/", "https://git.example.com:8443/"),
        ("HTTPS://h/%7euser/%c3%a9", "https://h/~user/%C3%A9"),
        ("file://localhost/srv/x", "file:///srv/x"),
        ("ssh://h:22/x", "ssh://h/x"),
    ],
)
def test_a_url_has_one_normal_form(text: str, normal: str) -> None:
    assert urls.normalise(text) == normal
    assert urls.normalise(normal) == normal


@pytest.mark.parametrize(
    "text",
    [
        "git@h:acme.git", "h/acme", "https://h", "https://", "https:///x", "https://user@h/x", "https://u:p@h/x",
        "https://-h/x", "https://h/../x", "https://h/a/%2e%2e/x", "https://h/a/.%2E/x", "https://h/./x", "https://h//x",
        "https://h/a%2fb", "https://h/a%5cb", "https://h/a\\b", "https://h/a b", "https://h/a\tb", "https://h/a\nb",
        "https://h/a%0ab", "https://h/x?y", "https://h/x#y", "https://h/x%", "https://h/x%4", "https://h/x%zz",
        "https://h:0/x", "https://h:99999/x", "https://h:x/x", "https://hé/x", "https://h/é", "https://h_/x",
        "https://[::1]/x", "ext::sh -c id", "-ohttps://h/x", "--upload-pack=x", "file://other/x",
        "https://" + "a" * 300 + "/x", "https://h/" + "a" * 2000,
    ],
)  # fmt: skip
def test_a_url_that_could_mean_something_else_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        urls.normalise(text)


@pytest.mark.parametrize(
    ("prefix", "url", "inside"),
    [
        ("https://h/acme/", "https://h/acme/x.tar", True),
        ("https://h/acme", "https://h/acme/x.tar", True),
        ("https://h/acme", "https://h/acme", True),
        ("https://h/acme", "https://h/acme-evil/x.tar", False),
        ("https://h/acme/", "https://h/acme", False),
        ("https://h/", "https://h.evil/x", False),
        ("https://h/", "http://h/x", False),
        ("https://h/", "https://h:8443/x", False),
        ("file:///srv/images/", "file:///srv/images/x", True),
        ("file:///srv/images", "file:///srv/images2/x", False),
    ],
)
def test_a_prefix_ends_where_a_path_segment_ends(prefix: str, url: str, inside: bool) -> None:
    assert urls.covers(urls.normalise(prefix), urls.normalise(url)) is inside


def test_a_file_url_names_a_path() -> None:
    assert urls.file_path("file:///srv/a%20b/%C3%A9") == "/srv/a b/é"
    with pytest.raises(Unreadable):
        urls.file_path("https://h/x")
    with pytest.raises(Unreadable):
        urls.file_path("file:///%FF")


@pytest.mark.parametrize("path", ["/proc", "/proc/1", "/sys/fs", "/dev", "/", "/a:b", "/a\\b"])
def test_nothing_is_mounted_where_the_kernel_or_nspawn_would_mind(path: str) -> None:
    with pytest.raises(Unreadable):
        guest.mount_point(path)
