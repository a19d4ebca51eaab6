"""A network device of a tenant: network/NAME.netdev, a systemd.netdev(5) file."""

from ..findings import Finding, errors
from . import values as v
from .settings import Cost, Setting, Table, Verdict
from .source import Declared, Source, unit_values

TABLE = Table(Setting("NetDev", "Name", Verdict.ALLOWED, v.name, Cost.RESTART, "The name of the network."))


class Netdev(Declared):
    """A netdev as declared."""


def read_netdev(source: Source) -> tuple[Netdev | None, tuple[Finding, ...]]:
    """The netdev of a file, None when it has errors."""
    values, findings = unit_values(source, TABLE)
    return None if errors(findings) else Netdev(name=source.name, file=source.file, values=values), findings
