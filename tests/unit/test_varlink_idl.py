"""Varlink interface descriptions: the grammar, its mistakes with their lines, and strict types."""

from pathlib import Path

import pytest

from bbhv.formats.jsontext import Json
from bbhv.formats.varlink_idl import (
    Array,
    Enum,
    IdlError,
    Interface,
    Map,
    Maybe,
    Method,
    Named,
    Primitive,
    Struct,
    Type,
    mismatch,
    parse,
)

SCHEMAS = Path(__file__).parents[2] / "schemas"

EXAMPLE = """
# An example
interface org.example.More-or-less
type State (start, progress, end) # of something
type Tree (
  # below
  children: []Tree,
  label: ?string
)
method Look(
  state: State, tree: ?Tree, counts: [string]int, when: (hour: int, minute: float), mood: (good, bad)
) -> (found: bool, more: object, rest: any)
method Ping()->()
error Broken (why: ?[]string)
error Gone ()
"""


def example() -> Interface:
    return parse(EXAMPLE)


def test_a_description_is_read_whole() -> None:
    interface = example()
    string, integer = Primitive("string"), Primitive("int")
    assert interface.name == "org.example.More-or-less"
    assert interface.text == EXAMPLE
    assert interface.types == {
        "State": Enum(("start", "progress", "end")),
        "Tree": Struct({"children": Array(Named("Tree")), "label": Maybe(string)}),
    }
    parameters: dict[str, Type] = {
        "state": Named("State"),
        "tree": Maybe(Named("Tree")),
        "counts": Map(integer),
        "when": Struct({"hour": integer, "minute": Primitive("float")}),
        "mood": Enum(("good", "bad")),
    }
    reply: dict[str, Type] = {"found": Primitive("bool"), "more": Primitive("object"), "rest": Primitive("any")}
    nothing = Struct({})
    assert interface.methods == {"Look": Method(Struct(parameters), Struct(reply)), "Ping": Method(nothing, nothing)}
    assert interface.errors == {"Broken": Struct({"why": Maybe(Array(string))}), "Gone": Struct({})}


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.varlink")), ids=lambda path: path.name)
def test_our_own_descriptions_are_named_after_their_interface(path: Path) -> None:
    assert parse(path.read_text()).name == path.name.removesuffix(".varlink")


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.varlink")), ids=lambda path: path.name)
def test_every_member_of_our_own_descriptions_is_documented(path: Path) -> None:
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines):
        if line.startswith(("interface ", "type ", "method ", "error ")):
            assert lines[number - 1].startswith("# "), f"{path.name}:{number + 1}"


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", 1, "expected interface, found the end"),
        ("interface example\n", 1, "example cannot name an interface"),
        ("interface org.-x\n", 1, "org.-x cannot name an interface"),
        ("interface a.b\nfunction X()", 2, "expected type, method or error, found function"),
        ("interface a.b\nmethod look() -> ()", 2, "look cannot name a method"),
        ("interface a.b\nmethod Look()", 2, "expected ->, found the end"),
        ("interface a.b\nmethod Look(a: int,) -> ()", 2, ") cannot name a new field"),
        ("interface a.b\nmethod Look(a: int b: int) -> ()", 2, "expected ,, found b"),
        ("interface a.b\nmethod Look(a-b: int) -> ()", 2, "a-b cannot name a new field"),
        ("interface a.b\nmethod Look(\n a: int,\n a: int) -> ()", 4, "a cannot name a new field"),
        ("interface a.b\nmethod Look(a: integer) -> ()", 2, "integer is not a type"),
        ("interface a.b\nmethod Look(a: ??int) -> ()", 2, "? is not a type"),
        ("interface a.b\n\nmethod Look(a: Tree) -> ()", 3, "type Tree is not defined"),
        ("interface a.b\ntype A (a: int)\nerror A ()", 3, "A is defined twice"),
        ("interface a.b\ntype A (rolled-back, b)", 2, "rolled-back cannot be a new word of an enum"),
        ("interface a.b\ntype A (a, a)", 2, "a cannot be a new word of an enum"),
        ("interface a.b\ntype A (a, b: int)", 2, "expected ), found :"),
        ("interface a.b\nmethod Look(a: " + "[]" * 99 + "int) -> ()", 2, "types nest too deep"),
        ("interface a.b\nmethod Look(a: " + "(a: " * 99 + "int) -> ()", 2, "types nest too deep"),
        ("interface a.b\nmethod Look(a: int;) -> ()", 2, "unexpected ';'"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, line: int, what: str) -> None:
    with pytest.raises(IdlError) as caught:
        parse(text)
    assert str(caught.value) == f"The interface description is wrong in line {line}: {what}."


RIGHT: dict[str, Json] = {
    "state": "end",
    "tree": {"children": [{"children": []}], "label": None},
    "counts": {"a": 1, "": -(1 << 63)},
    "when": {"hour": 1, "minute": 1.5},
    "mood": "good",
}


def wrong_place(**changes: Json) -> str | None:
    interface = example()
    return mismatch(interface, interface.methods["Look"].parameters, {**RIGHT, **changes})


def test_what_is_of_its_type_has_no_mismatch() -> None:
    assert wrong_place() is None
    assert wrong_place(tree=None, when={"hour": 0, "minute": 2}) is None


def test_a_nullable_field_may_be_missing_and_no_other() -> None:
    interface = example()
    parameters = interface.methods["Look"].parameters
    assert mismatch(interface, parameters, {name: value for name, value in RIGHT.items() if name != "tree"}) is None
    assert mismatch(interface, parameters, {name: value for name, value in RIGHT.items() if name != "mood"}) == "mood"


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"unknown": None}, "unknown"),
        ({"state": "stop"}, "state"),
        ({"state": None}, "state"),
        ({"state": 0}, "state"),
        ({"tree": []}, "tree"),
        ({"tree": {"children": [{"children": []}, {"children": [7]}]}}, "tree.children[1].children[0]"),
        ({"tree": {"children": {}}}, "tree.children"),
        ({"tree": {"children": [], "label": False}}, "tree.label"),
        ({"tree": {"children": [], "colour": "red"}}, "tree.colour"),
        ({"counts": {"a": True}}, "counts.a"),
        ({"counts": {"a": 1.0}}, "counts.a"),
        ({"counts": {"a": 1 << 63}}, "counts.a"),
        ({"counts": {"a": "1"}}, "counts.a"),
        ({"counts": []}, "counts"),
        ({"when": {"hour": 1.5, "minute": 0}}, "when.hour"),
        ({"when": {"hour": 1, "minute": True}}, "when.minute"),
        ({"when": {"hour": 1}}, "when.minute"),
        ({"when": "noon"}, "when"),
    ],
)
def test_a_value_of_another_type_is_named_by_its_place(changes: dict[str, Json], place: str) -> None:
    assert wrong_place(**changes) == place


@pytest.mark.parametrize(("found", "more", "place"), [(1, {}, "found"), (True, [], "more"), (False, None, "more")])
def test_bool_and_object_take_nothing_else(found: Json, more: Json, place: str) -> None:
    interface = example()
    reply: dict[str, Json] = {"found": found, "more": more, "rest": [None]}
    assert mismatch(interface, interface.methods["Look"].reply, reply) == place
