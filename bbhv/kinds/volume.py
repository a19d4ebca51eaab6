"""A volume of a tenant: infrastructure/NAME.volume, a place for data that outlives every container and machine.

A volume has one use. A container gets a folder (Format=directory). A machine gets a drive (Format=ext4, a file of the
host that the machine's own kernel mounts) or a folder that virtiofsd shares with it (Format=directory): the kernel of
the host never mounts what a machine could have written.
"""

from collections.abc import Iterator
from typing import Literal

from ..findings import Finding, Place
from ..records import dataclass
from . import elsewhere
from . import values as v
from .settings import Cost, Setting, Table, Verdict
from .source import Declared, Source, read_declared

Use = Literal["container", "machine"]
_SECTION, _YES = "Volume", Verdict.ALLOWED
FOLDER, DRIVE = "directory", "ext4"
# What a volume may be for each use; the first is the default.
FORMATS: dict[Use, tuple[str, ...]] = {"container": (FOLDER,), "machine": (DRIVE, FOLDER)}
SIZE = Setting(
    _SECTION, "Size", _YES, v.bounded_size(1 << 20, 1 << 50), Cost.NONE,
    "How much room the volume takes of the tenant's storage, such as 1G.", show=v.show_size,
)
FORMAT = Setting(
    _SECTION, "Format", _YES, v.one_of(FOLDER, DRIVE), Cost.RESTART,
    "directory: a folder of the host. ext4: a drive, for machines only, which is what they get by default.",
)
USE = Setting(
    _SECTION, "Use", _YES, v.one_of(*FORMATS), Cost.RESTART,
    "What may use the volume: container or machine, never both.", default="container",
)

TABLE = Table(SIZE, FORMAT, USE, meant=elsewhere.VOLUME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume(Declared):
    """A volume as declared."""

    @property
    def size(self) -> int:
        """The room that it takes, in bytes; 0 when the file does not say."""
        return self.values.get(SIZE) or 0

    @property
    def use(self) -> Use:
        """The kind of workload that may use it."""
        return "machine" if self.values.need(USE) == "machine" else "container"

    @property
    def format(self) -> str:
        """What it is on the host."""
        return self.values.get(FORMAT) or FORMATS[self.use][0]

    @property
    def is_drive(self) -> bool:
        """Whether a machine has it as a drive."""
        return self.format == DRIVE

    @property
    def is_shared(self) -> bool:
        """Whether it is a folder that machines share."""
        return self.use == "machine" and not self.is_drive


def read_volume(source: Source) -> tuple[Volume | None, tuple[Finding, ...]]:
    """The volume of a file, None when it has errors."""
    return read_declared(source, TABLE, Volume, sound=_contradictions)


def _contradictions(volume: Volume) -> Iterator[Finding]:
    values = volume.values
    form, use = values.get(FORMAT), volume.use
    if form is not None and form not in FORMATS[use]:
        message = f"Format={form} contradicts Use={use}."
        other = next(one for one, fits in FORMATS.items() if form in fits)
        hint = f"Write Use={other}, or leave Format= out: a volume for a {use} is {FORMATS[use][0]}."
        yield Finding(values.places(FORMAT)[0], "BB209", message, hint)
    elif volume.is_drive and not values.given(SIZE):
        message = "A drive for a machine has a size, but Size= is missing."
        yield Finding(Place(volume.file), "BB208", message, SIZE.doc)
