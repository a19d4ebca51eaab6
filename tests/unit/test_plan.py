"""Plans: what a change costs, in which order it is done, and that nothing else is touched."""

import pytest

from bbhv.kinds.settings import Cost
from bbhv.model.compile import Generation, compile_tenant
from bbhv.model.host import HostFacts
from bbhv.model.manifest import Manifest, Workload
from bbhv.model.plan import Action, Plan, cost_of, joined, plan, resting
from bbhv.model.planview import View
from bbhv.model.planview import text as shown
from bbhv.model.tenant import read_tenant
from bbhv.records import replace

from .model import COMMIT, DB, DIGEST, FACTS, FILES, METADATA_SCHEMA, WEB, registration


def generation(facts: HostFacts = FACTS, **files: bytes | None) -> Generation:
    return built(files, facts)


def built(files: dict[str, bytes | None], facts: HostFacts = FACTS, commit: str = COMMIT) -> Generation:
    changed = dict(FILES)
    for name, data in files.items():
        path = name.replace("__", "/").replace("_", ".")
        changed.pop(path, None)
        if data is not None:
            changed[path] = data
    tenant, findings = read_tenant(changed, "acme", METADATA_SCHEMA)
    assert tenant is not None, findings
    return compile_tenant(tenant, registration(), facts, commit, "1")


OLD = generation()


def difference(new: Generation, old: Generation = OLD) -> Plan:
    return plan(old.manifest, new.manifest, old_units=old.units, new_units=new.units)


def render_text(one: Plan) -> str:
    return shown(View(tenant="acme", outcome="applied", plan=one))


def told(one: Plan) -> list[str]:
    return [f"{step.action.value} {step.kind} {step.name}" for step in one.steps if step.action is not Action.NONE]


def test_the_same_generation_needs_nothing() -> None:
    one = difference(built({}, commit="d" * 40))
    assert not one.changes
    assert told(one) == []
    assert [step.action for step in one.steps] == [Action.NONE] * 4


def test_a_new_tenant_starts_in_the_order_of_after() -> None:
    one = plan(None, OLD.manifest)
    assert told(one) == ["live slice acme", "start infra acme", "start container db", "start container web"]
    assert one.units(Action.START) == (
        "tenant-infra@acme.service",
        "tenant-container@db.acme.service",
        "tenant-container@web.acme.service",
    )


def test_a_tenant_that_goes_stops_in_the_reverse_order() -> None:
    one = plan(OLD.manifest, None)
    assert told(one) == ["stop container web", "stop container db", "stop infra acme", "stop slice acme"]
    assert plan(None, None) == Plan()


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"containers__web_nspawn": WEB.replace(b"512M", b"1G")}, ["live container web"]),
        ({"containers__web_nspawn": WEB.replace(b"ROLE=web", b"ROLE=www")}, ["restart container web"]),
        ({"containers__web_nspawn": WEB.replace(b"ROLE=web", b"'ROLE=web'")}, []),
        ({"containers__web_nspawn": WEB + b"Restart=no\n"}, ["live container web"]),
        ({"containers__web_nspawn": WEB + b"HealthStableSec=9\n"}, []),
        ({"containers__web_nspawn": WEB.replace(b"/srv/data", b"/srv/d")}, ["restart container web"]),
        ({"containers__web_nspawn": WEB.replace(b"After=db\n", b"")}, ["live container web"]),
        ({"containers__web_nspawn": WEB.replace(b"Image=debian-13", b"Image=own")}, ["recreate container web"]),
        ({"infrastructure__tenant_slice": b"[Slice]\nMemoryMax=2G\nCPUWeight=50\n"}, ["live slice acme"]),
        ({"infrastructure__tenant_slice": None}, ["live slice acme"]),
        ({"infrastructure__more_volume": b"[Volume]\n"}, ["reload infra acme"]),
        ({"infrastructure__data_volume": b"[Volume]\nSize=2G\n"}, []),
        ({"containers__new_nspawn": DB}, ["start container new"]),
        ({"containers__db_nspawn": None, "containers__web_nspawn": WEB.replace(b"After=db\n", b"")},
         ["stop container db", "live container web"]),
        ({"README_md": b"x"}, []),
    ],
)  # fmt: skip
def test_a_change_costs_what_its_row_says_and_touches_nothing_else(
    files: dict[str, bytes | None], expected: list[str]
) -> None:
    facts = replace(FACTS, uid_bases={**FACTS.uid_bases, "new.acme": 5})
    assert told(difference(built(files, facts), generation(facts))) == expected


def test_a_renamed_image_with_the_same_content_restarts_nothing() -> None:
    image = FILES["infrastructure/own.image"]
    renamed = generation(
        infrastructure__own_image=None,
        infrastructure__mine_image=image,
        containers__db_nspawn=DB.replace(b"=own", b"=mine"),
    )
    assert not difference(renamed).changes


def test_new_content_of_an_image_recreates_what_starts_from_it() -> None:
    image = FILES["infrastructure/own.image"].replace(DIGEST.encode(), b"6" * 64)
    assert told(difference(generation(infrastructure__own_image=image))) == ["recreate container db"]
    offered = {"debian-13": replace(FACTS.offered["debian-13"], identity="9:9:9")}
    assert told(difference(generation(replace(FACTS, offered=offered)))) == ["recreate container web"]


def test_the_heaviest_change_decides_and_every_reason_is_told() -> None:
    web = WEB.replace(b"512M", b"1G").replace(b"ROLE=web", b"ROLE=www")
    (step,) = [step for step in difference(generation(containers__web_nspawn=web)).steps if step.name == "web"]
    assert step.action is Action.RESTART
    assert step.reasons == (
        "Exec.Environment=ROLE=web → ROLE=www (restart)",
        "X-Bitbuilder.MemoryMax=512M → 1G (live)",
    )


def test_a_reason_shows_what_was_unset_and_never_drives_a_terminal() -> None:
    (step,) = [
        step
        for step in difference(generation(containers__web_nspawn=WEB + b"TasksMax=5\n")).steps
        if step.name == "web"
    ]
    assert step.reasons == ("X-Bitbuilder.TasksMax=(unset) → 5 (live)",)
    long = WEB.replace(b"ROLE=web", b"ROLE=" + b"x" * 500)
    (step,) = [step for step in difference(generation(containers__web_nspawn=long)).steps if step.name == "web"]
    assert len(step.reasons[0]) < 150 and "…" in step.reasons[0]


def test_units_that_differ_without_a_setting_are_read_again() -> None:
    units = {path: text + "# newer\n" for path, text in OLD.units.items()}
    one = plan(OLD.manifest, OLD.manifest, old_units=OLD.units, new_units=units)
    assert told(one) == [
        "live slice acme",
        "live infra acme",
        "live tenant acme",
        "live container db",
        "live container web",
    ]
    assert not plan(OLD.manifest, OLD.manifest).changes


def workload(name: str, *after: str, **settings: str) -> Workload:
    base = OLD.manifest.workloads[0]
    return replace(base, name=name, unit=f"{name}.service", after=after, settings=settings)


def manifest(*workloads: Workload) -> Manifest:
    return replace(OLD.manifest, workloads=workloads)


def test_a_chain_starts_from_its_end() -> None:
    chain = manifest(workload("a", "b.service"), workload("b", "c.service"), workload("c"), workload("d"))
    assert plan(None, chain).units(Action.START)[1:] == ("c.service", "d.service", "b.service", "a.service")


def test_a_circle_in_a_damaged_manifest_ends_all_the_same() -> None:
    circle = manifest(workload("a", "b.service"), workload("b", "a.service"))
    assert set(plan(None, circle).units(Action.START)[1:]) == {"a.service", "b.service"}


def test_recreating_a_root_that_was_kept_loses_data_and_says_so() -> None:
    settings = {"X-Bitbuilder.Persistent": "yes", "image": "1"}
    kept = replace(workload("a"), settings=settings)
    old, new = manifest(kept), manifest(replace(kept, settings={**settings, "image": "2"}))
    text = render_text(plan(old, new))
    assert "recreate  container a  DATA LOSS\n" in text and "loses data: 1\n" in text
    assert "DATA LOSS" not in render_text(plan(manifest(workload("a", image="1")), manifest(workload("a", image="2"))))


def test_a_plan_is_text_with_a_line_for_each_unit() -> None:
    text = render_text(difference(generation(containers__web_nspawn=WEB.replace(b"512M", b"1G"))))
    assert text == (
        "acme: nothing → nothing\n"
        "  live      container web\n"
        "              X-Bitbuilder.MemoryMax=512M → 1G (live)\n"
        "  1 live, 3 untouched; loses data: none\n"
    )


def test_a_setting_that_this_version_does_not_know_costs_a_restart() -> None:
    assert cost_of("container", "Exec.FromTheFuture") is Cost.RESTART
    assert cost_of("hologram", "Exec.Boot") is Cost.RESTART
    assert cost_of("container", "uidBase") is Cost.RECREATE


def test_what_does_not_run_joins_in_and_what_is_touched_anyway_does_not_twice() -> None:
    one = difference(generation(containers__web_nspawn=WEB.replace(b"ROLE=web", b"ROLE=www")))
    web, db = "tenant-container@web.acme.service", "tenant-container@db.acme.service"
    assert db in resting(one) and web not in resting(one)
    assert told(joined(one, {web, db, "tenants-acme.slice"})) == ["start container db", "restart container web"]
    assert joined(one, ()) == one


def test_a_volume_that_nobody_declares_any_more_is_kept_and_said_so() -> None:
    web = WEB.replace(b"Volume=data:/srv/data\n", b"")
    one = difference(generation(infrastructure__data_volume=None, containers__web_nspawn=web))
    assert one.kept == ("data",) and joined(one, ()).kept == ("data",)
    assert "  kept      volumes/data (bbhv purge acme --volume=data removes it)\n" in render_text(one)
    assert plan(OLD.manifest, None).kept == ("data",) and plan(None, OLD.manifest).kept == ()


@pytest.mark.parametrize(("files", "asked"), [
    ({"containers__web_nspawn": WEB + b"Health=tcp:81\n"}, ["web"]),
    ({"containers__web_nspawn": WEB + b"HealthStableSec=1\n"}, ["web"]),
    ({"scripts__health": b"#!/bin/sh\nexit 0\n"}, ["db", "web"]),
    ({"scripts__provision": b"#!/bin/sh\nexit 0\n"}, []),
    ({"README_md": b"words"}, []),
])  # fmt: skip
def test_a_check_that_changes_alone_is_asked_and_touches_nothing(
    files: dict[str, bytes | None], asked: list[str]
) -> None:
    one = difference(built(files))
    assert not one.units(Action.RESTART, Action.RECREATE, Action.START, Action.STOP, Action.RELOAD)
    assert list(one.asked) == [f"tenant-container@{name}.acme.service" for name in asked]
    assert joined(one, ()).asked == one.asked
    assert ("Another health check decides on " + ", ".join(asked) in render_text(one)) is bool(asked)


def test_a_workloads_own_script_that_changes_is_asked() -> None:
    checked = {"containers__web_nspawn": WEB + b"Health=script:post-start\n"}
    before = built({**checked, "scripts__post-start": b"#!/bin/sh\nexit 0\n"})
    after = built({**checked, "scripts__post-start": b"#!/bin/sh\nexit 1\n"})
    assert difference(after, before).asked == ("tenant-container@web.acme.service",)
    assert difference(after, after).asked == () and plan(None, after.manifest).asked == ()
