"""Raw images as they are before anything starts from them: pure rules over a few bytes of each.

The kernel of the host mounts the root of a container, so that is one squashfs or erofs and nothing around it. The disk
of a machine is looked at by its own kernel; the host refuses what neither that nor systemd-vmspawn could start from,
and leaves the rest to the machine: what there is besides its root, and in which file system.
"""

from ..findings import Finding
from ..formats.images import ddi, dps, filesystem, gpt
from ..formats.images.gpt import Table
from ..formats.images.reader import Reader, Report
from ..kinds.workloads.machine import KERNEL_COMMAND_LINE
from .manifest import Workload

MOUNTED = ("squashfs", "erofs")
# Where GRUB keeps itself on a disk for a BIOS.
BIOS_BOOT = "21686148-6449-6e6f-744e-656564454649"


def check(image: Reader, workload: Workload) -> tuple[Finding, ...]:
    """What is wrong with the raw image of a workload."""
    report = Report(image.file)
    if workload.kind == "machine":
        _disk(image, report, direct=_finds_its_root(workload))
    else:
        _root(image, report)
    return report.all


def _root(image: Reader, report: Report) -> None:
    name = filesystem.identify(image)
    if gpt.sector_size(image):  # also of what says to be both: nothing of it is mounted
        name = "a partition table"
    if name not in MOUNTED:
        message = f"There is {name or 'no file system'} in it; of a container's the host mounts only squashfs "
        report.error("BB112", f"{message}and erofs.", "Make one of these, or an archive with Format=tar.")
        return
    ddi.check_whole(image, name, report)


def _disk(image: Reader, report: Report, *, direct: bool) -> None:
    table, findings = gpt.parse(image)
    report.take(findings)
    if table is None:
        return
    dps.check(image, table, report)
    for one in (*dps.offering(table, "root"), *dps.offering(table, "usr")):
        part = table.reader(image, one)
        ddi.check_whole(part, filesystem.identify(part), report)
    if direct and not _has_root(table):
        message = "None of its partitions is a root or /usr partition, so systemd-vmspawn cannot say where Linux= "
        message += "finds its root."
        hint = "Give one the type of a root partition, or write root= into KernelCommandLine= of the machine."
        report.error("BB112", message, hint)


def _has_root(table: Table) -> bool:
    """Whether there is one; of an architecture that is not known here, any partition of an unknown type may be."""
    known = bool(dps.offering(table, "root") or dps.offering(table, "usr"))
    return known or any(dps.type_of(one) is None and one.type != BIOS_BOOT for one in table.partitions)


def _finds_its_root(machine: Workload) -> bool:
    """Whether systemd-vmspawn looks for the root itself: it starts a kernel, and nobody says where its root is."""
    words = machine.settings.get(KERNEL_COMMAND_LINE.name, "").split()
    return "image:linux" in machine.settings and not any(word.startswith("root=") for word in words)
