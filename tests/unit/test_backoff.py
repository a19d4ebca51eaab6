"""Back-off: longer after every failure, bounded, spread, and never for ever; who starts next, and who does not yet."""

import pytest

from bbhv.model.backoff import CEILING_SEC, FIRST_SEC, Retry, decode, delay_usec, encode, startable


def test_the_wait_doubles_up_to_a_ceiling_and_is_spread_by_a_quarter() -> None:
    for failures in range(1, 60):
        middle = min(CEILING_SEC, FIRST_SEC * 2 ** (failures - 1)) * 10**6
        waits = [delay_usec(f"tenant{number}", failures) for number in range(200)]
        assert min(waits) >= middle * 0.75 and max(waits) <= middle * 1.25 and len(set(waits)) > 100
    assert delay_usec("acme", 3) == delay_usec("acme", 3)


def test_a_failure_is_remembered_and_the_time_passes() -> None:
    once = Retry().again("acme", 1_000, 7)
    assert once.failures == 1 and once.waits(1_000) and not once.waits(once.next_usec)
    assert once.again("acme", 5_000, 7).failures == 2 and once.again("acme", 5_000, 8).failures == 1
    assert not Retry().waits(0) and not Retry(3, 0).waits(10)
    assert not Retry(1, 10**17).waits(0), "a damaged memory keeps nobody waiting for years"


DAMAGED = (b"", b"x", b"1", b"1 2", b"1 2 3 4", b"-1 2 3", b"1 2 " + b"9" * 30, b"\xff\xff", b"1 1e9 1")


@pytest.mark.parametrize("data", DAMAGED)
def test_a_damaged_memory_is_none(data: bytes) -> None:
    assert decode(data) == Retry()


def test_the_memory_comes_back() -> None:
    assert decode(encode(Retry(7, 123456, 89))) == Retry(7, 123456, 89)


def test_one_server_never_has_all_places() -> None:
    assert startable(["a"] * 10, [], 4, 4) == [0, 1, 2]
    assert startable(["a"] * 10 + ["b", ""], [], 8, 4) == [0, 1, 2, 3, 10, 11]
    assert startable(["a", "b"], ["a", "a", "a"], 4, 4) == [1]
    assert startable(["", "", ""], ["", ""], 4, 4) == [0, 1]
    assert startable(["a", "b"], [], 1, 4) == [0] and startable(["a"], ["b"], 1, 4) == []
    assert startable([], [], 4, 4) == []
