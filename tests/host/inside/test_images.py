"""Images: every form of one starts, what lies about itself is refused, and nothing in an archive leads out of it."""

import bz2
import fcntl
import gzip
import importlib
import lzma
import os
import shutil
import struct
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .conftest import Make
from .guests import IMAGES, Member, archive, folder, guest, idler, image, link, member
from .support import leader, run
from .world import Tenant, container

STORE = Path("/var/lib/bitbuilder/images")
MOUNTS = {"cpus": 4, "memory": "4G", "tasks": 4096, "containers": 16, "imageSources": ["file:///srv/images/"],
          "mountImages": True}
CAP_DAC_READ_SEARCH = struct.pack("<5I", 0x02000001, 1 << 2, 0, 0, 0)


@pytest.fixture
def put() -> Iterator[Callable[[str, bytes], Path]]:
    """Puts a file beside the images that a tenant may name; it is gone after the test."""
    made: list[Path] = []

    def one(name: str, data: bytes) -> Path:
        made.append(IMAGES / name)
        made[-1].write_bytes(data)
        return made[-1]

    yield one
    for path in made:
        path.unlink(missing_ok=True)


def declare(tenant: Tenant, path: Path, format: str = "tar", sha256: str = "", text: str = "") -> str:
    """Commits an image and a container that starts from it."""
    return tenant.repo.commit({
        **tenant.files(web=text or idler()), "infrastructure/tiny.image": image(path, format, sha256),
    })  # fmt: skip


def refusal(tenant: Tenant, path: Path, **more: str) -> str:
    """What the sync says about an image that cannot be used."""
    declare(tenant, path, **more)
    assert tenant.sync(status=1) == "failed"
    assert left_over() == [] and tenant.state("web") != "active"
    return tenant.said


def zstd(data: bytes) -> bytes:
    """The data as zstd compresses them, or as they are where Python cannot do that: before 3.14."""
    try:
        return bytes(importlib.import_module("compression.zstd").compress(data))
    except ImportError:
        return data


def left_over() -> list[str]:
    """What is left in the store of images on their way."""
    return [path.name for path in STORE.glob(".#*")]


def root(tenant: Tenant) -> Path:
    """The root of the container as the host sees it."""
    return Path(f"/proc/{tenant.leader('web')}/root")


def base(tenant: Tenant) -> int:
    """The first of the container's user ids on the host."""
    return int(Path(f"/proc/{tenant.leader('web')}/uid_map").read_text().split()[1])


def test_an_archive_starts_whatever_its_compression_also_of_several_streams(
    make: Make, put: Callable[[str, bytes], Path]
) -> None:
    acme = make("acme")
    plain = archive([*guest(), member("srv/last", b"here")], bytes)
    half = len(plain) // 2
    forms: dict[str, Callable[[bytes], bytes]] = {
        "plain": bytes, "gz": gzip.compress, "xz": lambda data: lzma.compress(data, preset=0), "bz2": bz2.compress,
        "zst": zstd,
    }  # fmt: skip
    for name, compress in forms.items():
        declare(acme, put(f"two.{name}", compress(plain[:half]) + compress(plain[half:])))
        assert acme.sync() == "applied", name
        assert (root(acme) / "srv/last").read_bytes() == b"here"
    assert left_over() == [] and STORE.stat().st_mode & 0o777 == 0o700


def test_the_whole_guest_boots_from_an_archive_and_from_a_squashfs(make: Make) -> None:
    acme = make("acme", grants=MOUNTS)
    acme.repo.commit({
        **acme.files(web=container(image="packed", boot=True), raw=container(image="flat", boot=True)),
        "infrastructure/packed.image": image(IMAGES / "guest.tar.gz"),
        "infrastructure/flat.image": image(IMAGES / "guest.squashfs", "raw"),
    })  # fmt: skip
    assert acme.sync() == "applied"
    for name in ("web", "raw"):
        assert acme.inside(name, "systemctl", "is-system-running", "--wait").strip() == "running"
        assert acme.inside(name, "stat", "-c", "%U %a", "/usr/bin/su").split() == ["root", "4755"]
        acme.inside(name, "touch", "/etc/written")
    run(["systemctl", "restart", acme.unit("raw")])
    assert not Path(f"/proc/{leader('raw.acme')}/root/etc/written").exists()


def test_a_raw_image_needs_the_grant(make: Make) -> None:
    acme = make("acme")
    declare(acme, IMAGES / "guest.squashfs", "raw", text=container(image="tiny"))
    assert acme.sync(status=3) == "refused"
    assert "infrastructure/tiny.image:4:" in acme.said and "BB404" in acme.said and "mountImages" in acme.said


def partitioned(path: Path) -> Path:
    """Makes it a disk image with a squashfs as its root, the hashes over that, and nobody's signature."""
    definitions = path.with_suffix(".d")
    definitions.mkdir(exist_ok=True)
    root = "Type=root\nFormat=squashfs\nCopyFiles=/etc/os-release\nVerity=data\nVerityMatchKey=r\nMinimize=best"
    hashes = "Type=root-verity\nVerity=hash\nVerityMatchKey=r\nMinimize=best"
    for name, text in (("1", root), ("2", hashes)):
        (definitions / f"{name}.conf").write_text(f"[Partition]\n{text}\n")
    path.unlink(missing_ok=True)
    run(["systemd-repart", "--empty=create", "--size=auto", "--offline=yes", f"--definitions={definitions}", path])
    shutil.rmtree(definitions)
    return path


def test_a_file_system_that_the_host_does_not_mount_for_tenants_touches_nothing(
    make: Make, put: Callable[[str, bytes], Path]
) -> None:
    acme = make("acme", grants=MOUNTS)
    disk, squashfs = put("disk.ext4", b""), (IMAGES / "guest.squashfs").read_bytes()
    run(["mkfs.ext4", "-q", disk, "8M"])
    for path, words in (
        (disk, "There is ext4 in it; of a container's the host mounts only squashfs and erofs."),
        (put("words", b"words, words"), "There is no file system in it"),
        (put("cut.squashfs", squashfs[: len(squashfs) // 2]), "it is cut off"),
        (partitioned(put("parts.raw", b"")), "There is a partition table in it"),
    ):
        declare(acme, path, "raw")
        assert acme.sync(status=1) == "failed" and "is not what a container starts from: " in acme.said
        assert words in acme.said, acme.said


def test_what_an_archive_says_about_its_files_holds_inside(make: Make, put: Callable[[str, bytes], Path]) -> None:
    acme = make("acme")
    cat = next(data for info, data in guest() if info.name == "usr/bin/cat")
    capable = member("usr/bin/cat-capable", cat, mode=0o755)
    capable[0].pax_headers = {"SCHILY.xattr.security.capability": CAP_DAC_READ_SEARCH.decode("latin-1"),
                              "SCHILY.xattr.user.note": "kept", "SCHILY.xattr.trusted.overlay.opaque": "y"}
    declare(acme, put("owned.tar.gz", archive([
        *guest(), member("etc/secret", b"secret", mode=0o600), member("srv/of-33", b"", uid=33, gid=34, mode=0o640),
        member("usr/bin/cat-suid", cat, mode=0o4755), capable, link("usr/bin/cat-too", "usr/bin/cat-suid", hard=True),
        member("srv/old", mtime=1), member("srv/odd", pax_headers={"mtime": "nan"}), folder("srv/closed", 0o2750),
        member("srv/closed/in", b"x"), link("srv/away", "/etc/secret"),
    ])))  # fmt: skip
    assert acme.sync() == "applied"
    first, top = base(acme), root(acme)
    owners = {name: (top / name).lstat() for name in ("srv/of-33", "usr/bin/cat-suid", "srv/closed", "srv/closed/in")}
    assert (owners["srv/of-33"].st_uid - first, owners["srv/of-33"].st_gid - first) == (33, 34)
    assert owners["usr/bin/cat-suid"].st_mode & 0o7777 == 0o4755 and owners["usr/bin/cat-suid"].st_nlink == 2
    assert owners["srv/closed"].st_mode & 0o7777 == 0o2750 and (top / "srv/old").stat().st_mtime == 1
    assert os.getxattr(top / "usr/bin/cat-capable", "user.note") == b"kept"
    for program, expected in (("cat", ""), ("cat-suid", "secret"), ("cat-capable", "secret"), ("cat-too", "secret")):
        done = run(["nsenter", "-t", str(acme.leader("web")), "-m", "-u", "-i", "-n", "-p", "-U", "--setuid=1000",
                    "--setgid=1000", "--root", "--wd", f"/usr/bin/{program}", "/etc/secret"], check=False)
        assert done.stdout == expected, program


def test_device_nodes_and_pipes_are_left_out(make: Make, put: Callable[[str, bytes], Path]) -> None:
    acme = make("acme")
    odd = [member("srv/disk", type=tarfile.BLKTYPE, devmajor=8), member("srv/pipe", type=tarfile.FIFOTYPE),
           member("srv/mem", type=tarfile.CHRTYPE, devmajor=1, devminor=1), member("srv/odd", type=b"Z")]
    declare(acme, put("odd.tar.gz", archive([*guest(), *odd, member("srv/file")])))
    assert acme.sync() == "applied"
    assert {path.name for path in (root(acme) / "srv").iterdir()} <= {"file", "odd"}


def outside() -> set[str]:
    """What an archive must never make, where it would be if it could."""
    return {str(path) for path in (Path("/evil"), STORE / "evil", STORE.parent / "evil", Path("/etc/evil"),
                                   Path("/tmp/evil"), Path("/srv/evil")) if os.path.lexists(path)}


ESCAPES = {
    "an absolute path": [member("/etc/evil", b"x")],
    "a link and a file through it": [link("way", "/etc"), member("way/evil", b"x")],
    "a relative link and a file through it": [link("up", "../../../../.."), member("up/etc/evil", b"x")],
    "a link to a link": [link("a", "/"), link("b", "a/etc"), member("b/evil"), folder("a/tmp"), member("a/tmp/evil")],
    "a folder through a link": [link("to", "/srv"), folder("to/evil")],
    "a link in the place of a folder": [folder("box"), member("box/evil"), link("box2", "/tmp"), folder("box2/evil")],
}


def unpack(data: bytes, tree: Path) -> str:
    """Unpacks an archive as root and without the sandbox, which is only the second wall. Returns what it says."""
    tree.mkdir()
    argv = ["bbhv", "worker", "unpack", str(tree), str(1 << 30), "1000"]
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        done = subprocess.run(argv, stdin=file, capture_output=True, timeout=60, check=False)
    assert done.returncode in (0, 1) and b"Traceback" not in done.stderr, done.stderr
    return f"{done.returncode} {done.stderr.decode(errors='replace')}"


@pytest.mark.parametrize("way", ESCAPES)
def test_a_way_out_of_an_archive_ends_inside(tmp_path: Path, way: str) -> None:
    before = os.stat("/etc").st_mtime_ns, os.stat("/srv").st_mtime_ns, os.stat("/").st_mtime_ns
    assert unpack(archive([folder("etc"), folder("srv"), *ESCAPES[way]]), tmp_path / "tree") == "0 "
    assert "evil" in {path.name for path in (tmp_path / "tree").rglob("*")}
    assert outside() == set() and before == (os.stat("/etc").st_mtime_ns, os.stat("/srv").st_mtime_ns,
                                             os.stat("/").st_mtime_ns)


REFUSED: dict[str, tuple[list[Member], str]] = {
    "a name with dots": ([member("../../../../etc/evil", b"x")], "'..'"),
    "dots in the middle": ([member("usr/../../../evil", b"x")], "'..'"),
    "a hard link with dots": ([link("evil", "../../../../etc/shadow", hard=True)], "'..'"),
    "a hard link to a file of the host": ([link("evil", "/etc/shadow", hard=True)], "No such file or directory"),
    "a file in the place of a folder": ([member("usr", b"x")], "both a folder and a file"),
    "a file below a file": ([member("etc/machine-id/evil", b"x")], "/etc/machine-id"),
    "a name that is too long": ([member("x" * 300)], "File name too long"),
    "a link to itself": ([link("a", "a"), member("a/b/evil")], "/a"),
    "a user that no container has": ([member("srv/x", uid=70000)], "70000"),
    "a negative user": ([member("srv/x", pax_headers={"uid": "-1"})], "-1"),
    "folders nested for ever": ([member("/".join(["d"] * 1500))], "nested more than 100 deep"),
    "folders nested over links": (
        [one for n in range(8) for one in (folder(f"l{n}" + "/d" * 30), link(f"l{n + 1}", f"l{n}" + "/d" * 30))],
        "nested more than 100 deep",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_an_archive_that_cannot_be_unpacked_is_refused_with_a_sentence(tmp_path: Path, what: str) -> None:
    members, words = REFUSED[what]
    said = unpack(archive([folder("usr"), member("etc/machine-id"), *members]), tmp_path / "tree")
    assert said.startswith("1 bbhv: ") and words in said and outside() == set()


def test_a_sync_says_why_an_archive_cannot_be_unpacked(make: Make, put: Callable[[str, bytes], Path]) -> None:
    acme = make("acme")
    said = refusal(acme, put("bad.tar", archive([*guest(), member("../evil", b"x")])))
    assert "acme: failed: Image tiny from file:///srv/images/bad.tar cannot be unpacked: The archive has a name" in said


def pax(**fields: str) -> bytes:
    """One plain file behind an extended header with these records, which tarfile itself would not write."""
    records = b"".join(_record(name, value) for name, value in fields.items())
    head = tarfile.TarInfo("pax")
    head.type, head.size = tarfile.XHDTYPE, len(records)
    data = head.tobuf(tarfile.USTAR_FORMAT) + records + b"\0" * (-len(records) % 512)
    return data + tarfile.TarInfo("srv/x").tobuf(tarfile.USTAR_FORMAT) + b"\0" * 1024


def _record(name: str, value: str) -> bytes:
    size = len(f" {name}={value}\n")
    total = size + len(str(size))
    total = size + len(str(total))
    return f"{total} {name}={value}\n".encode()


BROKEN = {
    "nothing": b"", "no archive": b"words, words" * 500, "an end that is missing": archive(guest(), bytes)[:-100_000],
    "a broken compression": archive(guest())[:200_000],
    "a broken header in the middle": archive([member("a")], bytes)[:512] + b"garbage!" * 640,
    "a negative size": pax(size="-1000000000000"), "a huge size": pax(size=str(1 << 62)),
    "a broken xz": b"\xfd7zXZ\0" + b"\0" * 5000, "a broken bz2": b"BZh9" + b"\0" * 5000,
    "a zstd": b"\x28\xb5\x2f\xfd" * 99,
    "a sparse file of a terabyte": pax(**{"GNU.sparse.major": "0", "GNU.sparse.minor": "1",
                                          "GNU.sparse.map": f"0,0,{1 << 40},0", "GNU.sparse.size": str(1 << 40)}),
    "many folders in few names": archive([member(f"{n}" + "/d" * 90) for n in range(20)]),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_broken_bytes_are_no_archive(tmp_path: Path, what: str) -> None:
    said = unpack(BROKEN[what], tmp_path / "tree")
    assert said.startswith("1 bbhv: ") and "None" not in said, said


def small(path: Path, size: str) -> None:
    """A small file system of its own."""
    path.mkdir(exist_ok=True)
    run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", path])


@pytest.fixture
def small_store() -> Iterator[None]:
    """An image store of 16 MiB and 400 files."""
    STORE.mkdir(parents=True, exist_ok=True)
    small(STORE, "16M,nr_inodes=400")
    yield
    run(["umount", STORE])


BOMBS = {
    "zeros": gzip.compress(archive([*guest(), member("srv/zeros", bytes(64 << 20))], bytes), 1),
    "many files": archive([*guest(), *(member(f"srv/{n}") for n in range(2000))]),
}  # fmt: skip


def test_an_archive_that_grows_beyond_the_room_is_stopped(
    make: Make, put: Callable[[str, bytes], Path], small_store: None
) -> None:
    acme, beta = make("acme"), make("beta")
    for number, (what, data) in enumerate(BOMBS.items()):
        declare(acme, put("bomb.tar.gz", data))
        beta.commit(web=idler("debian-13", f"MemoryMax={50 + number}M"))
        done = run(["bbhv", "sync"], check=False, timeout=120)
        assert done.returncode == 1 and "than there is room for" in done.stdout, what
        assert acme.status()["outcome"] == "failed" and beta.status()["outcome"] == "applied", what
        assert left_over() == [], what


def test_an_image_that_does_not_fit_the_disk_is_stopped_while_it_is_fetched(
    make: Make, put: Callable[[str, bytes], Path], small_store: None
) -> None:
    acme = make("acme")
    said = refusal(acme, put("large.tar", os.urandom(24 << 20)))
    assert "Image tiny from file:///srv/images/large.tar is larger than" in said and str(STORE) in said


def test_memory_that_an_archive_asks_for_is_bounded(make: Make, put: Callable[[str, bytes], Path]) -> None:
    acme = make("acme")
    head = tarfile.TarInfo("pax")
    head.type, head.size = tarfile.XHDTYPE, 3 << 30
    said = refusal(acme, put("memory.tar.gz", gzip.compress(head.tobuf() + bytes(1 << 20))))
    assert "more memory" in said or "cannot be read" in said


def test_another_hash_is_refused_and_both_are_named(make: Make, put: Callable[[str, bytes], Path]) -> None:
    acme = make("acme")
    path = put("tiny.tar.gz", archive(guest()))
    said = refusal(acme, path, sha256="0" * 64)
    assert "0" * 64 in said and "has SHA256=" in said and "infrastructure/tiny.image" in said


SOURCES = {
    "file:///srv/images/none.tar": "/srv/images/none.tar: No such file or directory",
    "file:///srv/images/shadow": "/srv/images/shadow: Permission denied",
    "file:///srv/images/own-state": "No such file or directory",
    "file:///srv/images/pipe": "/srv/images/pipe is not a plain file",
}


@pytest.fixture
def odd_sources() -> Iterator[None]:
    """Things in the folder of images that are none."""
    (IMAGES / "shadow").symlink_to("/etc/shadow")
    (IMAGES / "own-state").symlink_to("/var/lib/bitbuilder/uids.json")
    os.mkfifo(IMAGES / "pipe", 0o666)
    yield
    for name in ("shadow", "own-state", "pipe"):
        (IMAGES / name).unlink()


def test_only_what_anybody_may_read_is_fetched(make: Make, odd_sources: None) -> None:
    acme = make("acme")
    for source, words in SOURCES.items():
        acme.repo.commit({**acme.files(web=idler()), "infrastructure/tiny.image":
                          f"[Image]\nSource={source}\nSHA256={'1' * 64}\nFormat=tar\n"})
        assert acme.sync(status=1) == "failed"
        assert f"Image tiny cannot be fetched from {source}: " in acme.said and words in acme.said
    assert left_over() == []


UNGRANTED = ("file:///etc/shadow", "file:///srv/images", "file:///srv/imagesx/a", "file://localhost/etc/shadow",
             "FILE:///etc/shadow", "file:///srv/image%73x/a")
UNREADABLE = ("file:///srv/images/../../etc/shadow", "file:///srv/images/%2e%2e/x", "file:///srv//images/a",
              "file:///srv/images/%2E%2E%2F%2E%2E%2Fetc/shadow", "file:///srv/images/a%00b", "ftp://x/y",
              "file:///srv/images/%",
              "file://host/srv/images/a", "/srv/images/a", "file:/srv/images/a", "file:///srv/images/a?b", "file://x",
              "file:///srv/images/a b", "file://root@/srv/images/a", "file:///")


def test_a_source_outside_of_the_grant_is_refused_however_it_is_written(make: Make) -> None:
    acme = make("acme")
    for sources in (UNGRANTED, UNREADABLE):
        names = {f"i{n}": source for n, source in enumerate(sources)}
        acme.repo.commit({**acme.files(web=idler("i0")), **{
            f"infrastructure/{name}.image": f"[Image]\nSource={source}\nSHA256={'1' * 64}\nFormat=tar\n"
            for name, source in names.items()
        }})  # fmt: skip
        assert acme.sync(status=3) == "refused"
        for name, source in names.items():
            assert f"infrastructure/{name}.image:2:8: error[BB" in acme.said, source


def test_the_store_shares_bytes_but_not_access(make: Make, put: Callable[[str, bytes], Path]) -> None:
    acme, beta = make("acme"), make("beta")
    path = put("tiny.tar.gz", archive(guest()))
    declare(acme, path)
    assert acme.sync() == "applied"
    text = image(path).replace("tiny.tar.gz", "elsewhere.tar.gz")
    beta.repo.commit({**beta.files(web=idler()), "infrastructure/tiny.image": text})
    assert beta.sync(status=1) == "failed" and "elsewhere.tar.gz" in beta.said
    put("elsewhere.tar.gz", path.read_bytes())
    assert beta.sync() == "applied"
    path.unlink()
    acme.repo.commit({"containers/web.nspawn": idler("tiny", "MemoryMax=50M")})
    assert acme.sync() == "applied"


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Somebody works on an image in this folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def test_what_a_crash_left_of_an_image_is_swept_and_what_is_in_use_is_not(
    make: Make, put: Callable[[str, bytes], Path]
) -> None:
    acme = make("acme")
    STORE.mkdir(parents=True, exist_ok=True)
    (STORE / ".#left.1/tree/deep").mkdir(parents=True)
    (STORE / ".#used.2").mkdir()
    with held(STORE / ".#used.2"):
        declare(acme, put("tiny.tar.gz", archive(guest())))
        assert acme.sync() == "applied" and left_over() == [".#used.2"]
    acme.repo.commit({"infrastructure/tiny.image": image(put("more.tar.gz", archive([*guest(), member("x")])))})
    assert acme.sync() == "applied" and left_over() == []


@pytest.fixture
def offered_archive() -> Iterator[Path]:
    """An archive that the operator offers."""
    path = Path("/etc/bitbuilder/offered/debian-tiny.tar.gz")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(archive(guest()))
    path.chmod(0o600)
    (path.parent / "debian-gone").symlink_to("/nowhere")
    yield path
    path.unlink(missing_ok=True)
    (path.parent / "debian-gone").unlink()


def test_an_offered_archive_starts_and_a_new_one_is_taken_up(make: Make, offered_archive: Path) -> None:
    acme = make("acme")
    acme.commit(web=idler("debian-tiny"))
    assert acme.sync() == "applied"
    before = acme.leader("web")
    offered_archive.write_bytes(archive([*guest(), member("srv/newer")]))
    assert acme.sync() == "applied" and acme.leader("web") != before and (root(acme) / "srv/newer").exists()
    offered_archive.unlink()
    acme.commit(web=idler("debian-tiny", "MemoryMax=50M"))
    assert acme.sync(status=3) == "refused" and "BB402" in acme.said and acme.state("web") == "active"
