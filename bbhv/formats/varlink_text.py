"""Varlink interface descriptions as text, in one layout: that of systemd's varlinkctl, comments included.

Enums come first, then structs, methods and errors, each in their order. `varlink_idl.parse` of the text gives an equal
interface, and rendering that gives the same text again.
"""

from typing import Iterable, Iterator, Mapping

from .varlink_idl import Array, Enum, Interface, Map, Maybe, Named, Primitive, Struct, Type

_STEP = "\t"


def render(interface: Interface) -> str:
    """The description of an interface that was parsed."""
    parts = [f"{_comment(interface.doc, '')}interface {interface.name}\n"]
    for keyword, name, body in _members(interface):
        parts.append(f"{_comment(interface.docs.get(name, ''), '')}{keyword} {name}{body}\n")
    return "\n".join(parts)


def spelt(kind: Type) -> str:
    """A type as a description has it."""
    return _type(kind, "")


def _members(interface: Interface) -> Iterator[tuple[str, str, str]]:
    for wanted in (Enum, Struct):
        for name, kind in interface.types.items():
            if isinstance(kind, wanted):
                yield "type", name, _type(kind, "")
    for name, method in interface.methods.items():
        yield "method", name, f"{_type(method.parameters, '')} -> {_type(method.reply, '')}"
    for name, error in interface.errors.items():
        yield "error", name, _type(error, "")


def _type(kind: Type, indent: str) -> str:
    match kind:
        case Primitive() | Named():
            return kind.name
        case Maybe():
            return f"?{_type(kind.element, indent)}"
        case Array():
            return f"[]{_type(kind.element, indent)}"
        case Map():
            return f"[string]{_type(kind.element, indent)}"
        case Enum():
            return _block(((word, word) for word in kind.words), kind.docs, indent)
        case Struct():
            inner = ((name, f"{name}: {_type(one, indent + _STEP)}") for name, one in kind.fields.items())
            return _block(inner, kind.docs, indent)


def _block(entries: Iterable[tuple[str, str]], docs: Mapping[str, str], indent: str) -> str:
    inner = indent + _STEP
    rows = [f"{_comment(docs.get(name, ''), inner)}{inner}{text}" for name, text in entries]
    return "(\n" + ",\n".join(rows) + f"\n{indent})" if rows else "()"


def _comment(doc: str, indent: str) -> str:
    return "".join(f"{indent}#{line and ' '}{line}\n" for line in doc.split("\n")) if doc else ""
