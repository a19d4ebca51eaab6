"""The slow reading of JSON that says what is wrong with it, and where.

Only documents that the fast decoder of `jsontext` did not take come here. Every rule reads at `self.at` and moves it.
Promises: never raises; work is linear in the text; recursion is bounded by the depth limit.
"""

import re

from ..findings import Finding, Place
from .jsonvalue import Json, OddError, integer, real

MAX_FINDINGS = 100

_WHITE = re.compile(r"[ \t\n\r]*")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_BARE = re.compile(r"[^\s,:{}\[\]\"]{1,40}")
_HEX4 = re.compile(r"[0-9a-fA-F]{4}")
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_LITERALS: dict[str, Json] = {"true": True, "false": False, "null": None}
_COMMENT_HINT = "JSON has no comments."


class _Stop(Exception):
    """The rest cannot be understood; the finding is made already."""


def place(file: str, text: str, offset: int) -> Place:
    """The line and column of a character of a text."""
    return Place(file, text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))


def diagnose(file: str, text: str, max_depth: int) -> tuple[Json, str, bool, tuple[Finding, ...]]:
    """Read `text` with findings (BB103, BB105). Returns the value, the text without byte order mark, whether the
    value can be used, and the findings."""
    scanner = _Scanner(file, text.removeprefix("\ufeff"), max_depth)
    if text[:1] == "\ufeff":
        scanner.report(0, "File starts with a byte order mark.", "Save the file as UTF-8 without it.")
    value: Json = None
    try:
        value = scanner.document()
    except _Stop:
        scanner.readable = False
    return value, scanner.text, scanner.readable, tuple(scanner.findings)


class _Scanner:
    """One reading of a text: how far it is, and what was found. Every rule may raise _Stop."""

    def __init__(self, file: str, text: str, max_depth: int) -> None:
        self.file = file
        self.text = text
        self.at = 0
        self.depth_left = max_depth
        self.readable = True
        self.findings: list[Finding] = []

    def report(self, at: int, message: str, hint: str = "", code: str = "BB103") -> None:
        if len(self.findings) >= MAX_FINDINGS:
            raise _Stop
        self.findings.append(Finding(place(self.file, self.text, at), code, message, hint))

    def stop(self, at: int, message: str, hint: str = "", code: str = "BB103") -> _Stop:
        self.report(at, message, hint, code)
        return _Stop()

    def peek(self) -> str:
        """The next character after whitespace; empty at the end."""
        match = _WHITE.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.text[self.at : self.at + 1]

    def document(self) -> Json:
        if not self.peek():
            raise self.stop(0, "File is empty.", "A JSON document holds one value.")
        value = self.value()
        if rest := self.peek():
            hint = _COMMENT_HINT if rest in "/#" else "Remove what follows the document."
            raise self.stop(self.at, f"The document ends before {_show(rest)}.", hint)
        return value

    def value(self) -> Json:
        char = self.peek()
        if char in ("{", "["):
            return self.nested(char)
        if char == '"':
            return self.string()
        match = _NUMBER.match(self.text, self.at)
        bare = _BARE.match(self.text, self.at)
        if match and bare and match.end() >= bare.end():
            self.at = match.end()
            return self.number(match)
        return self.bare(bare[0] if bare else char)

    def nested(self, char: str) -> Json:
        if not self.depth_left:
            raise self.stop(self.at, "Arrays and objects are nested too deeply.", code="BB105")
        self.depth_left -= 1
        self.at += 1
        value: Json = self.object() if char == "{" else self.array()
        self.at += 1
        self.depth_left += 1
        return value

    def object(self) -> dict[str, Json]:
        members: dict[str, Json] = {}
        if self.peek() == "}":
            return members
        while True:
            start = self.at
            name = self.name()
            if name in members:
                hint = "Keep one of them."
                self.report(start, f"Key {_show(name)} is given more than once in the same object.", hint)
            if self.peek() != ":":
                raise self.stop(self.at, f"Key {_show(name)} is not followed by a colon.")
            self.at += 1
            members[name] = self.value()
            if self.separator("}", "object"):
                return members

    def name(self) -> str:
        char = self.peek()
        if char == '"':
            return self.string()
        if char == "'":
            raise self.stop(self.at, "A key is in single quotes.", "JSON wants double quotes.")
        hint = _COMMENT_HINT if char in ("/", "#") else "A key is a string in double quotes."
        raise self.stop(self.at, f"Expected a key, not {_show(char)}.", hint)

    def array(self) -> list[Json]:
        items: list[Json] = []
        if self.peek() == "]":
            return items
        while True:
            items.append(self.value())
            if self.separator("]", "array"):
                return items

    def separator(self, closing: str, what: str) -> bool:
        """Go past a comma, or stay before the closing bracket and say that it is there."""
        char = self.peek()
        if char == closing:
            return True
        if char != ",":
            hint = _COMMENT_HINT if char in ("/", "#") else "Is a comma missing before it?" if char == '"' else ""
            found = f"not {_show(char)}" if char else "but the file ends"
            raise self.stop(self.at, f"Expected a comma or {closing} in this {what}, {found}.", hint)
        comma = self.at
        self.at += 1
        if self.peek() == closing:
            raise self.stop(comma, f"A comma stands before the closing {closing}.", "JSON has no trailing commas.")
        return False

    def string(self) -> str:
        parts: list[str] = []
        start = self.at
        self.at += 1
        while True:
            match = _PLAIN.match(self.text, self.at)
            parts.append(match[0] if match else "")
            self.at = match.end() if match else self.at
            char = self.text[self.at : self.at + 1]
            self.at += 1
            if char == '"':
                return "".join(parts)
            if char != "\\":
                if char in ("", "\n", "\r"):
                    raise self.stop(start, "The string is not closed on its line.", 'A string ends with ".')
                raise self.stop(self.at - 1, "A string holds a control character.", f"Write it as {_escaped(char)}.")
            parts.append(self.escape())

    def escape(self) -> str:
        start = self.at - 1
        char = self.text[self.at : self.at + 1]
        self.at += 1
        if char in _ESCAPES:
            return _ESCAPES[char]
        if char != "u":
            raise self.stop(start, f"\\{char} is not an escape sequence of JSON.", "Write \\\\ for a backslash.")
        code = self.hex4(start)
        if 0xD800 <= code < 0xDC00 and self.text.startswith("\\u", self.at):
            again = self.at
            self.at += 2
            low = self.hex4(again)
            if 0xDC00 <= low < 0xE000:
                return chr(0x10000 + ((code - 0xD800) << 10) + low - 0xDC00)
            self.at = again
        if 0xD800 <= code < 0xE000:
            self.report(start, f"\\u{code:04x} is half of a character.", "Write both halves, or the character itself.")
            return "\ufffd"
        return chr(code)

    def hex4(self, start: int) -> int:
        match = _HEX4.match(self.text, self.at)
        if not match:
            raise self.stop(start, "\\u is not followed by four hexadecimal digits.")
        self.at += 4
        return int(match[0], 16)

    def number(self, match: re.Match[str]) -> Json:
        try:
            return real(match[0]) if match[1] or match[2] else integer(match[0])
        except OddError:
            self.report(match.start(), "Number is too large.", "Numbers must fit into 64 bits.")
            self.readable = False
            return 0

    def bare(self, word: str) -> Json:
        """A word that is no string and no number."""
        start = self.at
        self.at += len(word)
        if word in _LITERALS:
            return _LITERALS[word]
        if word.lstrip("-+") in ("NaN", "Infinity", "inf", "nan"):
            self.report(start, f"{word} is not a number in JSON.")
            self.readable = False
            return 0
        if not word:
            raise self.stop(start, "The file ends where a value is expected.")
        hint = "A string is in double quotes."
        if word.lower() in _LITERALS or word == "None":
            hint = "Write true, false or null."
        elif word[0] in "/#":
            hint = _COMMENT_HINT
        elif word[0] in "+-.0123456789":
            hint = "A number has no leading zero or plus sign, and digits on both sides of its point."
        raise self.stop(start, f"Expected a value, not {_show(word)}.", hint)


def _escaped(char: str) -> str:
    return f"\\u{ord(char):04x}"


def _show(text: str) -> str:
    """A piece of input, short and quoted."""
    return f"'{text[:40]}'" if text else "the end of the file"
