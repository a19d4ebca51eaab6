"""The unit of a virtual machine: a drop-in of tenant-machine@.service that lends it its images and calls vmspawn.

The machine's user owns one folder, `run`, in which vmspawn keeps what the guest changes of its disk: the folder counts
as the tenant's storage, and is emptied before each start.
"""

from collections.abc import Iterator

from ... import names
from ...kinds.workloads import vmcommand
from ...kinds.workloads.machine import GROW_IMAGE, INITRD, LINUX, Machine
from ...kinds.workloads.workload import IMAGE, PERSISTENT
from .. import credentials
from ..manifest import ImageRef, Workload, kept_name
from ..networks.ports import Port
from .shared import (
    Assignments,
    Kind,
    Made,
    Setting,
    after,
    connected,
    drives,
    health,
    image,
    machines_of,
    opened,
    render,
    shares,
    waits,
)  # fmt: skip

STEPS = "/usr/lib/bitbuilder/machine"
# As the unit's template has it: a drop-in has to say it again to add to it.
QEMU_SANDBOX = "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"
SHARING = "/usr/lib/bitbuilder/virtiofsd"
# How many files of its shared folders a guest may know at once.
SHARED_FILES = 524288
# How long an emulated processor may take where a real one has the time of the template.
EMULATED_START_SEC = 600
EMULATED_STOP_SEC = 240


def _make(machine: Machine, setting: Setting) -> Made:
    lent = dict(_lent(machine, setting))
    images = tuple(lent.values())
    return Made(_record(machine, setting, images), images, _text(machine, setting, lent))


def _lent(machine: Machine, setting: Setting) -> Iterator[tuple[str, ImageRef]]:
    """The images of a machine, by the path at which its unit sees them; that of the disk is the first."""
    values = machine.values
    yield vmcommand.DISK, image(values.need(IMAGE), setting.tenant, setting.facts)
    if (kernel := values.get(LINUX)) is not None:
        yield vmcommand.LINUX, image(kernel, setting.tenant, setting.facts)
        for number, name in enumerate(values.all(INITRD), 1):
            yield f"{vmcommand.INITRD}.{number}", image(name, setting.tenant, setting.facts)


def _record(machine: Machine, setting: Setting, images: tuple[ImageRef, ...]) -> Workload:
    tenant, name = setting.tenant, names.workload(machine.name, setting.tenant.id)
    texts = machine.values.texts()
    for row in (IMAGE, LINUX, INITRD):
        texts.pop(row.name, None)  # their digests count, not their names
    texts["image"] = images[0].identity
    texts |= {f"image:{what}": one.identity for what, one in zip(_kinds(len(images)), images[1:])}
    texts["kvm"] = "no" if setting.grants.emulation else "yes"
    texts |= credentials.settings(machine, credentials.chosen(tenant.credentials, setting.facts.host_name))
    texts |= {f"volume:{drive}": f"{path} {size}" for drive, (path, size) in drives(machine, setting).items()}
    texts |= {f"volume:{share}": path for share, path in shares(machine, setting).items()}
    texts["vsock"] = str(setting.facts.cids.get(name, "no"))
    texts |= connected(setting.ports_of(machine))
    return Workload(
        name=machine.name,
        kind="machine",
        unit=names.machine_unit(machine.name, tenant.id),
        after=after(machine, tenant, setting.facts),
        settings=texts,
        health=health(machine),
        image=images[0],
    )


def _kinds(count: int) -> tuple[str, ...]:
    """What the images after that of the disk are for."""
    return ("linux", *(f"initrd:{number}" for number in range(1, count - 1)))


def _text(machine: Machine, setting: Setting, lent: dict[str, ImageRef]) -> str:
    tenant, facts = setting.tenant, setting.facts
    name = names.workload(machine.name, tenant.id)
    unit = waits("Machine", machine, setting, lent.values())
    ports = setting.ports_of(machine)
    command = vmcommand.command(
        machine, tenant.id, program=facts.vmspawn, switches=facts.vmspawn_switches, emulated=setting.grants.emulation,
        cid=facts.cids.get(name), disk=_disk(machine, lent[vmcommand.DISK]),
        initrds=sum(path.startswith(vmcommand.INITRD) for path in lent), named=bool(ports),
    )  # fmt: skip
    service = [
        ("Slice", names.tenant_slice(tenant.id)),
        *machine.values.directives(),
        ("User", names.machine_user(tenant.id)),
        *(("BindReadOnlyPaths", f"{names.quote_word(one.path)}:{path}") for path, one in lent.items()),
        *credentials.directives(machine, tenant.id, facts.tenants_dir),
        # They are there when the infrastructure is; without them, the first step says so.
        ("BindPaths", f"-{facts.machines(tenant.id)}/{machine.name}/run:{vmcommand.HOME}"),
        ("BindPaths", f"-{facts.machines(tenant.id)}/{machine.name}/kept:{vmcommand.KEPT}"),
        # vmspawn listens there for the guest to say that it is ready.
        *((("RestrictAddressFamilies", "AF_VSOCK"),) if vmcommand.notifies(machine, facts.cids.get(name)) else ()),
        *(("BindPaths", f"-{path}:{vmcommand.drive(one)}") for one, (path, _) in drives(machine, setting).items()),
        *_sharing(shares(machine, setting), facts.virtiofsd),
        *_network(ports, name, f"{facts.run_dir}/networks/{tenant.id}/hosts"),
        *(_patience() if setting.grants.emulation else ()),
        ("ExecStartPre", f"+{names.exec_line((STEPS, 'prepare', name, *_copy(machine, lent[vmcommand.DISK])))}"),
        *(
            ("ExecStartPre", f"+{names.exec_line((STEPS, 'lend', name, vmcommand.drive(drive), str(size)))}")
            for drive, (_, size) in drives(machine, setting).items()
        ),
        *(
            ("ExecStartPre", f"+{names.exec_line((STEPS, 'share', name, vmcommand.share(share)))}")
            for share in shares(machine, setting)
        ),
        ("ExecStart", names.exec_line(command)),
    ]
    return render(("Unit", unit), ("Service", service))


def _disk(machine: Machine, root: ImageRef) -> str:
    """The disk as the unit sees it. What is kept has the name of the image that it began as: going back to another
    image finds what was kept with that one."""
    if machine.values.need(PERSISTENT):
        return f"{vmcommand.KEPT}/{kept_name(root.identity)}.raw"
    return f"{vmcommand.HOME}/disk.raw" if vmcommand.is_copied(machine) else vmcommand.DISK


def _copy(machine: Machine, root: ImageRef) -> tuple[str, ...]:
    """The words for a disk that is a copy: from, to, and how large it is at least."""
    if not vmcommand.is_copied(machine):
        return ()
    return (vmcommand.DISK, _disk(machine, root), str(machine.values.get(GROW_IMAGE) or 0))


def _sharing(folders: dict[str, str], program: str) -> Assignments:
    """What virtiofsd needs beside QEMU: vmspawn starts it by its path, where ours is that calls it without namespaces.

    It opens a file for each that the guest knows, changes owners to who owns them already, and asks the kernel how many
    files there may be. What it may not call is an error for the guest, and not the end of it.
    """
    if not folders:
        return []
    return [
        *(("BindPaths", f"-{path}:{vmcommand.share(one)}") for one, path in folders.items()),
        ("BindReadOnlyPaths", f"{names.quote_word(program)}:{vmcommand.VIRTIOFSD}"),
        ("BindReadOnlyPaths", f"{SHARING}:{names.quote_word(program)}"),
        ("SystemCallFilter", "@chown"), ("SystemCallErrorNumber", "EPERM"), ("ProcSubset", "all"),
        ("LimitNOFILE", str(SHARED_FILES)),
    ]  # fmt: skip


def _network(ports: tuple[Port, ...], name: str, hosts: str) -> Assignments:
    """What QEMU needs to attach itself to a tap device that is its user's: the namespace in which that is, and the
    device node; no capability. vmspawn would make a device of its own, by a privilege over all interfaces. The guest is
    told the names of its neighbours as they are when it starts."""
    if not ports:
        return []
    extra = " ".join((QEMU_SANDBOX, *(word for number, port in enumerate(ports) for word in _nic(number, port))))
    return [
        ("PrivateNetwork", "no"),
        ("BindPaths", "/dev/net/tun"),
        ("DeviceAllow", "/dev/net/tun rw"),
        ("LoadCredential", f"{vmcommand.NAMES}:{hosts}"),
        ("Environment", names.quote_word(f"SYSTEMD_VMSPAWN_QEMU_EXTRA={extra}")),
        *opened(ports, f"/run/bitbuilder/machines/{name}"),
    ]


def _nic(number: int, port: Port) -> tuple[str, ...]:
    return (
        "-netdev", f"tap,id=port{number},ifname={port.interface},script=no,downscript=no",
        "-device", f"virtio-net-pci,netdev=port{number},mac={port.mac},host_mtu={port.mtu}",
    )  # fmt: skip


def _patience() -> Assignments:
    return [
        ("TimeoutStartSec", str(EMULATED_START_SEC)), ("Environment", f"STOP_SEC={EMULATED_STOP_SEC}"),
        ("TimeoutStopSec", str(EMULATED_STOP_SEC + 30)),
    ]  # fmt: skip


KIND = Kind(declared=machines_of, make=_make)
