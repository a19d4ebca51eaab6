"""Fixtures of the tests inside a host. All tests share the one host: each uses names of its own."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .support import REGISTRATIONS, REPOSITORIES, Repo, registration, run
from .world import Tenant, new_tenant

Make = Callable[..., Tenant]
SETTINGS = Path("/etc/bitbuilder/bitbuilder.conf")
TIMER = Path("/run/systemd/system/tenant-sync.timer.d/50-tests.conf")


@pytest.fixture(scope="session", autouse=True)
def settings() -> None:
    """This host takes local repositories, and syncs when a test says so."""
    SETTINGS.parent.mkdir(parents=True, exist_ok=True)
    SETTINGS.write_text("[System]\nAllowFile=yes\n")
    TIMER.parent.mkdir(parents=True, exist_ok=True)
    TIMER.write_text("[Timer]\nOnActiveSec=\nOnUnitInactiveSec=\nOnActiveSec=1d\n")  # a restart starts it again
    run(["systemctl", "daemon-reload"])
    run(["systemctl", "stop", "tenant-sync.timer"])
    run(["systemctl", "start", "tenant-manager.service"], timeout=120)  # the boot's, which starts whoever is registered


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes tenants that are registered on this host and gone after the test."""
    made: list[Tenant] = []

    def one(name: str, **changes: object) -> Tenant:
        made.append(new_tenant(name, **changes))
        return made[-1]

    yield one
    for tenant in made:
        tenant.remove()


@pytest.fixture
def make_repo() -> Iterator[Callable[[str], Repo]]:
    """Makes a repository /srv/git/NAME.git, which is gone after the test."""
    made: list[Repo] = []

    def make(name: str) -> Repo:
        made.append(Repo(REPOSITORIES / f"{name}.git").init())
        return made[-1]

    yield make
    for repo in made:
        shutil.rmtree(repo.path)


@pytest.fixture
def register() -> Iterator[Callable[..., None]]:
    """Registers a tenant on this host by a file in /etc, which is gone after the test."""
    made: list[str] = []

    def write(tenant: str, url: str, **changes: object) -> None:
        REGISTRATIONS.mkdir(parents=True, exist_ok=True)
        made.append(tenant)
        (REGISTRATIONS / f"{tenant}.json").write_text(registration(tenant, url, **changes))

    yield write
    for tenant in made:
        (REGISTRATIONS / f"{tenant}.json").unlink(missing_ok=True)
