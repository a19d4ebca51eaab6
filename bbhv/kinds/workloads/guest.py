"""How values read that have a meaning inside a container: its processes, its users, its files."""

from ...findings import did_you_mean
from ...records import dataclass
from ..values import Unreadable, bounded_size, integer, name, path, quoted, words

_SIGNALS = tuple(
    """HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG
    XCPU XFSZ VTALRM PROF WINCH IO PWR SYS""".split()
)
_CAPABILITIES = frozenset(
    "CAP_" + name
    for name in """AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE
    DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN
    NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT SYS_CHROOT
    SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM""".split()
)
_ENV_RESERVED = ("SYSTEMD_", "LISTEN_", "WATCHDOG_", "NOTIFY_SOCKET", "container", "CREDENTIALS_DIRECTORY")
_DIGITS = frozenset("0123456789")
_ALNUM = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


def signal(value: str) -> str:
    """A signal by name, with or without SIG, by number, or as SIGRTMIN+N; the value is SIGNAME."""
    name = value.removeprefix("SIG")
    if name in _SIGNALS:
        return "SIG" + name
    if len(value) in (1, 2) and _DIGITS.issuperset(value) and 1 <= int(value) <= len(_SIGNALS):
        return "SIG" + _SIGNALS[int(value) - 1]
    for base, sign in (("RTMIN", "+"), ("RTMAX", "-")):
        if name == base:
            return "SIG" + base
        offset = name.removeprefix(base + sign)
        if offset != name and offset and len(offset) <= 2 and _DIGITS.issuperset(offset) and int(offset) <= 30:
            return f"SIG{base}{sign}{int(offset)}"
    hint = did_you_mean(name, _SIGNALS) or "Write a name such as SIGTERM."
    raise Unreadable(f"{quoted(value)} is not a signal.", hint)


def environment(value: str) -> tuple[str, ...]:
    """Environment assignments NAME=VALUE."""
    assignments = words(value)
    for assignment in assignments:
        name, equals, _ = assignment.partition("=")
        if not equals or not name or name[0] in _DIGITS or not _ALNUM.issuperset(name.replace("_", "")):
            raise Unreadable(f"{quoted(assignment)} is not an assignment NAME=VALUE.")
        if name.startswith(_ENV_RESERVED):
            raise Unreadable(f"The variable {name} is set by systemd.", "Choose another name.")
    return assignments


def capabilities(value: str) -> tuple[str, ...]:
    """Capabilities by name, or `all`; the value is sorted."""
    names = words(value)
    for name in names:
        if name != "all" and name not in _CAPABILITIES:
            raise Unreadable(f"{quoted(name)} is not a capability.", did_you_mean(name, _CAPABILITIES))
    return tuple(sorted(set(names)))


def denied_calls(value: str) -> tuple[str, ...]:
    """A system call filter that only takes away: `~` and names of calls or @groups; the value is sorted."""
    if not value.startswith("~"):
        raise Unreadable("Only a filter that denies calls is allowed.", "Write ~ before the list, such as ~@keyring.")
    names = words(value[1:])
    for name in names:
        if not name or not _ALNUM.issuperset(name.removeprefix("@").replace("_", "").replace("-", "")):
            raise Unreadable(f"{quoted(name)} is not the name of a system call or of a group of them.")
    return tuple(sorted(set(names)))


def mount_point(value: str) -> str:
    """A path inside a container where something may be mounted."""
    where = path(value)
    if ":" in where or "\\" in where:
        raise Unreadable(f"The path {quoted(where)} has a colon or a backslash in it.")
    if where == "/" or where.startswith(("/proc/", "/sys/", "/dev/")) or where in ("/proc", "/sys", "/dev"):
        raise Unreadable(f"Nothing can be mounted on {where}.", "Choose a directory such as /srv/data.")
    return where


def hostname(value: str) -> str:
    """One DNS label."""
    plain = value.replace("-", "")
    if not 0 < len(value) <= 63 or not plain or not _ALNUM.issuperset(plain) or "-" in (value[0], value[-1]):
        hint = "Write letters, digits and dashes, at most 63, such as web1."
        raise Unreadable(f"{quoted(value)} is not a host name.", hint)
    return value


def user(value: str) -> str:
    """The name of a user inside the container, or a numeric id."""
    if value and _DIGITS.issuperset(value):
        return str(integer(0, 65534)(value))
    plain = value.replace("_", "").replace("-", "")
    if not 0 < len(value) <= 31 or value[0] == "-" or not _ALNUM.issuperset(plain):
        raise Unreadable(f"{quoted(value)} is not a user name.", "Write one user of the image, without a group.")
    return value


@dataclass(frozen=True, slots=True)
class VolumeMount:
    """A volume of the tenant and where a container sees it."""

    volume: str
    path: str

    def __str__(self) -> str:
        return f"{self.volume}:{self.path}"


@dataclass(frozen=True, slots=True)
class Tmpfs:
    """A file system in memory and its mount options, which bound its size."""

    path: str
    options: str

    def __str__(self) -> str:
        return f"{self.path}:{self.options}"


def volume_mount(value: str) -> VolumeMount:
    """A volume and a path inside the container: NAME:/PATH."""
    volume, colon, where = value.partition(":")
    if not colon:
        hint = "Write the volume, a colon and a path, such as data:/srv/data."
        raise Unreadable(f"{quoted(value)} is not NAME:/PATH.", hint)
    if volume.startswith(("/", ".", "~")):
        hint = f"Declare infrastructure/NAME.volume, and write Volume=NAME:{where.partition(':')[0]}."
        raise Unreadable(f"{quoted(volume)} is a path, but a volume has a name.", hint)
    if ":" in where:
        where, _, options = where.partition(":")
        hint = f"A volume has no options here. Write {volume}:{where}."
        raise Unreadable(f"The path {quoted(where)} is followed by {quoted(options)}.", hint)
    return VolumeMount(name(volume), mount_point(where))


def tmpfs(value: str) -> Tmpfs:
    """A path and the options of a file system in memory, of which `size=` must be there."""
    where, _, options = value.partition(":")
    if not options:
        raise Unreadable(f"{quoted(value)} has no size.", "Write a path and a size, such as /var/cache:size=64M.")
    shown, sized = [], False
    for option in options.split(","):
        key, _, amount = option.partition("=")
        if key == "size":
            sized = True
            shown.append(f"size={bounded_size(1 << 12, 1 << 40)(amount)}")
        elif key == "mode" and 3 <= len(amount) <= 4 and frozenset("01234567").issuperset(amount):
            shown.append(option)
        elif key == "nr_inodes":
            shown.append(f"nr_inodes={integer(1, 1 << 24)(amount)}")
        elif option in ("nosuid", "nodev", "noexec", "ro", "rw"):
            shown.append(option)
        else:
            hint = "Use size=, mode=, nr_inodes=, nosuid, nodev, noexec, ro."
            raise Unreadable(f"The mount option {quoted(option)} is not allowed.", hint)
    if not sized:
        raise Unreadable(f"{quoted(value)} has no size.", "Write a path and a size, such as /var/cache:size=64M.")
    return Tmpfs(mount_point(where), ",".join(shown))
