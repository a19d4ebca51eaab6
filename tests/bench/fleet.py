"""Many tenants at once, as the engine would have left them: compiled by compile, stored by Store, shown by publish.

Nothing of it runs; that is not what the benches look at. As a program, on a test host with the product:
`python3 fleet.py TENANTS CONTAINERS` stores and shows that many tenants, with the registration of each.
"""

import json
import os
import sys
from functools import cache

if __name__ == "__main__":
    sys.path.insert(0, "/usr/bin/bbhv")

from bbhv.engine import paths, world
from bbhv.engine.storage import publish
from bbhv.engine.storage.state import Outcome, State, Store
from bbhv.findings import Place
from bbhv.formats.schema.compiler import Schema
from bbhv.model.compile import Generation, compile_tenant
from bbhv.model.host import HostFacts, Offered
from bbhv.model.registration import Grants, Registration, Trust
from bbhv.model.tenant import read_tenant

COMMIT = "c" * 40
CONTAINER = b"[Exec]\nBoot=yes\nEnvironment=ROLE=web\n[X-Bitbuilder]\nImage=debian-13\nMemoryMax=64M\n"
OFFERED = Offered(name="debian-13", path="/var/lib/bitbuilder/offered/debian-13", format="tree", identity="1:2:3")
GRANTS = Grants(cpus=2.0, memory=4 << 30, tasks=4096, containers=64, images=("debian-*",))


def tenants(count: int) -> list[str]:
    """The ids of the first tenants."""
    return [f"tenant{number:04}" for number in range(count)]


@cache
def metadata_schema() -> Schema:
    """The schema of metadata.json, compiled once."""
    return world.metadata_schema()


def generation(tenant: str, containers: int) -> Generation:
    """What a commit with so many containers compiles to."""
    names = [f"web{number}" for number in range(containers)]
    files = {f"containers/{name}.nspawn": CONTAINER for name in names}
    files["metadata.json"] = json.dumps({"apiVersion": "bitbuilder.io/v1", "tenant": tenant}).encode()
    found, findings = read_tenant(files, tenant, metadata_schema())
    if found is None:
        raise SystemExit(f"The tenants of the bench are not right: {findings[0]}")
    registration = Registration(
        tenant=tenant, repository="file:///srv/git/x.git", trust=Trust.UNSIGNED, grants=GRANTS, source=Place("x"),
    )  # fmt: skip
    bases = {f"{name}.{tenant}": 1_000_000_000 + 65536 * number for number, name in enumerate(names)}
    facts = HostFacts(systemd_version=257, uid_bases=bases, offered={"debian-13": OFFERED})
    return compile_tenant(found, registration, facts, COMMIT, "bench")


def make(count: int, containers: int) -> dict[str, Generation]:
    """Tenants with so many containers each."""
    return {tenant: generation(tenant, containers) for tenant in tenants(count)}


def show(made: dict[str, Generation]) -> None:
    """Show them to the generator."""
    publish.prepare()
    for tenant, one in made.items():
        publish.publish(tenant, 1, one.units)


def store(made: dict[str, Generation]) -> None:
    """Store them as good, each with its registration."""
    os.makedirs(paths.REGISTRATIONS[0], exist_ok=True)
    for tenant, one in made.items():
        place = Store(paths.tenant(tenant))
        place.make()
        number = place.write(one.manifest, dict(one.units))
        place.point("current", number)
        place.point("good", number)
        place.save(State(outcome=Outcome(word="applied", commit=COMMIT, when_usec=1), tried=COMMIT))
        with open(f"{paths.REGISTRATIONS[0]}/{tenant}.json", "w", encoding="utf-8") as file:
            json.dump({
                "apiVersion": "bitbuilder.io/v1", "tenant": tenant, "repository": "file:///srv/git/x.git",
                "trust": {"commits": "unsigned"},
                "grants": {"cpus": 2, "memory": "4G", "tasks": 4096, "containers": 64, "images": ["debian-*"]},
            }, file)  # fmt: skip


def main(count: int, containers: int) -> None:
    """Store and show."""
    made = make(count, containers)
    store(made)
    show(made)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
