"""JSON documents by their schemas, and the parts of one that has passed: what is absent or null is empty, and nothing
raises."""

from ..findings import Finding, errors
from ..formats import jsontext
from ..formats.jsontext import Json, Located
from ..formats.schema.compiler import Schema


def document(
    file: str, data: bytes, schema: Schema, *, max_size: int, max_depth: int
) -> tuple[Located | None, tuple[Finding, ...]]:
    """The document in a file, None when it is no JSON within these bounds, or not what the schema says."""
    located, findings = jsontext.parse(file, data, max_size=max_size, max_depth=max_depth)
    if located is not None:
        findings += schema.check(located)
    return None if errors(findings) else located, findings


def members(value: Json) -> dict[str, Json]:
    """The members of an object."""
    return value if isinstance(value, dict) else {}


def items(value: Json) -> list[Json]:
    """The items of a list."""
    return value if isinstance(value, list) else []


def text(value: Json) -> str:
    """A text."""
    return value if isinstance(value, str) else ""


def texts(value: Json) -> tuple[str, ...]:
    """The texts of a list."""
    return tuple(item for item in items(value) if isinstance(item, str))


def whole(value: Json) -> int | None:
    """A whole number; 4.0 is one."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
        return None
    return int(value)


def number(value: Json) -> float | None:
    """A number."""
    return None if isinstance(value, bool) or not isinstance(value, (int, float)) else float(value)
