"""Trust, the pure part: which key may have made a signature, whether it was valid then and is now, and the clock."""

from pathlib import Path

import pytest

from bbhv.errors import RefusedError
from bbhv.formats import gpgstatus, openpgp, sshsig
from bbhv.formats.gitobject import Commit
from bbhv.formats.pubkeys import KeyFileError, ssh_key
from bbhv.formats.signature import MAX_SIGNATURE, SignatureFormatError, technology
from bbhv.formats.voa import Node
from bbhv.model import makers, signers, trust
from bbhv.model.authority import Authority, Proof
from bbhv.model.registration import Registration, Trust
from bbhv.records import replace

FIXTURES = Path(__file__).parent / "fixtures/formats/signatures"
SSH = "a172ff319362b0af14b26279a74169ee1f31b9f638705d9692888d32a7b26b63"
PRIMARY, SUBKEY = "7d45b954d143805509397b7f81dd14b7d9ccaa39", "9cbef8238da7d241e11f4cf3045eda07f913cb51"
SECOND, DAY = 1_000_000, 86_400_000_000
NOW = 1_780_272_000 * SECOND  # 2026-06-01
BELOW = "bitbuilder/tenant-config/acme-release"


def fixture(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def authority(*, revoked: tuple[str, ...] = (), mask: str = "", **files: bytes) -> Authority:
    """The signers of acme, with these verifiers in trust/ (by technology)."""
    names = {"ssh": f"ssh/{SSH}.pub", "openpgp": f"openpgp/{PRIMARY}.openpgp"}
    texts = {f"trust/{BELOW}/{names[kind]}": data for kind, data in files.items()}
    nodes = signers.nodes_of(tuple(texts))
    if mask:
        nodes |= signers.nodes_of((f"/etc/voa/{BELOW}/{mask}",))
        nodes[f"/etc/voa/{BELOW}/{mask}"] = Node("link", "/dev/null")
    one = Registration(tenant="acme", repository="", trust=Trust.SIGNED, signers=("acme-release",), revoked=revoked)
    return signers.of_tenant(one, nodes, texts.__getitem__)[0]


def commit(name: str, usec: int = NOW - DAY) -> Commit:
    """A commit with the signature of this fixture; none for an empty name."""
    return Commit(
        tree="", parents=(), author="", committer="", authored_usec=usec, committed_usec=usec, message="",
        signature=fixture(name) if name else None, signed_payload=b"",
    )  # fmt: skip


def refusal(known: Authority, made: Commit, now: int = NOW) -> str:
    with pytest.raises(RefusedError) as caught:
        trust.candidate(known, "c" * 40, made, now)
    assert caught.value.message.endswith(".") and caught.value.hint
    return caught.value.message


def test_an_ssh_signature_names_the_key_that_is_given_to_the_verifier() -> None:
    found = trust.candidate(authority(ssh=fixture("ssh.pub")), "c" * 40, commit("ssh.sig"), NOW)
    assert found.key.fingerprint == SSH and found.key.data.startswith(b"ssh-ed25519 AAAA")
    assert found.signature == fixture("ssh.sig") and found.key.source == f"trust/{BELOW}/ssh/{SSH}.pub"


def test_an_openpgp_signature_names_the_primary_key_or_a_subkey() -> None:
    known = authority(openpgp=fixture("acme.openpgp"))
    for name, key in (("primary.sig", PRIMARY), ("subkey.sig", SUBKEY)):
        found = trust.candidate(known, "c" * 40, commit(name), NOW)
        assert (found.key.fingerprint, found.part.fingerprint) == (PRIMARY, key)
    assert makers.until_usec(found) == 1_830_297_600 * SECOND, "the subkey ends before its certificate"


def test_what_no_known_key_made_is_refused_and_says_whose_it_is() -> None:
    known = authority(openpgp=fixture("acme.openpgp"))
    assert f"is signed by the SSH key {SSH}, which is not one of acme-release." in refusal(known, commit("ssh.sig"))
    assert "is not signed." in refusal(known, commit(""))
    known = authority(ssh=fixture("ssh.pub"))
    assert f"by the OpenPGP key {SUBKEY}" in refusal(known, commit("subkey.sig"))
    assert "was made for 'file', not for 'git'" in refusal(known, commit("file.sig"))
    assert "is not strong enough" in refusal(known, commit("sha1.sig"))
    assert "is not one over a file" in refusal(known, commit("text.sig"))
    made = replace(commit(""), signature=b"-----BEGIN SIGNED MESSAGE-----\n")
    assert "a signature by x509, which is not verified" in refusal(known, made)
    assert "of an unknown kind" in refusal(known, replace(made, signature=b"x"))


def test_a_key_must_be_valid_for_the_commit_and_now() -> None:
    key = fixture("ssh.pub")
    window = authority(ssh=b'valid-after="20260501",valid-before="20260701Z" ' + key)
    trust.candidate(window, "c" * 40, commit("ssh.sig"), NOW)
    early, late = 1_777_000_000 * SECOND, 1_783_000_000 * SECOND
    assert "which is valid from 2026-05-01 00:00:00 UTC on" in refusal(window, commit("ssh.sig", early))
    assert "which was valid until 2026-07-01 00:00:00 UTC." in refusal(window, commit("ssh.sig"), late)
    assert "and the commit is of 2026-07-02" in refusal(window, commit("ssh.sig", late), late)
    pgp = authority(openpgp=fixture("acme.openpgp"))
    old = commit("primary.sig", 1_767_000_000 * SECOND)
    assert "which is valid from 2026-01-01" in refusal(pgp, old), "older than the certificate"
    assert "which was valid until 2028-01-01" in refusal(pgp, commit("subkey.sig"), 1_840_000_000 * SECOND)


def test_a_revocation_counts_wherever_it_is() -> None:
    ssh, pgp = fixture("ssh.pub"), fixture("acme.openpgp")
    assert "which trust.revoked of acme names" in refusal(authority(ssh=ssh, revoked=(SSH,)), commit("ssh.sig"))
    with pytest.raises(RefusedError) as caught:
        trust.candidate(authority(ssh=ssh, revoked=(SSH,)), "c" * 40, commit("ssh.sig"), NOW)
    assert "by another key of" in caught.value.hint, "the key is there already, and does not count"
    for one in (PRIMARY, SUBKEY):
        known = authority(openpgp=pgp, revoked=(one,))
        assert "which trust.revoked of acme names" in refusal(known, commit("subkey.sig"))
    known = authority(ssh=ssh, mask=f"ssh/{SSH}.pub")
    assert "which is masked on this host" in refusal(known, commit("ssh.sig"))
    known = authority(openpgp=fixture("revoked.openpgp"))
    for name in ("primary.sig", "subkey.sig"):
        assert "which was revoked" in refusal(known, commit(name))
    for order in ((0, 1), (1, 0)):
        files = [(pgp, fixture("revoked.openpgp"))[one] for one in order]
        assert openpgp.merge(files).keys[0].revoked


def test_a_wrong_clock_judges_nothing_and_a_commit_from_the_future_is_refused() -> None:
    trust.check_clock(NOW, NOW + DAY)
    for now, accepted, words in ((0, 0, "did not exist"), (NOW, NOW + 2 * DAY, "was accepted")):
        with pytest.raises(RefusedError, match=words):
            trust.check_clock(now, accepted)
    known = authority(ssh=fixture("ssh.pub"))
    assert "which is in the future" in refusal(known, commit("ssh.sig", NOW + 2 * DAY))
    trust.candidate(known, "c" * 40, commit("ssh.sig", NOW + DAY // 2), NOW)


def test_nothing_passes_where_nobody_can_sign() -> None:
    for known, words in (
        (Authority(policy="signed", whose="acme", add="x"), "names no signer"),
        (authority(), "there is no key of acme-release"),
    ):
        with pytest.raises(RefusedError, match=words):
            trust.check_signers(known)
    assert f"trust/{BELOW}/ssh/SHA256.pub" in authority().add and f"/etc/voa/{BELOW}" in authority().add


def test_a_proof_stands_until_something_that_decides_changes() -> None:
    known = authority(ssh=fixture("ssh.pub"))
    proof = Proof(trust.digest(known, "c" * 40), NOW + 1)
    assert trust.stands(proof, known, "c" * 40, NOW)
    others = (
        authority(ssh=fixture("ssh.pub"), revoked=(SSH,)), authority(ssh=fixture("ssh.pub"), mask=f"ssh/{SSH}.pub"),
        authority(ssh=fixture("ssh.pub"), openpgp=fixture("acme.openpgp")), replace(known, policy="strict"),
        authority(ssh=b'valid-before="20270101" ' + fixture("ssh.pub")),
    )  # fmt: skip
    assert not any(trust.stands(proof, other, "c" * 40, NOW) for other in others)
    assert not trust.stands(proof, known, "d" * 40, NOW) and not trust.stands(proof, known, "c" * 40, NOW + 1)
    assert not trust.stands(None, known, "c" * 40, NOW)


def test_the_credential_has_lines_of_ssh_keys_or_one_certificate() -> None:
    text = f"# ours\n{fixture('ssh.pub').decode()}\nnonsense\n"
    found, findings = signers.credential_files(text)
    assert [path.rpartition("/")[2] for path in found] == [f"{SSH}.pub"] and len(findings) == 1
    found, findings = signers.credential_files(fixture("acme.openpgp").decode())
    assert [path.rpartition("/")[2] for path in found] == [f"{PRIMARY}.openpgp"] and findings == ()
    nodes = signers.nodes_of(tuple(found))
    known, _ = signers.of_system("signed", nodes, found.__getitem__)
    assert [key.fingerprint for key in known.keys] == [PRIMARY]
    path = f"/etc/voa/bitbuilder/system-config/default/ssh/{SSH}.pub"
    both = {**found, path: fixture("ssh.pub")}
    known, findings = signers.of_system("signed", signers.nodes_of(tuple(both)), both.__getitem__)
    assert [key.fingerprint for key in known.keys] == [SSH] and "does not count" in str(findings)


def test_what_is_broken_of_a_verifier_is_left_out_with_a_warning() -> None:
    path = f"trust/{BELOW}/ssh/{'0' * 64}.pub"
    keys, findings = signers.keys_of(
        "acme-release", "tenant-config", signers.nodes_of((path,)), ("trust",), lambda _: fixture("ssh.pub")
    )
    assert keys == () and "holds another key than its name says, ignoring." in str(findings[0])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not one block"), (b"x" * (MAX_SIGNATURE + 1), "KiB"),
        (fixture("ssh.sig").replace(b"U1NI", b"!!!!"), "not base64"),
        (fixture("ssh.sig").replace(b"U1NI", b"AAAA"), "unknown version"),
        (b"-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAQAAADMA\n-----END SSH SIGNATURE-----\n", "cut off"),
    ],
)  # fmt: skip
def test_a_broken_ssh_signature_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(SignatureFormatError, match=message):
        sshsig.parse(data)


def test_technologies_are_told_by_the_first_line() -> None:
    assert [technology(fixture(name)) for name in ("ssh.sig", "primary.sig", "payload")] == ["ssh", "openpgp", ""]


def test_a_certificate_with_another_ones_packets_is_none() -> None:
    keys = FIXTURES.parent / "keys"
    with pytest.raises(KeyFileError, match="same certificate"):
        openpgp.merge([fixture("acme.openpgp"), (keys / "acme.openpgp").read_bytes()])
    with pytest.raises(KeyFileError, match="several certificates|one block"):
        openpgp.merge([(keys / "two.openpgp").read_bytes()])


def test_gpgv_must_say_each_thing_once_and_nothing_bad() -> None:
    status = fixture("gpgv.status")
    assert gpgstatus.is_good(status, SUBKEY, PRIMARY)
    for wrong in (
        b"", status + status, status.replace(b"GOODSIG", b"EXPKEYSIG"), status.replace(b"GOODSIG", b"REVKEYSIG"),
        status + b"[GNUPG:] EXPSIG x\n", status.replace(b"[GNUPG:] ", b"gpgv: "), status * 400,
        status.replace(b"GOODSIG ", b"GOODSIG\x1f"), status + b"[GNUPG:] REVKEYSIG\x1fx\n", status + b"\0",
    ):  # fmt: skip
        assert not gpgstatus.is_good(wrong, SUBKEY, PRIMARY)
    assert not gpgstatus.is_good(status, PRIMARY, PRIMARY) and not gpgstatus.is_good(status, SUBKEY, SUBKEY)


def test_times_before_a_key_are_in_utc() -> None:
    key = fixture("ssh.pub")
    found = ssh_key(b'valid-before="197001020000" ' + key)
    assert (found.after_usec, found.before_usec) == (0, DAY)
    assert ssh_key(b'valid-after="19700101000001Z" ' + key).after_usec == SECOND
