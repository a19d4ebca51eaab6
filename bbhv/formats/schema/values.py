"""The validation vocabulary of JSON Schema 2020-12: keywords that look at the value itself. One row each."""

from collections.abc import Sized
from typing import Callable, Protocol

from ..jsonvalue import Json
from .formats import FORMATS
from .pattern import Search, searcher
from .types import ARRAYS, EVERY, NUMBERS, OBJECTS, STRINGS, Check, Row, Run, SchemaError, Site, Trail, frozen, show

MAX_LISTED = 20

TYPES: dict[str, tuple[frozenset[type], str]] = {
    "object": (OBJECTS, "an object"),
    "array": (ARRAYS, "a list"),
    "string": (STRINGS, "a string"),
    "number": (NUMBERS, "a number"),
    "integer": (frozenset((int,)), "a whole number"),
    "boolean": (frozenset((bool,)), "true or false"),
    "null": (frozenset((type(None),)), "null"),
}


def description(site: Site) -> str:
    """The description beside a keyword, as a hint."""
    return description_of(site.schema)


def description_of(schema: Json) -> str:
    """The description of a schema, as a hint."""
    text = schema.get("description") if isinstance(schema, dict) else None
    return text if isinstance(text, str) else ""


def _names(argument: Json) -> list[str]:
    return [name for name in (argument if isinstance(argument, list) else [argument]) if isinstance(name, str)]


def _type_sure(argument: Json) -> frozenset[type]:
    return frozenset().union(*(TYPES[name][0] for name in _names(argument) if name in TYPES))


def _type(argument: Json, site: Site) -> Check:
    names = _names(argument)
    if not names or not TYPES.keys() >= set(names):
        raise site.error(f"{show(argument)} is not a type.")
    wanted = " or ".join(TYPES[name][1] for name in names)
    whole = "integer" in names

    def check(value: Json, run: Run, trail: Trail) -> bool:
        # Only values of other types come here (see `_type_sure`), but 1.0 is a whole number.
        if whole and isinstance(value, float) and value.is_integer():
            return True
        message = f"{{}} must be {wanted}, not {show(value)}."
        return run.fail(trail, "type", message, description(site), wanted=wanted)

    return check


def _enum(argument: Json, site: Site) -> Check:
    if not isinstance(argument, list):
        raise site.error("The argument must be a list.")
    allowed = frozenset(map(frozen, argument))
    shown = ", ".join(map(show, argument[:MAX_LISTED])) + (", …" if len(argument) > MAX_LISTED else "")
    words = [item for item in argument if isinstance(item, str)]

    def check(value: Json, run: Run, trail: Trail) -> bool:
        if (value if type(value) is str else frozen(value)) in allowed:
            return True
        if run.problems is None:
            return False
        from ...findings import did_you_mean

        hint = did_you_mean(value, words) if isinstance(value, str) else ""
        message = f"{{}} must be {'one of ' if len(argument) > 1 else ''}{shown}, not {show(value)}."
        return run.fail(trail, "enum", message, hint or description(site), wanted=shown)

    return check


def _const(argument: Json, site: Site) -> Check:
    wanted = frozen(argument)

    def check(value: Json, run: Run, trail: Trail) -> bool:
        if frozen(value) == wanted:
            return True
        message = f"{{}} must be {show(argument)}, not {show(value)}."
        return run.fail(trail, "const", message, description(site), wanted=show(argument))

    return check


class Teller(Protocol):
    """Who says what is wrong with a schema."""

    def error(self, message: str) -> SchemaError:
        """The error, to be raised."""


def number_of(argument: Json, site: Teller) -> int | float:
    """An argument that must be a number. Raises SchemaError."""
    if isinstance(argument, bool) or not isinstance(argument, (int, float)):
        raise site.error("The argument must be a number.")
    return argument


def count_of(argument: Json, site: Teller) -> int:
    """An argument that must be a count. Raises SchemaError."""
    number = number_of(argument, site)
    if number < 0 or number != int(number):
        raise site.error("The argument must be a whole number, and not negative.")
    return int(number)


def _bound(keyword: str, words: str, passes: Callable[[float, float], bool]) -> Row:
    """A row for a keyword that compares a number with its argument."""

    def build(argument: Json, site: Site) -> Check:
        limit = number_of(argument, site)

        def check(value: int | float, run: Run, trail: Trail) -> bool:
            if passes(value, limit):
                return True
            return run.fail(trail, keyword, f"{{}} must be {words} {limit}, not {value}.", description(site))

        return check

    return Row(NUMBERS, build)


def _multiple_of(argument: Json, site: Site) -> Check:
    step = number_of(argument, site)
    if step <= 0:
        raise site.error("The argument must be more than 0.")

    def check(value: int | float, run: Run, trail: Trail) -> bool:
        if divides(step, value):
            return True
        return run.fail(trail, "multipleOf", f"{{}} must be a multiple of {step}, not {value}.", description(site))

    return check


def divides(step: int | float, value: int | float) -> bool:
    """Whether the value is a multiple of the step, by the decimal numbers that were written."""
    if isinstance(step, int) and isinstance(value, int):
        return value % step == 0
    from fractions import Fraction

    return Fraction(str(value)) % Fraction(str(step)) == 0


def _size(keyword: str, kinds: frozenset[type], least: bool, unit: str) -> Row:
    """A row for a keyword that bounds how long a string, a list or an object is."""

    def build(argument: Json, site: Site) -> Check:
        limit = count_of(argument, site)
        words = f"{'at least' if least else 'at most'} {limit} {unit if limit == 1 else unit + 's'}"

        def fail(size: int, run: Run, trail: Trail) -> bool:
            message = f"{{}} must have {words}, not {size}." if size else "{} must not be empty."
            return run.fail(trail, keyword, message, description(site))

        def check_least(value: Sized, run: Run, trail: Trail) -> bool:
            return len(value) >= limit or fail(len(value), run, trail)

        def check_most(value: Sized, run: Run, trail: Trail) -> bool:
            return len(value) <= limit or fail(len(value), run, trail)

        return check_least if least else check_most

    return Row(kinds, build)


def _pattern(argument: Json, site: Site) -> Check:
    if not isinstance(argument, str):
        raise site.error("The argument must be a string.")
    matcher = lazy_search(argument, site)
    longest = site.schema.get("maxLength")
    limit = longest if isinstance(longest, int) else None

    def check(value: str, run: Run, trail: Trail) -> bool:
        if run.problems is not None and limit is not None and len(value) > limit:
            return True  # maxLength has said so already, and no pattern is tried on a text without bound
        if matcher[0](value):
            return True
        hint = description(site) or f"It must match {argument}"
        return run.fail(trail, "pattern", f"{{}} does not have the right form: {show(value)}.", hint)

    return check


def lazy_search(pattern: str, site: Site) -> Search:
    """`searcher`, with a SchemaError that has the place."""
    try:
        return searcher(pattern)
    except ValueError as error:
        raise site.error(str(error)) from None


def _unique_items(argument: Json, site: Site) -> Check | None:
    if argument is not True:
        return None

    def check(value: list[Json], run: Run, trail: Trail) -> bool:
        if set(map(type, value)) == {str} and len({*map(str, value)}) == len(value):
            return True
        seen: set[object] = set()
        for index, item in enumerate(value):
            known = frozen(item)
            if known in seen:
                message = f"{{}} repeats an earlier item of its list: {show(item)}."
                return run.fail((trail, index), "uniqueItems", message, "Keep one of them.")
            seen.add(known)
        return True

    return check


def _required(argument: Json, site: Site) -> Check:
    members = site.schema.get("properties")
    hints = {name: description_of(members.get(name)) if isinstance(members, dict) else "" for name in _names(argument)}

    def check(value: dict[str, Json], run: Run, trail: Trail) -> bool:
        ok = True
        for name in hints:
            if name not in value:
                ok = run.fail(trail, "required", f"{{}} must have the key {name}.", hints[name])
        return ok

    return check


def _dependent_required(argument: Json, site: Site) -> Check:
    if not isinstance(argument, dict):
        raise site.error("The argument must be an object.")
    needs = {name: _names(others) for name, others in argument.items()}

    def check(value: dict[str, Json], run: Run, trail: Trail) -> bool:
        ok = True
        for name in needs.keys() & value.keys():
            for other in needs[name]:
                if other not in value:
                    message = f"{{}} must have the key {other}, because it has the key {name}."
                    ok = run.fail(trail, "dependentRequired", message)
        return ok

    return check


def _annotated_format(argument: Json, site: Site) -> Check | None:
    return _format(argument, site) if site.maker.formats else None


def _format(argument: Json, site: Site) -> Check | None:
    known = FORMATS.get(argument) if isinstance(argument, str) else None
    if known is None:
        return None
    test, words = known

    def check(value: str, run: Run, trail: Trail) -> bool:
        if test(value):
            return True
        return run.fail(trail, "format", f"{{}} must be {words}, not {show(value)}.", description(site))

    return check


VALIDATION: dict[str, Row] = {
    "type": Row(EVERY, _type, _type_sure),
    "enum": Row(EVERY, _enum),
    "const": Row(EVERY, _const),
    "minimum": _bound("minimum", "at least", lambda value, limit: value >= limit),
    "maximum": _bound("maximum", "at most", lambda value, limit: value <= limit),
    "exclusiveMinimum": _bound("exclusiveMinimum", "more than", lambda value, limit: value > limit),
    "exclusiveMaximum": _bound("exclusiveMaximum", "less than", lambda value, limit: value < limit),
    "multipleOf": Row(NUMBERS, _multiple_of),
    "minLength": _size("minLength", STRINGS, True, "character"),
    "maxLength": _size("maxLength", STRINGS, False, "character"),
    "pattern": Row(STRINGS, _pattern),
    "minItems": _size("minItems", ARRAYS, True, "item"),
    "maxItems": _size("maxItems", ARRAYS, False, "item"),
    "uniqueItems": Row(ARRAYS, _unique_items),
    "minProperties": _size("minProperties", OBJECTS, True, "key"),
    "maxProperties": _size("maxProperties", OBJECTS, False, "key"),
    "required": Row(OBJECTS, _required),
    "dependentRequired": Row(OBJECTS, _dependent_required),
}

# The same keyword in two vocabularies: one leaves it to the caller whether it counts, with the other one it does.
FORMAT: dict[str, Row] = {"format": Row(STRINGS, _annotated_format)}
ASSERTED_FORMAT: dict[str, Row] = {"format": Row(STRINGS, _format)}
