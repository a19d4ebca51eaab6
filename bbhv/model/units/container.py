"""The unit of a container: a drop-in of tenant-container@.service that makes its root and calls systemd-nspawn."""

from collections.abc import Mapping

from ... import names
from ...kinds.workloads import nspawn
from ...kinds.workloads.container import PROFILE, READ_ONLY, SCRATCH_SIZE, Container
from ...kinds.workloads.workload import IMAGE, PERSISTENT, VOLUME
from .. import credentials
from ..host import HostFacts
from ..manifest import ImageRef, Workload, kept_name
from ..networks.ports import Port
from ..tenant import Tenant
from .shared import (
    Assignments,
    Kind,
    Made,
    Setting,
    after,
    connected,
    health,
    image,
    opened,
    render,
    waits,
)  # fmt: skip

CONTAINER_ROOT = "/usr/lib/bitbuilder/container-root"
# How many bytes of scratch space allow one file more.
BYTES_PER_INODE = 4096
# How long a container may take to start whose root has to be copied first.
COPY_SEC = 1800
# The first systemd-nspawn that goes on when it may not make /dev/net/tun.
TUN_OPTIONAL_SINCE = 262
# What the payload inherits, and would notice.
STRICT = (
    ("NoNewPrivileges", "yes"), ("RestrictSUIDSGID", "yes"), ("MemoryDenyWriteExecute", "yes"),
    ("RestrictRealtime", "yes"), ("SystemCallFilter", "~@debug @resources"),
)  # fmt: skip


def _make(container: Container, setting: Setting) -> Made:
    root = image(container.values.need(IMAGE), setting.tenant, setting.facts)
    return Made(_record(container, setting, root), (root,), _text(container, setting, root))


def _record(container: Container, setting: Setting, root: ImageRef) -> Workload:
    tenant, facts = setting.tenant, setting.facts
    texts = container.values.texts() | connected(setting.ports_of(container))
    texts.pop(IMAGE.name)  # its digest counts, not its name
    texts["image"] = root.identity
    texts["uidBase"] = str(facts.uid_bases[names.workload(container.name, tenant.id)])
    for mount in container.values.all(VOLUME):
        texts[f"volume:{mount.volume}"] = f"{facts.volumes(tenant.id)}/{mount.volume}"
    texts |= credentials.settings(container, credentials.chosen(tenant.credentials, facts.host_name))
    return Workload(
        name=container.name,
        kind="container",
        unit=names.container_unit(container.name, tenant.id),
        after=after(container, tenant, facts),
        settings=texts,
        health=health(container),
        image=root,
    )


def _text(container: Container, setting: Setting, root: ImageRef) -> str:
    tenant, facts, ports = setting.tenant, setting.facts, setting.ports_of(container)
    machine = names.workload(container.name, tenant.id)
    unit = [*waits("Container", container, setting, (root,)), *_controlling(container, tenant)]
    directory = f"{facts.run_dir}/roots/{machine}"
    raw = _is_raw(root, facts)
    service = [
        ("Slice", names.tenant_slice(tenant.id)),
        *(STRICT if container.values.get(PROFILE) == "strict" else ()),
        *container.values.directives(),
        # systemd makes the directory that the root is mounted on, and removes it when the container has ended.
        ("RuntimeDirectory", directory.removeprefix("/run/")),
        ("RuntimeDirectoryMode", "0700"),
        *((("TimeoutStartSec", str(COPY_SEC)),) if container.values.need(PERSISTENT) else ()),
        *credentials.directives(container, tenant.id, facts.tenants_dir),
        *_writable(container, tenant, facts),
        *_devices(raw, facts),
        *((("RestrictAddressFamilies", nspawn.PACKETS),) if ports else ()),
        *opened(ports),
        ("ExecStart", names.exec_line((*_root(container, tenant, directory, root, raw, facts),
                                       *_nspawn(container, tenant, directory, facts, machine, ports)))),
    ]  # fmt: skip
    return render(("Unit", unit), ("Service", service))


def _controlling(container: Container, tenant: Tenant) -> Assignments:
    """As long as it runs the socket is there, also when that has failed or somebody stopped it."""
    unit = names.control_socket(tenant.id)
    return [("Upholds", unit), ("After", unit)] if container.controls else []


def _is_raw(root: ImageRef, facts: HostFacts) -> bool:
    return root.format == "raw" or (root.format == "offered" and facts.offered[root.name].format == "raw")


def _writable(container: Container, tenant: Tenant, facts: HostFacts) -> Assignments:
    """The rest of the host is read-only for the service."""
    names_used = sorted({mount.volume for mount in container.values.all(VOLUME)})
    used = [f"{facts.volumes(tenant.id)}/{name}" for name in names_used]
    kept = [f"{facts.roots(tenant.id)}/{container.name}"] if container.values.need(PERSISTENT) else []
    return [("ReadWritePaths", names.quote_word(path)) for path in (*used, *kept)]


def _devices(raw: bool, facts: HostFacts) -> Assignments:
    """An older nspawn fails when it may not make the tun device; a file-system image needs a loop device."""
    found = ["/dev/net/tun rwm"] if facts.systemd_version < TUN_OPTIONAL_SINCE else []
    return [("DeviceAllow", rule) for rule in (*found, *(("/dev/loop-control rw", "block-loop rw") if raw else ()))]


def _root(
    container: Container, tenant: Tenant, directory: str, root: ImageRef, raw: bool, facts: HostFacts
) -> tuple[str, ...]:
    """The words before nspawn, which make its root."""
    scratch = container.values.need(SCRATCH_SIZE)
    kept = f"{facts.roots(tenant.id)}/{container.name}/{kept_name(root.identity)}"
    return (
        CONTAINER_ROOT,
        directory,
        str(facts.uid_bases[names.workload(container.name, tenant.id)]),
        str(scratch),
        str(max(1024, scratch // BYTES_PER_INODE)),
        "raw" if raw else "tree",
        root.path,
        kept if container.values.need(PERSISTENT) else "",
    )


def _nspawn(
    container: Container, tenant: Tenant, directory: str, facts: HostFacts, machine: str, ports: tuple[Port, ...]
) -> tuple[str, ...]:
    return nspawn.command(
        container,
        tenant.id,
        nspawn=facts.nspawn,
        systemd_version=facts.systemd_version,
        root=f"{directory}/root",
        uid_base=facts.uid_bases[machine],
        volumes=facts.volumes(tenant.id),
        interfaces=tuple((port.peer, port.inside) for port in ports),
        hosts=f"{facts.run_dir}/networks/{tenant.id}/hosts" if ports and not container.values.need(READ_ONLY) else "",
        control=facts.control(tenant.id) if container.controls else "",
    )


def _declared(tenant: Tenant, facts: HostFacts) -> Mapping[str, Container]:
    return tenant.containers


KIND = Kind(declared=_declared, make=_make)
