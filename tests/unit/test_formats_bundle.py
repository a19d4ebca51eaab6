"""The header of a git bundle: what git wrote is read, what is cut off is waited for, everything else is refused."""

from pathlib import Path

import pytest

from bbhv.formats import bundle
from bbhv.formats.bundle import MAX_HEADER, BundleFormatError, BundleIncompleteError, parse_header

FIXTURES = Path(__file__).parent / "fixtures/formats/git"
BUNDLES = ["sha1/v2.bundle", "sha1/v3.bundle", "sha256/v3.bundle"]
ID = b"1" * 40
V2 = b"# v2 git bundle\n"
V3 = b"# v3 git bundle\n"
REF = ID + b" refs/heads/main\n"


def oid(algorithm: str, name: str) -> str:
    return (FIXTURES / algorithm / f"{name}.id").read_text().strip()


@pytest.mark.parametrize("name", BUNDLES)
def test_a_bundle_of_git_says_what_it_needs_and_offers(name: str) -> None:
    algorithm = name.split("/")[0]
    data = (FIXTURES / name).read_bytes()
    header = parse_header(data)
    assert header.version == int(name[-8])
    assert header.algorithm == algorithm
    assert header.capabilities == ((f"object-format={algorithm}",) if header.version == 3 else ())
    assert oid(algorithm, "plain") in header.prerequisites and len(header.prerequisites) == 2
    merge = oid(algorithm, "merge")
    assert header.references == ((merge, "refs/heads/main"), (merge, "HEAD"))
    assert data[header.size :].startswith(b"PACK")


@pytest.mark.parametrize("name", BUNDLES)
def test_a_header_that_is_cut_off_anywhere_is_incomplete(name: str) -> None:
    data = (FIXTURES / name).read_bytes()
    size = parse_header(data).size
    for length in range(size):
        with pytest.raises(BundleIncompleteError):
            parse_header(data[:length])
    assert parse_header(data[:size]).size == size


def test_a_comment_behind_a_prerequisite_may_be_anything() -> None:
    header = parse_header(V2 + b"-" + ID + b" \xff\x00 any\r thing\n-" + ID + b"\n" + REF + b"\nPACK")
    assert header.prerequisites == (ID.decode(), ID.decode())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PACK", "not a git bundle"), (b"# v1 git bundle\n", "not a git bundle"),
        (b"# v2 git bundle\r\n\n", "not a git"),
        (b"x", "not a git bundle"), (V2 + b"\n", "offers no ref"), (V2 + b"-" + ID + b" x\n\n", "offers no ref"),
        (V2 + ID + b"\n\n", "broken reference"), (V2 + ID + b" \n\n", "broken reference"),
        (V2 + ID + b" main\n\n", "broken ref"),
        (V2 + ID + b" refs/heads/../x\n\n", "broken reference"),
        (V2 + ID + b" refs/heads/\xff~\n\n", "broken reference"),
        (V2 + ID[1:] + b" refs/heads/x\n\n", "broken reference"),
        (V2 + b"1" * 64 + b" refs/heads/x\n\n", "broken reference"),
        (V2 + ID.replace(b"1", b"G") + b" refs/x\n\n", "broken reference"), (V2 + REF + REF + b"\n", "same ref twice"),
        (V2 + b"-" + ID[1:] + b" x\n" + REF + b"\n", "broken prerequisite"),
        (V2 + b"-" + ID + b"x\n" + REF + b"\n", "broken prer"),
        (V2 + REF + b"-" + ID + b" x\n\n", "not in their order"),
        (V2 + b"@object-format=sha1\n" + REF + b"\n", "contradict"),
        (V3 + b"@filter=blob:none\n", "filtered"), (V3 + b"@filter\n", "filtered"),
        (V3 + b"@object-format=md5\n", "unknown cap"),
        (V3 + b"@x\n", "unknown capability"), (V3 + b"@object-format=sha1\n@object-format=sha256\n", "contradict"),
        (V3 + REF + b"@object-format=sha1\n\n", "not in their order"),
        (V3 + b"@object-format=sha256\n" + REF, "broken reference"),
        (V2 + b"".join(b"-%040x x\n" % n for n in range(1100)), "over 1000 prerequisites"),
        (V2 + b"".join(ID + b" refs/heads/b%d\n" % n for n in range(200)), "100 refs"),
        (V2 + b"-" + ID + b" " + b"x" * MAX_HEADER, "larger than"),
    ],
)
def test_wrong_input_is_refused_as_soon_as_it_is_wrong(data: bytes, words: str) -> None:
    with pytest.raises(BundleFormatError, match=words):
        parse_header(data)


TIP, OTHER = "a" * 40, "b" * 40


@pytest.mark.parametrize(("refs", "oid"), [
    ([(TIP, "refs/heads/main")], TIP), ([(OTHER, "HEAD"), (TIP, "refs/heads/main")], TIP), ([(TIP, "HEAD")], TIP),
    ([(TIP, "refs/heads/other")], TIP), ([(TIP, "refs/tags/v1")], TIP),
])  # fmt: skip
def test_the_ref_of_the_branch_is_taken_or_the_only_one(refs: list[tuple[str, str]], oid: str) -> None:
    header = bundle.Header(version=2, capabilities=(), prerequisites=(), references=tuple(refs), size=0)
    assert bundle.chosen(header, "refs/heads/main") == oid


def test_several_refs_without_the_branch_are_refused_by_name() -> None:
    refs = ((TIP, "HEAD"), (OTHER, "refs/heads/other"))
    header = bundle.Header(version=2, capabilities=(), prerequisites=(), references=refs, size=0)
    with pytest.raises(bundle.BundleFormatError) as caught:
        bundle.chosen(header, "refs/heads/main")
    assert caught.value.message == "The bundle offers 2 refs (HEAD, refs/heads/other), but not refs/heads/main."
    assert caught.value.hint == "Make it with: git bundle create FILE main"


def test_a_pack_says_how_many_objects_it_has() -> None:
    assert bundle.pack_objects(b"PACK\0\0\0\2\0\1\0\0rest") == 65536
    assert bundle.pack_objects(b"PACK\0\0\0\2\0\1") == bundle.pack_objects(b"KCAP" * 4) == 0
