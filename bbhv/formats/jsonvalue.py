"""What a JSON value is for this program, and the numbers that it may have. The readers of JSON share it."""

from typing import Union

Json = Union[None, bool, int, float, str, list["Json"], dict[str, "Json"]]

MAX_INTEGER = (1 << 64) - 1
MIN_INTEGER = -(1 << 63)


class OddError(ValueError):
    """Raised for what RFC 8259 forbids or leaves open, and a lenient decoder would take."""


def integer(digits: str) -> int:
    """A JSON number without fraction and exponent. Raises OddError when it does not fit into 64 bits."""
    if len(digits) <= 18:
        return int(digits)
    number = int(digits) if len(digits) <= 20 else MAX_INTEGER + 1
    if not MIN_INTEGER <= number <= MAX_INTEGER:
        raise OddError
    return number


def real(digits: str) -> float:
    """A JSON number with fraction or exponent. Raises OddError when it is too large for a double."""
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise OddError
    return number
