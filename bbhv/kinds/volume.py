"""A volume of a tenant: infrastructure/NAME.volume, a place for data that outlives every container."""

from dataclasses import dataclass

from ..findings import Finding, errors
from . import values as v
from .settings import Cost, Setting, Table, Verdict
from .source import Declared, Source, unit_values

_SECTION, _YES = "Volume", Verdict.ALLOWED
SIZE = Setting(
    _SECTION, "Size", _YES, v.bounded_size(1 << 20, 1 << 50), Cost.NONE,
    "How much room the volume takes of the tenant's storage, such as 1G.", show=v.show_size,
)
FORMAT = Setting(
    _SECTION, "Format", _YES, v.one_of("directory", later=("ext4",)), Cost.RESTART,
    "directory: a directory on the host.", default="directory",
)
USE = Setting(
    _SECTION, "Use", _YES, v.one_of("container", later=("machine",)), Cost.RESTART,
    "What may use the volume: container.", default="container",
)

TABLE = Table(SIZE, FORMAT, USE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume(Declared):
    """A volume as declared."""

    @property
    def size(self) -> int:
        """The room that it takes, in bytes; 0 when the file does not say."""
        return self.values.get(SIZE) or 0


def read_volume(source: Source) -> tuple[Volume | None, tuple[Finding, ...]]:
    """The volume of a file, None when it has errors."""
    values, findings = unit_values(source, TABLE)
    return None if errors(findings) else Volume(name=source.name, file=source.file, values=values), findings
