"""JSON (RFC 8259, strictly) with the line and column of every value and key.

Promises: `parse` never raises; what is wrong comes back as findings BB101 (not UTF-8), BB103 (syntax) and BB105 (too
large), each with its place. Size and depth are bounded. A good document is decoded by the interpreter's own scanner;
only a bad one, and only the places that somebody asks for, are scanned a second time by slower code, which is only
loaded then.
"""

from functools import cache
from typing import TYPE_CHECKING

from .jsonvalue import Json as Json
from .jsonvalue import OddError, integer, real

if TYPE_CHECKING:
    from json import JSONDecoder

    from ..findings import Finding, Place

Path = tuple[str | int, ...]

MAX_SIZE = 1 << 20
MAX_DEPTH = 64

_WHITE = " \t\n\r"
_Offsets = dict[str, tuple[int, int]] | list[int]


class Located:
    """A JSON document: its plain `value`, and where each part of it stands in `file`. It is never changed."""

    __slots__ = ("file", "value", "text", "_memo")

    def __init__(self, file: str, value: Json, text: str) -> None:
        self.file = file
        self.value = value
        self.text = text
        self._memo: dict[int, _Offsets] = {}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Located):
            return NotImplemented
        return (self.file, self.value, self.text) == (other.file, other.value, other.text)

    def __repr__(self) -> str:
        return f"Located(file={self.file!r}, value={self.value!r})"

    def where(self, path: Path, *, key: bool = False) -> "Place":
        """The place of the value that `path` (member names and indices from the top) leads to.

        With `key`, the place of its name instead. A path that leads nowhere gives the place where it ends.
        """
        from .jsonscan import place

        name = at = len(self.text) - len(self.text.lstrip(_WHITE))
        for step in path:
            offsets = self._children(at)
            if isinstance(offsets, dict) and isinstance(step, str) and step in offsets:
                name, at = offsets[step]
            elif isinstance(offsets, list) and isinstance(step, int) and 0 <= step < len(offsets):
                name = at = offsets[step]
            else:
                break
        return place(self.file, self.text, name if key else at)

    def _children(self, at: int) -> _Offsets:
        """The offsets of what is directly in the array or object at `at`: of each name and value, or each item."""
        if at not in self._memo:
            self._memo[at] = _scan_object(self.text, at) if self.text[at] == "{" else _scan_array(self.text, at)
        return self._memo[at]


def parse(
    file: str, data: bytes, *, max_size: int = MAX_SIZE, max_depth: int = MAX_DEPTH
) -> "tuple[Located | None, tuple[Finding, ...]]":
    """Read a JSON document; `file` is its name for the findings. Never raises.

    The document is None when it cannot be understood. Repeated keys (the last one counts) and lone surrogates (read
    as U+FFFD) are findings that still let it be read, so that more findings can be made.
    """
    try:
        if len(data) <= max_size:
            text = data.decode()
            return Located(file, _decode(text, max_depth), text), ()
    except (ValueError, RecursionError):
        pass
    return _diagnosed(file, data, max_size, max_depth)


def _diagnosed(
    file: str, data: bytes, max_size: int, max_depth: int
) -> "tuple[Located | None, tuple[Finding, ...]]":
    """What is wrong with a document, and what can be read of it."""
    from ..findings import Finding, Place
    from .jsonscan import diagnose, place

    if len(data) > max_size:
        return None, (Finding(Place(file), "BB105", f"File is larger than {max_size} bytes."),)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        where = place(file, before, len(before))
        return None, (Finding(where, "BB101", "File is not valid UTF-8 text.", "Save the file as UTF-8."),)
    value, text, readable, findings = diagnose(file, text, max_depth)
    return Located(file, value, text) if readable else None, findings


def dump(value: Json) -> str:
    """The one canonical text of a value: sorted keys, no spaces, ASCII, a newline at the end.

    Raises ValueError for NaN and infinities.
    """
    import json

    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n"


def pretty(value: Json) -> str:
    """A value for people to read: indented, keys in their order, a newline at the end. Raises ValueError as `dump`."""
    import json

    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    if any("\ud800" <= char <= "\udfff" for char in text):
        text = json.dumps(value, indent=2, allow_nan=False)  # a file name that is not UTF-8 must not break the output
    return text + "\n"


def _decode(text: str, max_depth: int) -> Json:
    """The value of a good document. Raises ValueError or RecursionError when something is wrong, or only unusual."""
    if "\\ud" in text or "\\uD" in text or text[:1] == "\ufeff":
        raise OddError  # perhaps a lone surrogate, which the decoder would take
    value: Json
    value, end = _strict().raw_decode(text, len(text) - len(text.lstrip(_WHITE)))
    if end != len(text) and text[end:].strip(_WHITE):
        raise OddError
    if text.count("[") + text.count("{") > max_depth and _deeper(value, max_depth):
        raise OddError
    return value


def _deeper(value: Json, limit: int) -> bool:
    """Whether arrays and objects are nested deeper than `limit`."""
    level = [value]
    for _ in range(limit + 1):
        nodes = [node for node in level if isinstance(node, (list, dict))]
        level = [child for node in nodes for child in (node.values() if isinstance(node, dict) else node)]
        if not nodes:
            return False
    return True


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise OddError
    return members


def _constant(name: str) -> Json:
    raise OddError


@cache
def _strict() -> "JSONDecoder":
    from json import JSONDecoder

    return JSONDecoder(object_pairs_hook=_object, parse_int=integer, parse_float=real, parse_constant=_constant)


@cache
def _lenient() -> "JSONDecoder":
    from json import JSONDecoder

    return JSONDecoder()


def _skip(text: str, at: int) -> int:
    """The offset of the next character that is not whitespace."""
    while text[at : at + 1] in (" ", "\n", "\t", "\r"):
        at += 1
    return at


def _scan_object(text: str, at: int) -> _Offsets:
    """The offsets of an object's names and values. The text is known to be well-formed."""
    skip = _lenient().raw_decode
    offsets: dict[str, tuple[int, int]] = {}
    at = _skip(text, at + 1)
    while text[at] == '"':
        name, end = skip(text, at)
        value = _skip(text, _skip(text, end) + 1)
        offsets[name] = at, value
        at = _skip(text, skip(text, value)[1])
        at = _skip(text, at + 1) if text[at] == "," else at
    return offsets


def _scan_array(text: str, at: int) -> _Offsets:
    """The offsets of an array's items; nothing for a value that is no array."""
    offsets: list[int] = []
    if text[at] != "[" or text[_skip(text, at + 1)] == "]":
        return offsets
    skip = _lenient().raw_decode
    while text[at] != "]":
        at = _skip(text, at + 1)
        offsets.append(at)
        at = _skip(text, skip(text, at)[1])
    return offsets
