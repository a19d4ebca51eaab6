"""Boot Loader Specification (UAPI.1): entries of type 1, file names of both types, boot counters, and their order.

Promises: `parse` never raises, reports every problem with its line and column, and its work is linear in the input.
Findings: BB101 and BB105 (no text, too large), BB107 (name), BB114 (line that is no assignment), BB202 (unknown key),
BB205 (value), BB206 (repeated key), BB208 (nothing to boot), BB209 (two things to boot).
"""

import re
from typing import Callable, Iterable, Mapping, NamedTuple

from ...findings import Finding, Place, did_you_mean
from ...records import dataclass
from .. import versions

MAX_SIZE = 64 << 10
MAX_NAME = 255
MAX_FINDINGS = 100
TYPE1, TYPE2 = ".conf", ".efi"
FOLDER1, FOLDER2 = "loader/entries", "EFI/Linux"
MARKER = b"type1\n"

_NAME = re.compile(r"[A-Za-z0-9+\-_.]+")
_SPACES = re.compile(r"[ \t]+")
_COUNTED = re.compile(r"(.+)\+([0-9]+)(?:-([0-9]+))?")
# systemd reads a counter into 32 bits.
_MAX_COUNT = (1 << 32) - 2
_ARCHITECTURES = frozenset("ia32 x64 ia64 arm aa64 riscv32 riscv64 riscv128 loongarch32 loongarch64".split())
# Tabs may separate words; everything else below space, and the C1 block, drives terminals.
_CONTROLS = frozenset(map(chr, (*range(9), *range(10, 32), *range(127, 160))))
_PATHS_FROM = "Paths start at the root of the partition that the entry is on."


@dataclass(frozen=True, slots=True)
class Name:
    """A file name without its suffix and counter; `left` is None when boots are not counted."""

    stem: str
    suffix: str
    left: int | None = None
    done: int = 0

    @property
    def state(self) -> str:
        """What is known of it: good (not counted, or blessed), indeterminate, or bad when no try is left."""
        return "good" if self.left is None else "indeterminate" if self.left else "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """The value of one line, and where it stands."""

    key: str
    text: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of type 1, or what an image of type 2 says of itself: the name of its file, and its values."""

    name: Name
    values: tuple[Value, ...]

    def get(self, key: str) -> str:
        """The value of a key, the last one when it is repeated; empty when it is not there."""
        return next((value.text for value in reversed(self.values) if value.key == key), "")

    def all(self, key: str) -> tuple[str, ...]:
        """Every value of a key that may be repeated."""
        return tuple(value.text for value in self.values if value.key == key)


def _is_path(text: str) -> str:
    """UAPI.1: from the root of the partition, with or without a slash in front, and normalised."""
    parts = text.removeprefix("/").split("/")
    if not all(parts) or "." in parts or ".." in parts or "\\" in text:
        return f"{text[:120]!r} is no normalised path, with one / between its parts and neither . nor .. in it."
    return ""


def _are_paths(text: str) -> str:
    return next((problem for problem in map(_is_path, _SPACES.split(text)) if problem), "")


def _is_machine_id(text: str) -> str:
    good = len(text) == 32 and set(text) <= set("0123456789abcdef") and text.strip("0")
    return "" if good else "A machine ID has 32 lower-case hexadecimal digits."


def _is_architecture(text: str) -> str:
    if text.lower() in _ARCHITECTURES:
        return ""
    return f"{text[:60]!r} is no architecture as UEFI calls it, such as x64 or aa64."


def _is_number(text: str) -> str:
    good = text.isascii() and text.isdigit() and len(text) < 10
    return "" if good else "The number of a profile has digits only."


def _is_version(text: str) -> str:
    return "" if versions.is_version(text) else f"{text[:60]!r} has characters that a version does not have."


def _is_extra(text: str) -> str:
    suffixes = (".addon.efi", ".confext.raw", ".sysext.raw", ".cred")
    problem = _is_path(text)
    return problem or ("" if text.endswith(suffixes) else f"An extra file is called …{', …'.join(suffixes)}.")


def _is_any(text: str) -> str:
    return ""


class Row(NamedTuple):
    """A key: what says what is wrong with a value, whether it may be repeated or empty, and whether it boots."""

    name: str
    check: Callable[[str], str] = _is_any
    repeatable: bool = False
    boots: bool = False
    empty: bool = False


ROWS = (
    Row("title"),
    Row("version", _is_version),
    Row("machine-id", _is_machine_id),
    Row("sort-key"),
    Row("linux", _is_path, boots=True),
    Row("efi", _is_path, boots=True),
    Row("uki", _is_path, boots=True),
    Row("uki-url", boots=True),
    Row("profile", _is_number),
    Row("initrd", _is_path, repeatable=True),
    Row("extra", _is_extra, repeatable=True),
    Row("options", repeatable=True, empty=True),
    Row("devicetree", _is_path),
    Row("devicetree-overlay", _are_paths, repeatable=True, empty=True),
    Row("architecture", _is_architecture),
)
KEYS: Mapping[str, Row] = {row.name: row for row in ROWS}
# What other boot loaders than systemd-boot read in the same files.
FOREIGN = frozenset(("grub_users", "grub_hotkey", "grub_class", "grub_arg", "id"))


def parse_name(file: str, suffix: str) -> Name | None:
    """The parts of a file name, or None when it has another suffix (case does not matter on vfat)."""
    if not file.lower().endswith(suffix):
        return None
    stem = file[: -len(suffix)]
    match = _COUNTED.fullmatch(stem)
    if match is None:
        return Name(stem, suffix)
    left, done = match[2], match[3] or "0"
    if max(len(left), len(done)) > 10 or max(int(left), int(done)) > _MAX_COUNT:
        return Name(stem, suffix)
    return Name(match[1], suffix, int(left), int(done))


def check_name(place: str, file: str, suffix: str) -> tuple[Finding, ...]:
    """The rules for a file name (UAPI.1): its characters, its length, and a counter that counts."""
    hint = "Use letters, digits and + - _ . and as a counter +LEFT or +LEFT-DONE before the suffix."
    name = parse_name(file, suffix)
    if name is None:
        return (Finding(Place(place), "BB107", f"The file name does not end with {suffix}.", hint),)
    if len(file) > MAX_NAME or not name.stem or not _NAME.fullmatch(file):
        return (Finding(Place(place), "BB107", "The file name is not one of a boot entry.", hint),)
    findings = []
    if name.left is None and "+" in name.stem:
        message = f"The + in the file name is followed by no counter: boots of {name.stem} are not counted."
        findings.append(Finding(Place(place), "BB107", message, hint, "warning"))
    if name.left == 0:
        message = "The counter says that no try is left: the entry is bad, and sorted behind all others."
        findings.append(Finding(Place(place), "BB107", message, "Take the counter away when it is good.", "warning"))
    return tuple(findings)


def parse(place: str, file: str, data: bytes) -> tuple[Entry | None, tuple[Finding, ...]]:
    """Read an entry of type 1. `place` names it for findings, `file` is its name in loader/entries/.

    The entry is None when the file is no text. Unknown keys are warnings: every boot loader leaves them out.
    """
    if len(data) > MAX_SIZE:
        return None, (Finding(Place(place), "BB105", f"The entry has more than {MAX_SIZE >> 10} KiB."),)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return None, (Finding(Place(place, line), "BB101", "The entry is not UTF-8 text.", "Save it as UTF-8."),)
    walk = _Walk(place, [], [], {})
    for number, line_text in enumerate(text.split("\n"), 1):
        walk.line(number, line_text)
    walk.whole()
    name = parse_name(file, TYPE1) or Name(file, "")
    return Entry(name, tuple(walk.values)), tuple((*check_name(place, file, TYPE1), *walk.findings)[:MAX_FINDINGS])


@dataclass(frozen=True, slots=True)
class _Walk:
    """The lines of an entry, one after the other."""

    file: str
    values: list[Value]
    findings: list[Finding]
    seen: dict[str, int]

    def find(self, line: int, column: int, code: str, message: str, hint: str = "", warn: bool = False) -> None:
        place = Place(self.file, line, column)
        self.findings.append(Finding(place, code, message, hint, "warning" if warn else "error"))

    def line(self, number: int, text: str) -> None:
        if number == 1 and text.startswith("\ufeff"):
            self.find(1, 1, "BB114", "The entry starts with a byte order mark.", "Save it without one.")
            text = " " + text[1:]
        if text.endswith("\r"):
            self.find(number, len(text), "BB114", "The line ends with CR LF.", "End lines with LF alone.", warn=True)
        stripped = text.strip(" \t\r")
        if not stripped or stripped.startswith("#"):
            return
        column = text.index(stripped) + 1
        key, value = (_SPACES.split(stripped, maxsplit=1) + [""])[:2]
        if any(char in _CONTROLS for char in stripped):
            self.find(number, column, "BB114", "The line has control characters in it.")
        elif key in KEYS:
            at = column + len(stripped) - len(value)
            self.value(KEYS[key], Value(key=key, text=value, line=number, column=at), column)
        elif key not in FOREIGN:
            hint = did_you_mean(key, KEYS) or "A line has a key, a space and a value."
            self.find(number, column, "BB202", f"The key {key[:60]!r} is not known, ignoring.", hint, warn=True)

    def value(self, row: Row, value: Value, column: int) -> None:
        first = self.seen.setdefault(row.name, value.line)
        if first != value.line and not row.repeatable:
            message = f"{row.name} is given in line {first} already; the last one counts."
            self.find(value.line, column, "BB206", message, "Keep one of them.")
        if not value.text and not row.empty:
            self.find(value.line, column, "BB205", f"{row.name} has no value.", "Write one, or take the line away.")
            return
        problem = row.check(value.text) if value.text else ""
        if problem:
            hint = _PATHS_FROM if "path" in problem else ""
            self.find(value.line, value.column, "BB205", f"{row.name}: {problem}", hint)
        self.values.append(value)

    def whole(self) -> None:
        """What keys together say."""
        boots = [value for value in self.values if KEYS[value.key].boots]
        choices = ", ".join(row.name for row in ROWS if row.boots)
        if not boots:
            self.find(0, 0, "BB208", f"The entry boots nothing: it has none of {choices}.", "Write: linux /PATH")
        for value in (other for other in boots if other.key != boots[0].key):
            message = f"The entry has {boots[0].key} in line {boots[0].line} and {value.key}: only one can be booted."
            self.find(value.line, value.column, "BB209", message, f"Leave one of {choices}.")
        overlay = next((value for value in self.values if value.key == "devicetree-overlay" and value.text), None)
        if overlay and not any(value.key == "devicetree" for value in self.values):
            self.find(overlay.line, overlay.column, "BB209", "devicetree-overlay needs devicetree.")
        profile = next((value for value in self.values if value.key == "profile"), None)
        if profile and boots and boots[0].key not in ("uki", "uki-url"):
            self.find(profile.line, profile.column, "BB209", "profile chooses one of a UKI, and there is no uki.")


def _rank(entry: Entry) -> tuple[object, ...]:
    """The sort key (UAPI.1, Sorting); what sorts in decreasing order comes as `_Newer`."""
    key = entry.get("sort-key")
    by_key = (key.encode(), entry.get("machine-id").encode(), _Newer(entry.get("version"))) if key else ()
    return entry.name.state == "bad", not key, by_key, _Newer(entry.name.stem), entry.name.done


class _Newer:
    """A version that sorts before every older one."""

    __slots__ = ("key",)

    def __init__(self, text: str) -> None:
        self.key = versions.key(text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Newer) and self.key == other.key

    def __lt__(self, other: "_Newer") -> bool:
        return self.key > other.key


def ordered(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The entries as a boot menu shows them: bad ones last; by sort-key, machine ID and newest version; by name."""
    return tuple(sorted(entries, key=_rank))
