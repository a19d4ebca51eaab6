"""The official JSON-Schema-Test-Suite, draft 2020-12: all required tests, all formats, and what is optional.

The fixtures are the suite's files, one group of tests a line (its licence is beside them). Each test runs through the
short way of a schema and through the long one, which must agree.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bbhv.formats.jsonvalue import Json
from bbhv.formats.schema.compiler import compile_schema

HOME = Path(__file__).parent / "fixtures/formats/schema"
SIZES = {"required": 1257, "optional": 158, "format": 491}
META = "https://json-schema.org/draft/2020-12/schema"
OURS = Path(__file__).parents[2] / "schemas"

# What is optional and not done. A test of a listed file that passes nevertheless is fine; one of another file is not.
NOT_DONE = {
    "cross-draft": "A schema of an older draft is read as one of 2020-12: ours are all of this draft.",
    "dependencies-compatibility": "`dependencies` of draft 7 is an unknown keyword; its two successors are known.",
}


def lines(name: str) -> Iterator[dict[str, Json]]:
    for line in (HOME / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
        yield json.loads(line)


LIBRARY = {str(row["uri"]): row["schema"] for row in lines("library")}
GROUPS = {name: list(lines(name)) for name in SIZES}
FILES = sorted({(name, str(group["file"])) for name, groups in GROUPS.items() for group in groups})


def cases(group: dict[str, Json]) -> list[dict[str, Json]]:
    tests = group["tests"]
    assert isinstance(tests, list)
    return [test for test in tests if isinstance(test, dict)]


def failures(folder: str, file: str) -> list[str]:
    found = []
    for group in (group for group in GROUPS[folder] if group["file"] == file):
        for shortly in (True, False):
            schema = compile_schema(group["schema"], library=LIBRARY, formats=folder == "format", shortly=shortly)
            found += [f"{group['description']}: {test['description']}, shortly={shortly}" for test in cases(group)
                      if (not schema.problems(test["data"])) is not test["valid"]]
    return found


@pytest.mark.parametrize(("folder", "file"), FILES)
def test_the_official_suite_agrees(folder: str, file: str) -> None:
    if file in NOT_DONE:
        assert failures(folder, file) != [], "This is done now: take it from the list."
    else:
        assert failures(folder, file) == []


def test_no_part_of_the_suite_is_lost() -> None:
    assert {name: sum(len(cases(group)) for group in groups) for name, groups in GROUPS.items()} == SIZES
    assert {folder for folder, file in FILES if file in NOT_DONE} == {"optional"}
    formats = {file for folder, file in FILES if folder == "format"}
    assert formats >= {"date-time", "duration", "idn-hostname", "iri-reference", "uri-template", "uuid", "regex"}


@pytest.mark.parametrize("path", sorted(OURS.glob("*.schema.json")), ids=lambda path: path.name)
def test_our_schemas_match_the_meta_schema(path: Path) -> None:
    schema = compile_schema(LIBRARY[META], library=LIBRARY)
    assert schema.problems(json.loads(path.read_text(encoding="utf-8"))) == ()
    assert schema.problems({"type": "text", "properties": {"a": {"minLength": -1}}})


def test_the_meta_schema_matches_itself() -> None:
    schema = compile_schema(LIBRARY[META], library=LIBRARY)
    assert [uri for uri, one in LIBRARY.items() if "json-schema.org" in uri and schema.problems(one)] == []
