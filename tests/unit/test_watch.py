"""The judgement of the watch: what systemd says of a unit, and what it means."""

import pytest

from bbhv.engine.tenant.probes import Asked
from bbhv.engine.tenant.watch import Watched, judge
from bbhv.kinds.workloads.health import check
from bbhv.model.probe import Probe
from bbhv.records import replace

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
    ({**ACTIVE, "NRestarts": "1", "Job": "17"}, "waiting"),
    ({**ACTIVE, "ActiveState": "deactivating", "NRestarts": "1", "Job": "17"}, "stopping"),
    ({**ACTIVE, "ActiveState": "deactivating", "Job": "17"}, "stopping"),
    ({**ACTIVE, "ActiveState": "deactivating", "NRestarts": "1"}, "unhealthy"),
    ({**ACTIVE, "ActiveState": "failed", "Result": "timeout", "NRestarts": "2", "Job": "17"}, "waiting"),
    ({}, "unhealthy"),
])  # fmt: skip
def test_a_unit_is_judged_by_its_state(found: dict[str, str], word: str) -> None:
    assert judge("x.service", found, 5.0, 0, 100.0).word == word


def test_how_a_unit_ended_is_said_as_long_as_systemd_knows() -> None:
    ended = {"ActiveState": "activating", "SubState": "auto-restart", "Result": "exit-code", "NRestarts": "1",
             "ExecMainCode": "1", "ExecMainStatus": "1"}
    again = {**ended, "SubState": "start", "Result": "success", "ExecMainCode": "0", "ExecMainStatus": "0"}
    see = ", see: journalctl -u x.service"
    assert judge("x.service", ended, 5.0, 0, 100.0).reason == f"x.service ended (exit-code, status 1){see}"
    assert judge("x.service", again, 5.0, 0, 100.0).reason == f"x.service ended, and was started again{see}"


def test_restarts_that_happened_before_do_not_count() -> None:
    assert judge("x.service", {**ACTIVE, "NRestarts": "3"}, 5.0, 3, 100.0).word == "healthy"


def test_time_is_up_names_who_is_not_healthy() -> None:
    watched = Watched({"a": 5.0, "b": 5.0}, 20.0, {})
    found = {"a": ACTIVE, "b": {**ACTIVE, "ActiveState": "activating"}}
    watched.look(found, 100.0, begun=180.0)
    assert not watched.done
    watched.look(found, 200.0, begun=180.0)
    assert watched.done and watched.reason == "not healthy within 20 s: b is activating"


def test_the_time_of_a_start_begins_when_the_stop_before_it_is_over() -> None:
    watched = Watched({"a": 5.0, "b": 5.0}, 20.0, {})
    watched.look({"a": ACTIVE, "b": {**ACTIVE, "ActiveState": "deactivating", "Job": "7"}}, 270.0, begun=180.0)
    starts = {"a": ACTIVE, "b": {**ACTIVE, "ActiveState": "activating"}}
    watched.look(starts, 289.0, begun=180.0)
    assert not watched.done
    watched.look(starts, 290.0, begun=180.0)
    assert watched.reason == "not healthy within 20 s: b is activating"


def test_one_that_failed_ends_the_watch_at_once() -> None:
    watched = Watched({"a": 5.0, "b": 5.0}, 20.0, {})
    watched.look({"a": ACTIVE, "b": {"ActiveState": "failed", "Result": "signal"}}, 100.0, begun=180.0)
    assert watched.done and "b failed (signal)" in watched.reason


def test_the_exit_status_is_told() -> None:
    ended = {"ActiveState": "activating", "SubState": "auto-restart", "Result": "exit-code", "ExecMainCode": "1"}
    verdict = judge("a", {**ended, "ExecMainStatus": "7"}, 5.0, 0, 100.0)
    assert verdict.reason == "a ended (exit-code, status 7), see: journalctl -u a"


def test_no_unit_to_watch_is_healthy() -> None:
    watched = Watched({}, 20.0, {})
    watched.look({}, 1.0, begun=0.0)
    assert watched.done and watched.reason == ""


PROBE = Probe(unit="p", tenant="acme", workload="web", of="a", check=check("tcp:80"), grace_sec=3.0)


def test_a_probe_is_due_when_its_workload_has_been_active_for_the_grace() -> None:
    watched = Watched({"a": 0.0}, 20.0, {}, Asked((PROBE, replace(PROBE, unit="s", of="")), "/x"))
    due = [[one.unit for one in watched.due({"a": found}, now)] for found, now in (
        ({**ACTIVE, "ActiveState": "activating"}, 100.0), (ACTIVE, 12.9), (ACTIVE, 13.0), ({}, 100.0),
    )]  # fmt: skip
    assert due == [["s"], ["s"], ["p", "s"], ["s"]], "a script of the tenant waits for nobody"
    watched.asked.running["p"] = None
    assert [one.unit for one in watched.due({"a": ACTIVE}, 100.0)] == ["s"]
    assert watched.all_units == ("a", "p")


def test_a_workload_is_healthy_when_its_unit_and_its_probe_say_so() -> None:
    watched = Watched({"a": 0.0}, 20.0, {}, Asked((PROBE,), "/x"))
    watched.look({"a": ACTIVE}, 100.0, begun=180.0)
    assert not watched.done, "it was not asked yet"
    watched.asked.running["p"] = None
    asking = {"ActiveState": "activating", "StatusText": "3 connection refused"}
    watched.look({"a": ACTIVE, "p": asking}, 100.0, begun=180.0)
    assert not watched.done
    watched.look({"a": ACTIVE, "p": {"ActiveState": "active"}}, 100.0, begun=180.0)
    assert watched.done and watched.reason == ""


def test_the_last_reason_is_told_also_while_the_probe_asks_again() -> None:
    asked = Asked((replace(PROBE, check=check("exec:/x")),), "/x", running={"p": None})
    watched = Watched({"a": 0.0}, 20.0, {}, asked)
    failed = {"ActiveState": "activating", "SubState": "auto-restart", "ExecMainCode": "1", "ExecMainStatus": "3"}
    watched.look({"a": ACTIVE, "p": failed}, 100.0, begun=180.0)
    again = {"ActiveState": "activating", "SubState": "start", "NRestarts": "1"}
    watched.look({"a": ACTIVE, "p": again}, 200.0, begun=180.0)
    assert watched.reason == "not healthy within 20 s: web: exec:/x: exit status 3 (1 attempt)"
