"""A portable service: services/NAME.portable."""

from ..findings import Finding, errors
from . import values as v
from .settings import Cost, Setting, Table, Verdict
from .source import Declared, Source, unit_values

TABLE = Table(Setting("Portable", "Image", Verdict.ALLOWED, v.name, Cost.RESTART, "The image with the service."))


class Portable(Declared):
    """A portable as declared."""


def read_portable(source: Source) -> tuple[Portable | None, tuple[Finding, ...]]:
    """The portable of a file, None when it has errors."""
    values, findings = unit_values(source, TABLE)
    return None if errors(findings) else Portable(name=source.name, file=source.file, values=values), findings
