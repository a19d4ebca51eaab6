"""What a reader of a kind is given, and the first steps that all readers of unit files share."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..findings import Finding, Place
from ..formats.schema.schema import Schema
from ..formats.unitfile import parse
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


def unit_values(source: Source, table: Table) -> tuple[Values, tuple[Finding, ...]]:
    """The values of a unit file by a table, and all findings about its form and its settings (BB105 when too large)."""
    if len(source.data) > MAX_FILE:
        finding = Finding(Place(source.file), "BB105", f"The file has more than {MAX_FILE >> 10} KiB.")
        return Values(source.file, table, {}), (finding,)
    unit, findings = parse(source.file, source.data)
    values, more = read(table, unit, source.file)
    return values, findings + more
