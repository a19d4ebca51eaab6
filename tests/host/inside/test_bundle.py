"""Offline is the same door: a bundle is taken apart, checked and believed exactly as what comes over the network."""

import os
import struct
import zlib
from collections.abc import Callable
from hashlib import sha1
from pathlib import Path

import pytest

from .conftest import Make
from .guests import idler
from .signing import SshKey, commit, forget, trust
from .support import REPOSITORIES, run
from .test_system import System
from .test_system import system as system  # a fixture
from .traces import Traces
from .world import Tenant

UNREACHABLE = "https://192.0.2.1/acme.git"


def away(make: Make, name: str = "acme") -> Tenant:
    """A tenant whose server cannot be reached from here; what is to come is in its repository all the same."""
    return make(name, repository=UNREACHABLE.replace("acme", name))


def bundled(tenant: Tenant, path: Path, *what: str) -> Path:
    """A bundle of the tenant's repository."""
    tenant.repo.git("bundle", "create", "--quiet", str(path), *(what or ("main",)))
    return path


def take(tenant: Tenant, path: Path, status: int = 0) -> str:
    """Syncs from a bundle, expects an exit status; what is said."""
    done = run(["bbhv", "sync", f"--bundle={path}", tenant.id], check=False, timeout=120)
    said = done.stdout + done.stderr
    assert done.returncode == status and "Traceback" not in said, f"{done.returncode}, not {status}: {said}"
    return said


def test_a_tenant_comes_up_and_goes_on_from_bundles_without_a_network(make: Make, tmp_path: Path) -> None:
    acme = away(make)
    first = acme.commit(web=idler("debian-13"))
    assert "applied" in take(acme, bundled(acme, tmp_path / "one"))
    assert acme.status()["commit"] == first and acme.state("web") == "active"
    newest = acme.commit(web=idler("debian-13", "MemoryMax=90M"))
    assert "applied" in take(acme, bundled(acme, tmp_path / "two", f"{first}..main"))
    assert acme.status()["commit"] == newest
    assert "unchanged" in take(acme, tmp_path / "two")
    assert "history was rewound" in take(acme, tmp_path / "one", 4) and acme.status()["commit"] == newest
    run(["git", "-C", acme.folder / "config.git", "fsck", "--strict"])


def test_a_bundle_is_taken_where_the_network_would_be(make: Make, tmp_path: Path) -> None:
    acme = make("acme")
    acme.commit(web=idler("debian-13"))
    assert acme.sync() == "applied"
    newest = acme.commit(web=idler("debian-13", "MemoryMax=90M"))
    assert "applied" in take(acme, bundled(acme, tmp_path / "b", "--all"))
    assert acme.status()["commit"] == newest and acme.sync() == "unchanged"


def test_findings_in_a_bundle_refuse_as_from_the_network(make: Make, tmp_path: Path) -> None:
    acme = away(make)
    acme.commit(web="[Exec]\nBoot=maybe\n")
    assert "error[BB205]" in take(acme, bundled(acme, tmp_path / "b"), 3)
    assert acme.state("web") == "inactive"


def test_what_a_bundle_lacks_is_said_with_the_command_that_makes_it_whole(make: Make, tmp_path: Path) -> None:
    acme = away(make)
    first = acme.commit(web=idler("debian-13"))
    acme.commit(web=idler("debian-13", "MemoryMax=90M"))
    said = take(acme, bundled(acme, tmp_path / "thin", f"{first}..main"), 4)
    assert f"goes on from commit {first[:12]}, which this host does not have" in said
    assert "git bundle create FILE main" in said
    acme.repo.git("branch", "other")
    acme.repo.git("branch", "third")
    said = take(acme, bundled(acme, tmp_path / "two", "other", "third"), 4)
    assert "offers 2 refs (refs/heads/other, refs/heads/third), but not refs/heads/main" in said
    acme.repo.git("tag", "-a", "-m", "x", "v1")
    assert "is no commit" in take(acme, bundled(acme, tmp_path / "tag", "v1"), 4)
    assert "applied" in take(acme, bundled(acme, tmp_path / "other", "other"))


def test_only_a_plain_file_is_opened(make: Make, tmp_path: Path) -> None:
    acme = away(make)
    acme.commit(web=idler("debian-13"))
    (tmp_path / "link").symlink_to(bundled(acme, tmp_path / "real"))
    os.mkfifo(tmp_path / "fifo")
    for name, words in (("link", "not a link"), ("none", "cannot be opened: No such file"), ("fifo", "is not a plain"),
                        (".", "is not a plain")):
        done = run(["bbhv", "sync", f"--bundle={tmp_path / name}", "acme"], check=False)
        assert done.returncode in (1, 4) and words in done.stdout + done.stderr, (name, done)
    for argv in ([], ["acme", "other"], ["--system", "acme"]):
        assert run(["bbhv", "sync", f"--bundle={tmp_path}/real", *argv], check=False).returncode == 2


def pack(*objects: bytes, count: int | None = None) -> bytes:
    """A pack with a right checksum, whatever is in it."""
    data = b"PACK" + struct.pack(">II", 2, len(objects) if count is None else count) + b"".join(objects)
    return data + sha1(data).digest()


def item(kind: int, data: bytes, size: int | None = None, base: bytes = b"") -> bytes:
    """One object of a pack. `size` is what it says, `base` comes between."""
    left = len(data) if size is None else size
    head = [kind << 4 | left & 15]
    left >>= 4
    while left:
        head[-1] |= 0x80
        head.append(left & 0x7F)
        left >>= 7
    return bytes(head) + base + zlib.compress(data, 1)


def varint(number: int) -> bytes:
    """A number of a delta."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def oid(kind: str, data: bytes) -> bytes:
    """The id of an object."""
    return sha1(f"{kind} {len(data)}\0".encode() + data).digest()


WHO = b"author a <a@b> 1700000000 +0000\ncommitter a <a@b> 1700000000 +0000\n\nx\n"


def bare_commit(tree: bytes, more: bytes = b"") -> bytes:
    """A commit without parents."""
    return b"tree " + tree.hex().encode() + b"\n" + more + WHO


def delta_bomb() -> list[bytes]:
    """Deltas of a few bytes, each of which makes its base 64 times as large."""
    base = b"x" * 65536
    objects, size, name = [item(3, base)], len(base), oid("blob", base)
    copy = bytes([0x80 | 0x10 | 0x20 | 0x40]) + (0xFFFFFF).to_bytes(3, "little")
    wanted = 4 << 30
    times = wanted // 0xFFFFFF
    grown = 1 << 24
    first = varint(size) + varint(grown) + (bytes([0x80 | 0x40]) + b"\x01") * 256
    return [*objects, item(7, first, base=name), item(6, varint(grown) + varint(times * 0xFFFFFF) + copy * times,
                                                      base=bytes([1]))]  # fmt: skip


def deep_chain(depth: int) -> list[bytes]:
    """A chain of deltas, each against the one before."""
    data = b"x" * 100
    objects = [item(3, data)]
    for number in range(depth):
        new = data[:-4] + struct.pack(">I", number)
        delta = varint(100) + varint(100) + bytes([0x90, 96, 4]) + new[-4:]
        objects.append(item(7, delta, base=oid("blob", data)))
        data = new
    return objects


TREE = oid("tree", b"")
ROOT = bare_commit(TREE)
TIP = oid("commit", ROOT)
WHOLE = (item(1, ROOT), item(2, b""))


def broken_checksum() -> bytes:
    """A pack whose last byte is another one."""
    good = pack(*WHOLE)
    return good[:-1] + bytes([good[-1] ^ 1])


PACKS: dict[str, tuple[Callable[[], bytes], tuple[str, ...]]] = {
    "no pack": (lambda: b"nonsense" * 100, ("signature",)),
    "nothing": (lambda: b"", ("early EOF",)),
    "a cut pack": (lambda: pack(*WHOLE)[:-25], ("index-pack",)),
    "a wrong checksum": (broken_checksum, ("corrupt",)),
    "more behind it": (lambda: pack(*WHOLE) + b"more", ("garbage", "index-pack")),
    "more objects than are there": (lambda: pack(*WHOLE, count=3), ("index-pack",)),
    "two thousand million objects": (lambda: pack(*WHOLE, count=2_000_000_000), ("objects, more than the 1000000",)),
    "a size that is not true": (lambda: pack(*WHOLE, item(3, b"abc", size=5)), ("index-pack",)),
    "a blob that says it has a petabyte": (lambda: pack(*WHOLE, item(3, b"abc", size=1 << 50)), ("index-pack",)),
    "an unknown kind": (lambda: pack(*WHOLE, item(5, b"abc")), ("index-pack",)),
    "a delta against nothing": (lambda: pack(*WHOLE, item(7, b"\1\1\1x", base=b"\7" * 20)), ("index-pack",)),
    "a delta against itself": (lambda: pack(*WHOLE, item(6, b"\1\1\1x", base=b"\0")), ("index-pack",)),
    "a commit that is none": (lambda: pack(item(1, b"tree x\n"), item(2, b"")), ("index-pack",)),
    "a bomb of deltas": (lambda: pack(*WHOLE, *delta_bomb()), ("index-pack",)),
}  # fmt: skip


def forged(path: Path, data: bytes, tip: bytes = TIP, refs: int = 1) -> Path:
    """A bundle around a pack."""
    names = [b"refs/heads/main", *(b"refs/heads/b%d" % number for number in range(refs - 1))]
    head = b"# v2 git bundle\n" + b"".join(tip.hex().encode() + b" " + name + b"\n" for name in names) + b"\n"
    path.write_bytes(head + data)
    return path


@pytest.mark.parametrize("what", PACKS)
def test_a_forged_pack_is_refused_and_nothing_of_it_is_kept(make: Make, tmp_path: Path, what: str) -> None:
    acme = away(make)
    make_pack, signs = PACKS[what]
    said = take(acme, forged(tmp_path / "b", make_pack()), 4)
    assert any(sign in said for sign in signs), said
    assert f"Copy {tmp_path}/b again" in said or "index-pack" not in said
    assert not (acme.folder / "config.git").exists()
    assert [path.name for path in acme.folder.iterdir() if path.name.startswith(".#")] == []


def test_a_bundle_that_is_too_large_is_refused_at_the_limit(make: Make, tmp_path: Path) -> None:
    acme = away(make)
    blobs = (item(3, os.urandom(1 << 20)) for _ in range(12))
    path = forged(tmp_path / "b", pack(*WHOLE, *(list(blobs) * 25)))
    assert path.stat().st_size > 300_000_000
    assert "pack exceeds maximum allowed size" in take(acme, path, 4)
    assert not (acme.folder / "config.git").exists()


def test_a_pack_without_what_its_commit_needs_is_refused(make: Make, tmp_path: Path) -> None:
    lost = bare_commit(b"\7" * 20)
    said = take(away(make), forged(tmp_path / "b", pack(item(1, lost)), oid("commit", lost)), 4)
    assert "index-pack" in said or "does not hold all that commit" in said


def test_a_million_refs_in_a_bundle_are_refused_by_their_number(make: Make, tmp_path: Path) -> None:
    said = take(away(make), forged(tmp_path / "b", pack(*WHOLE), refs=1_000_000), 4)
    assert "The bundle" in said and ("larger than" in said or "refs" in said)


HEADS = {
    b"# v3 git bundle\n@filter=blob:none\n": "Make it without --filter", b"# v9 git bundle\n": "git bundle create FILE",
    b"# v2 git bundle\n": "git bundle create FILE", b"\x7fELF": "git bundle create FILE",
    b"# v2 git bundle\n-" + b"0" * 40 + b"\n": "git bundle create FILE",
    b"# v2 git bundle\n@object-format=sha1\n": "git bundle create FILE",
    b"# v3 git bundle\n@object-format=md5\n": "git bundle create FILE",
}  # fmt: skip


def test_a_header_that_is_not_one_is_refused(make: Make, tmp_path: Path) -> None:
    acme = away(make)
    for head, words in HEADS.items():
        (tmp_path / "b").write_bytes(head + b"\n" + pack(*WHOLE))
        assert words in take(acme, tmp_path / "b", 4), head


def test_a_bundle_that_git_filtered_is_refused_and_one_that_ends_early_too(make: Make, tmp_path: Path) -> None:
    acme = away(make)
    acme.commit(web=idler("debian-13"))
    path = bundled(acme, tmp_path / "whole")
    acme.repo.git("bundle", "create", "--quiet", str(tmp_path / "filtered"), "--filter=blob:none", "main")
    assert "does not hold all objects" in take(acme, tmp_path / "filtered", 4)
    data = path.read_bytes()
    for length in (10, data.index(b"\n\n"), data.index(b"PACK") + 8, len(data) - 1):
        (tmp_path / "short").write_bytes(data[:length])
        take(acme, tmp_path / "short", 4)
    assert not (acme.folder / "config.git").exists()


def test_a_bundle_is_believed_no_more_than_the_network(make: Make, tmp_path: Path) -> None:
    """A bundle of another tenant, one that nobody signed, and one that somebody else signed."""
    forget()
    mine, other = SshKey(tmp_path, "mine"), SshKey(tmp_path, "other")
    trust(mine, "acme-release")
    trust(other, "shop-release")
    acme, shop = (make(name, repository=UNREACHABLE, trust={"commits": "signed", "signers": [f"{name}-release"]})
                  for name in ("acme", "shop"))
    first = commit(acme.repo, mine, acme.files())
    commit(shop.repo, other, shop.files())
    run(["bbhv", "sync", f"--bundle={bundled(acme, tmp_path / 'acme')}", "acme"], timeout=120)
    traces = Traces(acme)
    said = take(acme, bundled(shop, tmp_path / "shop"), 4)
    assert "does not descend from" in said and acme.status()["commit"] == first
    assert f"{mine.fingerprint}, which is not one of shop-release" in take(shop, tmp_path / "acme", 4)
    assert not (shop.folder / "config.git").exists()
    for signer, words in ((None, "is not signed"), (other, "which is not one of acme-release")):
        commit(acme.repo, signer, {"README.md": traces.mark})
        assert words in take(acme, bundled(acme, tmp_path / "b"), 4)
    traces.are_all()
    forget()


def test_an_unsigned_tenant_takes_no_bundle_of_another(make: Make, tmp_path: Path) -> None:
    """Its metadata.json names whose it is."""
    acme, shop = away(make), away(make, "shop")
    shop.commit(web=idler("debian-13"))
    said = take(acme, bundled(shop, tmp_path / "b"), 3)
    assert "metadata.json:1:" in said and "shop" in said and acme.state("web") == "inactive"


def test_a_deep_chain_of_deltas_and_a_bomb_of_zeros_end_within_their_bounds(make: Make, tmp_path: Path) -> None:
    acme = away(make)
    said = take(acme, forged(tmp_path / "deep", pack(*WHOLE, *deep_chain(20_000))), 3)
    assert "BB109" in said, "it is only a tree without metadata.json"
    zeros = zlib.compressobj(9)
    bomb = b"".join(zeros.compress(bytes(1 << 20)) for _ in range(3000)) + zeros.flush()
    big = item(3, b"", size=3000 << 20)
    large = pack(*WHOLE, big[: len(big) - len(zlib.compress(b"", 1))] + bomb)
    done = run(["bbhv", "sync", f"--bundle={forged(tmp_path / 'bomb', large)}", "acme"], check=False, timeout=400)
    assert done.returncode in (1, 3, 4) and "Traceback" not in done.stdout + done.stderr
    stored = sum(path.stat().st_size for path in (acme.folder / "config.git").rglob("*") if path.is_file())
    assert stored < 64 << 20


def test_a_system_repository_comes_from_a_bundle(system: System, tmp_path: Path) -> None:
    acme = system.tenant("acme")
    system.register(acme)
    bundle = tmp_path / "system.bundle"
    system.repo.git("bundle", "create", "--quiet", str(bundle), "main")
    system.repo.path.rename(REPOSITORIES / "system.away")
    try:
        run(["bbhv", "sync", "--system", f"--bundle={bundle}"], timeout=120)
        assert acme.state("web") == "active"
        assert run(["bbhv", "sync", "--system"], check=False).returncode == 1
    finally:
        (REPOSITORIES / "system.away").rename(system.repo.path)
    run(["bbhv", "sync", "--system"])
