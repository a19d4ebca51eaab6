"""Unit-file syntax, read and written exactly as systemd does it (systemd.syntax(7), config_parse()).

Promises: `parse` never raises, reports every problem with its line and column, and goes on after each; its work and
memory are bounded by the MAX constants below. Nothing is known here of sections and keys, only of their form. `render`
writes only what `parse` reads back unchanged. Lines and columns count from 1, in characters.
"""

import re
from bisect import bisect_right
from typing import Iterator, NamedTuple, Sequence

from ..findings import Finding, Place
from ..records import dataclass

MAX_SIZE = 2 << 20
MAX_LINES = 100_000
LONG_LINE_MAX = 1 << 20
MAX_ENTRIES = 10_000
MAX_FINDINGS = 200

# systemd's WHITESPACE and COMMENTS: form feed and vertical tab are neither.
_WHITE = " \t\n\r"
_COMMENTS = ("#", ";")
_BOM = "\ufeff"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_NEWLINE = re.compile("(\r\n|\n\r|\r|\n)")
# What systemd's utf8_is_valid() refuses: undecodable bytes (kept as surrogates here) and Unicode's noncharacters.
_ENDS = "".join(chr(plane << 16 | end) for plane in range(17) for end in (0xFFFE, 0xFFFF))
_INVALID = "\ud800-\udfff\ufdd0-\ufdef" + _ENDS
_BAD = re.compile(f"[\0{_INVALID}]")
_BAD_IN_SECTION = re.compile("[\0-\x1f\x7f\"'\\\\\\[]")
_CONTROL = re.compile(f"[\0-\x1f\x7f-\x9f\ufeff{_INVALID}]")

_ESCAPES = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, '"': 34, "'": 39, "s": 32}
_DIGITS = {"x": 2, "u": 4, "U": 8}
_HEX = frozenset("0123456789abcdefABCDEF")
_OCTAL = frozenset("01234567")
_VISIBLE = re.compile("[^ \t\n\r]")
# The next character that is not plain text: outside of quotes, and inside of either kind.
_STOPS = {"": re.compile("[ \t\n\r\\\\\"']"), '"': re.compile(r'[\\"]'), "'": re.compile(r"[\\']")}


@dataclass(frozen=True, slots=True)
class Entry:
    """One assignment. `value` is what systemd sees: continuation lines joined, stripped, quotes and escapes kept.

    `line` and `column` are the key's place; `value_column` is the value's on that line (the end of the ``=`` when the
    value is empty, the key's column when the value stands on a later line).
    """

    section: str
    key: str
    value: str
    line: int
    column: int
    value_column: int


@dataclass(frozen=True, slots=True)
class UnitFile:
    """What a file says, in its order. `sections` has every section header with its line, repeated ones too."""

    entries: tuple[Entry, ...]
    sections: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A logical line, or a run of comments and blank lines, with its exact text including continuations and line ends.

    `entry` is set for an assignment, `section` for a section header; both are empty for everything else.
    """

    raw: str
    entry: Entry | None = None
    section: str = ""


def parse(file: str, data: bytes) -> tuple[UnitFile, tuple[Finding, ...]]:
    """Read a unit file. `file` is the name for the findings (BB101, BB102, BB105). Never raises.

    An assignment that systemd would ignore, because its line is broken or no section is open, is left out.
    """
    reader = _Reader(file, data)
    for logical in reader.logical_lines():
        reader.take(logical)
    return UnitFile(tuple(reader.entries), tuple(reader.sections)), tuple(reader.findings)


def parse_lines(file: str, data: bytes) -> tuple[tuple[Line, ...], tuple[Finding, ...]]:
    """Read a unit file so that it can be written back without loss: `write_lines` of the result gives `data`.

    A broken line has neither entry nor section. Never raises; what is beyond a bound is lost, and reported.
    """
    reader = _Reader(file, data)
    out: list[Line] = []
    done = 0
    for logical in reader.logical_lines():
        out.extend(reader.gap(done, logical.first))
        done = logical.last + 1
        entry, section = reader.take(logical)
        out.append(Line(reader.raw(logical.first, done), entry, section))
    out.extend(reader.gap(done, len(reader.bodies)))
    return tuple(out), tuple(reader.findings)


def write_lines(lines: Sequence[Line]) -> bytes:
    """The file that these lines make up, byte for byte as it was read."""
    return "".join(line.raw for line in lines).encode("utf-8", "surrogateescape")


def values(unit: UnitFile, section: str, key: str) -> tuple[Entry, ...]:
    """All assignments of a list setting that count: those after the last empty one, which resets the list."""
    found: list[Entry] = []
    for entry in unit.entries:
        if entry.key == key and entry.section == section:
            if entry.value:
                found.append(entry)
            else:
                found.clear()
    return tuple(found)


def last(unit: UnitFile, section: str, key: str) -> Entry | None:
    """The assignment of a single setting that counts: the last one; None when there is none or it is empty."""
    found = values(unit, section, key)
    return found[-1] if found else None


def render(sections: Sequence[tuple[str, Sequence[tuple[str, str]]]], *, header: str = "") -> str:
    """A unit file with these sections and assignments, below the comment `header` (may have several lines).

    Values must already be escaped as their setting wants it. Raises ValueError for anything that systemd would not
    read back exactly as given: control characters, surrounding whitespace, a trailing backslash, a broken name.
    """
    out = []
    for line in header.split("\n") if header else ():
        _refuse_control(line, "A comment")
        out.append(f"# {line}".rstrip() + "\n")
    for name, assignments in sections:
        _check_section(name)
        out.append(f"\n[{name}]\n" if out else f"[{name}]\n")
        for key, value in assignments:
            _check_assignment(key, value)
            out.append(f"{key}={value}\n")
    return "".join(out)


def split_words(value: str) -> tuple[str, ...]:
    """The words of a list setting, as systemd's extract_first_word() takes them with UNQUOTE and CUNESCAPE.

    Quotes group and are removed, C escapes are decoded. Raises ValueError with a sentence for an open quote, an
    unknown escape, and escapes that do not make up UTF-8.
    """
    words = []
    position = _next_word(value, 0)
    while position < len(value):
        word, position = _first_word(value, position)
        words.append(word)
    return tuple(words)


def _next_word(value: str, position: int) -> int:
    """Where the next character stands that is not whitespace."""
    match = _VISIBLE.search(value, position)
    return match.start() if match else len(value)


def _first_word(value: str, position: int) -> tuple[str, int]:
    """The word at `position`, and where the next one starts."""
    out: list[str | bytes] = []
    quote = ""
    while match := _STOPS[quote].search(value, position):
        out.append(value[position : match.start()])
        position, stop = match.end(), match[0]
        if stop == "\\":
            decoded, position = _escape(value, position)
            out.append(decoded)
        elif stop == quote:
            quote = ""
        elif stop in "\"'":
            quote = stop
        else:
            return _join(out), _next_word(value, position)
    if quote:
        raise ValueError(f"The quote {quote} is never closed.")
    out.append(value[position:])
    return _join(out), len(value)


def _escape(value: str, position: int) -> tuple[str | bytes, int]:
    """Decode the escape whose first character after the backslash is at `position`; also returns where it ends."""
    kind = value[position : position + 1]
    if kind in _ESCAPES:
        return chr(_ESCAPES[kind]), position + 1
    if not kind:
        raise ValueError("A backslash stands at the end; write \\\\ for a backslash.")
    start, count, known, base = position, 3, _OCTAL, 8
    if kind in _DIGITS:
        start, count, known, base = position + 1, _DIGITS[kind], _HEX, 16
    digits = value[start : start + count]
    if len(digits) != count or not known.issuperset(digits):
        raise ValueError(f"\\{kind} does not start an escape sequence; write \\\\ for a backslash.")
    number = int(digits, base)
    if not number or number > (0x10FFFF if kind in "uU" else 0xFF):
        raise ValueError(f"The escape \\{value[position : start + count]} stands for no character.")
    return chr(number) if kind in "uU" else bytes((number,)), start + count


def _join(parts: list[str | bytes]) -> str:
    data = b"".join(part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass") for part in parts)
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ValueError("The escape sequences do not make up UTF-8 text.") from None


class _Logical(NamedTuple):
    """A joined line: `starts` are the offsets of its pieces, `rows` their lines; `first`…`last` are line indices."""

    text: str
    starts: tuple[int, ...]
    rows: tuple[int, ...]
    first: int
    last: int

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column of a character of `text`."""
        piece = bisect_right(self.starts, offset) - 1
        return self.rows[piece], offset - self.starts[piece] + 1


class _Reader:
    """One reading: the physical lines of the file, the section that is open, and what was found so far."""

    def __init__(self, file: str, data: bytes) -> None:
        self.file = file
        self.entries: list[Entry] = []
        self.sections: list[tuple[str, int]] = []
        self.findings: list[Finding] = []
        self.section = ""
        self.lost = False  # after a broken section header nobody can say where the assignments belong
        self.utf16 = data[:2] in _UTF16
        # Undecodable bytes become surrogates, which cannot come out of UTF-8 in another way.
        text = data[:MAX_SIZE].decode("utf-8", "surrogateescape")
        if len(data) > MAX_SIZE:
            self.report(0, 0, "BB105", f"File is larger than {MAX_SIZE >> 20} MiB; the rest was not read.")
        # A line ends as systemd's read_line() sees it: CR, LF, or one of each in any order.
        parts = _NEWLINE.split(text, MAX_LINES) if "\r" in text else []
        self.bodies = parts[0::2] or text.split("\n", MAX_LINES)
        self.ends = parts[1::2] or ["\n"] * (len(self.bodies) - 1)
        self.ends.append("")
        if len(self.bodies) > MAX_LINES and self.bodies[-1]:
            self.bodies[-1] = ""
            self.report(MAX_LINES + 1, 1, "BB105", f"File has more than {MAX_LINES} lines; the rest was not read.")
        self.bad = self._find_bad() if _BAD.search(text) else frozenset()

    def report(self, line: int, column: int, code: str, message: str, hint: str = "") -> None:
        self.findings.append(Finding(Place(self.file, line, column), code, message, hint))

    def raw(self, first: int, after: int) -> str:
        """The exact text of some physical lines."""
        return "".join(self.bodies[index] + self.ends[index] for index in range(first, after))

    def gap(self, first: int, after: int) -> Iterator[Line]:
        """What lies between two logical lines, as at most one `Line`."""
        if text := self.raw(first, after):
            yield Line(text)

    def _find_bad(self) -> frozenset[int]:
        """Report every line that is not valid text, as far as anything is read; the indices of these lines."""
        bad = set()
        if self.utf16:
            self.report(1, 1, "BB101", "File is UTF-16, not UTF-8 text.", "Save the file as UTF-8 text.")
        for index, line in enumerate(self.bodies):
            match = _BAD.search(line)
            if match and self.utf16:
                bad.add(index)
            elif match and len(self.findings) < MAX_FINDINGS:
                bad.add(index)
                what = "holds a NUL byte" if match[0] == "\0" else "is not valid UTF-8 text"
                self.report(index + 1, match.start() + 1, "BB101", f"Line {what}.", "Save the file as UTF-8 text.")
        return frozenset(bad)

    def logical_lines(self) -> Iterator[_Logical]:
        """Join continuation lines, skip comments, blank and bad lines; stop with a finding where a bound is reached."""
        bom = False
        held: list[str] = []
        starts: list[int] = []
        rows: list[int] = []
        width = size = 0
        for index, line in enumerate(self.bodies):
            head = line.lstrip(_WHITE)[:1]
            if head in _COMMENTS or not (head or held):
                if len(line) * 4 >= LONG_LINE_MAX and self._stop(_size(line), index + 1):
                    return
                continue  # a comment never ends a continuation; an empty line does
            if not bom and line[:1] == _BOM:
                bom, line = True, line[1:]
            if not held:
                starts, rows, width, size = [], [], 0, 0
            starts.append(width)
            rows.append(index + 1)
            held.append(line)
            width, size = width + len(line), size + _size(line)
            if self._stop(size, rows[0]):
                return
            if (len(line) - len(line.rstrip("\\"))) % 2:
                held[-1] = line[:-1] + " "
                continue
            yield from self._joined(held, starts, rows)
            held = []
        yield from self._joined(held, starts, rows)

    def _joined(self, held: list[str], starts: list[int], rows: list[int]) -> Iterator[_Logical]:
        if held and (not self.bad or self.bad.isdisjoint(row - 1 for row in rows)):
            yield _Logical("".join(held), tuple(starts), tuple(rows), rows[0] - 1, rows[-1] - 1)

    def _stop(self, size: int, line: int) -> bool:
        """Whether a bound is reached with this line of `size` bytes; says so in a finding."""
        if len(self.findings) >= MAX_FINDINGS:
            self.report(line, 1, "BB102", f"File has more than {MAX_FINDINGS} problems; the rest was not read.")
        elif len(self.entries) + len(self.sections) >= MAX_ENTRIES:
            self.report(line, 1, "BB105", f"File has more than {MAX_ENTRIES} entries; the rest was not read.")
        elif size >= LONG_LINE_MAX:
            self.report(line, 1, "BB105", f"Line is longer than {LONG_LINE_MAX >> 20} MiB; the rest was not read.")
        else:
            return False
        return True

    def take(self, logical: _Logical) -> tuple[Entry | None, str]:
        """Read one logical line: the assignment that it is, or the name of the section that it opens."""
        body = logical.text.strip(_WHITE)
        offset = len(logical.text) - len(logical.text.lstrip(_WHITE))
        if body[:1] == "[":
            return None, self._header(body, *logical.place(offset))
        return (self._assignment(logical, body, offset) if body else None), ""

    def _header(self, body: str, line: int, column: int) -> str:
        name = body[1:-1]
        self.section, self.lost = "", True
        if len(body) < 2 or body[-1] != "]":
            name, _, rest = body[1:].partition("]")
            shown = name if 0 < len(name) <= 64 and not _BAD_IN_SECTION.search(name) else "Section"
            comment = " A comment has a line of its own." if rest.strip(_WHITE).startswith(_COMMENTS) else ""
            hint = f"Write [{shown}].{comment}"
            self.report(line, column, "BB102", "Section header does not end with a bracket.", hint)
        elif not name or _BAD_IN_SECTION.search(name):
            message = "Section name is empty or holds quotes, brackets, backslashes or control characters."
            self.report(line, column, "BB102", message)
        else:
            self.section, self.lost = name, False
            self.sections.append((name, line))
        return self.section

    def _assignment(self, logical: _Logical, body: str, offset: int) -> Entry | None:
        line, column = logical.place(offset)
        key, equals, value = body.partition("=")
        if not equals:
            message = "Line is neither a section header nor an assignment."
            self.report(line, column, "BB102", message, _meant(body))
        elif not key:
            self.report(line, column, "BB102", "Line has no key before the =.", "Write Key=value.")
        elif not self.section and not self.lost:
            message = "Assignment stands before the first section."
            self.report(line, column, "BB102", message, "Write [Section] above it.")
        if not equals or not key or not self.section:
            return None
        row, shown = logical.place(offset + len(body) - len(value.lstrip(_WHITE)))
        shown = shown if row == line else column
        entry = Entry(self.section, key.rstrip(_WHITE), value.lstrip(_WHITE), line, column, shown)
        self.entries.append(entry)
        return entry


def _meant(body: str) -> str:
    """A hint for a line that systemd cannot read: an assignment of YAML, or an invisible beginning."""
    if body.startswith(_COMMENTS):  # which only a byte order mark before it can do
        return "Save the file as UTF-8 without a byte order mark."
    key, colon, value = body.partition(":")
    if colon and key.replace("_", "").isalnum() and len(body) <= 64:
        return f"Write {key}={value.strip()}." if value.strip() else f"Write [{key}]."
    return "Write [Section] or Key=value; a comment starts with #."


def _size(line: str) -> int:
    """The length in bytes."""
    return len(line) if line.isascii() else len(line.encode("utf-8", "surrogateescape"))


def _refuse_control(text: str, what: str) -> None:
    if _CONTROL.search(text):
        raise ValueError(f"{what} of a unit file cannot hold control characters: {ascii(text[:64])}.")


def _refuse_unclean(text: str, what: str) -> None:
    _refuse_control(text, what)
    if text != text.strip(_WHITE):
        raise ValueError(f"{what} of a unit file cannot start or end with whitespace: {ascii(text[:64])}.")


def _check_section(name: str) -> None:
    _refuse_control(name, "A section name")
    if not name or _BAD_IN_SECTION.search(name):
        raise ValueError(f"{ascii(name[:64])} cannot be the name of a section.")


def _check_assignment(key: str, value: str) -> None:
    _refuse_unclean(key, "A key")
    _refuse_unclean(value, "A value")
    if not key or key[0] in "#;[" or "=" in key:
        raise ValueError(f"{ascii(key[:64])} cannot be a key.")
    if (len(value) - len(value.rstrip("\\"))) % 2:
        raise ValueError(f"The value of {key}= ends with a backslash, which would continue the line.")
    if len(f"{key}={value}".encode()) >= LONG_LINE_MAX:
        raise ValueError(f"The value of {key}= is longer than {LONG_LINE_MAX >> 20} MiB.")
