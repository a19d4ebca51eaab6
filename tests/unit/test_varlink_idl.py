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
from bbhv.formats.varlink_text import render
from tests.host.inside.descriptions import DESCRIPTIONS, Description

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
        "Tree": Struct({"children": Array(Named("Tree")), "label": Maybe(string)}, {"children": "below"}),
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


COMMENTED = """\
# Of the interface,
#
#  in three lines
interface org.example.commented

#of the enum
type State (
  start, # This stands before the next word
  # and so does this.
  end # This is before nothing that has a name
)

# Of the method
method Look(
  when: (
    # Of an inner field
    hour: int
  )
  # lost
) -> ()
# lost
"""


def test_a_comment_belongs_to_what_is_named_behind_it() -> None:
    interface = parse(COMMENTED)
    state, when = interface.types["State"], interface.methods["Look"].parameters.fields["when"]
    assert isinstance(state, Enum) and isinstance(when, Struct)
    assert interface.doc == "Of the interface,\n\n in three lines"
    assert interface.docs == {"State": "of the enum", "Look": "Of the method"}
    assert state.docs == {"end": "This stands before the next word\nand so does this."}
    assert when.docs == {"hour": "Of an inner field"}


RENDERED = """\
# An example
interface org.example.More-or-less

type State(
\tstart,
\tprogress,
\tend
)

# of something
type Tree(
\t# below
\tchildren: []Tree,
\tlabel: ?string
)

method Look(
\tstate: State,
\ttree: ?Tree,
\tcounts: [string]int,
\twhen: (
\t\thour: int,
\t\tminute: float
\t),
\tmood: (
\t\tgood,
\t\tbad
\t)
) -> (
\tfound: bool,
\tmore: object,
\trest: any
)

method Ping() -> ()

error Broken(
\twhy: ?[]string
)

error Gone()
"""


def test_the_layout_is_that_of_varlinkctl() -> None:
    assert render(example()) == RENDERED


def test_only_other_words_make_another_interface() -> None:
    assert parse(EXAMPLE.replace("\n", "\n\n")) == example() != parse(EXAMPLE.replace("# below", "# beneath"))


def written_again(text: str) -> None:
    """What is written of an interface is read as the same, and is written the same again."""
    interface = parse(text)
    assert parse(render(interface)) == interface
    assert render(parse(render(interface))) == render(interface)


@pytest.mark.parametrize("one", DESCRIPTIONS, ids=lambda one: one.name)
def test_a_description_is_accepted_or_refused_as_the_table_says_and_is_written_again(one: Description) -> None:
    assert bool(one.why) == (one.ours is not one.theirs or one.theirs is not one.older)
    if one.ours:
        written_again(one.text)
    else:
        with pytest.raises(IdlError) as caught:
            parse(one.text)
        assert str(caught.value).startswith("The interface description is wrong in line ")


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.varlink")), ids=lambda path: path.name)
def test_our_own_descriptions_are_written_again(path: Path) -> None:
    written_again(path.read_text())


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.varlink")), ids=lambda path: path.name)
def test_our_own_descriptions_are_named_after_their_interface(path: Path) -> None:
    assert parse(path.read_text()).name == path.name.removesuffix(".varlink")


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.varlink")), ids=lambda path: path.name)
def test_every_member_of_our_own_descriptions_is_documented(path: Path) -> None:
    interface = parse(path.read_text())
    assert interface.doc
    assert interface.docs.keys() == {*interface.types, *interface.methods, *interface.errors}


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
        ("interface a.b\nmethod Look(a: ? int) -> ()", 2, "unexpected '?'"),
        ("interface a.b\nmethod Look(a: []) -> ()", 2, ") is not a type"),
        ("interface a.b\n# one\0two\nerror Gone ()", 2, "unexpected '\\x00'"),
        ("interface a.b\n# caf\udce9\nerror Gone ()", 2, "unexpected '\\udce9'"),
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
