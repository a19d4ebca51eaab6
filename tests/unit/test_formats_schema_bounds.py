"""Hostile schemas and documents end, within bounds; and the short way through a schema agrees with the long one."""

import json
import random
import time
from collections.abc import Iterator
from copy import deepcopy
from importlib import import_module
from pathlib import Path

import pytest

from bbhv.formats.jsontext import MAX_DEPTH, MAX_SIZE, Json, parse
from bbhv.formats.schema.compiler import compile_schema
from bbhv.formats.schema.fast_node import MAX_COST
from bbhv.formats.schema.pattern import translate
from bbhv.formats.schema.types import SchemaError

ROOT = Path(__file__).parents[2] / "schemas"
SOON = 5.0  # seconds of CPU: far more than any of these takes, far less than what has no bound


@pytest.fixture(autouse=True)
def soon() -> Iterator[None]:
    start = time.process_time()
    yield
    assert time.process_time() - start < SOON


def laughs(keyword: str, wide: int, deep: int) -> Json:
    """A schema that needs wide to the power of deep tests."""
    levels: dict[str, Json] = {}
    for number in range(deep):
        levels[f"l{number}"] = {keyword: [{"$ref": f"#/$defs/l{number + 1}"}] * wide}
    return {"$ref": "#/$defs/l0", "$defs": {**levels, f"l{deep}": {"type": "null"}}}


@pytest.mark.parametrize("keyword", ["allOf", "anyOf", "oneOf"])
@pytest.mark.parametrize("shortly", [True, False])
def test_a_schema_of_a_billion_laughs_ends(keyword: str, shortly: bool) -> None:
    schema = compile_schema(laughs(keyword, 10, 12), shortly=shortly)
    assert ["too long" in problem.message for problem in schema.problems(1)] == [True]


def test_laughs_in_every_item_of_a_document_end() -> None:
    schema = compile_schema({"$defs": {"a": {"items": {"allOf": [{"$ref": "#/$defs/a"}] * 4}}}, "$ref": "#/$defs/a"})
    deep: Json = []
    for _ in range(MAX_DEPTH):
        deep = [deep]
    assert ["too long" in problem.message for problem in schema.problems(deep)] == [True]


def test_a_schema_with_many_ways_that_all_end_is_not_refused() -> None:
    schema = compile_schema(laughs("allOf", 3, 6))
    assert schema.problems(None) == () and 3**6 < MAX_COST
    assert len(schema.problems(1)) == 1


@pytest.mark.parametrize("schema", [
    {"$ref": "#"}, {"allOf": [{"$ref": "#"}]}, {"$dynamicRef": "#"}, {"if": {"$ref": "#"}, "then": True},
    {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
])  # fmt: skip
def test_a_schema_that_is_its_own_condition_ends(schema: Json) -> None:
    assert "too deeply" in compile_schema(schema).problems(1)[0].message


def test_a_recursive_schema_takes_large_documents() -> None:
    tree = compile_schema({"type": "object", "properties": {"next": {"$ref": "#"}, "list": {"items": {"$ref": "#"}}},
                     "additionalProperties": False})
    wide: Json = {"list": [{"list": [{}, {}, {}]} for _ in range(10_000)]}
    assert tree.problems(wide) == ()
    deep: Json = {}
    for _ in range(MAX_DEPTH):
        deep = {"next": deep}
    assert tree.problems(deep) == ()
    assert tree.problems({"next": {"list": [{}, {"nxt": 1}]}})[0].hint == "Did you mean next?"


@pytest.mark.parametrize("data", [
    b"[" * (MAX_SIZE + 1), b"[" * MAX_SIZE, b'{"a":' * (MAX_SIZE // 5), b"[" * 65 + b"]" * 65, b'"\\ud800"',
    b"\xef\xbb\xbf{}", b"NaN", b"[Infinity]", b"-Infinity", b"1e999", b'{"a":1,"a":2}', b"\x00", b'"\x00"', b'"\xff"',
    b"[1,]", b"9" * 5000, b"",
], ids=lambda data: ascii(data[:12]))  # fmt: skip
def test_odd_documents_are_findings_and_never_errors(data: bytes) -> None:
    _, findings = parse("f.json", data)
    assert findings and all(finding.code in ("BB101", "BB103", "BB105") for finding in findings)


def test_the_size_is_looked_at_before_anything_else() -> None:
    located, findings = parse("f.json", b"[" * 10, max_size=9)
    assert located is None and [finding.code for finding in findings] == ["BB105"]


def source(path: Path) -> Json:
    value: Json = json.loads(path.read_text(encoding="utf-8"))
    return value


def nodes(value: Json) -> Iterator[dict[str, Json]]:
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(child)


class Machine:
    """An expression as a graph of what may come after what, made of Python's own parse tree of it."""

    def __init__(self, pattern: str) -> None:
        self.sets: list[frozenset[str]] = []
        self.next: list[set[int]] = []
        self.nothing_twice = False
        self.double: set[tuple[int, int]] = set()  # ways that the expression has twice
        self.letters = frozenset(map(chr, range(32, 127))) | {"\n", "é", "\u2028"}
        self.read(list(import_module("re._parser").parse(translate(pattern))))

    def place(self, letters: frozenset[str]) -> tuple[set[int], set[int], bool]:
        self.sets.append(letters)
        self.next.append(set())
        return {len(self.sets) - 1}, {len(self.sets) - 1}, False

    def matching(self, item: tuple[object, object]) -> frozenset[str]:
        compiler = import_module("re._compiler")
        state = import_module("re._parser").State()
        state.str = ""
        tree = import_module("re._parser").SubPattern(state, [item])
        expression = compiler.compile(tree, 256)
        return frozenset(letter for letter in self.letters if expression.match(letter))

    def read(self, items: list[tuple[object, object]]) -> tuple[set[int], set[int], bool]:
        """What may come first, what may come last, and whether it may be nothing."""
        first: set[int] = set()
        last: set[int] = set()
        empty = True
        for item in items:
            begin, end, nothing = self.one(item)
            self.join(last, begin)
            first |= begin if empty else set()
            last = end | (last if nothing else set())
            empty = empty and nothing
        return first, last, empty

    def join(self, last: set[int], first: set[int]) -> None:
        for place in last:
            self.double |= {(place, after) for after in first & self.next[place]}
            self.next[place] |= first

    def one(self, item: tuple[object, object]) -> tuple[set[int], set[int], bool]:
        name, argument = str(item[0]), item[1]
        if name in ("AT", "ASSERT", "ASSERT_NOT"):
            return set(), set(), True
        if name == "SUBPATTERN":
            assert isinstance(argument, tuple)
            return self.read(list(argument[-1]))
        if name == "BRANCH":
            assert isinstance(argument, tuple)
            parts = [self.read(list(branch)) for branch in argument[1]]
            self.nothing_twice = self.nothing_twice or sum(part[2] for part in parts) > 1
            return (set().union(*(part[0] for part in parts)), set().union(*(part[1] for part in parts)),
                    any(part[2] for part in parts))
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            assert isinstance(argument, tuple)
            low, high, body = argument
            begin, end, nothing = self.read(list(body))
            if int(high) > 1:
                self.join(end, begin)
            return begin, end, nothing or low == 0
        return self.place(self.matching(item))

    def ambiguous(self) -> bool:
        """Whether some text leads from a place back to it in two ways: then one that almost fits may take for ever."""
        pairs: dict[tuple[int, int], set[tuple[int, int]]] = {}
        for one in range(len(self.sets)):
            for two in range(len(self.sets)):
                pairs[one, two] = {(a, b) for a in self.next[one] for b in self.next[two]
                                   if self.sets[a] & self.sets[b]}
        ways = {(one, two) for one, two in self.double if (one, one) in self.reach({(two, two)}, pairs)}
        if self.nothing_twice or ways:
            return True
        for place in range(len(self.sets)):
            reached = self.reach({(place, place)}, pairs)
            for apart in (pair for pair in reached if pair[0] != pair[1]):
                if (place, place) in self.reach({apart}, pairs):
                    return True
        return False

    @staticmethod
    def reach(
        start: set[tuple[int, int]], pairs: dict[tuple[int, int], set[tuple[int, int]]]
    ) -> set[tuple[int, int]]:
        found: set[tuple[int, int]] = set()
        todo = [after for pair in start for after in pairs[pair]]
        while todo:
            pair = todo.pop()
            if pair not in found:
                found.add(pair)
                todo.extend(pairs[pair])
        return found


@pytest.mark.parametrize(("pattern", "expected"), [
    ("^(a+)+$", True), ("^(a|ab?)*$", True), ("^(a|b|ab)*c$", True), ("^(a*)*$", True), (r"^(\w+\s?)*$", True),
    ("^[a-z]+(-[a-z]+)*$", False), ("^(a|b)*$", False), ("^a*b*$", False), ("^x{1,3}$", False), ("(.*,)*x", True),
])  # fmt: skip
def test_a_pattern_that_may_take_for_ever_is_recognised(pattern: str, expected: bool) -> None:
    assert Machine(pattern).ambiguous() is expected


@pytest.mark.parametrize("path", sorted(ROOT.glob("*.schema.json")), ids=lambda path: path.name)
def test_no_pattern_of_ours_can_take_for_ever(path: Path) -> None:
    """None is ambiguous; where it meets what others wrote, the greatest length stands beside it, and counts first."""
    for node in nodes(source(path)):
        pattern = node.get("pattern")
        if isinstance(pattern, str):
            assert isinstance(node.get("maxLength"), int) or path.name == "output.schema.json", pattern
            assert not Machine(pattern).ambiguous(), pattern
        assert not isinstance(node.get("patternProperties"), dict)


KINDS: tuple[Json, ...] = (
    None, True, False, 0, 1, 1.0, 2.5, -3, "", "a", "ab", "b-c", "é", [], [1], [1, 1.0], ["a", "a"], [True, 1],
    [[], {}], [{"a": 0}], {}, {"a": 1}, {"a": "x", "b": None}, {"ab": [1, "a"]},
)  # fmt: skip
LEAVES: tuple[Json, ...] = (True, False, {}, {"type": "string"}, {"const": 1}, {"type": ["integer", "null"]})
TYPES: tuple[Json, ...] = (
    "string", "integer", "number", "object", "array", "boolean", ["null", "string"], ["array"], ["integer", "object"],
)  # fmt: skip
NAMES = ("a", "b", "ab")


def any_schema(chance: random.Random, depth: int) -> Json:
    """A schema of a few keywords with arguments that matter for the values above."""
    if depth == 0 or chance.random() < 0.1:
        return deepcopy(chance.choice(LEAVES))

    def sub() -> Json:
        return any_schema(chance, depth - 1)

    makers: dict[str, Json] = {
        "type": chance.choice(TYPES), "enum": chance.sample(KINDS, 4), "const": chance.choice(KINDS),
        "minimum": 1, "maximum": 1.5,
        "exclusiveMinimum": 0, "exclusiveMaximum": 2, "multipleOf": chance.choice((1, 0.5, 2)), "minLength": 1,
        "maxLength": 1, "pattern": chance.choice(("^a", "b$", r"^\p{Ll}+$")), "format": "hostname", "minItems": 1,
        "maxItems": 1, "uniqueItems": True, "minProperties": 1, "maxProperties": 1, "required": [chance.choice(NAMES)],
        "dependentRequired": {"a": ["b"]}, "properties": {name: sub() for name in NAMES[:2]},
        "patternProperties": {"^a": sub()}, "additionalProperties": sub(), "propertyNames": sub(),
        "prefixItems": [sub()], "items": sub(), "contains": sub(), "minContains": chance.choice((0, 1, 2)),
        "maxContains": 1, "allOf": [sub(), sub()], "anyOf": [sub(), sub()], "oneOf": [sub(), sub()], "not": sub(),
        "if": sub(), "then": sub(), "else": sub(), "dependentSchemas": {"a": sub()}, "unevaluatedItems": sub(),
        "unevaluatedProperties": sub(), "$ref": "#/$defs/x",
    }  # fmt: skip
    return {name: makers[name] for name in chance.sample(sorted(makers), chance.randint(1, 5))}


@pytest.mark.parametrize("seed", range(4))
def test_the_short_way_and_the_long_way_agree(seed: int) -> None:
    chance = random.Random(seed)
    compared = 0
    for _ in range(60):
        schema = any_schema(chance, 3)
        if isinstance(schema, dict):
            schema["$defs"] = {"x": any_schema(chance, 1)}
        try:
            long = compile_schema(schema, shortly=False)
        except SchemaError:
            continue
        short = compile_schema(schema)
        for value in KINDS:
            assert short.problems(value) == long.problems(value), (schema, value)
            compared += 1
    assert compared > 500


@pytest.mark.parametrize("name", ["metadata", "registration", "system"])
def test_our_documents_take_the_short_way(name: str) -> None:
    """What makes problems is not even compiled for a good document: then a schema without it must do as well."""
    schema = compile_schema(source(ROOT / f"{name}.schema.json"))
    assert schema.short
