"""The keywords of JSON Schema on the short way (see `fast`): each, or those that stand together, as one function.

What the functions do is what the rows of `values` and `apply` do, which are the authority; the unit tests run
the official test suite through both. They are written for speed: a value costs as few calls as may be.
"""

from typing import Callable

from ..jsonvalue import Json
from .fast_node import Entry, Fast, Node, Text, UnfitError
from .formats import FORMATS
from .pattern import Search
from .types import NUMBERS, STRINGS, frozen
from .values import divides, number_of

ENDLESS = 1 << 62


def passes(value: Json) -> bool:
    """The short way of what takes everything."""
    return True


def refuses(value: Json) -> bool:
    """The short way of what takes nothing."""
    return False


_TEXT_WORDS = frozenset(("minLength", "maxLength", "pattern"))


def text_of(node: Node) -> Text | None:
    """What a schema says about strings, when it takes nothing else and says nothing else."""
    if node.typed is not str or node.words - _TEXT_WORDS != {"type"}:
        return None
    return _text(node)


def _text(node: Node) -> Text:
    search = node.search(node.schema["pattern"]) if "pattern" in node.words else None
    return node.count("minLength", 0), node.count("maxLength", ENDLESS), search


def _string(node: Node) -> Fast:
    low, high, search = _text(node)
    if node.typed is not str:
        if search is None:
            return lambda value: low <= len(value) <= high
        return lambda value: low <= len(value) <= high and search[0](value) is not None
    if search is None:
        return lambda value: type(value) is str and low <= len(value) <= high
    return lambda value: type(value) is str and low <= len(value) <= high and search[0](value) is not None


def _array(node: Node) -> Fast:
    least, most = node.count("minItems", 0), node.count("maxItems", ENDLESS)
    prefix = node.many(node.get("prefixItems")) if "prefixItems" in node.words else []
    items = node.full(node.schema["items"]) if "items" in node.words else Entry(passes)
    unique = _unique(items, prefix) if node.get("uniqueItems") is True else None
    each = _first_and_others(prefix, items.test) if prefix else _each(items)

    def check(value: list[Json]) -> bool:
        if type(value) is not list or not least <= len(value) <= most or not each(value):
            return False
        return unique is None or unique(value)

    return check


def _each(items: Entry) -> Fast:
    """A function for all items of a list."""
    test = items.test
    if items.text is not None and items.text[2] is not None:
        return _each_text(items.text[0], items.text[1], items.text[2])

    def check(value: list[Json]) -> bool:
        for item in value:
            if not test(item):
                return False
        return True

    return passes if test is passes else check


def _each_text(low: int, high: int, search: Search) -> Fast:
    def check(value: list[Json]) -> bool:
        find = search[0]
        for item in value:
            if type(item) is not str or not low <= len(item) <= high or find(item) is None:
                return False
        return True

    return check


def _first_and_others(prefix: list[Fast], others: Fast) -> Fast:
    def check(value: list[Json]) -> bool:
        for item, test in zip(value, prefix):
            if not test(item):
                return False
        return others is passes or all(map(others, value[len(prefix) :]))

    return check


def _unique(items: Entry, prefix: list[Fast]) -> Fast:
    """Strings, or numbers, are equal for Python exactly when they are for JSON; other values need a stand-in."""
    if not prefix and (items.kinds <= STRINGS or items.kinds <= NUMBERS):
        return lambda value: len({*value}) == len(value)
    return lambda value: len({*map(frozen, value)}) == len(value)


def _object(node: Node) -> Fast:
    tests = node.named(node.get("properties")) if "properties" in node.words else {}
    patterns = node.named(node.get("patternProperties")) if "patternProperties" in node.words else {}
    pairs = [(node.search(pattern), test) for pattern, test in patterns.items()]
    other = node.below(node.schema["additionalProperties"]) if "additionalProperties" in node.words else passes
    required = node.get("required")
    needed = tuple(name for name in required if isinstance(name, str)) if isinstance(required, list) else ()
    if "required" in node.words and not isinstance(required, list):
        raise UnfitError
    if pairs:
        return _members_by_pattern(tests, pairs, other, needed)
    return _members_closed(tests, needed) if other is refuses else _members(tests, other, needed)


def _members_closed(tests: dict[str, Fast], needed: tuple[str, ...]) -> Fast:
    """An object with known keys only: the usual one."""

    def check(value: dict[str, Json]) -> bool:
        if type(value) is not dict:
            return False
        try:
            for name, member in value.items():
                if not tests[name](member):
                    return False
            for name in needed:
                if name not in value:
                    return False
        except KeyError:
            return False
        return True

    return check


def _members(tests: dict[str, Fast], other: Fast, needed: tuple[str, ...]) -> Fast:
    def check(value: dict[str, Json]) -> bool:
        if type(value) is not dict:
            return False
        for name in needed:
            if name not in value:
                return False
        for name, member in value.items():
            if not tests.get(name, other)(member):
                return False
        return True

    return check


_Pairs = list[tuple[Search, Fast]]


def _members_by_pattern(tests: dict[str, Fast], pairs: _Pairs, other: Fast, needed: tuple[str, ...]) -> Fast:
    def matches(name: str, member: Json) -> bool:
        matching = [test for search, test in pairs if search[0](name) is not None]
        known = name in tests
        if not known and not matching:
            return other(member)
        return (not known or tests[name](member)) and all(test(member) for test in matching)

    def check(value: dict[str, Json]) -> bool:
        if type(value) is not dict or not all(name in value for name in needed):
            return False
        return all(matches(name, member) for name, member in value.items())

    return check


# The keywords that are looked at together, by the type of value.
GROUPS: dict[type, tuple[frozenset[str], Callable[[Node], Fast]]] = {
    str: (_TEXT_WORDS, _string),
    list: (frozenset(("items", "prefixItems", "minItems", "maxItems", "uniqueItems")), _array),
    dict: (frozenset(("properties", "patternProperties", "additionalProperties", "required")), _object),
}


def _enum(argument: Json, node: Node) -> Fast:
    if not isinstance(argument, list):
        raise UnfitError
    allowed = frozenset(map(frozen, argument))
    return lambda value: (value if type(value) is str else frozen(value)) in allowed


def _const(argument: Json, node: Node) -> Fast:
    if isinstance(argument, str):
        return lambda value: value == argument
    wanted = frozen(argument)
    return lambda value: frozen(value) == wanted


def _minimum(argument: Json, node: Node) -> Fast:
    limit = number_of(argument, node)
    return lambda value: value >= limit


def _maximum(argument: Json, node: Node) -> Fast:
    limit = number_of(argument, node)
    return lambda value: value <= limit


def _exclusive_minimum(argument: Json, node: Node) -> Fast:
    limit = number_of(argument, node)
    return lambda value: value > limit


def _exclusive_maximum(argument: Json, node: Node) -> Fast:
    limit = number_of(argument, node)
    return lambda value: value < limit


def _multiple_of(argument: Json, node: Node) -> Fast:
    step = number_of(argument, node)
    if step <= 0:
        raise UnfitError
    return lambda value: divides(step, value)


def _min_properties(argument: Json, node: Node) -> Fast:
    limit = node.count("minProperties", 0)
    return lambda value: len(value) >= limit


def _max_properties(argument: Json, node: Node) -> Fast:
    limit = node.count("maxProperties", 0)
    return lambda value: len(value) <= limit


def _property_names(argument: Json, node: Node) -> Fast:
    test = node.below(argument)
    return lambda value: all(map(test, value))


def _dependent_required(argument: Json, node: Node) -> Fast:
    if not isinstance(argument, dict):
        raise UnfitError
    needs = [(name, [one for one in others if isinstance(one, str)] if isinstance(others, list) else [])
             for name, others in argument.items()]
    return lambda value: all(
        other in value for name, others in needs if name in value for other in others
    )


def _dependent_schemas(argument: Json, node: Node) -> Fast:
    tests = node.named(argument)
    return lambda value: all(test(value) for name, test in tests.items() if name in value)


def _contains(argument: Json, node: Node) -> Fast:
    test = node.below(argument)
    least, most = node.schema.get("minContains"), node.schema.get("maxContains")
    low = least if isinstance(least, (int, float)) else 1
    high = most if isinstance(most, (int, float)) else ENDLESS
    return lambda value: low <= sum(map(test, value)) <= high


def _format(argument: Json, node: Node) -> Fast | None:
    known = FORMATS.get(argument) if isinstance(argument, str) and node.asserting else None
    return known[0] if known else None


def _all_of(argument: Json, node: Node) -> Fast:
    tests = node.many(argument)
    return lambda value: all(test(value) for test in tests)


def _any_of(argument: Json, node: Node) -> Fast:
    tests = node.many(argument)
    return lambda value: any(test(value) for test in tests)


def _one_of(argument: Json, node: Node) -> Fast:
    tests = node.many(argument)
    return lambda value: sum(test(value) for test in tests) == 1


def _not(argument: Json, node: Node) -> Fast:
    test = node.below(argument)
    return lambda value: not test(value)


def _if(argument: Json, node: Node) -> Fast:
    test = node.below(argument)
    then, other = (node.below(node.schema.get(name, True)) for name in ("then", "else"))
    return lambda value: then(value) if test(value) else other(value)


def _ref(argument: Json, node: Node) -> Fast:
    return node.behind(argument).test


MAKERS: dict[str, Callable[[Json, Node], Fast | None]] = {
    "$ref": _ref,
    "enum": _enum,
    "const": _const,
    "minimum": _minimum,
    "maximum": _maximum,
    "exclusiveMinimum": _exclusive_minimum,
    "exclusiveMaximum": _exclusive_maximum,
    "multipleOf": _multiple_of,
    "minProperties": _min_properties,
    "maxProperties": _max_properties,
    "propertyNames": _property_names,
    "dependentRequired": _dependent_required,
    "dependentSchemas": _dependent_schemas,
    "contains": _contains,
    "format": _format,
    "allOf": _all_of,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "not": _not,
    "if": _if,
}
