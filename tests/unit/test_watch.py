"""The judgement of the watch: what systemd says of a unit, and what it means."""

import pytest

from bbhv.engine.watch import Watched, judge

ACTIVE = {"ActiveState": "active", "SubState": "running", "NRestarts": "0", "ActiveEnterTimestampMonotonic": "10000000"}


@pytest.mark.parametrize(("found", "word"), [
    (ACTIVE, "healthy"),
    ({**ACTIVE, "ActiveEnterTimestampMonotonic": "97000000"}, "waiting"),
    ({**ACTIVE, "NRestarts": "1"}, "unhealthy"),
    ({**ACTIVE, "ActiveState": "activating"}, "waiting"),
    ({**ACTIVE, "ActiveState": "activating", "SubState": "auto-restart"}, "unhealthy"),
    ({**ACTIVE, "ActiveState": "failed", "Result": "exit-code"}, "unhealthy"),
    ({**ACTIVE, "ActiveState": "inactive"}, "unhealthy"),
    ({**ACTIVE, "ActiveState": "inactive", "Job": "17"}, "waiting"),
    ({**ACTIVE, "Job": "17"}, "waiting"),
    ({}, "unhealthy"),
])  # fmt: skip
def test_a_unit_is_judged_by_its_state(found: dict[str, str], word: str) -> None:
    assert judge("x.service", found, 5.0, 0, 100.0).word == word


def test_restarts_that_happened_before_do_not_count() -> None:
    assert judge("x.service", {**ACTIVE, "NRestarts": "3"}, 5.0, 3, 100.0).word == "healthy"


def test_time_is_up_names_who_is_not_healthy() -> None:
    watched = Watched({"a": 5.0, "b": 5.0}, 20.0, {})
    found = {"a": ACTIVE, "b": {**ACTIVE, "ActiveState": "activating"}}
    watched.look(found, 100.0, deadline=200.0)
    assert not watched.done
    watched.look(found, 200.0, deadline=200.0)
    assert watched.done and watched.reason == "not healthy within 20 s: b is activating"


def test_one_that_failed_ends_the_watch_at_once() -> None:
    watched = Watched({"a": 5.0, "b": 5.0}, 20.0, {})
    watched.look({"a": ACTIVE, "b": {"ActiveState": "failed", "Result": "signal"}}, 100.0, deadline=200.0)
    assert watched.done and "b failed (signal)" in watched.reason


def test_no_unit_to_watch_is_healthy() -> None:
    watched = Watched({}, 20.0, {})
    watched.look({}, 1.0, deadline=20.0)
    assert watched.done and watched.reason == ""
