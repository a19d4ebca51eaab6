"""Random interfaces of varlink, values of their types, and values that are wrong in one place, which is known."""

import random
from collections.abc import Iterator, Mapping, Sequence

from bbhv.formats.jsontext import Json
from bbhv.formats.varlink_idl import Array, Enum, Interface, Map, Maybe, Method, Named, Primitive, Struct, Type

DEPTH = 5
NAMES = ("a", "b1", "c_d", "enum", "Longer", "string")
TEXTS = ("", "a", "ä", "\U0001f600", "a.b", "[0]", "\0", "x" * 70)
DOCS = ("", "", "one", "two\n\n  three", "\n# four")
RIGHT: Mapping[str, Sequence[Json]] = {
    "bool": (True, False),
    "int": (0, 1, -1, 1 << 53, (1 << 63) - 1, -(1 << 63)),
    "float": (0, 1, -1.5, 1e300, 1 << 70),
    "string": TEXTS,
    "object": ({}, {"a": None}, {"": [{"x": {}}]}),
    "any": (None, True, 0, 1.5, "x", [], [None], {}, {"a": []}),
}
WRONG: Mapping[str, Sequence[Json]] = {
    "bool": (0, 1, "true", None, [], {}),
    "int": (True, 1.0, "1", None, [], {}, 1 << 63, -(1 << 63) - 1),
    "float": (True, "1", None, [], {}),
    "string": (True, 0, 1.5, None, [], {}),
    "object": (True, 0, "{}", None, []),
}
WRONG_OF: Mapping[type, Sequence[Json]] = {
    Enum: ("", "none_of_them", 0, None, [], {}),
    Array: (True, 0, "[]", None, {}),
    Map: (True, 0, "{}", None, []),
    Struct: (True, 0, "{}", None, [], {"unknown": None}),
}


def interface(rng: random.Random) -> Interface:
    """An interface with a method; its types may use those that stand before them."""
    made = Interface("org.example.random", "", rng.choice(DOCS))
    for name in ("A", "B", "C"):
        made.types[name] = _struct(rng, sorted(made.types), 0) if rng.random() < 0.7 else _enum(rng)
    made.methods["M"] = Method(_struct(rng, sorted(made.types), 0), _struct(rng, sorted(made.types), 0))
    made.errors["X"] = _struct(rng, sorted(made.types), 0)
    made.docs.update({name: doc for name in ("A", "C", "M", "X") if (doc := rng.choice(DOCS))})
    return made


def _type(rng: random.Random, known: Sequence[str], depth: int, nullable: bool = True) -> Type:
    match rng.randrange(9 if depth < DEPTH else 4):
        case 0 if known:
            return Named(rng.choice(known))
        case 1:
            return _enum(rng)
        case 4:
            return Array(_type(rng, known, depth + 1))
        case 5:
            return Map(_type(rng, known, depth + 1))
        case 6 | 7 if nullable:
            return Maybe(_type(rng, known, depth + 1, nullable=False))
        case 8:
            return _struct(rng, known, depth + 1)
    return Primitive(rng.choice(sorted(RIGHT)))


def _enum(rng: random.Random) -> Enum:
    words = _names(rng, 1)
    return Enum(tuple(words), _docs(rng, words))


def _struct(rng: random.Random, known: Sequence[str], depth: int) -> Struct:
    names = _names(rng, 0)
    return Struct({name: _type(rng, known, depth + 1) for name in names}, _docs(rng, names))


def _names(rng: random.Random, least: int) -> list[str]:
    return rng.sample(NAMES, rng.randint(least, 4))


def _docs(rng: random.Random, names: Sequence[str]) -> dict[str, str]:
    return {name: doc for name in names if (doc := rng.choice(DOCS))}


def fitting(rng: random.Random, kind: Type, made: Interface) -> Json:
    """A value of a type."""
    match kind:
        case Primitive():
            return rng.choice(RIGHT[kind.name])
        case Named():
            return fitting(rng, made.types[kind.name], made)
        case Enum():
            return rng.choice(kind.words)
        case Maybe():
            return None if rng.random() < 0.3 else fitting(rng, kind.element, made)
        case Array():
            return [fitting(rng, kind.element, made) for _ in range(rng.randrange(4))]
        case Map():
            return {name: fitting(rng, kind.element, made) for name in rng.sample(TEXTS, rng.randrange(4))}
        case Struct():
            fields = {name: fitting(rng, one, made) for name, one in kind.fields.items()}
            return {name: one for name, one in fields.items() if one is not None or rng.random() < 0.5}


def damaged(rng: random.Random, kind: Type, value: Json, made: Interface) -> tuple[Json, str] | None:
    """A value that was of the type and is not any more, and in which place; None when this try did not find one."""
    match kind:
        case Named():
            return damaged(rng, made.types[kind.name], value, made)
        case Maybe():
            found = damaged(rng, kind.element, value, made)
            return found if found is not None and found[0] is not None else None
    inner = list(_inner(kind, value))
    if inner and rng.random() < 0.8:
        step, key, below = rng.choice(inner)
        found = damaged(rng, below, _at(value, key), made)
        return (_with(value, key, found[0]), step + found[1]) if found is not None else None
    if isinstance(kind, Struct) and isinstance(value, dict) and rng.random() < 0.5:
        return {**value, "unknown": None}, ".unknown"
    wrong = WRONG.get(kind.name, ()) if isinstance(kind, Primitive) else WRONG_OF[type(kind)]
    if not wrong:
        return None
    bad = rng.choice(wrong)
    return bad, ".unknown" if isinstance(bad, dict) and isinstance(kind, Struct) else ""


def _inner(kind: Type, value: Json) -> Iterator[tuple[str, str | int, Type]]:
    """The parts of a value: the step to each, its key, and its type."""
    if isinstance(kind, Array) and isinstance(value, list):
        yield from ((f"[{number}]", number, kind.element) for number in range(len(value)))
    elif isinstance(kind, Map) and isinstance(value, dict):
        yield from ((f".{name}", name, kind.element) for name in value)
    elif isinstance(kind, Struct) and isinstance(value, dict):
        yield from ((f".{name}", name, below) for name, below in kind.fields.items())


def _at(value: Json, key: str | int) -> Json:
    if isinstance(value, list) and isinstance(key, int):
        return value[key]
    return value.get(key) if isinstance(value, dict) and isinstance(key, str) else None


def _with(value: Json, key: str | int, part: Json) -> Json:
    if isinstance(value, list) and isinstance(key, int):
        return [*value[:key], part, *value[key + 1 :]]
    assert isinstance(value, dict) and isinstance(key, str)
    return {**value, key: part}
