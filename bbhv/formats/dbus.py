"""Messages of D-Bus, as far as a call of the service manager needs them (D-Bus Specification, "Message Protocol").

Pure: values become bytes by their signature, and of a reply is read whether it is one, and what it says. What we write
is little-endian; what we read is what its first byte says.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

from ..errors import BbhvError

FIXED = 16
MAX_MESSAGE = 1 << 20
RETURN, ERROR = 2, 3
_CALL = 1
_NUMBERS = {"y": (1, "B"), "b": (4, "I"), "u": (4, "I"), "h": (4, "I"), "i": (4, "i"), "t": (8, "Q")}
_PATH, _INTERFACE, _MEMBER, _ERROR_NAME, _REPLY_SERIAL, _DESTINATION, _SIGNATURE, _FDS = 1, 2, 3, 4, 5, 6, 8, 9

Value = bool | int | str | bytes | Sequence["Value"]


class DbusFormatError(BbhvError):
    """Bytes that are no message of D-Bus."""


class Reply(NamedTuple):
    """A message that came: its kind, which call it answers, the name of an error, and what it says first, as text: a
    number in decimals, yes or no, of a variant what it holds, of a structure its first."""

    kind: int
    answers: int
    error: str
    text: str


def marshal(signature: str, values: Sequence[Value]) -> bytes:
    """The values as bytes. A variant is a pair: signature, value. Raises ValueError for a signature with another type,
    struct.error for a number that does not fit."""
    out = bytearray()
    _all(out, signature, values)
    return bytes(out)


def _all(out: bytearray, signature: str, values: Sequence[Value]) -> None:
    for one, value in zip(_types(signature), values, strict=True):
        _put(out, one, value)


def _put(out: bytearray, kind: str, value: Value) -> None:
    if kind in _NUMBERS:
        size, code = _NUMBERS[kind]
        _pad(out, size)
        out += struct.pack(f"<{code}", value)
    elif kind in ("s", "o"):
        data = str(value).encode()
        _pad(out, 4)
        out += struct.pack("<I", len(data)) + data + b"\0"
    elif kind == "g":
        data = str(value).encode()
        out += bytes((len(data),)) + data + b"\0"
    elif kind == "v" and isinstance(value, tuple) and isinstance(value[0], str):
        _put(out, "g", value[0])
        _put(out, value[0], value[1])
    elif kind[0] == "(" and isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        _pad(out, 8)
        _all(out, kind[1:-1], value)
    elif kind[0] == "a" and isinstance(value, (Sequence, bytes)):
        _put_array(out, kind[1:], value)
    else:
        raise ValueError(f"{value!r} is no value of the type {kind!r}")


def _put_array(out: bytearray, kind: str, values: Sequence[Value] | bytes) -> None:
    _pad(out, 4)
    at = len(out)
    out += bytes(4)
    _pad(out, 8 if kind[0] in "(t" else 1 if kind in ("y", "v", "g") else 4)
    start = len(out)
    for value in values:
        _put(out, kind, value)
    struct.pack_into("<I", out, at, len(out) - start)


def _pad(out: bytearray, size: int) -> None:
    out += bytes(-len(out) % size)


def _types(signature: str) -> list[str]:
    """The complete types that a signature consists of."""
    found, start, depth = [], 0, 0
    for number, letter in enumerate(signature):
        depth += (letter == "(") - (letter == ")")
        if letter != "a" and depth == 0:
            found.append(signature[start : number + 1])
            start = number + 1
    if start != len(signature):
        raise ValueError(f"{signature!r} is no signature")
    return found


def call(serial: int, path: str, interface: str, member: str, destination: str,
         signature: str, values: Sequence[Value], fds: int = 0) -> bytes:  # fmt: skip
    """A call of a method, with so many descriptors, to which values of the type h count."""
    body = marshal(signature, values)
    fields: list[Value] = [
        (_PATH, ("o", path)), (_INTERFACE, ("s", interface)), (_MEMBER, ("s", member)),
        (_DESTINATION, ("s", destination)), (_SIGNATURE, ("g", signature)), (_FDS, ("u", fds)),
    ]  # fmt: skip
    head = bytearray(marshal("yyyyuua(yv)", (ord("l"), _CALL, 0, 1, len(body), serial, fields)))
    _pad(head, 8)
    return bytes(head) + body


def whole_size(fixed: bytes) -> int:
    """How long a message is, by its first FIXED bytes. Raises DbusFormatError."""
    order = _order(fixed)
    body, _, fields = struct.unpack_from(f"{order}III", fixed, 4)
    size: int = FIXED + fields + -fields % 8 + body
    if size > MAX_MESSAGE:
        raise DbusFormatError(f"A message of {size} bytes is larger than the {MAX_MESSAGE} that are read.")
    return size


def read(data: bytes) -> Reply:
    """A whole message. Raises DbusFormatError."""
    order = _order(data)
    try:
        body, _, size = struct.unpack_from(f"{order}III", data, 4)
        fields = _fields(data, order, FIXED, FIXED + size)
        start = FIXED + size + -size % 8
        text = _first(data[: start + body], order, start, str(fields.get(_SIGNATURE, "")))
    except (struct.error, IndexError) as error:
        raise DbusFormatError(f"A message ends early: {error}.") from None
    answers = fields.get(_REPLY_SERIAL, 0)
    return Reply(data[1], answers if isinstance(answers, int) else 0, str(fields.get(_ERROR_NAME, "")), text)


def _order(data: bytes) -> str:
    if data[:1] not in (b"l", b"B") or len(data) < FIXED:
        raise DbusFormatError("This is no message of D-Bus.")
    return "<" if data[:1] == b"l" else ">"


def _fields(data: bytes, order: str, at: int, end: int) -> dict[int, str | int]:
    """The fields of a header, each a number and a variant of a simple type."""
    found: dict[int, str | int] = {}
    while at < end:
        at += -at % 8
        code, kind = data[at], data[at + 2 : at + 3]
        at += 4  # the code, and a signature of one letter
        if kind in (b"s", b"o"):
            found[code], at = _text(data, order, at + -at % 4)
        elif kind == b"g":
            found[code] = data[at + 1 : at + 1 + data[at]].decode("utf-8", "replace")
            at += data[at] + 2
        elif kind == b"u":
            at += -at % 4
            found[code] = struct.unpack_from(f"{order}I", data, at)[0]
            at += 4
        else:
            raise DbusFormatError(f"A field of a message has the unknown type {ascii(kind)}.")
    return found


def _first(data: bytes, order: str, at: int, signature: str) -> str:
    """The first value as text; an empty one when it is of a type that is not understood, or when there is none."""
    if signature[:1] == "v":
        size = data[at]
        inner, at = data[at + 1 : at + 1 + size].decode("ascii", "replace"), at + size + 2
        return "" if inner.lstrip("(")[:1] == "v" else _first(data, order, at, inner)
    if signature[:1] == "(":
        return _first(data, order, at + -at % 8, signature.lstrip("("))
    if signature[:1] in ("s", "o"):
        return _text(data, order, at + -at % 4)[0]
    if signature[:1] in _NUMBERS:
        size, code = _NUMBERS[signature[0]]
        number: int = struct.unpack_from(f"{order}{code}", data, at + -at % size)[0]
        return ("yes" if number else "no") if signature[0] == "b" else str(number)
    return ""


def _text(data: bytes, order: str, at: int) -> tuple[str, int]:
    """A string, and where it ends."""
    size: int = struct.unpack_from(f"{order}I", data, at)[0]
    return data[at + 4 : at + 4 + size].decode("utf-8", "replace"), at + 5 + size
