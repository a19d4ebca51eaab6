"""A container: containers/NAME.nspawn, a systemd.nspawn(5) file with a section of ours.

The table has a row for every key that systemd 257 to 262 read from such a file, and for every key of ours. systemd
itself never gets to see the file: nspawn is called with what `Values.argv` says and reads no settings (--settings=no).
Which verdict a key has, and why, is the row's business; what a row cannot say alone is in `_contradictions`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..findings import Finding, errors
from . import guest as g
from . import values as v
from .settings import Cost, Setting, Table, Values, Verdict, refused
from .source import Declared, Source, unit_values

SECOND = 10**6
_EXEC, _FILES, _NETWORK, _OURS = "Exec", "Files", "Network", "X-Bitbuilder"
_YES, _HOST, _NO, _LATER = Verdict.ALLOWED, Verdict.HOST, Verdict.FORBIDDEN, Verdict.LATER

_POWER = "It would give the container more power over the host than its user namespace may have."
_PATHS = "It names a path of the host. Declare infrastructure/NAME.volume and write Volume= in [X-Bitbuilder]."
_LIMITS = "Limit the container by MemoryMax=, CPUQuota= and TasksMax= in [X-Bitbuilder]."
_USERS = "The host gives every container its own range of user ids."
_ALONE = "A container has a private network with loopback only."


def _option(name: str) -> Callable[[object], tuple[str, ...]]:
    """A command line option with the value after an equals sign."""
    return lambda value: (f"{name}={value}",)


def _each(name: str) -> Callable[[tuple[str, ...]], tuple[str, ...]]:
    """A command line option for each word."""
    return lambda words: tuple(f"{name}={word}" for word in words)


def _yes_no(name: str) -> Callable[[bool], tuple[str, ...]]:
    """A command line option with a boolean after an equals sign."""
    return lambda value: (f"{name}={v.show_boolean(value)}",)


BOOT = Setting(
    _EXEC, "Boot", _YES, v.boolean, Cost.RESTART, "Boot the init system of the image.", default=False,
    show=v.show_boolean,
)
PROCESS_TWO = Setting(
    _EXEC, "ProcessTwo", _YES, v.boolean, Cost.RESTART,
    "Run the program below a small init. The default is yes, but no with Boot=yes, KillSignal= or NotifyReady=yes.",
    show=v.show_boolean,
)
PARAMETERS = Setting(
    _EXEC, "Parameters", _YES, v.parameters, Cost.RESTART,
    "The program and its arguments, or with Boot=yes the arguments of init.", show=v.show_words,
)
ENVIRONMENT = Setting(
    _EXEC, "Environment", _YES, g.environment, Cost.RESTART, "Assignments NAME=VALUE, quoted when they hold blanks.",
    repeat=True, show=v.show_words, emit=_each("--setenv"),
)
USER = Setting(
    _EXEC, "User", _YES, g.user, Cost.RESTART, "A user of the image.", emit=lambda user: ("-u", user),
)
WORKING_DIRECTORY = Setting(
    _EXEC, "WorkingDirectory", _YES, v.path, Cost.RESTART, "An absolute path inside the container.",
    emit=_option("--chdir"),
)
DROP_CAPABILITY = Setting(
    _EXEC, "DropCapability", _YES, g.capabilities, Cost.RESTART, "Capabilities to take away, such as CAP_NET_RAW.",
    repeat=True, show=v.show_words, emit=_each("--drop-capability"),
)
NO_NEW_PRIVILEGES = Setting(
    _EXEC, "NoNewPrivileges", _YES, v.boolean, Cost.RESTART, "Whether programs may not gain privileges.",
    show=v.show_boolean, emit=_yes_no("--no-new-privileges"),
)
KILL_SIGNAL = Setting(
    _EXEC, "KillSignal", _YES, g.signal, Cost.RESTART, "The signal that asks PID 1 to stop, such as SIGRTMIN+3.",
    emit=_option("--kill-signal"),
)
PERSONALITY = Setting(
    _EXEC, "Personality", _YES, v.one_of("x86-64", "x86"), Cost.RESTART, "The architecture that uname(2) reports.",
    emit=_option("--personality"),
)
NOTIFY_READY = Setting(
    _EXEC, "NotifyReady", _YES, v.boolean, Cost.RESTART,
    "Wait until the payload says that it is ready. The default is the value of Boot=.", show=v.show_boolean,
)
SYSTEM_CALL_FILTER = Setting(
    _EXEC, "SystemCallFilter", _YES, g.denied_calls, Cost.RESTART, "System calls to deny, such as ~@keyring.",
    repeat=True, show=lambda calls: "~" + v.show_words(calls),
    emit=lambda calls: ("--system-call-filter=~" + " ".join(calls),),
)
HOSTNAME = Setting(
    _EXEC, "Hostname", _YES, g.hostname, Cost.RESTART, "One label of letters, digits and dashes, such as web1.",
    emit=_option("--hostname"),
)
RESOLV_CONF = Setting(
    _EXEC, "ResolvConf", _YES, v.one_of("off", "delete"), Cost.RESTART,
    "off leaves /etc/resolv.conf of the image alone, delete removes it; nothing is taken from the host.",
    default="off", emit=_option("--resolv-conf"),
)
TIMEZONE = Setting(
    _EXEC, "Timezone", _YES, v.one_of("off", "delete"), Cost.RESTART,
    "off leaves /etc/localtime of the image alone, delete removes it; nothing is taken from the host.",
    default="off", emit=_option("--timezone"),
)
SUPPRESS_SYNC = Setting(
    _EXEC, "SuppressSync", _YES, v.boolean, Cost.RESTART, "Make fsync do nothing. Not together with Volume=.",
    show=v.show_boolean, emit=_yes_no("--suppress-sync"),
)
READ_ONLY = Setting(
    _FILES, "ReadOnly", _YES, v.boolean, Cost.RESTART, 
    "Whether the root cannot be written. What is mounted into it needs a directory in the image then.", default=False,
    show=v.show_boolean, emit=lambda value: ("--read-only",) if value else (),
)
TEMPORARY = Setting(
    _FILES, "TemporaryFileSystem", _YES, g.tmpfs, Cost.RESTART, "A path and a size, such as /var/cache:size=64M.",
    repeat=True, emit=_option("--tmpfs"),
)
INACCESSIBLE = Setting(
    _FILES, "Inaccessible", _YES, g.mount_point, Cost.RESTART, "A path to hide.", repeat=True,
    emit=_option("--inaccessible"),
)
IMAGE = Setting(
    _OURS, "Image", _YES, v.name, Cost.RECREATE,
    "The image to start from: infrastructure/NAME.image, or one that the host offers.", required=True,
)
PERSISTENT = Setting(
    _OURS, "Persistent", _YES, v.switch(only=False), Cost.RECREATE, "Whether changes of the root are kept.",
    default=False, show=v.show_boolean,
)
SCRATCH_SIZE = Setting(
    _OURS, "ScratchSize", _YES, v.bounded_size(1 << 20, 1 << 40), Cost.RESTART,
    "How much may be written into the root, in memory, such as 256M.", default=256 << 20, show=v.show_size,
)
VOLUME = Setting(
    _OURS, "Volume", _YES, g.volume_mount, Cost.RESTART, "A volume and where to see it, such as data:/srv/data.",
    repeat=True, refers=("volume",), named=lambda mount: mount.volume,
)
AFTER = Setting(
    _OURS, "After", _YES, v.name, Cost.LIVE, "A workload of this tenant that is to start first.", repeat=True,
    refers=("container", "machine"),
)
MEMORY_MAX = Setting(
    _OURS, "MemoryMax", _YES, v.memory, Cost.LIVE, "The most memory, such as 512M.",
    show=v.show_size, directive="MemoryMax",
)
MEMORY_HIGH = Setting(
    _OURS, "MemoryHigh", _YES, v.memory, Cost.LIVE, "Where memory use is slowed down, such as 400M.",
    show=v.show_size, directive="MemoryHigh",
)
CPU_QUOTA = Setting(
    _OURS, "CPUQuota", _YES, v.quota, Cost.LIVE, "The most CPU time, as a percentage of one CPU, such as 50%.",
    show=v.show_quota, directive="CPUQuota",
)
CPU_WEIGHT = Setting(
    _OURS, "CPUWeight", _YES, v.cpu_weight, Cost.LIVE, "The share of CPU time, 1 to 10000 or idle.",
    directive="CPUWeight",
)
TASKS_MAX = Setting(
    _OURS, "TasksMax", _YES, v.tasks, Cost.LIVE, "The most processes and threads, such as 512.",
    show=v.show_limit, directive="TasksMax",
)
IO_WEIGHT = Setting(
    _OURS, "IOWeight", _YES, v.weight, Cost.LIVE, "The share of disk time, 1 to 10000.", directive="IOWeight",
)
RESTART = Setting(
    _OURS, "Restart", _YES, v.one_of("always", "on-failure", "no"), Cost.LIVE,
    "When to start the container again: always, on-failure or no.", default="always", directive="Restart",
)
HEALTH = Setting(
    _OURS, "Health", _YES, g.health, Cost.NONE, "How to tell that the container is healthy: unit.", default="unit"
)
HEALTH_STABLE = Setting(
    _OURS, "HealthStableSec", _YES, v.bounded_span(0, 3600), Cost.NONE,
    "How long the container must stay up to count as healthy, such as 5s.", default=5 * SECOND, show=v.show_span,
)
HEALTH_GRACE = Setting(
    _OURS, "HealthGraceSec", _YES, v.bounded_span(0, 3600), Cost.NONE,
    "How long to wait before the first check, such as 10s.", default=0, show=v.show_span,
)
HEALTH_INTERVAL = Setting(
    _OURS, "HealthIntervalSec", _YES, v.bounded_span(1, 3600), Cost.NONE,
    "How long to wait between two checks, such as 1s.", default=1 * SECOND, show=v.show_span,
)
HEALTH_TIMEOUT = Setting(
    _OURS, "HealthTimeoutSec", _YES, v.bounded_span(1, 3600), Cost.NONE,
    "How long one check may take, such as 5s.", default=5 * SECOND, show=v.show_span,
)

TABLE = Table(
    BOOT,
    PROCESS_TWO,
    PARAMETERS,
    *refused(_HOST, _EXEC, "Persistent= in [X-Bitbuilder] decides what happens to changes of the root.", "Ephemeral"),
    ENVIRONMENT,
    USER,
    WORKING_DIRECTORY,
    *refused(_NO, _EXEC, "Use an image whose root is the root of the container.", "PivotRoot"),
    *refused(_NO, _EXEC, _POWER, "Capability", "AmbientCapability"),
    DROP_CAPABILITY,
    NO_NEW_PRIVILEGES,
    KILL_SIGNAL,
    PERSONALITY,
    *refused(_HOST, _EXEC, "It is derived from the name of the container and stays the same.", "MachineID"),
    *refused(_HOST, _EXEC, _USERS, "PrivateUsers"),
    *refused(_HOST, _EXEC, _USERS, "PrivateUsersDelegate", since=260),
    NOTIFY_READY,
    SYSTEM_CALL_FILTER,
    *refused(_HOST, _EXEC, "IPv4, IPv6, netlink and local sockets are there.", "RestrictAddressFamilies", since=261),
    *refused(_HOST, _EXEC, _LIMITS, "LimitCPU", "LimitFSIZE", "LimitDATA", "LimitSTACK", "LimitCORE", "LimitRSS",
             "LimitNOFILE", "LimitAS", "LimitNPROC", "LimitMEMLOCK", "LimitLOCKS", "LimitSIGPENDING", "LimitMSGQUEUE",
             "LimitNICE", "LimitRTPRIO", "LimitRTTIME", "OOMScoreAdjust", "CPUAffinity"),
    HOSTNAME,
    RESOLV_CONF,
    TIMEZONE,
    *refused(_HOST, _EXEC, "The host never reads a container's journal files.", "LinkJournal"),
    SUPPRESS_SYNC,
    READ_ONLY,
    *refused(_HOST, _FILES, "Persistent= in [X-Bitbuilder] decides what happens to changes of the root.", "Volatile"),
    *refused(_NO, _FILES, _PATHS, "Bind", "BindReadOnly", "Overlay", "OverlayReadOnly"),
    TEMPORARY,
    INACCESSIBLE,
    *refused(_NO, _FILES, "It would give the container a user of the host with the password's hash.", "BindUser"),
    *refused(_NO, _FILES, "It only serves BindUser=, which is not allowed.", "BindUserShell", since=258),
    *refused(_HOST, _FILES, _USERS, "PrivateUsersOwnership", "PrivateUsersChown"),
    *refused(_HOST, _NETWORK, _ALONE, "Private"),
    *refused(_LATER, _NETWORK, _ALONE, "VirtualEthernet", "VirtualEthernetExtra", "Interface", "MACVLAN", "IPVLAN",
             "Bridge", "Zone", "Port"),
    *refused(_LATER, _NETWORK, _ALONE, "NamespacePath", since=259),
    IMAGE,
    PERSISTENT,
    SCRATCH_SIZE,
    VOLUME,
    AFTER,
    MEMORY_MAX,
    MEMORY_HIGH,
    CPU_QUOTA,
    CPU_WEIGHT,
    TASKS_MAX,
    IO_WEIGHT,
    RESTART,
    HEALTH,
    HEALTH_STABLE,
    HEALTH_GRACE,
    HEALTH_INTERVAL,
    HEALTH_TIMEOUT,
    *refused(_LATER, _OURS, "", "Credential", "Extension"),
    *refused(_LATER, _OURS, _ALONE, "Address", "Network"),
    *refused(_LATER, _OURS, "Leave it out: a container has no access to the API of its tenant.", "Control"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Container(Declared):
    """A container as declared."""

    @property
    def process_two(self) -> bool:
        """Whether the program runs below a small init that reaps processes and stops everything when asked."""
        chosen = self.values.get(PROCESS_TWO)
        if chosen is not None:
            return chosen
        return not (self.values.need(BOOT) or self.values.given(KILL_SIGNAL) or self.values.get(NOTIFY_READY))

    @property
    def after(self) -> tuple[str, ...]:
        """The workloads that are to start first, sorted, each once."""
        return tuple(sorted(set(self.values.all(AFTER))))


def read_container(source: Source) -> tuple[Container | None, tuple[Finding, ...]]:
    """The container of a file, None when it has errors."""
    values, findings = unit_values(source, TABLE)
    container = Container(name=source.name, file=source.file, values=values)
    findings += tuple(_contradictions(container))
    return None if errors(findings) else container, findings


def _contradictions(container: Container) -> Iterator[Finding]:
    values = container.values
    if values.get(PROCESS_TWO) and values.need(BOOT):
        place = values.places(PROCESS_TWO)[0]
        yield Finding(place, "BB209", "ProcessTwo=yes contradicts Boot=yes.", "Leave one out.")
    elif values.get(PROCESS_TWO) and values.get(NOTIFY_READY):
        message = "NotifyReady=yes contradicts ProcessTwo=yes: only PID 1 can say that it is ready."
        yield Finding(values.places(NOTIFY_READY)[0], "BB209", message, "Leave one out.")
    if not values.need(BOOT) and not values.given(PARAMETERS):
        hint = "Write Boot=yes, or Parameters= with the program."
        yield Finding(values.places(BOOT)[0], "BB209", "The container has nothing to run.", hint)
    if values.get(SUPPRESS_SYNC) and values.all(VOLUME):
        hint = "Leave SuppressSync= out."
        message = "SuppressSync=yes would lose what is written to a volume."
        yield Finding(values.places(SUPPRESS_SYNC)[0], "BB209", message, hint)
    if container.name in values.all(AFTER):
        place = values.places(AFTER)[values.all(AFTER).index(container.name)]
        yield Finding(place, "BB302", "After= names the container itself.", "Leave it out.")
    yield from _mount_collisions(values)


def _mount_collisions(values: Values) -> Iterator[Finding]:
    """Two things mounted on the same path: the later one is reported."""
    taken: dict[str, str] = {}
    mounts = [(mount.path, place) for mount, place in zip(values.all(VOLUME), values.places(VOLUME))]
    mounts += [(mount.path, place) for mount, place in zip(values.all(TEMPORARY), values.places(TEMPORARY))]
    for path, place in sorted(mounts, key=lambda mount: (mount[1].line, mount[0])):
        if path in taken:
            message = f"Something is mounted on {path} already, by {taken[path]}."
            yield Finding(place, "BB304", message, "Choose another path.")
        taken.setdefault(path, f"line {place.line}")
