"""Small worlds for the tests of the model: a tenant that is right, its registration, and the facts of a host."""

import json
from collections.abc import Mapping
from pathlib import Path

from bbhv.findings import Finding, Place
from bbhv.formats.schema.compiler import Schema, compile_schema
from bbhv.model.host import HostFacts, Offered
from bbhv.model.registration import Grants, Registration, Trust
from bbhv.model.tenant import Tenant, read_tenant

SCHEMAS = Path(__file__).parents[2] / "schemas"
DIGEST = "5" * 64
COMMIT = "c" * 40

WEB = b"""[Exec]
Boot=yes
Environment=ROLE=web
[X-Bitbuilder]
Image=debian-13
Volume=data:/srv/data
After=db
MemoryMax=512M
"""
DB = b"""[Exec]
Parameters=/usr/bin/postgres -D /data
[X-Bitbuilder]
Image=own
"""
FILES: Mapping[str, bytes] = {
    "metadata.json": b'{"apiVersion": "bitbuilder.io/v1", "tenant": "acme"}',
    "infrastructure/data.volume": b"[Volume]\nSize=1G\n",
    "infrastructure/own.image": f"[Image]\nSource=file:///srv/images/own.tar\nSHA256={DIGEST}\nFormat=tar\n".encode(),
    "infrastructure/tenant.slice": b"[Slice]\nMemoryMax=1G\nCPUWeight=50\n",
    "containers/web.nspawn": WEB,
    "containers/db.nspawn": DB,
}


def load_schema(name: str) -> Schema:
    return compile_schema(json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8")))


METADATA_SCHEMA = load_schema("metadata")


def read(files: Mapping[str, bytes], tenant: str = "acme") -> tuple[Tenant | None, list[str]]:
    """The tenant, and the findings as "file:line CODE"."""
    result, findings = read_tenant(files, tenant, METADATA_SCHEMA)
    return result, told(findings)


def told(findings: tuple[Finding, ...]) -> list[str]:
    return sorted(f"{one.place.file}:{one.place.line} {one.code}" for one in findings)


GRANTS = Grants(
    cpus=2.0,
    memory=4 << 30,
    tasks=4096,
    storage=20 << 30,
    containers=4,
    images=("debian-*",),
    image_sources=("file:///srv/images/",),
)
OFFERED = Offered(name="debian-13", path="/usr/lib/bitbuilder/offered/debian-13", format="tree", identity="1:2:3")
FACTS = HostFacts(
    systemd_version=257,
    uid_bases={"web.acme": 1_000_000_000, "db.acme": 1_000_065_536},
    offered={"debian-13": OFFERED},
)


def registration(grants: Grants = GRANTS) -> Registration:
    return Registration(
        tenant="acme",
        repository="file:///srv/acme.git",
        trust=Trust.UNSIGNED,
        grants=grants,
        source=Place("tenants/acme.json"),
    )
