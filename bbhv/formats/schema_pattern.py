"""ECMA-262 regular expressions (with the flag u, as JSON Schema wants them) as Python's `re` understands them.

Promises: what the two languages read differently is rewritten, what only Python knows is refused, and so is what is
not supported yet (``\\p{…}``). The result is meant for `re.search` with `re.ASCII`.
"""

import re

_SPACE = "\\t\\n\\x0b\\f\\r \\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeff"
_NOT_SPACE = (
    "\\x00-\\x08\\x0e-\\x1f!-\\x9f\\xa1-\\u167f\\u1681-\\u1fff\\u200b-\\u2027\\u202a-\\u202e\\u2030-\\u205e"
    "\\u2060-\\u2fff\\u3001-\\ufefe\\uff00-\\U0010ffff"
)
_SYNTAX = frozenset("^$\\.*+?()[]{}|/")
_GROUP = re.compile(r"\(\?(:|=|!|<=|<!|<([A-Za-z_][A-Za-z0-9_]*)>)")
_BRACES = re.compile(r"\{[0-9]+(,[0-9]*)?\}")
_ESCAPE = re.compile(
    r"\\(?:u\{0*([0-9a-fA-F]{1,6})\}|u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"
    r"|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|c([a-zA-Z])|(0)(?![0-9]))"
)


def translate(pattern: str) -> str:
    """The pattern for Python. Raises ValueError with a sentence."""
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
    if char == "b":
        return ("\\x08" if inside else "\\b"), at + 2
    if char in _SYNTAX or (inside and char == "-"):
        return re.escape(char), at + 2
    if not inside and (char == "B" or char in tuple("123456789")):
        digits = re.compile("[0-9]*").match(pattern, at + 2)
        end = digits.end() if digits and char != "B" else at + 2
        return f"(?:{pattern[at:end]})", end
    name = re.compile(r"\\k<([A-Za-z_][A-Za-z0-9_]*)>").match(pattern, at)
    if name and not inside:
        return f"(?P={name[1]})", name.end()
    what = "is not supported yet" if char in ("p", "P") else "is unknown"
    raise ValueError(f"The pattern's escape \\{char} {what}.")


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
    out = [start]
    while True:
        char = pattern[at : at + 1]
        if not char:
            raise ValueError("The pattern has a [ without its ].")
        if char == "]":
            break
        if char == "\\":
            text, at = _escape(pattern, at, True)
        else:
            # Python warns about these, because they may become set operations.
            text, at = (f"\\{char}" if char in "[&|~" else char), at + 1
        out.append(text)
    if len(out) == 1:
        return ("(?!)" if start == "[" else "(?s:.)"), at + 1
    return "".join(out) + "]", at + 1
