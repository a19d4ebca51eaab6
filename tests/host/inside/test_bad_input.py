"""Bad input: a clear sentence and the right status; the tenant runs on as it was, and the others are synced."""

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import SETTINGS, Make
from .guests import IMAGES, archive, guest, image, link, idler
from .support import REGISTRATIONS, registration, run, unit_property, wait_until
from .test_system import CLONE, System
from .test_system import system as system  # a fixture
from .world import Tenant

STATE = Path("/var/lib/bitbuilder")


class Pair:
    """A tenant to which something bad happens, and another one that must not notice."""

    def __init__(self, make: Make) -> None:
        self.acme, self.beta = make("acme"), make("beta")
        for tenant in (self.acme, self.beta):
            tenant.commit(web=idler("debian-13"))
            assert tenant.sync() == "applied"
        self.count = 0

    def sync(self, status: int, *, outcome: str = "failed") -> str:
        """Commits a change of beta and syncs all: acme runs on as it was, beta is applied. Returns what is said."""
        self.count += 1
        newest = self.beta.commit(web=idler("debian-13", f"MemoryMax={self.count + 20}M"))
        before = self.acme.leader("web"), self.beta.leader("web"), self.acme.status()["good"]
        done = run(["bbhv", "sync"], check=False, timeout=180)
        said = done.stdout + done.stderr
        assert done.returncode == status, f"{done.returncode}, not {status}: {said}"
        assert before == (self.acme.leader("web"), self.beta.leader("web"), self.acme.status()["good"]) and before[0]
        assert f"acme: {outcome}: " in said and "beta: applied" in said and "Traceback" not in said, said
        assert self.beta.status()["commit"] == newest
        return said

    def heals(self) -> None:
        """The next good commit is applied."""
        newest = self.acme.commit(web=idler("debian-13", exec=(f"Environment=N={self.count}",)))
        assert self.acme.sync() == "applied" and self.acme.status()["commit"] == newest
        assert self.acme.state("web") == "active"


@pytest.fixture
def pair(make: Make) -> Pair:
    """Two tenants, each with one container."""
    return Pair(make)


# What can be wrong with a repository


def test_a_repository_that_cannot_be_reached(pair: Pair) -> None:
    path = pair.acme.repo.path
    away = path.rename(path.with_suffix(".away"))
    said = pair.sync(1)
    assert f"The fetch of file://{path} (branch main) failed: " in said and "the next sync tries again" in said
    away.rename(path)
    pair.heals()


def test_a_branch_that_was_deleted(pair: Pair) -> None:
    head = pair.acme.repo.head
    pair.acme.repo.git("update-ref", "-d", "refs/heads/main")
    assert "main" in pair.sync(1)
    pair.acme.repo.git("update-ref", "refs/heads/main", head)
    pair.heals()


def test_a_history_that_was_rewound(pair: Pair) -> None:
    first = pair.acme.repo.head
    pair.heals()
    pair.acme.repo.git("update-ref", "refs/heads/main", first)
    said = pair.sync(4, outcome="refused")
    assert f"Commit {first[:12]} does not descend from" in said and "history was rewound" in said
    pair.acme.repo.commit({"metadata.json": "{}"})
    assert "history was rewound" in pair.sync(4, outcome="refused")


def test_an_unrelated_history_and_a_lost_clone_do_not_get_around_it(pair: Pair) -> None:
    repo = pair.acme.repo
    repo.git("update-ref", "-d", "refs/heads/main")
    repo.commit({**pair.acme.files(web=idler("debian-13"))})
    shutil.rmtree(pair.acme.folder / "config.git")
    assert "history was rewound" in pair.sync(4, outcome="refused")


def test_commits_with_errors(pair: Pair) -> None:
    pair.acme.commit(web="[Exec]\nBoot=maybe\n[Files]\nBind=/etc\n[Nonsense]\n")
    said = pair.sync(3, outcome="refused")
    for place in ("containers/web.nspawn:2:6: error[BB205]", "containers/web.nspawn:4:1: error[BB204]",
                  "containers/web.nspawn:5:1: error[BB201]", "containers/web.nspawn: error[BB208]"):
        assert place in said, said
    pair.heals()


def plant(tenant: Tenant, entries: list[tuple[str, str, str]]) -> None:
    """Commits entries (mode, path, object id) as they are, whatever git's own porcelain would say to them."""
    repo = tenant.repo
    repo.git("read-tree", repo.head)
    lines = "".join(f"{mode} {oid}\t{path}\0" for mode, path, oid in entries)
    repo.git("update-index", "-z", "--index-info", input=lines)
    commit = repo.git("commit-tree", repo.git("write-tree"), "-p", repo.head, "-m", "Planted")
    repo.git("update-ref", "refs/heads/main", commit)


def test_everything_that_is_no_plain_file(pair: Pair) -> None:
    acme = pair.acme
    blob = acme.repo.git("hash-object", "-w", "--stdin", input="/etc/passwd")
    large = acme.repo.git("hash-object", "-w", "--stdin", input="x" * (10 << 20))
    plant(acme, [
        ("120000", "containers/link.nspawn", blob), ("160000", "containers/module", acme.repo.head),
        ("100644", "docs/line\nbreak", blob), ("100644", "docs/esc\x1b[31m", blob), ("100644", "docs/Twin", blob),
        ("100644", "docs/twin", blob), ("100644", "/".join("d" * 1 for _ in range(20)) + "/deep", blob),
        ("100644", "docs/" + "n" * 240 + "/" + "n" * 240 + "/" + "n" * 240, blob), ("100644", "docs/large", large),
        ("100755", "containers/UPPER.nspawn", blob),
    ])  # fmt: skip
    said = pair.sync(3, outcome="refused")
    for place, words in (("containers/link.nspawn", "symbolic link"), ("containers/module", "submodule"),
                         ("docs/line\\nbreak", "control character"), ("docs/esc\\x1b[31m", "control character"),
                         ("docs/twin", "upper and lower case"), ("d/d/d", "deeper than"), ("nnn", "longer than"),
                         ("docs/large", "larger than 1 MiB"), ("containers/UPPER.nspawn", "not a container name")):
        assert any(place in line and words in line for line in said.splitlines()), (place, said)
    assert "\x1b" not in said


def raw_tree(tenant: Tenant, name: bytes, mode: bytes = b"100644") -> None:
    """Commits a tree with one odd name, written byte for byte."""
    repo = tenant.repo
    blob = repo.git("hash-object", "-w", "--stdin", input="[core]\n")
    data = mode + b" " + name + b"\0" + bytes.fromhex(blob)
    argv = ["git", f"--git-dir={repo.path}", "hash-object", "-w", "-t", "tree", "--literally", "--stdin"]
    tree = subprocess.run(argv, input=data, capture_output=True, check=True).stdout.decode().strip()
    commit = repo.git("commit-tree", tree, "-p", repo.head, "-m", "Raw")
    repo.git("update-ref", "refs/heads/main", commit)


@pytest.mark.parametrize("name", [b".git", b".GIT", b"git~1", b".git\xe2\x80\x8c", b"..", b".", b"a/b", b"x\xff"],
                         ids=["git", "upper", "short", "ignored", "up", "here", "slash", "latin"])
def test_names_that_mean_something_else(make: Make, name: bytes) -> None:
    acme = make("acme")
    acme.commit(web=idler("debian-13"))
    assert acme.sync() == "applied"
    before, good = acme.leader("web"), acme.repo.head
    raw_tree(acme, name)
    done = run(["bbhv", "sync", "acme"], check=False, timeout=60)
    assert done.returncode in (1, 3) and "Traceback" not in done.stderr, done.stdout + done.stderr
    assert acme.leader("web") == before and acme.status()["commit"] == good
    assert [path.name for path in (acme.folder / "config.git").iterdir()] == [".git"]


@pytest.mark.parametrize("count, words", [(20_001, "more than 20000 files"), (120_000, "more than 20000 files")])
def test_more_files_than_are_read(make: Make, count: int, words: str) -> None:
    acme = make("acme")
    acme.commit(web=idler("debian-13"))
    blob = acme.repo.git("hash-object", "-w", "--stdin", input="")
    plant(acme, [("100644", f"docs/{number:040}", blob) for number in range(count)])
    assert acme.sync(status=3) == "refused" and "docs/: error[BB110]: " in acme.said and words in acme.said


# What can be wrong with images; the rest is in test_images


def test_an_image_that_is_missing_takes_nothing_down_not_even_with_a_restart(pair: Pair) -> None:
    acme, path = pair.acme, IMAGES / "none.tar"
    acme.repo.commit({"infrastructure/tiny.image": image(path, sha256="0" * 64), "containers/web.nspawn": idler()})
    assert f"Image tiny cannot be fetched from file://{path}: {path}: No such file or directory" in pair.sync(1)
    run(["systemctl", "restart", "tenant@acme"])
    assert acme.state("web") == "active" and acme.status()["generation"] == 1
    run(["git", "-C", acme.folder / "config.git", "pull"])
    run(["systemctl", "restart", "tenant@acme"])
    assert acme.state("web") == "active" and acme.status()["generation"] == 1
    pair.heals()


def test_an_image_with_another_hash(pair: Pair) -> None:
    path = IMAGES / "tiny.tar.gz"
    path.write_bytes(archive(guest()))
    pair.acme.repo.commit({"infrastructure/tiny.image": image(path, sha256="0" * 64),
                           "containers/web.nspawn": idler()})
    said = pair.sync(1)
    assert f"Image tiny from file://{path} has SHA256=" in said and "0" * 64 in said
    path.unlink()


@pytest.mark.parametrize("stop", ["when asked", "only when killed"])
def test_a_container_that_never_becomes_ready(make: Make, stop: str) -> None:
    acme = make("acme")
    path = IMAGES / "tiny.tar.gz"
    members = [one for one in guest() if stop == "when asked" or one[0].name != "usr/sbin/init"]
    path.write_bytes(archive(members if stop == "when asked" else [*members, link("usr/sbin/init", "/bin/dash")]))
    acme.repo.commit({
        **acme.files(web=idler("debian-13")), "infrastructure/tiny.image": image(path),
        "metadata.json": json.dumps({"apiVersion": "bitbuilder.io/v1", "tenant": "acme",
                                     "lifecycle": {"healthTimeoutSec": 2}}),
    })  # fmt: skip
    assert acme.sync() == "applied"
    bad = acme.commit(web="[Exec]\nBoot=yes\n[X-Bitbuilder]\nImage=tiny\n")
    assert acme.sync(status=1) == "rolled-back"
    assert "not healthy within 2 s: " in acme.said and "generation 1 runs again" in acme.said
    assert "but" not in acme.said.partition("runs again")[2]
    assert acme.state("web") == "active" and acme.status()["good"] == 1
    assert acme.sync(status=1) == "quarantined" and bad[:12] in acme.said
    path.unlink()


# A full disk


@pytest.fixture
def narrow(make: Make) -> Iterator[Pair]:
    """Two tenants, of which acme has a small disk of its own."""
    folder = Path("/var/lib/tenants/acme")
    folder.mkdir(mode=0o700, parents=True)
    run(["mount", "-t", "tmpfs", "-o", "size=1M,mode=0700", "tmpfs", folder])
    yield Pair(make)
    run(["umount", "-l", folder])


def fill(folder: Path, left: int) -> Path:
    """Fills a file system but for some bytes."""
    path = folder / "fill"
    with contextlib.suppress(OSError), path.open("wb") as file:
        while True:
            file.write(bytes(4096))
            file.flush()
    os.truncate(path, max(0, path.stat().st_size - left))
    return path


def test_a_full_disk_at_any_moment_fails_one_tenant_only(narrow: Pair) -> None:
    acme, failed = narrow.acme, 0
    for left in range(0, 15 * 4096, 4096):
        acme.commit(web=idler("debian-13", exec=(f"Environment=LEFT={left}",)))
        filler = fill(acme.folder, left)
        newest = narrow.beta.commit(web=idler("debian-13", exec=(f"Environment=LEFT={left}",)))
        before = acme.leader("web")
        done = run(["bbhv", "sync"], check=False, timeout=180)
        assert "beta: applied" in done.stdout and narrow.beta.status()["commit"] == newest, done.stdout + done.stderr
        filler.unlink()
        if done.returncode == 0:
            break
        failed += 1
        assert done.returncode == 1 and "acme: failed: " in done.stdout and "No space left on device" in done.stdout
        assert "The host:" not in done.stdout and acme.leader("web") == before, done.stdout
        assert acme.status()["generation"] == acme.status()["good"]
    assert failed >= 3 and acme.status()["outcome"] == "applied" and acme.leader("web") != before


def test_a_tenant_comes_up_on_a_full_disk(narrow: Pair) -> None:
    acme = narrow.acme
    acme.commit(web=idler("debian-13", exec=("Environment=A=1",)))
    filler = fill(acme.folder, 0)
    run(["systemctl", "restart", "tenant@acme"])
    assert acme.state("web") == "active"
    filler.unlink()
    narrow.heals()


def test_an_interrupted_trial_and_a_full_disk_leave_the_good_generation(narrow: Pair) -> None:
    acme = narrow.acme
    acme.commit(web=idler("debian-13", exec=("Environment=A=1",)).replace("StableSec=0", "StableSec=60"))
    with subprocess.Popen(["bbhv", "sync", "acme"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_until("the trial is recorded", lambda: (acme.folder / "current").readlink().name == "2")
        process.kill()
    filler = fill(acme.folder, 0)
    run(["systemctl", "restart", "tenant-manager"])
    run(["systemctl", "restart", "tenant@acme"])
    assert acme.state("web") == "active"
    assert "A=1" not in Path(f"/proc/{acme.leader('web')}/environ").read_text().split("\0")
    filler.unlink()


def test_a_full_disk_below_the_system_repository_keeps_no_tenant_from_its_sync(make: Make, system: System) -> None:
    acme = make("acme")
    acme.commit(web=idler("debian-13"))
    CLONE.mkdir(mode=0o700)
    run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", CLONE])
    try:
        system.repo.commit({"README.md": "x"})
        fill(CLONE, 0)
        done = run(["bbhv", "sync"], check=False, timeout=60)
        assert done.returncode == 1 and "acme: applied" in done.stdout and "Traceback" not in done.stderr
    finally:
        run(["umount", CLONE])
        CLONE.rmdir()


# Two at once


def test_two_syncs_at_once(pair: Pair) -> None:
    acme, beta = pair.acme, pair.beta
    newest = acme.commit(web=idler("debian-13", exec=("Environment=A=1",)).replace("StableSec=0", "StableSec=6"))
    pipe = subprocess.PIPE
    with subprocess.Popen(["bbhv", "sync", "acme"], stdout=pipe, stderr=pipe, text=True) as first:
        wait_until("the first one watches", lambda: (acme.folder / "current").readlink().name == "2")
        second = run(["bbhv", "sync", "acme"], check=False)
        beta_newest = beta.commit(web=idler("debian-13", "MemoryMax=77M"))
        every = run(["bbhv", "sync"], check=False)
        out, err = first.communicate(timeout=60)
    assert first.returncode == 0 and "acme: applied" in out, out + err
    assert second.returncode == 75 and f"bbhv sync acme (pid {first.pid})" in second.stderr
    assert every.returncode == 75 and f"bbhv sync acme (pid {first.pid})" in every.stdout, every.stdout + every.stderr
    assert "beta: applied" in every.stdout and beta.status()["commit"] == beta_newest
    assert acme.status()["commit"] == newest


# Registrations


def test_a_tenant_that_is_registered_twice_runs_as_the_first_place_says(make: Make, system: System) -> None:
    acme = make("acme")
    acme.commit(web=idler("debian-13"))
    other = system.tenant("other")
    system.repo.commit({"tenants/acme.json": registration("acme", other.repo.url)})
    done = run(["bbhv", "sync"], timeout=60)
    assert "acme: applied" in done.stdout and acme.status()["commit"] == acme.repo.head
    told = run(["bbhv", "doctor"], check=False).stdout
    assert "BB501" in told and f"{CLONE}/tenants/acme.json" in told and f"{REGISTRATIONS}/acme.json" in told
    (REGISTRATIONS / "acme.json").write_text("{")
    before = acme.leader("web")
    done = run(["bbhv", "sync"], check=False, timeout=60)
    assert done.returncode in (3, 4) and f"{REGISTRATIONS}/acme.json:1:" in done.stdout + done.stderr
    assert acme.leader("web") == before and acme.status()["commit"] == acme.repo.head


def test_a_registration_for_another_host(pair: Pair) -> None:
    place = REGISTRATIONS / "acme.json"
    place.write_text(registration("acme", pair.acme.repo.url, hosts=["other-*"]))
    done = run(["bbhv", "sync", "acme"], check=False)
    assert done.returncode == 5 and "other-*" in done.stderr and str(place) in done.stderr and '"hosts"' in done.stderr
    done = run(["bbhv", "sync"], check=False)
    assert done.returncode == 0 and pair.acme.state("web") == "inactive" and pair.beta.state("web") == "active"
    assert (pair.acme.folder / "good").is_symlink()
    place.write_text(registration("acme", pair.acme.repo.url))
    run(["bbhv", "sync"])
    assert pair.acme.state("web") == "active"


def folder_at(path: Path) -> None:
    path.mkdir()


ODD: dict[str, Callable[[Path], object]] = {
    "a folder": folder_at, "a link to nothing": lambda path: path.symlink_to("/nowhere"),
    "a pipe": lambda path: os.mkfifo(path), "much": lambda path: path.write_bytes(b" " * (2 << 20)),
    "other bytes": lambda path: path.write_bytes(b"\xff\xfe{}"), "nothing": lambda path: path.touch(),
    "deep": lambda path: path.write_text("[" * 100_000),
}  # fmt: skip


def test_odd_files_among_the_registrations_and_settings_stop_nobody(pair: Pair) -> None:
    for what, make_odd in ODD.items():
        for place in (REGISTRATIONS / "gamma.json", SETTINGS.parent / "bitbuilder.conf.d/50-odd.conf"):
            place.parent.mkdir(exist_ok=True)
            make_odd(place)
            try:
                done = run(["bbhv", "sync", "beta"], check=False)
                assert done.returncode == 0 and "Traceback" not in done.stderr, (what, done.stderr)
                run(["systemctl", "restart", "tenant-manager"])
                assert str(place) in run(["bbhv", "doctor"], check=False).stdout, what
            finally:
                shutil.rmtree(place) if place.is_dir() else place.unlink()
    assert pair.acme.state("web") == "active"


def test_a_masked_tenant_does_not_fail_the_manager(pair: Pair) -> None:
    run(["systemctl", "mask", "--runtime", "tenant@acme"])
    try:
        run(["systemctl", "restart", "tenant-manager"])
    finally:
        run(["systemctl", "unmask", "--runtime", "tenant@acme"])
    assert unit_property("tenant-manager", "ActiveState") == "active"


# The host's own memory


def evil(script: Path) -> str:
    """A program that says that it ran."""
    script.write_text(f"#!/bin/sh\ntouch {script}.ran\n")
    script.chmod(0o755)
    return str(script)


def damage_pack(git: Path, offset: float, data: bytes | None) -> None:
    """Overwrites, or cuts off (None), every pack at a fraction of its length."""
    for pack in git.glob("objects/pack/*.pack"):
        pack.chmod(0o644)
        with pack.open("r+b") as file:
            at = int(pack.stat().st_size * offset)
            file.seek(at)
            file.truncate(at) if data is None else file.write(data)


def empty(path: Path) -> None:
    shutil.rmtree(path)
    path.mkdir()


DAMAGE = (
    "no objects", "no objects folder", "a garbage HEAD", "a HEAD that leads away", "no HEAD", "a cut pack",
    "a changed pack", "a changed end of a pack", "no indices", "garbage refs", "a garbage list of refs", "no refs",
    "a garbage index", "a lock that was left", "a garbage configuration", "a future format", "no configuration",
    "no git folder", "a file in its place", "an empty folder", "a shallow file",
)  # fmt: skip


def damage(git: Path, what: str) -> None:
    """Damages a clone."""
    match what:
        case "no objects":
            empty(git / "objects")
        case "no objects folder":
            shutil.rmtree(git / "objects")
        case "a garbage HEAD":
            (git / "HEAD").write_bytes(b"\0\xffgarbage")
        case "a HEAD that leads away":
            (git / "HEAD").write_text("ref: refs/heads/../../../../etc/passwd\n")
        case "no HEAD":
            (git / "HEAD").unlink()
        case "a cut pack":
            damage_pack(git, 0.5, None)
        case "a changed pack":
            damage_pack(git, 0.4, b"\xaa" * 8)
        case "a changed end of a pack":
            damage_pack(git, 0.8, b"\xaa" * 8)
        case "no indices":
            for path in git.glob("objects/pack/*.idx"):
                path.unlink()
        case "garbage refs":
            for name in ("incoming", "tried", "good"):
                (git / f"refs/bitbuilder/{name}").write_bytes(b"\xff" * 900)
        case "a garbage list of refs":
            (git / "packed-refs").write_text("garbage\n")
            (git / "refs/heads/main").unlink()
        case "no refs":
            empty(git / "refs")
        case "a garbage index":
            (git / "index").write_bytes(b"garbage")
        case "a lock that was left":
            for name in ("index.lock", "HEAD.lock", "config.lock"):
                (git / name).touch()
        case "a garbage configuration":
            (git / "config").write_text("[[[\n")
        case "a future format":
            (git / "config").write_text("[core]\n\trepositoryformatversion = 99\n")
        case "no configuration":
            (git / "config").unlink()
        case "no git folder":
            shutil.rmtree(git)
        case "a file in its place":
            shutil.rmtree(git)
            git.write_text("gitdir: /etc\n")
        case "an empty folder":
            empty(git)
        case "a shallow file":
            (git / "shallow").write_text((git / "refs/heads/main").read_text())


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_clone_never_keeps_the_good_generation_from_starting_and_heals(make: Make, what: str) -> None:
    acme = make("acme")
    acme.repo.commit({**acme.files(web=idler("debian-13")), "docs/words": "".join(map(str, range(5000)))})
    assert acme.sync() == "applied"
    git = acme.folder / "config.git/.git"
    damage(git, what)
    run(["systemctl", "restart", "tenant@acme"])
    assert acme.state("web") == "active"
    newest = acme.commit(web=idler("debian-13", "MemoryMax=60M"))
    before = acme.leader("web")
    assert acme.sync() == "applied" and acme.status()["commit"] == newest and acme.leader("web") == before
    clean = run(["git", "-C", acme.folder / "config.git", "pull"], check=False)
    assert clean.returncode == 0 or "lock" in what, clean.stderr


def test_nothing_runs_that_somebody_wrote_into_a_clone(make: Make, tmp_path: Path) -> None:
    acme = make("acme")
    acme.commit(web=idler("debian-13"))
    assert acme.sync() == "applied"
    git, script = acme.folder / "config.git/.git", tmp_path / "evil"
    program = evil(script)
    (git / "hooks").mkdir(exist_ok=True)
    for hook in ("post-index-change", "post-checkout", "reference-transaction", "pre-auto-gc", "post-merge", "update"):
        (git / "hooks" / hook).symlink_to(program)
    (git / "config").write_text(
        f"[core]\n\tfsmonitor = {program}\n\tsshCommand = {program}\n\tpager = {program}\n\tbare = false\n"
        f"\tgitProxy = {program}\n\taskPass = {program}\n\tsparseCheckout = false\n\talternateRefsCommand = {program}\n"
        f"[filter \"evil\"]\n\tsmudge = {program}\n\tclean = {program}\n\tprocess = {program}\n\trequired = true\n"
        f"[remote \"origin\"]\n\turl = ext::{program}\n\tuploadpack = {program}\n\tpromisor = true\n"
        f"[extensions]\n\tpartialClone = origin\n[include]\n\tpath = {tmp_path}/more\n"
        f"[credential]\n\thelper = {program}\n"
    )
    (git / "info/attributes").write_text("* filter=evil diff=evil merge=evil\n")
    (git / "info/sparse-checkout").write_text("/*\n")
    (git / "objects/info").mkdir(exist_ok=True)
    (git / "objects/info/alternates").write_text(f"{tmp_path}\n")
    web = idler("debian-13", "MemoryMax=61M")
    acme.repo.commit({".gitattributes": "* filter=evil\n", "containers/web.nspawn": web})
    run(["git", "-C", acme.repo.path, "repack", "-adq"])
    run(["systemctl", "reload", "tenant@acme"])
    assert acme.sync() == "applied"
    run(["systemctl", "restart", "tenant@acme"])
    acme.commit(web=idler("debian-13", "MemoryMax=62M"))
    assert acme.sync() == "applied"
    assert not Path(f"{script}.ran").exists()
    assert [path.name for path in git.parent.iterdir()] == [".git"]
    assert program not in (git / "config").read_text() and "evil" not in (git / "info/attributes").read_text()


def put_link(path: Path, target: str) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)


LOST = (
    "no state", "garbage", "another version", "other types", "a folder", "a link", "five megabytes",
    "a current that dangles", "a current that leads away", "no current", "a good that dangles", "no links at all",
    "a damaged manifest", "a damaged unit", "an empty generation", "no generations",
)  # fmt: skip


def lose(home: Path, what: str) -> None:
    """Takes something from what the host remembers of a tenant."""
    state = home / "state.json"
    match what:
        case "no state":
            state.unlink()
        case "garbage":
            state.write_bytes(b"\0\xff{")
        case "another version":
            state.write_text('{"version": 2}')
        case "other types":
            state.write_text(state.read_text().replace('"quarantine":[]', '"quarantine":[{"commit":1}]'))
        case "a folder":
            state.unlink()
            state.mkdir()
        case "a link":
            put_link(state, "/etc/passwd")
        case "five megabytes":
            state.write_bytes(b" " * (5 << 20))
        case "a current that dangles":
            put_link(home / "current", "generations/99")
        case "a current that leads away":
            put_link(home / "current", "../../../etc")
        case "no current":
            (home / "current").unlink()
        case "a good that dangles":
            put_link(home / "good", "generations/99")
        case "no links at all":
            (home / "good").unlink()
            (home / "current").unlink()
        case "a damaged manifest":
            (home / "current/manifest.json").write_bytes(b"\xff")
        case "a damaged unit":
            (home / "current/units/tenants-acme.slice").write_bytes(b"\xff\xfe")
        case "an empty generation":
            shutil.rmtree(home / "current/units")
        case "no generations":
            empty(home / "generations")


@pytest.mark.parametrize("what", LOST)
def test_a_lost_memory_is_made_up_from_what_is_left(make: Make, what: str) -> None:
    acme = make("acme")
    acme.commit(web=idler("debian-13"))
    assert acme.sync() == "applied"
    lose(acme.folder, what)
    run(["systemctl", "restart", "tenant-manager"])
    run(["systemctl", "restart", "tenant@acme"])
    assert acme.state("web") == "active"
    before = acme.leader("web")
    done = run(["bbhv", "sync", "acme"], check=False)
    assert done.returncode == 0 and acme.leader("web") == before, done.stdout + done.stderr
    newest = acme.commit(web=idler("debian-13", exec=("Environment=A=1",)))
    assert acme.sync() == "applied" and acme.status()["commit"] == newest and acme.leader("web") != before
    assert acme.status()["generation"] == acme.status()["good"]
    run(["systemctl", "restart", "tenant@acme"])
    assert acme.state("web") == "active"


def test_a_damaged_record_of_user_ids_starts_what_was_good_and_changes_nothing(pair: Pair) -> None:
    record = STATE / "uids.json"
    kept = record.read_bytes()
    record.write_text("garbage")
    try:
        newest = pair.acme.commit(new=idler("debian-13"))
        done = run(["bbhv", "sync"], check=False)
        assert done.returncode == 1 and f"{record} is damaged" in done.stdout and pair.acme.state("web") == "active"
        run(["systemctl", "restart", "tenant@acme"])
        assert pair.acme.state("web") == "active"
    finally:
        record.write_bytes(kept)
    assert pair.acme.sync() == "applied" and pair.acme.status()["commit"] == newest


def test_a_failed_generation_is_not_what_a_rollback_goes_to(make: Make) -> None:
    acme = make("acme")
    first = acme.commit(web=idler("debian-13"))
    acme.sync()
    acme.commit(web="[Exec]\nParameters=/bin/false\n[X-Bitbuilder]\nImage=debian-13\n")
    assert acme.sync(status=1) == "rolled-back"
    acme.commit(web=idler("debian-13", "MemoryMax=63M"))
    assert acme.sync() == "applied"
    run(["bbhv", "rollback", "acme"])
    assert acme.status()["commit"] == first


# The system repository; the rest is in test_system


def test_a_system_repository_that_was_rewound_or_breaks_its_settings_is_refused(system: System) -> None:
    acme = system.tenant("acme")
    acme.commit(web=idler("debian-13"))
    first = system.register(acme)
    assert run(["bbhv", "sync"], timeout=120).returncode == 0
    system.repo.commit({"README.md": "more"})
    run(["bbhv", "sync"])
    before = acme.leader("web")
    blob = system.repo.git("hash-object", "-w", "--stdin", input="acme.json")
    breaks: tuple[tuple[Callable[[], object], str], ...] = (
        (lambda: system.repo.git("update-ref", "refs/heads/main", first), "history was rewound"),
        (lambda: system.repo.commit({"system.json": "{"}), "system.json:1:"),
        (lambda: plant(Tenant("system", system.repo), [("120000", "tenants/beta.json", blob)]), "symbolic link"),
    )
    for break_it, words in breaks:
        tip = system.repo.head
        break_it()
        newest = acme.commit(web=idler("debian-13", f"MemoryMax={len(words) + 30}M"))
        done = run(["bbhv", "sync"], check=False, timeout=60)
        assert done.returncode == 4 and words in done.stdout + done.stderr, done.stdout + done.stderr
        assert acme.status()["commit"] == newest and acme.leader("web") == before
        run(["systemctl", "restart", "tenant-manager"])
        assert acme.leader("web") == before
        system.repo.git("update-ref", "refs/heads/main", tip)
    assert run(["bbhv", "sync"]).returncode == 0
