"""Trust in images, the pure part: who may sign them, which key may have made a signature, how long it counts."""

import base64

import pytest

from bbhv.errors import RefusedError
from bbhv.formats.voa import Node
from bbhv.model import imagetrust, signers
from bbhv.model.authority import Authority, Voucher
from bbhv.model.manifest import ImageRef
from bbhv.model.registration import Registration, Trust
from bbhv.records import replace

from .test_trust import NOW, PRIMARY, SECOND, SSH, SUBKEY, fixture

KEY = f"ssh/{SSH}.pub"
IMAGE = ImageRef(
    name="app", format="raw", source="https://h/app.raw", sha256="a" * 64, identity="i", path="/p",
    signature="https://h/app.raw.sig",
)  # fmt: skip


def authority(*names: str, data: bytes = b"", mask: bool = False, revoked: tuple[str, ...] = ()) -> Authority:
    """Who may sign images of acme, with these files in trust/bitbuilder/."""
    texts = {f"trust/bitbuilder/{name}": data or fixture("ssh.pub") for name in names}
    nodes = signers.nodes_of(tuple(texts))
    if mask:
        path = f"/etc/voa/bitbuilder/image/default/{KEY}"
        nodes |= {**signers.nodes_of((path,)), path: Node("link", "/dev/null")}
    one = Registration(tenant="acme", repository="", trust=Trust.SIGNED, signers=("acme-release",), revoked=revoked)
    return signers.of_images(one, nodes, texts.__getitem__)[0]


def refusal(known: Authority, data: bytes, now: int = NOW) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        imagetrust.candidate(known, IMAGE, data, now)
    assert "mage app" in caught.value.message and caught.value.message.endswith(".") and caught.value.hint
    return caught.value


@pytest.mark.parametrize("signer", ["default", "acme-release"])
def test_who_may_sign_images_is_told_by_the_purpose_for_all_tenants_or_for_one(signer: str) -> None:
    found = imagetrust.candidate(authority(f"image/{signer}/{KEY}"), IMAGE, fixture("file.sig"), NOW)
    assert (found.key.signer, found.key.fingerprint) == (signer, SSH)
    assert imagetrust.voucher(IMAGE, found) == Voucher("a" * 64, SSH, SSH)
    assert "did not make it over what is at https://h/app.raw." in imagetrust.not_made(IMAGE, found).message


@pytest.mark.parametrize("place", ["tenant-config/acme-release", "tenant-config/default", "image/beta-release"])
def test_a_key_for_commits_or_for_another_tenant_signs_no_image(place: str) -> None:
    error = refusal(authority(f"{place}/{KEY}"), fixture("file.sig"))
    assert "there is no key of anybody who may sign images" in error.message
    assert "trust/bitbuilder/image/acme-release/ssh/SHA256.pub" in error.hint


def test_an_openpgp_signature_counts_with_and_without_its_armor() -> None:
    known = authority(f"image/default/openpgp/{PRIMARY}.openpgp", data=fixture("acme.openpgp"))
    armored = fixture("subkey.sig")
    lines = [line for line in armored.split(b"\n\n", 1)[1].splitlines() if line[:1] not in (b"=", b"-")]
    for data in (armored, base64.b64decode(b"".join(lines))):
        found = imagetrust.candidate(known, IMAGE, data, NOW)
        assert (found.key.fingerprint, found.part.fingerprint) == (PRIMARY, SUBKEY)
    early = refusal(known, armored, found.made_usec - 2 * 86_400 * SECOND)
    assert "which is in the future" in early.message or "which is valid from" in early.message


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "has a signature of an unknown kind"),
        (b"\x7fELF", "has a signature of an unknown kind"),
        (b"-----BEGIN SSH SIGNATURE-----\nx\n", "is not one block"),
        (b"\x88\xff\xff", "is cut off"),
        (b"\x88\x00\x88\x00", "is not exactly one detached signature"),
        (fixture("ssh.sig"), "was made for 'git', not for 'file'"),
        (fixture("sha1.sig"), "is not strong enough"),
        (fixture("text.sig"), "is not one over a file"),
        (fixture("subkey.sig"), f"is signed by the OpenPGP key {SUBKEY}, which is not one of default, acme-release"),
    ],
)
def test_what_is_no_signature_that_counts_says_why(data: bytes, words: str) -> None:
    assert words in refusal(authority(f"image/default/{KEY}"), data).message


def test_a_key_counts_while_it_is_valid_and_nobody_took_it_back() -> None:
    window = b'valid-after="20260501",valid-before="20260701Z" ' + fixture("ssh.pub")
    known = authority(f"image/default/{KEY}", data=window)
    voucher = imagetrust.voucher(IMAGE, imagetrust.candidate(known, IMAGE, fixture("file.sig"), NOW))
    assert imagetrust.stands([voucher], IMAGE, known, NOW)
    late = 1_783_000_000 * SECOND
    assert "which was valid until 2026-07-01" in refusal(known, fixture("file.sig"), late).message
    assert not imagetrust.stands([voucher], IMAGE, known, late)
    for other, why in (
        (authority(f"image/default/{KEY}", revoked=(SSH,)), "which trust.revoked of acme names"),
        (authority(f"image/default/{KEY}", mask=True), "which is masked on this host"),
    ):
        assert why in refusal(other, fixture("file.sig")).message
        assert not imagetrust.stands([voucher], IMAGE, other, NOW)
    assert not imagetrust.stands([voucher], replace(IMAGE, sha256="b" * 64), known, NOW)
    assert not imagetrust.stands([], IMAGE, known, NOW) and not imagetrust.stands([voucher], IMAGE, authority(), NOW)


def test_a_clock_that_is_wrong_judges_no_image() -> None:
    known = authority(f"image/default/{KEY}")
    with pytest.raises(RefusedError, match="The clock of this host is wrong"):
        imagetrust.candidate(known, IMAGE, fixture("file.sig"), 1_600_000_000 * SECOND)
