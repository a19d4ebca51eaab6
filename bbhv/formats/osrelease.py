"""os-release(5) files, read as systemd reads them (its env-file syntax), and how it matches extensions to a system.

Promises: `parse` never raises, reports every problem with its line and column, and its work and memory are bounded by
the MAX constants. Errors are what systemd would not read, or would read as something else than was written; warnings
are what it takes but os-release(5) forbids. `mismatch` gives the answer of systemd-sysext(8) as a sentence.
"""

from collections.abc import Iterator, Mapping
from typing import Literal

from ..findings import Finding, Place
from ..records import dataclass

MAX_SIZE = 64 << 10
MAX_ASSIGNMENTS = 1000
MAX_FINDINGS = 100

Class = Literal["sysext", "confext"]
SCOPES = ("system", "initrd", "portable")
# What ConditionArchitecture= of systemd.unit(5) knows.
ARCHITECTURES = tuple(
    """x86 x86-64 ppc ppc-le ppc64 ppc64-le ia64 parisc parisc64 s390 s390x sparc sparc64 mips mips-le mips64 mips64-le
    alpha arm arm-be arm64 arm64-be sh sh64 m68k tilegx cris arc arc-be loongarch64 nios2 riscv32 riscv64""".split()
)
FIELDS = frozenset(
    """NAME ID ID_LIKE PRETTY_NAME FANCY_NAME CPE_NAME VARIANT VARIANT_ID VERSION VERSION_ID VERSION_CODENAME BUILD_ID
    IMAGE_ID IMAGE_VERSION RELEASE_TYPE HOME_URL DOCUMENTATION_URL SUPPORT_URL BUG_REPORT_URL PRIVACY_POLICY_URL
    SUPPORT_END LOGO ANSI_COLOR ANSI_COLOR_REVERSE VENDOR_NAME VENDOR_URL EXPERIMENT EXPERIMENT_URL DEFAULT_HOSTNAME
    ARCHITECTURE SYSEXT_LEVEL CONFEXT_LEVEL SYSEXT_SCOPE CONFEXT_SCOPE PORTABLE_PREFIXES PORTABLE_SCOPE
    EXTENSION_RELOAD_MANAGER EXTENSION_RESTART_UNITS EXTENSION_RELOAD_OR_RESTART_UNITS""".split()
)

_WHITE = " \t\n\r"
_NEWLINES = "\n\r"
_IN_QUOTES = '"\\`$'
_KEY_START = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_KEY = _KEY_START | frozenset("0123456789")
_NEEDS_QUOTES = frozenset("'\";&|<>()$`")


@dataclass(frozen=True, slots=True)
class Assignment:
    """One assignment: the value as systemd sees it, and where the key and the value start, counted from 1."""

    key: str
    value: str
    line: int
    column: int
    value_line: int
    value_column: int


@dataclass(frozen=True, slots=True)
class OsRelease:
    """What a file says, in its order; of a repeated key the last one counts."""

    assignments: tuple[Assignment, ...]

    @property
    def values(self) -> dict[str, str]:
        """The value of each key."""
        return {one.key: one.value for one in self.assignments}

    def find(self, key: str) -> Assignment | None:
        """The assignment of a key that counts."""
        return next((one for one in reversed(self.assignments) if one.key == key), None)


def parse(file: str, data: bytes, *, code: str = "BB113") -> tuple[OsRelease, tuple[Finding, ...]]:
    """Read an os-release or extension-release file. `file` and `code` are for the findings; BB101 for what is no text.

    Like systemd, a file that is not wholly UTF-8 text without NUL yields nothing.
    """
    place = Place(file)
    if len(data) > MAX_SIZE:
        return OsRelease(()), (Finding(place, "BB105", f"The file has more than {MAX_SIZE >> 10} KiB."),)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        hint = "Save it as UTF-8."
        return OsRelease(()), (Finding(Place(file, line), "BB101", "The file is not UTF-8 text.", hint),)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        return OsRelease(()), (Finding(Place(file, line), "BB101", "The file has a NUL character in it."),)
    reader = _Reader(file, text, code)
    reader.run()
    return OsRelease(tuple(reader.found)), tuple(reader.findings)


class _Reader:
    """One pass over the text, from assignment to assignment."""

    def __init__(self, file: str, text: str, code: str) -> None:
        self.file = file
        self.text = text
        self.code = code
        self.found: list[Assignment] = []
        self.findings: list[Finding] = []
        self._at = 0
        self._line = 1
        self._start = 0  # where the current line starts
        self._seen: dict[str, int] = {}

    def run(self) -> None:
        """Reads everything."""
        if self.text.startswith("\ufeff"):
            self._find(1, 1, "The file starts with a byte order mark.", "Save it without one.")
            self._at = 1
        while self._at < len(self.text):
            char = self.text[self._at]
            if char in _WHITE:
                self._next()
            elif char in "#;":
                self._rest_of_line()
            else:
                self._assignment()

    def _next(self) -> str:
        """Takes one character and counts the lines: each of LF, CR LF and CR ends one."""
        char = self.text[self._at]
        self._at += 1
        if char == "\n" or (char == "\r" and self.text[self._at : self._at + 1] != "\n"):
            self._line += 1
            self._start = self._at
        return char

    def _rest_of_line(self) -> str:
        """What is left of the line; its end is not taken."""
        start = self._at
        while self._at < len(self.text) and self.text[self._at] not in _NEWLINES:
            self._at += 1
        return self.text[start : self._at]

    def _column(self) -> int:
        return self._at - self._start + 1

    def _find(self, line: int, column: int, message: str, hint: str, warning: bool = False) -> None:
        if len(self.findings) < MAX_FINDINGS:
            severity: Literal["error", "warning"] = "warning" if warning else "error"
            self.findings.append(Finding(Place(self.file, line, column), self.code, message, hint, severity))

    def _assignment(self) -> None:
        line, column, start = self._line, self._column(), self._at
        self._at += 1  # even an equals sign is a part of the key here
        while self._at < len(self.text) and self.text[self._at] not in "=\n\r":
            self._at += 1
        if self.text[self._at : self._at + 1] != "=":
            self._find(line, column, "The line is no assignment.", "Write KEY=VALUE, or # before a comment.")
            return
        key = self.text[start : self._at].rstrip(_WHITE)
        self._at += 1
        value_line, value_column = self._line, self._column()
        value = self._value()
        self._add(Assignment(key, value, line, column, value_line, value_column))

    def _add(self, one: Assignment) -> None:
        if not one.key or one.key[0] not in _KEY_START or not _KEY.issuperset(one.key):
            hint = "A key has letters, digits and underscores."
            self._find(one.line, one.column, f"{one.key[:60]!r} is not a key.", hint)
            return
        if len(self.found) == MAX_ASSIGNMENTS:
            self._find(one.line, one.column, f"There are more than {MAX_ASSIGNMENTS} assignments.", "Use fewer.")
            self._at = len(self.text)
            return
        if one.key in self._seen:
            message = f"{one.key}= is given in line {self._seen[one.key]} already, using this one."
            self._find(one.line, one.column, message, "Keep one of them.", warning=True)
        self._seen[one.key] = one.line
        self.found.append(one)

    def _value(self) -> str:
        """The value up to the end of the line: quoted parts, then plain text, as parse_env_file() takes it."""
        out: list[str] = []
        while self._at < len(self.text):
            char = self.text[self._at]
            if char in _NEWLINES:
                break
            if char in "'\"":
                self._quoted(out)
            elif char in " \t":
                self._at += 1
            else:
                self._plain(out)
                break
        return "".join(out)

    def _quoted(self, out: list[str]) -> None:
        line, column, quote = self._line, self._column(), self._next()
        while self._at < len(self.text):
            char = self._next()
            if char == quote:
                return
            if char == "\\" and quote == '"':
                self._escape(out)
            else:
                out.append(char)
        self._find(line, column, f"A quotation that starts with {quote} is not closed.", "Close every quote.")

    def _escape(self, out: list[str]) -> None:
        """What follows a backslash in double quotes: only some characters need one, and a line end is dropped."""
        if self._at == len(self.text):
            return
        char = self._next()
        if char in _IN_QUOTES:
            out.append(char)
        elif char != "\n":
            out.append("\\" + char)

    def _plain(self, out: list[str]) -> None:
        """Text without quotes, where a quote is just a character; white space at the end goes, unless it is escaped."""
        line, column = self._line, self._column()
        end, special = len(out), False
        while self._at < len(self.text) and self.text[self._at] not in _NEWLINES:
            char = self._next()
            if char == "\\":
                escaped = self._next() if self._at < len(self.text) else "\n"
                out += [escaped] if escaped not in _NEWLINES else []
                end = len(out)
                continue
            out.append(char)
            if char not in _WHITE:
                special |= char in _NEEDS_QUOTES or len(out) - end > 1  # there is white space before it
                end = len(out)
        del out[end:]
        if special:
            message = "The value has white space or a special character outside of quotes."
            self._find(line, column, message, "Put the value into double quotes.", warning=True)


def is_field(key: str) -> bool:
    """Whether a field is described in os-release(5): an extension names its own ones SYSEXT_ID= and so on."""
    return key in FIELDS or key.removeprefix("SYSEXT_").removeprefix("CONFEXT_") in FIELDS


def release_path(kind: Class, name: str) -> str:
    """Where an extension of this name carries its extension-release file, below its root."""
    return f"{release_folder(kind)}/extension-release.{name}"


def release_folder(kind: Class) -> str:
    """The folder of the extension-release files, below the root of an extension."""
    return "etc/extension-release.d" if kind == "confext" else "usr/lib/extension-release.d"


def mismatch(
    extension: Mapping[str, str], host: Mapping[str, str], *, kind: Class, architecture: str = "",
    scope: str = "system",
) -> str | None:  # fmt: skip
    """Why an extension cannot be laid over a system: one sentence, or None when it can.

    `extension` and `host` are the values of the extension-release file and of the system's os-release. `architecture`
    is the system's (empty: not compared), and `scope` what it is (empty: not compared). Follows what systemd-sysext(8)
    of 257.13 and newer does, in its order.
    """
    return next(_mismatches(extension, host, kind, architecture, scope), None)


def _mismatches(
    extension: Mapping[str, str], host: Mapping[str, str], kind: Class, architecture: str, scope: str
) -> Iterator[str]:
    scopes = extension.get(f"{kind.upper()}_SCOPE", "system portable").split()
    if scope and scope not in scopes:
        yield f"The extension is for {' and '.join(scopes) or 'no'} use, not for {scope} use."
    wanted = extension.get("ARCHITECTURE", "")
    if architecture and wanted not in ("", "_any", architecture):
        yield f"The extension is for the architecture {wanted}, the system is {architecture}."
    of, ours = extension.get("ID", ""), host.get("ID", "linux")
    if not of:
        yield "The extension does not say by ID= which system it is for."
    if of == "_any":
        return
    if of not in (ours, *host.get("ID_LIKE", "").split()):
        yield f"The extension is for the system {of}, this one is {ours}."
    yield from _version_mismatches(extension, host, kind)


def _version_mismatches(extension: Mapping[str, str], host: Mapping[str, str], kind: Class) -> Iterator[str]:
    """The level is compared when both say one, else the version when the system says one."""
    name = f"{kind.upper()}_LEVEL"
    level, ours = extension.get(name, ""), host.get(name, "")
    if level and ours:
        if level != ours:
            yield f"The extension is for {name}={level}, the system has {ours}."
        return
    version = host.get("VERSION_ID", "")
    wanted = extension.get("VERSION_ID", "")
    if version and not wanted:
        yield f"The extension does not say by VERSION_ID= that it is for version {version} of the system."
    elif version and version != wanted:
        yield f"The extension is for version {wanted} of the system, this is version {version}."
