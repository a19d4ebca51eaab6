"""The varlink wire: framing, calls, replies and errors; no sockets.

A message is one JSON object in UTF-8 and one NUL byte (varlink.org, Protocol). Bytes of a peer go into `Framer` and
come out as messages; `parse_call` and `parse_reply` make values of them, `encode_*` go the other way. Whatever the
bytes are, the only exception is `WireError`, which means: this peer does not speak varlink, close the connection.
Strict: a key given twice, a key that varlink does not know, text that is not UTF-8, NaN and numbers beyond any type
are refused. Bounded: `MAX_MESSAGE` bytes, `MAX_DEPTH` levels.
"""

import json
from typing import NamedTuple, NoReturn

from ..errors import BbhvError
from .jsontext import Json

MAX_MESSAGE = 1 << 20
MAX_DEPTH = 64
_MAX_NUMBER = 64

_FLAGS = ("more", "oneway", "upgrade")
_PLAIN_CALL_KEYS = frozenset(("method", "parameters"))
_CALL_KEYS = _PLAIN_CALL_KEYS.union(_FLAGS)
_REPLY_KEYS = frozenset(("parameters", "error", "continues"))
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"{}[]")

INTERFACE_NOT_FOUND = "org.varlink.service.InterfaceNotFound"
METHOD_NOT_FOUND = "org.varlink.service.MethodNotFound"
METHOD_NOT_IMPLEMENTED = "org.varlink.service.MethodNotImplemented"
INVALID_PARAMETER = "org.varlink.service.InvalidParameter"
PERMISSION_DENIED = "org.varlink.service.PermissionDenied"
EXPECTED_MORE = "org.varlink.service.ExpectedMore"


class WireError(BbhvError):
    """The peer broke the protocol; nothing that follows on this connection can be trusted to be in step."""


class VarlinkError(BbhvError):
    """An error reply: its full name and its parameters. Handlers raise it, clients get it."""

    def __init__(self, name: str, parameters: dict[str, Json] | None = None) -> None:
        super().__init__(name)
        self.name = name
        self.parameters: dict[str, Json] = parameters or {}


# Named tuples: one of each is made for every call that is answered, for a third of what a record costs.
class Call(NamedTuple):
    """One method call. `more` asks for several replies, `oneway` for none, `upgrade` to leave varlink afterwards."""

    method: str
    parameters: dict[str, Json]
    more: bool = False
    oneway: bool = False
    upgrade: bool = False


class Reply(NamedTuple):
    """One reply. `error` is the full name of the error or empty; `continues` promises another reply."""

    parameters: dict[str, Json]
    error: str = ""
    continues: bool = False


class Framer:
    """Cuts a stream of bytes into messages. It holds at most one message and what was fed last."""

    __slots__ = ("_buffer", "_start", "_scanned", "_limit")

    def __init__(self, limit: int = MAX_MESSAGE) -> None:
        self._buffer = bytearray()
        self._start = 0
        self._scanned = 0
        self._limit = limit

    @property
    def partial(self) -> bool:
        """Whether there are bytes that were not taken yet. After `take` gave None: half a message."""
        return self._start < len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Add what was received."""
        if self._start:
            del self._buffer[: self._start]
            self._scanned -= self._start
            self._start = 0
        self._buffer += data

    def take(self) -> bytes | None:
        """The next whole message without its NUL, or None. Raises WireError once a message is over the limit."""
        end = self._buffer.find(0, self._scanned)
        size = (end if end >= 0 else len(self._buffer)) - self._start
        if size > self._limit:
            raise WireError(f"A message is larger than {self._limit} bytes.")
        if end < 0:
            self._scanned = len(self._buffer)
            return None
        message = bytes(self._buffer[self._start : end])
        self._start = self._scanned = end + 1
        return message


def parse_call(message: bytes) -> Call:
    """The call that a message holds. Raises WireError."""
    value = _parse_object(message, _CALL_KEYS)
    method = value.get("method")
    if type(method) is not str or not method:
        raise WireError("A call names no method.")
    flags = () if _PLAIN_CALL_KEYS.issuperset(value) else [_flag(value, name) for name in _FLAGS]
    call = Call(method, _parameters(value), *flags)
    if call.oneway and (call.more or call.upgrade):
        raise WireError("A call asks for no reply and for several at once.")
    return call


def parse_reply(message: bytes) -> Reply:
    """The reply that a message holds. Raises WireError."""
    value = _parse_object(message, _REPLY_KEYS)
    error = value.get("error")
    if error is not None and (type(error) is not str or not error):
        raise WireError("The error of a reply is not a name.")
    reply = Reply(_parameters(value), error or "", _flag(value, "continues"))
    if reply.error and reply.continues:
        raise WireError("An error reply promises another reply.")
    return reply


def encode_call(call: Call) -> bytes:
    """The bytes of a call, with the NUL."""
    value: dict[str, Json] = {"method": call.method, "parameters": call.parameters}
    for name, flag in zip(_FLAGS, (call.more, call.oneway, call.upgrade)):
        if flag:
            value[name] = True
    return _encode(value)


def encode_reply(reply: Reply) -> bytes:
    """The bytes of a reply, with the NUL."""
    value: dict[str, Json] = {"error": reply.error} if reply.error else {}
    value["parameters"] = reply.parameters
    if reply.continues:
        value["continues"] = True
    return _encode(value)


def too_deep(message: bytes, limit: int = MAX_DEPTH) -> bool:
    """Whether JSON text nests deeper than the limit, found without recursion and before anything is built of it.

    Escaped characters go first (pairs of backslashes, then escaped quotes), then every string; brackets are left.
    Of text that is not JSON the part before its first error is judged rightly, and no parser goes further.
    """
    if message.count(b"{") + message.count(b"[") <= limit:
        return False
    outside = b"".join(message.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])
    depth = 0
    for byte in outside.translate(None, _NOT_BRACKETS):
        depth += 1 if byte in b"{[" else -1
        if depth > limit:
            return True
    return False


def _parse_object(message: bytes, keys: frozenset[str]) -> dict[str, Json]:
    if too_deep(message):
        raise WireError(f"A message nests deeper than {MAX_DEPTH} levels.")
    try:
        text = message.decode()
        value = _decode(text)
        # Only escapes can make half a surrogate pair, which no reply could repeat.
        if "\\ud" in text or "\\uD" in text:
            _ENCODER.encode(value).encode()
    except UnicodeError:
        raise WireError("A message is not valid UTF-8 text.") from None
    except ValueError:
        raise WireError("A message is not valid JSON.") from None
    if type(value) is not dict:
        raise WireError("A message is not a JSON object.")
    if not keys.issuperset(value):
        raise WireError("A message has a key that varlink does not know.")
    return value


def _decode(text: str) -> Json:
    value: Json
    if text.startswith("{"):
        value, end = _DECODER.raw_decode(text)
        if end == len(text):
            return value
    value = _DECODER.decode(text)  # there is space around it, or it is wrong
    return value


def _parameters(value: dict[str, Json]) -> dict[str, Json]:
    parameters = value.get("parameters")
    if parameters is None:
        return {}
    if type(parameters) is not dict:
        raise WireError("The parameters of a message are not a JSON object.")
    return parameters


def _flag(value: dict[str, Json], name: str) -> bool:
    flag = value.get(name)
    if flag is not None and type(flag) is not bool:
        raise WireError(f"The flag {name} of a message is neither true nor false.")
    return flag is True


def _encode(value: dict[str, Json]) -> bytes:
    # A file name that is not UTF-8 reaches us as half a surrogate pair; the wire has room for a question mark only.
    return _ENCODER.encode(value).encode("utf-8", "replace") + b"\0"


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise WireError("A JSON object has a key twice.")
    return value


def _int(text: str) -> int:
    if len(text) > _MAX_NUMBER:
        raise WireError("A number is too long.")
    return int(text)


def _float(text: str) -> float:
    number = float(text) if len(text) <= _MAX_NUMBER else float("inf")
    if number in (float("inf"), float("-inf")):
        raise WireError("A number is too large or too long.")
    return number


def _constant(text: str) -> NoReturn:
    raise WireError(f"{text} is not JSON.")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_int, parse_float=_float, parse_constant=_constant)
_ENCODER = json.JSONEncoder(ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":"))
