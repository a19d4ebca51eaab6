"""The short way through a schema: a function of the value alone that says whether it matches, and nothing more.

Nearly all documents are right, so this is what is run first; the checks that make problems are only compiled for those
parts of a schema that a document was found to break. A schema has a short way when nothing in it needs to know the way
that led there: no ``$dynamicRef``, no ``unevaluated…``, no reference to what it is itself a part of. Promises: the
verdict is that of the checks; a schema that could do more than MAX_COST tests for one value has no short way.
"""

from typing import Callable, Mapping

from ..jsonvalue import Json
from .fast_node import Entry, Fast, Node, UnfitError
from .fast_rows import GROUPS, MAKERS, passes, refuses, text_of
from .refs import Registry
from .types import EVERY, Resource, Row, SchemaError
from .values import ASSERTED_FORMAT, TYPES

_GROUPED = frozenset(word for words, _ in GROUPS.values() for word in words)


class Fasts:
    """Makes the short ways of schemas, each once. `table` gives the keywords that count in a resource."""

    def __init__(self, registry: Registry, table: Callable[[Resource], Mapping[str, Row]], formats: bool) -> None:
        self._registry = registry
        self._table = table
        self._formats = formats
        self._known: dict[int, Entry | None] = {}  # by identity of the schema

    def of(self, schema: Json, resource: Resource) -> Entry | None:
        """The short way of a schema, if it has one. What is wrong with a schema is left to the long way to say."""
        try:
            return self.entry(schema, resource)
        except (UnfitError, SchemaError):
            return None

    def entry(self, schema: Json, resource: Resource) -> Entry:
        """The short way of a schema. Raises UnfitError or SchemaError when there is none."""
        if isinstance(schema, bool):
            return Entry(passes if schema else refuses)
        if not isinstance(schema, dict):
            raise UnfitError
        if id(schema) not in self._known:
            self._known[id(schema)] = None  # until it is made, so that a schema that needs itself has none
            self._known[id(schema)] = self._made(schema, self._registry.tops.get(id(schema), resource))
        known = self._known[id(schema)]
        if known is None:
            raise UnfitError
        return known

    def refer(self, reference: str, base: Resource) -> Entry:
        """The short way of what a reference leads to. Raises as `entry`."""
        schema, resource, _ = self._registry.resolve(reference, base)
        return self.entry(schema, resource)

    def _made(self, schema: dict[str, Json], resource: Resource) -> Entry:
        rows = self._table(resource)
        words = [name for name in rows if name in schema]
        names, kinds = _kinds(schema["type"] if "type" in words else None)
        node = Node(schema, frozenset(words), kinds, resource, self)
        node.asserting = self._formats or rows.get("format") is ASSERTED_FORMAT["format"]
        if words == ["$ref"]:
            return node.behind(schema["$ref"])
        tests = _tests(node, words, rows)
        whole = "integer" in names and "number" not in names
        return Entry(_joined(tests, node, whole), node.cost, kinds, text_of(node))


def _kinds(argument: Json) -> tuple[frozenset[str], frozenset[type]]:
    """The names in `type`, and the types that they mean; a whole number may also be a float that has no fraction."""
    if argument is None:
        return frozenset(), EVERY
    words = argument if isinstance(argument, list) else [argument]
    names = frozenset(name for name in words if isinstance(name, str) and name in TYPES)
    if not names or len(names) != len(words):
        raise UnfitError
    return names, frozenset().union(*(TYPES[name][0] for name in names))


def _tests(node: Node, words: list[str], rows: Mapping[str, Row]) -> dict[type, list[Fast]]:
    """The functions for each type of value, in the order of the keywords."""
    tests: dict[type, list[Fast]] = {kind: [] for kind in EVERY}
    for kind, (group, make) in GROUPS.items():
        if kind in node.kinds and (node.typed is kind or not node.words.isdisjoint(group)):
            tests[kind].append(make(node))
    for name in words:
        if name in _GROUPED or name == "type":
            continue
        if name not in MAKERS:
            raise UnfitError
        made = MAKERS[name](node.schema[name], node)
        for kind in rows[name].kinds if made else ():
            tests[kind] += [made] if made else []
    return tests


def _joined(tests: dict[type, list[Fast]], node: Node, whole: bool) -> Fast:
    """One function for values of any type."""
    if node.typed:
        return _all(tests[node.typed])
    if len(node.kinds) == 1 and not whole:
        (only,) = node.kinds
        return _only(only, tests[only])
    table = {kind: _all(tests[kind]) if kind in node.kinds else refuses for kind in EVERY}
    if whole:
        table[float] = _whole(table[int])
    if len({*table.values()}) == 1:
        return table[str]
    return lambda value: table[type(value)](value)


def _all(tests: list[Fast]) -> Fast:
    """All of some functions as one."""
    if len(tests) < 2:
        return tests[0] if tests else passes
    if len(tests) == 2:
        first, second = tests
        return lambda value: first(value) and second(value)
    return lambda value: all(test(value) for test in tests)


def _only(kind: type, tests: list[Fast]) -> Fast:
    if not tests:
        return lambda value: type(value) is kind
    test = _all(tests)
    return lambda value: type(value) is kind and test(value)


def _whole(test: Fast) -> Fast:
    return lambda value: value.is_integer() and test(value)
