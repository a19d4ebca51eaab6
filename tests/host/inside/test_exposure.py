"""How exposed our units are, as systemd-analyze(1) security counts it. Those of a moment, which fetch, ingest, unpack
and run scripts, are rated where they are tried: test_hostile_server.py, test_downloads.py, test_scripts.py."""

from pathlib import Path

import pytest

from .conftest import Make
from .support import run
from .world import container

UNITS = Path("/usr/lib/systemd/system")
# Each service of ours, in tenths. Who needs no privilege has 2.5 at most; what the others need, their units explain.
ENGINE = 60
MOST = {
    "bitbuilder-varlink": 10,
    "tenant-infra@": 10,
    "tenant-network@": 17,
    "bitbuilder-requests": ENGINE,
    "tenant-confirm@": ENGINE,
    "tenant-confirmed@": ENGINE,
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
