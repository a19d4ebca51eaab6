"""Transient units, started by one message to the service manager: no program of ours or of systemd runs for it.

`systemd-run --pipe --wait` costs four times as much as the unit itself, in its own start, in the bus daemon, and in
what it has process 1 tell it (tests/bench, `change`). This says the same thing and lets go at once: how a unit ends is
seen from its standard output.
"""

import socket
from collections.abc import Callable, Mapping, Sequence

from ..errors import BbhvError
from ..formats import dbus
from ..formats.dbus import Value
from . import bus

_MANAGER = ("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
_SERIAL = 1
_RECURSIVE = 0x4000  # MS_REC
_UNITS = {"K": 10, "M": 20, "G": 30}

Property = tuple[str, tuple[str, Value]]


def start(
    unit: str, properties: Sequence[str], argv: Sequence[str], environment: Mapping[str, str], stdout: int,
    stdin: int | None = None,
) -> None:
    """Starts a service that is gone when it ends. `properties` are as in a unit file; what it says as an error goes to
    its standard output too, and without a `stdin` there is nothing to read.

    Each descriptor costs the manager a process, in which it closes it at the end. Raises BbhvError when the manager
    does not take the unit. Whether the program could be started is not waited for.
    """
    fds = (stdout,) if stdin is None else (stdout, stdin)
    values: list[Value] = [property_of(text) for text in (*_STREAMS, *properties)]
    values += [(f"{name}FileDescriptor", ("h", number)) for number, (name, _) in enumerate(zip(_PASSED, fds))]
    values.append(("Environment", ("as", [f"{name}={value}" for name, value in environment.items()])))
    values.append(("ExecStart", ("a(sasb)", [(argv[0], list(argv), False)])))
    message = dbus.call(
        _SERIAL, *_MANAGER, "StartTransientUnit", bus.NAME, "ssa(sv)a(sa(sv))",
        (unit, "fail", values, []), len(fds),
    )  # fmt: skip
    with bus.conversation() as manager:
        manager.say(message, fds)
        reply = manager.answer(_SERIAL)
    if reply.kind == dbus.ERROR:
        raise BbhvError(f"systemd does not start {unit}: {reply.text.rstrip('.') or reply.error}.")


_PASSED = ("StandardOutput", "StandardInput")
# The output is what is passed, whatever the line says; with the default, the unit would depend on the journal.
_STREAMS = ("StandardInput=null", "StandardOutput=null", "StandardError=inherit")


def property_of(text: str) -> Property:
    """A line of a unit file as the manager's D-Bus interface wants it. Raises ValueError for one that is not known."""
    name, _, value = text.partition("=")
    if name not in _KINDS:
        raise ValueError(f"{name}= has no translation")
    return _KINDS[name](name, value)


def _flag(name: str, value: str) -> Property:
    if value not in ("yes", "no"):
        raise ValueError(f"{name}={value} is neither yes nor no")
    return name, ("b", value == "yes")


def _word(name: str, value: str) -> Property:
    return name, ("s", value)


def _words(name: str, value: str) -> Property:
    return name, ("as", value.split())


def _size(name: str, value: str) -> Property:
    """A number, or a size with the letter of a power of 1024."""
    letter = value[-1:]
    return name, ("t", int(value[:-1]) << _UNITS[letter] if letter in _UNITS else int(value))


def _seconds(name: str, value: str) -> Property:
    return f"{name.removesuffix('Sec')}USec", ("t", int(value) * 1_000_000)


def _nothing(name: str, _: str) -> Property:
    """A set of which nothing is left: no capability, no kind of namespace."""
    return name, ("t", 0)


def _octal(name: str, value: str) -> Property:
    return name, ("u", int(value, 8))


def _level(name: str, value: str) -> Property:
    return name, ("i", ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug").index(value))


def _filter(name: str, value: str) -> Property:
    """A list of what is allowed, or, after a tilde, of what is not."""
    return name, ("(bas)", (not value.startswith("~"), value.removeprefix("~").split()))


def _tmp(name: str, value: str) -> Property:
    return ("PrivateTmpEx", ("s", value)) if value == "disconnected" else _flag(name, value)


def _mounts(name: str, value: str) -> Property:
    """`[-]SOURCE[:DESTINATION]`."""
    source, _, target = value.removeprefix("-").partition(":")
    return name, ("a(ssbt)", [(source, target or source, value.startswith("-"), _RECURSIVE)])


def _pair(name: str, value: str) -> Property:
    first, _, second = value.partition(":")
    return name, ("a(ss)", [(first, second)])


def _credential(name: str, value: str) -> Property:
    """A credential from a store, found there by its own name."""
    return name, ("a(ss)", [(value, value)])


def _network(name: str, value: str) -> Property:
    address, _, length = value.partition("/")
    return name, ("a(iayu)", [(socket.AF_INET, socket.inet_aton(address), int(length))])


_KINDS: Mapping[str, Callable[[str, str], Property]] = {
    **dict.fromkeys((
        "BindLogSockets", "DefaultDependencies", "DynamicUser", "LockPersonality", "MemoryDenyWriteExecute",
        "MountAPIVFS", "NoNewPrivileges", "PrivateDevices", "PrivateIPC", "PrivateNetwork", "ProtectClock",
        "ProtectControlGroups", "ProtectHostname", "ProtectKernelLogs", "ProtectKernelModules",
        "ProtectKernelTunables", "RestrictRealtime", "RestrictSUIDSGID",
    ), _flag),
    **dict.fromkeys((
        "CollectMode", "Description", "KeyringMode", "ProcSubset", "ProtectHome", "ProtectProc", "ProtectSystem",
        "RootDirectory", "Slice", "StandardError", "StandardInput", "StandardOutput", "Type",
    ), _word),
    **dict.fromkeys(("LimitCORE", "LimitCPU", "LimitDATA", "LimitFSIZE", "MemoryMax", "TasksMax"), _size),
    **dict.fromkeys(("BindPaths", "BindReadOnlyPaths"), _mounts),
    **dict.fromkeys(("LoadCredential", "LoadCredentialEncrypted"), _credential),
    **dict.fromkeys(("RestrictNamespaces", "CapabilityBoundingSet"), _nothing),
    **dict.fromkeys(("RestrictAddressFamilies", "SystemCallFilter"), _filter),
    "IPAddressDeny": _network, "LogLevelMax": _level, "PrivateTmp": _tmp, "RuntimeMaxSec": _seconds,
    **dict.fromkeys(("Before", "Conflicts", "InaccessiblePaths", "SystemCallArchitectures"), _words),
    "TemporaryFileSystem": _pair, "UMask": _octal,
}  # fmt: skip
