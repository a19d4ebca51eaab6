"""Credentials of a tenant: encrypted for a host, or refused with what to do."""

import pytest

from bbhv.formats.credblob import MAX_TEXT
from bbhv.formats.schema.compiler import compile_schema
from bbhv.kinds.credential import Credential, embedded_name, read_credential
from bbhv.kinds.source import Source

from .test_formats_credblob import HOST, NULL, PRETTY, USER, header, tpm2, written

FILE = "infrastructure/credentials/db-password.cred"


def source(data: bytes, host: str = "") -> Source:
    return Source(
        tenant="acme", name="db-password", file=FILE, data=data, metadata_schema=compile_schema(True), host=host
    )


def test_a_credential_keeps_its_text_and_its_host() -> None:
    found, findings = read_credential(source(HOST, "host1.example"))
    assert findings == () and isinstance(found, Credential)
    assert (found.name, found.host, found.text, found.blob.key.name) == ("db-password", "host1.example", HOST, "host")


def test_a_credential_that_a_tpm2_seals_is_fine() -> None:
    found, findings = read_credential(source(written(header("host+tpm2") + tpm2() + bytes(46))))
    assert findings == () and found is not None and found.blob.key.tpm2


def test_the_name_inside_says_whose_it_is() -> None:
    assert embedded_name("acme", "db-password") == "tenant-acme.db-password"


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        (b"hunter2\n", "BB205", "it is not base64 text"),
        (b"-----BEGIN PRIVATE KEY-----\n", "BB205", "it is not base64 text"),
        (b"", "BB205", "The file is empty."),
        (PRETTY, "BB205", "This is a line of a unit file."),
        (HOST[:60], "BB205", "cut off"),
        (NULL, "BB204", "everybody who has the repository can read it"),
        (USER, "BB205", "bound to a user of the host"),
        (b"A" * (MAX_TEXT + 1), "BB205", "larger than"),
    ],
)
def test_anything_else_is_refused_and_the_hint_says_how_to_encrypt(data: bytes, code: str, message: str) -> None:
    found, [finding] = read_credential(source(data))
    assert found is None
    assert (finding.code, finding.place.file) == (code, FILE)
    assert message in finding.message
    assert "run: bbhv credential encrypt acme db-password > db-password.cred" in finding.hint


def test_a_secret_is_never_shown_in_a_finding() -> None:
    for data in (b"hunter2hunter2\n", b"correct horse battery staple"):
        _, [finding] = read_credential(source(data))
        assert data.decode().strip() not in str(finding)
