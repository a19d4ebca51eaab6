"""A portable service: services/NAME.portable, in the words of portablectl(1).

    [Portable]                        [X-Bitbuilder]
    Image=agent                       MemoryMax=256M
    Profile=strict                    Volume=data:/srv/data
    Unit=agent.service                After=web
    Extension=monitoring              Health=tcp:9100

The services run on the host itself, in the root of their image and behind the sandbox of the profile, in the slice of
the tenant. So the tenant chooses only what portablectl asks for, and the rest is written by the host over whatever the
image's own units say. What systemd may do with the units of the image is checked on the host, before they start: the
image is not in the repository.
"""

from collections.abc import Iterator

from ..findings import Finding, Place
from ..records import dataclass, replace
from . import elsewhere
from . import values as v
from .settings import Cost, Setting, Table, Verdict, refused
from .source import Declared, Source, read_declared
from .workloads import guest, workload
from .workloads.health import checks

_SECTION = "Portable"
_YES, _HOST, _NO = Verdict.ALLOWED, Verdict.HOST, Verdict.FORBIDDEN
SUFFIXES = (".service", ".socket", ".timer", ".path", ".target")
TRUSTED = "trusted"
# systemd allows 255 (systemd.unit(5)); the host puts words of its own before and behind.
MAX_UNIT = 128
_UNIT_CHARS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.-@")

_RUNTIME = "The host attaches the image each time that the generation is made anew, and starts and stops the units."
_SANDBOX = "The profile and the host say what the service sees of the host. Ask for another Profile=."
_PATHS = "It names a path of the host. Declare infrastructure/NAME.volume and write Volume= in [X-Bitbuilder]."
_SECRETS = "Write Credential= in [X-Bitbuilder], with the name of a credential of the repository."


def unit(value: str) -> str:
    """The name of a unit of a type that portablectl takes out of an image; an instance is allowed, a template not."""
    stem, dot, suffix = value.rpartition(".")
    if f".{suffix}" not in SUFFIXES or not dot:
        hint = f"Units are {_listed()}." if dot else f"Write such as {value[:64]}.service."
        raise v.Unreadable(f"{v.quoted(value)} is not a unit that an image can bring.", hint)
    prefix, at, instance = stem.partition("@")
    if len(value) > MAX_UNIT or not _UNIT_CHARS.issuperset(value) or not prefix or prefix[0] in ".-" or "@" in instance:
        raise v.Unreadable(f"{v.quoted(value)} is not the name of a unit.", "Write a name such as agent.service.")
    if at and not instance:
        raise v.Unreadable(f"{v.quoted(value)} is a template.", "Write what it is to be started for after the @.")
    return value


def _listed() -> str:
    return ", ".join(f"NAME{suffix}" for suffix in SUFFIXES)


def prefix(value: str) -> str:
    """What the names of the image's units start with, before a dash, a dot or an @."""
    if not 0 < len(value) <= MAX_UNIT or not (_UNIT_CHARS - {"@"}).issuperset(value) or value[0] in ".-":
        raise v.Unreadable(f"{v.quoted(value)} is not the beginning of the names of units.", "Write such as agent.")
    return value


IMAGE = Setting(
    _SECTION, "Image", _YES, v.name, Cost.RECREATE,
    "The image with the services: infrastructure/NAME.image, or one that the host offers.", required=True,
)
PREFIX = Setting(
    _SECTION, "Prefix", _YES, prefix, Cost.RESTART,
    "What the names of the units start with that are taken from the image. The default is the name of the image.",
    repeat=True,
)
UNIT = Setting(
    _SECTION, "Unit", _YES, unit, Cost.RESTART,
    "A unit of the image to start, such as agent.service. The default is every unit that the image wants to start.",
    repeat=True,
)
PROFILE = Setting(
    _SECTION, "Profile", _YES, v.name, Cost.RESTART,
    "The sandbox: strict, nonetwork, default, or one of the operator's own. It must be granted.", default="strict",
)
EXTENSION = Setting(
    _SECTION, "Extension", _YES, v.name, Cost.RESTART,
    "An extension to lay over the image, lowest first, such as monitoring.", repeat=True, refers=("sysext", "confext"),
)
ENVIRONMENT = Setting(
    _SECTION, "Environment", _YES, guest.environment, Cost.RESTART,
    "Assignments NAME=VALUE for all services of the image, quoted when they hold blanks.", repeat=True,
    show=v.show_words,
)
AFTER = replace(workload.AFTER, refers=("container", "machine", "portable"))
HEALTH = replace(
    workload.HEALTH, parse=checks("unit", "tcp", "http", "script"),
    doc="How to tell that the services are healthy: unit.",
)

TABLE = Table(
    IMAGE,
    PREFIX,
    UNIT,
    PROFILE,
    EXTENSION,
    ENVIRONMENT,
    *refused(_HOST, _SECTION, _RUNTIME, "Runtime", "Enable", "Now", "Reload", "Clean", "Copy"),
    *refused(_HOST, _SECTION, "It is the content of the image that has been checked, and nothing else.", "ImagePolicy"),
    *refused(_NO, _SECTION, "The release of an extension must match the image.", "Force"),
    *refused(_HOST, _SECTION, "Every service of the tenant runs in the tenant's slice.", "Slice"),
    *refused(_HOST, _SECTION, _SANDBOX, "User", "DynamicUser", "Capability", "AmbientCapability", "PrivateNetwork"),
    *refused(_NO, _SECTION, _PATHS, "RootImage", "RootDirectory", "BindPaths", "BindReadOnlyPaths"),
    workload.VOLUME,
    workload.CREDENTIAL,
    AFTER,
    *workload.LIMITS,
    *workload.RESTARTING,
    HEALTH,
    *workload.HEALTH_TIMES,
    meant={
        **elsewhere.RUNS,
        "units": "Write a line Unit= for each.",
        "service": "Write Unit=NAME.service.",
        "prefixes": "Write a line Prefix= for each.",
        "extensionimages": "Write Extension= with the name of an extension of the repository.",
        "setcredential": _SECRETS,
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Portable(Declared):
    """A portable service as declared."""

    @property
    def images(self) -> tuple[tuple[str, Place], ...]:
        """The names of all images that it needs, and where they stand."""
        return tuple(zip(self.values.all(IMAGE), self.values.places(IMAGE)))

    @property
    def profile(self) -> str:
        """The sandbox that it asks for."""
        return self.values.need(PROFILE)

    @property
    def prefixes(self) -> tuple[str, ...]:
        """What the names of its units start with."""
        return self.values.all(PREFIX) or (self.values.need(IMAGE),)

    @property
    def after(self) -> tuple[str, ...]:
        """What is to start first, sorted, each once."""
        return tuple(sorted(set(self.values.all(AFTER))))


def read_portable(source: Source) -> tuple[Portable | None, tuple[Finding, ...]]:
    """The portable service of a file, None when it has errors."""
    return read_declared(source, TABLE, Portable, always=_contradictions)


def _contradictions(portable: Portable) -> Iterator[Finding]:
    yield from _foreign_units(portable)
    yield from _repeated_units(portable)
    yield from workload.mounted_twice(portable.values, workload.VOLUME)
    yield from workload.handed_twice(portable.values)
    yield from workload.waits_for_itself(portable)


def _foreign_units(portable: Portable) -> Iterator[Finding]:
    """Units that portablectl would not take out of the image: a prefix ends before a dash, a dot or an @."""
    values = portable.values
    if values.get(IMAGE) is None or values.unread(PREFIX):
        return
    for name, place in zip(values.all(UNIT), values.places(UNIT)):
        if not any(name.startswith((f"{one}-", f"{one}.", f"{one}@")) for one in portable.prefixes):
            message = f"Unit={name} does not start with {' or '.join(portable.prefixes[:4])}."
            hint = "Write what the names of the units start with as Prefix=."
            yield Finding(place, "BB209", message, hint)


def _repeated_units(portable: Portable) -> Iterator[Finding]:
    for row in (UNIT, PREFIX, EXTENSION):
        for name, place in portable.values.repeats(row):
            yield Finding(place, "BB304", f"{row.key}={name} is there twice.", "Leave one out.")
