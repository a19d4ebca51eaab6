"""Varlink interface descriptions: text to an `Interface`, and values checked against its types.

The grammar is the one of varlink.org (Interface Definition), with the `any` type of newer systemd. The descriptions
that we read are our own, so the first mistake raises `IdlError` with its line. Values come from peers: `mismatch`
never raises, and is strict: true is not 1, 1.5 is not 2, a field that the type does not name is a mistake.
"""

import re
from typing import Iterator, Mapping, NamedTuple

from ..errors import BbhvError
from ..records import dataclass, field
from .jsontext import Json

MAX_NESTING = 16
_INT64 = 1 << 63
_PRIMITIVES = frozenset(("bool", "int", "float", "string", "object", "any"))

_INTERFACE_NAME = re.compile(r"[A-Za-z](?:-*[A-Za-z0-9])*(?:\.[A-Za-z0-9](?:-*[A-Za-z0-9])*)+")
_MEMBER_NAME = re.compile(r"[A-Z][A-Za-z0-9]*")
_FIELD_NAME = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*")
_TOKEN = re.compile(r"(?P<skip>[ \t\r\n]+|\#[^\n]*)|(?P<token>->|\[string\]|\[\]|[?():,]|[A-Za-z][A-Za-z0-9_.-]*)")


class IdlError(BbhvError):
    """An interface description is wrong."""


@dataclass(frozen=True, slots=True)
class Primitive:
    """bool, int (64 bits, signed), float, string, object (any JSON object) or any (any JSON value)."""

    name: str


@dataclass(frozen=True, slots=True)
class Named:
    """A type that the interface defines under this name."""

    name: str


@dataclass(frozen=True, slots=True)
class Maybe:
    """The element, null, or, as a field, nothing at all."""

    element: "Type"


@dataclass(frozen=True, slots=True)
class Array:
    """A list of elements."""

    element: "Type"


@dataclass(frozen=True, slots=True)
class Map:
    """Any names, each with an element."""

    element: "Type"


@dataclass(frozen=True, slots=True)
class Enum:
    """One of these words."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Struct:
    """Named fields, all of them and no other."""

    fields: Mapping[str, "Type"]


Type = Primitive | Named | Maybe | Array | Map | Enum | Struct


@dataclass(frozen=True, slots=True)
class Method:
    """What a method takes and what it gives."""

    parameters: Struct
    reply: Struct


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface: its types, methods and errors by their short names, and the text that it was read from."""

    name: str
    text: str
    types: dict[str, Struct | Enum] = field(default_factory=dict)
    methods: dict[str, Method] = field(default_factory=dict)
    errors: dict[str, Struct] = field(default_factory=dict)


def parse(text: str) -> Interface:
    """The interface that a description defines. Raises IdlError with the line of the first mistake."""
    reader = _Reader(text)
    reader.expect("interface")
    interface = Interface(reader.name(_INTERFACE_NAME, "an interface"), text)
    while (token := reader.next()).text:
        _member(reader, interface, token)
    for name, line in reader.references.items():
        if name not in interface.types:
            raise _wrong(line, f"type {name} is not defined")
    return interface


def mismatch(interface: Interface, kind: Type, value: Json, path: str = "") -> str | None:
    """Where a value is not of the type, as ``field.list[2].field``, or None when it is."""
    match kind:
        case Primitive():
            return None if _is_primitive(kind.name, value) else path
        case Named():
            return mismatch(interface, interface.types[kind.name], value, path)
        case Maybe():
            return None if value is None else mismatch(interface, kind.element, value, path)
        case Enum():
            return None if type(value) is str and value in kind.words else path
        case Array():
            if type(value) is not list:
                return path
            return _first(mismatch(interface, kind.element, item, f"{path}[{n}]") for n, item in enumerate(value))
        case Map():
            if type(value) is not dict:
                return path
            return _first(mismatch(interface, kind.element, item, _below(path, key)) for key, item in value.items())
        case Struct():
            return _struct_mismatch(interface, kind, value, path)


def _struct_mismatch(interface: Interface, kind: Struct, value: Json, path: str) -> str | None:
    if type(value) is not dict:
        return path
    for name in value:
        if name not in kind.fields:
            return _below(path, name)
    # A field that is missing reads as null, which only `?type` (and `any`) takes.
    fields = kind.fields.items()
    return _first(mismatch(interface, wanted, value.get(name), _below(path, name)) for name, wanted in fields)


def _is_primitive(name: str, value: Json) -> bool:
    match name:
        case "bool":
            return type(value) is bool
        case "int":
            return type(value) is int and -_INT64 <= value < _INT64
        case "float":
            return type(value) is float or type(value) is int
        case "string":
            return type(value) is str
        case "object":
            return type(value) is dict
        case _:
            return True


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _first(paths: Iterator[str | None]) -> str | None:
    return next((path for path in paths if path is not None), None)


class _Token(NamedTuple):
    text: str
    line: int


class _Reader:
    """The tokens of a description, one after the other; after the last comes an empty one."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0
        self.references: dict[str, int] = {}

    def next(self) -> _Token:
        token = self._tokens[self._at]
        if token.text:
            self._at += 1
        return token

    def peek(self, ahead: int = 0) -> str:
        return self._tokens[min(self._at + ahead, len(self._tokens) - 1)].text

    def expect(self, text: str) -> None:
        token = self.next()
        if token.text != text:
            raise _wrong(token.line, f"expected {text}, found {token.text or 'the end'}")

    def name(self, rule: re.Pattern[str], what: str) -> str:
        token = self.next()
        if not rule.fullmatch(token.text):
            raise _wrong(token.line, f"{token.text or 'the end'} cannot name {what}")
        return token.text


def _tokens(text: str) -> Iterator[_Token]:
    at, line = 0, 1
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise _wrong(line, f"unexpected {ascii(text[at])}")
        if found["token"]:
            yield _Token(found["token"], line)
        line += found[0].count("\n")
        at = found.end()
    yield _Token("", line)


def _member(reader: _Reader, interface: Interface, keyword: _Token) -> None:
    if keyword.text not in ("type", "method", "error"):
        raise _wrong(keyword.line, f"expected type, method or error, found {keyword.text}")
    name = reader.name(_MEMBER_NAME, f"a {keyword.text}")
    if name in interface.types or name in interface.methods or name in interface.errors:
        raise _wrong(keyword.line, f"{name} is defined twice")
    if keyword.text == "type":
        interface.types[name] = _struct_or_enum(reader, 0)
    elif keyword.text == "error":
        interface.errors[name] = _struct(reader, 0)
    else:
        parameters = _struct(reader, 0)
        reader.expect("->")
        interface.methods[name] = Method(parameters, _struct(reader, 0))


def _struct_or_enum(reader: _Reader, depth: int) -> Struct | Enum:
    if reader.peek(1) != ")" and reader.peek(2) in (",", ")"):
        return _enum(reader)
    return _struct(reader, depth)


def _enum(reader: _Reader) -> Enum:
    words: list[str] = []
    reader.expect("(")
    while True:
        token = reader.next()
        if not _FIELD_NAME.fullmatch(token.text) or token.text in words:
            raise _wrong(token.line, f"{token.text or 'the end'} cannot be a new word of an enum")
        words.append(token.text)
        if reader.peek() != ",":
            reader.expect(")")
            return Enum(tuple(words))
        reader.expect(",")


def _struct(reader: _Reader, depth: int) -> Struct:
    fields: dict[str, Type] = {}
    reader.expect("(")
    while reader.peek() != ")":
        if fields:
            reader.expect(",")
        token = reader.next()
        if not _FIELD_NAME.fullmatch(token.text) or token.text in fields:
            raise _wrong(token.line, f"{token.text or 'the end'} cannot name a new field")
        reader.expect(":")
        fields[token.text] = _type(reader, depth + 1)
    reader.expect(")")
    return Struct(fields)


def _type(reader: _Reader, depth: int, nullable: bool = True) -> Type:
    if reader.peek() == "(" and depth <= MAX_NESTING:
        return _struct_or_enum(reader, depth)
    token = reader.next()
    if depth > MAX_NESTING:
        raise _wrong(token.line, "types nest too deep")
    if token.text == "?" and nullable:
        return Maybe(_type(reader, depth + 1, nullable=False))
    if token.text == "[]":
        return Array(_type(reader, depth + 1))
    if token.text == "[string]":
        return Map(_type(reader, depth + 1))
    if token.text in _PRIMITIVES:
        return Primitive(token.text)
    if not _MEMBER_NAME.fullmatch(token.text):
        raise _wrong(token.line, f"{token.text or 'the end'} is not a type")
    reader.references.setdefault(token.text, token.line)
    return Named(token.text)


def _wrong(line: int, what: str) -> IdlError:
    return IdlError(f"The interface description is wrong in line {line}: {what}.")
