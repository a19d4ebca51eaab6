"""How it stands with a generation that waits to be confirmed."""

import pytest

from bbhv.engine.tenant.deadline import Standing, begin, of, seconds_left, standing, until_usec
from bbhv.engine.storage.state import Trial
from bbhv.kinds.values import show_wait
from bbhv.records import replace

WAITS = Trial(7, "a" * 40, confirm_usec=1000, boot="this")


@pytest.mark.parametrize(
    ("trial", "boot", "now", "found"),
    [
        (None, "this", 1, Standing.NOBODY_ASKED),
        (Trial(7, "a" * 40), "this", 1, Standing.NOBODY_ASKED),
        (WAITS, "this", 999, Standing.WAITING),
        (WAITS, "this", 1000, Standing.EXPIRED),
        (WAITS, "another", 1, Standing.RESTARTED),
        (replace(WAITS, boot=""), "this", 1, Standing.RESTARTED),
    ],
)
def test_a_deadline_only_counts_in_the_boot_that_it_was_set_in(
    trial: Trial | None, boot: str, now: int, found: Standing
) -> None:
    assert standing(trial, boot, now) is found


def test_a_trial_that_begins_to_wait_has_the_time_that_it_was_given() -> None:
    trial = begin(Trial(7, "a" * 40), 300)
    assert of(trial) is Standing.WAITING
    assert of(begin(Trial(7, "a" * 40), 0)) is Standing.EXPIRED
    assert until_usec(Trial(7, "a" * 40)) is None and until_usec(replace(trial, boot="another")) is None
    found = until_usec(trial)
    assert found is not None and trial.confirm_usec < found


def test_a_time_is_said_in_words() -> None:
    assert [show_wait(seconds) for seconds in (0, 59, 60, 90, 3600, 86399, 86400)] == [
        "0 s", "59 s", "1 min", "1 min 30 s", "1 h", "23 h 59 min", "1 d"
    ]
    assert seconds_left(begin(Trial(7, "a" * 40), 300)) == 300 and seconds_left(begin(Trial(7, "a" * 40), -5)) == 0
