"""Properties of characters: what `\\p{…}` of ECMA-262 names, and what host names in other scripts need.

The tables are those of one version of Unicode, whatever Python runs: the same schema means the same everywhere.
Promises: only names that ECMA-262 (section 22.2.1, tables 66 to 71) has are known; everything is read when it is first
needed, and kept.
"""

import re
from bisect import bisect_right
from functools import cache
from itertools import accumulate
from typing import Iterable

from . import ranges

LAST = 0x10FFFF
_CATEGORY = ("General_Category", "gc")
_SCRIPT = ("Script", "sc")
_EXTENSIONS = ("Script_Extensions", "scx")

# The ends of ranges in turn: the first code point that has a property, the first one that has it no more, and so on.
Inversion = tuple[int, ...]


def members(expression: str, negated: bool) -> str:
    """The inside of a character class for Python's `re`: what ``\\p{expression}`` (``\\P`` if negated) stands for.

    Raises ValueError with a sentence when there is no such property.
    """
    found = lookup(expression)
    ends = _toggled((*found, 0, LAST + 1)) if negated else found
    return "".join(f"\\U{start:08x}-\\U{end - 1:08x}" for start, end in zip(ends[::2], ends[1::2]))


@cache
def lookup(expression: str) -> Inversion:
    """The code points that a property expression stands for. Raises ValueError with a sentence when there is none."""
    name, equals, value = expression.partition("=")
    table: dict[str, str] = {}
    if not equals:
        if expression in _names(ranges.CATEGORY_NAMES):
            return _category(_names(ranges.CATEGORY_NAMES)[expression])
        if expression in _properties() and ":" not in expression:
            return _property(expression)
    elif name in _CATEGORY:
        table = _names(ranges.CATEGORY_NAMES)
    elif name in _SCRIPT + _EXTENSIONS:
        from . import scripts

        table = _names(scripts.SCRIPT_NAMES)
    if value not in table:
        raise ValueError(f"The pattern names the unknown property {ascii(expression[:40])} of characters.")
    if name in _CATEGORY:
        return _category(table[value])
    return (_script if name in _SCRIPT else _extended)(table[value])


def has(char: str, expression: str) -> bool:
    """Whether a character has a property."""
    return bool(bisect_right(lookup(expression), ord(char)) % 2)


def joining(char: str, kinds: str) -> bool:
    """Whether a character's Joining_Type is one of the letters."""
    return any(bisect_right(_property(f"Joining_Type:{kind}"), ord(char)) % 2 for kind in kinds)


@cache
def _names(text: str) -> dict[str, str]:
    """Every alias, and the name that it stands for in the tables."""
    return {alias: row.partition("|")[0] for row in text.split() for alias in row.split("|")}


def _spread(text: str) -> dict[str, list[int]]:
    """Names and lengths of runs as the ends of each name's ranges."""
    found: dict[str, list[int]] = {}
    at = 0
    for name, length in re.findall(r"([A-Z][a-z]+)([0-9]*)", text):
        after = at + int(length or 1)
        found.setdefault(name, []).extend((at, after))
        at = after
    return found


@cache
def _categories() -> dict[str, list[int]]:
    return _spread(ranges.CATEGORIES)


@cache
def _scripts() -> dict[str, list[int]]:
    from . import scripts

    return _spread(scripts.SCRIPTS)


def _toggled(ends: Iterable[int]) -> Inversion:
    """Sets of ranges as one: what is in an odd number of them; of sets that have nothing in common, all that is in one.
    """
    odd: set[int] = set()
    for end in ends:
        odd ^= {end}
    return tuple(sorted(odd))


def _category(name: str) -> Inversion:
    """The code points of a category, or of all whose names begin so."""
    wanted = ("Lu", "Ll", "Lt") if name == "LC" else tuple(one for one in _categories() if one.startswith(name))
    return _toggled(end for one in wanted for end in _categories()[one])


def _gaps(text: str) -> list[int]:
    """Gaps and lengths as the ends of ranges."""
    return list(accumulate(map(int, text.split())))


@cache
def _properties() -> dict[str, str]:
    """Every name of a binary property, and its row."""
    rows = (row.rpartition("=") for row in ranges.PROPERTIES.split(";"))
    return {alias.strip(): row for names, _, row in rows for alias in names.split("|")}


@cache
def _property(name: str) -> Inversion:
    nearest, _, rest = _properties()[name].partition(":")
    ends = [end for one in re.findall("[A-Z][a-z]", nearest) for end in _categories()[one]]
    return _toggled((*ends, *_gaps(rest)))


def _script(name: str) -> Inversion:
    return _toggled(_scripts()[name])


def _extended(name: str) -> Inversion:
    """The code points that are used with a script, or that are of it where nothing else is said."""
    from . import scripts

    base = _script(name)
    ends = list(base)
    for row in scripts.EXTENSIONS.split(";"):
        names, _, gaps = row.partition(":")
        wanted = name in "".join(names.split()).split("+")  # a line may end inside
        limits = _gaps(gaps)
        for point in (point for pair in zip(limits[::2], limits[1::2]) for point in range(*pair)):
            if wanted != bool(bisect_right(base, point) % 2):
                ends += (point, point + 1)
    return _toggled(ends)
