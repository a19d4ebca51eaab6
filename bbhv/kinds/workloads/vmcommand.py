"""The command line that runs a machine: systemd-vmspawn, which sees its files under names that never change.

What the tenant set comes from the table's rows; this adds what the host decides. vmspawn may differ from what its
version says, so its help is asked for the switches that it has. Nothing here is guessed by QEMU or vmspawn from what a
guest has written: every disk has its format beside it.
"""

from collections.abc import Collection, Iterator

from ...names import workload
from ..values import show_boolean
from .handing import arguments
from .machine import GROW_IMAGE, NOTIFY_READY, VOLUME, Machine
from .nspawn import machine_id
from .workload import PERSISTENT

# In the mount namespace of the unit.
HOME = "/run/bitbuilder/vm"
KEPT = "/run/bitbuilder/kept"
DISK = "/run/bitbuilder/disk.raw"
LINUX = "/run/bitbuilder/linux"
INITRD = "/run/bitbuilder/initrd"
VOLUMES = "/run/bitbuilder/volumes"
SHARES = "/run/bitbuilder/shares"
VIRTIOFSD = "/run/bitbuilder/virtiofsd"
# Of the credentials that systemd itself reads in a guest, the one that becomes its /etc/hosts where it has none.
NAMES = "network.hosts"
PROGRAM = "systemd-vmspawn"
# Without these, a machine cannot be run as it is meant: unprivileged, with its disk read as what it is.
_NEEDED = (
    "--system", "--register", "--keep-unit", "--ephemeral", "--image-format", "--extra-drive", "--pass-ssh-key",
    "--notify-ready", "--bind",
)  # fmt: skip
# What is said where the program knows it, and is no different elsewhere.
_STEADY = (
    "--quiet", "--console=read-only", "--console-transport=serial", "--tpm-state=off", "--efi-nvram-state=off",
)  # fmt: skip


def lacking(program: str, switches: Collection[str]) -> str:
    """What a host has not that every machine needs, or nothing."""
    if not program:
        return f"this host has no {PROGRAM}"
    missing = [switch for switch in _NEEDED if switch not in switches]
    return f"{PROGRAM} of this host has no {', '.join(missing)}" if missing else ""


def command(
    machine: Machine, tenant: str, *, program: str, switches: Collection[str], emulated: bool, cid: int | None,
    disk: str, initrds: int, named: bool = False,
) -> tuple[str, ...]:
    """The arguments, the program first. `disk` is the path of the disk in the unit, `cid` the number on vsock,
    None where there is none, and `initrds` says how many there are; `named` that it is told the names of others."""
    name = workload(machine.name, tenant)
    notify = notifies(machine, cid)
    return (
        program,
        "--system",
        "--register=no",
        "--keep-unit",
        *(word for word in _STEADY if word.partition("=")[0] in switches),
        f"--machine={name}",
        f"--uuid={machine_id(name)}",
        f"--image={disk}",
        "--image-format=raw",
        *(() if is_copied(machine) else ("--ephemeral",)),
        f"--kvm={show_boolean(not emulated)}",
        *(("--vsock=yes", f"--vsock-cid={cid}") if notify else ("--vsock=no",)),
        "--pass-ssh-key=no",
        f"--notify-ready={show_boolean(notify)}",
        *machine.values.argv(),
        *arguments(machine, tenant),
        *((f"--load-credential={NAMES}:{NAMES}",) if named else ()),
        *(f"--extra-drive=raw:{drive(mount.volume)}" for mount in machine.values.all(VOLUME) if not mount.path),
        *(f"--bind={share(mount.volume)}:{mount.path}" for mount in machine.values.all(VOLUME) if mount.path),
        *_kernel(machine, initrds),
        "--",
        *machine.kernel_words,
    )


def notifies(machine: Machine, cid: int | None) -> bool:
    """Whether its init system says over vsock that it is up. Nothing else is said there, so it is closed without that:
    vmspawn does not look who speaks."""
    return cid is not None and machine.values.need(NOTIFY_READY)


def drive(volume: str) -> str:
    """A volume as the unit sees it: the name of the file is the serial number of the drive."""
    return f"{VOLUMES}/{volume}"


def share(volume: str) -> str:
    """A volume that is a folder as the unit sees it."""
    return f"{SHARES}/{volume}"


def is_copied(machine: Machine) -> bool:
    """Whether its disk is a copy of the image: what is kept, and what is larger, cannot lie above it for one start, and
    vmspawn takes no drives beside what does."""
    has_drives = any(not mount.path for mount in machine.values.all(VOLUME))
    return machine.values.need(PERSISTENT) or machine.values.given(GROW_IMAGE) or has_drives


def _kernel(machine: Machine, initrds: int) -> Iterator[str]:
    if machine.linux:
        yield f"--linux={LINUX}"
        yield from (f"--initrd={INITRD}.{number}" for number in range(1, initrds + 1))
