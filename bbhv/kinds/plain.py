"""The parts of a JSON document that has passed its schema: what is absent or null is empty, and nothing raises."""

from ..formats.jsontext import Json


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
