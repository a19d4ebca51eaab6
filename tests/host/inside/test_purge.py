"""Purge: data goes by an operator's word alone, whole or not at all, and nothing else goes with it."""

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

from .conftest import Make
from .support import REGISTRATIONS, registration, run
from .world import TENANTS, Tenant, container

UIDS = Path("/var/lib/bitbuilder/uids.json")


def purge(*words: str, status: int = 0) -> str:
    """What `bbhv purge` says."""
    done = run(["bbhv", "purge", *words], check=False, timeout=120)
    assert done.returncode == status, f"{words}: {done.returncode}, not {status}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def with_volume(make: Make, name: str = "acme") -> Tenant:
    tenant = make(name)
    tenant.repo.commit({
        **tenant.files(web=container("Volume=data:/srv/data")), "infrastructure/data.volume": "[Volume]\nSize=1G\n",
    })  # fmt: skip
    assert tenant.sync() == "applied"
    (tenant.folder / "volumes/data/file").write_text("precious")
    return tenant


def unregister(tenant: Tenant) -> None:
    (REGISTRATIONS / f"{tenant.id}.json").unlink()
    run(["systemctl", "reload", "tenant-manager"], timeout=120)


def test_a_tenant_that_is_registered_or_runs_keeps_its_data(make: Make) -> None:
    acme = with_volume(make)
    assert "is registered in" in purge("acme", "--yes", status=4)
    (REGISTRATIONS / "acme.json").write_text(registration("acme", acme.repo.url, state="suspended"))
    assert "is registered in" in purge("acme", "--yes", status=4)
    (REGISTRATIONS / "acme.json").write_text("{")
    assert "has errors" in purge("acme", "--yes", status=4)
    (REGISTRATIONS / "acme.json").unlink()
    assert "acme still runs: tenant-container@web.acme.service" in purge("acme", "--yes", status=4)
    assert (acme.folder / "volumes/data/file").read_text() == "precious" and acme.state("web") == "active"


def test_a_tenant_that_is_gone_goes_with_everything_that_was_its_own(make: Make) -> None:
    acme, shop = with_volume(make), with_volume(make, "shop")
    outside = Path("/srv/outside")
    outside.mkdir(exist_ok=True)
    (acme.folder / "volumes/data/link").symlink_to(outside)
    unregister(acme)
    assert "--yes" in purge("acme", status=4) and acme.folder.is_dir()
    reply = json.loads(purge("acme", "--yes", "--json=short"))
    assert (reply["tenant"], reply["removed"]) == ("acme", [str(acme.folder)])
    assert "web.acme" in reply["uidRanges"] and "web.shop" not in reply["uidRanges"]
    assert not acme.folder.exists() and outside.is_dir() and not list(TENANTS.glob(".#*"))
    left = json.loads(UIDS.read_text())
    assert "web.shop" in left and not any(name.endswith(".acme") for name in left)
    assert (shop.folder / "volumes/data/file").exists() and shop.state("web") == "active"
    assert "has no data" in purge("acme", "--yes", status=5)
    (REGISTRATIONS / "acme.json").write_text(registration("acme", acme.repo.url))
    assert acme.sync() == "applied" and not (acme.folder / "volumes/data/file").exists()


def test_a_registration_that_says_absent_lets_it_go(make: Make) -> None:
    acme = with_volume(make)
    (REGISTRATIONS / "acme.json").write_text(registration("acme", acme.repo.url, state="absent"))
    run(["systemctl", "reload", "tenant-manager"], timeout=120)
    purge("acme", "--yes")
    assert not acme.folder.exists()


def test_a_volume_goes_when_nobody_declares_it_any_more(make: Make) -> None:
    acme = with_volume(make)
    assert "is declared by generation 1" in purge("acme", "--volume=data", "--yes", status=4)
    acme.repo.commit({"containers/web.nspawn": container(), "infrastructure/data.volume": None})
    assert acme.sync() == "applied" and (acme.folder / "volumes/data/file").exists()
    for name in ("../volumes", "no-such", ".", "data/file"):
        assert "volume" in purge("acme", f"--volume={name}", "--yes", status=5)
    assert f"Removed {acme.folder}/storage/volumes/data." in purge("acme", "--volume=data", "--yes")
    assert list((acme.folder / "volumes").iterdir()) == [] and acme.state("web") == "active"


@pytest.mark.parametrize("which", ["folder", "record"])
def test_what_an_interrupted_purge_left_goes_with_the_next_one(make: Make, which: str) -> None:
    acme = with_volume(make)
    unregister(acme)
    if which == "folder":
        acme.folder.rename(TENANTS / ".#acme.12ab34cd")
        (TENANTS / ".#acme-two.12ab34cd").mkdir()
    else:
        run(["rm", "-rf", acme.folder])
    purge("acme", "--yes")
    assert "web.acme" not in json.loads(UIDS.read_text()) and not list(TENANTS.glob(".#acme.*"))
    for path in TENANTS.glob(".#acme-two.*"):
        path.rmdir()


def test_a_person_is_asked_for_the_name(make: Make) -> None:
    acme = with_volume(make)
    unregister(acme)
    for answer, gone in (("yes", False), ("", False), ("acme", True)):
        ours, theirs = pty.openpty()
        with subprocess.Popen(["bbhv", "purge", "acme"], stdin=theirs, stdout=theirs, stderr=theirs) as process:
            os.close(theirs)
            said = b""
            while b"to go on: " not in said:
                said += os.read(ours, 4096)
            os.write(ours, f"{answer}\n".encode())
            assert process.wait(120) == (0 if gone else 1), answer
        os.close(ours)
        assert str(acme.folder).encode() in said and acme.folder.exists() is not gone, answer


def test_a_tree_that_a_tenant_nested_beyond_every_limit_goes(make: Make) -> None:
    acme = with_volume(make)
    handle = os.open(acme.folder / "volumes/data", os.O_DIRECTORY)
    for _ in range(3000):
        os.mkdir("deeper", dir_fd=handle)
        inner = os.open("deeper", os.O_DIRECTORY, dir_fd=handle)
        os.close(handle)
        handle = inner
    os.close(handle)
    unregister(acme)
    purge("acme", "--yes")
    assert not acme.folder.exists()


def test_what_is_mounted_in_a_volume_is_told_before_anything_is_removed(make: Make) -> None:
    acme = with_volume(make)
    disk = acme.folder / "a disk"
    disk.mkdir()
    unregister(acme)
    run(["mount", "-t", "tmpfs", "tmpfs", disk])
    try:
        (disk / "kept").touch()
        said = purge("acme", "--yes", status=4)
        assert f"Something is mounted at {disk}" in said and f"umount {disk}" in said
        assert (acme.folder / "storage.raw").exists() and (disk / "kept").exists()
    finally:
        run(["umount", disk])
    purge("acme", "--yes")
    assert not acme.folder.exists()


def test_folders_that_cannot_be_moved_are_removed_where_they_are(tmp_path: Path) -> None:
    """As subvolumes are, or what an overlay has from below: rename(2) says that it is another device."""
    lower, upper, work = (tmp_path / name for name in ("lower", "upper", "work"))
    run(["mount", "-t", "tmpfs", "tmpfs", tmp_path])
    for folder in (lower / "data/a/b/c/d", lower / "data/a/x", upper, work):
        folder.mkdir(parents=True)
    (lower / "data/a/b/c/d/file").touch()
    try:
        top = tmp_path / "merged"
        top.mkdir()
        options = f"lowerdir={lower},upperdir={upper},workdir={work},redirect_dir=off"
        run(["mount", "-t", "overlay", "-o", options, "overlay", top])
        code = "import sys; sys.path.insert(0, sys.argv[1]); from bbhv.host import removal; removal.remove(sys.argv[2])"
        run(["python3", "-IS", "-c", code, "/usr/bin/bbhv", top / "data"])
        assert list(top.iterdir()) == [] and (lower / "data/a/b/c/d/file").exists()
    finally:
        run(["umount", tmp_path / "merged"], check=False)
        run(["umount", tmp_path])
