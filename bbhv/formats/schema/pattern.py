"""ECMA-262 regular expressions (with the flag u, as JSON Schema wants them) as Python's `re` understands them.

Promises: what the two languages read differently is rewritten, and what only Python knows is refused. The result is
meant for `re.search` with `re.ASCII`. What stays different: a look-behind must have one length, a group keeps what it
matched in an earlier round of a repetition, and braces that are no quantifier stand for themselves.

How long a match takes is the affair of who writes the pattern, as `re` goes back and forth. Tenants write documents,
never schemas: the unit tests prove of each pattern in schemas/ that no text makes it ambiguous, and that a `maxLength`
stands beside it, which is looked at first.
"""

import re
from typing import Callable

from .types import SchemaError

MAX_PATTERN = 10_000
MAX_PROPERTIES = 50

# A cell with a function that looks for a pattern in a text.
Search = list[Callable[[str], object]]

_SPACE = "\\t\\n\\x0b\\f\\r \\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeff"
_NOT_SPACE = (
    "\\x00-\\x08\\x0e-\\x1f!-\\x9f\\xa1-\\u167f\\u1681-\\u1fff\\u200b-\\u2027\\u202a-\\u202e\\u2030-\\u205e"
    "\\u2060-\\u2fff\\u3001-\\ufefe\\uff00-\\U0010ffff"
)
_SYNTAX = frozenset("^$\\.*+?()[]{}|/")
_GROUP = re.compile(r"\(\?(:|=|!|<=|<!|<([^\W\d]\w*)>)")
_NAMED = re.compile(r"\\k<([^\W\d]\w*)>")
_PROPERTY = re.compile(r"\\([pP])\{([A-Za-z0-9_=]+)\}")
_CLASSES = frozenset("dDwWsSpP")
_BRACES = re.compile(r"\{[0-9]+(,[0-9]*)?\}")
_ESCAPE = re.compile(
    r"\\(?:u\{0*([0-9a-fA-F]{1,6})\}|u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"
    r"|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|c([a-zA-Z])|(0)(?![0-9]))"
)


def searcher(pattern: str) -> Search:
    """A function that looks for a pattern, in a cell, because it is translated at once, but compiled when first used.

    Raises ValueError with a sentence; when it is used, SchemaError, if the pattern is one that Python cannot compile.
    """
    source = translate(pattern)

    def first(text: str) -> object:
        try:
            cell[0] = re.compile(source, re.ASCII).search
        except (re.error, OverflowError, RecursionError) as error:
            raise SchemaError(f"The pattern {ascii(pattern[:100])} is wrong: {str(error)[:100]}.") from None
        return cell[0](text)

    cell: Search = [first]
    return cell


def translate(pattern: str) -> str:
    """The pattern for Python. Raises ValueError with a sentence."""
    if len(pattern) > MAX_PATTERN:
        raise ValueError(f"The pattern is longer than {MAX_PATTERN} characters.")
    if len(re.findall(r"\\[pP]", pattern)) > MAX_PROPERTIES:
        raise ValueError(f"The pattern names more than {MAX_PROPERTIES} properties of characters.")
    out: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            text, at = _escape(pattern, at, False)
        elif char == "[":
            text, at = _class(pattern, at)
        elif char == "(":
            text, at = _group(pattern, at)
        elif char in "*+?{":
            text, at = _quantifier(pattern, at)
        else:
            text, at = {".": "[^\\n\\r\\u2028\\u2029]", "$": "\\Z"}.get(char, char), at + 1
        out.append(text)
    return "".join(out)


def _group(pattern: str, at: int) -> tuple[str, int]:
    if pattern[at + 1 : at + 2] != "?":
        return "(", at + 1
    match = _GROUP.match(pattern, at)
    if not match:
        raise ValueError(f"The pattern has the unknown group {ascii(pattern[at : at + 4])}.")
    return (f"(?P<{match[2]}>" if match[2] else match[0]), match.end()


def _quantifier(pattern: str, at: int) -> tuple[str, int]:
    end = at + 1
    if pattern[at] == "{":
        match = _BRACES.match(pattern, at)
        if not match:
            return "\\{", end
        end = match.end()
    if pattern[end : end + 1] == "?":
        end += 1
    if pattern[end : end + 1] in ("*", "+"):
        raise ValueError("The pattern repeats a repetition.")  # Python would take it for a possessive one
    return pattern[at:end], end


def _escape(pattern: str, at: int, inside: bool) -> tuple[str, int]:
    """The escape at an offset, and where it ends; `inside` of a character class or not."""
    char = pattern[at + 1 : at + 2]
    if match := _ESCAPE.match(pattern, at):
        return re.escape(chr(_code_point(match))), match.end()
    if char in ("s", "S"):
        members = _SPACE if char == "s" else _NOT_SPACE
        return (members if inside else f"[{members}]"), at + 2
    if char and (char in "dDwW" or char in "tnrfv"):
        return f"\\{char}", at + 2
    if char in ("p", "P"):
        return _property(pattern, at, inside)
    if char == "b":
        return ("\\x08" if inside else "\\b"), at + 2
    if char in _SYNTAX or (inside and char == "-"):
        return re.escape(char), at + 2
    if char == "B" and not inside:
        return "\\B", at + 2
    if char and char in "123456789" and not inside:
        return _back(re.compile("[0-9]+").match(pattern, at + 1))
    if char == "k" and not inside:
        return _back(_NAMED.match(pattern, at))
    raise ValueError(f"The pattern's escape \\{char} is unknown.")


def _back(match: re.Match[str] | None) -> tuple[str, int]:
    """A reference back to a group; one that has not matched stands for nothing, where Python would fail."""
    if not match:
        raise ValueError("The pattern's escape \\k does not name a group.")
    if match.re is _NAMED:
        return f"(?({match[1]})(?P={match[1]}))", match.end()
    return f"(?({match[0]})(?:\\{match[0]}))", match.end()


def _property(pattern: str, at: int, inside: bool) -> tuple[str, int]:
    """The characters that have, or have not, a property."""
    match = _PROPERTY.match(pattern, at)
    if not match:
        raise ValueError("The pattern's escape \\p is not followed by a property in braces.")
    from ..characters import properties

    members = properties.members(match[2], match[1] == "P")
    return (members if inside else f"[{members}]" if members else "(?!)"), match.end()


def _code_point(match: re.Match[str]) -> int:
    braces, high, low, four, two, control, _ = match.groups()
    if high:
        return 0x10000 + ((int(high, 16) & 0x3FF) << 10) + (int(low, 16) & 0x3FF)
    if control:
        return ord(control) % 32
    number = int(braces or four or two or "0", 16)
    if number > 0x10FFFF:
        raise ValueError("The pattern names a character that does not exist.")
    return number


def _class(pattern: str, at: int) -> tuple[str, int]:
    """The character class at an offset, and where it ends."""
    start = "[^" if pattern.startswith("[^", at) else "["
    at += len(start)
    out = ""
    before = ""  # what may begin a range: "one" character, a "set" of them, or nothing that may
    while pattern[at : at + 1] != "]":
        char = pattern[at : at + 1]
        if not char:
            raise ValueError("The pattern has a [ without its ].")
        if char == "-" and before and pattern[at + 1 : at + 2] != "]":
            if before == "set" or _is_set(pattern, at + 1):
                raise ValueError("The pattern has a range that begins or ends with a class of characters.")
            text, at = _member(pattern, at + 1)
            out, before = f"{out}-{text}", ""
            continue
        before = "set" if _is_set(pattern, at) else "one"
        text, at = _member(pattern, at)
        out += text
    if not out:
        return ("(?!)" if start == "[" else "(?s:.)"), at + 1
    return f"{start}{out}]", at + 1


def _is_set(pattern: str, at: int) -> bool:
    return pattern[at : at + 1] == "\\" and pattern[at + 1 : at + 2] in _CLASSES


def _member(pattern: str, at: int) -> tuple[str, int]:
    """What stands at an offset inside of a character class, and where it ends."""
    char = pattern[at : at + 1]
    if char == "\\":
        return _escape(pattern, at, True)
    # Python warns about these, because they may become set operations.
    return (f"\\{char}" if char and char in "[&|~-^" else char), at + 1
