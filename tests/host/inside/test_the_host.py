"""The test host itself: the product is merged, and what the other tests build on works here."""

import importlib.util
import marshal
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .support import OFFERED, Repo, leader, run, unit_property, wait_until

ARCHIVE = Path("/usr/bin/bbhv")
GENERATOR = Path("/usr/lib/systemd/system-generators/bitbuilder-generator")
UID_BASE = 1_966_080


def test_the_extension_is_merged_and_brings_the_program() -> None:
    assert "bbhv" in run(["systemd-sysext", "status"]).stdout
    assert ARCHIVE.read_bytes().startswith(b"#!/usr/bin/python3 -IS")


def test_the_bytecode_in_the_archive_is_for_this_python() -> None:
    with zipfile.ZipFile(ARCHIVE) as archive:
        compiled = [name for name in archive.namelist() if name.endswith(".pyc")]
        assert "bbhv/engine/generator.pyc" in compiled
        assert {archive.read(name)[:4] for name in compiled} == {importlib.util.MAGIC_NUMBER}
        assert marshal.loads(archive.read("modules"))[0] == importlib.util.MAGIC_NUMBER


def test_the_generator_starts_from_the_archive(tmp_path: Path) -> None:
    done = run([GENERATOR, tmp_path, tmp_path, tmp_path])
    assert (done.stdout, done.stderr) == ("", "")


def test_a_repository_made_for_a_test_holds_what_was_committed(make_repo: Callable[[str], Repo]) -> None:
    repo = make_repo("house")
    first = repo.commit({"metadata.json": "{}\n", "containers/web.nspawn": "[Exec]\n"})
    second = repo.commit({"containers/web.nspawn": None})
    assert repo.git("rev-parse", f"{second}^") == first
    assert repo.git("ls-tree", "-r", "--name-only", second).splitlines() == ["metadata.json"]


@pytest.fixture
def idmapped_root() -> Iterator[Path]:
    """The offered tree, idmapped and read-only, under an overlay whose upper side is a sized tmpfs."""
    base = Path("/run/idmapped")
    for name in ("low", "up", "root"):
        (base / name).mkdir(parents=True)
    run(["mount", "--bind", "-o", f"ro,X-mount.idmap=b:0:{UID_BASE}:65536", OFFERED, base / "low"])
    run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=755", "tmpfs", base / "up"])
    for name in ("u", "w"):
        (base / "up" / name).mkdir()
    run(["chown", f"{UID_BASE}:{UID_BASE}", base / "up/u"])
    layers = f"lowerdir={base}/low,upperdir={base}/up/u,workdir={base}/up/w"
    run(["mount", "-t", "overlay", "-o", layers, "overlay", base / "root"])
    yield base / "root"
    for name in ("root", "up", "low"):
        run(["umount", base / name])


def test_a_container_boots_from_the_offered_tree_in_a_user_namespace(idmapped_root: Path) -> None:
    nspawn = ["systemd-nspawn", "--settings=no", "--keep-unit", "--boot", "--private-network", "--notify-ready=yes",
              "--machine=probe", f"--directory={idmapped_root}", f"--private-users={UID_BASE}:65536",
              "--private-users-ownership=off"]
    run(["systemd-run", "--unit=probe", "--collect", "--property=Type=notify", "--property=NotifyAccess=all",
         "--property=KillMode=mixed", "--property=Delegate=yes", *nspawn])
    try:
        inside = Path(f"/proc/{leader('probe')}/root")
        assert (inside / "run/systemd/system").is_dir()
        assert (inside / "etc").stat().st_uid == UID_BASE
    finally:
        run(["systemctl", "stop", "probe"])
    wait_until("machined forgets the container", lambda: leader("probe") == 0)
    assert unit_property("probe.service", "Result") in ("success", "")
