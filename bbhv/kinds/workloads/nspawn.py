"""The command line that runs a container: systemd-nspawn with nothing left to a settings file or a default.

What the tenant set comes from the table's rows; this adds what the host decides. Every switch is known to systemd 257
and later; what came later is asked for only where it exists.
"""

import hashlib

from ...names import UID_COUNT, workload
from ..values import show_boolean
from .container import BOOT, CONTROL_FOLDER, KILL_SIGNAL, NOTIFY_READY, PARAMETERS, Container
from .handing import arguments
from .workload import VOLUME

# The root is a folder that is made before: of an image with partitions none is ever looked at.
NO_IMAGE = "--image-policy=~"
FAMILIES = "--restrict-address-families=AF_UNIX AF_INET AF_INET6 AF_NETLINK"
# What asks for an address writes whole packets (packet(7)), which nobody needs who has no network.
PACKETS = "AF_PACKET"
FAMILIES_SINCE = 261


def machine_id(machine: str) -> str:
    """The machine id of a workload, derived from its name: the same on every start and every host."""
    digest = hashlib.sha256(b"bitbuilder.io machine id " + machine.encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"


def command(
    container: Container, tenant: str, *, nspawn: str, systemd_version: int, root: str, uid_base: int, volumes: str,
    interfaces: tuple[tuple[str, str], ...] = (), hosts: str = "", control: str = "",
) -> tuple[str, ...]:
    """The arguments, the program first. `root` is the prepared directory, `volumes` the folder of all volumes,
    `interfaces` what becomes which interface inside, `hosts` the file with the names of its neighbours, and `control`
    the folder in which the socket of the API is."""
    machine = workload(container.name, tenant)
    boot = container.values.need(BOOT)
    ready = container.values.get(NOTIFY_READY)
    return (
        nspawn,
        "--quiet",
        "--keep-unit",
        "--register=yes",
        "--settings=no",
        NO_IMAGE,
        f"--machine={machine}",
        f"--uuid={machine_id(machine)}",
        f"--directory={root}",
        f"--private-users={uid_base}:{UID_COUNT}",
        "--private-users-ownership=off",
        "--private-network",
        *(f"--network-interface={outside}:{inside}" for outside, inside in interfaces),
        *((f"{FAMILIES} {PACKETS}" if interfaces else FAMILIES,) if systemd_version >= FAMILIES_SINCE else ()),
        "--link-journal=no",
        "--console=read-only",
        f"--notify-ready={show_boolean(boot if ready is None else ready)}",
        *container.values.argv(),
        *(f"--bind={volumes}/{mount.volume}:{mount.path}:idmap" for mount in container.values.all(VOLUME)),
        *((f"--bind-ro={hosts}:/etc/hosts",) if hosts else ()),
        *((f"--bind-ro={control}:{CONTROL_FOLDER}",) if control else ()),
        *arguments(container, tenant),
        *_start(container, boot),
        "--",
        *(container.values.get(PARAMETERS) or ()),
    )


def _start(container: Container, boot: bool) -> tuple[str, ...]:
    """What becomes PID 1, and the signal that stops it: nspawn has a signal of its own only for an init system."""
    if boot:
        return ("--boot",)
    mode, signal = (("--as-pid2",), "SIGRTMIN+3") if container.process_two else ((), "SIGTERM")
    return mode if container.values.given(KILL_SIGNAL) else (*mode, f"--kill-signal={signal}")
