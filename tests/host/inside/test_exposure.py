"""How exposed the units of workloads are, as systemd-analyze(1) security counts it."""

import pytest

from .conftest import Make
from .support import run
from .world import container


@pytest.mark.parametrize(("profile", "most"), [("default", 55), ("strict", 46)])
def test_a_container_is_no_more_exposed_than_its_profile_allows(profile: str, most: int, make: Make) -> None:
    acme = make("exposed")
    acme.commit(web=container(f"Profile={profile}", boot=True))
    assert acme.sync() == "applied", acme.said
    run(["systemd-analyze", "security", "--no-pager", f"--threshold={most}", acme.unit("web")])
    inherited = acme.inside("web", "grep", "NoNewPrivs", "/proc/1/status").split()
    assert inherited == ["NoNewPrivs:", "1" if profile == "strict" else "0"]
    assert "running" in acme.inside("web", "systemctl", "is-system-running", "--wait")
