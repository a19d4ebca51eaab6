"""Compile: a checked tenant and the facts of a host become a generation, which is a manifest and a tree of texts.

The same input gives the same bytes. Units are drop-ins of our own templates; only the slice is a whole file. Whatever
came from a tenant goes into them through names.py: as a checked name, or as one quoted word.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from .. import names
from ..formats.jsontext import Json, dump
from ..formats.unitfile import render
from ..kinds import limits
from ..kinds.values import show_limit, show_quota, show_size
from ..kinds.workloads import nspawn
from ..kinds.workloads.container import SCRATCH_SIZE, Container
from ..kinds.workloads.workload import (
    HEALTH,
    HEALTH_GRACE,
    HEALTH_INTERVAL,
    HEALTH_STABLE,
    HEALTH_TIMEOUT,
    IMAGE,
    VOLUME,
)  # fmt: skip
from . import credentials
from .manifest import Health, ImageRef, Manifest, Workload, image_path
from .registration import Registration
from .scripts import STOPPING, longest, stop_unit
from .tenant import Tenant

CONTAINER_ROOT = "/usr/lib/bitbuilder/container-root"
DROP_IN = "10-bitbuilder.conf"
HEADER = "Written by bbhv, and again with the next commit. Put changes of your own into another drop-in."
# The room that a start has for what is not watching: fetching the repository and the images.
START_MARGIN_SEC = 1800
# How many bytes of scratch space allow one file more.
BYTES_PER_INODE = 4096
# The first systemd-nspawn that goes on when it may not make /dev/net/tun.
TUN_OPTIONAL_SINCE = 262

Assignments = list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """An image that the operator offers: `identity` differs whenever the content does."""

    name: str
    path: str
    format: Literal["tree", "tar", "raw"]
    identity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """All that compiling may know of the host. `uid_bases` maps workloads (web.acme) to their UID range's first id."""

    systemd_version: int
    host_name: str = ""
    nspawn: str = "/usr/bin/systemd-nspawn"
    uid_bases: Mapping[str, int] = field(default_factory=dict)
    offered: Mapping[str, Offered] = field(default_factory=dict)
    image_store: str = "/var/lib/bitbuilder/images"
    tenants_dir: str = "/var/lib/tenants"
    run_dir: str = "/run/bitbuilder"
    allow_file: bool = False
    tools: Mapping[str, str] = field(default_factory=dict)

    def volumes(self, tenant: str) -> str:
        """The folder that holds the volumes of a tenant."""
        return f"{self.tenants_dir}/{tenant}/volumes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """The result of compiling one commit. `units` maps paths below the units directory to texts, `scripts` names, and
    `credentials` the names of those that its units read to their encrypted texts."""

    manifest: Manifest
    units: Mapping[str, str]
    scripts: Mapping[str, str] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict)


def compile_tenant(
    tenant: Tenant, registration: Registration, facts: HostFacts, commit: str, version: str
) -> Generation:
    """The generation of a tenant that has passed its checks. Raises KeyError when a fact is missing."""
    images = {name: _image(one, tenant, facts) for name, one in sorted(tenant.containers.items())}
    assigned = _limits(tenant, registration)
    infra = {f"volume:{name}": "directory" for name in _folders(tenant)}
    secrets = credentials.used(tenant.containers.values(), credentials.chosen(tenant.credentials, facts.host_name))
    scripts = {name: one.text for name, one in sorted(tenant.scripts.items())}
    manifest = Manifest(
        tenant=tenant.id,
        commit=commit,
        inputs=inputs_digest(commit, registration, facts, version),
        version=version,
        workloads=tuple(_workload(one, tenant, facts, images[name]) for name, one in sorted(tenant.containers.items())),
        slice_settings={f"Slice.{key}": value for key, value in assigned},
        infra_settings=infra,
        lifecycle=tenant.metadata.lifecycle,
        images=tuple(sorted(set(images.values()), key=lambda image: (image.path, image.name))),
        scripts={name: hashlib.sha256(text.encode()).hexdigest() for name, text in scripts.items()},
    )
    units = {
        names.tenant_slice(tenant.id): _slice_unit(tenant.id, assigned),
        f"{names.tenant_unit(tenant.id)}.d/{DROP_IN}": _tenant_unit(tenant),
        f"{names.infra_unit(tenant.id)}.d/{DROP_IN}": _infra_unit(tenant, facts),
    }
    for name, one in tenant.containers.items():
        path = f"{names.container_unit(name, tenant.id)}.d/{DROP_IN}"
        units[path] = _container_unit(one, tenant, facts, images[name])
    units |= _stop_units(tenant, facts)
    return Generation(
        manifest=manifest, units=dict(sorted(units.items())), scripts=scripts,
        credentials={name: one.text.decode("ascii") for name, one in secrets.items()},
    )  # fmt: skip


def inputs_digest(commit: str, registration: Registration, facts: HostFacts, version: str) -> str:
    """The SHA-256 of all that decides what a commit compiles to: with the same digest, nothing needs to be compiled."""
    mine = "." + registration.tenant
    seen: Json = {
        "commit": commit,
        "version": version,
        "tenant": registration.tenant,
        "grants": registration.grants.as_json(),
        "systemd": facts.systemd_version,
        "host": facts.host_name,
        "paths": [facts.nspawn, facts.image_store, facts.tenants_dir, facts.run_dir],
        "tools": dict(facts.tools),
        "allowFile": facts.allow_file,
        "uidBases": {name: base for name, base in facts.uid_bases.items() if name.endswith(mine)},
        "offered": {
            name: [one.path, one.format, one.identity]
            for name, one in facts.offered.items()
            if any(fnmatchcase(name, pattern) for pattern in registration.grants.images)
        },
    }
    return hashlib.sha256(dump(seen).encode()).hexdigest()


def _image(container: Container, tenant: Tenant, facts: HostFacts) -> ImageRef:
    """What a container starts from: its tenant's own image, else an offered one."""
    name = container.values.need(IMAGE)
    own = tenant.images.get(name)
    if own is not None:
        return ImageRef(
            name=name,
            format=own.format,
            source=own.source,
            sha256=own.sha256,
            identity=f"sha256:{own.sha256}",
            path=image_path(facts.image_store, own.sha256, own.format),
        )
    offered = facts.offered[name]
    identity = f"offered:{offered.identity}"
    if offered.format == "tar":
        path = image_path(facts.image_store, hashlib.sha256(identity.encode()).hexdigest(), "tar")
        return ImageRef(
            name=name, format="offered", source=f"file://{offered.path}", sha256="", identity=identity, path=path
        )
    return ImageRef(name=name, format="offered", source="", sha256="", identity=identity, path=offered.path)


def _workload(container: Container, tenant: Tenant, facts: HostFacts, image: ImageRef) -> Workload:
    texts = container.values.texts()
    texts.pop(IMAGE.name)  # its digest counts, not its name
    texts["image"] = image.identity
    texts["uidBase"] = str(facts.uid_bases[names.workload(container.name, tenant.id)])
    for mount in container.values.all(VOLUME):
        texts[f"volume:{mount.volume}"] = f"{facts.volumes(tenant.id)}/{mount.volume}"
    texts |= credentials.settings(container, credentials.chosen(tenant.credentials, facts.host_name))
    return Workload(
        name=container.name,
        kind="container",
        unit=names.container_unit(container.name, tenant.id),
        after=_after(container, tenant),
        settings=texts,
        health=_health(container),
        image=image,
    )


def _after(container: Container, tenant: Tenant) -> tuple[str, ...]:
    infra = names.infra_unit(tenant.id)
    return (infra, *(names.container_unit(name, tenant.id) for name in container.after))


def _health(container: Container) -> Health:
    values = container.values
    return Health(
        check=str(values.need(HEALTH)),
        stable_sec=values.need(HEALTH_STABLE) / 10**6,
        grace_sec=values.need(HEALTH_GRACE) / 10**6,
        interval_sec=values.need(HEALTH_INTERVAL) / 10**6,
        timeout_sec=values.need(HEALTH_TIMEOUT) / 10**6,
    )


def _limits(tenant: Tenant, registration: Registration) -> Assignments:
    """The limits of the slice: what the tenant asks for, never more than its grants."""
    grants = registration.grants
    wanted = tenant.limits.values if tenant.limits else None
    found: dict[str, str] = dict(wanted.directives()) if wanted else {}
    rows = (
        (limits.MEMORY_MAX, grants.memory, show_size),
        (limits.CPU_QUOTA, grants.cpu_quota, show_quota),
        (limits.TASKS_MAX, grants.tasks, show_limit),
    )
    for row, most, show in rows:
        value = wanted.get(row) if wanted else None
        if most is not None:
            found[row.directive] = show(most if value is None else min(value, most))
    return sorted(found.items())


def _slice_unit(tenant: str, assigned: Assignments) -> str:
    unit = [("Description", f"Slice of Tenant {tenant}"), ("Documentation", "man:bbhv(1)")]
    return _render(("Unit", unit), ("Slice", assigned))


def _stop_units(tenant: Tenant, facts: HostFacts) -> dict[str, str]:
    """The units whose stop is a script of the tenant's."""
    workloads = [names.container_unit(name, tenant.id) for name in tenant.containers]
    volumes = {name: f"{facts.volumes(tenant.id)}/{name}" for name in _folders(tenant)}
    home = f"{facts.tenants_dir}/{tenant.id}"
    return {
        names.script_unit(name, tenant.id): _render(
            *stop_unit(
                tenant.id, name, tenant.scripts[name].interpreter, workloads, volumes, home=home, run_dir=facts.run_dir
            )
        )
        for name in STOPPING
        if name in tenant.scripts
    }


def _tenant_unit(tenant: Tenant) -> str:
    """Longer than fetching, scripts, watching, going back and watching again can take."""
    seconds = START_MARGIN_SEC + longest(tenant.scripts) + 2 * tenant.metadata.lifecycle.health_timeout_sec
    return _render(("Service", [("TimeoutStartSec", str(seconds))]))


def _folders(tenant: Tenant) -> tuple[str, ...]:
    """The volumes that are folders of the host, by name; drives of machines are not made yet."""
    return tuple(name for name, volume in sorted(tenant.volumes.items()) if volume.use == "container")


def _infra_unit(tenant: Tenant, facts: HostFacts) -> str:
    """The folders of the volumes. A reload makes new ones; nothing ever removes one, or changes one that is there."""
    mkdir = facts.tools.get("mkdir", "/usr/bin/mkdir")
    home = facts.volumes(tenant.id)
    make = [names.exec_line((mkdir, "-p", "-m", "0755", "--", f"{home}/{name}")) for name in _folders(tenant)]
    again = [names.exec_line((mkdir, "-p", "-m", "0700", "--", home)), *make]
    service = [("Slice", names.tenant_slice(tenant.id))]
    service += [("ExecStart", line) for line in make] + [("ExecReload", line) for line in again]
    return _render(("Service", service))


def _container_unit(container: Container, tenant: Tenant, facts: HostFacts, image: ImageRef) -> str:
    machine = names.workload(container.name, tenant.id)
    after = _after(container, tenant)
    unit = [
        ("Description", f"Container {container.name} of Tenant {tenant.id}"),
        ("Wants", names.infra_unit(tenant.id)),
        ("After", " ".join(after)),
        ("AssertPathExists", names.specifier_escape(image.path)),
    ]
    directory = f"{facts.run_dir}/roots/{machine}"
    raw = _is_raw(image, facts)
    service = [
        ("Slice", names.tenant_slice(tenant.id)),
        *container.values.directives(),
        # systemd makes the directory that the root is mounted on, and removes it when the container has ended.
        ("RuntimeDirectory", directory.removeprefix("/run/")),
        ("RuntimeDirectoryMode", "0700"),
        *credentials.directives(container, tenant.id, facts.tenants_dir),
        *_writable(container, tenant, facts),
        *_devices(raw, facts),
        ("ExecStart", names.exec_line((*_root(container, directory, image, raw, facts, machine),
                                       *_nspawn(container, tenant, directory, facts, machine)))),
    ]  # fmt: skip
    return _render(("Unit", unit), ("Service", service))


def _is_raw(image: ImageRef, facts: HostFacts) -> bool:
    return image.format == "raw" or (image.format == "offered" and facts.offered[image.name].format == "raw")


def _writable(container: Container, tenant: Tenant, facts: HostFacts) -> Assignments:
    """The rest of the host is read-only for the service."""
    used = sorted({mount.volume for mount in container.values.all(VOLUME)})
    return [("ReadWritePaths", names.quote_word(f"{facts.volumes(tenant.id)}/{name}")) for name in used]


def _devices(raw: bool, facts: HostFacts) -> Assignments:
    """An older nspawn fails when it may not make the tun device; a file-system image needs a loop device."""
    found = ["/dev/net/tun rwm"] if facts.systemd_version < TUN_OPTIONAL_SINCE else []
    return [("DeviceAllow", rule) for rule in (*found, *(("/dev/loop-control rw", "block-loop rw") if raw else ()))]


def _root(
    container: Container, directory: str, image: ImageRef, raw: bool, facts: HostFacts, machine: str
) -> tuple[str, ...]:
    """The words before nspawn, which make its root."""
    scratch = container.values.need(SCRATCH_SIZE)
    return (
        CONTAINER_ROOT,
        directory,
        str(facts.uid_bases[machine]),
        str(scratch),
        str(max(1024, scratch // BYTES_PER_INODE)),
        "raw" if raw else "tree",
        image.path,
    )


def _nspawn(container: Container, tenant: Tenant, directory: str, facts: HostFacts, machine: str) -> tuple[str, ...]:
    return nspawn.command(
        container,
        tenant.id,
        nspawn=facts.nspawn,
        systemd_version=facts.systemd_version,
        root=f"{directory}/root",
        uid_base=facts.uid_bases[machine],
        volumes=facts.volumes(tenant.id),
    )


def _render(*sections: tuple[str, Sequence[tuple[str, str]]]) -> str:
    return render(sections, header=HEADER)
