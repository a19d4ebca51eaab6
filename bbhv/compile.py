"""Compile: a checked tenant and the facts of a host become a generation, which is a manifest and a tree of texts.

Pure: the same input has the same bytes. Every text of a tenant passes through the escaping of `names`, and every
name through its naming functions.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .formats.jsontext import Json, dump
from .formats.unitfile import render
from .grants import cpu_quota
from .kinds import container as c
from .kinds import limits as l
from .kinds.container import SECOND, Container
from .kinds.values import INFINITY, show_limit, show_quota, show_size
from .manifest import Health, ImageRef, Manifest, Workload, image_path
from .names import container_unit, exec_line, infra_unit, quote_word, specifier_escape, tenant_slice, tenant_unit, workload
from .registration import Registration
from .tenant import Tenant

DROP_IN = "10-bitbuilder.conf"
INODES = 65536
LAUNCHER = "/usr/lib/bitbuilder/container-root"
_UUID_DOMAIN = "bitbuilder.io/v1/machine-id/"


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
    nspawn: str = "/usr/bin/systemd-nspawn"
    uid_bases: Mapping[str, int] = field(default_factory=dict)
    offered: Mapping[str, Offered] = field(default_factory=dict)
    image_store: str = "/var/lib/bitbuilder/images"
    tenants_dir: str = "/var/lib/tenants"
    run_dir: str = "/run/bitbuilder"
    allow_file: bool = False
    tools: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """The result of compiling one commit. `units` maps paths below the units directory to texts."""

    manifest: Manifest
    units: Mapping[str, str]


Lines = list[tuple[str, str]]


def compile_tenant(tenant: Tenant, registration: Registration, facts: HostFacts, commit: str, version: str) -> Generation:
    """The generation of a tenant that has no findings. `commit` and `version` are recorded."""
    header = f"Compiled by bbhv for tenant {tenant.id}; the next sync writes it again."
    units = {tenant_slice(tenant.id): _slice(tenant, registration, header)}
    units[f"{infra_unit(tenant.id)}.d/{DROP_IN}"] = _infra(tenant, facts, header)
    units[f"{tenant_unit(tenant.id)}.d/{DROP_IN}"] = _tenant(tenant, header)
    workloads = []
    for name in sorted(tenant.containers):
        one = _workload(tenant, tenant.containers[name], facts)
        workloads.append(one)
        units[f"{one.unit}.d/{DROP_IN}"] = _container(tenant, tenant.containers[name], one, facts, header)
    manifest = Manifest(
        tenant=tenant.id,
        commit=commit,
        inputs=inputs_digest(commit, registration, facts, version),
        version=version,
        workloads=tuple(workloads),
        slice_settings=dict(_slice_lines(tenant, registration)),
        infra_settings={f"volume:{name}": _volume_path(facts, tenant.id, name) for name in sorted(tenant.volumes)},
        lifecycle=tenant.metadata.lifecycle,
        images=tuple(sorted({one.image for one in workloads}, key=lambda image: image.name)),
    )
    return Generation(manifest=manifest, units=dict(sorted(units.items())))


def inputs_digest(commit: str, registration: Registration, facts: HostFacts, version: str) -> str:
    """The SHA-256 of everything that compiling this commit depends on."""
    value: Json = {
        "commit": commit,
        "version": version,
        "grants": repr(registration.grants),
        "facts": {
            "nspawn": facts.nspawn,
            "uidBases": dict(facts.uid_bases),
            "offered": {name: [one.path, one.format, one.identity] for name, one in facts.offered.items()},
            "dirs": [facts.image_store, facts.tenants_dir, facts.run_dir],
            "allowFile": facts.allow_file,
        },
    }
    return hashlib.sha256(dump(value).encode()).hexdigest()


def stub(tenant: str, message: str) -> dict[str, str]:
    """Units for a tenant that cannot be shown: its tenant@ fails, and says why."""
    text = " ".join(message.split())[:900]
    lines: Lines = [("ExecStart", ""), ("ExecStart", exec_line(("/bin/sh", "-c", 'echo "<3>$1" >&2; exit 1', "sh", text)))]
    lines += [("ExecStopPost", ""), ("ExecReload", "")]
    return {f"{tenant_unit(tenant)}.d/{DROP_IN}": render([("Service", lines)], header="This tenant cannot be shown.")}


def _slice(tenant: Tenant, registration: Registration, header: str) -> str:
    unit: Lines = [("Description", f"Slice of Tenant {tenant.id}"), ("Documentation", "man:bbhv(1)")]
    return render([("Unit", unit), ("Slice", _slice_lines(tenant, registration))], header=header)


def _slice_lines(tenant: Tenant, registration: Registration) -> Lines:
    """The limits: what the tenant wrote, and never more than its grant."""
    grants = registration.grants
    granted = {
        l.MEMORY_MAX.key: (grants.memory, l.MEMORY_MAX, show_size),
        l.CPU_QUOTA.key: (cpu_quota(grants), l.CPU_QUOTA, show_quota),
        l.TASKS_MAX.key: (grants.tasks, l.TASKS_MAX, show_limit),
    }
    lines: Lines = []
    values = tenant.limits.values if tenant.limits else None
    for key, (most, row, show) in granted.items():
        wanted = values.get(row) if values else None
        limits = [one for one in (most, wanted) if one is not None and one != INFINITY]
        if limits:
            lines.append((key, show(min(limits))))
    for key, text in values.directives() if values else ():
        if key not in granted:
            lines.append((key, text))
    return sorted(lines)


def _infra(tenant: Tenant, facts: HostFacts, header: str) -> str:
    folders = [_volume_path(facts, tenant.id, name) for name in sorted(tenant.volumes)]
    service: Lines = [("Slice", tenant_slice(tenant.id))]
    if folders:
        command = exec_line((facts.tools.get("mkdir") or "/usr/bin/mkdir", "-p", "-m", "0755", *folders))
        service += [("ExecStart", command), ("ExecReload", command)]
    else:
        service += [("ExecReload", exec_line((facts.tools.get("mkdir") or "/usr/bin/mkdir", "-p", "-m", "0700",
                                              f"{facts.tenants_dir}/{tenant.id}/volumes")))]
    return render([("Service", service)], header=header)


def _tenant(tenant: Tenant, header: str) -> str:
    limit = 2 * tenant.metadata.lifecycle.health_timeout_sec + 1800
    return render([("Service", [("TimeoutStartSec", f"{limit}s")])], header=header)


def _volume_path(facts: HostFacts, tenant: str, name: str) -> str:
    return f"{facts.tenants_dir}/{tenant}/volumes/{name}"


def _workload(tenant: Tenant, one: Container, facts: HostFacts) -> Workload:
    values = one.values
    image = _image(tenant, values.need(c.IMAGE), facts)
    base = facts.uid_bases[workload(one.name, tenant.id)]
    health = Health(
        kind=values.need(c.HEALTH),
        stable_sec=values.need(c.HEALTH_STABLE) / SECOND,
        grace_sec=values.need(c.HEALTH_GRACE) / SECOND,
        interval_sec=values.need(c.HEALTH_INTERVAL) / SECOND,
        timeout_sec=values.need(c.HEALTH_TIMEOUT) / SECOND,
    )
    return Workload(
        name=one.name,
        kind="container",
        unit=container_unit(one.name, tenant.id),
        after=tuple(container_unit(name, tenant.id) for name in one.after),
        settings={**values.texts(), "image": image.identity, "uidBase": str(base)},
        health=health,
        image=image,
    )


def _image(tenant: Tenant, name: str, facts: HostFacts) -> ImageRef:
    own = tenant.images.get(name)
    if own is not None:
        path = image_path(facts.image_store, own.sha256, own.format)
        return ImageRef(name=name, format=own.format, source=own.source, sha256=own.sha256, identity=own.sha256, path=path)
    offered = facts.offered[name]
    return ImageRef(name=name, format="offered", source="", sha256="", identity=offered.identity, path=offered.path)


def _container(tenant: Tenant, one: Container, made: Workload, facts: HostFacts, header: str) -> str:
    values = one.values
    unit: Lines = [("Description", f"Container {one.name} of Tenant {tenant.id}")]
    order = [infra_unit(tenant.id), *made.after]
    unit += [("Wants", " ".join(order)), ("After", " ".join(order))]
    unit.append(("AssertPathExists", specifier_escape(made.image.path)))
    folders = [_volume_path(facts, tenant.id, mount.volume) for mount in values.all(c.VOLUME)]
    service: Lines = [("Slice", tenant_slice(tenant.id))]
    if folders:
        service.append(("ReadWritePaths", " ".join(map(quote_word, folders))))
    if _is_raw(made.image, facts):
        service += [("DeviceAllow", "/dev/loop-control rw"), ("DeviceAllow", "block-loop rwm")]
    service += values.directives()
    service.append(("ExecStart", exec_line((*_root(values.need(c.SCRATCH_SIZE), made, facts), *_nspawn(tenant, one, made, facts)))))
    return render([("Unit", unit), ("Service", service)], header=header)


def _is_raw(image: ImageRef, facts: HostFacts) -> bool:
    return image.format == "raw" or (image.format == "offered" and facts.offered[image.name].format == "raw")


def _folder(made: Workload, tenant: str, facts: HostFacts) -> str:
    return f"{facts.run_dir}/roots/{workload(made.name, tenant)}"


def _root(scratch: int, made: Workload, facts: HostFacts) -> tuple[str, ...]:
    tenant = made.unit.partition("@")[2].removesuffix(".service").rpartition(".")[2]
    form = "raw" if _is_raw(made.image, facts) else "tree"
    folder = _folder(made, tenant, facts)
    return (LAUNCHER, folder, made.settings["uidBase"], str(scratch), str(INODES), form, made.image.path)


def _nspawn(tenant: Tenant, one: Container, made: Workload, facts: HostFacts) -> tuple[str, ...]:
    values, name = one.values, workload(one.name, tenant.id)
    boot = values.need(c.BOOT)
    ready = values.get(c.NOTIFY_READY)
    words = [
        facts.nspawn, "--quiet", "--keep-unit", "--register=yes", "--settings=no", f"--machine={name}",
        f"--uuid={machine_id(name)}", f"--directory={_folder(made, tenant.id, facts)}/root",
        f"--private-users={made.settings['uidBase']}:65536", "--private-users-ownership=off", "--private-network",
        "--link-journal=no", "--console=read-only",
        f"--notify-ready={'yes' if (boot if ready is None else ready) else 'no'}",
    ]  # fmt: skip
    if boot:
        words.append("--boot")
    elif values.get(c.PROCESS_TWO) is not False:
        words.append("--as-pid2")
    words += values.argv()
    words += [f"--bind={_volume_path(facts, tenant.id, m.volume)}:{m.path.replace(':', chr(92) + ':')}:idmap" for m in values.all(c.VOLUME)]
    parameters = values.get(c.PARAMETERS)
    return (*words, *(("--", *parameters) if parameters else ()))


def machine_id(name: str) -> str:
    """The machine id of a workload: always the same for the same name, as a version 4 UUID."""
    digest = bytearray(hashlib.sha256(f"{_UUID_DOMAIN}{name}".encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x40
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
