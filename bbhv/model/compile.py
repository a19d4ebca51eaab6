"""Compile: a checked tenant and the facts of a host become a generation, which is a manifest and a tree of texts.

The same input gives the same bytes. Units are drop-ins of our own templates; only the slice is a whole file. Whatever
came from a tenant goes into them through names.py: as a checked name, or as one quoted word. What the unit of one kind
of workload says is in units/, a file for each kind.
"""

import hashlib
from collections.abc import Mapping
from fnmatch import fnmatchcase

from ..formats.jsontext import Json, dump
from ..records import dataclass, field
from .. import names
from . import credentials, patience
from .host import HostFacts
from .manifest import Manifest
from .registration import Registration
from .tenant import Tenant
from .units import container, infra, machine, network
from .units.shared import DROP_IN, Setting, machines_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """The result of compiling one commit. `units` maps paths below the units directory to texts, `scripts` names, and
    `credentials` the names of those that its units read to their encrypted texts, and `networks` the files that make
    its networks to theirs."""

    manifest: Manifest
    units: Mapping[str, str]
    scripts: Mapping[str, str] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict)
    networks: Mapping[str, str] = field(default_factory=dict)


# What runs, in the order in which a manifest lists it.
KINDS = (container.KIND, machine.KIND)


def compile_tenant(
    tenant: Tenant, registration: Registration, facts: HostFacts, commit: str, version: str
) -> Generation:
    """The generation of a tenant that has passed its checks. Raises KeyError when a fact is missing."""
    wired = network.networks(tenant, registration.grants, facts)
    setting = Setting(tenant, registration.grants, facts, wired.ports)
    made = tuple(one for kind in KINDS for one in kind.made(setting))
    images = {one for each in made for one in each.images}
    limited = infra.slice_limits(tenant, registration)
    here = (*tenant.containers.values(), *machines_of(tenant, facts).values())
    secrets = credentials.used(here, credentials.chosen(tenant.credentials, facts.host_name))
    scripts = {name: one.text for name, one in sorted(tenant.scripts.items())}
    manifest = Manifest(
        tenant=tenant.id,
        commit=commit,
        inputs=inputs_digest(commit, registration, facts, version),
        version=version,
        workloads=tuple(one.record for one in made),
        slice_settings={f"Slice.{key}": value for key, value in limited},
        infra_settings=infra.settings(tenant, facts, registration.grants),
        network_settings=wired.settings,
        lifecycle=tenant.metadata.lifecycle,
        images=tuple(sorted(images, key=lambda image: (image.path, image.name))),
        scripts={name: hashlib.sha256(text.encode()).hexdigest() for name, text in scripts.items()},
    )
    watched = patience.seconds(tenant.metadata.lifecycle, manifest.workloads)
    units = infra.texts(tenant, limited, facts, registration.grants, watched)
    units |= {f"{one.record.unit}.d/{DROP_IN}": one.text for one in made}
    units |= infra.stop_units(tenant, facts, [one.record.unit for one in made])
    if wired.texts:
        units[f"{names.network_unit(tenant.id)}.d/{DROP_IN}"] = network.unit(tenant)
    return Generation(
        manifest=manifest, units=dict(sorted(units.items())), scripts=scripts,
        credentials={name: one.text.decode("ascii") for name, one in secrets.items()}, networks=wired.texts,
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
        "vmspawn": [facts.vmspawn, facts.virtiofsd, facts.vsock, *sorted(facts.vmspawn_switches)],
        "tools": dict(facts.tools),
        "allowFile": facts.allow_file,
        "noNetworks": facts.network_lacking,
        "uidBases": {name: base for name, base in facts.uid_bases.items() if name.endswith(mine)},
        "cids": {name: cid for name, cid in facts.cids.items() if name.endswith(mine)},
        "offered": {
            name: [one.path, one.format, one.identity]
            for name, one in facts.offered.items()
            if any(fnmatchcase(name, pattern) for pattern in registration.grants.images)
        },
    }
    return hashlib.sha256(dump(seen).encode()).hexdigest()
