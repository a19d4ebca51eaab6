"""Guards: what a commit must say in so many words before it may take something away."""

import pytest

from bbhv.findings import Place
from bbhv.kinds.lifecycle import Consent
from bbhv.model import emptied, guards
from bbhv.model.compile import compile_tenant
from bbhv.model.forecast import Forecast, Has, check, forecast, guard
from bbhv.model.manifest import Manifest
from bbhv.model.plan import plan
from bbhv.model.registration import SystemConfig, parse_system
from bbhv.records import replace

from .model import COMMIT, FACTS, FILES, METADATA_SCHEMA, load_schema, registration, told
from .test_plan import OLD

EMPTY = replace(OLD.manifest, workloads=())
AT = Place("metadata.json", 3, 3)


def codes(old: Manifest | None, new: Manifest, consent: Consent = Consent()) -> list[str]:
    return told(guards.check(old, new, plan(old, new), guards.Said(consent=consent, place=AT)))


def test_a_commit_that_removes_every_workload_must_say_so() -> None:
    assert codes(OLD.manifest, EMPTY) == ["metadata.json:3 BB601"]
    (found,) = guards.check(OLD.manifest, EMPTY, plan(OLD.manifest, EMPTY), guards.Said())
    assert "db, web" in found.message and '"lifecycle": {"allowEmpty": true}' in found.hint
    assert codes(OLD.manifest, EMPTY, Consent(allow_empty=True)) == []


def test_a_tenant_that_has_nothing_or_keeps_something_is_not_guarded() -> None:
    one = replace(OLD.manifest, workloads=OLD.manifest.workloads[:1])
    assert codes(None, EMPTY) == codes(EMPTY, EMPTY) == codes(OLD.manifest, one) == codes(EMPTY, one) == []


def test_so_many_names_are_counted_and_not_listed() -> None:
    many = tuple(replace(OLD.manifest.workloads[0], name=f"w{n}", unit=f"w{n}.service") for n in range(1000))
    old = replace(OLD.manifest, workloads=many)
    (found,) = guards.check(old, EMPTY, plan(old, EMPTY), guards.Said())
    assert found.message.endswith("w0, w1, w2, w3, w4 and 995 more.") and len(found.message) < 120


def test_data_is_lost_only_by_the_name_of_what_loses_it() -> None:
    kept = replace(OLD.manifest.workloads[0], settings={"X-Bitbuilder.Persistent": "yes", "image": "1"})
    old = replace(OLD.manifest, workloads=(kept,))
    new = replace(old, workloads=(replace(kept, settings={**kept.settings, "image": "2"}),))
    assert codes(old, new) == ["metadata.json:3 BB602"]
    assert codes(old, new, Consent(allow_data_loss=("web",))) == ["metadata.json:3 BB602"]
    assert codes(old, new, Consent(allow_data_loss=(kept.name,))) == []


def settled(settings: dict[str, str], uid: str = "1") -> Manifest:
    kept = replace(OLD.manifest.workloads[0], settings={"X-Bitbuilder.Persistent": "yes", "image": "1", "uidBase": uid})
    return replace(OLD.manifest, workloads=(kept,), infra_settings=settings)


def test_other_user_ids_do_not_lose_a_root() -> None:
    assert codes(settled({}), settled({}, uid="2")) == []


@pytest.mark.parametrize(("before", "after", "found"), [
    ("drive 2", "drive 1", ["infrastructure/data.volume:0 BB604"]), ("drive 1", "drive 2", []),
    ("directory", "directory", []), ("directory", "drive 1", ["metadata.json:3 BB602"]),
    ("drive 1", "directory", ["metadata.json:3 BB602"]), ("drive x", "drive 1", []),
])  # fmt: skip
def test_a_drive_grows_and_another_use_begins_empty(before: str, after: str, found: list[str]) -> None:
    old, new = settled({"volume:data": before}), settled({"volume:data": after})
    assert codes(old, new) == found
    assert codes(old, new, Consent(allow_data_loss=("data",))) == [one for one in found if "BB602" not in one]


def test_the_storage_of_a_tenant_does_not_shrink() -> None:
    assert codes(settled({"storage": "2097152"}), settled({"storage": "1048576"})) == ["metadata.json:3 BB604"]
    assert codes(settled({"storage": "1048576"}), settled({"storage": "2097152"})) == []
    assert codes(settled({"storage": "1048576"}), settled({})) == []


@pytest.mark.parametrize(("before", "after", "allowed", "found"), [
    (["acme"], [], False, 1), (["acme"], [], True, 0), (["acme"], ["shop"], False, 0), ([], [], False, 0),
])  # fmt: skip
def test_a_host_loses_all_its_tenants_only_by_word(
    before: list[str], after: list[str], allowed: bool, found: int
) -> None:
    assert len(emptied.unregistered(before, after, Place("system.json"), allowed=allowed)) == found


def test_the_keys_are_read() -> None:
    text = b'{"apiVersion": "bitbuilder.io/v1", "allowEmpty": true}'
    assert parse_system("system.json", text, load_schema("system"))[0] == SystemConfig(allow_empty=True)


def forecast_of(changes: dict[str, bytes | None], has: Has) -> Forecast:
    files = {name: data for name, data in {**FILES, **changes}.items() if data is not None}
    tenant, findings = check(files, (), registration(), FACTS, METADATA_SCHEMA, allow_file=True)
    assert tenant is not None, findings
    return forecast(tenant, registration(), FACTS, has, commit=COMMIT, version="1")


def test_a_forecast_says_what_a_guard_refuses_and_shows_the_plan_all_the_same() -> None:
    gone: dict[str, bytes | None] = {"containers/web.nspawn": None, "containers/db.nspawn": None}
    found = forecast_of(gone, Has(manifest=OLD.manifest, units=OLD.units))
    assert told(found.findings) == ["metadata.json:1 BB601"]
    assert [step.action.value for step in found.plan.steps if step.kind == "container"] == ["stop", "stop"]
    said = b'{"apiVersion": "bitbuilder.io/v1", "tenant": "acme", "lifecycle": {"allowEmpty": true}}'
    assert forecast_of({**gone, "metadata.json": said}, Has(manifest=OLD.manifest)).findings == ()


def test_a_forecast_invents_no_uid_range_and_is_what_compiling_says_otherwise() -> None:
    new: dict[str, bytes | None] = {"containers/new.nspawn": FILES["containers/db.nspawn"]}
    found = forecast_of(new, Has(manifest=OLD.manifest, units=OLD.units))
    assert found.unallocated == ("new.acme",)
    assert [step.action.value for step in found.plan.steps if step.name in ("new", "web", "db")] == [
        "none", "start", "none"
    ]
    same = forecast_of({}, Has(manifest=OLD.manifest, units=OLD.units))
    assert same.generation == OLD and not same.plan.changes


def test_the_guard_of_a_sync_is_the_guard_of_the_plan() -> None:
    files = {name: data for name, data in FILES.items() if not name.startswith("containers/")}
    tenant, _ = check(files, (), registration(), FACTS, METADATA_SCHEMA, allow_file=True)
    assert tenant is not None
    generation = compile_tenant(tenant, registration(), FACTS, COMMIT, "1")
    assert told(guard(OLD.manifest, tenant, generation)) == ["metadata.json:1 BB601"]
