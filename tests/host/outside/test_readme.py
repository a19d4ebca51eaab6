"""The README, done as it is written: its command blocks and its files, on a host that has never seen the product.

What is not done as written is here: URLs of the example forge become local repositories (which the host must allow),
$EDITOR makes the same replacement, the extension was built and the image was made before, by the same commands.
"""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.host.harness.host import Host

README = (Path(__file__).resolve().parents[3] / "README.md").read_text()
FORGE, LOCAL = "https://git.example.com/", "file:///srv/git/"
DONE_BEFORE = ("python3 build.py sysext", "mmdebstrap ")
ENVIRONMENT = {
    "EDITOR": f"sed -i s,{FORGE},{LOCAL},", "GIT_AUTHOR_NAME": "Ops", "GIT_AUTHOR_EMAIL": "ops@example.com",
    "GIT_COMMITTER_NAME": "Ops", "GIT_COMMITTER_EMAIL": "ops@example.com",
}  # fmt: skip
ALLOW_LOCAL = "[System]\nAllowFile=yes\n"


def blocks(heading: str) -> list[str]:
    """The indented blocks below a heading, in order."""
    section = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    assert section, f"The README has no section {heading}."
    found: list[list[str]] = []
    inside = False
    for line in section.splitlines():
        if line.startswith("    "):
            if not inside:
                found.append([])
            found[-1].append(line[4:])
        inside = line.startswith("    ")
    return ["\n".join(block) for block in found]


INSTALL, SETTINGS, CREDENTIALS = blocks("Install on a host")
OFFER, SYSTEM, TENANT, SYNC, BY_HAND, LOOK, UNINSTALL = blocks("A first tenant in five minutes")


def type_in(host: Host, block: str) -> str:
    """Types a block at the host, line by line, in root's home; what it says. Every line must succeed."""
    said = []
    for line in block.splitlines():
        if not line.startswith(DONE_BEFORE):
            command = f"cd /root; exec 2>&1; {line.replace(FORGE, LOCAL)}"
            said.append(host.run(["sh", "-c", command], timeout=180, env=ENVIRONMENT).stdout)
    return "".join(said)


def wait_until(what: str, probe: Callable[[], bool], timeout: float = 60) -> None:
    """Waits until the probe says yes."""
    deadline, pause = time.monotonic() + timeout, threading.Event()
    while not probe():
        assert time.monotonic() < deadline, f"Waited {timeout:g} s in vain until {what}."
        pause.wait(0.1)


def runs(host: Host) -> bool:
    """Whether the first tenant's container is up."""
    unit = "tenant-container@web.acme.service"
    return host.run(["systemctl", "is-active", unit], check=False).stdout.strip() == "active"


def prepare_forge(host: Host) -> None:
    """Empty repositories where the README has a forge."""
    for name in ("system", "acme"):
        host.run(["git", "init", "-q", "--bare", "-b", "main", f"/srv/git/{name}.git"])


@pytest.fixture
def bare(request: pytest.FixtureRequest, sysext: Path) -> Iterator[Host]:
    """A host as its distribution ships it, with the extension image beside it as `build.py sysext` leaves it."""
    with Host(str(request.config.getoption("--release"))) as host:
        shutil.rmtree(host.path("/var/lib/extensions"))
        for link in host.path("/etc/systemd/system").glob("*.wants/systemd-sysext.service"):
            link.unlink()
        host.put("/etc/bitbuilder/bitbuilder.conf.d/90-local.conf", ALLOW_LOCAL)
        host.copy_in(sysext, "/root/dist/bbhv.raw")
        host.boot()
        yield host


def test_the_readme_leads_to_a_running_tenant_that_outlives_a_reboot_and_off_again(bare: Host) -> None:
    type_in(bare, INSTALL)
    assert bare.run(["bbhv", "--version"]).stdout.startswith("bbhv ")
    bare.put("/etc/bitbuilder/bitbuilder.conf", SETTINGS.replace(FORGE, LOCAL))
    prepare_forge(bare)
    assert "No findings." in type_in(bare, SYSTEM) and "No findings." in type_in(bare, TENANT)
    said = type_in(bare, SYNC)
    assert "acme: applied" in said and "● acme  active" in said and "web.acme" in said
    assert "five minutes" in README and bare.run(["systemctl", "is-active", "tenant-sync.timer"]).stdout == "active\n"

    bare.reboot()
    wait_until("the tenant is up after a reboot", lambda: runs(bare))

    bare.run(["sed", "-i", "s/^MemoryMax=.*/MemoryMax=200M/", "/root/acme/containers/web.nspawn"])
    type_in(bare, f"git -C acme commit -qam 'Less memory'\ngit -C acme push -q {FORGE}acme.git main")
    assert "acme: applied: generation 1 " in type_in(bare, BY_HAND) and runs(bare)
    assert "acme: held" in type_in(bare, "bbhv sync")

    said = type_in(bare, LOOK)
    assert "Started tenant-container@web.acme.service" in said and "\nID=debian\n" in said

    type_in(bare, UNINSTALL)
    assert not runs(bare) and not bare.path("/usr/bin/bbhv").exists()
    assert bare.path("/var/lib/tenants/acme/good/manifest.json").exists()
    assert bare.run(["systemctl", "--failed", "--no-legend"]).stdout == ""


def test_a_host_with_an_empty_etc_is_told_by_credentials(request: pytest.FixtureRequest, sysext: Path) -> None:
    given = dict(line.replace(FORGE, LOCAL).split() for line in CREDENTIALS.splitlines())
    assert given.keys() == {"bitbuilder.repository", "bitbuilder.trust"}
    release = str(request.config.getoption("--release"))
    with Host(release, writable_usr=True, credentials=given) as host:
        host.put("/usr/lib/bitbuilder/bitbuilder.conf.d/90-local.conf", ALLOW_LOCAL)
        host.install(sysext)
        host.boot()
        prepare_forge(host)
        type_in(host, f"{SYSTEM}\n{TENANT}")
        assert "acme: applied" in type_in(host, SYNC)
        host.run(["rm", "-r", "/srv/git"])
        host.reboot()
        wait_until("the tenant is up, with no repository to be had", lambda: runs(host))
        assert not host.path("/etc/bitbuilder").exists()
        assert "at no commit" not in host.run(["bbhv", "doctor"], check=False).stdout


def test_what_the_readme_says_of_trust_is_so(bare: Host) -> None:
    type_in(bare, INSTALL)
    prepare_forge(bare)
    type_in(bare, SYSTEM)
    bare.put("/etc/bitbuilder/bitbuilder.conf", SETTINGS.replace(FORGE, LOCAL).replace("unsigned", "signed"))
    done = bare.run(["bbhv", "sync"], check=False)
    assert done.returncode == 4 and "signed" in done.stderr
    assert bare.run(["bbhv", "list", "--no-legend"]).stdout == ""
