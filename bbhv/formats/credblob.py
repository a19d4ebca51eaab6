"""The outer shape of an encrypted credential, as `systemd-creds encrypt` writes it: base64 text around a header.

Promises: `parse` raises `BlobError` and nothing else, reads no more than the bounds of systemd allow, and decrypts
nothing. The header says which keys are needed; the credential's name, its times and the secret are inside of the
encrypted part, so whether a blob is for this host, or has the right name, only shows on the host (systemd-creds(1)).

    id[16]  key size, block size, IV size, tag size (little-endian, 4 bytes each)  IV, zeros to a multiple of 8
    with a TPM2: PCR mask[8]  PCR bank[2]  algorithm[2]  sizes of blob and policy hash[4, 4]  both, zeros
    with a public key for PCRs: PCR mask[8]  size[4]  key, zeros
    for a user: flags[8]
    encrypted: timestamp[8]  not-after[8]  size of the name[4]  name, zeros  secret
    tag[16]
"""

import base64
import binascii
import struct

from ..records import dataclass

# CREDENTIAL_ENCRYPTED_SIZE_MAX: one MiB of secret and what goes around it.
MAX_BLOB = (1 << 20) + (128 << 10)
MAX_TEXT = MAX_BLOB * 3 // 2
MAX_FIELD = 16 << 10
MAX_PUBLIC_KEY = 1 << 20

_KEY_SIZE, _BLOCK_SIZE, _IV_SIZE, _TAG_SIZE = 32, 1, 12, 16
_METADATA = 24  # two times, the size of a name, and zeros to a multiple of 8
_SCOPE_FLAGS = 7
_WHITE = b" \t\n\r"
_TPM2_BANKS = frozenset((0x4, 0xB, 0xC, 0xD))
_TPM2_ALGORITHMS = frozenset((0x1, 0x23))


class BlobError(ValueError):
    """Not an encrypted credential, or a damaged one: a sentence, and a hint that may be empty."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What a blob is encrypted with, by the name that --with-key= has for it. Without host and tpm2 it is no key."""

    name: str
    host: bool = False
    tpm2: bool = False
    public_key: bool = False
    user: bool = False

    @property
    def null(self) -> bool:
        """Whether everybody can decrypt the blob, and make another one."""
        return not (self.host or self.tpm2)


KEYS = {
    bytes.fromhex("5a1c6a86df9d4096b1d5a65e0862f19a"): Key(name="host", host=True),
    bytes.fromhex("55b9ed1d38594d43a8319d2ebb332ac6"): Key(name="host", host=True, user=True),
    bytes.fromhex("0c7cc07b117645919c4b0bea08bc20fe"): Key(name="tpm2", tpm2=True),
    bytes.fromhex("faf7eb9341e3412ca1a436f95a29362f"): Key(name="tpm2-with-public-key", tpm2=True, public_key=True),
    bytes.fromhex("93a894094874449090caf2fc93cab553"): Key(name="host+tpm2", host=True, tpm2=True),
    bytes.fromhex("ef4ac13679a9480ea7db68897f9f165d"): Key(name="host+tpm2", host=True, tpm2=True, user=True),
    bytes.fromhex("af4950a849134eb1a73846304ff30c05"): Key(
        name="host+tpm2-with-public-key", host=True, tpm2=True, public_key=True
    ),
    bytes.fromhex("adbc4ca3efb64201ba881b6f2e4095ea"): Key(
        name="host+tpm2-with-public-key", host=True, tpm2=True, public_key=True, user=True
    ),
    bytes.fromhex("058469daf6f54324800549da0f8ea2fb"): Key(name="null"),
}


@dataclass(frozen=True, slots=True)
class Blob:
    """A whole blob: which key it needs, and how many bytes are encrypted (its name, its times and the secret)."""

    key: Key
    encrypted: int


def parse(data: bytes) -> Blob:
    """The blob in a file. Raises BlobError for everything else, and for a blob that systemd would call damaged."""
    blob = _decoded(data)
    key = KEYS.get(blob[:16])
    if key is None:
        raise BlobError("The text is not an encrypted credential: its first 16 bytes name no kind of key.")
    cursor = _Cursor(blob)
    cursor.at = 16
    key_size, block_size, iv_size, tag_size = struct.unpack("<4I", cursor.take(16))
    if (key_size, block_size, iv_size, tag_size) != (_KEY_SIZE, _BLOCK_SIZE, _IV_SIZE, _TAG_SIZE):
        raise BlobError("The header of the encrypted credential is damaged.", "Encrypt it again.")
    cursor.take(iv_size)
    cursor.align()
    if key.tpm2:
        _tpm2(cursor)
    if key.public_key:
        _public_key(cursor)
    if key.user and struct.unpack("<Q", cursor.take(8))[0] != _SCOPE_FLAGS:
        raise BlobError("The encrypted credential is bound to a user in a way that is not known.")
    encrypted = len(blob) - cursor.at - tag_size
    if encrypted < _METADATA:
        raise _cut_off()
    return Blob(key, encrypted)


def _decoded(data: bytes) -> bytes:
    """The bytes behind the text. White space may be anywhere in it, as systemd-creds breaks its lines."""
    if len(data) > MAX_TEXT:
        raise BlobError("The file is larger than an encrypted credential can be.", "The secret may have 1 MiB.")
    text = data.translate(None, _WHITE)
    if not text:
        raise BlobError("The file is empty.")
    if data[:16] in KEYS:
        raise BlobError("The encrypted credential is not written as text.", "Write it as base64(1) does.")
    if text.startswith(b"SetCredentialEncrypted="):
        raise BlobError("This is a line of a unit file.", "Encrypt without --pretty.")
    try:
        blob = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise BlobError("The file is not an encrypted credential: it is not base64 text.") from None
    if base64.b64encode(blob) != text:
        raise BlobError("The base64 text does not end as it should.", "Encrypt it again.")
    if len(blob) > MAX_BLOB:
        raise BlobError("The file is larger than an encrypted credential can be.", "The secret may have 1 MiB.")
    return blob


class _Cursor:
    """Where in the blob we are."""

    def __init__(self, blob: bytes) -> None:
        self._blob = blob
        self.at = 0

    def take(self, size: int) -> bytes:
        """The next bytes. Raises BlobError when there are fewer."""
        if size > len(self._blob) - self.at:
            raise _cut_off()
        self.at += size
        return self._blob[self.at - size : self.at]

    def align(self) -> None:
        """Goes on to the next multiple of 8."""
        self.take(-self.at % 8)


def _cut_off() -> BlobError:
    return BlobError("The encrypted credential is cut off.", "Encrypt it again, and commit the whole file.")


def _tpm2(cursor: _Cursor) -> None:
    _mask, bank, algorithm, blob_size, hash_size = struct.unpack("<QHHII", cursor.take(20))
    if bank not in _TPM2_BANKS or algorithm not in _TPM2_ALGORITHMS or max(blob_size, hash_size) > MAX_FIELD:
        raise BlobError("The TPM2 part of the encrypted credential is damaged.", "Encrypt it again.")
    cursor.take(blob_size + hash_size)
    cursor.align()


def _public_key(cursor: _Cursor) -> None:
    mask, size = struct.unpack("<QI", cursor.take(12))
    if mask == 0 or size > MAX_PUBLIC_KEY:
        raise BlobError("The public key part of the encrypted credential is damaged.", "Encrypt it again.")
    cursor.take(size)
    cursor.align()
