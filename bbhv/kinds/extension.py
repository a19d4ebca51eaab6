"""System and configuration extensions of a tenant: a folder with an extension-release file, or NAME.image."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ..findings import Finding, errors
from .image import TABLE as TABLE
from .settings import Values
from .source import Source, unit_values

Class = Literal["sysext", "confext"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """An extension as declared: the files of its folder, or the settings of its image."""

    name: str
    file: str
    kind: Class
    files: Mapping[str, bytes] = field(default_factory=dict)
    values: Values | None = None


def read_sysext(source: Source) -> tuple[Extension | None, tuple[Finding, ...]]:
    """The system extension of a declaration, None when it has errors."""
    return _read(source, "sysext")


def read_confext(source: Source) -> tuple[Extension | None, tuple[Finding, ...]]:
    """The configuration extension of a declaration, None when it has errors."""
    return _read(source, "confext")


def _read(source: Source, kind: Class) -> tuple[Extension | None, tuple[Finding, ...]]:
    if source.files:
        return Extension(name=source.name, file=source.file, kind=kind, files=source.files), ()
    values, findings = unit_values(source, TABLE)
    found = Extension(name=source.name, file=source.file, kind=kind, values=values)
    return None if errors(findings) else found, findings
