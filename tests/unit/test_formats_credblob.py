"""Encrypted credentials: what their header says, and that nothing else is taken for one."""

import base64
import random
import struct

import pytest

from bbhv.formats.credblob import KEYS, MAX_BLOB, MAX_TEXT, BlobError, Key, parse

# Made by systemd-creds 262 on a host that is gone, each of the word "secret" but for the empty one.
HOST = b"""Whxqht+dQJax1aZeCGLxmiAAAAABAAAADAAAABAAAACwWzpGMSIDpCMi/SMAAAAAMs0gMPaTHDV+EeA
/DDQgkiCrYOU+U7q7l1Y8yjElQrMYnU4VevfTMc6FH+gIQ9g20aT6a/76cj3FPQ7wyE8=
"""
NULL = b"""BYRp2vb1QySABUnaD46i+yAAAAABAAAADAAAABAAAAALldaxQN+YzljoBF0AAAAAjRKtQck51d7D8RN
tfZAJLsEI+rcvKiJvzGxiXgDuU8h1n5vtFrcxbd1FMtLtPFnjxjnNQmz7LRMNMLRvRPk=
"""
INITRD = b"""BYRp2vb1QySABUnaD46i+yAAAAABAAAADAAAABAAAAC7bpvU1LmwYy1+JtUAAAAAiOYy9BdTf81xYNd
N7evoroYgWnxieAN2LUijohC/nAT7Hpozf4CQsJjoghWMKdc17MrBm2q6pXgERMT+sYI=
"""
NOT_AFTER = b"""Whxqht+dQJax1aZeCGLxmiAAAAABAAAADAAAABAAAAARiKcxeN6yLj+Q2n0AAAAAw3QVKHcr/wE9hvL
jT1G32Icao9Ga8r+YzoMDiEBpRx6Lsu8scps9rM4RrsHcs7Di/kEeoPPYbGo94bQUH9I=
"""
NO_NAME = b"""Whxqht+dQJax1aZeCGLxmiAAAAABAAAADAAAABAAAAC3RorquczYkSdW+14AAAAAM+m68xqH//y11Ar
Xh2OVoFD+H1sPA7I5na+mDTZrP9jlXpZKtwJ+z/zwaPZnrw==
"""
USER = b"""VbntHThZTUOoMZ0uuzMqxiAAAAABAAAADAAAABAAAAA5nQ/Z5wwubBWMANQAAAAABwAAAAAAAADsDox
PVL4DeFYaKZtJGSYjaGaGBS3oOn60myfaWOEM1EGQtW29sBwjJI7W2hgm17emGsGkBBgjmhVWvkpzvA
==
"""
EMPTY = b"""Whxqht+dQJax1aZeCGLxmiAAAAABAAAADAAAABAAAACkNECC/saBQxZ5Rs0AAAAAPwhHbZPTTTkSqsj
Qkb/liPfLXRyo2AObjphIpnujPX8OYuaMgxN2Cg==
"""
PRETTY = b"""SetCredentialEncrypted=tenant-acme.db: \\
        Whxqht+dQJax1aZeCGLxmiAAAAABAAAADAAAABAAAABjF+kCWQhkftEeJKEAAAAA27R+3 \\
        YF3rlGW+atBPPeQnYXyhWnd0tJrFUfRctdU/TFQsyXcC7KGB2Az8h4c4Ld8cxTvZxxAeJ \\
        SKAfsO5tA=
"""


def header(name: str, *, user: bool = False) -> bytes:
    """The start of a blob of this key."""
    wanted = (name, user)
    [found] = [found for found, key in KEYS.items() if (key.name, key.user) == wanted]
    return found + struct.pack("<4I", 32, 1, 12, 16) + bytes(12) + bytes(4)


def tpm2(*, bank: int = 0xB, algorithm: int = 0x23, blob: int = 30, digest: int = 32) -> bytes:
    """The part about a TPM2, whole."""
    sealed = bytes(min(blob, 100)) + bytes(min(digest, 100))
    part = struct.pack("<QHHII", 128, bank, algorithm, blob, digest) + sealed
    return part + bytes(-len(part) % 8)


def public_key(*, mask: int = 1 << 11, size: int = 91) -> bytes:
    """The part about a public key, whole."""
    part = struct.pack("<QI", mask, size) + bytes(min(size, 200))
    return part + bytes(-len(part) % 8)


SCOPE = struct.pack("<Q", 7)
REST = bytes(24 + 6 + 16)


def written(blob: bytes) -> bytes:
    return base64.b64encode(blob)


@pytest.mark.parametrize(
    ("data", "key", "encrypted"),
    [
        (HOST, Key(name="host", host=True), 46),
        (NULL, Key(name="null"), 46),
        (INITRD, Key(name="null"), 46),
        (NOT_AFTER, Key(name="host", host=True), 46),
        (NO_NAME, Key(name="host", host=True), 30),
        (USER, Key(name="host", host=True, user=True), 46),
        (EMPTY, Key(name="host", host=True), 24),
    ],
)
def test_what_systemd_creds_writes_is_read(data: bytes, key: Key, encrypted: int) -> None:
    blob = parse(data)
    assert (blob.key, blob.encrypted) == (key, encrypted)


def test_line_breaks_do_not_matter() -> None:
    assert parse(HOST.replace(b"\n", b"")) == parse(HOST.replace(b"\n", b"\r\n  ")) == parse(HOST)


@pytest.mark.parametrize(
    "blob",
    [
        header("tpm2") + tpm2(),
        header("tpm2") + tpm2(bank=0x4, algorithm=0x1, blob=0, digest=0),
        header("tpm2-with-public-key") + tpm2() + public_key(),
        header("host+tpm2") + tpm2(blob=31),
        header("host+tpm2", user=True) + tpm2() + SCOPE,
        header("host+tpm2-with-public-key") + tpm2() + public_key(size=90),
        header("host+tpm2-with-public-key", user=True) + tpm2() + public_key() + SCOPE,
    ],
)
def test_what_is_sealed_by_a_tpm2_is_read(blob: bytes) -> None:
    found = parse(written(blob + REST))
    assert found.key == KEYS[blob[:16]] and found.key.tpm2 and not found.key.null
    assert found.encrypted == 30


def test_only_the_null_key_is_one_that_everybody_has() -> None:
    assert [key.name for key in KEYS.values() if key.null] == ["null"]
    assert len({(key.name, key.user) for key in KEYS.values()}) == len(KEYS) == 9


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "The file is empty."),
        (b" \n\t\n", "The file is empty."),
        (b"hunter2\n", "it is not base64 text"),
        (b"password", "its first 16 bytes name no kind of key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n", "it is not base64 text"),
        (PRETTY, "This is a line of a unit file."),
        (base64.b64decode(HOST), "not written as text"),
        (HOST.replace(b"=", b""), "it is not base64 text"),
        (HOST + b"=", "base64"),
        (b"\xef\xbb\xbf" + HOST, "it is not base64 text"),
        (HOST + b"\0", "it is not base64 text"),
        (written(bytes(16) + base64.b64decode(HOST)[16:]), "name no kind of key"),
        (written(header("host")[:16]), "cut off"),
        (written(header("host")[:30]), "cut off"),
        (written(header("host")[:40]), "cut off"),
        (written(header("host") + REST[:39]), "cut off"),
        (written(header("host")[:16] + struct.pack("<4I", 32, 1, 12, 15) + REST), "header of the encrypted"),
        (written(header("host")[:16] + struct.pack("<4I", 2**32 - 1, 1, 12, 16) + REST), "header of the encrypted"),
        (written(header("tpm2") + REST), "TPM2 part"),
        (written(header("tpm2") + tpm2(bank=0x5) + REST), "TPM2 part"),
        (written(header("tpm2") + tpm2(algorithm=0) + REST), "TPM2 part"),
        (written(header("tpm2") + tpm2(blob=2**32 - 1) + REST), "TPM2 part"),
        (written(header("tpm2") + tpm2(blob=16 << 10) + REST), "cut off"),
        (written(header("tpm2") + tpm2()), "cut off"),
        (written(header("tpm2-with-public-key") + tpm2() + public_key(mask=0) + REST), "public key part"),
        (written(header("tpm2-with-public-key") + tpm2() + public_key(size=2**32 - 1) + REST), "public key part"),
        (written(header("tpm2-with-public-key") + tpm2() + public_key(size=1 << 20) + REST), "cut off"),
        (written(header("host", user=True) + struct.pack("<Q", 8) + REST), "bound to a user in a way"),
        (b"A" * (MAX_TEXT + 1), "larger than an encrypted credential can be"),
        (written(bytes(MAX_BLOB + 3)), "larger than an encrypted credential can be"),
    ],
)
def test_anything_else_is_refused_with_a_reason(data: bytes, message: str) -> None:
    with pytest.raises(BlobError) as caught:
        parse(data)
    assert message in str(caught.value) and str(caught.value).endswith(".")


def test_the_bits_that_base64_leaves_over_must_be_zero() -> None:
    text = written(header("host") + REST)
    assert text.endswith(b"==")
    with pytest.raises(BlobError, match="does not end as it should"):
        parse(text[:-3] + bytes([text[-3] + 1]) + b"==")


def test_damaged_blobs_raise_nothing_else() -> None:
    rng = random.Random(7)
    everything = header("host+tpm2-with-public-key", user=True) + tpm2() + public_key() + SCOPE + REST
    good = [base64.b64decode(HOST), everything]
    read = 0
    for _ in range(4000):
        blob = bytearray(rng.choice(good))
        for _ in range(rng.randint(1, 3)):
            blob[rng.randrange(len(blob))] = rng.choice((0, 1, 255, rng.randrange(256)))
        try:
            parse(written(bytes(blob[: rng.randint(len(blob) // 2, len(blob))])))
            read += 1
        except BlobError as error:
            assert str(error).endswith(".")
    assert 0 < read < 4000
