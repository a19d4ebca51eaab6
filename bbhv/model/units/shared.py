"""What the units of all kinds of workloads have in common: the text of a drop-in, what they start from and after."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

from ... import names
from ...formats.unitfile import render as render_unit
from ...kinds.workloads import vmcommand
from ...kinds.workloads.machine import Machine
from ...kinds.workloads.workload import (
    HEALTH,
    HEALTH_GRACE,
    HEALTH_INTERVAL,
    HEALTH_STABLE,
    HEALTH_TIMEOUT,
    VOLUME,
    Workload as Declared,
)  # fmt: skip
from ...records import dataclass
from ..host import HostFacts
from ..manifest import EXPANDED, SHARED_ENDING, Health, ImageRef, Workload, image_path
from ..networks.ports import Port
from ..registration import Grants
from ..tenant import Tenant

DROP_IN = "10-bitbuilder.conf"
PORT = "/usr/lib/bitbuilder/port"
HEADER = "Written by bbhv, and again with the next commit. Put changes of your own into another drop-in."

Assignments = list[tuple[str, str]]
D = TypeVar("D", bound=Declared)


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a workload is to run: what else its tenant declares and is granted, and the host."""

    tenant: Tenant
    grants: Grants
    facts: HostFacts
    ports: tuple[Port, ...] = ()

    def ports_of(self, one: Declared) -> tuple[Port, ...]:
        """What connects a workload, its first network first."""
        name = names.workload(one.name, self.tenant.id)
        return tuple(sorted((port for port in self.ports if port.workload == name), key=lambda port: port.inside))


@dataclass(frozen=True, slots=True)
class Made:
    """A workload as it is recorded, the images that it needs, and the text of its unit's drop-in."""

    record: Workload
    images: tuple[ImageRef, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Kind(Generic[D]):
    """How a kind of workload becomes units. `declared` are those of a tenant that the host can run."""

    declared: Callable[[Tenant, HostFacts], Mapping[str, D]]
    make: Callable[[D, Setting], Made]

    def made(self, setting: Setting) -> Iterator[Made]:
        """All that there is of this kind, in the order of the names."""
        for _, one in sorted(self.declared(setting.tenant, setting.facts).items()):
            yield self.make(one, setting)


def image(name: str, tenant: Tenant, facts: HostFacts) -> ImageRef:
    """An image by its name: the tenant's own, else an offered one. Raises KeyError when there is none."""
    own = tenant.images.get(name)
    if own is not None:
        return ImageRef(
            name=name,
            format=own.format,
            source=own.source,
            sha256=own.sha256,
            identity=f"sha256:{own.sha256}{EXPANDED if own.is_packed else ''}",
            path=image_path(facts.image_store, f"{own.sha256}{'.expanded' if own.is_packed else ''}", own.format),
            signature=own.signature,
        )
    offered = facts.offered[name]
    identity = f"offered:{offered.identity}"
    if offered.format == "tar":
        path = image_path(facts.image_store, hashlib.sha256(identity.encode()).hexdigest(), "tar")
        return ImageRef(
            name=name, format="offered", source=f"file://{offered.path}", sha256="", identity=identity, path=path
        )
    return ImageRef(name=name, format="offered", source="", sha256="", identity=identity, path=offered.path)


def waits(kind: str, one: Declared, setting: Setting, images: Iterable[ImageRef]) -> Assignments:
    """The section [Unit] of a workload: what it is, what it waits for, and the images without which it says so.

    The storage is unmounted after whoever uses it, also when the host goes down.
    """
    tenant = setting.tenant.id
    connected = (names.network_unit(tenant),) if setting.ports_of(one) else ()
    return [
        ("Description", f"{kind} {one.name} of Tenant {tenant}"),
        ("Wants", " ".join((names.infra_unit(tenant), *connected))),
        ("After", " ".join((*after(one, setting.tenant, setting.facts), *connected))),
        ("RequiresMountsFor", names.quote_word(setting.facts.storage(tenant))),
        *(("AssertPathExists", names.specifier_escape(image.path)) for image in dict.fromkeys(images)),
    ]


def opened(ports: tuple[Port, ...], owner: str = "") -> Assignments:
    """The steps that make the ports of a workload before it starts, and remove them when it has ended. `owner` is a
    folder of the user who may attach himself to them."""
    kind = "tap" if owner else "veth"
    return [
        *(("ExecStartPre", f"+{names.exec_line(_opening(kind, port, owner))}") for port in ports),
        *((("ExecStopPost", f"+{names.exec_line((PORT, 'close', *(port.interface for port in ports)))}"),)
          if ports else ()),
    ]  # fmt: skip


def _opening(kind: str, port: Port, owner: str) -> tuple[str, ...]:
    ends = (port.bridge, port.interface, port.readable, port.host_mac, str(port.mtu))
    return (PORT, kind, *ends, *((owner,) if owner else (port.peer, port.mac)))


def connected(ports: tuple[Port, ...]) -> dict[str, str]:
    """What a manifest says of the ports of a workload: with another one it starts again."""
    return {
        f"port:{port.network}": " ".join((*map(str, port.addresses), port.mac, str(port.mtu), port.inside))
        for port in ports
    }  # fmt: skip


def drives(machine: Machine, setting: Setting) -> dict[str, tuple[str, int]]:
    """The volumes that a machine has as drives: by name the file, and its size in bytes."""
    folder = setting.facts.volumes(setting.tenant.id)
    found = {mount.volume: setting.tenant.volumes[mount.volume] for mount in machine.values.all(VOLUME)}
    return {name: (f"{folder}/{name}.raw", volume.size) for name, volume in sorted(found.items()) if volume.is_drive}


def shares(machine: Machine, setting: Setting) -> dict[str, str]:
    """The folders that a machine shares: by name of the volume the path."""
    folder, volumes = setting.facts.volumes(setting.tenant.id), setting.tenant.volumes
    named = sorted({mount.volume for mount in machine.values.all(VOLUME)})
    return {name: shared_path(folder, name) for name in named if volumes[name].is_shared}


def shared_path(folder: str, volume: str) -> str:
    """Where the volumes of a tenant have one that machines share."""
    return f"{folder}/{volume}{SHARED_ENDING}"


def after(one: Declared, tenant: Tenant, facts: HostFacts) -> tuple[str, ...]:
    """The units that are to be up first: what is shared, and the workloads of After= that the host can run."""
    machines = machines_of(tenant, facts)
    units = {name: names.container_unit(name, tenant.id) for name in tenant.containers}
    units |= {name: names.machine_unit(name, tenant.id) for name in machines}
    return (names.infra_unit(tenant.id), *(units[name] for name in one.after if name in units))


def machines_of(tenant: Tenant, facts: HostFacts) -> Mapping[str, Machine]:
    """The machines of a tenant that the host can run: all of them, or none."""
    return {} if vmcommand.lacking(facts.vmspawn, facts.vmspawn_switches) else tenant.machines


def health(one: Declared) -> Health:
    """How to tell that a workload is healthy."""
    values = one.values
    return Health(
        check=str(values.need(HEALTH)),
        stable_sec=values.need(HEALTH_STABLE) / 10**6,
        grace_sec=values.need(HEALTH_GRACE) / 10**6,
        interval_sec=values.need(HEALTH_INTERVAL) / 10**6,
        timeout_sec=values.need(HEALTH_TIMEOUT) / 10**6,
    )


def render(*sections: tuple[str, Sequence[tuple[str, str]]]) -> str:
    """The text of a unit file of ours."""
    return render_unit(sections, header=HEADER)
