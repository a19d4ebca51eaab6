"""Versions are ordered as UAPI.10 and `systemd-analyze compare-versions` order them."""

import itertools
import random

import pytest

from bbhv.formats.versions import compare, is_version, key, newest

PAIRS = """
    11 = 11          systemd-123 = systemd-123   bar-123 < foo-123      123a > 123        123.a > 123
    123.a < 123.b    123a > 123.a                11α = 11β              A < a             B < a
    '' < 0           0. > 0                      0.0 > 0                0 > ~             '' > ~
    1_ = 1           _1 = 1                      1_ < 1.2               1_2_3 > 1.3.3     1+ = 1
    +1 = 1           1+ < 1.2                    1+2+3 > 1.3.3          1~ < 1            1~rc1 < 1
    1~rc1 < 1~rc2    1~rc1-2 > 1~rc1-1           1~~ > 1~               ~~ > ~            ~ < ~_
    1^ > 1           1^post1 > 1                 1^1 < 1.1              1^1 > 1-1         1-1 > 1
    1-1 < 1.1        1- < 1.                     1. > 1                 .0 < 0            .1 < 1
    a < 1            a.1 < a1                    1a_b < 1ab             1_1 < 11          1_1 > 1.1
    001 = 1          1.01 = 1.1                  1.10 > 1.9             0 = 00            00 > ''
    1.0 < 1.00.1     1e5 < 1f1                   1.2.3 < 1.2.3.1        122.1 < 123~rc1-1 123~rc1-1 < 123
    123 < 123-a      123-a < 123-a.1             123-a.1 < 123-1        123-1 < 123-1.1   123-1.1 < 123^post1
    123^post1 < 123.a-1                          123.a-1 < 123.1-1      123.1-1 < 123a-1  123a-1 < 124-1
    257.13-1~deb13u1 < 257.13-1                  262~rc1 < 262          262 < 262.1       9 < 10
    5.11.0-0.rc5.20210128git76c057c84d28.137.fc34 < 5.11.0-1.fc34       v1 = v1           v1 > V1
    99999999999999999999999999999999999999 > 99999999999999999999999999999999999998
"""
WORDS = PAIRS.split()
TABLE = [tuple(WORDS[at : at + 3]) for at in range(0, len(WORDS), 3)]
SIGNS = {"<": -1, "=": 0, ">": 1}


@pytest.mark.parametrize(("left", "sign", "right"), TABLE)
def test_pairs_compare_as_the_specification_and_systemd_say(left: str, sign: str, right: str) -> None:
    one, other = left.strip("'"), right.strip("'")
    assert compare(one, other) == SIGNS[sign]
    assert compare(other, one) == -SIGNS[sign]


def sample(count: int) -> list[str]:
    rng = random.Random(10)
    parts = ["", "~", "-", "^", ".", "_", "+", "0", "00", "1", "9", "10", "a", "b", "A", "rc", "α", " ", "\n", "\0"]
    return ["".join(rng.choice(parts) for _ in range(rng.randint(0, 7))) for _ in range(count)]


def test_the_order_has_no_favourite_side() -> None:
    for one, other in itertools.product(sample(300), repeat=2):
        assert compare(one, other) == -compare(other, one)


def test_the_order_is_transitive() -> None:
    versions = sample(60)
    for one, two, three in itertools.product(versions, repeat=3):
        if compare(one, two) <= 0 and compare(two, three) <= 0:
            assert compare(one, three) <= 0


def test_equal_keys_are_what_counts_as_the_same() -> None:
    for one, other in itertools.product(sample(200), repeat=2):
        assert (key(one) == key(other)) is (compare(one, other) == 0)


def test_a_long_version_takes_as_many_steps_as_it_has_segments() -> None:
    for text in ("0" * 10**5, "~" * 10**4, "1a" * 10**4, "_" * 10**5, ".-" * 10**4, "1" + "0" * 10**5):
        assert len(key(text)) <= len(text) + 1
        assert compare(text, text) == 0


def test_the_newest_of_several_is_the_first_of_those_that_count_as_the_same() -> None:
    assert newest(["1.9", "1.10", "1.010", "1.10~rc1"]) == "1.10"
    assert newest([]) == ""


@pytest.mark.parametrize("text", ["1", "257.13-1~deb13u1", "a_b+c^d"])
def test_a_version_has_plain_characters(text: str) -> None:
    assert is_version(text)


@pytest.mark.parametrize("text", ["", "1 2", "1:2", "ä", "1\n", "1/2"])
def test_other_characters_are_in_no_version(text: str) -> None:
    assert not is_version(text)
