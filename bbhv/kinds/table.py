"""The table of kinds: which files a tenant repository may have, and who reads each.

A new kind is a new module and a new row. A file that fits no row is a finding, unless it is one that people put into
any repository: dot files, README*, LICENSE*, *.md, and everything in docs/.
"""

from collections.abc import Callable
from typing import TypeAlias

from ..findings import Finding, Place, did_you_mean
from ..names import NAME_RULE, is_name
from ..records import dataclass
from . import elsewhere
from .credential import Credential, read_credential
from .extension import NOUNS, READERS, Extension
from .extension import TABLE as EXTENSION_TABLE
from .image import TABLE as IMAGE_TABLE
from .image import read_image
from .limits import TABLE as LIMITS_TABLE
from .limits import read_limits
from .metadata import Metadata, read_metadata
from .networks.keys import TABLE as NETWORK_TABLE
from .networks.netdev import TABLE as NETDEV_TABLE
from .networks.netdev import read_netdev
from .networks.network import read_network
from .portable import TABLE as PORTABLE_TABLE
from .portable import read_portable
from .script import SCRIPTS, Script, read_script
from .settings import Table
from .source import Declared, Source
from .volume import TABLE as VOLUME_TABLE
from .volume import read_volume
from .workloads.container import TABLE as CONTAINER_TABLE
from .workloads.container import read_container
from .workloads.machine import TABLE as MACHINE_TABLE
from .workloads.machine import read_machine

Declaration: TypeAlias = Metadata | Declared | Credential | Extension | Script
Reader: TypeAlias = Callable[[Source], tuple[Declaration | None, tuple[Finding, ...]]]


@dataclass(frozen=True, slots=True)
class Match:
    """What a path says about the declaration that it belongs to: `inside` is the path below a declaration's folder."""

    name: str
    host: str = ""
    inside: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One row. In `pattern`, NAME stands for the object's name, HOST for a host's, and ** for all that is below.

    `noun` is what people call it, and `pending` are the kinds that are checked but not run yet.
    """

    name: str
    noun: str
    pattern: str
    read: Reader
    settings: Table | None = None
    pending: bool = False

    @property
    def is_tree(self) -> bool:
        """Whether the declaration is a folder."""
        return self.pattern.endswith("/**")

    def match(self, path: str) -> Match | None:
        """What the path says when it fits the pattern, else None. The name may still break the rule for names."""
        wanted, given = self.pattern.removesuffix("/**").split("/"), path.split("/")
        inside = "/".join(given[len(wanted):])
        if bool(inside) is not self.is_tree or len(given) < len(wanted):
            return None
        name, host = given[len(wanted) - 1].partition(".")[0], ""
        for pattern, part in zip(wanted, given):
            before, mark, after = pattern.partition("NAME")
            if mark and part.startswith(before) and part.endswith(after) and len(part) > len(before) + len(after):
                name = part[len(before) : len(part) - len(after)]
            elif pattern == "HOST":
                host = part
            elif part != pattern:
                return None
        return Match(name, host, inside)

    def path(self, name: str) -> str:
        """Where a declaration of this name belongs."""
        return self.pattern.removesuffix("/**").replace("NAME", name)


METADATA = "metadata.json"

KINDS = (
    Kind(name="metadata", noun="description of the tenant", pattern=METADATA, read=read_metadata),
    Kind(name="limits", noun="limit", pattern="infrastructure/tenant.slice", read=read_limits, settings=LIMITS_TABLE),
    Kind(name="image", noun="image", pattern="infrastructure/NAME.image", read=read_image, settings=IMAGE_TABLE),
    Kind(name="volume", noun="volume", pattern="infrastructure/NAME.volume", read=read_volume, settings=VOLUME_TABLE),
    *(
        Kind(name="credential", noun="credential", pattern=f"{folder}/NAME.cred", read=read_credential)
        for folder in ("infrastructure/credentials", "credentials/HOST")
    ),
    Kind(
        name="netdev", noun="network device", pattern="network/NAME.netdev", read=read_netdev, settings=NETDEV_TABLE,
    ),
    Kind(
        name="network", noun="network", pattern="network/NAME.network", read=read_network, settings=NETWORK_TABLE,
    ),
    Kind(
        name="machine", noun="virtual machine", pattern="machines/NAME.vmspawn", read=read_machine,
        settings=MACHINE_TABLE,
    ),
    Kind(
        name="container", noun="container", pattern="containers/NAME.nspawn", read=read_container,
        settings=CONTAINER_TABLE,
    ),
    *(
        Kind(name=name, noun=NOUNS[name], pattern=f"extensions/{name}/NAME{end}", read=read, settings=table,
             pending=True)
        for name, read in READERS.items()
        for end, table in ((".image", EXTENSION_TABLE), ("/**", None))
    ),
    Kind(
        name="portable", noun="portable service", pattern="services/NAME.portable", read=read_portable,
        settings=PORTABLE_TABLE, pending=True,
    ),
    *(
        Kind(name="script", noun="script", pattern=f"scripts/{script}", read=read_script) for script in SCRIPTS
    ),
)
# A path is compared with the rows of its first part only: a repository may have thousands.
_BY_BEGINNING: dict[str, list[Kind]] = {}
for _kind in KINDS:
    _BY_BEGINNING.setdefault(_kind.pattern.partition("/")[0], []).append(_kind)
_DIRECTORIES = tuple(dict.fromkeys(kind.pattern.partition("/")[0] for kind in KINDS if "/" in kind.pattern))


def settings_of(kind: str) -> Table | None:
    """The settings table of a kind."""
    return next((row.settings for row in KINDS if row.name == kind and row.settings), None)


def kind_of(name: str) -> Kind:
    """The first row of a kind. Raises KeyError when there is none."""
    for row in KINDS:
        if row.name == name:
            return row
    raise KeyError(name)


def classify(path: str) -> tuple[Kind | None, Match, tuple[Finding, ...]]:
    """The kind of a file and what its path says; a finding when it is misnamed or misplaced."""
    nothing = Match("")
    if is_beside(path):
        return None, nothing, ()
    for kind in _BY_BEGINNING.get(path.partition("/")[0], ()):
        match = kind.match(path)
        if match is None:
            continue
        if not is_name(match.name) or (match.host and not _is_host(match.host)):
            hint = f"{NAME_RULE[0].upper()}{NAME_RULE[1:]}."
            return None, nothing, (Finding(Place(path), "BB107", f"The name of the {kind.noun} is not allowed.", hint),)
        return kind, match, ()
    return None, nothing, (_misplaced(path),)


def _is_host(text: str) -> bool:
    plain = text.replace("-", "").replace(".", "")
    return len(text) <= 253 and plain.isascii() and plain.isalnum() and text[0].isalnum() and ".." not in text


def is_beside(path: str) -> bool:
    """Whether a file lies in the repository for people only."""
    parts = path.split("/")
    if parts[0] == "extensions" and len(parts) > 3:
        return False  # all of it goes into the extension
    if any(part.startswith(".") for part in parts) or parts[0] == "docs":
        return True
    return parts[-1].startswith(("README", "LICENSE")) or parts[-1].endswith(".md")


def _home(file: str) -> str:
    """A hint for a file whose name is that of a declaration, but which lies somewhere else."""
    name, dot, suffix = file.rpartition(".")
    kind = next((one for one in KINDS if one.pattern.endswith(f"/NAME.{suffix}")), None)
    return f"Move it to {kind.path(name)}." if dot and kind and is_name(name) else ""


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
    hint = elsewhere.file(parts[-1]) or _home(parts[-1]) or hint
    message = "The file has no place in a tenant repository, ignoring."
    return Finding(Place(path), "BB108", message, hint, severity="warning")
