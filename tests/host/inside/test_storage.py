"""The storage of a tenant: as large as its grant, and what is kept in it outlives everything but an operator's word."""

import os
import shutil
from pathlib import Path

import pytest

from .conftest import Make
from .support import OFFERED, REGISTRATIONS, attached, registration, run, unit_property
from .world import Tenant, container

GRANTS: dict[str, object] = {
    "cpus": 4, "memory": "4G", "tasks": 4096, "storage": "64M", "containers": 16, "images": ["*"],
}  # fmt: skip
IDLE = ("Parameters=/usr/bin/sleep infinity",)
VOLUME = "[Volume]\nSize=16M\n"
SMALL = Path("/var/lib/bitbuilder/offered/small")


@pytest.fixture
def small() -> Path:
    """An offered image of a few megabytes: what `sh` and some programs need."""
    shutil.rmtree(SMALL, ignore_errors=True)
    for folder in ("etc", "proc", "sys", "dev", "tmp", "run", "root", "srv", "usr/bin", "var"):
        (SMALL / folder).mkdir(parents=True)
    for link in ("bin", "lib", "lib64", "sbin"):
        (SMALL / link).symlink_to(f"usr/{link}" if link != "sbin" else "usr/bin")
    for name in ("sh", "sleep", "cat", "ls", "dd", "stat", "env", "id", "true", "rm"):
        program = OFFERED / "usr/bin" / name
        shutil.copy(program.resolve(), SMALL / "usr/bin" / name)
    for library in ("libc.so.6", "libselinux.so.1", "libpcre2-8.so.0", "libcap.so.2", "libcrypto.so.3", "libacl.so.1"):
        for found in OFFERED.glob(f"usr/lib/x86_64-linux-gnu/{library}"):
            target = SMALL / "usr/lib/x86_64-linux-gnu" / library
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(found.resolve(), target)
    (SMALL / "usr/lib64").mkdir()
    shutil.copy((OFFERED / "usr/lib64/ld-linux-x86-64.so.2").resolve(), SMALL / "usr/lib64/ld-linux-x86-64.so.2")
    (SMALL / "etc/os-release").write_text("ID=small\n")
    (SMALL / "usr/lib/other").write_text("of somebody\n")
    os.chown(SMALL / "usr/lib/other", 33, 33)
    (SMALL / "usr/bin/sudo").write_bytes((SMALL / "usr/bin/id").read_bytes())
    (SMALL / "usr/bin/sudo").chmod(0o4755)
    (SMALL / "usr/bin/chage").write_bytes(b"")
    os.chown(SMALL / "usr/bin/chage", 0, 42)
    (SMALL / "usr/bin/chage").chmod(0o2755)
    return SMALL


def keeper(*lines: str) -> str:
    """A container that keeps its root."""
    return container("Persistent=yes", *lines, image="small", exec=IDLE)


def idler(*lines: str) -> str:
    return container(*lines, image="small", exec=IDLE)


def free(tenant: Tenant) -> int:
    """The bytes that are left in the storage of a tenant."""
    found = os.statvfs(tenant.folder / "storage")
    return found.f_bavail * found.f_frsize


def test_a_root_that_is_kept_outlives_restarts_crashes_and_generations(make: Make, small: Path) -> None:
    acme = make("acme", grants=GRANTS)
    acme.commit(web=keeper())
    assert acme.sync() == "applied", acme.said
    acme.inside("web", "sh", "-c", "echo mine > /etc/mine; echo 2 > /usr/lib/new")
    assert acme.inside("web", "stat", "-c", "%u %g", "/usr/lib/other", "/etc/mine", "/") == "33 33\n0 0\n0 0\n"
    modes = acme.inside("web", "stat", "-c", "%a %g", "/usr/bin/sudo", "/usr/bin/chage")
    assert modes == "4755 0\n2755 42\n", "set-user-id and set-group-id programs are what they were in the image"
    flags = Path(f"/proc/{acme.leader('web')}/mountinfo").read_text().splitlines()
    options = next(line.split() for line in flags if line.split()[4] == "/")
    assert "nodev" in options[5] and "nosuid" not in options[5] and "idmapped" in " ".join(options), options
    [kept] = (acme.folder / "roots/web").iterdir()
    assert (kept / "etc/mine").stat().st_uid == 0, "on the disk nothing is moved"
    assert not (small / "etc/mine").exists()
    run(["systemctl", "restart", acme.unit("web")])
    assert acme.inside("web", "cat", "/etc/mine") == "mine\n"
    run(["systemctl", "kill", "--signal=KILL", acme.unit("web")])
    run(["systemctl", "restart", acme.unit("web")])
    assert acme.inside("web", "cat", "/etc/mine") == "mine\n"
    acme.commit(web=container("Persistent=yes", image="small", exec=(*IDLE, "Environment=A=1")))
    assert acme.sync() == "applied" and acme.inside("web", "cat", "/etc/mine", "/usr/lib/new") == "mine\n2\n"
    run(["systemctl", "restart", "tenant@acme"], timeout=120)
    assert acme.inside("web", "cat", "/etc/mine") == "mine\n"
    acme.commit(web=None, other=idler())
    assert acme.sync() == "applied" and (kept / "etc/mine").read_text() == "mine\n", "removal keeps it"
    acme.commit(web=keeper(), other=None)
    assert acme.sync() == "applied" and acme.inside("web", "cat", "/etc/mine") == "mine\n"


def test_an_image_that_changes_begins_another_root_only_by_word(make: Make, small: Path) -> None:
    acme = make("acme", grants=GRANTS)
    acme.commit(web=keeper())
    assert acme.sync() == "applied", acme.said
    acme.inside("web", "sh", "-c", "echo mine > /etc/mine")
    invocation, first = acme.invocation("web"), acme.repo.head
    os.utime(small)
    acme.commit(web=keeper("MemoryMax=90M"))
    assert "DATA LOSS" in run(["bbhv", "plan", "acme"], check=False).stdout
    assert acme.sync(3) == "refused" and "BB602" in acme.said and acme.invocation("web") == invocation
    said = acme.files()["metadata.json"]
    assert said is not None
    acme.repo.commit({"metadata.json": said.replace('"lifecycle": {', '"lifecycle": {"allowDataLoss": ["web"], ')})
    assert acme.sync() == "applied", acme.said
    assert acme.inside("web", "ls", "/etc") == "os-release\n"
    assert first and len(list((acme.folder / "roots/web").iterdir())) == 2, "what a rollback needs is still there"


def test_a_tenant_fills_no_more_than_its_grant(make: Make, small: Path) -> None:
    acme, shop = make("acme", grants=GRANTS), make("shop", grants=GRANTS)
    for tenant in (acme, shop):
        tenant.repo.commit({**tenant.files(web=keeper("Volume=data:/srv")), "infrastructure/data.volume": VOLUME})
        assert tenant.sync() == "applied", tenant.said
    before = free(shop)
    for target in ("/srv/fill", "/root/fill"):
        words = acme.inside("web", "sh", "-c", f"dd if=/dev/zero of={target} bs=1M count=200 2>&1 || echo stopped")
        assert "No space left on device" in words and "stopped" in words
    assert free(shop) == before and (acme.folder / "storage.raw").stat().st_size == 64 << 20
    assert (acme.folder / "storage.raw").stat().st_mode & 0o777 == 0o600
    acme.inside("web", "sh", "-c", "rm /srv/fill /root/fill; echo kept > /srv/file")
    flags = Path(f"/proc/{acme.leader('web')}/mountinfo").read_text().splitlines()
    options = next(line.split()[5] for line in flags if line.split()[4] == "/srv")
    assert "nosuid" in options and "nodev" in options, options

    # More is there with the next start; less is refused.
    more = {**GRANTS, "storage": "96M"}
    (REGISTRATIONS / "acme.json").write_text(registration("acme", acme.repo.url, grants=more))
    assert acme.sync() == "applied", acme.said
    run(["systemctl", "restart", "tenant@acme"], timeout=120)
    total = os.statvfs(acme.folder / "storage")
    assert total.f_blocks * total.f_frsize > 80 << 20 and acme.inside("web", "cat", "/srv/file") == "kept\n"
    (REGISTRATIONS / "acme.json").write_text(registration("acme", acme.repo.url, grants=GRANTS))
    assert acme.sync(3) == "refused"
    assert "BB604" in acme.said and "The storage of acme has 96M and cannot become smaller" in acme.said
    assert acme.inside("web", "cat", "/srv/file") == "kept\n"
    acme.repo.commit({"infrastructure/more.volume": "[Volume]\nSize=1G\n"})
    assert acme.sync(3) == "refused" and "but 64M are granted" in acme.said


def test_the_storage_goes_with_its_tenant_and_comes_back_with_it(make: Make, small: Path) -> None:
    acme = make("acme", grants=GRANTS)
    acme.commit(web=idler())
    assert acme.sync() == "applied", acme.said
    assert not (acme.folder / "storage.raw").exists(), "nothing is in it yet"
    acme.repo.commit({"containers/web.nspawn": idler("Volume=data:/srv"), "infrastructure/data.volume": VOLUME})
    assert acme.sync() == "applied", acme.said
    acme.inside("web", "sh", "-c", "echo kept > /srv/file")
    assert os.path.ismount(acme.folder / "storage")
    run(["systemctl", "stop", "tenant@acme"], timeout=120)
    assert not os.path.ismount(acme.folder / "storage") and not (acme.folder / "volumes").exists()
    assert attached(acme.folder / "storage.raw") == ""
    run(["systemctl", "start", "tenant@acme"], timeout=120)
    assert attached(acme.folder / "storage.raw") != ""
    assert acme.inside("web", "cat", "/srv/file") == "kept\n"
    # A folder of before there was a bound moves in when the tenant starts.
    run(["systemctl", "stop", "tenant@acme"], timeout=120)
    (acme.folder / "roots").unlink()
    (acme.folder / "roots/old").mkdir(parents=True)
    (acme.folder / "roots/old/file").write_text("old")
    run(["systemctl", "start", "tenant@acme"], timeout=120)
    assert (acme.folder / "roots").is_symlink() and (acme.folder / "storage/roots/old/file").read_text() == "old"
    assert unit_property("tenant-infra@acme.service", "Result") == "success"


def test_what_an_interruption_left_of_a_step_is_made_anew(make: Make, small: Path) -> None:
    acme = make("acme", grants=GRANTS)
    acme.folder.mkdir(parents=True)
    (acme.folder / "storage.raw.new").write_bytes(b"half a file system")
    acme.repo.commit({**acme.files(web=keeper("Volume=data:/srv")), "infrastructure/data.volume": VOLUME})
    assert acme.sync() == "applied", acme.said
    acme.inside("web", "sh", "-c", "echo kept > /srv/file; echo mine > /etc/mine")
    [kept] = (acme.folder / "roots/web").iterdir()
    run(["systemctl", "stop", "tenant@acme"], timeout=120)
    # Between the move of an older folder and the link, and in the middle of a copy of a root.
    (acme.folder / "volumes").unlink()
    (acme.folder / ".volumes.moved/data").mkdir(parents=True)
    run(["systemctl", "start", "tenant-infra@acme"])
    assert (acme.folder / "volumes").is_symlink() and not (acme.folder / ".volumes.moved").exists()
    (acme.folder / "roots/web" / f"{kept.name}.new/etc").mkdir(parents=True)
    kept.rename(kept.with_name("aside"))
    run(["systemctl", "start", "tenant@acme"], timeout=120)
    assert acme.inside("web", "ls", "/etc") == "os-release\n" and acme.inside("web", "cat", "/srv/file") == "kept\n"
    assert sorted(path.name for path in (acme.folder / "roots/web").iterdir()) == sorted([kept.name, "aside"])

    run(["bbhv", "volume", "snapshot", "acme", "data", "one"])
    acme.repo.commit({"containers/web.nspawn": keeper(), "infrastructure/data.volume": None})
    assert acme.sync() == "applied", acme.said
    run(["bbhv", "purge", "acme", "--volume=data", "--yes"])
    assert not (acme.folder / "storage/snapshots/data").exists() and not (acme.folder / "volumes/data").exists()
