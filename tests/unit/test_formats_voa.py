"""Verifiers of signatures: their paths, which of several count, and the keys that the files hold."""

import base64
import hashlib
from pathlib import Path

import pytest

from bbhv.formats import voa
from bbhv.formats.pubkeys import MAX_KEY, KeyFileError, openpgp_fingerprint, ssh_fingerprint
from bbhv.formats.voa import Node, PathError, Verifier, Wanted, check_tree, lookup, parse

KEYS = Path(__file__).parent / "fixtures/formats/keys"
ED25519, ECDSA, RSA = ((KEYS / f"{name}.pub").read_bytes() for name in ("ed25519", "ecdsa", "rsa"))
PGP, TWO_PGP = (KEYS / "acme.openpgp").read_bytes(), (KEYS / "two.openpgp").read_bytes()
# As ssh-keygen -l (in base64) and gpg --fingerprint print them.
SSH_ID = base64.b64decode("qdlgfeL5dCxKRNluJKwCo4554Pja2sGzzMR9cQD5T8o=").hex()
PGP_ID = "e10fda12e374bb1fc431f51301680b17d6d3019d"
A, B = "a" * 64, "b" * 64


@pytest.mark.parametrize(
    "os", ["bitbuilder", "debian:12", "debian:12:server:company-x:25.01", "arch:::cashier-system:1.0.0", "a_b.c-d"]
)
def test_a_path_says_what_a_verifier_is_for(os: str) -> None:
    found = parse(f"{os}/tenant-config/acme-release/ssh/{A}.pub")
    assert found == Verifier(
        os=os, purpose="tenant-config", context="acme-release", technology="ssh", file=f"{A}.pub"
    )
    assert (found.role, found.is_anchor) == ("tenant-config", False)


def test_a_trust_anchor_is_a_purpose_of_its_own() -> None:
    found = parse(f"bitbuilder/trust-anchor-package/default/openpgp/{'0' * 40}.openpgp")
    assert (found.role, found.is_anchor) == ("package", True)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "is not OS/PURPOSE/CONTEXT/TECHNOLOGY/FILE"),
        ("bitbuilder/tenant-config/ssh/x.pub", "is not OS/PURPOSE/CONTEXT/TECHNOLOGY/FILE"),
        (f"a/b/c/ssh/d/{A}.pub", "is not OS/PURPOSE/CONTEXT/TECHNOLOGY/FILE"),
        (f"Debian/b/c/ssh/{A}.pub", "'Debian' is not the name of a system"),
        (f"debian:/b/c/ssh/{A}.pub", "'debian:' is not the name of a system"),
        (f":12/b/c/ssh/{A}.pub", "':12' is not the name of a system"),
        (f"a:1:2:3:4:5/b/c/ssh/{A}.pub", "is not the name of a system"),
        (f"/b/c/ssh/{A}.pub", "'' is not the name of a system"),
        (f"a//c/ssh/{A}.pub", "'' is not the name of a purpose"),
        (f"a/Package/c/ssh/{A}.pub", "'Package' is not the name of a purpose"),
        (f"a/b/c d/ssh/{A}.pub", "'c d' is not the name of a context"),
        (f"a/b/c:1/ssh/{A}.pub", "'c:1' is not the name of a context"),
        (f"a/b/c/SSH/{A}.pub", "'SSH' is not the name of a technology"),
        (f"a/trust-anchor-/c/ssh/{A}.pub", "has no role of its own"),
        (f"a/trust-anchor-trust-anchor-b/c/ssh/{A}.pub", "has no role of its own"),
        ("a/b/c/ssh/key", "does not end in .pub"),
        ("a/b/c/ssh/.pub", "is not the SHA-256 of the key"),
        ("a/b/c/ssh/key.pub", "is not the SHA-256 of the key"),
        (f"a/b/c/ssh/{A.upper()}.pub", "in lower-case hexadecimal"),
        (f"a/b/c/ssh/{A}.openpgp", "does not end in .pub"),
        (f"a/b/c/openpgp/{'0' * 41}.openpgp", "is not the fingerprint of the certificate"),
    ],
)
def test_a_path_outside_of_the_hierarchy_is_refused(path: str, message: str) -> None:
    with pytest.raises(PathError) as caught:
        parse(path)
    assert message in str(caught.value) and str(caught.value).endswith(".")


def test_the_contents_of_other_technologies_are_nobodys_business() -> None:
    assert parse("a/b/c/x509/ca-certificate.pem").technology == "x509"


WANTED = Wanted(oses=("bitbuilder",), purpose="tenant-config", context="acme", technology="ssh")
BELOW = "bitbuilder/tenant-config/acme/ssh"
ETC, RUN, USR = f"/etc/voa/{BELOW}", f"/run/voa/{BELOW}", f"/usr/share/voa/{BELOW}"
FILE = Node("file")


def listing(entries: dict[str, Node]) -> dict[str, Node]:
    """The entries with all folders that lead to them."""
    found = dict(entries)
    for path in entries:
        parts = path.split("/")
        for end in range(2, len(parts)):
            found.setdefault("/".join(parts[:end]), Node("directory"))
    return found


def looked_up(entries: dict[str, Node], wanted: Wanted = WANTED) -> tuple[list[str], list[str]]:
    found, warnings = lookup(listing(entries), wanted)
    assert all(one.code == "BB505" and one.severity == "warning" for one in warnings)
    return list(found), [f"{one.place}: {one.message}" for one in warnings]


def test_all_load_paths_count_and_the_more_important_one_shadows() -> None:
    entries = {f"{USR}/{A}.pub": FILE, f"{ETC}/{A}.pub": FILE, f"{RUN}/{B}.pub": FILE}
    assert looked_up(entries) == ([f"{ETC}/{A}.pub", f"{RUN}/{B}.pub"], [])


def test_copies_of_a_certificate_are_taken_together() -> None:
    wanted = Wanted(oses=("bitbuilder",), purpose="tenant-config", context="acme", technology="openpgp")
    below = f"bitbuilder/tenant-config/acme/openpgp/{PGP_ID}.openpgp"
    paths = [f"{root}/{below}" for root in ("/etc/voa", "/usr/share/voa")]
    assert looked_up(dict.fromkeys(paths, FILE), wanted) == (paths, [])


def test_only_the_very_system_purpose_context_and_technology_count() -> None:
    entries = {
        f"/etc/voa/bitbuilder:1/tenant-config/acme/ssh/{A}.pub": FILE,
        f"/etc/voa/bitbuilder/tenant-config/acme2/ssh/{A}.pub": FILE,
        f"/etc/voa/bitbuilder/system-config/acme/ssh/{A}.pub": FILE,
        f"/etc/voa/bitbuilder/tenant-config/acme/openpgp/{A}.openpgp": FILE,
        f"/etc/{BELOW}/{A}.pub": FILE,
    }
    assert looked_up(entries) == ([], [])


def test_several_systems_are_looked_for_in_their_order() -> None:
    other = f"/etc/voa/bitbuilder:1/tenant-config/acme/ssh/{A}.pub"
    entries = {other: FILE, f"{USR}/{A}.pub": FILE}
    wanted = Wanted(oses=("bitbuilder:1", "bitbuilder"), purpose="tenant-config", context="acme", technology="ssh")
    assert looked_up(entries, wanted) == ([other, f"{USR}/{A}.pub"], [])


def test_of_an_unknown_technology_nothing_counts() -> None:
    wanted = Wanted(oses=("bitbuilder",), purpose="tenant-config", context="acme", technology="minisign")
    assert looked_up({f"/etc/voa/bitbuilder/tenant-config/acme/minisign/{A}.pub": FILE}, wanted) == ([], [])


@pytest.mark.parametrize("root", [ETC, RUN])
def test_a_mask_hides_a_verifier_in_every_load_path(root: str) -> None:
    entries = {f"{root}/{A}.pub": Node("link", "/dev/null"), f"{USR}/{A}.pub": FILE, f"{USR}/{B}.pub": FILE}
    assert looked_up(entries) == ([f"{USR}/{B}.pub"], [])


def test_a_mask_of_the_vendor_counts_and_is_pointed_out() -> None:
    entries = {f"{USR}/{A}.pub": Node("link", "/dev/null"), f"{ETC}/{A}.pub": FILE}
    found, warnings = looked_up(entries)
    assert found == [] and [line.partition(": ")[0] for line in warnings] == [f"{USR}/{A}.pub"]


def test_links_lead_to_the_same_name_in_load_paths_of_no_more_importance() -> None:
    other = "/usr/share/voa/bitbuilder/tenant-config/other/ssh"
    entries = {
        f"{ETC}/{A}.pub": Node("link", f"{other}/{A}.pub"),
        f"{USR}/{B}.pub": Node("link", f"../../other/ssh/{B}.pub"),
        f"{other}/{A}.pub": FILE,
        f"{other}/{B}.pub": FILE,
    }
    assert looked_up(entries) == ([f"{other}/{A}.pub", f"{other}/{B}.pub"], [])


def test_a_folder_may_be_a_link_too() -> None:
    entries = {
        "/etc/voa/bitbuilder/tenant-config/acme/ssh": Node("link", "../../../../../usr/share/voa/site/ssh"),
        f"/usr/share/voa/site/ssh/{A}.pub": FILE,
    }
    assert looked_up(entries) == ([f"/usr/share/voa/site/ssh/{A}.pub"], [])


@pytest.mark.parametrize(
    ("path", "target", "message"),
    [
        (f"{ETC}/{A}.pub", f"/usr/share/voa/x/{A}.pub", "The link leads nowhere, ignoring."),
        (f"{ETC}/{A}.pub", f"/root/{A}.pub", "The link leads out of the load paths"),
        (f"{ETC}/{A}.pub", f"../../../../../../root/{A}.pub", "The link leads out of the load paths"),
        (f"{USR}/{A}.pub", f"{ETC}/{A}.pub", "The link leads out of the load paths that are at most as important"),
        (f"{ETC}/{A}.pub", f"{USR}/{B}.pub", "The link leads to a file of another name, ignoring."),
        (f"{ETC}/{A}.pub", f"{A}.pub", "The link leads to itself, ignoring."),
        (f"{ETC}/{A}.pub", f"/usr/share/voa/folder/{A}.pub", "This is no file, ignoring."),
        (f"{RUN}/{A}.pub", f"{USR}/{A}.pub", "Links are not allowed in /run/voa, ignoring."),
    ],
)
def test_a_link_that_may_not_lead_there_is_left_out_with_a_warning(path: str, target: str, message: str) -> None:
    entries = {
        path: Node("link", target),
        f"{USR}/{B}.pub": FILE,
        f"/usr/share/voa/folder/{A}.pub": Node("directory"),
    }
    found, warnings = looked_up(entries)
    assert found == [f"{USR}/{B}.pub"]
    assert len(warnings) == 1 and warnings[0].startswith(f"{path}: {message}")


def test_a_folder_cannot_be_masked() -> None:
    found, warnings = looked_up({"/etc/voa/bitbuilder": Node("link", "/dev/null"), f"{USR}/{A}.pub": FILE})
    assert found == [f"{USR}/{A}.pub"]
    assert warnings == ["/etc/voa/bitbuilder: A folder cannot be masked, ignoring."]


def test_a_file_whose_name_is_no_fingerprint_is_left_out_with_a_warning() -> None:
    found, warnings = looked_up({f"{ETC}/acme.pub": FILE, f"{ETC}/{A}.pub": FILE})
    assert found == [f"{ETC}/{A}.pub"]
    assert len(warnings) == 1 and "is not the SHA-256 of the key" in warnings[0]


def test_keys_have_the_fingerprints_that_other_programs_print() -> None:
    assert ssh_fingerprint(ED25519) == SSH_ID
    assert openpgp_fingerprint(PGP) == PGP_ID
    for key in (ECDSA, RSA):
        assert ssh_fingerprint(key) == hashlib.sha256(base64.b64decode(key.split()[1])).hexdigest()


def test_a_comment_and_line_ends_do_not_change_a_key() -> None:
    assert ssh_fingerprint(b"# of Acme\r\n\n" + b" ".join(ED25519.split()[:2]) + b"\r\n") == SSH_ID
    assert openpgp_fingerprint(PGP.replace(b"\n", b"\r\n")) == PGP_ID


def armored(data: bytes) -> bytes:
    text = base64.b64encode(data)
    return b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n" + text + b"\n-----END PGP PUBLIC KEY BLOCK-----\n"


def packet(tag: int, body: bytes) -> bytes:
    return bytes([0xC0 | tag, 255]) + len(body).to_bytes(4, "big") + body


@pytest.mark.parametrize(("version", "digits"), [(4, 40), (5, 64), (6, 64)])
def test_every_version_of_a_public_key_has_its_fingerprint(version: int, digits: int) -> None:
    assert len(openpgp_fingerprint(armored(packet(6, bytes([version]) + b"key")))) == digits


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "0 lines with a key"),
        (ED25519 + RSA, "2 lines with a key"),
        (b"AAAA", "does not start with a type of OpenSSH key"),
        (b"ssh-dss AAAA x", "does not start with a type of OpenSSH key"),
        (b"ssh-ed25519-cert-v01@openssh.com AAAA x", "does not start with a type of OpenSSH key"),
        (b'command="x" ' + ED25519, "is not one of the options valid-after and valid-before"),
        (b'valid-after="20261301" ' + ED25519, "20261301 is not a time"),
        (b'valid-after="20260101",valid-after="20260101" ' + ED25519, "is not one of the options"),
        (b"ssh-rsa " + ED25519.split()[1], "not of the type ssh-rsa"),
        (b"ssh-ed25519", "not of the type ssh-ed25519"),
        (b"ssh-ed25519 !!!!", "not base64 text"),
        (b"ssh-ed25519 " + ED25519.split()[1][:40], "cut off"),
        (b"ssh-ed25519 /////w==", "cut off"),
        ("ssh-ed25519 ä".encode(), "not ASCII text"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\n", "a secret key"),
        (b"x" * (MAX_KEY + 1), "KiB"),
    ],
)
def test_what_is_no_openssh_key_is_told_why(data: bytes, message: str) -> None:
    with pytest.raises(KeyFileError) as caught:
        ssh_fingerprint(data)
    assert message in str(caught.value) and str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is not one block"),
        (PGP + PGP, "is not one block"),
        (b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n", "a secret key"),
        (PGP[:200], "is not one block"),
        (PGP.replace(b"\n\n", b"\n"), "no empty line"),
        (TWO_PGP, "several certificates"),
        (armored(b""), "no public key"),
        (armored(packet(13, b"user")), "does not start with a public key"),
        (armored(packet(6, b"")), "version 0"),
        (armored(packet(6, b"\x03key")), "version 3"),
        (armored(packet(6, b"\x04key") + packet(7, b"\x04key")), "a secret key"),
        (armored(packet(5, b"\x04key")), "a secret key"),
        (armored(b"\x00"), "where a packet should start is none"),
        (armored(b"\xc6"), "cut off"),
        (armored(b"\xc6\xff\xff\xff\xff\xff"), "cut off"),
        (armored(b"\xc6\xe1abc"), "a packet in parts"),
        (armored(b"\x9babc"), "a packet without a length"),
        (armored(b"\x98\x7fab"), "cut off"),
        (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n!\n-----END PGP PUBLIC KEY BLOCK-----", "not base64 text"),
    ],
)
def test_what_is_no_openpgp_certificate_is_told_why(data: bytes, message: str) -> None:
    with pytest.raises(KeyFileError) as caught:
        openpgp_fingerprint(data)
    assert message in str(caught.value) and str(caught.value).endswith(".")


TREE = "trust/bitbuilder/tenant-config/acme-release"
SYSTEM = "trust/bitbuilder/system-config/root/ssh"
ANCHOR = "trust/bitbuilder/trust-anchor-system-config/root/ssh"


def test_a_good_trust_tree_has_no_finding() -> None:
    files = {
        f"{TREE}/ssh/{SSH_ID}.pub": ED25519,
        f"{TREE}/openpgp/{PGP_ID}.openpgp": PGP,
        "trust/README.md": b"Who signs.",
        f"{TREE}/ssh/.gitkeep": b"",
        "system.json": b"{}",
    }
    assert check_tree(files) == ()


@pytest.mark.parametrize(
    ("path", "data", "severity", "message", "hint"),
    [
        ("trust/acme.pub", ED25519, "error", "is not OS/PURPOSE", "tenant-config/SIGNER/ssh/SHA256.pub"),
        (f"{TREE}/ssh/acme.pub", ED25519, "error", "is not the SHA-256 of the key", "Its name is the SHA-256"),
        (f"{TREE}/ssh/{A}.pub", ED25519, "error", "another key than its name says", f"Rename it to {SSH_ID}.pub."),
        (f"{TREE}/ssh/{SSH_ID}.pub", b"key", "error", "does not start with a type of OpenSSH key", ".pub"),
        (f"{TREE}/openpgp/{'0' * 40}.openpgp", PGP, "error", "another key", f"Rename it to {PGP_ID}.openpgp."),
        ("trust/id_ed25519", b"-----BEGIN OPENSSH PRIVATE KEY-----", "error", "a secret key", "replace the key"),
        (f"{TREE}/x509/key.pem", b"-----BEGIN PRIVATE KEY-----", "error", "a secret key", "replace the key"),
        (f"{SYSTEM}/{SSH_ID}.pub", ED25519, "error", "cannot say who signs it", "/etc/voa"),
        (f"{ANCHOR}/{SSH_ID}.pub", ED25519, "error", "cannot say who signs it", "/etc/voa"),
        (f"trust/debian/tenant-config/acme/ssh/{SSH_ID}.pub", ED25519, "warning", "not below debian, ignoring.", ""),
        (f"trust/bitbuilder/package/a/ssh/{SSH_ID}.pub", ED25519, "warning", "asks for the purpose package, only", ""),
        (f"trust/bitbuilder/trust-anchor-tenant-config/a/ssh/{SSH_ID}.pub", ED25519, "warning", "Trust anchors", ""),
        (f"{TREE}/minisign/acme.pub", b"key", "warning", "Signatures by minisign are not verified", ""),
    ],
)
def test_what_is_wrong_in_a_trust_tree_is_found(path: str, data: bytes, severity: str, message: str, hint: str) -> None:
    [finding] = check_tree({path: data})
    assert (str(finding.place), finding.code, finding.severity) == (path, "BB505", severity)
    assert message in finding.message and finding.message.endswith(".")
    assert hint in finding.hint


def test_a_tree_full_of_rubbish_has_a_bounded_number_of_findings() -> None:
    files = {f"trust/{number}": b"x" for number in range(5000)}
    assert len(check_tree(files)) == voa.MAX_FINDINGS
