"""A container: containers/NAME.nspawn, a systemd.nspawn(5) file with a section of ours.

The table has a row for every key that systemd 257 to 262 read from such a file, and for every key of ours. systemd
itself never gets to see the file: nspawn is called with what `Values.argv` says and reads no settings (--settings=no).
Which verdict a key has, and why, is the row's business; what a row cannot say alone is in `_contradictions`.
"""

from collections.abc import Callable, Iterator

from ...findings import Finding
from ...records import dataclass, replace
from .. import elsewhere
from .. import values as v
from ..settings import Cost, Setting, Table, Values, Verdict, refused
from ..source import Source, read_declared
from . import guest, workload
from .attachment import link
from .health import checks
from .ports import port

_EXEC, _FILES, _NETWORK, _OURS = "Exec", "Files", "Network", workload.OURS
_YES, _HOST, _NO, _LATER = Verdict.ALLOWED, Verdict.HOST, Verdict.FORBIDDEN, Verdict.LATER

_POWER = "It would give the container more power over the host than its user namespace may have."
_PATHS = "It names a path of the host. Declare infrastructure/NAME.volume and write Volume= in [X-Bitbuilder]."
_LIMITS = "Limit the container by MemoryMax=, CPUQuota= and TasksMax= in [X-Bitbuilder]."
_USERS = "The host gives every container its own range of user ids."
_LINKS = "A container gets a link for each of its networks. Leave it out."
_INTERFACE = "It would take an interface of the host. Leave it out: only networks of the tenant can be reached."
# Where a container that may use the API has the folder with its socket.
CONTROL_FOLDER = "/run/bitbuilder"


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
    _EXEC, "Environment", _YES, guest.environment, Cost.RESTART,
    "Assignments NAME=VALUE, quoted when they hold blanks.", repeat=True, show=v.show_words, emit=_each("--setenv"),
)
USER = Setting(
    _EXEC, "User", _YES, guest.user, Cost.RESTART, "A user of the image.", emit=lambda user: ("-u", user),
)
WORKING_DIRECTORY = Setting(
    _EXEC, "WorkingDirectory", _YES, v.path, Cost.RESTART, "An absolute path inside the container.",
    emit=_option("--chdir"),
)
DROP_CAPABILITY = Setting(
    _EXEC, "DropCapability", _YES, guest.capabilities, Cost.RESTART, "Capabilities to take away, such as CAP_NET_RAW.",
    repeat=True, show=v.show_words, emit=_each("--drop-capability"),
)
NO_NEW_PRIVILEGES = Setting(
    _EXEC, "NoNewPrivileges", _YES, v.boolean, Cost.RESTART, "Whether programs may not gain privileges.",
    show=v.show_boolean, emit=_yes_no("--no-new-privileges"),
)
KILL_SIGNAL = Setting(
    _EXEC, "KillSignal", _YES, guest.signal, Cost.RESTART, "The signal that asks PID 1 to stop, such as SIGRTMIN+3.",
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
    _EXEC, "SystemCallFilter", _YES, guest.denied_calls, Cost.RESTART, "System calls to deny, such as ~@keyring.",
    repeat=True, show=lambda calls: "~" + v.show_words(calls),
    emit=lambda calls: ("--system-call-filter=~" + " ".join(calls),),
)
HOSTNAME = Setting(
    _EXEC, "Hostname", _YES, guest.hostname, Cost.RESTART, "One label of letters, digits and dashes, such as web1.",
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
    _FILES, "TemporaryFileSystem", _YES, guest.tmpfs, Cost.RESTART, "A path and a size, such as /var/cache:size=64M.",
    repeat=True, emit=_option("--tmpfs"),
)
INACCESSIBLE = Setting(
    _FILES, "Inaccessible", _YES, guest.mount_point, Cost.RESTART, "A path to hide.", repeat=True,
    emit=_option("--inaccessible"),
)
SCRATCH_SIZE = Setting(
    _OURS, "ScratchSize", _YES, v.bounded_size(1 << 20, 1 << 40), Cost.RESTART,
    "How much may be written into the root, in memory, such as 256M.", default=256 << 20, show=v.show_size,
)
HEALTH = replace(
    workload.HEALTH, parse=checks("unit", "tcp", "http", "exec", "script"),
    doc="How to tell that the container is healthy: unit, tcp:PORT, http:PORT/PATH, exec:COMMAND or script:NAME.",
)
BRIDGE = Setting(
    _NETWORK, "Bridge", _YES, v.name, Cost.RESTART, "The first network of the container, such as lan.",
    refers=("netdev", "network"),
)
PORT = Setting(
    _NETWORK, "Port", _YES, port, Cost.LIVE, "A port of the host that leads inside, such as tcp:8080:80.", repeat=True,
)
EXTENSION = Setting(
    _OURS, "Extension", _LATER, v.name, Cost.RESTART, "An extension of extensions/, by its name, such as monitoring.",
    reason="Leave it out: use an image that has what the extension adds.", repeat=True, refers=("sysext", "confext"),
)
NETWORK = Setting(
    _OURS, "Network", _YES, link, Cost.RESTART, "One more network, and the address there, such as db:10.78.0.10.",
    repeat=True, refers=("netdev", "network"), named=lambda one: one.network,
)
CONTROL = Setting(
    _OURS, "Control", _YES, v.one_of("no", "read", "full"), Cost.RESTART,
    f"Whether the API of the host can be reached inside, in {CONTROL_FOLDER}: no; read, with which everybody in there "
    "can ask about the tenant; full, with which its root can act on the tenant as well.", default="no",
)
PROFILE = Setting(
    _OURS, "Profile", _YES, v.one_of("default", "strict"), Cost.RESTART,
    "strict takes from the payload what few need: gaining privileges (sudo), programs that write programs (JIT), real "
    "time and debuggers. The default is default.",
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
    *refused(_HOST, _NETWORK, "A container always has a private network. Leave it out.", "Private"),
    *refused(_HOST, _NETWORK, _LINKS, "VirtualEthernet"),
    *refused(_NO, _NETWORK, _INTERFACE, "VirtualEthernetExtra", "Interface", "MACVLAN", "IPVLAN"),
    BRIDGE,
    *refused(_NO, _NETWORK, "All tenants of the host would share the zone. Leave it out.", "Zone"),
    PORT,
    *refused(_NO, _NETWORK, "It names a path of the host. Leave it out.", "NamespacePath", since=259),
    workload.IMAGE,
    workload.PERSISTENT,
    SCRATCH_SIZE,
    workload.VOLUME,
    workload.AFTER,
    *workload.LIMITS,
    *workload.RESTARTING,
    HEALTH,
    *workload.HEALTH_TIMES,
    workload.CREDENTIAL,
    EXTENSION,
    workload.ADDRESS,
    NETWORK,
    CONTROL,
    PROFILE,
    meant=elsewhere.CONTAINER,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Container(workload.Workload):
    """A container as declared."""

    @property
    def controls(self) -> bool:
        """Whether the API of the host can be reached inside."""
        return self.values.need(CONTROL) != "no"

    @property
    def process_two(self) -> bool:
        """Whether the program runs below a small init that reaps processes and stops everything when asked."""
        chosen = self.values.get(PROCESS_TWO)
        if chosen is not None:
            return chosen
        return not (self.values.need(BOOT) or self.values.given(KILL_SIGNAL) or self.values.get(NOTIFY_READY))


def read_container(source: Source) -> tuple[Container | None, tuple[Finding, ...]]:
    """The container of a file, None when it has errors."""
    return read_declared(source, TABLE, Container, always=_contradictions)


def _contradictions(container: Container) -> Iterator[Finding]:
    values = container.values
    if values.get(PROCESS_TWO) and values.need(BOOT):
        place = values.places(PROCESS_TWO)[0]
        yield Finding(place, "BB209", "ProcessTwo=yes contradicts Boot=yes.", "Leave one out.")
    elif values.get(PROCESS_TWO) and values.get(NOTIFY_READY):
        message = "NotifyReady=yes contradicts ProcessTwo=yes: only PID 1 can say that it is ready."
        yield Finding(values.places(NOTIFY_READY)[0], "BB209", message, "Leave one out.")
    if not (values.need(BOOT) or values.given(PARAMETERS) or values.unread(BOOT) or values.unread(PARAMETERS)):
        hint = "Write Boot=yes, or Parameters= with the program."
        yield Finding(values.places(BOOT)[0], "BB209", "The container has nothing to run.", hint)
    if values.get(SUPPRESS_SYNC) and values.all(workload.VOLUME):
        hint = "Leave SuppressSync= out."
        message = "SuppressSync=yes would lose what is written to a volume."
        yield Finding(values.places(SUPPRESS_SYNC)[0], "BB209", message, hint)
    if not values.given(BRIDGE) and not values.unread(BRIDGE):
        hint = "Write Bridge= in [Network] with the name of a network."
        for row in (PORT, workload.ADDRESS, NETWORK):
            if values.given(row):
                yield Finding(values.places(row)[0], "BB209", f"{row.key}= needs a first network.", hint)
    yield from _twice(values)
    yield from _hidden(container)
    yield from workload.waits_for_itself(container)
    yield from workload.mounted_twice(values, workload.VOLUME, TEMPORARY)
    yield from workload.handed_twice(values)


def _hidden(container: Container) -> Iterator[Finding]:
    """What would take the place of the API, or hide it."""
    values = container.values
    hides = tuple(zip(values.all(INACCESSIBLE), values.places(INACCESSIBLE)))
    rows: tuple[Setting[guest.VolumeMount | guest.Tmpfs], ...] = (workload.VOLUME, TEMPORARY)
    mounts = [(one.path, place) for row in rows for one, place in zip(values.all(row), values.places(row))]
    found = [place for path, place in (*mounts, *hides) if f"{path}/".startswith(f"{CONTROL_FOLDER}/")]
    found += [place for path, place in hides if path == "/run"]
    for place in found if container.controls else ():
        hint = "Choose another path, or write Control=no."
        yield Finding(place, "BB304", f"Control= has the API of the host in {CONTROL_FOLDER} already.", hint)


def _twice(values: Values) -> Iterator[Finding]:
    """A network that the container is in already, and a port of the host that leads inside already."""
    taken = {values.get(BRIDGE)}
    for link, place in zip(values.all(NETWORK), values.places(NETWORK)):
        if link.network in taken:
            yield Finding(place, "BB304", f"The container is in the network {link.network} already.", "Leave one out.")
        taken.add(link.network)
    ports = set()
    for one, place in zip(values.all(PORT), values.places(PORT)):
        if (one.protocol, one.host) in ports:
            message = f"The port {one.protocol}:{one.host} of the host leads inside already."
            yield Finding(place, "BB304", message, "Leave one out.")
        ports.add((one.protocol, one.host))
