"""Git objects, read as git wrote them; everything that git would not write is refused."""

from pathlib import Path

import pytest

from bbhv.formats.gitobject import (
    MAX_COMMIT,
    MAX_PARENTS,
    MODE_EXECUTABLE,
    MODE_FILE,
    MODE_SYMLINK,
    MODE_TREE,
    Algorithm,
    GitFormatError,
    is_ref_name,
    is_safe_path_component,
    name_problem,
    object_id,
    parse_commit,
    parse_packed_refs,
    parse_tree,
)

FIXTURES = Path(__file__).parent / "fixtures/formats/git"
BOTH: tuple[Algorithm, ...] = ("sha1", "sha256")
ID = "1" * 40
RAW = b"\x11" * 20
PERSON = b"A <a@b> 1700000000 +0000"


def stored(algorithm: Algorithm, name: str) -> bytes:
    """What git wrote."""
    return (FIXTURES / algorithm / name).read_bytes()


@pytest.mark.parametrize("algorithm", BOTH)
def test_object_ids_are_those_that_git_computed(algorithm: Algorithm) -> None:
    for name, kind in (("signed", "commit"), ("plain", "commit"), ("merge", "commit"), ("root", "tree")):
        known = stored(algorithm, f"{name}.id").decode().strip()
        assert object_id(kind, stored(algorithm, f"{name}.{kind}"), algorithm) == known
    with pytest.raises(GitFormatError, match="no objects of kind"):
        object_id("commit 5", b"", algorithm)


@pytest.mark.parametrize("algorithm", BOTH)
def test_a_signed_commit_gives_its_signature_and_what_it_signs(algorithm: Algorithm) -> None:
    data = stored(algorithm, "signed.commit")
    commit = parse_commit(data)
    assert (commit.author, commit.committer) == ("A U Thor <author@example.com>", "Ço Mitter <c@example.com>")
    assert (commit.authored_usec, commit.committed_usec) == (1700000000_000000, 1700000060_000000)
    assert (commit.parents, commit.message) == ((), "Hello\n\nbody\n")
    assert commit.tree == stored(algorithm, "root.id").decode().strip()
    assert commit.signature is not None
    assert commit.signature.startswith(b"-----BEGIN SSH SIGNATURE-----\n")
    assert commit.signature.endswith(b"-----END SSH SIGNATURE-----\n")
    header = b"gpgsig " if algorithm == "sha1" else b"gpgsig-sha256 "
    head, _, body = commit.signed_payload.partition(b"\n\n")
    folded = commit.signature[:-1].replace(b"\n", b"\n ")
    assert head + b"\n" + header + folded + b"\n\n" + body == data


@pytest.mark.parametrize("algorithm", BOTH)
def test_commits_without_signature_and_with_a_merged_tag(algorithm: Algorithm) -> None:
    plain = parse_commit(stored(algorithm, "plain.commit"))
    assert plain.signature is None and plain.signed_payload == stored(algorithm, "plain.commit")
    assert plain.parents == (stored(algorithm, "signed.id").decode().strip(),)
    merge = parse_commit(stored(algorithm, "merge.commit"))
    assert merge.parents[0] == stored(algorithm, "plain.id").decode().strip() and len(merge.parents) == 2
    assert merge.signature is not None and b"\nmergetag object " in merge.signed_payload


def commit_with(*extra: bytes, tree: bytes = ID.encode(), author: bytes = PERSON, message: bytes = b"\nm\n") -> bytes:
    lines = [b"tree " + tree, b"author " + author, b"committer " + PERSON, *extra]
    return b"".join(line + b"\n" for line in lines) + message


def test_the_signature_for_the_other_hash_is_neither_ours_nor_signed() -> None:
    data = commit_with(b"gpgsig one\n two", b"gpgsig-sha256 other\n  indented", b"encoding x")
    commit = parse_commit(data)
    assert commit.signature == b"one\ntwo\n"
    assert commit.signed_payload == commit_with(b"encoding x")
    assert parse_commit(commit_with(b"gpgsig-sha256 other")).signature is None


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\n", b"tree " + ID.encode(), commit_with()[:-3], commit_with(message=b""),
        commit_with(b"tree " + ID.encode()), commit_with(b"author " + PERSON), commit_with(b"parent " + ID.encode()),
        commit_with(b"gpgsig one", b"gpgsig two"), commit_with(b"gpgsigX one"), commit_with(b"gpgsig-sha512 one"),
        commit_with(b"encoding a", b"encoding b"), commit_with(b"no_space"), commit_with(b"k\xc3\xa9y v"),
        commit_with(message=b"\na\0b"), commit_with(b"x a\0b"), commit_with(tree=b"1" * 39),
        commit_with(tree=b"G" * 40),
        commit_with(tree=ID.encode() + b"\n x"), commit_with(tree=ID.encode() + b" "), commit_with(tree=b"A" * 40),
        commit_with(author=b"A <a@b> 1700000000"), commit_with(author=b"A <a@b> x +0000"),
        commit_with(author=b"A a@b 1700000000 +0000"), commit_with(author=b"A <a@b>1700000000 +0000"),
        commit_with(author=b"A <a@b> -1 +0000"), commit_with(author=b"A <a@b> 01 +0000"),
        commit_with(author=b"A <a@b> 1 0000"), commit_with(author=b"A <a@b> 1 +000"),
        commit_with(author=b"A <a@b>  1 +0000"),
        commit_with(author=b"A <a@b> 253402300800 +0000"), commit_with(author=b"A <a@b> " + b"9" * 5000 + b" +0000"),
        commit_with(author=b"A<a@b> 1 +0000"), commit_with(author=b"A <a<b> 1 +0000"),
        commit_with(author=b"A > <a> 1 +0000"),
        commit_with(author=PERSON + b"\n more"), commit_with(*[b"x%d 1" % n for n in range(200)]),
        b"parent " + ID.encode() + b"\n" + commit_with(),
        commit_with().replace(b"author", b"parent " + b"1" * 64 + b"\nauthor"),
        commit_with().replace(b"author", (b"parent " + ID.encode() + b"\n") * (MAX_PARENTS + 1) + b"author"),
        commit_with(message=b"\n" + b"x" * MAX_COMMIT),
    ],
)
def test_a_malformed_commit_is_refused(data: bytes) -> None:
    with pytest.raises(GitFormatError, match=r"commit"):
        parse_commit(data)


def test_unusual_but_sound_commits_are_read() -> None:
    assert parse_commit(commit_with(author=b"<a@b> 0 -1200")).author == "<a@b>"
    assert parse_commit(commit_with(author=b"\xe9 <> 1 +0000")).author == "\ufffd <>"
    assert parse_commit(commit_with(b"change-id xyz", message=b"\n")).message == ""


def entry(mode: bytes, name: bytes, oid: bytes = RAW) -> bytes:
    return mode + b" " + name + b"\0" + oid


@pytest.mark.parametrize("algorithm", BOTH)
def test_a_tree_gives_its_entries_in_order(algorithm: Algorithm) -> None:
    entries = parse_tree(stored(algorithm, "root.tree"), 20 if algorithm == "sha1" else 32)
    assert [(found.mode, found.name) for found in entries] == [
        (MODE_TREE, b"a.b"), (MODE_FILE, b"a.c"), (MODE_TREE, b"a"), (MODE_FILE, b"a0"), (MODE_SYMLINK, b"l"),
        (MODE_EXECUTABLE, b"z"),
    ]
    assert entries[1].oid == object_id("blob", b"a.c", algorithm)
    assert parse_tree(b"", 20) == ()


@pytest.mark.parametrize(
    "data",
    [
        entry(b"100644", b"b") + entry(b"100644", b"a"), entry(b"100644", b"a") * 2,
        entry(b"100644", b"a") + entry(b"100644", b"a.b") + entry(b"40000", b"a"),
        entry(b"40000", b"a") + entry(b"100644", b"a.b"), entry(b"040000", b"a"), entry(b"100664", b"a"),
        entry(b"0", b"a"),
        entry(b"", b"a"), entry(b"120755", b"a"), entry(b"100644", b""), entry(b"100644", b"a/b"),
        entry(b"100644", b"a")[:-1],
        b"100644 a", b"100644", b"1", entry(b"100644", b"a") + b"\0", entry(b"+100644", b"a"),
        entry(b"100644 ", b"a")[1:],
    ],
)
def test_a_malformed_tree_is_refused(data: bytes) -> None:
    with pytest.raises(GitFormatError, match="The tree"):
        parse_tree(data, 20)


def test_an_id_length_that_no_hash_has_is_refused() -> None:
    with pytest.raises(GitFormatError, match="20 or 32 bytes"):
        parse_tree(b"", 40)


@pytest.mark.parametrize("algorithm", BOTH)
def test_packed_refs_are_read(algorithm: Algorithm) -> None:
    refs = parse_packed_refs(stored(algorithm, "packed-refs").decode())
    assert set(refs) == {"refs/heads/main", "refs/heads/o", "refs/tags/v1"}
    assert refs["refs/heads/main"] == stored(algorithm, "merge.id").decode().strip()
    assert parse_packed_refs("") == parse_packed_refs("# pack-refs with: peeled\n") == {}


@pytest.mark.parametrize(
    "text",
    [
        "x\n", "\n", f"{ID}\n", f"{ID} \n", f"{ID}  refs/a\n", f"{ID} HEAD\n", f"{ID} refs/a\n{ID} refs/a\n",
        f"^{ID}\n",
        f"{ID} refs/a\n^{ID}\n^{ID}\n", f"{ID} refs/a\n^{ID}x\n", f"{ID[1:]} refs/a\n", f"{ID} refs/../a\n",
        f"{ID} refs/a\r\n",
        "#" * (5 << 20),
    ],
)
def test_malformed_packed_refs_are_refused(text: str) -> None:
    with pytest.raises(GitFormatError, match="packed-refs"):
        parse_packed_refs(text)


@pytest.mark.parametrize("name", ["refs/heads/main", "refs/a", "refs/heads/é/x.y@z", "refs/heads/a-b_c", "refs/a/@"])
def test_ref_names_that_git_takes(name: str) -> None:
    assert is_ref_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "", "main", "HEAD", "refs/", "refs//a", "refs/a/", "refs/.a", "refs/a/.b", "refs/a.lock", "refs/a.lock/b",
        "refs/a..b",
        "refs/a.", "refs/a b", "refs/a~1", "refs/a^", "refs/a:b", "refs/a?", "refs/a*", "refs/a[", "refs/a\\b",
        "refs/a@{1}",
        "refs/a\x7f", "refs/a\n", 'refs/"', "refs/" + "a" * 300, "/refs/a",
    ],
)
def test_ref_names_that_are_refused(name: str) -> None:
    assert not is_ref_name(name)


@pytest.mark.parametrize("name",
    ["a", "web.nspawn", ".gitignore", "...", "dev-sda\\x2d1.mount", "é", "git", "a.git", "x" * 255])
def test_names_that_are_safe(name: str) -> None:
    assert is_safe_path_component(name.encode()) == name
    assert name_problem(name.encode()) == ""


@pytest.mark.parametrize(
    "name",
    [
        b"", b".", b"..", b"a/b", b"a\nb", b"a\x1b[31mb", b"a\x7f", b"a\xc2\x85", b"a\0", b"\xff", b"x" * 256, b".git",
        b".GIT",
        b".gIt", b".git ", b".git.", b".git. .", b"git~1", b"GIT~1", b".git:x", b".git::$INDEX_ALLOCATION", b"a\\.git",
        b".git\\x", ".g\u200cit".encode(), "\ufeff.git".encode(), ".git\u202e".encode(), ".gi\u206ft".encode(),
    ],
)
def test_names_that_are_not_safe(name: bytes) -> None:
    assert is_safe_path_component(name) is None
    assert name_problem(name)
