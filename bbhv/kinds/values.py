"""How the values of settings read: small functions from text to a value, each raising `Unreadable` with a sentence.

They follow systemd.syntax(7), systemd.time(7) and systemd.nspawn(5), and are stricter where a tenant's text would
otherwise reach the host: nothing passes that contains a control character, and every length has a bound.
"""

from collections.abc import Callable, Iterable

from ..findings import did_you_mean
from ..names import NAME_RULE, is_name

INFINITY = 2**64 - 1
MAX_TEXT = 4096
MAX_PATH = 1024
MAX_WORDS = 256

_SIZES = {"": 1, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "P": 1 << 50, "E": 1 << 60}
_SPANS = {
    "us": 1, "usec": 1, "µs": 1, "μs": 1,
    "ms": 10**3, "msec": 10**3,
    "": 10**6, "s": 10**6, "sec": 10**6, "second": 10**6, "seconds": 10**6,
    "m": 60 * 10**6, "min": 60 * 10**6, "minute": 60 * 10**6, "minutes": 60 * 10**6,
    "h": 3600 * 10**6, "hr": 3600 * 10**6, "hour": 3600 * 10**6, "hours": 3600 * 10**6,
    "d": 86400 * 10**6, "day": 86400 * 10**6, "days": 86400 * 10**6,
    "w": 604800 * 10**6, "week": 604800 * 10**6, "weeks": 604800 * 10**6,
}  # fmt: skip
_CONTROL = frozenset(map(chr, (*range(32), *range(127, 160)))) - {"\t"}
_BLANK = " \t\n\r"
_DIGITS = frozenset("0123456789")


class Unreadable(ValueError):
    """A value that cannot be read: a sentence, and a hint that is better than the setting's own description."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class NotYet(Unreadable):
    """A value that will have a meaning, but has none in this version."""


def quoted(text: str) -> str:
    """The text as it may be shown in a message: short and in quotes."""
    return repr(text if len(text) <= 60 else text[:57] + "...")


def text(value: str) -> str:
    """Any text on one line."""
    if len(value.encode()) > MAX_TEXT:
        raise Unreadable(f"The value has more than {MAX_TEXT} bytes.")
    if not _CONTROL.isdisjoint(value):
        raise Unreadable(f"The value {quoted(value)} has a control character in it.")
    return value


def boolean(value: str) -> bool:
    """A boolean as systemd reads it."""
    folded = value.lower()
    if folded in ("1", "yes", "y", "true", "t", "on"):
        return True
    if folded in ("0", "no", "n", "false", "f", "off"):
        return False
    raise Unreadable(f"{quoted(value)} is not a boolean.", "Write yes or no.")


def show_boolean(value: bool) -> str:
    """The boolean as yes or no."""
    return "yes" if value else "no"


def integer(low: int, high: int) -> Callable[[str], int]:
    """A reader of whole numbers from `low` to `high`."""

    def read(value: str) -> int:
        if not value or len(value) > 20 or not _DIGITS.issuperset(value) or not low <= int(value) <= high:
            raise Unreadable(f"{quoted(value)} is not a whole number from {low} to {high}.")
        return int(value)

    return read


def one_of(*choices: str) -> Callable[[str], str]:
    """A reader of one of the words."""

    def read(value: str) -> str:
        if value in choices:
            return value
        known = f"Write {' or '.join(choices)}."
        raise Unreadable(f"{quoted(value)} is not one of {', '.join(choices)}.", did_you_mean(value, choices) or known)

    return read


def _number(value: str, what: str, shown: str) -> tuple[int, int]:
    """A decimal number as numerator and denominator, so that nothing is lost to floating point. It is part of `shown`,
    which a message quotes."""
    whole, dot, fraction = value.partition(".")
    if not whole or not _DIGITS.issuperset(whole + fraction) or bool(dot) != bool(fraction) or len(value) > 24:
        raise Unreadable(f"{quoted(shown)} is not {what}.")
    return int(whole + fraction), 10 ** len(fraction)


def _split_unit(value: str) -> tuple[str, str]:
    end = 0
    while end < len(value) and value[end] in "0123456789.":
        end += 1
    return value[:end], value[end:].strip()


def size(value: str) -> int:
    """An amount in bytes, with the suffixes K, M, G, T, P, E to the base 1024; `infinity` is INFINITY."""
    if value == "infinity":
        return INFINITY
    if value.endswith("%"):
        hint = "Write an absolute amount, such as 512M."
        raise Unreadable(f"The amount {quoted(value)} is relative to the host.", hint)
    number, unit = _split_unit(value)
    if unit not in _SIZES:
        # Other programs have MB, MiB and m for what is M here.
        ours = unit.strip().upper().removesuffix("B").removesuffix("I")
        hint = "Write a number and K, M, G or T, such as 512M."
        if len(ours) == 1 and ours in _SIZES and number and _DIGITS.issuperset(number.replace(".", "")):
            hint = f"Write {number}{ours}."
        raise Unreadable(f"{quoted(value)} is not an amount of bytes.", hint)
    top, bottom = _number(number, "an amount of bytes", value)
    amount = top * _SIZES[unit] // bottom
    if amount >= INFINITY:
        raise Unreadable(f"The amount {quoted(value)} is too large.")
    return amount


def bounded_size(low: int, high: int) -> Callable[[str], int]:
    """A reader of amounts of bytes from `low` to `high`."""

    def read(value: str) -> int:
        amount = size(value)
        if not low <= amount <= high:
            raise Unreadable(f"The amount {quoted(value)} is not between {show_size(low)} and {show_size(high)}.")
        return amount

    return read


def memory(value: str) -> int:
    """An amount of memory that a program can start with, or INFINITY."""
    amount = size(value)
    if amount < 1 << 20:
        hint = f"A number alone counts bytes. Write {value}M." if _DIGITS.issuperset(value) and amount else ""
        raise Unreadable(f"The amount {quoted(value)} is less than 1M.", hint)
    return amount


def show_size(value: int) -> str:
    """The amount with the largest suffix that is exact."""
    if value == INFINITY:
        return "infinity"
    for suffix in "EPTGMK":
        if value and value % _SIZES[suffix] == 0:
            return f"{value // _SIZES[suffix]}{suffix}"
    return str(value)


def show_about(value: int) -> str:
    """The amount for people who wait for it."""
    return f"{value >> 20} MiB" if value >= 1 << 20 else f"{-(-value >> 10)} KiB"


def show_progress(here: int, size: int) -> str:
    """How much is here of something whose size is 0 when nobody knows it."""
    return f"{show_about(here)} of {show_about(size)} ({here * 100 // size} %)" if size else show_about(here)


def quota(value: str) -> int:
    """A share of CPU time in hundredths of a percent; 100% is one CPU."""
    if not value.endswith("%") or value[-2:-1] in _BLANK:
        raise Unreadable(f"{quoted(value)} is not a percentage.", "Write a percentage of one CPU, such as 50% or 200%.")
    top, bottom = _number(value[:-1], "a percentage", value)
    share = top * 100 // bottom
    if not 0 < share <= 100_000_000:
        raise Unreadable(f"The percentage {quoted(value)} is out of range.", "Write more than 0% and at most 1000000%.")
    return share


def show_quota(value: int) -> str:
    """The share as a percentage."""
    whole, rest = divmod(value, 100)
    return f"{whole}.{rest:02}".rstrip("0") + "%" if rest else f"{whole}%"


def weight(value: str) -> str:
    """A weight from 1 to 10000."""
    return str(integer(1, 10000)(value))


def cpu_weight(value: str) -> str:
    """A weight from 1 to 10000, or `idle`."""
    return value if value == "idle" else weight(value)


def tasks(value: str) -> int:
    """A number of tasks; `infinity` is INFINITY."""
    if value == "infinity":
        return INFINITY
    if value.endswith("%"):
        raise Unreadable(f"The number {quoted(value)} is relative to the host.", "Write a number, such as 512.")
    return integer(1, 4_194_304)(value)


def show_limit(value: int) -> str:
    """A plain number, or infinity."""
    return "infinity" if value == INFINITY else str(value)


def span(value: str) -> int:
    """A time span of systemd.time(7) in microseconds: `5`, `1min 30s`, `500ms`."""
    total, left = 0, value.strip()
    if not left or len(left) > 64:
        raise Unreadable(f"{quoted(value)} is not a time span.", "Write a number and a unit, such as 30s or 5min.")
    while left:
        number, rest = _split_unit(left)
        length = 0
        while length < len(rest) and (rest[length].isalpha()):
            length += 1
        unit, left = rest[:length], rest[length:].strip()
        if unit not in _SPANS:
            raise Unreadable(f"{quoted(value)} is not a time span.", "Write a number and a unit, such as 30s or 5min.")
        top, bottom = _number(number, "a time span", value)
        total += top * _SPANS[unit] // bottom
    return total


def seconds(value: str) -> float:
    """A time span in seconds."""
    return span(value) / 10**6


def bounded_span(low: int, high: int) -> Callable[[str], int]:
    """A reader of time spans from `low` to `high` seconds; the value is in microseconds."""

    def read(value: str) -> int:
        microseconds = span(value)
        if not low * 10**6 <= microseconds <= high * 10**6:
            raise Unreadable(f"The time span {quoted(value)} is not between {low}s and {high}s.")
        return microseconds

    return read


def show_span(value: int) -> str:
    """The time span in the largest unit of seconds, milliseconds and microseconds that is exact."""
    for unit, amount in (("s", 10**6), ("ms", 10**3)):
        if value % amount == 0:
            return f"{value // amount}{unit}"
    return f"{value}us"


def show_wait(seconds: int) -> str:
    """A time for people, in its two largest units."""
    parts = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, seconds = divmod(seconds, size)
        parts += [f"{count} {unit}"] if count else []
    return " ".join(parts[:2]) or "0 s"


def words(value: str) -> tuple[str, ...]:
    """Words between blanks; quotes hold one together."""
    parts: list[str] = []
    left = text(value).strip(_BLANK)
    while left:
        word, left = _first_word(left)
        parts.append(word)
        left = left.lstrip(_BLANK)
    if len(parts) > MAX_WORDS:
        raise Unreadable(f"There are more than {MAX_WORDS} words.")
    return tuple(parts)


def _first_word(value: str) -> tuple[str, str]:
    """The first word and the rest. As in a .nspawn file, a backslash is just a character (config_parse_strv())."""
    word, quote = [], ""
    for index, char in enumerate(value):
        if quote:
            if char == quote:
                quote = ""
            else:
                word.append(char)
        elif char in "'\"":
            quote = char
        elif char in _BLANK:
            return "".join(word), value[index:]
        else:
            word.append(char)
    if quote:
        raise Unreadable(f"A quotation that starts with {quote} is not closed.", "Close every quote.")
    return "".join(word), ""


def parameters(value: str) -> tuple[str, ...]:
    """A command line for inside a container."""
    parts = words(value)
    if not parts:
        raise Unreadable("The command line is empty.", "Write the program and its arguments.")
    return parts


def show_words(value: tuple[str, ...]) -> str:
    """The words on one line, so that two different lists never look the same."""
    return " ".join(repr(word) if not word or any(c in " \t'\"\\" for c in word) else word for word in value)


def path(value: str) -> str:
    """An absolute path without `.`, `..` or repeated slashes."""
    text(value)
    if "\t" in value or len(value.encode()) > MAX_PATH:
        raise Unreadable(f"The path {quoted(value)} is too long or has a control character in it.")
    if not value.startswith("/"):
        raise Unreadable(f"{quoted(value)} is not an absolute path.", "Start it with /.")
    parts = value[1:].split("/") if value != "/" else []
    if any(part in ("", ".", "..") for part in parts):
        hint = "Leave out . and .., repeated slashes and a slash at the end."
        raise Unreadable(f"The path {quoted(value)} is not clean.", hint)
    if any(len(part.encode()) > 255 for part in parts):
        raise Unreadable(f"The path {quoted(value)} has a name of more than 255 bytes.")
    return value


def name(value: str) -> str:
    """The name of a declaration."""
    if is_name(value):
        return value
    if "/" in value or ":" in value:
        # What the setting names is the better hint, which its row has.
        raise Unreadable(f"{quoted(value)} is a path or an address, but a name belongs here.")
    meant = value.partition(" #")[0].rstrip(" ;").strip("\"'").lower().replace("_", "-")
    hint = f"{NAME_RULE[0].upper()}{NAME_RULE[1:]}."
    if is_name(meant):
        comment = " A comment has a line of its own." if " #" in value else ""
        hint = f"Write {meant}.{comment}"
    raise Unreadable(f"{quoted(value)} is not a name.", hint)
