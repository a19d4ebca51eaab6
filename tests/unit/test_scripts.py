"""Scripts: the units of a stop, what a plan has of them, which stand between stopping and starting, how they fail."""

from collections.abc import Mapping

import pytest

from bbhv.formats.unitfile import parse
from bbhv.kinds.script import SCRIPTS
from bbhv.model import scripts
from bbhv.model.compile import Generation, compile_tenant
from bbhv.model.plan import Action, plan
from bbhv.model.tenant import read_tenant
from bbhv.records import replace

from .model import COMMIT, FACTS, FILES, METADATA_SCHEMA, registration

PRE, POST = "tenant-script@pre-stop.acme.service", "tenant-script@post-stop.acme.service"
WEB, DB = "tenant-container@web.acme.service", "tenant-container@db.acme.service"


def generation(web: bytes = FILES["containers/web.nspawn"], **texts: bytes) -> Generation:
    """A generation with scripts: `pre_stop` is scripts/pre-stop."""
    named = {f"scripts/{name.replace('_', '-')}": text for name, text in texts.items()}
    files = {**FILES, "containers/web.nspawn": web, **named}
    tenant, findings = read_tenant(files, "acme", METADATA_SCHEMA)
    assert tenant is not None, findings
    return compile_tenant(tenant, registration(), FACTS, COMMIT, "1")


PLAIN = generation()
STOPS = generation(pre_stop=b"#!/bin/sh\n", post_stop=b"#!/bin/sh\n")
RESTARTED = FILES["containers/web.nspawn"].replace(b"ROLE=web", b"ROLE=www")


def settings(text: str) -> dict[str, list[str]]:
    """What a unit file sets, by key."""
    found: dict[str, list[str]] = {}
    parsed, problems = parse("x.service", text.encode())
    assert not problems
    for one in parsed.entries:
        found.setdefault(one.key, []).append(one.value)
    return found


def test_only_the_scripts_of_a_stop_have_units_in_a_generation() -> None:
    every = {name.replace("-", "_"): b"#!/bin/sh\n" for name in SCRIPTS}
    assert {name for name in generation(**every).units if "script" in name} == {PRE, POST}
    assert set(scripts.SECONDS) | {"health"} == set(SCRIPTS)


def test_a_stop_unit_is_ordered_around_the_workloads() -> None:
    before, after = settings(STOPS.units[PRE]), settings(STOPS.units[POST])
    assert before["After"] == [f"tenant-infra@acme.service {DB} {WEB}"] and "Before" not in before
    assert after["After"] == ["tenant-infra@acme.service"] and after["Before"] == [f"{DB} {WEB}"]
    for one in (before, after):
        assert one["Slice"] == ["tenants-acme.slice"] and one["User"] == ["bbhv-acme"]
        assert one["CapabilityBoundingSet"] == [""] and one["DynamicUser"] == ["yes"]
        assert "Requires" not in one and "ExecStart" not in one


def test_the_interpreter_reaches_the_unit_as_words() -> None:
    text = generation(pre_stop=b"#!/usr/bin/env -S a \"$HOME\" %n ; b\n").units[PRE]
    assert settings(text)["ExecStop"] == ['/usr/bin/env "-S a \\"$$HOME\\" %%n ; b" /run/bitbuilder-script']


def test_the_same_scripts_make_the_same_units_in_every_commit() -> None:
    tenant, _ = read_tenant({**FILES, "scripts/pre-stop": b"#!/bin/sh\n"}, "acme", METADATA_SCHEMA)
    assert tenant is not None
    one, other = (compile_tenant(tenant, registration(), FACTS, commit, "1") for commit in (COMMIT, "d" * 40))
    assert one.units == other.units


@pytest.mark.parametrize(
    ("old", "new", "rows"),
    [
        (PLAIN, STOPS, ["post-stop: newly declared", "pre-stop: newly declared"]),
        (STOPS, PLAIN, ["post-stop: no longer declared", "pre-stop: no longer declared"]),
        (STOPS, generation(pre_stop=b"#!/bin/sh\n", post_stop=b"#!/bin/sh\n#\n"), ["post-stop: changed"]),
        (PLAIN, generation(provision=b"#!/bin/sh\n"), ["provision: newly declared"]),
        (STOPS, STOPS, []),
    ],
)
def test_a_script_that_differs_restarts_nothing(old: Generation, new: Generation, rows: list[str]) -> None:
    found = plan(old.manifest, new.manifest, old_units=old.units, new_units=new.units)
    steps = [step for step in found.steps if step.kind == "script" and step.action is not Action.NONE]
    assert [step.reasons[0] for step in steps] == [f"scripts/{row} (live)" for row in rows]
    assert {step.action for step in found.steps} <= {Action.NONE, Action.LIVE}


def test_a_stop_unit_whose_workloads_change_is_read_again() -> None:
    new = replace(STOPS, units={**STOPS.units, PRE: "[Service]\n"})
    found = plan(STOPS.manifest, new.manifest, old_units=STOPS.units, new_units=new.units)
    assert [(step.name, step.action) for step in found.steps if step.action is not Action.NONE] == [
        ("pre-stop", Action.LIVE)
    ]


@pytest.mark.parametrize(
    ("old", "new", "stopped"),
    [
        (generation(), generation(RESTARTED), ()),
        (STOPS, generation(RESTARTED, pre_stop=b"#!/bin/sh\n", post_stop=b"#!/bin/sh\n"), (PRE, WEB, POST)),
        (STOPS, generation(RESTARTED), (PRE, WEB, POST)),
        (generation(), generation(RESTARTED, pre_start=b"#!/bin/sh\n"), (WEB,)),
        (generation(), generation(RESTARTED, post_start=b"#!/bin/sh\n"), ()),
        (STOPS, generation(pre_stop=b"#!/bin/sh\n"), ()),
    ],
)
def test_what_restarts_stops_first_where_a_script_stands_between(
    old: Generation, new: Generation, stopped: tuple[str, ...]
) -> None:
    found = plan(old.manifest, new.manifest)
    assert scripts.stops(found, old.manifest, new.manifest) == stopped
    assert scripts.begins(found, new.manifest) is (new.manifest.workloads != old.manifest.workloads)


def test_everything_stops_with_the_scripts_of_what_runs() -> None:
    units = scripts.stops(plan(STOPS.manifest, None), STOPS.manifest, None)
    assert units[:3] == (PRE, WEB, DB) and units[-1:] == (POST,)
    assert scripts.stops(plan(None, STOPS.manifest), None, STOPS.manifest) == ()


def test_only_scripts_that_are_waited_for_take_time() -> None:
    assert not scripts.takes_time(None, generation(health=b"#!/bin/sh\n").manifest)
    assert scripts.takes_time(STOPS.manifest, PLAIN.manifest)
    assert scripts.longest(("health",)) == 0
    assert scripts.longest(("provision", "pre-start")) == 300 + 2 * 120


STOP = "{ path=/bin/sh ; argv[]=/bin/sh ; status=9 ; code=exited ; status=3 }"


@pytest.mark.parametrize(
    ("found", "words", "said"),
    [
        ({"Result": "exit-code", "ExecMainStatus": "7"}, "", "exit status 7"),
        ({"Result": "exit-code", "ExecMainStatus": "7"}, " a\n\x1b[2J b\n", "exit status 7: a \\x1b[2J b"),
        ({"Result": "exit-code", "ExecMainStatus": "203"}, "", "exit status 203, its interpreter cannot be executed"),
        ({"Result": "exit-code", "ExecMainStatus": "0", "ExecStop": STOP}, "", "exit status 3"),
        ({"Result": "timeout", "ExecMainStatus": "9"}, "", "not done within 60 s"),
        ({"Result": "signal", "ExecMainStatus": "25"}, "", "killed by signal 25"),
        ({"Result": "oom-kill"}, "", "it used more memory than it may"),
        ({}, "x" * 1000, f"it failed (no result): …{'x' * 300}"),
    ],
)
def test_a_failure_says_what_and_where_to_look(found: Mapping[str, str], words: str, said: str) -> None:
    text = scripts.failure("pre-stop", "acme", found, words)
    assert text == f"scripts/pre-stop: {said}, see: journalctl -u {PRE}"


def test_what_was_left_running_is_told_from_what_rests() -> None:
    names = ("provision.acme", "pre-start.acme", "pre-stop.acme", "health.acme", "provision.beta", "provision.a.acme")
    states = {f"tenant-script@{name}.service": "active" for name in names}
    assert scripts.orphans(states, "acme") == (
        "tenant-script@pre-start.acme.service", "tenant-script@provision.acme.service"
    )
