"""Our own schemas: sound, complete, and of use to those who write the documents."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bbhv.formats.jsontext import Json, dump, parse
from bbhv.formats.schema.compiler import VOCABULARIES, Schema, compile_schema

ROOT = Path(__file__).parents[2] / "schemas"
NAMES = ("metadata", "registration", "system")
ANNOTATIONS = {"$schema", "$id", "$defs", "title", "description", "default", "then"}

REGISTRATION = """
{ "apiVersion": "bitbuilder.io/v1",
  "tenant": "acme",
  "repository": "https://git.example.com/acme.git",
  "branch": "main",
  "fetch": {"credential": "git.acme", "user": "deploy",
            "knownHosts": ["git.example.com ssh-ed25519 AAAAC3Nz"], "ca": null},
  "state": "enabled",
  "trust": {"commits": "signed", "signers": ["acme-release"], "revoked": ["0000000000000000000000000000000000000000"]},
  "drift": "heal",
  "hosts": ["*"],
  "access": {"users": ["alice"], "groups": ["acme"]},
  "grants": {"cpus": 4, "memory": "4G", "tasks": 4096, "storage": "20G", "machines": 4, "containers": 16,
             "images": ["debian-*"], "imageSources": ["https://images.example.com/"], "mountImages": false,
             "subnets": ["10.77.0.0/24"], "vlans": [], "uplinks": [], "ports": ["tcp:8080-8090"],
             "internet": false, "serviceProfiles": ["strict"], "emulation": false} }
"""
METADATA = """
{ "$schema": "https://bitbuilder.io/schemas/v1/metadata.schema.json",
  "apiVersion": "bitbuilder.io/v1", "tenant": "acme", "displayName": "Acme Ltd",
  "owner": {"name": "Ops", "email": "ops@acme.example"}, "labels": {"env": "prod"},
  "lifecycle": {"healthTimeoutSec": 60, "onFailure": "rollback", "keepGenerations": 5, "confirmWithinSec": 0,
                "allowEmpty": false, "allowDataLoss": ["db"]} }
"""
SYSTEM = """
{"$schema": "x", "apiVersion": "bitbuilder.io/v1", "allowEmpty": false,
 "defaults": {"grants": {"cpus": 0.5, "memory": "1.5G"}}}
"""
EXAMPLES = {"registration": REGISTRATION, "metadata": METADATA, "system": SYSTEM}


def source(name: str) -> Json:
    located, findings = parse(name, (ROOT / f"{name}.schema.json").read_bytes())
    assert located is not None and findings == ()
    return located.value


def members(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def subschemas(schema: Json, pointer: str = "") -> Iterator[tuple[str, dict[str, Json]]]:
    """Every schema inside of one of ours, with its place."""
    if not isinstance(schema, dict):
        return
    yield pointer, schema
    for keyword in ("properties", "$defs"):
        for name, child in members(schema.get(keyword)).items():
            yield from subschemas(child, f"{pointer}/{keyword}/{name}")
    for keyword in ("items", "additionalProperties", "propertyNames", "if", "then"):
        yield from subschemas(schema.get(keyword), f"{pointer}/{keyword}")


@pytest.fixture(scope="module")
def schemas() -> dict[str, Schema]:
    return {name: compile_schema(source(name)) for name in NAMES}


def findings(schema: Schema, text: str) -> list[str]:
    located, problems = parse("f.json", text.encode())
    assert located is not None and problems == ()
    return [str(finding) for finding in schema.check(located)]


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_has_its_name_and_uses_only_keywords_that_count(name: str) -> None:
    schema = members(source(name))
    assert schema["$id"] == f"https://bitbuilder.io/schemas/v1/{name}.schema.json"
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"]
    known = ANNOTATIONS.union(*VOCABULARIES.values())
    for pointer, inner in subschemas(schema):
        assert known >= inner.keys(), pointer


@pytest.mark.parametrize("name", NAMES)
def test_every_key_is_described_in_a_sentence(name: str) -> None:
    shared = members(members(source(name))["$defs"])
    described = 0
    for pointer, schema in subschemas(source(name)):
        if pointer.endswith(("/if", "/then")):
            continue
        for key, member in members(schema.get("properties")).items():
            target = members(shared.get(str(members(member).get("$ref")).rpartition("/")[2]))
            text = members(member).get("description", target.get("description"))
            assert isinstance(text, str) and text.endswith("."), f"{pointer}/{key}"
            described += 1
    assert described > 5


@pytest.mark.parametrize("name", NAMES)
def test_every_object_is_closed_and_every_text_and_list_is_bounded(name: str) -> None:
    bounds = {"object": "additionalProperties", "string": "maxLength", "array": "maxItems"}
    for pointer, schema in subschemas(source(name)):
        for kind, keyword in bounds.items():
            assert kind not in str(schema.get("type", "")) or keyword in schema, pointer


def test_the_defaults_of_the_system_have_the_form_of_a_registration() -> None:
    registration, system = (members(members(source(name))["$defs"]) for name in ("registration", "system"))
    assert system == {name: schema for name, schema in registration.items() if name != "name"}
    defaults = members(members(members(members(source("system"))["properties"])["defaults"])["properties"])
    assert defaults.items() <= members(members(source("registration"))["properties"]).items()


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_of_the_design_are_right(schemas: dict[str, Schema], name: str) -> None:
    assert findings(schemas[name], EXAMPLES[name]) == []


def example(name: str) -> dict[str, Json]:
    located, _ = parse(name, EXAMPLES[name].encode())
    return dict(members(located.value if located else None))


def keys(schema: Json, shared: dict[str, Json], above: str = "") -> Iterator[str]:
    """Every key that documents of a schema may have, as findings call it."""
    for key, value in members(members(schema).get("properties")).items():
        target = str(members(value).get("$ref")).rpartition("/")[2]
        yield above + key
        yield from keys({**members(shared.get(target)), **members(value)}, shared, f"{above}{key}.")


def changed(document: Json, path: list[str], value: Json) -> Json:
    """The document with this value at a path of keys; a KeyError when it has no such key."""
    inner = changed(members(document)[path[0]], path[1:], value) if path[1:] else value
    return {**members(document), path[0]: inner} if path[0] in members(document) else members(document)[path[0]]


@pytest.mark.parametrize("name", NAMES)
def test_every_key_takes_what_the_example_says_and_nothing_else(schemas: dict[str, Schema], name: str) -> None:
    """No key takes a list of lists: a key that does has no type, and one that the example lacks was never tried."""
    top, full = members(source(name)), {"$schema": "x", **example(name)}
    if name == "system":
        known = members(members(members(top["properties"])["defaults"])["properties"])
        full["defaults"] = {key: value for key, value in example("registration").items() if key in known}
    assert findings(schemas[name], dump(full)) == []
    for key in keys(top, members(top["$defs"])):
        found = findings(schemas[name], dump(changed(full, key.split("."), [[]])))
        shown = key.replace("$schema", '["$schema"]')
        assert len(found) == 1 and (f": {shown} must" in found[0] or f": {shown}[0] must" in found[0]), (key, found)


def test_what_is_optional_may_be_left_out(schemas: dict[str, Schema]) -> None:
    small = '{"apiVersion": "bitbuilder.io/v1", "tenant": "a", "repository": "ssh://git@example.com/a.git"}'
    assert findings(schemas["registration"], small) == []
    assert findings(schemas["metadata"], '{"apiVersion": "bitbuilder.io/v1", "tenant": "a-1"}') == []
    assert findings(schemas["system"], '{"apiVersion": "bitbuilder.io/v1"}') == []
    empty = small[:-1] + ', "trust": {"commits": "unsigned"}, "grants": {}, "fetch": {}, "access": {}, "hosts": []}'
    assert findings(schemas["registration"], empty) == []


# A schema, a piece of its example, what somebody writes there, and what the finding says.
WRONG = (
    ("metadata", '"tenant": "acme"', '"tennant": "acme"',
     'Key "tennant" is not known in the document. hint: Did you mean tenant?'),
    ("metadata", '"tenant": "acme", ', "",
     "1: error[BB104]: The document must have the key tenant. hint: The tenant's id"),
    ("metadata", 'bitbuilder.io/v1"', 'bitbuilder.io/v2"',
     'apiVersion must be "bitbuilder.io/v1", not "bitbuilder.io/v2".'),
    ("metadata", '"acme"', '"Acme"', 'tenant does not have the right form: "Acme".'),
    ("metadata", '"acme"', '"a--b"', "tenant does not have the right form"),
    ("metadata", '"acme"', '"a-"', "tenant does not have the right form"),
    ("metadata", '"acme"', '"acme\\n"', "tenant does not have the right form"),
    ("metadata", '"acme"', '"abcdefghijklmnopqrstuvwxy"', "tenant must have at most 24 characters, not 25."),
    ("metadata", '"Acme Ltd"', '""', "displayName must not be empty."),
    ("metadata", '"Acme Ltd"', '"a\\u001bb"', "displayName does not have the right form"),
    ("metadata", "ops@acme.example", "ops", 'owner.email must be an e-mail address, not "ops".'),
    ("metadata", '"prod"', "5", "labels.env must be a string, not 5."),
    ("metadata", '"env"', '"-env"', 'Key "-env" is not allowed in labels.'),
    ("metadata", "60", "0", "lifecycle.healthTimeoutSec must be at least 1, not 0."),
    ("metadata", "60", "1.5", "lifecycle.healthTimeoutSec must be a whole number, not 1.5."),
    ("metadata", "60", '"1min"', 'lifecycle.healthTimeoutSec must be a whole number, not "1min".'),
    ("metadata", "rollback", "ignore", 'lifecycle.onFailure must be "rollback", not "ignore".'),
    ("metadata", '"owner": {"name": "Ops", "email": "ops@acme.example"}', '"owner": "Ops"',
     'owner must be an object, not "Ops".'),
    ("registration", '"signed", "signers": ["acme-release"]', '"signed"', "trust must have the key signers."),
    ("registration", '["acme-release"]', "[]", "trust.signers must not be empty."),
    ("registration", '"signed"', '"sgined"', "Did you mean signed?"),
    ("registration", '"enabled"', '"disabled"',
     'state must be one of "enabled", "suspended", "absent", not "disabled".'),
    ("registration", '"cpus": 4', '"cpu": 4', 'Key "cpu" is not known in grants. hint: Did you mean cpus?'),
    ("registration", '"cpus": 4', '"cpus": 0', "grants.cpus must be more than 0, not 0."),
    ("registration", '"4G"', '"4GiB"', "grants.memory does not have the right form"),
    ("registration", '"4G"', "0", "grants.memory must be at least 1, not 0."),
    ("registration", '"4G"', "null", "grants.memory must be a string or a whole number, not null."),
    ("registration", '"vlans": []', '"vlans": [4095]', "grants.vlans[0] must be at most 4094, not 4095."),
    ("registration", "tcp:8080-8090", "8080", "grants.ports[0] does not have the right form"),
    ("registration", '"10.77.0.0/24"', '"10.77.0.0"', "grants.subnets[0] does not have the right form"),
    ("registration", '"strict"', '"loose"', "grants.serviceProfiles[0] must be one of"),
    ("registration", '["alice"]', '["alice", "alice"]', "access.users[1] repeats an earlier item"),
    ("registration", '["alice"]', '["-rf"]', "access.users[0] does not have the right form"),
    ("registration", "https://images.example.com/", "ftp://x/",
     "grants.imageSources[0] does not have the right form"),
    ("registration", "https://git.example.com/acme.git", "--upload-pack=evil",
     "repository does not have the right form"),
    ("registration", "https://git.example.com/acme.git", "https://a b", "repository does not have the right form"),
    ("registration", '"main"', '"-x"', "branch does not have the right form"),
    ("registration", '"main"', '"a b"', "branch does not have the right form"),
    ("registration", "git.example.com ssh-ed25519 AAAAC3Nz", "ssh-ed25519",
     "fetch.knownHosts[0] does not have the right form"),
    ("registration", '"internet": false', '"internet": "no"', 'grants.internet must be true or false, not "no".'),
    ("system", '"grants"', '"grant"', 'Key "grant" is not known in defaults. hint: Did you mean grants?'),
    ("system", "0.5", "-1", "defaults.grants.cpus must be more than 0, not -1."),
)  # fmt: skip


@pytest.mark.parametrize(("name", "old", "new", "expected"), WRONG)
def test_a_wrong_document_gets_one_clear_finding(
    schemas: dict[str, Schema], name: str, old: str, new: str, expected: str
) -> None:
    text = EXAMPLES[name].replace(old, new, 1)
    assert text != EXAMPLES[name]
    found = findings(schemas[name], text)
    assert any(expected in line for line in found), found
    assert len(found) == (2 if "tennant" in new else 1), found


def test_a_text_without_bound_is_found_too_long_and_no_pattern_is_tried(schemas: dict[str, Schema]) -> None:
    text = REGISTRATION.replace("10.77.0.0/24", ":" * 200_000)
    found = findings(schemas["registration"], text)
    assert ["grants.subnets[0] must have at most 64 characters" in line for line in found] == [True]


def test_a_pattern_of_ours_is_always_one_that_can_be_compiled() -> None:
    """Patterns are compiled when they are first used; here every one is."""
    seen = 0
    for name in NAMES:
        for _, schema in subschemas(source(name)):
            if "pattern" in schema:
                compile_schema({"pattern": schema["pattern"]}).problems("x")
                seen += 1
    assert seen > 20


def test_a_finding_points_at_the_value_or_at_the_key(schemas: dict[str, Schema]) -> None:
    text = '{"apiVersion": "bitbuilder.io/v1",\n "tenant": "a",\n "lifecycle": {"keepGenerations": 1,\n  "x": 2}}'
    assert [line.split(": error")[0] for line in findings(schemas["metadata"], text)] == ["f.json:3:35", "f.json:4:3"]


def test_hostile_keys_and_values_do_not_reach_the_terminal(schemas: dict[str, Schema]) -> None:
    hostile = dump({"apiVersion": "\x1b[2J", "tenant": "\u202e", "\x9b31m": 1})
    for line in findings(schemas["metadata"], hostile):
        assert line.isprintable()
