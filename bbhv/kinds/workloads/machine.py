"""A virtual machine: machines/NAME.vmspawn, run by systemd-vmspawn(1), which has no settings file of its own.

So the file has the sections of a container's: [VM] with a key for each switch of vmspawn of systemd 262 that concerns
one machine, named as the switch is, [Network], and [X-Bitbuilder], which means the same for both kinds of workload.
vmspawn.py says for every switch which key stands for it. What a row cannot say alone is in `_contradictions`.
"""

from collections.abc import Callable, Iterator

from ...findings import Finding, Place
from ...records import dataclass, replace
from .. import elsewhere
from .. import values as v
from ..settings import Cost, Setting, Table, Values, Verdict, refused
from ..source import Source, read_declared
from . import hardware, workload
from .guest import VolumeMount, mount_point
from .health import checks

_VM, _NETWORK, _OURS = "VM", "Network", workload.OURS
_YES, _HOST, _NO = Verdict.ALLOWED, Verdict.HOST, Verdict.FORBIDDEN

_DISK = "A machine starts from a disk image: write Image= in [X-Bitbuilder]."
_PATHS = "It names a path of the host. Declare infrastructure/NAME.volume and write Volume= in [X-Bitbuilder]."
_STATE = "The host keeps what the firmware and the TPM write, as Persistent= in [X-Bitbuilder] says."
_PLACE = "The host names and places the machine. Limit it by MemoryMax=, CPUQuota= and TasksMax= in [X-Bitbuilder]."
_VSOCK = "The host gives every machine a number of its own."
_CONSOLE = "The console goes to the journal of the machine's unit."
_LOGIN = "Nobody logs in from the host. Put keys into the image, or hand them on by Credential= in [X-Bitbuilder]."
_USERS = "It would give the machine a user of the host with the password's hash."
_JOURNAL = "The host never reads a machine's journal files."
_DRIVE = "Drives are virtio-blk devices, and space that the machine frees is given back. Leave it out."
_ONE = "A machine has one network: write Bridge= in [Network]."


def _volume_mount(value: str) -> VolumeMount:
    """A volume that becomes a drive of the machine, with the volume's name as its serial number; or, with a path, a
    folder that the machine shares with the host."""
    name, colon, where = value.partition(":")
    return VolumeMount(v.name(name), mount_point(where) if colon else "")


def _option(name: str, show: Callable[..., str] = str) -> Callable[[object], tuple[str, ...]]:
    """A command line option with the value after an equals sign."""
    return lambda value: (f"{name}={show(value)}",)


CPUS = Setting(
    _VM, "CPUs", _YES, v.integer(1, 512), Cost.RESTART, "How many CPUs the machine has, such as 2.", default=1,
    emit=_option("--cpus"),
)
RAM = Setting(
    _VM, "RAM", _YES, hardware.ram, Cost.RESTART, "How much memory the machine has, at least 64M, such as 1G.",
    default=2 << 30, show=v.show_size, emit=_option("--ram", v.show_size),
)
FIRMWARE = Setting(
    _VM, "Firmware", _YES, v.one_of("auto", "uefi", "bios", "none"), Cost.RESTART,
    "What starts the machine: uefi, bios, none for Linux= alone, or auto, which is none for Linux= that is not an EFI "
    "program, and uefi otherwise. The default is auto.", since=261, emit=_option("--firmware"),
)
SECURE_BOOT = Setting(
    _VM, "SecureBoot", _YES, v.boolean, Cost.RESTART,
    "Whether the firmware must, or must not, be able to verify what it starts. The default takes either.",
    show=v.show_boolean, emit=_option("--secure-boot", v.show_boolean),
)
TPM = Setting(
    _VM, "TPM", _YES, v.boolean, Cost.RESTART, "Whether the machine has a TPM.", default=False,
    show=v.show_boolean, emit=_option("--tpm", v.show_boolean),
)
LINUX = Setting(
    _VM, "Linux", _YES, v.name, Cost.RESTART,
    "The kernel to start, instead of the one on the disk: infrastructure/NAME.image, or one that the host offers.",
)
INITRD = Setting(
    _VM, "Initrd", _YES, v.name, Cost.RESTART,
    "An initrd for Linux=: infrastructure/NAME.image, or one that the host offers.", repeat=True,
)
KERNEL_COMMAND_LINE = Setting(
    _VM, "KernelCommandLine", _YES, hardware.kernel_words, Cost.RESTART,
    "More words for the kernel's command line, such as console=ttyS0.", repeat=True, show=" ".join,
)
SMBIOS11 = Setting(
    _VM, "SMBIOS11", _YES, hardware.smbios_string, Cost.RESTART,
    "A string for the machine to read, see smbios-type-11(7), such as io.systemd.boot.timeout=1.", since=258,
    repeat=True, emit=_option("--smbios11"),
)
GROW_IMAGE = Setting(
    _VM, "GrowImage", _YES, v.bounded_size(1 << 20, 1 << 50), Cost.RESTART,
    "How large to make the disk when it is smaller, such as 10G.", since=258, show=v.show_size,
)
NOTIFY_READY = Setting(
    _VM, "NotifyReady", _YES, v.boolean, Cost.RESTART,
    "Wait until the machine's init system says that it is ready, which systemd does over vsock.", since=258,
    default=True, show=v.show_boolean,
)
BRIDGE = Setting(
    _NETWORK, "Bridge", _YES, v.name, Cost.RESTART, "The network of the machine, such as lan.",
    refers=("netdev", "network"),
)
VOLUME = replace(
    workload.VOLUME, parse=_volume_mount, show=lambda mount: f"{mount.volume}:{mount.path}".rstrip(":"),
    doc="A volume: a drive by its name, such as data, or a folder and where to see it, such as data:/srv/data.",
)
HEALTH = replace(
    workload.HEALTH, parse=checks("unit", "tcp", "http", "script", "console"),
    doc="How to tell that the machine is healthy: unit, tcp:PORT, http:PORT/PATH, script:NAME or console:REGEX.",
)

TABLE = Table(
    CPUS,
    RAM,
    FIRMWARE,
    SECURE_BOOT,
    TPM,
    LINUX,
    INITRD,
    KERNEL_COMMAND_LINE,
    SMBIOS11,
    GROW_IMAGE,
    NOTIFY_READY,
    *refused(_HOST, _VM, "The host insists on KVM, unless its operator grants emulation.", "KVM"),
    *refused(_HOST, _VM, _VSOCK, "VSock", "VSockCID"),
    *refused(_HOST, _VM, _STATE, "TPMState", since=258),
    *refused(_HOST, _VM, _STATE, "EFINVRAMState", since=261),
    *refused(_NO, _VM, "It names a path of the host. Leave it out: the host has variables to start from.",
             "EFINVRAMTemplate", since=261),
    *refused(_HOST, _VM, "SecureBoot= and Firmware= choose the firmware.", "FirmwareFeatures", since=261),
    *refused(_NO, _VM, "It needs hardware that no grant covers. Leave it out.", "CoCo", since=261),
    *refused(_NO, _VM, _DISK, "Directory"),
    *refused(_HOST, _VM, "Persistent= in [X-Bitbuilder] decides what happens to changes of the disk.", "Ephemeral",
             since=260),
    *refused(_HOST, _VM, "Format= of the image says it.", "ImageFormat", since=260),
    *refused(_HOST, _VM, _DRIVE, "ImageDiskType", since=261),
    *refused(_HOST, _VM, _DRIVE, "DiscardDisk"),
    *refused(_NO, _VM, f"It would reach services of the host that only the host itself may use. {_ONE}",
             "NetworkUserMode"),
    *refused(_HOST, _VM, "It is derived from the name of the machine and stays the same.", "Machine", "UUID"),
    *refused(_HOST, _VM, _PLACE, "Register", "KeepUnit"),
    *refused(_HOST, _VM, _PLACE, "Slice", "Property", since=258),
    *refused(_HOST, _VM, _PLACE, "System", "User", since=260),
    *refused(_HOST, _VM, _DISK, "PrivateUsers"),
    *refused(_NO, _VM, _PATHS, "Bind", "BindRO"),
    *refused(_NO, _VM, _PATHS, "BindVolume", since=261),
    *refused(_NO, _VM, _USERS, "BindUser", since=259),
    *refused(_NO, _VM, "It only serves BindUser=, which is not allowed.", "BindUserShell", "BindUserGroup", since=259),
    *refused(_HOST, _VM, _JOURNAL, "ForwardJournal"),
    *refused(_HOST, _VM, _JOURNAL, "ForwardJournalMaxUse", "ForwardJournalKeepFree", "ForwardJournalMaxFileSize",
             "ForwardJournalMaxFiles", since=261),
    *refused(_HOST, _VM, _LOGIN, "PassSSHKey", "SSHKeyType"),
    *refused(_HOST, _VM, _CONSOLE, "Console", "Background", "Quiet"),
    *refused(_HOST, _VM, _CONSOLE, "ConsoleTransport", since=261),
    *refused(_NO, _VM, "It would be readable by everybody who reads the repository. Write Credential= in "
             "[X-Bitbuilder].", "SetCredential"),
    BRIDGE,
    workload.IMAGE,
    workload.PERSISTENT,
    *refused(_HOST, _OURS, "What a machine writes is bounded by its disk. Write GrowImage= in [VM] for a larger one.",
             "ScratchSize"),
    VOLUME,
    workload.CREDENTIAL,
    workload.ADDRESS,
    *refused(_NO, _OURS, _ONE, "Network"),
    *refused(_NO, _OURS, "A machine has its own system: build the extension into its image.", "Extension"),
    *refused(_NO, _OURS, "The socket of the API is for containers. Leave it out.", "Control"),
    workload.AFTER,
    *workload.LIMITS,
    *workload.RESTARTING,
    HEALTH,
    *workload.HEALTH_TIMES,
    meant={
        **elsewhere.MACHINE,
        "memory": "Write RAM= in [VM] for the machine's memory.",
        "mem": "Write RAM= in [VM] for the machine's memory.",
        "cpu": "Write CPUs= in [VM].",
        "cores": "Write CPUs= in [VM].",
        "vcpus": "Write CPUs= in [VM].",
        "smp": "Write CPUs= in [VM].",
        "disk": "Write Volume= in [X-Bitbuilder] for one more drive, or GrowImage= in [VM] for a larger disk.",
        "disksize": "Write GrowImage= in [VM].",
        "extradrive": "Write Volume= in [X-Bitbuilder].",
        "kernel": "Write Linux= in [VM].",
        "append": "Write KernelCommandLine= in [VM].",
        "cmdline": "Write KernelCommandLine= in [VM].",
        "networktap": "Write Bridge= in [Network].",
        "smbios": "Write SMBIOS11= in [VM].",
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine(workload.Workload):
    """A machine as declared."""

    @property
    def images(self) -> tuple[tuple[str, Place], ...]:
        """The names of all images that it needs, and where they stand: of its disk, its kernel, its initrds."""
        values = self.values
        rows = (workload.IMAGE, LINUX, INITRD)
        return tuple(pair for row in rows for pair in zip(values.all(row), values.places(row)))

    @property
    def linux(self) -> str:
        """The image of the kernel that it starts, or nothing when the disk has its own."""
        return self.values.get(LINUX) or ""

    @property
    def kernel_words(self) -> tuple[str, ...]:
        """What follows all options of vmspawn: the words for the kernel's command line."""
        return tuple(word for words in self.values.all(KERNEL_COMMAND_LINE) for word in words)


def read_machine(source: Source) -> tuple[Machine | None, tuple[Finding, ...]]:
    """The machine of a file, None when it has errors."""
    return read_declared(source, TABLE, Machine, always=_contradictions)


def _contradictions(machine: Machine) -> Iterator[Finding]:
    yield from _start(machine.values)
    yield from _memory(machine.values)
    yield from _network(machine.values)
    yield from workload.waits_for_itself(machine)
    for mount, place in machine.values.repeats(VOLUME):
        what = "shared with" if mount.path else "a drive of"
        yield Finding(place, "BB304", f"Volume {mount.volume} is {what} the machine already.", "Leave it out.")
    yield from _one_place(machine.values)
    yield from workload.handed_twice(machine.values)
    yield from _doubts(machine.values)


def _one_place(values: Values) -> Iterator[Finding]:
    """Two folders at one path."""
    known: dict[str, str] = {}
    for mount, place in zip(values.all(VOLUME), values.places(VOLUME)):
        first = known.setdefault(mount.path, mount.volume) if mount.path else mount.volume
        if first != mount.volume:
            message = f"Volume {first} is at {mount.path} already."
            yield Finding(place, "BB304", message, "Choose another path.")


def _start(values: Values) -> Iterator[Finding]:
    """What starts the machine: the firmware, or a kernel that is given."""
    firmware, direct = values.get(FIRMWARE), values.given(LINUX)
    unknown = values.unread(FIRMWARE) or values.unread(LINUX)
    if values.get(SECURE_BOOT):
        place = values.places(SECURE_BOOT)[0]
        if firmware in ("bios", "none"):
            hint = "Write Firmware=uefi, or leave SecureBoot= out."
            yield Finding(place, "BB209", f"SecureBoot=yes contradicts Firmware={firmware}.", hint)
        if direct:
            message = "SecureBoot=yes contradicts Linux=: the firmware does not verify a kernel that it is given."
            yield Finding(place, "BB209", message, "Leave one out.")
    if direct or unknown:
        return
    if values.given(INITRD):
        message = "Initrd= without Linux= has no effect: the disk has its own."
        yield Finding(values.places(INITRD)[0], "BB209", message, "Add Linux=, or leave Initrd= out.")
    if firmware == "none":
        message = "Firmware=none leaves nothing that could start the machine."
        yield Finding(values.places(FIRMWARE)[0], "BB209", message, "Add Linux=, or write Firmware=uefi.")
    if values.given(KERNEL_COMMAND_LINE) and firmware == "bios":
        message = "KernelCommandLine= with Firmware=bios has no effect: nothing hands it to the kernel on the disk."
        yield Finding(values.places(KERNEL_COMMAND_LINE)[0], "BB209", message, "Write Firmware=uefi, or add Linux=.")


def _memory(values: Values) -> Iterator[Finding]:
    """QEMU itself needs some memory besides that of the machine."""
    ram, most = values.need(RAM), values.get(workload.MEMORY_MAX)
    if most is not None and most <= ram and not values.unread(RAM):
        shown = f"RAM={v.show_size(ram)}{'' if values.given(RAM) else ', which is the default,'}"
        message = f"MemoryMax={v.show_size(most)} has no room for {shown} and what QEMU itself needs."
        hint = f"Write MemoryMax={v.show_size(ram + (256 << 20))} or more, or less RAM= in [VM]."
        yield Finding(values.places(workload.MEMORY_MAX)[0], "BB209", message, hint)


def _network(values: Values) -> Iterator[Finding]:
    """What cannot be without a network."""
    if values.given(BRIDGE) or values.unread(BRIDGE):
        return
    hint = "Write Bridge= in [Network] with the name of a network."
    if values.given(workload.ADDRESS):
        yield Finding(values.places(workload.ADDRESS)[0], "BB209", "Address= needs a network.", hint)
    check = values.need(HEALTH)
    if check.needs_network:
        yield Finding(values.places(HEALTH)[0], "BB209", f"Health={check} needs a network.", hint)


def _doubts(values: Values) -> Iterator[Finding]:
    """What is allowed, but hardly meant."""
    if not values.need(NOTIFY_READY) and values.need(HEALTH).kind == "unit" and not values.unread(HEALTH):
        message = "Nothing tells whether the machine is up: it does not notify, and has no check of its own."
        hint = "Write Health= in [X-Bitbuilder], such as Health=tcp:22 or Health=console:ttyS0."
        yield Finding(values.places(NOTIFY_READY)[0], "BB209", message, hint, severity="warning")
