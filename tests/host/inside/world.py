"""A tenant as a test has it: its repository, its registration, what the host says about it, and its removal."""

import json
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from .support import REGISTRATIONS, REPOSITORIES, Repo, leader, registration, run, unit_property

TENANTS = Path("/var/lib/tenants")
RUN = Path("/run/bitbuilder")
SHOWN = ("units", "generations", "stopped", "suspended", "wanted", "reasons", "synced")


def container(*lines: str, image: str = "debian-13", boot: bool = False, exec: tuple[str, ...] = ()) -> str:
    """A container that is called healthy as soon as it is ready.

    It sleeps, unless it is told to run something else, or to boot, which costs a second of a processor each time.
    """
    what = "Boot=yes" if boot else "Parameters=/bin/sleep infinity"
    own = any(line.startswith("Parameters=") for line in exec)
    head = ["[Exec]", *([] if own else [what]), *exec]
    return "\n".join([*head, "[X-Bitbuilder]", f"Image={image}", "HealthStableSec=0", *lines, ""])


def never_healthy() -> str:
    """A container whose program ends at once."""
    return container("HealthStableSec=3", exec=("Parameters=/bin/false",)).replace("HealthStableSec=0\n", "")


@dataclass
class Tenant:
    """A tenant of the test host."""

    id: str
    repo: Repo
    outcomes: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """Its folder on the host."""
        return TENANTS / self.id

    def files(self, **containers: str) -> dict[str, str | None]:
        """A whole repository with these containers."""
        return {
            "metadata.json": json.dumps({
                "apiVersion": "bitbuilder.io/v1", "tenant": self.id, "lifecycle": {"healthTimeoutSec": 20},
            }),
            **{f"containers/{name}.nspawn": text for name, text in containers.items()},
        }  # fmt: skip

    def commit(self, **containers: str | None) -> str:
        """Commits these containers (None removes one) and returns the commit."""
        files = self.files() if not self.repo.head else {}
        return self.repo.commit({**files, **{f"containers/{name}.nspawn": text for name, text in containers.items()}})

    def sync(self, status: int = 0) -> str:
        """Syncs, expects an exit status, and returns the outcome's word."""
        done = run(["bbhv", "sync", self.id], check=False, timeout=120)
        assert done.returncode == status, (
            f"sync ended with {done.returncode}, not {status}:\n{done.stdout}{done.stderr}"
        )
        self.outcomes.append(done.stdout)
        found = re.findall(rf"^{self.id}: ([a-z-]+)(?::|$)", done.stdout, re.MULTILINE)
        assert len(found) == 1, done.stdout
        return str(found[0])

    @property
    def said(self) -> str:
        """What the last sync printed."""
        return self.outcomes[-1]

    def status(self) -> dict[str, object]:
        """What `bbhv status --json` says of it."""
        tenants = json.loads(run(["bbhv", "status", self.id, "--json=short"]).stdout)["tenants"]
        assert len(tenants) == 1
        one = tenants[0]
        assert isinstance(one, dict)
        return one

    def unit(self, name: str) -> str:
        """The unit of a container."""
        return f"tenant-container@{name}.{self.id}.service"

    def state(self, name: str) -> str:
        """The active state of a container."""
        return unit_property(self.unit(name), "ActiveState")

    def leader(self, name: str) -> int:
        """The leader of a container."""
        return leader(f"{name}.{self.id}")

    def invocation(self, name: str) -> str:
        """The invocation of a container's unit: another one after each start."""
        return unit_property(self.unit(name), "InvocationID")

    def inside(self, name: str, *argv: str) -> str:
        """What a command prints inside a container."""
        return run(
            ["nsenter", "-t", str(self.leader(name)), "-m", "-u", "-i", "-n", "-p", "-U", "--root", "--wd", *argv]
        ).stdout

    def remove(self) -> None:
        """Stops the tenant and takes everything of it from the host.

        Its units are taken from where the generator finds them, without a daemon-reload for every test: that of the
        next tenant ends them for systemd as well.
        """
        (REGISTRATIONS / f"{self.id}.json").unlink(missing_ok=True)
        run(["systemctl", "stop", f"tenant@{self.id}.service"], check=False, timeout=120)
        run(["systemctl", "reset-failed"], check=False)
        shown = [path for folder in SHOWN for name in (self.id, f"{self.id}.*") for path in (RUN / folder).glob(name)]
        for path in (*shown, self.folder, self.repo.path):
            if path.is_symlink() or path.is_file():
                path.unlink()
            else:
                shutil.rmtree(path, ignore_errors=True)


def new_tenant(name: str, **changes: object) -> Tenant:
    """A tenant that is registered, with an empty repository."""
    tenant = Tenant(name, Repo(REPOSITORIES / f"{name}.git").init())
    REGISTRATIONS.mkdir(parents=True, exist_ok=True)
    (REGISTRATIONS / f"{name}.json").write_text(registration(name, tenant.repo.url, **changes))
    return tenant


def reloads() -> str:
    """Changes whenever systemd reads its units again."""
    return run(["systemctl", "show", "--value", "--property=UnitsLoadTimestampMonotonic"]).stdout.strip()
