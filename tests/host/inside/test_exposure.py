"""How exposed our units are, as systemd-analyze(1) security counts it. Those of a moment, which fetch, ingest, unpack
and run scripts, are rated where they are tried: test_hostile_server.py, test_downloads.py, test_scripts.py."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Make
from .signing import PgpKey, Signer, SshKey, commit, forget, trust
from .support import run, unit_property, wait_until
from .world import container

UNITS = Path("/usr/lib/systemd/system")
# Each service of ours, in tenths. Who needs no privilege has 2.5 at most; what the others need, their units explain.
ENGINE = 50
MOST = {
    "bitbuilder-varlink": 10,
    "bitbuilder-varlink@": 10,
    "tenant-infra@": 10,
    "tenant-network@": 17,
    "bitbuilder-look@": 10,
    "bitbuilder-act@": ENGINE,
    "bitbuilder-requests": ENGINE,
    "tenant-confirm@": ENGINE,
    "tenant-manager": ENGINE,
    "tenant-sync": ENGINE,
    "tenant-sync@": ENGINE,
    "tenant@": ENGINE,
}
# Templates that are nothing without what a generation adds: below, and in test_machines.py.
WITH_A_GENERATION = {"tenant-container@", "tenant-machine@"}


def test_every_service_has_a_limit() -> None:
    ours = {path.stem for pattern in ("bitbuilder-*.service", "tenant*.service") for path in UNITS.glob(pattern)}
    assert ours == MOST.keys() | WITH_A_GENERATION


@pytest.mark.parametrize("name", MOST)
def test_a_service_is_no_more_exposed_than_it_needs_to_be(name: str) -> None:
    unit = f"{name}{'x' if name.endswith('@') else ''}.service"
    run(["systemd-analyze", "security", "--no-pager", f"--threshold={MOST[name]}", unit])


@pytest.mark.parametrize(("profile", "most"), [("default", 55), ("strict", 46)])
def test_a_container_is_no_more_exposed_than_its_profile_allows(profile: str, most: int, make: Make) -> None:
    acme = make("exposed")
    acme.commit(web=container(f"Profile={profile}", boot=True))
    assert acme.sync() == "applied", acme.said
    run(["systemd-analyze", "security", "--no-pager", f"--threshold={most}", acme.unit("web")])
    inherited = acme.inside("web", "grep", "NoNewPrivs", "/proc/1/status").split()
    assert inherited == ["NoNewPrivs:", "1" if profile == "strict" else "0"]
    assert "running" in acme.inside("web", "systemctl", "is-system-running", "--wait")


@pytest.fixture(params=[SshKey, PgpKey])
def key(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Signer]:
    """A key of each technology, trusted for tenants."""
    forget()
    made: Signer = request.param(tmp_path, "acme-release")
    trust(made, "acme-release")
    yield made
    forget()


def test_in_its_units_the_engine_verifies_tries_credentials_and_asks_what_is_inside(make: Make, key: Signer) -> None:
    """Everything for which it starts a program that gives up rights, or that enters somewhere."""
    signed = {"commits": "signed", "signers": ["acme-release"]}
    acme = make("boxed", trust=signed)
    blob = run(["bbhv", "credential", "encrypt", "boxed", "word"], input="secret").stdout
    web = container("Credential=word", "Health=exec:/bin/true", "Volume=data:/srv/data")
    commit(acme.repo, key, {**acme.files(web=web), "infrastructure/credentials/word.cred": blob,
                            "infrastructure/data.volume": "[Volume]\nSize=1M\n"})  # fmt: skip
    run(["systemctl", "reload", "tenant-manager.service"], timeout=120)
    run(["systemctl", "start", "tenant@boxed.service"], timeout=120)
    assert acme.status()["outcome"] == "applied" and acme.state("web") == "active", acme.status()
    before = acme.invocation("web")
    newer = commit(acme.repo, key, acme.files(web=f"{web}MemoryMax=64M\n"))
    run(["systemctl", "start", "tenant-sync@boxed.service"])
    wait_until("the newer one runs", lambda: acme.status()["commit"] == newer, timeout=60)
    assert acme.status()["outcome"] == "applied" and acme.invocation("web") == before
    run(["systemctl", "start", "tenant-sync.service"], timeout=120)
    assert unit_property("tenant-sync.service", "Result") == "success"
    assert acme.status()["outcome"] in ("applied", "unchanged")
