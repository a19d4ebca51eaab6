"""systemd: units asked for and acted on in few calls, sandboxes, notification.

Nothing is guessed from a version where the program itself can be asked. Every call is bounded in time.
"""

import os
import socket
import time
from contextlib import contextmanager
from typing import Iterable, Iterator, Mapping, Sequence

from ..records import dataclass
from . import log, run

QUICK = 60.0
LINES_A_SECOND = 8
_own: set[str] = set()
_reloads: list[float] = [0.0]
_spoken: list[float] = [0.0, 0.0]  # when the second began, and how many lines there were in it


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What one sandboxed program may do beyond nothing at all; everything else is refused to it."""

    properties: tuple[str, ...] = ()
    network: bool = False
    root: bool = False
    memory: str = "1G"
    file_size: int = 1 << 30
    seconds: int = 600
    cpu: int = 1800


# PROVEN on 257 and 262: exposure 1.2 with a dynamic user.
STRICT = (
    "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes", "PrivateDevices=yes", "PrivateIPC=yes",
    "ProtectProc=invisible", "ProcSubset=pid", "ProtectKernelTunables=yes", "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes", "ProtectControlGroups=yes", "ProtectClock=yes", "ProtectHostname=yes",
    "NoNewPrivileges=yes", "RestrictNamespaces=yes", "RestrictRealtime=yes", "RestrictSUIDSGID=yes",
    "LockPersonality=yes", "MemoryDenyWriteExecute=yes", "SystemCallArchitectures=native", "UMask=0077",
    "KeyringMode=private", "TasksMax=64", "LimitCORE=0", "Slice=system.slice",
)  # fmt: skip
UNPRIVILEGED = (
    "DynamicUser=yes", "CapabilityBoundingSet=", "SystemCallFilter=@system-service",
    "SystemCallFilter=~@privileged @resources",
)  # fmt: skip


def sandbox_properties(sandbox: Sandbox) -> list[str]:
    """The lines of a unit file that make a sandbox."""
    properties = list(STRICT)
    if not sandbox.root:
        properties += UNPRIVILEGED
    if sandbox.network:
        properties += ["RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6", "IPAddressDeny=169.254.0.0/16"]
    else:
        properties += ["PrivateNetwork=yes", "RestrictAddressFamilies=AF_UNIX"]
    properties += [f"MemoryMax={sandbox.memory}", f"LimitFSIZE={sandbox.file_size}", f"RuntimeMaxSec={sandbox.seconds}"]
    # A host without the memory controller has only what the kernel counts for each process.
    properties += [f"LimitDATA={sandbox.memory}", f"LimitCPU={sandbox.cpu}"]
    properties += sandbox.properties
    return properties


def sandbox_command(
    unit: str, sandbox: Sandbox, argv: Sequence[str], environment: Mapping[str, str]
) -> tuple[str, ...]:
    """The command that runs `argv` in a transient sandboxed unit, with our standard input and output."""
    return (
        "systemd-run", "--quiet", "--collect", "--pipe", "--wait", "--service-type=exec", "--expand-environment=no",
        f"--unit={unit}", *(f"--property={text}" for text in sandbox_properties(sandbox)),
        *(f"--setenv={name}={value}" for name, value in environment.items()), "--", *argv,
    )  # fmt: skip


def version() -> int:
    """The version of systemd that runs, for example 257; 0 when it cannot be told."""
    first = run.run(("systemctl", "--version"), timeout=QUICK).text.split()
    return int(first[1]) if len(first) > 1 and first[1].isdigit() else 0


def daemon_reload() -> None:
    """Makes systemd read all units again. Raises CommandError."""
    began = time.monotonic()
    run.run(("systemctl", "daemon-reload"), timeout=300.0)
    _reloads[:] = [time.monotonic() - began]


def reload_seconds() -> float:
    """How long systemd last took for that, as far as this process knows."""
    return _reloads[0]


def act(verb: str, units: Iterable[str], *, timeout: float = 300.0, ok: Sequence[int] = (0,)) -> None:
    """Starts, stops, restarts or reloads units in one call, and waits; none is fine. Raises CommandError."""
    names = tuple(units)
    if names:
        run.run(("systemctl", verb, "--", *names), timeout=timeout, ok=ok)
    if verb == "stop":
        _own.difference_update(names)


def urge(verb: str, units: Iterable[str]) -> str:
    """Queues what is to happen to units, without waiting. What systemd will not do is logged, returned, and seen by
    the watch."""
    names = tuple(units)
    if not names:
        return ""
    done = run.run(("systemctl", verb, "--no-block", "--", *names), timeout=QUICK, ok=())
    problem = " ".join(done.stderr.split()) if done.returncode else ""
    if problem:
        log.write("warning", problem)
    return problem


def reset_failed(patterns: Iterable[str]) -> None:
    """Makes those of the units that failed inactive; others, and those that are not loaded, stay as they are."""
    failed = [unit for unit, state in states(tuple(patterns)).items() if state == "failed"]
    act("reset-failed", failed, ok=(0, 1, 5))


def start_later(unit: str, seconds: int) -> None:
    """Starts a unit after so many seconds, by a timer of its name that is gone afterwards. Raises CommandError."""
    when = (f"--on-active={seconds}", "--timer-property=AccuracySec=1s")
    run.run(("systemd-run", "--quiet", f"--unit={unit}", *when), timeout=QUICK)


def start_transient(unit: str, properties: Sequence[str], argv: Sequence[str]) -> None:
    """Starts a unit that exists as long as it runs, and does not wait for it. Raises CommandError."""
    _own.add(unit)
    run.run(
        ("systemd-run", "--quiet", "--no-block", "--service-type=oneshot", "--expand-environment=no", f"--unit={unit}",
         *(f"--property={text}" for text in properties), "--", *argv), timeout=QUICK,
    )  # fmt: skip


def run_transient(
    unit: str, properties: Sequence[str], argv: Sequence[str], environment: Mapping[str, str], seconds: int
) -> str | None:
    """Runs a unit that exists as long as it runs, to its end or at most so long. None when it ended well.

    Otherwise the unit stays known as failed, for `show` and until `forget`; the text is what systemd complained of,
    which is empty when the unit ran at all. Raises CommandError when systemd does not come to its end.
    """
    command = (
        "systemd-run", "--quiet", "--wait", "--service-type=oneshot", "--expand-environment=no", f"--unit={unit}",
        f"--property=TimeoutStartSec={seconds}", "--property=TimeoutStartFailureMode=kill",
        *(f"--property={text}" for text in properties),
        *(f"--setenv={name}={value}" for name, value in environment.items()), "--", *argv,
    )  # fmt: skip
    with owned(unit):
        done = run.run(command, timeout=seconds + QUICK, ok=())
    return None if done.returncode == 0 else " ".join(done.stderr.split())


def forget(units: Sequence[str]) -> None:
    """Stops units and forgets how they ended; those that nobody knows are fine."""
    if units:
        act("stop", units, ok=(0, 5))
        act("reset-failed", units, ok=(0, 1, 5))


@contextmanager
def owned(unit: str) -> Iterator[None]:
    """A unit that nobody needs without this process, until it is left in peace."""
    _own.add(unit)
    yield
    _own.discard(unit)


def interrupt() -> None:
    """Ends what other threads of this process wait for, its own units too. Raises CommandError."""
    run.interrupt()
    units = sorted(_own)
    _own.clear()
    if units:
        run.run(("systemctl", "stop", "--no-block", "--", *units), timeout=QUICK, ok=())


def reach(target: str) -> None:
    """Makes a target active, and nothing else: not what it wants, which somebody may have stopped meanwhile."""
    run.run(("systemctl", "start", "--job-mode=ignore-dependencies", "--", target), timeout=QUICK)


def show(patterns: Sequence[str], properties: Sequence[str]) -> dict[str, dict[str, str]]:
    """The properties of every unit that is loaded and matches, by unit name: one question for all of them."""
    if not patterns:
        return {}
    command = ("systemctl", "show", f"--property={','.join(('Id', *properties))}", "--", *patterns)
    found: dict[str, dict[str, str]] = {}
    for block in run.run(command, timeout=QUICK).text.split("\n\n"):
        values = dict(line.partition("=")[::2] for line in block.splitlines() if "=" in line)
        if values.get("Id"):
            found[values["Id"]] = values
    return found


def states(patterns: Sequence[str]) -> dict[str, str]:
    """The active state of every unit that is loaded and matches, by unit name.

    systemd answers it for all of them at once; for `show` it is asked about each, which costs 100 times as much.
    """
    command = ("systemctl", "list-units", "--all", "--full", "--plain", "--no-legend", "--no-pager", "--", *patterns)
    rows = [line.split(maxsplit=3) for line in run.run(command, timeout=QUICK).text.splitlines() if line.strip()]
    return {row[0]: row[2] for row in rows}


def queued(verb: str, units: Sequence[str]) -> frozenset[str]:
    """Those of the units that have a job of this kind, waiting or running."""
    if not units:
        return frozenset()
    command = ("systemctl", "list-jobs", "--full", "--plain", "--no-legend", "--no-pager", "--", *units)
    rows = [line.split() for line in run.run(command, timeout=QUICK).text.splitlines()]
    return frozenset(row[1] for row in rows if row[2:3] == [verb])


def loaded(patterns: Sequence[str]) -> tuple[str, ...]:
    """The names of the units that are loaded and match, whatever their state."""
    return tuple(states(patterns))


def notify(text: str) -> None:
    """Tells the service manager our state (sd_notify(3)); without one, nothing happens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.connect("\0" + address[1:] if address.startswith("@") else address)
            channel.send(text.encode())
    except OSError:
        return  # a status line is a courtesy; the journal has the same words


def progress(text: str) -> None:
    """Says in the unit's status line what is done just now. What comes too fast for anybody to read is left out: the
    manager tells each line to everybody on its bus."""
    now = time.monotonic()
    if now - _spoken[0] >= 1.0:
        _spoken[:] = [now, 0.0]
    _spoken[1] += 1
    if _spoken[1] <= LINES_A_SECOND:
        notify(f"STATUS={text}")


def is_running() -> bool:
    """Whether this host was booted with systemd (sd_booted(3))."""
    return os.path.isdir("/run/systemd/system")
