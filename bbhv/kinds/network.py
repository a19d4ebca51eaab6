"""The addresses of a network: network/NAME.network, a systemd.network(5) file."""

from ..findings import Finding, errors
from . import values as v
from .settings import Cost, Setting, Table, Verdict
from .source import Declared, Source, unit_values

TABLE = Table(Setting("Match", "Name", Verdict.ALLOWED, v.name, Cost.RESTART, "The name of the network."))


class Network(Declared):
    """A network as declared."""


def read_network(source: Source) -> tuple[Network | None, tuple[Finding, ...]]:
    """The network of a file, None when it has errors."""
    values, findings = unit_values(source, TABLE)
    return None if errors(findings) else Network(name=source.name, file=source.file, values=values), findings
