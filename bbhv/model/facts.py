"""Facts: what a plan must know of a host and of what a tenant has there, as JSON for a laptop or a pipeline.

The form is `facts` in schemas/output.schema.json. Nothing in it is secret: what the tenant committed itself, what it is
granted, the paths of the host's programs, and digests of its units. Findings of a document that is none: BB103 … BB105,
and those of a registration.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Literal

from ..findings import Finding, errors
from ..formats.jsontext import Json, dump
from ..formats.schema.compiler import Schema
from ..kinds.plain import document, members, text, texts, whole
from ..records import dataclass, replace
from . import manifest
from .host import HostFacts, Offered
from .forecast import Has, digest
from .registration import Registration, parse_registration

API_VERSION = "bitbuilder.io/v1"
MAX_SIZE = 4 << 20
MAX_DEPTH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a host has told. The units of what the tenant has are digests."""

    registration: Registration
    host: HostFacts
    has: Has = Has()


def to_json(facts: Facts) -> dict[str, Json]:
    """The document; of what is offered only what is granted, and of the UID ranges only the tenant's."""
    one, host, has = facts.registration, facts.host, facts.has
    mine, cids = ({name: number for name, number in known.items() if name.endswith(f".{one.tenant}")}
                  for known in (host.uid_bases, host.cids))  # fmt: skip
    offered: dict[str, Json] = {
        name: {"path": image.path, "format": image.format, "identity": image.identity}
        for name, image in sorted(host.offered.items())
        if any(fnmatchcase(name, pattern) for pattern in one.grants.images)
    }
    return {
        "apiVersion": API_VERSION,
        "tenant": one.tenant,
        "host": {
            "hostName": host.host_name, "systemdVersion": host.systemd_version, "nspawn": host.nspawn,
            "imageStore": host.image_store, "tenantsDir": host.tenants_dir, "runDir": host.run_dir,
            "allowFile": host.allow_file,
            "tools": dict(sorted(host.tools.items())), "uidBases": dict(sorted(mine.items())), "offered": offered,
            "vmspawn": host.vmspawn, "vmspawnSwitches": [*sorted(host.vmspawn_switches)], "vsock": host.vsock,
            "virtiofsd": host.virtiofsd, "networkLacking": host.network_lacking, "cids": dict(sorted(cids.items())),
        },
        "registration": registration_json(one),
        "running": None if has.manifest is None else {
            "generation": has.number,
            "manifest": manifest.as_json(has.manifest),
            "units": {path: digest(unit) for path, unit in sorted((has.units or {}).items())},
        },
    }  # fmt: skip


def registration_json(one: Registration) -> dict[str, Json]:
    """A registration as its own file could say it, without how to fetch and who has access."""
    trust: dict[str, Json] = {"commits": one.trust.value, **({"signers": list(one.signers)} if one.signers else {})}
    return {
        "apiVersion": API_VERSION, "tenant": one.tenant, "repository": one.repository, "branch": one.branch,
        "state": one.state, "trust": trust, "hosts": list(one.hosts),
        "grants": {name: value for name, value in one.grants.as_written().items() if value is not None},
    }  # fmt: skip


def from_json(
    file: str, data: bytes, schema: Schema, registration_schema: Schema
) -> tuple[Facts | None, tuple[Finding, ...]]:
    """The facts of a document; None when it has errors."""
    located, findings = document(file, data, schema, max_size=MAX_SIZE, max_depth=MAX_DEPTH)
    if located is None:
        return None, findings
    top = members(located.value)
    tenant = text(top.get("tenant"))
    told = dump(top.get("registration")).encode()
    one, problems = parse_registration(f"{tenant}.json", told, registration_schema)
    at = located.where(("registration",))
    findings += tuple(replace(problem, place=at) for problem in problems)
    try:
        has = _has(members(top.get("running")))
    except ValueError as error:
        place, message = located.where(("running", "manifest")), f"It is no manifest of this version: {error}."
        findings += (Finding(place, "BB104", message, f"Make the facts anew: bbhv facts {tenant}"),)
        return None, findings
    if one is None or errors(findings):
        return None, findings
    if has.manifest is not None and has.manifest.tenant != tenant:
        place = located.where(("running", "manifest"))
        return None, (*findings, Finding(place, "BB104", f"The manifest is not of {tenant}."))
    host = _host(members(top.get("host")))
    return Facts(registration=one, host=host, has=has), findings


def _has(running: Mapping[str, Json]) -> Has:
    if not running:
        return Has()
    found = manifest.from_json(dump(running.get("manifest")))
    units = {path: text(value) for path, value in members(running.get("units")).items()}
    return Has(manifest=found, units=units or None, number=whole(running.get("generation")), digested=True)


def _host(told: Mapping[str, Json]) -> HostFacts:
    offered = {name: _offered(name, members(one)) for name, one in members(told.get("offered")).items()}
    return HostFacts(
        host_name=text(told.get("hostName")),
        systemd_version=whole(told.get("systemdVersion")) or 0,
        nspawn=text(told.get("nspawn")),
        uid_bases={name: whole(base) or 0 for name, base in members(told.get("uidBases")).items()},
        vmspawn=text(told.get("vmspawn")),
        vmspawn_switches=frozenset(texts(told.get("vmspawnSwitches"))),
        virtiofsd=text(told.get("virtiofsd")),
        network_lacking=text(told.get("networkLacking")),
        vsock=told.get("vsock") is True,
        cids={name: whole(cid) or 0 for name, cid in members(told.get("cids")).items()},
        offered=offered,
        image_store=text(told.get("imageStore")),
        tenants_dir=text(told.get("tenantsDir")),
        run_dir=text(told.get("runDir")),
        allow_file=told.get("allowFile") is True,
        tools={name: text(path) for name, path in members(told.get("tools")).items()},
    )


def _offered(name: str, told: Mapping[str, Json]) -> Offered:
    form = text(told.get("format"))
    kind: Literal["tree", "tar", "raw"] = "tar" if form == "tar" else "raw" if form == "raw" else "tree"
    return Offered(name=name, path=text(told.get("path")), format=kind, identity=text(told.get("identity")))
