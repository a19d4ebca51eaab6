"""What a reader of a kind is given, and the one way in which all readers of unit files work."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from ..findings import Finding, Place, errors
from ..formats.schema.compiler import Schema
from ..formats.unitfile import parse
from ..records import dataclass, field
from .settings import Table, Values, read

MAX_FILE = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One declaration of a tenant repository: the object's name, the path for findings, and the bytes.

    A declaration that is a folder has no `data`; `files` are all files below it. `host` is the one that it is for,
    when the path says so.
    """

    tenant: str
    name: str
    file: str
    data: bytes
    metadata_schema: Schema
    host: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What every declaration with settings has."""

    name: str
    file: str
    values: Values


D = TypeVar("D", bound=Declared)


def nothing(declared: Declared) -> tuple[Finding, ...]:
    """The check of a kind whose rows say everything."""
    return ()


def read_declared(
    source: Source,
    table: Table,
    kind: type[D],
    *,
    always: Callable[[D], Iterable[Finding]] = nothing,
    sound: Callable[[D], Iterable[Finding]] = nothing,
) -> tuple[D | None, tuple[Finding, ...]]:
    """The declaration of a unit file, None when it has errors, and all findings.

    What no row of the table can say alone, two checks say: `always` copes with values that could not be read and are
    left out; `sound` is only asked when there are no errors so far.
    """
    values, findings = unit_values(source, table)
    declared = kind(name=source.name, file=source.file, values=values)
    findings += tuple(always(declared))
    if not errors(findings):
        findings += tuple(sound(declared))
    return None if errors(findings) else declared, findings


def unit_values(source: Source, table: Table) -> tuple[Values, tuple[Finding, ...]]:
    """The values of a unit file by a table, and all findings about its form and its settings (BB105 when too large)."""
    if len(source.data) > MAX_FILE:
        finding = Finding(Place(source.file), "BB105", f"The file has more than {MAX_FILE >> 10} KiB.")
        return Values(source.file, table, {}, unread=table.by_key), (finding,)
    unit, findings = parse(source.file, source.data)
    values, more = read(table, unit, source.file, complete=not errors(findings))
    return values, findings + more
