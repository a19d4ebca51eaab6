"""A virtual machine: machines/NAME.vmspawn, run by systemd-vmspawn(1)."""

from ..findings import Finding, errors
from . import values as v
from .settings import Cost, Setting, Table, Verdict
from .source import Declared, Source, unit_values

TABLE = Table(Setting("X-Bitbuilder", "Image", Verdict.ALLOWED, v.name, Cost.RESTART, "The image to start from."))


class Machine(Declared):
    """A machine as declared."""


def read_machine(source: Source) -> tuple[Machine | None, tuple[Finding, ...]]:
    """The machine of a file, None when it has errors."""
    values, findings = unit_values(source, TABLE)
    return None if errors(findings) else Machine(name=source.name, file=source.file, values=values), findings
