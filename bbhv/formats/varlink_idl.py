"""Varlink interface descriptions: text to an `Interface`, and values checked against its types.

The grammar is the one of varlink.org (Interface Definition), with the `any` type of newer systemd; varlink_text writes
it. The descriptions that we read are our own, so the first mistake raises `IdlError` with its line. A comment belongs
to what is named behind it. Values come from peers: `mismatch` never raises, and is strict: true is not 1, 1.5 is not 2,
a field that the type does not name is a mistake.
"""

import re
from typing import Iterator, Mapping, NamedTuple

from ..errors import BbhvError
from ..records import dataclass, field
from .jsontext import Json

MAX_NESTING = 16
_INT64 = 1 << 63
# What a value may be for Python. A whole number is a float too.
_PRIMITIVES: Mapping[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (float, int),
    "string": (str,),
    "object": (dict,),
    "any": (dict, list, str, int, float, bool, type(None)),
}

_INTERFACE_NAME = re.compile(r"[A-Za-z](?:-*[A-Za-z0-9])*(?:\.[A-Za-z0-9](?:-*[A-Za-z0-9])*)+")
_MEMBER_NAME = re.compile(r"[A-Z][A-Za-z0-9]*")
_FIELD_NAME = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*")
# What a comment can hold, every text and every peer can; and nothing stands between `?`, `[]`, `[string]` and a type.
_TOKEN = re.compile(
    r"[ \t\r\n]+|\#(?P<comment>[^\r\n\0\ud800-\udfff]*)"
    r"|(?P<token>->|(?:\?|\[\]|\[string\])(?![ \t\r\n\#])|[():,]|[A-Za-z][A-Za-z0-9_.-]*)"
)


class IdlError(BbhvError):
    """An interface description is wrong."""


@dataclass(frozen=True, slots=True)
class Primitive:
    """bool, int (64 bits, signed), float, string, object (any JSON object) or any (any JSON value)."""

    name: str

    def wrong(self, value: Json, types: "Types") -> str | None:
        """See `mismatch`; the place begins with a dot or a bracket, or is empty for the value itself."""
        if self.name == "int":
            return None if type(value) is int and -_INT64 <= value < _INT64 else ""
        return None if type(value) in _PRIMITIVES[self.name] else ""


@dataclass(frozen=True, slots=True)
class Named:
    """A type that the interface defines under this name."""

    name: str

    def wrong(self, value: Json, types: "Types") -> str | None:
        """See `Primitive.wrong`."""
        return types[self.name].wrong(value, types)


@dataclass(frozen=True, slots=True)
class Maybe:
    """The element, null, or, as a field, nothing at all."""

    element: "Type"

    def wrong(self, value: Json, types: "Types") -> str | None:
        """See `Primitive.wrong`."""
        return None if value is None else self.element.wrong(value, types)


@dataclass(frozen=True, slots=True)
class Array:
    """A list of elements."""

    element: "Type"

    def wrong(self, value: Json, types: "Types") -> str | None:
        """See `Primitive.wrong`."""
        if type(value) is not list:
            return ""
        for number, item in enumerate(value):
            place = self.element.wrong(item, types)
            if place is not None:
                return f"[{number}]{place}"
        return None


@dataclass(frozen=True, slots=True)
class Map:
    """Any names, each with an element."""

    element: "Type"

    def wrong(self, value: Json, types: "Types") -> str | None:
        """See `Primitive.wrong`."""
        if type(value) is not dict:
            return ""
        for name, item in value.items():
            place = self.element.wrong(item, types)
            if place is not None:
                return f".{name}{place}"
        return None


@dataclass(frozen=True, slots=True)
class Enum:
    """One of these words. `docs` holds what is said about them, as far as something is."""

    words: tuple[str, ...]
    docs: Mapping[str, str] = field(default_factory=dict)

    def wrong(self, value: Json, types: "Types") -> str | None:
        """See `Primitive.wrong`."""
        return None if type(value) is str and value in self.words else ""


@dataclass(frozen=True, slots=True)
class Struct:
    """Named fields, all of them and no other. `docs` holds what is said about them, as far as something is."""

    fields: Mapping[str, "Type"]
    docs: Mapping[str, str] = field(default_factory=dict)

    def wrong(self, value: Json, types: "Types") -> str | None:
        """See `Primitive.wrong`."""
        if type(value) is not dict:
            return ""
        if not value.keys() <= self.fields.keys():
            return "." + next(name for name in value if name not in self.fields)
        for name, kind in self.fields.items():
            # A field that is missing reads as null, which only `?type` (and `any`) takes.
            place = kind.wrong(value.get(name), types)
            if place is not None:
                return f".{name}{place}"
        return None


Type = Primitive | Named | Maybe | Array | Map | Enum | Struct
Types = Mapping[str, Struct | Enum]


@dataclass(frozen=True, slots=True)
class Method:
    """What a method takes and what it gives."""

    parameters: Struct
    reply: Struct


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface: its types, methods and errors by their short names, and what is said about it and them.

    `text` is what it was read from. It is not compared: an interface may be written in many ways.
    """

    name: str
    text: str = field(compare=False)
    doc: str = ""
    types: dict[str, Struct | Enum] = field(default_factory=dict)
    methods: dict[str, Method] = field(default_factory=dict)
    errors: dict[str, Struct] = field(default_factory=dict)
    docs: dict[str, str] = field(default_factory=dict)


def parse(text: str) -> Interface:
    """The interface that a description defines. Raises IdlError with the line of the first mistake."""
    reader = _Reader(text)
    doc = reader.expect("interface")
    interface = Interface(reader.name(_INTERFACE_NAME, "an interface"), text, doc)
    while (token := reader.next()).text:
        _member(reader, interface, token)
    for name, line in reader.references.items():
        if name not in interface.types:
            raise _wrong(line, f"type {name} is not defined")
    return interface


def mismatch(interface: Interface, kind: Type, value: Json) -> str | None:
    """Where a value is not of the type, as ``field.list[2].field``, or None when it is."""
    place = kind.wrong(value, interface.types)
    return place and place.removeprefix(".")


class _Token(NamedTuple):
    """A word or a mark, its line, and the comment before it, line by line."""

    text: str
    line: int
    doc: str


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

    def expect(self, text: str) -> str:
        """Goes on if this is what comes; gives the comment before it."""
        token = self.next()
        if token.text != text:
            raise _wrong(token.line, f"expected {text}, found {token.text or 'the end'}")
        return token.doc

    def name(self, rule: re.Pattern[str], what: str) -> str:
        token = self.next()
        if not rule.fullmatch(token.text):
            raise _wrong(token.line, f"{token.text or 'the end'} cannot name {what}")
        return token.text


def _tokens(text: str) -> Iterator[_Token]:
    at, line = 0, 1
    doc: list[str] = []
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise _wrong(line, f"unexpected {ascii(text[at])}")
        if found["comment"] is not None:
            doc.append(found["comment"].removeprefix(" "))
        elif found["token"]:
            yield _Token(found["token"], line, "\n".join(doc))
            doc = []
        line += found[0].count("\n")
        at = found.end()
    yield _Token("", line, "")


def _member(reader: _Reader, interface: Interface, keyword: _Token) -> None:
    if keyword.text not in ("type", "method", "error"):
        raise _wrong(keyword.line, f"expected type, method or error, found {keyword.text}")
    name = reader.name(_MEMBER_NAME, f"a {keyword.text}")
    if name in interface.types or name in interface.methods or name in interface.errors:
        raise _wrong(keyword.line, f"{name} is defined twice")
    if keyword.doc:
        interface.docs[name] = keyword.doc
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
    words: dict[str, str] = {}
    reader.expect("(")
    while True:
        token = reader.next()
        if not _FIELD_NAME.fullmatch(token.text) or token.text in words:
            raise _wrong(token.line, f"{token.text or 'the end'} cannot be a new word of an enum")
        words[token.text] = token.doc
        if reader.peek() != ",":
            reader.expect(")")
            return Enum(tuple(words), _said(words))
        reader.expect(",")


def _struct(reader: _Reader, depth: int) -> Struct:
    fields: dict[str, Type] = {}
    docs: dict[str, str] = {}
    reader.expect("(")
    while reader.peek() != ")":
        if fields:
            reader.expect(",")
        token = reader.next()
        if not _FIELD_NAME.fullmatch(token.text) or token.text in fields:
            raise _wrong(token.line, f"{token.text or 'the end'} cannot name a new field")
        reader.expect(":")
        docs[token.text] = token.doc
        fields[token.text] = _type(reader, depth + 1)
    reader.expect(")")
    return Struct(fields, _said(docs))


def _said(docs: Mapping[str, str]) -> dict[str, str]:
    return {name: doc for name, doc in docs.items() if doc}


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
