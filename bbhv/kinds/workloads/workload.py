"""What containers and machines share: the section [X-Bitbuilder], and what only shows when keys are seen together.

The rows are the same for both kinds, so `values.places(AFTER)` works for either. Where the kinds differ, a kind has a
row of the same key made from the one here: with another parser (`replace`), or not supported yet (`later`).
"""

from collections.abc import Iterator
from typing import TypeVar

from ...findings import Finding, Place
from ...records import dataclass, replace
from .. import values as v
from ..networks.address import address
from ..settings import Cost, Setting, Values, Verdict, refused
from ..source import Declared
from . import guest
from .health import Check, checks

OURS = "X-Bitbuilder"
SECOND = 10**6
_YES, _HOST = Verdict.ALLOWED, Verdict.HOST

T = TypeVar("T")

IMAGE = Setting(
    OURS, "Image", _YES, v.name, Cost.RECREATE,
    "The image to start from: infrastructure/NAME.image, or one that the host offers.", required=True,
)
PERSISTENT = Setting(
    OURS, "Persistent", _YES, v.boolean, Cost.RECREATE, "Whether changes of the root are kept.",
    default=False, show=v.show_boolean,
)
VOLUME = Setting(
    OURS, "Volume", _YES, guest.volume_mount, Cost.RESTART, "A volume and where to see it, such as data:/srv/data.",
    repeat=True, refers=("volume",), named=lambda mount: mount.volume,
)
CREDENTIAL = Setting(
    OURS, "Credential", _YES, v.name, Cost.RESTART, "A credential to hand on, by its name, such as db-password.",
    repeat=True, refers=("credential",),
)
ADDRESS = Setting(
    OURS, "Address", _YES, address, Cost.RESTART, "The address in the first network, such as 10.77.0.10.", repeat=True,
)
AFTER = Setting(
    OURS, "After", _YES, v.name, Cost.LIVE, "A workload of this tenant that is to start first.", repeat=True,
    refers=("container", "machine"),
)
MEMORY_MAX = Setting(
    OURS, "MemoryMax", _YES, v.memory, Cost.LIVE, "The most memory, such as 512M.",
    show=v.show_size, directive="MemoryMax",
)
MEMORY_HIGH = Setting(
    OURS, "MemoryHigh", _YES, v.memory, Cost.LIVE, "Where memory use is slowed down, such as 400M.",
    show=v.show_size, directive="MemoryHigh",
)
CPU_QUOTA = Setting(
    OURS, "CPUQuota", _YES, v.quota, Cost.LIVE, "The most CPU time, as a percentage of one CPU, such as 50%.",
    show=v.show_quota, directive="CPUQuota",
)
CPU_WEIGHT = Setting(
    OURS, "CPUWeight", _YES, v.cpu_weight, Cost.LIVE, "The share of CPU time, 1 to 10000 or idle.",
    directive="CPUWeight",
)
TASKS_MAX = Setting(
    OURS, "TasksMax", _YES, v.tasks, Cost.LIVE, "The most processes and threads, such as 512.",
    show=v.show_limit, directive="TasksMax",
)
IO_WEIGHT = Setting(
    OURS, "IOWeight", _YES, v.weight, Cost.LIVE, "The share of disk time, 1 to 10000.", directive="IOWeight",
)
RESTART = Setting(
    OURS, "Restart", _YES, v.one_of("always", "on-failure", "no"), Cost.LIVE,
    "When to start the workload again: always, on-failure or no.", default="always", directive="Restart",
)
HEALTH = Setting(
    OURS, "Health", _YES, checks("unit", "tcp", "http", "exec", "script", "console"), Cost.NONE,
    "How to tell that the workload is healthy: unit.", default=Check("unit"),
    refers=("script",), named=lambda check: check.script,
)
HEALTH_STABLE = Setting(
    OURS, "HealthStableSec", _YES, v.bounded_span(0, 3600), Cost.NONE,
    "How long the workload must stay up to count as healthy, such as 5s.", default=5 * SECOND, show=v.show_span,
)
HEALTH_GRACE = Setting(
    OURS, "HealthGraceSec", _YES, v.bounded_span(0, 3600), Cost.NONE,
    "How long to wait before the first check, such as 10s.", default=0, show=v.show_span,
)
HEALTH_INTERVAL = Setting(
    OURS, "HealthIntervalSec", _YES, v.bounded_span(1, 3600), Cost.NONE,
    "How long to wait between two checks, such as 1s.", default=1 * SECOND, show=v.show_span,
)
HEALTH_TIMEOUT = Setting(
    OURS, "HealthTimeoutSec", _YES, v.bounded_span(1, 3600), Cost.NONE,
    "How long one check may take, such as 5s.", default=5 * SECOND, show=v.show_span,
)

LIMITS: tuple[Setting[object], ...] = (MEMORY_MAX, MEMORY_HIGH, CPU_QUOTA, CPU_WEIGHT, TASKS_MAX, IO_WEIGHT)
RESTARTING: tuple[Setting[object], ...] = (
    RESTART,
    *refused(_HOST, OURS, "It is 1s, and grows to 1min while the workload keeps failing.", "RestartSec"),
)
HEALTH_TIMES: tuple[Setting[object], ...] = (HEALTH_STABLE, HEALTH_GRACE, HEALTH_INTERVAL, HEALTH_TIMEOUT)


def later(row: Setting[T], reason: str) -> Setting[T]:
    """The row, not supported yet: its value is read, and then refused with what to write now."""
    return replace(row, verdict=Verdict.LATER, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload(Declared):
    """A container or a machine as declared."""

    @property
    def images(self) -> tuple[tuple[str, Place], ...]:
        """The names of all images that it needs, and where they stand."""
        return tuple(zip(self.values.all(IMAGE), self.values.places(IMAGE)))

    @property
    def after(self) -> tuple[str, ...]:
        """The workloads that are to start first, sorted, each once."""
        return tuple(sorted(set(self.values.all(AFTER))))


def waits_for_itself(one: Declared) -> Iterator[Finding]:
    """What is to start after itself."""
    names = one.values.all(AFTER)
    if one.name in names:
        place = one.values.places(AFTER)[names.index(one.name)]
        yield Finding(place, "BB302", f"After={one.name} names this declaration itself.", "Leave it out.")


def mounted_twice(values: Values, *rows: Setting[guest.VolumeMount | guest.Tmpfs]) -> Iterator[Finding]:
    """Two things on one path: what comes later in the file is reported."""
    taken: dict[str, int] = {}
    mounts = [pair for row in rows for pair in zip(values.all(row), values.places(row))]
    for mount, place in sorted(mounts, key=lambda pair: pair[1].line):
        first = taken.setdefault(mount.path, place.line)
        if first != place.line:
            message = f"Something is mounted on {mount.path} already, by line {first}."
            yield Finding(place, "BB304", message, "Choose another path.")


def handed_twice(values: Values) -> Iterator[Finding]:
    """A credential that is asked for more than once: nspawn and vmspawn take each name once."""
    for name, place in values.repeats(CREDENTIAL):
        yield Finding(place, "BB304", f"Credential={name} is there twice.", "Leave one out.")
