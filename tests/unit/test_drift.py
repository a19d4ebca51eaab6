"""Drift: which differences are one, what is said about them, and which policy sets them right by which steps."""

from collections.abc import Mapping

import pytest

from bbhv.model.compile import compile_tenant
from bbhv.model.drift import KINDS, RESTART, Drift, Kind, Override, Sight, find, sentence
from bbhv.model.manifest import Manifest
from bbhv.model.plan import Action
from bbhv.model.registration import DriftPolicy
from bbhv.model.remedy import ACTIONS, remedy
from bbhv.model.tenant import read_tenant
from bbhv.names import workload_of
from bbhv.records import replace

from .model import COMMIT, FACTS, FILES, METADATA_SCHEMA, registration

WEB, DB = "tenant-container@web.acme.service", "tenant-container@db.acme.service"
INFRA, TENANT, SLICE = "tenant-infra@acme.service", "tenant@acme.service", "tenants-acme.slice"
RUNNING = dict.fromkeys((WEB, DB, INFRA, TENANT), "active")
EXTRA = "tenant-container@old.acme.service"


def manifest() -> Manifest:
    tenant, findings = read_tenant(FILES, "acme", METADATA_SCHEMA)
    assert tenant is not None, findings
    return compile_tenant(tenant, registration(), FACTS, COMMIT, "1").manifest


ONE = manifest()


def restarting(how: str) -> Manifest:
    """The generation with this Restart= in every container."""
    return replace(ONE, workloads=tuple(replace(one, settings={**one.settings, RESTART: how}) for one in ONE.workloads))


def seen(published: str = "", outdated: frozenset[str] = frozenset(), **states: str) -> Sight:
    named = {"web": WEB, "db": DB, "extra": EXTRA}
    return Sight(states={**RUNNING, **{named[k]: v for k, v in states.items()}}, published=published, outdated=outdated)


def overridden(unit: str, kind: Kind, path: str, states: Mapping[str, str] = RUNNING) -> Sight:
    return Sight(states=states, overrides={unit: [Override(kind, path)]})


def told(found: tuple[Drift, ...]) -> list[tuple[str, str]]:
    return [(one.kind.value, one.unit) for one in found]


def test_what_runs_as_it_was_committed_is_no_drift() -> None:
    assert find(ONE, seen()) == ()


@pytest.mark.parametrize(("state", "kind"), [
    ("inactive", "stopped"), ("failed", "failed"), ("active", ""), ("activating", ""), ("reloading", ""),
    ("deactivating", ""),
])  # fmt: skip
def test_a_workload_that_is_down_is_drift_and_one_on_its_way_is_not(state: str, kind: str) -> None:
    assert told(find(ONE, seen(web=state))) == ([(kind, WEB)] if kind else [])


@pytest.mark.parametrize(("restart", "state", "kind"), [
    ("always", "inactive", "stopped"), ("on-failure", "inactive", ""), ("no", "inactive", ""),
    ("always", "failed", "failed"), ("on-failure", "failed", "failed"), ("no", "failed", ""),
])  # fmt: skip
def test_a_workload_that_ended_as_it_was_declared_is_no_drift(restart: str, state: str, kind: str) -> None:
    assert told(find(restarting(restart), seen(web=state))) == ([(kind, WEB)] if kind else [])


def test_a_unit_that_systemd_does_not_know_is_stopped() -> None:
    found = find(ONE, Sight(states={TENANT: "active", DB: "active"}))
    assert told(found) == [("stopped", WEB)] and found[0].hint == f"systemctl start {WEB}"


@pytest.mark.parametrize("state", ["active", "activating"])
def test_what_runs_and_is_not_declared_is_an_orphan(state: str) -> None:
    assert told(find(ONE, seen(extra=state))) == [("orphan", EXTRA)]


@pytest.mark.parametrize("unit", [
    "tenant-container@old.beta.service", "tenant-container@old.service", "tenant-infra@old.acme.service",
    "tenant-container@../x.acme.service", "tenant-container@old.acme.timer", "tenant-container@old.x.acme.service",
])  # fmt: skip
def test_no_unit_of_another_tenant_and_no_other_unit_is_an_orphan(unit: str) -> None:
    assert find(ONE, Sight(states={**RUNNING, unit: "active"})) == ()
    assert workload_of(unit)[2] != "acme"


def test_an_ended_orphan_is_none() -> None:
    assert find(ONE, seen(extra="failed")) == find(ONE, seen(extra="inactive")) == ()


@pytest.mark.parametrize("unit", [WEB, INFRA, TENANT, SLICE])
@pytest.mark.parametrize("kind", [Kind.OVERRIDDEN, Kind.REPLACED])
def test_what_an_operator_changed_names_the_file(unit: str, kind: Kind) -> None:
    found = find(ONE, overridden(unit, kind, "/etc/systemd/system/x"))
    assert told(found) == [(kind.value, unit)] and found[0].reason.endswith(" by /etc/systemd/system/x")
    assert found[0].path == "/etc/systemd/system/x" and found[0].hint == f"systemctl revert {unit}"


def test_a_masked_workload_is_masked_and_not_also_stopped() -> None:
    one = overridden(WEB, Kind.MASKED, "/run/systemd/system/x", {**RUNNING, WEB: "inactive"})
    assert told(find(ONE, one)) == [("masked", WEB)]


def test_a_mask_is_taken_away_where_it_is() -> None:
    hints = [find(ONE, overridden(WEB, Kind.MASKED, f"/{where}/systemd/system/x"))[0].hint for where in ("etc", "run")]
    assert hints == [f"systemctl unmask {WEB}", f"systemctl unmask --runtime {WEB}"]


def test_what_is_published_and_what_systemd_has_read_are_told_by_their_reason() -> None:
    found = find(ONE, seen(published="its units are not published in /run", outdated=frozenset((WEB, "x.service"))))
    assert told(found) == [("unpublished", SLICE), ("outdated", WEB)]
    assert found[0].reason.endswith(": its units are not published in /run") and found[0].hint == "bbhv sync acme"


def test_the_table_has_a_row_and_a_step_for_every_kind() -> None:
    assert set(KINDS) == set(ACTIONS) == set(Kind)


def everything() -> tuple[Drift, ...]:
    """One drift of each kind."""
    units = {WEB: Override(Kind.OVERRIDDEN, "/etc/a"), DB: Override(Kind.MASKED, "/etc/b"),
             SLICE: Override(Kind.REPLACED, "/etc/c"), TENANT: Override(Kind.OVERRIDDEN, "/run/d")}
    one = seen("it is not read", frozenset((INFRA,)), web="failed", extra="active")
    return find(ONE, replace(one, overrides={unit: [override] for unit, override in units.items()}))


def test_each_policy_does_what_those_before_it_do() -> None:
    steps = {policy: {(s.unit, s.action) for s in remedy(everything(), policy).steps} for policy in DriftPolicy}
    assert steps[DriftPolicy.REPORT] == set()
    assert steps[DriftPolicy.HEAL] == {(SLICE, Action.LIVE), (WEB, Action.START), (EXTRA, Action.STOP)}
    assert steps[DriftPolicy.REVERT] == {*steps[DriftPolicy.HEAL], (TENANT, Action.LIVE), (DB, Action.START)}


def test_a_unit_that_runs_with_an_override_restarts_without_it_but_for_limits() -> None:
    found = find(ONE, overridden(WEB, Kind.OVERRIDDEN, f"/etc/systemd/system/{WEB}.d/50-x.conf"))
    assert [step.action for step in remedy(found, DriftPolicy.REVERT).steps] == [Action.RESTART]
    found = find(ONE, overridden(WEB, Kind.OVERRIDDEN, f"/run/systemd/system.control/{WEB}.d/50-MemoryMax.conf"))
    assert [step.action for step in remedy(found, DriftPolicy.REVERT).steps] == [Action.LIVE]


def test_a_sentence_names_three_and_counts_the_rest() -> None:
    found = everything()
    assert sentence(found[:1]) == "tenant acme: what systemd has read is not the generation: it is not read"
    assert sentence(found).endswith(f"; and {len(found) - 3} more") and sentence(()) == ""
