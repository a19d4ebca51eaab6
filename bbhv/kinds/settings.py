"""The one mechanism of settings tables: a row per key says who may set it, how it reads, and what a change costs.

A table drives everything about its keys: `read` finds what is wrong and yields typed values, `Values.texts` is what
manifests record, `Values.argv` what a program is called with, `Table.cost` what the plan weighs. Keys without a row
do not exist. Findings: BB102, BB105, BB201 … BB208.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from itertools import islice
from typing import Generic, TypeAlias, TypeVar, cast

from ..findings import Finding, Place, did_you_mean, nearest
from ..formats.unitfile import Entry, UnitFile
from ..records import KW_ONLY, dataclass
from .elsewhere import fold
from .values import NotYet, Unreadable, text

MAX_REPEATS = 256
MAX_FINDINGS = 200

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Verdict(StrEnum):
    """Whether a tenant may set a key."""

    ALLOWED = "allowed"
    HOST = "host"
    FORBIDDEN = "forbidden"
    LATER = "later"


class Cost(StrEnum):
    """What a running workload pays when a value changes, in rising order."""

    NONE = "none"
    LIVE = "live"
    RELOAD = "reload"
    RESTART = "restart"
    RECREATE = "recreate"

    @property
    def weight(self) -> int:
        """Its place in the order, from 0."""
        return tuple(Cost).index(self)


def heaviest(costs: Iterable[Cost]) -> Cost:
    """The highest of the costs; `none` when there are none."""
    return max(costs, key=lambda cost: cost.weight, default=Cost.NONE)


def no_words(value: object) -> tuple[str, ...]:
    """What a setting adds to a command line when it adds nothing."""
    return ()


@dataclass(frozen=True, slots=True)
class Setting(Generic[T_co]):
    """One row: `doc` is a sentence about the value and the hint for one that cannot be read; `reason` says why a key
    is not allowed, or what to write instead. `since` is the first systemd version that knows the key, 0 for all.

    `show` and `emit` only ever get a value that `parse` of the same row returned, or its `default`. `emit` is what the
    value adds to a command line; `directive` is the unit setting that takes the shown value as it is. `refers` has the
    kinds of declaration of which a value names one, and `named` finds the name in the value; empty: it names none.
    """

    section: str
    key: str
    verdict: Verdict
    parse: Callable[[str], T_co]
    cost: Cost
    doc: str
    _: KW_ONLY
    reason: str = ""
    since: int = 0
    repeat: bool = False
    default: T_co | None = None
    required: bool = False
    show: Callable[[T_co], str] = str
    emit: Callable[[T_co], tuple[str, ...]] = no_words
    directive: str = ""
    refers: tuple[str, ...] = ()
    named: Callable[[T_co], str] = str

    @property
    def name(self) -> str:
        """The key as manifests and plans call it."""
        return f"{self.section}.{self.key}"


def refused(verdict: Verdict, section: str, reason: str, *keys: str, since: int = 0) -> tuple[Setting[str], ...]:
    """Rows of keys that no tenant can set, all for the same reason."""
    return tuple(Setting(section, key, verdict, text, Cost.NONE, "", reason=reason, since=since) for key in keys)


class Table:
    """The rows of one kind of file, in the order of the manual and of the command line.

    `meant` has the hints for keys and [sections] that do not exist, but that people write, as `elsewhere.fold` spells
    them. `each` has the sections of which every one in a file is an object of its own, such as [Address]; their rows
    have no defaults.
    """

    def __init__(
        self, *rows: Setting[object], meant: Mapping[str, str] | None = None, each: Iterable[str] = ()
    ) -> None:
        self.rows = rows
        self.each = frozenset(each)
        self.meant: Mapping[str, str] = meant or {}
        self.by_key: Mapping[tuple[str, str], Setting[object]] = {(row.section, row.key): row for row in rows}
        self.sections = tuple(dict.fromkeys(row.section for row in rows))
        self._alike: dict[str, list[Setting[object]]] = {}
        for row in rows:
            self._alike.setdefault(row.key.lower(), []).append(row)

    def __iter__(self) -> Iterator[Setting[object]]:
        return iter(self.rows)

    def keys(self, section: str) -> tuple[str, ...]:
        """The keys of one section."""
        return tuple(row.key for row in self.rows if row.section == section)

    def alike(self, key: str) -> tuple[Setting[object], ...]:
        """The rows of this key in any section, whatever the case of its letters."""
        return tuple(self._alike.get(key.lower(), ()))

    def cost(self, name: str) -> Cost | None:
        """What a change of "Section.Key" or "Section[2].Key" costs; None when there is no such row."""
        section, _, key = name.rpartition(".")
        row = self.by_key.get((section.partition("[")[0], key))
        return row.cost if row else None


@dataclass(frozen=True, slots=True)
class Value:
    """A value and where it was written; the place of a default has no line."""

    value: object
    place: Place


class Values:
    """The typed values of one file, or of one section of it; `place` is where that starts."""

    def __init__(
        self,
        file: str,
        table: Table,
        given: Mapping[tuple[str, str], tuple[Value, ...]],
        parts: Mapping[str, tuple["Values", ...]] | None = None,
        place: Place | None = None,
        unread: Iterable[tuple[str, str]] = (),
    ) -> None:
        self.file = file
        self.place = place or Place(file)
        self.table = table
        self._given = given
        self._parts: Mapping[str, tuple[Values, ...]] = parts or {}
        self._unread = frozenset(unread)

    def each(self, section: str) -> tuple["Values", ...]:
        """The values of each section of this name apart, in the order of the file; see `Table.each`."""
        return self._parts.get(section, ())

    def _all(self, row: Setting[T]) -> tuple[tuple[T, Place], ...]:
        found = self._given.get((row.section, row.key))
        if found is None:
            return () if row.default is None else ((row.default, Place(self.file)),)
        # This row's own `parse` returned these values, in `read`.
        return tuple((cast(T, item.value), item.place) for item in found)

    def get(self, row: Setting[T]) -> T | None:
        """The value, else the default, else None."""
        found = self._all(row)
        return found[-1][0] if found else None

    def need(self, row: Setting[T]) -> T:
        """The value of a row that is required or has a default. Raises KeyError when there is neither."""
        value = self.get(row)
        if value is None:
            raise KeyError(row.name)
        return value

    def all(self, row: Setting[T]) -> tuple[T, ...]:
        """Every value of a row that may be repeated."""
        return tuple(value for value, _ in self._all(row))

    def repeats(self, row: Setting[T]) -> Iterator[tuple[T, Place]]:
        """The values of a row that the file has already, each time that they are there again."""
        seen: set[T] = set()
        for value, place in self._all(row):
            if value in seen:
                yield value, place
            seen.add(value)

    def places(self, row: Setting[object]) -> tuple[Place, ...]:
        """Where the values are; the start for an absent key, the file alone for a default, but never nothing."""
        return tuple(place for _, place in self._all(row)) or (self.place,)

    def given(self, row: Setting[object]) -> bool:
        """Whether the file itself sets the key."""
        return (row.section, row.key) in self._given

    def unread(self, row: Setting[object]) -> bool:
        """Whether the file sets the key, or what may be meant for it, in a way that could not be read: then nothing is
        known of it, not even that it is missing."""
        return (row.section, row.key) in self._unread

    def newer(self, version: int) -> Iterator[tuple[Setting[object], Place]]:
        """What the file sets and systemd of this version does not know: each row, and where it is set first."""
        for row in self.table:
            if row.since > version and self.given(row):
                yield row, self.places(row)[0]

    def references(self) -> Iterator[tuple[Setting[object], str, Place]]:
        """Every name of another declaration: its row, the name, and where it stands. A value may name none."""
        for row in self.table:
            for value, place in self._all(row) if row.refers else ():
                name = row.named(value)
                if name:
                    yield row, name, place

    def texts(self) -> dict[str, str]:
        """Every value, defaults included, as "Section.Key" and its normalised text; repeated ones on lines.

        Of a section that is there several times, those after the first are called "Section[2]" and so on.
        """
        found: dict[str, str] = {}
        for row in self.table:
            for number, part in enumerate(self.each(row.section) if row.section in self.table.each else (self,), 1):
                values = part.all(row)
                if values:
                    name = row.name if number == 1 else f"{row.section}[{number}].{row.key}"
                    found[name] = "\n".join(row.show(value) for value in values)
        return found

    def directives(self) -> tuple[tuple[str, str], ...]:
        """The unit settings that the values stand for, in the order of the table."""
        rows = [row for row in self.table if row.directive]
        return tuple((row.directive, row.show(value)) for row in rows for value in self.all(row))

    def argv(self) -> tuple[str, ...]:
        """What the values add to a command line, in the order of the table."""
        return tuple(word for row in self.table for value in self.all(row) for word in row.emit(value))


# The section, the key, and the number of the section among those of its name; 0 where these are all one.
_Where: TypeAlias = tuple[str, str, int]


def read(
    table: Table, unit: UnitFile, file: str, *, complete: bool = True
) -> tuple[Values, tuple[Finding, ...]]:
    """The values of a file by a table, and everything that is wrong with them. A bad value is left out.

    Unless `complete`, some line could not be read: then nothing is said of what is missing, because it may be there.
    """
    findings = list(islice(_section_findings(table, unit, file), MAX_FINDINGS))
    headers = _headers(table, unit)
    given: dict[_Where, list[Value]] = {}
    unread: set[tuple[str, str]] = set() if complete else set(table.by_key)
    count: dict[_Where, int] = {}
    for entry in unit.entries:
        if len(findings) >= MAX_FINDINGS:
            message = f"The file has more than {MAX_FINDINGS} problems; the rest was not checked."
            findings.append(Finding(Place(file, entry.line, entry.column), "BB105", message))
            unread.update(table.by_key)
            break
        where = (entry.section, entry.key, bisect_right(headers.get(entry.section, ()), entry.line))
        row = table.by_key.get(where[:2])
        if row is None:
            near = _near(table, entry)
            findings.extend(_unknown(table, entry, near, file))
            unread.update((one.section, one.key) for one in near)
            continue
        refusal = _refusal(row, entry, file)
        if refusal:
            findings.append(refusal)
            continue
        count[where] = count.get(where, 0) + 1
        repeated = _repeated(row, entry, file, count[where])
        if repeated:
            findings.append(repeated)
        elif not entry.value and row.repeat:
            given[where] = []  # as in systemd, an empty assignment takes back what came before
        else:
            value, finding = _value(row, entry, file)
            given.setdefault(where, []).extend(value)
            findings.extend(finding)
            unread.update([where[:2]] if finding else ())
    first = {section: [line] for section, line in reversed(unit.sections)}
    findings.extend(_missing(table, {**first, **headers}, count, unread, file))
    return _assembled(file, table, headers, given, unread), tuple(findings)


def _headers(table: Table, unit: UnitFile) -> dict[str, list[int]]:
    """The lines of the headers of those sections of which each is an object."""
    found: dict[str, list[int]] = {section: [] for section in table.each}
    for section, line in unit.sections:
        if section in found:
            found[section].append(line)
    return found


def _assembled(
    file: str,
    table: Table,
    headers: Mapping[str, list[int]],
    given: Mapping[_Where, list[Value]],
    unread: Iterable[tuple[str, str]],
) -> Values:
    """The values of the file as a whole, with those of each section that is an object."""
    whole: dict[tuple[str, str], list[Value]] = {}
    single: dict[tuple[str, int], dict[tuple[str, str], tuple[Value, ...]]] = {}
    for (section, key, number), values in given.items():
        if values:
            whole.setdefault((section, key), []).extend(values)
            single.setdefault((section, number), {})[section, key] = tuple(values)
    parts = {
        section: tuple(
            Values(file, table, single.get((section, number), {}), place=Place(file, line, 1))
            for number, line in enumerate(lines, 1)
        )
        for section, lines in headers.items()
    }
    return Values(file, table, {where: tuple(values) for where, values in whole.items()}, parts, unread=unread)


def _section_findings(table: Table, unit: UnitFile, file: str) -> Iterator[Finding]:
    for name, line in unit.sections:
        if name not in table.sections:
            hint = table.meant.get(fold(f"[{name}]")) or _near_section(table, name)
            message = f"There is no section [{_short(name)}] in this kind of file."
            yield Finding(Place(file, line, 1), "BB201", message, hint)
    for section, lines in sorted(_headers(table, unit).items()):
        if len(lines) > MAX_REPEATS:
            message = f"Section [{section}] is there more than {MAX_REPEATS} times."
            yield Finding(Place(file, lines[MAX_REPEATS], 1), "BB206", message, "Use fewer.")


def _short(name: str) -> str:
    """A name as it may be shown in a message: a line of a file may be a megabyte of it."""
    return name if len(name) <= 60 else f"{name[:57]}..."


def _near_section(table: Table, name: str) -> str:
    """A hint for a section that there is not. Nobody is to write one in which every key is refused."""
    refusals = (Verdict.HOST, Verdict.FORBIDDEN)
    open_to = tuple(dict.fromkeys(row.section for row in table if row.verdict not in refusals))
    known = ", ".join(f"[{section}]" for section in open_to)
    closed = nearest(name, table.sections)
    if closed and closed not in open_to and not nearest(name, open_to):
        return f"[{closed}] is not for tenants: the sections are {known}."
    return did_you_mean(name, open_to) or f"The sections are {known}."


def _near(table: Table, entry: Entry) -> tuple[Setting[object], ...]:
    """The rows that a key without one may be meant for: the nearest of its section, and the same key in others."""
    others = (row for row in table.alike(entry.key) if row.section != entry.section)
    known = table.keys(entry.section)
    own = table.by_key.get((entry.section, nearest(entry.key, known))) if known else None
    return (*filter(None, (own,)), *sorted(others, key=lambda row: row.verdict is not Verdict.ALLOWED))


def _unknown(table: Table, entry: Entry, near: Iterable[Setting[object]], file: str) -> Iterator[Finding]:
    if entry.section not in table.sections:
        return  # the section header has its finding already
    place = Place(file, entry.line, entry.column)
    hint = next((f"Did you mean {row.key}?" for row in near if row.section == entry.section), "")
    other = next((row for row in near if row.section != entry.section), None)
    if other:
        # Nobody is to move a key to where it is refused.
        refused_there = other.verdict in (Verdict.HOST, Verdict.FORBIDDEN) and other.reason
        what = "It belongs" if other.key == entry.key else f"{other.key}= belongs"
        hint = refused_there or f"{what} into section [{other.section}]."
    if not other or other.verdict is not Verdict.ALLOWED:
        hint = table.meant.get(fold(entry.key), hint)
    yield Finding(place, "BB202", f"There is no key {_short(entry.key)}= in section [{entry.section}].", hint)


def _refusal(row: Setting[object], entry: Entry, file: str) -> Finding | None:
    place = Place(file, entry.line, entry.column)
    if row.verdict is Verdict.HOST:
        return Finding(place, "BB203", f"{row.key}= is set by the host.", row.reason)
    if row.verdict is Verdict.FORBIDDEN:
        return Finding(place, "BB204", f"{row.key}= is not allowed for tenants.", row.reason)
    if row.verdict is Verdict.LATER:
        unreadable = _value(row, entry, file)[1]
        return unreadable[0] if unreadable else Finding(place, "BB207", f"{row.key}= is not supported yet.", row.reason)
    return None


def _repeated(row: Setting[object], entry: Entry, file: str, count: int) -> Finding | None:
    place = Place(file, entry.line, entry.column)
    if not row.repeat and count > 1:
        return Finding(place, "BB206", f"{row.key}= is given more than once.", "Keep one of them.")
    if count > MAX_REPEATS:
        return Finding(place, "BB206", f"{row.key}= is given more than {MAX_REPEATS} times.", "Use fewer.")
    return None


def _value(row: Setting[object], entry: Entry, file: str) -> tuple[tuple[Value, ...], tuple[Finding, ...]]:
    place = Place(file, entry.line, entry.value_column)
    try:
        if not entry.value:
            raise Unreadable(f"{row.key}= has no value.")
        return (Value(row.parse(entry.value), place),), ()
    except Unreadable as error:
        code = "BB207" if isinstance(error, NotYet) else "BB205"
        return (), (Finding(place, code, f"{row.key}=: {error}", error.hint or row.doc),)


def _missing(
    table: Table, headers: Mapping[str, list[int]], count: Mapping[_Where, int], unread: set[tuple[str, str]], file: str
) -> Iterator[Finding]:
    """Found at the section that lacks it, or at the file that lacks the section. `headers` has where they are."""
    for row in (row for row in table if row.required and (row.section, row.key) not in unread):
        several = row.section in table.each
        for number, line in enumerate(headers.get(row.section, () if several else (0,)), int(several)):
            if (row.section, row.key, number) not in count:
                message = f"{row.key}= is missing in section [{row.section}]."
                yield Finding(Place(file, line, 1 if line else 0), "BB208", message, row.doc)
