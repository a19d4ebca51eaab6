"""Repositories that a real git serves over https on the loopback of a test host, and tenants that are registered there.

The server runs outside of the host, in its network only: what it costs is counted for itself.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.bench import hosts
from tests.host.harness.host import Host
from tests.host.harness.shell import run
from tests.host.inside import servers

BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
# A container whose unit has nothing to run: systemd counts it, and its start costs what systemd itself does.
NOTHING = (
    "[Service]\nType=oneshot\nRemainAfterExit=yes\nRestart=no\nExecStartPre=\nExecStart=\nExecStop=/bin/true\n"
    "ExecStopPost=\n"
)
FETCH = "git fetch -q --no-tags --no-write-fetch-head --no-auto-maintenance --refmap= origin +main:refs/bench/main"
ASK = "git ls-remote -q origin refs/heads/main"
# What a hundred of the first cost on the machine for which the limits of the benches are meant.
FETCHES_SEC = 2.4


def by_git(tenants: Sequence[str], command: str) -> tuple[str, ...]:
    """A shell that does something to the clone of each tenant, with git's own start-up as lean as it gets."""
    lean = "export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_TERMINAL_PROMPT=0;"
    return ("sh", "-ec", f"{lean} for t in {' '.join(tenants)}; do cd /var/lib/tenants/$t/config.git; {command}; done")


def prepare(host: Host) -> None:
    """Nothing of ours starts by itself, and containers have nothing to run."""
    hosts.quiet(host)
    for template in ("tenant-container@", "tenant-infra@"):
        host.put(f"/etc/systemd/system/{template}.service.d/99-bench.conf", NOTHING)
    host.run(["systemctl", "daemon-reload"])


class Server(NamedTuple):
    """A server that runs."""

    address: str
    pid: int

    def cpu(self) -> float:
        """The CPU time of it and of its gits so far, in seconds."""
        times = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(") ")[2].split()[11:15]
        return sum(map(int, times)) / os.sysconf("SC_CLK_TCK")


@contextmanager
def server(host: Host, folder: Path) -> Iterator[Server]:
    """A server of the repositories in a folder; the host trusts it, beside as many others as we do."""
    authority, repositories = folder / "authority", folder / "repositories"
    repositories.mkdir(parents=True)
    command = ["nsenter", "-t", str(host.leader), "-n", sys.executable, servers.__file__, repositories, authority]
    pipe = subprocess.PIPE
    with subprocess.Popen([str(word) for word in command], stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout
        address = process.stdout.readline().strip()
        if not address.startswith("https://"):
            raise SystemExit("The https server of the bench did not start.")
        known = BUNDLE.read_text(encoding="ascii") if BUNDLE.exists() else ""
        host.put(str(BUNDLE), known + (authority / "ca.pem").read_text())
        yield Server(address, process.pid)
        process.communicate("", timeout=60)


def commit(folder: Path, name: str, number: int) -> None:
    """Makes the repository of a tenant with one container, or the next commit in it: `number` is in its text."""
    path = folder / f"repositories/{name}.git"
    if not path.exists():
        run(["git", "init", "--quiet", "--bare", "--initial-branch=main", path])
    metadata = json.dumps({"apiVersion": "bitbuilder.io/v1", "tenant": name})
    container = f"{hosts.CONTAINER}MemoryMax={64 + number}M\n"
    stream = f"commit refs/heads/main\ncommitter a <a@b> {1700000000 + number} +0000\ndata 2\nx\n"
    stream += "from refs/heads/main^0\n" if number else ""
    for file, text in (("metadata.json", metadata), ("containers/web.nspawn", container)):
        stream += f"M 100644 inline {file}\ndata {len(text)}\n{text}\n"
    run(["git", "-C", path, "fast-import", "--quiet", "--force"], data=stream)


def register(host: Host, name: str, address: str) -> None:
    """Registers a tenant of the server."""
    host.put(f"/etc/bitbuilder/tenants/{name}.json", json.dumps({
        "apiVersion": "bitbuilder.io/v1", "tenant": name, "repository": f"{address}{name}.git",
        "trust": {"commits": "unsigned"},
        "grants": {"cpus": 2, "memory": "2G", "tasks": 4096, "containers": 4, "images": ["debian-*"]},
    }))
