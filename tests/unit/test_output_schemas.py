"""The schema of every `--json` output: sound, complete, what the varlink interface says, and true of real replies."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bbhv.cli.verbs import CHANGE, LOOK, VERBS
from bbhv.engine.doctor import Check
from bbhv.findings import CODES, Finding, Place
from bbhv.formats.jsontext import Json, parse
from bbhv.formats.schema.compiler import VOCABULARIES, Schema, compile_schema
from bbhv.formats.varlink_idl import Array, Enum, Interface, Maybe, Named, Primitive, Struct, Type
from bbhv.formats.varlink_idl import parse as interface_of

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "schemas"
LIBRARY = Path(__file__).parent / "fixtures/formats/schema/library.jsonl"
NAMES = sorted(path.name for path in SCHEMAS.glob("*.schema.json"))
OTHERS = ("init", "validate", "credential", "explain", "logs")
REPLYING = [verb.name for verb in VERBS if verb.group in (LOOK, CHANGE) or verb.name in OTHERS]


def document(name: str) -> dict[str, Json]:
    located, findings = parse(name, (SCHEMAS / name).read_bytes())
    assert located is not None and findings == () and isinstance(located.value, dict)
    return located.value


def members(value: Json) -> dict[str, Json]:
    assert isinstance(value, dict)
    return value


OUTPUT = document("output.schema.json")
DEFINED = members(OUTPUT["$defs"])


def schema_of(what: str) -> Schema:
    """The schema of a verb's reply, or of a part of it."""
    return compile_schema({"$ref": f"#/$defs/{what}", "$defs": DEFINED})


def problems(what: str, reply: Json) -> list[str]:
    return [f"{problem.path}: {problem.message}" for problem in schema_of(what).problems(reply)]


def bbhv(*words: str, cwd: Path) -> Json:
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    done = subprocess.run([sys.executable, "-m", "bbhv", *words, "--json=short"], cwd=cwd, env=environment, timeout=60,
                          capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1, 3), done
    reply: Json = json.loads(done.stdout)
    return reply


# The schemas themselves


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_of_ours_is_one_by_the_meta_schema(name: str) -> None:
    lines = map(json.loads, LIBRARY.read_text(encoding="utf-8").splitlines())
    library: dict[str, Json] = {line["uri"]: line["schema"] for line in lines}
    meta = compile_schema(library["https://json-schema.org/draft/2020-12/schema"], library=library)
    assert meta.problems(document(name)) == () and meta.problems({"type": "sting"}) != ()
    assert document(name)["$id"] == f"https://bitbuilder.io/schemas/v1/{name}"


def test_every_verb_that_can_reply_has_its_schema_and_every_schema_is_used() -> None:
    assert [name for name in REPLYING if name not in DEFINED] == []
    used = {one.removeprefix("#/$defs/") for one in references(OUTPUT)}
    assert set(DEFINED) - used - set(REPLYING) == set() and used <= set(DEFINED)


def references(value: Json) -> list[str]:
    if isinstance(value, list):
        return [one for item in value for one in references(item)]
    if not isinstance(value, dict):
        return []
    own = [str(value["$ref"])] if "$ref" in value else []
    return [*own, *(one for item in value.values() for one in references(item))]


def objects(value: Json, where: str = "") -> list[tuple[str, dict[str, Json]]]:
    """Every schema in a schema, with its place."""
    if not isinstance(value, dict):
        return []
    found = [(where, value)]
    for keyword in ("properties", "$defs"):
        inner = value.get(keyword)
        for name, child in inner.items() if isinstance(inner, dict) else ():
            found += objects(child, f"{where}/{name}")
    return found + objects(value.get("items"), f"{where}[]")


def test_every_object_is_closed_every_key_is_described_and_only_known_keywords_count() -> None:
    known = {"$schema", "$id", "$defs", "$ref", "title", "description"}.union(*VOCABULARIES.values())
    for where, schema in objects(OUTPUT):
        assert known >= schema.keys(), where
        assert ("properties" in schema) <= (schema.get("additionalProperties") is False), where
        for key, value in members(schema.get("properties", {})).items():
            inner = members(value)
            target = members(DEFINED[str(inner["$ref"]).removeprefix("#/$defs/")]) if "$ref" in inner else inner
            assert str(target.get("description")).endswith("."), f"{where}/{key}"


# The same as varlink


def types_of(schema: Json) -> set[str]:
    """What a value may be, in the words of varlink; an enumeration is a string."""
    one = members(schema)
    if "oneOf" in one:
        alternatives = one["oneOf"]
        assert isinstance(alternatives, list)
        return {kind for item in alternatives for kind in types_of(item)}
    if "$ref" in one:
        return {str(one["$ref"]).removeprefix("#/$defs/").capitalize()}
    if "enum" in one:
        choices = one["enum"]
        assert isinstance(choices, list)
        return {"null" if choice is None else "string" for choice in choices}
    kinds = one["type"]
    names = {"integer": "int", "boolean": "bool", "array": "array"}
    return {names.get(str(kind), str(kind)) for kind in (kinds if isinstance(kinds, list) else [kinds])}


def varlink_types(interface: Interface, kind: Type) -> set[str]:
    match kind:
        case Maybe(inner):
            return varlink_types(interface, inner) | {"null"}
        case Named(name):
            return {"string"} if isinstance(interface.types[name], Enum) else {name}
        case Array():
            return {"array"}
        case Primitive(name):
            return {name}
    raise AssertionError(kind)


@pytest.mark.parametrize("name", ["Finding", "Hold", "Workload", "Tenant", "Step", "Done", "LogEntry"])
def test_a_reply_has_the_fields_and_types_of_the_varlink_interface(name: str) -> None:
    interface = interface_of((SCHEMAS / "io.bitbuilder.Hypervisor.varlink").read_text(encoding="utf-8"))
    struct = interface.types[name]
    assert isinstance(struct, Struct)
    theirs = {field: varlink_types(interface, kind) for field, kind in struct.fields.items()}
    ours = {field: types_of(schema) for field, schema in members(members(DEFINED[name.lower()])["properties"]).items()}
    nullable = {field for field in ours if "null" in ours[field]} - {"health"}
    assert {field: kinds - {"null"} for field, kinds in ours.items()} == {
        field: kinds - {"null"} for field, kinds in theirs.items()
    }
    assert nullable <= {field for field in theirs if "null" in theirs[field]}


# Real replies


def test_what_is_made_checked_and_explained_is_told_as_the_schema_says(tmp_path: Path) -> None:
    assert problems("init", bbhv("init", "acme", cwd=tmp_path)) == []
    assert problems("init", bbhv("init", "--system", "system", cwd=tmp_path)) == []
    assert problems("init", bbhv("init", "--list", cwd=tmp_path)) == []
    assert problems("validate", bbhv("validate", "acme", "system", cwd=tmp_path)) == []
    (tmp_path / "acme/containers/web.nspawn").write_text("[Exec]\nBoot=ys\nUsr=x\n[Odd]\n")
    (tmp_path / "acme/lost").write_text("")
    reply = bbhv("validate", "acme", cwd=tmp_path)
    assert problems("validate", reply) == [] and members(reply)["total"] == len(list(findings(reply))) >= 3
    assert problems("explain", bbhv("explain", cwd=tmp_path)) == []
    assert problems("explain", bbhv("explain", "BB202", "105", cwd=tmp_path)) == []


def findings(reply: Json) -> list[Json]:
    found = members(reply)["findings"]
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("code", CODES)
def test_every_finding_is_told_as_the_schema_says(code: str) -> None:
    told: dict[str, Json] = {**Finding(Place("a", 3, 4), code, "It is so.", "Do.", "warning").as_json()}
    assert problems("finding", told) == []
    for wrong in ({"code": "BB1"}, {"severity": "note"}, {"line": -1}, {"column": 1.5}, {"message": ""}, {"more": 1}):
        assert problems("finding", {**told, **wrong}) != []


WORKLOAD: Json = {"name": "web", "kind": "container", "activeState": "active", "health": "healthy"}
DRIFT: Json = {"kind": "stopped", "name": "web", "unit": "tenant-container@web.acme.service", "reason": "it is stopped",
               "hint": "systemctl start tenant-container@web.acme.service"}  # fmt: skip
STEP: Json = {"action": "stop", "kind": "container", "name": "web", "unit": "x", "reasons": ["y"], "losesData": False}
DONE: Json = {"tenant": "acme", "busy": False, "steps": [STEP]}
TENANT: dict[str, Json] = {
    "id": "acme", "state": "enabled", "activeState": "active", "outcome": "applied", "outcomeCommit": "c" * 40,
    "outcomeUSec": 5, "message": "", "commit": "c" * 40, "generation": 7, "good": 7, "confirmUSec": None,
    "retryUSec": None,
    "fetching": None,
    "hold": {"verb": "rollback", "who": "root", "whenUSec": 3, "until": "a newer commit", "untilUSec": None},
    "workloads": [WORKLOAD],
    "drift": [DRIFT], "findings": [],
}  # fmt: skip


def test_tenants_are_told_as_the_schema_says() -> None:
    empty: dict[str, Json] = {"id": "acme", "workloads": [], "drift": [], "findings": []}
    nothing: dict[str, Json] = {**dict.fromkeys(TENANT), **empty}
    for one in (TENANT, nothing):
        assert problems("status", {"tenants": [one]}) == problems("sync", {"tenants": [one], "done": [DONE]}) == []
    short: Json = {"id": "acme", "outcome": None, "message": None, "findings": []}
    assert problems("sync", {"tenants": [short], "done": [DONE]}) == [] and problems("list", {"tenants": [short]}) != []
    bad: list[dict[str, Json]] = [{"outcome": "done"}, {"commit": "c"}, {"hold": {}}, {"state": "gone"}, {"good": -1}]
    for wrong in bad:
        assert problems("list", {"tenants": [{**TENANT, **wrong}]}) != []


def test_generations_and_checks_are_told_as_the_schema_says() -> None:
    row: dict[str, Json] = {"generation": 1, "commit": None, "createdUSec": 4, "verb": None, "current": True,
                            "good": False, "held": False, "workloads": ["web"], "author": None, "subject": "x"}
    bad: Json = {"commit": "c" * 40, "reason": "no", "whenUSec": 5, "author": "A <a@b>", "subject": None}
    assert problems("history", {"generations": [row], "quarantined": [bad]}) == []
    assert problems("history", {"generations": [{**row, "good": None}], "quarantined": []}) != []
    check = Check("git", False, "not found", "Install git.")
    told: Json = {"name": check.name, "ok": check.ok, "message": check.message, "hint": check.hint}
    assert problems("doctor", {"checks": [told]}) == [] and problems("doctor", {"checks": [{}]}) != []
