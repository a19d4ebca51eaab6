"""The table of kinds: which files a tenant repository may have, and who reads each.

A new kind is a new module and a new row. A file that fits no row is a finding, unless it is one that people put into
any repository: dot files, README*, LICENSE*, *.md, and everything in docs/.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from ..findings import Finding, Place, did_you_mean
from ..names import NAME_RULE, is_name
from .container import TABLE as CONTAINER_TABLE
from .container import Container, read_container
from .image import TABLE as IMAGE_TABLE
from .image import Image, read_image
from .limits import TABLE as LIMITS_TABLE
from .limits import Limits, read_limits
from .metadata import Metadata, read_metadata
from .settings import Table
from .source import Source
from .volume import TABLE as VOLUME_TABLE
from .volume import Volume, read_volume

Declaration: TypeAlias = Metadata | Limits | Image | Volume | Container
Reader: TypeAlias = Callable[[Source], tuple[Declaration | None, tuple[Finding, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One row. `pattern` is a path in which NAME stands for the object's name and ** for any path below; a kind without
    a reader is not supported yet."""

    name: str
    pattern: str
    read: Reader | None = None
    settings: Table | None = None

    def match(self, path: str) -> str | None:
        """The object's name when the path fits the pattern, else None. The name may still break the rule for names."""
        before, mark, after = self.pattern.partition("NAME")
        if not mark:
            if self.pattern.endswith("/**"):
                return path.split("/")[-1] if path.startswith(self.pattern[:-2]) else None
            return path.rpartition("/")[2] if path == self.pattern else None
        middle = path[len(before) : len(path) - len(after)]
        fits = path.startswith(before) and path.endswith(after) and len(path) > len(before) + len(after)
        return middle if fits and "/" not in middle else None


METADATA = "metadata.json"

KINDS = (
    Kind(name="metadata", pattern=METADATA, read=read_metadata),
    Kind(name="limits", pattern="infrastructure/tenant.slice", read=read_limits, settings=LIMITS_TABLE),
    Kind(name="image", pattern="infrastructure/NAME.image", read=read_image, settings=IMAGE_TABLE),
    Kind(name="volume", pattern="infrastructure/NAME.volume", read=read_volume, settings=VOLUME_TABLE),
    Kind(name="container", pattern="containers/NAME.nspawn", read=read_container, settings=CONTAINER_TABLE),
    Kind(name="credential", pattern="infrastructure/credentials/NAME.cred"),
    Kind(name="credential", pattern="credentials/**"),
    Kind(name="network", pattern="network/NAME.netdev"),
    Kind(name="network", pattern="network/NAME.network"),
    Kind(name="machine", pattern="machines/NAME.vmspawn"),
    Kind(name="extension", pattern="extensions/sysext/**"),
    Kind(name="extension", pattern="extensions/confext/**"),
    Kind(name="service", pattern="services/NAME.portable"),
    *(
        Kind(name="script", pattern=f"scripts/{script}")
        for script in ("provision", "pre-start", "post-start", "health", "pre-stop", "post-stop")
    ),
)
_FIXED = frozenset(kind.pattern for kind in KINDS if "NAME" not in kind.pattern and "**" not in kind.pattern)
_DIRECTORIES = tuple(dict.fromkeys(kind.pattern.partition("/")[0] for kind in KINDS if "/" in kind.pattern))


def settings_of(kind: str) -> Table | None:
    """The settings table of a kind."""
    return next((row.settings for row in KINDS if row.name == kind), None)


def classify(path: str) -> tuple[Kind | None, str, tuple[Finding, ...]]:
    """The kind of a file and the object's name; a finding when it is not supported yet, misnamed or misplaced."""
    if is_beside(path):
        return None, "", ()
    for kind in KINDS:
        name = kind.match(path)
        if name is None:
            continue
        if kind.read is None:
            finding = Finding(Place(path), "BB207", f"A {kind.name} is not supported yet.", "Remove the file.")
            return None, "", (finding,)
        name = name.partition(".")[0] if path in _FIXED else name
        if not is_name(name):
            hint = f"{NAME_RULE[0].upper()}{NAME_RULE[1:]}."
            return None, "", (Finding(Place(path), "BB107", f"The file's name is not a {kind.name} name.", hint),)
        return kind, name, ()
    return None, "", (_misplaced(path),)


def is_beside(path: str) -> bool:
    """Whether a file lies in the repository for people only."""
    parts = path.split("/")
    if any(part.startswith(".") for part in parts) or parts[0] == "docs":
        return True
    return parts[-1].startswith(("README", "LICENSE")) or parts[-1].endswith(".md")


def _misplaced(path: str) -> Finding:
    """The warning about a file that nothing reads."""
    parts = path.split("/")
    if len(parts) == 1:
        hint = did_you_mean(path, (METADATA,))
    elif parts[0] in _DIRECTORIES:
        wanted = [kind.pattern for kind in KINDS if kind.pattern.startswith(parts[0] + "/")]
        hint = f"Files here are {', '.join(wanted)}."
    else:
        hint = did_you_mean(parts[0], _DIRECTORIES)
    message = "The file has no place in a tenant repository, ignoring."
    return Finding(Place(path), "BB108", message, hint, severity="warning")
