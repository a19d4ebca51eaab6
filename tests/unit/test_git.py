"""Verify and read, on real repositories: by object id, recomputed, never through a work tree."""

import os
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest

from bbhv.engine.repository.read import read
from bbhv.engine.repository.verify import VerifiedCommit, verify
from bbhv.errors import BbhvError, RefusedError
from bbhv.host.git import Clone, DamagedError, ObjectReader, TooLargeError, configuration
from bbhv.model.authority import Authority

AUTHOR = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@b"}

ANYBODY = Authority(policy="unsigned", whose="acme")


class Work:
    """A repository with a work tree, as a tenant has it."""

    def __init__(self, path: Path, kind: str = "sha1") -> None:
        self.path = path
        path.mkdir()
        self.git("init", "-q", "-b", "main", f"--object-format={kind}")

    def git(self, *arguments: str) -> str:
        env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_GLOBAL": "/dev/null", **AUTHOR}
        return subprocess.run(
            ["git", "-C", self.path, *arguments], check=True, capture_output=True, text=True, env=env
        ).stdout.strip()

    def commit(self, **files: str) -> str:
        for name, text in files.items():
            (self.path / name).write_text(text)
        self.git("add", "-A")
        self.git("commit", "-qm", "x", "--allow-empty")
        return self.git("rev-parse", "HEAD")

    @property
    def clone(self) -> Clone:
        return Clone(str(self.path))


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(tmp_path / "work")


def verified(work: Work, oid: str) -> VerifiedCommit:
    return verify(work.clone, oid, authority=ANYBODY, accepted=())


def test_only_verify_makes_a_verified_commit(work: Work) -> None:
    oid = work.commit(a="1")
    assert verified(work, oid).oid == oid
    with pytest.raises(TypeError, match="only verify"):
        VerifiedCommit(oid, oid, work.clone, None, object())


@pytest.mark.parametrize("policy", ["signed", "strict", "", "Unsigned"])
def test_a_policy_without_signers_passes_nothing(work: Work, policy: str) -> None:
    with pytest.raises(RefusedError, match="nothing passes"):
        verify(work.clone, work.commit(a="1"), authority=Authority(policy=policy, whose="acme"), accepted=())


@pytest.mark.parametrize("kind", ["sha1", "sha256"])
def test_a_commit_goes_on_from_what_was_accepted_or_is_refused(tmp_path: Path, kind: str) -> None:
    work = Work(tmp_path / kind, kind)
    first, second = work.commit(a="1"), work.commit(a="2")
    work.git("checkout", "-q", "-b", "side", first)
    side = work.commit(b="1")
    work.git("merge", "-q", "--no-edit", second)
    merge = work.git("rev-parse", "HEAD")
    for new, old in ((second, first), (second, second), (merge, second), (merge, side)):
        assert verify(work.clone, new, authority=ANYBODY, accepted=(old,)).oid == new
    for new, old in ((first, second), (side, second)):
        with pytest.raises(RefusedError, match="history was rewound"):
            verify(work.clone, new, authority=ANYBODY, accepted=(old,))
        with pytest.raises(RefusedError, match=f"{old[:12]}.*history was rewound"):
            verify(work.clone, new, authority=ANYBODY, accepted=(new, old))
    assert verify(work.clone, first, authority=ANYBODY, accepted=(second,), allow_rewind=True).oid == first


def test_plain_files_are_read_and_all_others_found(work: Work) -> None:
    (work.path / "sub").mkdir()
    (work.path / "sub/file").write_text("x")
    (work.path / "link").symlink_to("/etc/shadow")
    (work.path / "big").write_bytes(b"x" * ((1 << 20) + 1))
    (work.path / "CASE").write_text("1")
    oid = work.commit(run="#!", case="2")
    work.git("update-index", "--add", "--cacheinfo", f"160000,{oid},module")
    work.git("commit", "-qm", "module")
    files, findings = read(verified(work, work.git("rev-parse", "HEAD")))
    assert files.keys() == {"sub/file", "run", "CASE"} and files["sub/file"] == b"x"
    found = {finding.place.file: finding.code for finding in findings}
    assert found == {"link": "BB106", "module": "BB106", "big": "BB105", "case": "BB107"}


def test_attributes_and_filters_of_the_repository_do_nothing(work: Work) -> None:
    work.git("config", "filter.evil.smudge", "touch /tmp/evil; cat")
    oid = work.commit(**{".gitattributes": "* filter=evil text eol=crlf ident\n", "a": "1\n"})
    assert read(verified(work, oid))[0]["a"] == b"1\n"


def test_an_object_that_is_not_what_its_id_says_is_damage(work: Work) -> None:
    oid = work.commit(a="1")
    blob = work.git("rev-parse", "HEAD:a")
    path = work.path / ".git/objects" / blob[:2] / blob[2:]
    path.chmod(0o644)
    path.write_bytes(zlib.compress(b"blob 1\0" + b"2"))
    with pytest.raises(DamagedError, match="does not hold what its id says|cannot read"):
        read(verified(work, oid))
    path.unlink()
    with pytest.raises(DamagedError, match="missing"):
        read(verified(work, oid))


def test_a_reader_answers_for_garbage_and_goes_on(work: Work) -> None:
    oid = work.commit(a="1")
    with ObjectReader(work.clone.gitdir) as reader:
        for wrong in ("", "HEAD", f"{oid}\n{oid}", "f" * 40):
            with pytest.raises(DamagedError):
                reader.read(wrong, "commit")
        with pytest.raises(DamagedError, match="is a commit"):
            reader.read(oid, "blob")
        assert reader.commit(oid).parents == ()


def test_a_pipe_to_git_that_fails_names_the_command(work: Work) -> None:
    oid = work.commit(a="1")
    with ObjectReader(work.clone.gitdir) as reader:
        stdin = reader._process.popen.stdin
        assert stdin is not None
        with open("/dev/full", "wb") as full:
            os.dup2(full.fileno(), stdin.fileno())
        with pytest.raises(OSError, match=f"No space left on device: 'git --git-dir={work.clone.gitdir}"):
            reader.commit(oid)
        assert reader.commit(oid).parents == (), "by another git"


def test_an_answer_to_another_question_is_none(work: Work) -> None:
    first, second = work.commit(a="1"), work.commit(a="2")
    with ObjectReader(work.clone.gitdir) as reader:
        stdin = reader._process.popen.stdin
        assert stdin is not None
        stdin.write(f"info {first}\n".encode())
        with pytest.raises(DamagedError):
            reader.commit(second)
        assert reader.commit(second).parents == (first,)


def test_who_reads_within_a_reading_shares_its_git_and_what_came_meanwhile_is_there(work: Work) -> None:
    first, clone = work.commit(a="1"), work.clone
    with clone.reading() as reader:
        assert reader.commit(first).parents == ()
        work.git("repack", "-adq")
        second = work.commit(a="2")
        work.git("repack", "-adq")
        with clone.reading() as again:
            assert again is reader and again.commit(second).parents == (first,)
        assert reader.commit(first).parents == ()
    with clone.reading() as later:
        assert later is not reader


def test_a_reading_outlives_the_clone_that_it_began_with(work: Work) -> None:
    oid, clone = work.commit(a="1"), work.clone
    copy = shutil.copytree(work.path, work.path.with_name("copy"))
    with clone.reading() as reader:
        assert reader.commit(oid).parents == ()
        clone.discard()
        with pytest.raises(DamagedError):
            reader.commit(oid)
        copy.rename(work.path)
        assert reader.commit(oid).parents == ()


def huge(work: Work, kind: str) -> str:
    """An object of 70 MiB that packs to next to nothing, as a stranger may push it."""
    tree = work.git("write-tree")
    person = "A <a@b> 1 +0000"
    head = f"tree {tree}\nauthor {person}\ncommitter {person}\n\n".encode() if kind == "commit" else b""
    data = head + b"x" * (70 << 20)
    if kind == "tree":
        data = b"".join(b"100644 %06d\0" % number + bytes(range(1, 21)) for number in range(9 << 18))
    told = ["git", "-C", str(work.path), "hash-object", "-t", kind, "-w", "--literally", "--stdin"]
    return subprocess.run(told, input=data, check=True, capture_output=True).stdout.decode().strip()


@pytest.mark.parametrize("kind", ["commit", "tree", "blob"])
def test_a_huge_object_is_refused_within_bounds_of_memory_and_the_reader_goes_on(work: Work, kind: str) -> None:
    oid, giant = work.commit(a="1"), huge(work, kind)
    with ObjectReader(work.clone.gitdir) as reader:
        for _ in range(2):
            with pytest.raises(TooLargeError, match=f"Object {giant} is [0-9]+ bytes, more than"):
                reader.read(giant, kind)
            assert reader.read_bounded(giant, kind, 1 << 20) is None
            assert reader.commit(oid).parents == ()
        if kind != "blob":  # of which git passes on one piece after the other
            with pytest.raises(TooLargeError, match="too much memory"):
                reader.read(giant, kind, limit=1 << 30)
        assert reader.commit(oid).parents == ()
    if kind == "commit":
        assert work.clone.is_whole(giant) is None  # nobody can say, so nobody gives the clone up for it


def test_a_small_object_that_needs_a_huge_one_is_too_large_and_no_damage(work: Work) -> None:
    """A delta of a few bytes, whose base is what takes the memory."""
    noise = os.urandom(3 << 20)
    (work.path / "a").write_bytes(noise + bytes(70 << 20))
    work.commit()
    (work.path / "a").write_bytes(noise)
    oid = work.commit()
    blob = work.git("rev-parse", "HEAD:a")
    work.git("repack", "-adfq", "--window-memory=0")
    based = [line for line in work.git("verify-pack", "-v", *packs(work)).splitlines() if line.startswith(blob)]
    assert len(based[0].split()) == 7, "it is no delta"
    with ObjectReader(work.clone.gitdir) as reader:
        with pytest.raises(TooLargeError, match="too much memory"):
            reader.read(blob, "blob")
        assert reader.read_bounded(blob, "blob", 1 << 20) is None and reader.commit(oid).parents


def packs(work: Work) -> list[str]:
    return [str(path) for path in (work.path / ".git/objects/pack").glob("*.idx")]


def test_whether_a_clone_is_whole_is_said_only_by_git(work: Work) -> None:
    first, oid = work.commit(a="1"), work.commit(a="2")
    assert work.clone.is_whole(oid) is True
    assert work.clone.is_whole(oid, seconds=0) is None  # not done in time
    (work.path / ".git/objects" / first[:2] / first[2:]).unlink()
    assert work.clone.is_whole(oid) is False


def test_a_whole_repository_of_the_largest_size_is_read(work: Work) -> None:
    for number in range(15):
        (work.path / f"noise{number}").write_bytes(os.urandom((1 << 20) - 100))
    names = {f"folder{number % 50}/{number:05}.conf": "x\n" for number in range(5_000)}
    for name, text in names.items():
        (work.path / name).parent.mkdir(exist_ok=True)
        (work.path / name).write_text(text)
    oid = work.commit()
    work.git("repack", "-adq")
    files, findings = read(verified(work, oid))
    assert not findings and len(files) == 5_015 and work.clone.is_whole(oid) is True


def test_a_clone_that_is_no_repository_is_damage(tmp_path: Path) -> None:
    with pytest.raises(BbhvError, match="cannot read"):
        with ObjectReader(str(tmp_path)) as reader:
            reader.commit("a" * 40)


def test_what_is_too_large_is_not_unpacked(work: Work) -> None:
    (work.path / "large").write_text("x" * (5 << 20))
    oid = work.commit()
    with ObjectReader(work.clone.gitdir, {"GIT_ALLOC_LIMIT": "1m"}) as reader:
        blob = work.git("rev-parse", "HEAD:large")
        assert reader.read_bounded(blob, "blob", 1 << 20) is None
        with pytest.raises(RefusedError, match="5242880 bytes, more than the 4194304"):
            reader.read(blob, "commit")
        assert reader.commit(oid).parents == ()


def test_the_configuration_of_a_clone_reads_back_through_git_as_it_was_meant(tmp_path: Path) -> None:
    url = 'https://git.example.com/a"b\\c d.git'
    path = tmp_path / "config"
    path.write_text(configuration(url, "ma-in/x", "sha1", ("https", "ssh")))

    def get(name: str) -> str:
        return subprocess.run(
            ["git", "config", "--file", path, name], capture_output=True, text=True, check=True
        ).stdout.rstrip("\n")

    assert get("remote.origin.url") == url and get("branch.ma-in/x.merge") == "refs/heads/ma-in/x"
    assert get("pull.ff") == "only" and get("core.hooksPath") == "/dev/null" and get("protocol.allow") == "never"


def test_a_clone_follows_by_hand_and_by_us_and_its_checkout_stays_empty(work: Work, tmp_path: Path) -> None:
    first = work.commit(a="1", b="1")
    clone = Clone(str(tmp_path / "t/config.git"))
    clone.create(configuration(f"file://{work.path}", "main", "sha1", ("file",)), "main", "sha1")

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", clone.path, *arguments], check=True, capture_output=True, text=True
        ).stdout.strip()

    git("fetch", "-q")
    clone.align(first, "main", 0)
    assert clone.head() == first and git("status", "--porcelain") == ""
    second = work.commit(a="2", c="1")
    git("pull", "-q")
    assert clone.head() == second
    third = work.commit(b="3")
    git("fetch", "-q")
    clone.align(third, "main", 0)
    assert git("status", "--porcelain") == "" and git("pull") == "Already up to date."
    assert os.listdir(clone.path) == [".git"]


def test_packs_on_trial_are_kept_or_given_back_and_one_that_was_there_is_never_on_trial(tmp_path: Path) -> None:
    work = Work(tmp_path / "work")
    clone = work.clone

    def staged(*revisions: str) -> tuple[str, dict[str, str]]:
        listed = subprocess.run(
            ["git", "-C", work.path, "pack-objects", "-q", "--revs", tmp_path / "pack"], check=True,
            input="\n".join(revisions) + "\n", capture_output=True, text=True,
        ).stdout.strip()  # fmt: skip
        return listed, {part: f"{tmp_path}/pack-{listed}.{part}" for part in ("pack", "idx")}

    first = work.commit(a="1")
    name, parts = staged(first)
    clone.store_pack(name, parts, on_trial=True)
    clone.keep_packs()
    second = work.commit(a="2")
    for revisions in ((first,), (second, f"^{first}")):
        name, parts = staged(*revisions)
        clone.store_pack(name, parts, on_trial=True)
    assert len(clone.packs()) == 2
    clone.return_packs()
    assert clone.packs() == {f"pack-{staged(first)[0]}"}
    assert sorted(one.suffix for one in (work.path / ".git/objects/pack").iterdir()) == [".idx", ".pack"]
