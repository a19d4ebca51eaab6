"""Bad input: a clear sentence and the right status; the tenant runs on as it was, and the others are synced."""

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from .conftest import SETTINGS, Make
from .guests import IMAGES, archive, guest, idler, image, link
from .support import REGISTRATIONS, registration, run, unit_property, wait_until
from .test_system import CLONE, System
from .test_system import system as system  # a fixture
from .world import TENANTS, Tenant, new_tenant

STATE = Path("/var/lib/bitbuilder")
# As the C library says it, and as git does.
NO_ROOM = ("No space left on device", "Out of diskspace")


def good_number(tenant: Tenant) -> str:
    """The number of the generation that is good, as the disk has it."""
    return (tenant.folder / "good").readlink().name


class Pair:
    """A tenant, wild, to which bad things happen, and another one, calm, that must not notice."""

    def __init__(self) -> None:
        self.wild, self.calm = new_tenant("wild"), new_tenant("calm")
        self.count = 0
        for tenant in (self.wild, self.calm):
            tenant.commit(web=idler("debian-13"))
            assert tenant.sync() == "applied"

    def sync(self, status: int, *, outcome: str = "failed") -> str:
        """Commits a change of calm and syncs all: wild runs on as it was, calm is applied. Returns what is said."""
        self.count += 1
        newest = self.calm.commit(web=idler("debian-13", f"MemoryMax={self.count + 20}M"))
        before = self.wild.leader("web"), self.calm.leader("web"), good_number(self.wild)
        done = run(["bbhv", "sync"], check=False, timeout=180)
        said = done.stdout + done.stderr
        assert done.returncode == status, f"{done.returncode}, not {status}: {said}"
        assert before == (self.wild.leader("web"), self.calm.leader("web"), good_number(self.wild)) and before[0]
        assert f"wild: {outcome}: " in said and "calm: applied" in said and "Traceback" not in said, said
        assert self.calm.status()["commit"] == newest
        return said

    @property
    def tried(self) -> str:
        """The newest commit of wild that the host has accepted."""
        return str(json.loads((self.wild.folder / "state.json").read_text())["tried"])

    def commit(self, files: Mapping[str, str | None]) -> str:
        """Commits exactly these files of wild, after what was accepted."""
        repo, tried = self.wild.repo, self.tried
        repo.git("update-ref", "-d", "refs/heads/main")
        tree = repo.git("rev-parse", repo.commit(files) + "^{tree}")
        newest = repo.git("commit-tree", tree, "-p", tried, "-m", "A change")
        repo.git("update-ref", "refs/heads/main", newest)
        return newest

    def heals(self) -> str:
        """The next good commit, on top of what was accepted, is applied."""
        self.count += 1
        text = idler("debian-13", exec=(f"Environment=N={self.count}",))
        newest = self.commit({**self.wild.files(web=text), "docs/words": "".join(map(str, range(5000)))})
        assert self.wild.sync() == "applied"
        status = self.wild.status()
        assert status["commit"] == newest and status["generation"] == status["good"]
        assert self.wild.state("web") == "active"
        return newest

    def remove(self) -> None:
        """Takes both from the host."""
        for tenant in (self.wild, self.calm):
            tenant.remove()


@pytest.fixture(scope="module")
def lasting() -> Iterator[Pair]:
    """Two tenants, each with one container."""
    made = Pair()
    yield made
    made.remove()


@pytest.fixture
def pair(lasting: Pair) -> Iterator[Pair]:
    """The two tenants, for one test: whatever it did, the next good commit is applied."""
    yield lasting
    lasting.heals()


# What can be wrong with a repository


def test_a_repository_that_cannot_be_reached(pair: Pair) -> None:
    path = pair.wild.repo.path
    away = path.rename(path.with_suffix(".away"))
    said = pair.sync(1)
    assert f"The fetch of file://{path} (branch main) failed: " in said and "the next sync tries again" in said
    away.rename(path)


def test_a_branch_that_was_deleted(pair: Pair) -> None:
    head = pair.wild.repo.head
    pair.wild.repo.git("update-ref", "-d", "refs/heads/main")
    assert "main" in pair.sync(1)
    pair.wild.repo.git("update-ref", "refs/heads/main", head)


def test_a_history_that_was_rewound(pair: Pair) -> None:
    first = pair.wild.repo.head
    pair.heals()
    pair.wild.repo.git("update-ref", "refs/heads/main", first)
    said = pair.sync(4, outcome="refused")
    assert f"Commit {first[:12]} does not descend from" in said and "history was rewound" in said
    pair.wild.repo.commit({"metadata.json": "{}"})
    assert "history was rewound" in pair.sync(4, outcome="refused")


def test_an_unrelated_history_and_a_lost_clone_do_not_get_around_it(pair: Pair) -> None:
    repo = pair.wild.repo
    repo.git("update-ref", "-d", "refs/heads/main")
    repo.commit({**pair.wild.files(web=idler("debian-13"))})
    shutil.rmtree(pair.wild.folder / "config.git")
    assert "history was rewound" in pair.sync(4, outcome="refused")


def test_commits_with_errors(pair: Pair) -> None:
    pair.wild.commit(web="[Exec]\nBoot=maybe\n[Files]\nBind=/etc\n[Nonsense]\n")
    said = pair.sync(3, outcome="refused")
    for place in ("containers/web.nspawn:2:6: error[BB205]", "containers/web.nspawn:4:1: error[BB204]",
                  "containers/web.nspawn:5:1: error[BB201]", "containers/web.nspawn: error[BB208]"):
        assert place in said, said


def plant(tenant: Tenant, entries: list[tuple[str, str, str]]) -> None:
    """Commits entries (mode, path, object id) as they are, whatever git's own porcelain would say to them."""
    repo = tenant.repo
    repo.git("read-tree", repo.head)
    lines = "".join(f"{mode} {oid}\t{path}\0" for mode, path, oid in entries)
    repo.git("update-index", "-z", "--index-info", input=lines)
    commit = repo.git("commit-tree", repo.git("write-tree"), "-p", repo.head, "-m", "Planted")
    repo.git("update-ref", "refs/heads/main", commit)


def test_everything_that_is_no_plain_file(pair: Pair) -> None:
    wild = pair.wild
    blob = wild.repo.git("hash-object", "-w", "--stdin", input="/etc/passwd")
    large = wild.repo.git("hash-object", "-w", "--stdin", input="x" * (10 << 20))
    plant(wild, [
        ("120000", "containers/link.nspawn", blob), ("160000", "containers/module", wild.repo.head),
        ("100644", "docs/line\nbreak", blob), ("100644", "docs/esc\x1b[31m", blob), ("100644", "docs/Twin", blob),
        ("100644", "docs/twin", blob), ("100644", "/".join("d" * 1 for _ in range(20)) + "/deep", blob),
        ("100644", "docs/" + "n" * 240 + "/" + "n" * 240 + "/" + "n" * 240, blob), ("100644", "docs/large", large),
        ("100755", "containers/UPPER.nspawn", blob),
    ])  # fmt: skip
    said = pair.sync(3, outcome="refused")
    for place, words in (("containers/link.nspawn", "symbolic link"), ("containers/module", "submodule"),
                         ("docs/line\\nbreak", "control character"), ("docs/esc\\x1b[31m", "control character"),
                         ("docs/twin", "upper and lower case"), ("d/d/d", "deeper than"), ("nnn", "longer than"),
                         ("docs/large", "larger than 1 MiB"), ("containers/UPPER.nspawn", "name of the container")):
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


def test_names_that_mean_something_else(pair: Pair) -> None:
    wild = pair.wild
    before, good = wild.leader("web"), wild.status()["commit"]
    for name in (b".git", b".GIT", b"git~1", b".git\xe2\x80\x8c", b"..", b".", b"a/b", b"x\xff"):
        wild.repo.git("update-ref", "refs/heads/main", pair.tried)
        raw_tree(wild, name)
        done = run(["bbhv", "sync", "wild"], check=False, timeout=60)
        assert done.returncode in (3, 4) and "Traceback" not in done.stderr, (name, done.stdout + done.stderr)
        assert wild.leader("web") == before and wild.status()["commit"] == good, name
        assert [path.name for path in (wild.folder / "config.git").iterdir()] == [".git"], name


def test_more_files_than_are_read(pair: Pair) -> None:
    blob = pair.wild.repo.git("hash-object", "-w", "--stdin", input="")
    for count, words in ((20_001, "has more than 20000 files."), (120_000, "has more than 20000 files, or")):
        plant(pair.wild, [("100644", f"docs/{number:020}", blob) for number in range(count)])
        assert pair.wild.sync(status=3) == "refused" and "docs/: error[BB110]: " in pair.wild.said
        assert words in pair.wild.said


# What can be wrong with images; the rest is in test_images


def test_an_image_that_is_missing_takes_nothing_down_not_even_with_a_restart(pair: Pair) -> None:
    wild, path, good = pair.wild, IMAGES / "none.tar", pair.wild.status()["generation"]
    wild.repo.commit({"infrastructure/tiny.image": image(path, sha256="0" * 64), "containers/web.nspawn": idler()})
    assert f"Image tiny cannot be fetched from file://{path}: {path}: No such file or directory" in pair.sync(1)
    for pull in (False, True):
        if pull:
            run(["git", "-C", wild.folder / "config.git", "pull"])
        run(["systemctl", "restart", "tenant@wild"])
        assert wild.state("web") == "active" and wild.status()["generation"] == good


def test_an_image_with_another_hash(pair: Pair) -> None:
    path = IMAGES / "tiny.tar.gz"
    path.write_bytes(archive(guest()))
    pair.wild.repo.commit({"infrastructure/tiny.image": image(path, sha256="0" * 64),
                           "containers/web.nspawn": idler()})
    said = pair.sync(1)
    assert f"Image tiny from file://{path} has SHA256=" in said and "0" * 64 in said
    path.unlink()


@pytest.fixture
def impatient() -> Iterator[None]:
    """A host whose operator gives containers three seconds to stop."""
    place = Path("/run/systemd/system/tenant-container@.service.d/50-impatient.conf")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("[Service]\nTimeoutStopSec=3\n")
    run(["systemctl", "daemon-reload"])
    yield
    shutil.rmtree(place.parent)
    run(["systemctl", "daemon-reload"])


@pytest.mark.parametrize("stop", ["when asked", "only when killed"])
def test_a_container_that_never_becomes_ready(make: Make, impatient: None, stop: str) -> None:
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
def narrow(make: Make) -> Iterator[Tenant]:
    """A tenant with a small disk of its own."""
    folder = TENANTS / "acme"
    folder.mkdir(mode=0o700, parents=True)
    run(["mount", "-t", "tmpfs", "-o", "size=1M,mode=0700", "tmpfs", folder])
    acme = make("acme")
    acme.commit(web=idler("debian-13"))
    assert acme.sync() == "applied"
    yield acme
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


def test_a_full_disk_at_any_moment_fails_one_tenant_only(pair: Pair, narrow: Tenant) -> None:
    acme, calm, failed = narrow, pair.calm, 0
    for left in range(0, 45 * 4096, 3 * 4096):
        acme.commit(web=idler("debian-13", exec=(f"Environment=LEFT={left}",)))
        newest = calm.commit(web=idler("debian-13", f"MemoryMax={left // 4096 + 200}M"))
        filler, before = fill(acme.folder, left), acme.leader("web")
        done = run(["bbhv", "sync"], check=False, timeout=180)
        assert "calm: applied" in done.stdout and calm.status()["commit"] == newest, done.stdout + done.stderr
        filler.unlink()
        if done.returncode == 0:
            break
        failed += 1
        assert done.returncode == 1 and "acme: failed: " in done.stdout, done.stdout
        assert any(words in done.stdout for words in NO_ROOM), done.stdout
        assert "The host:" not in done.stdout and acme.leader("web") == before, done.stdout
        assert acme.status()["generation"] == acme.status()["good"]
    assert failed >= 3 and acme.status()["outcome"] == "applied" and acme.leader("web") != before


def test_a_tenant_comes_up_on_a_full_disk_also_after_an_interrupted_trial(narrow: Tenant) -> None:
    acme = narrow
    for text in (idler("debian-13", exec=("Environment=A=1",)),
                 idler("debian-13", exec=("Environment=A=1",)).replace("StableSec=0", "StableSec=60")):
        acme.commit(web=text)
        with subprocess.Popen(["bbhv", "sync", "acme"], stdout=subprocess.PIPE) as process:
            wait_until("it tries", lambda: process.poll() is not None or links(acme)[0] != links(acme)[1])
            process.kill()
        filler, good = fill(acme.folder, 0), links(acme)[1]
        run(["systemctl", "restart", "tenant-manager"])
        run(["systemctl", "restart", "tenant@acme"])
        assert acme.state("web") == "active" and good == links(acme)[1]
        filler.unlink()
        acme.commit(web=idler("debian-13"))
        assert acme.sync() == "applied"


def links(tenant: Tenant) -> tuple[str, str]:
    """The generations that `current` and `good` name."""
    return (tenant.folder / "current").readlink().name, (tenant.folder / "good").readlink().name


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
    wild, calm = pair.wild, pair.calm
    newest = wild.commit(web=idler("debian-13", exec=("Environment=A=1",)).replace("StableSec=0", "StableSec=5"))
    pipe = subprocess.PIPE
    with subprocess.Popen(["bbhv", "sync", "wild"], stdout=pipe, stderr=pipe, text=True) as first:
        wait_until("the first one watches", lambda: links(wild)[0] != links(wild)[1])
        second = run(["bbhv", "sync", "wild"], check=False)
        calms_newest = calm.commit(web=idler("debian-13", "MemoryMax=77M"))
        every = run(["bbhv", "sync"], check=False)
        out, err = first.communicate(timeout=60)
    assert first.returncode == 0 and "wild: applied" in out, out + err
    assert second.returncode == 75 and f"bbhv sync wild (pid {first.pid})" in second.stderr
    assert every.returncode == 75 and f"bbhv sync wild (pid {first.pid})" in every.stdout, every.stdout + every.stderr
    assert "calm: applied" in every.stdout and calm.status()["commit"] == calms_newest
    assert wild.status()["commit"] == newest


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
    place, url = REGISTRATIONS / "wild.json", pair.wild.repo.url
    place.write_text(registration("wild", url, hosts=["other-*"]))
    done = run(["bbhv", "sync", "wild"], check=False)
    assert done.returncode == 5 and "other-*" in done.stderr and str(place) in done.stderr and '"hosts"' in done.stderr
    run(["bbhv", "sync"])
    assert pair.wild.state("web") == "inactive" and pair.calm.state("web") == "active"
    assert (pair.wild.folder / "good").is_symlink()
    place.write_text(registration("wild", url))
    run(["bbhv", "sync"])
    assert pair.wild.state("web") == "active"


def odd_file(place: Path, what: str) -> None:
    """Makes something that is no file for people."""
    match what:
        case "a folder":
            place.mkdir()
        case "a link to nothing":
            place.symlink_to("/nowhere")
        case "a pipe":
            os.mkfifo(place)
        case "much":
            place.write_bytes(b" " * (2 << 20))
        case "other bytes":
            place.write_bytes(b"\xff\xfe{}")
        case "deep":
            place.write_text("[" * 100_000)


def test_odd_files_among_the_registrations_and_settings_stop_nobody(pair: Pair) -> None:
    places = (REGISTRATIONS / "gamma.json", SETTINGS.parent / "bitbuilder.conf.d/50-odd.conf")
    places[1].parent.mkdir(exist_ok=True)
    for what in ("a folder", "a link to nothing", "a pipe", "much", "other bytes", "deep"):
        for place in places:
            odd_file(place, what)
        try:
            done = run(["bbhv", "sync", "calm"], check=False)
            # 1 says that a file of settings could not be read, which stops nobody.
            assert done.returncode in (0, 1) and "calm: unchanged" in done.stdout, (what, done.stdout, done.stderr)
            assert "Traceback" not in done.stderr, (what, done.stderr)
            run(["systemctl", "reset-failed", "tenant-manager"])  # so many restarts are not what is tested
            run(["systemctl", "restart", "tenant-manager"])
            told = run(["bbhv", "doctor"], check=False).stdout
            assert [str(place) for place in places if str(place) not in told] == [], what
        finally:
            for place in places:
                shutil.rmtree(place) if place.is_dir() else place.unlink()
    assert pair.wild.state("web") == "active"


def test_a_masked_tenant_does_not_fail_the_manager(pair: Pair) -> None:
    run(["systemctl", "mask", "--runtime", "tenant@wild"])
    try:
        run(["systemctl", "restart", "tenant-manager"])
    finally:
        run(["systemctl", "unmask", "--runtime", "tenant@wild"])
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
    "a garbage index", "a lock that was left", "a garbage configuration", "a future format", "no git folder",
    "a file in its place", "a shallow file",
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
        case "no git folder":
            shutil.rmtree(git)
        case "a file in its place":
            shutil.rmtree(git)
            git.write_text("gitdir: /etc\n")
        case "a shallow file":
            (git / "shallow").write_text((git / "refs/heads/main").read_text())


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_clone_never_keeps_the_good_generation_from_starting_and_heals(lasting: Pair, what: str) -> None:
    wild = lasting.wild
    damage(wild.folder / "config.git/.git", what)
    run(["systemctl", "restart", "tenant@wild"])
    assert wild.state("web") == "active"
    lasting.count += 1
    newest = wild.commit(web=idler("debian-13", f"MemoryMax={lasting.count + 60}M"))
    assert wild.sync() == "applied" and wild.status()["commit"] == newest
    clean = run(["git", "-C", wild.folder / "config.git", "pull"], check=False)
    assert clean.returncode == 0 or "lock" in what, clean.stderr


def test_a_clone_does_not_grow_without_end(pair: Pair) -> None:
    pack = pair.wild.folder / "config.git/.git/objects/pack/years.pack"
    with pack.open("wb") as file:
        file.truncate(1 << 30)
    try:
        pair.wild.commit(web=idler("debian-13", "MemoryMax=65M"))
        assert "would be larger than 1024 MiB" in pair.sync(1)
    finally:
        pack.unlink()


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


STATES = ("no state", "garbage", "another version", "other types", "a folder", "a link", "five megabytes")
LOST = (
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
            (home / "current/units/tenants-wild.slice").write_bytes(b"\xff\xfe")
        case "an empty generation":
            shutil.rmtree(home / "current/units")
        case "no generations":
            empty(home / "generations")


def test_a_lost_state_is_made_up_from_the_links(pair: Pair) -> None:
    wild = pair.wild
    before, good = wild.leader("web"), wild.status()["good"]
    for what in STATES:
        lose(wild.folder, what)
        assert wild.sync() == "unchanged" and wild.leader("web") == before and wild.status()["good"] == good, what
        assert pair.tried == wild.repo.head, what
    lose(wild.folder, "garbage")
    run(["systemctl", "restart", "tenant@wild"])
    assert wild.state("web") == "active"


@pytest.mark.parametrize("what", LOST)
def test_a_lost_generation_is_made_up_from_what_is_left(lasting: Pair, what: str) -> None:
    wild = lasting.wild
    lose(wild.folder, what)
    run(["systemctl", "restart", "tenant-manager"])
    run(["systemctl", "restart", "tenant@wild"])
    assert wild.state("web") == "active"
    before = wild.leader("web")
    lasting.heals()
    assert wild.leader("web") != before


def test_a_damaged_record_of_user_ids_starts_what_was_good_and_changes_nothing(pair: Pair) -> None:
    record = STATE / "uids.json"
    kept = record.read_bytes()
    record.write_text("garbage")
    try:
        newest = pair.wild.commit(new=idler("debian-13"))
        done = run(["bbhv", "sync"], check=False)
        assert done.returncode == 1 and f"{record} is damaged" in done.stdout and pair.wild.state("web") == "active"
        run(["systemctl", "restart", "tenant@wild"])
        assert pair.wild.state("web") == "active"
    finally:
        record.write_bytes(kept)
    assert pair.wild.sync() == "applied" and pair.wild.status()["commit"] == newest


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
    for name in (".#incoming.1", ".#system.2"):
        (STATE / name).mkdir()
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
    assert list(STATE.glob(".#*")) == [], "what a crash left is swept"
