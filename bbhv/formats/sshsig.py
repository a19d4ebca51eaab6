"""SSH signatures (OpenSSH's PROTOCOL.sshsig): which key made one, for which namespace, with which hash.

Promises: nothing raises but `SignatureFormatError`, and the work is linear and bounded. Nothing is verified here; what
was read is written again by `armored`, so that the verifier sees the very bytes that were looked at.
"""

import base64
import binascii
import hashlib

from ..records import dataclass
from .signature import MAX_SIGNATURE, SignatureFormatError

BEGIN, END = b"-----BEGIN SSH SIGNATURE-----", b"-----END SSH SIGNATURE-----"
HASHES = ("sha256", "sha512")
_MAGIC, _VERSION = b"SSHSIG", b"\0\0\0\1"
_WIDTH = 70


@dataclass(frozen=True, slots=True, kw_only=True)
class SshSignature:
    """An SSH signature. `fingerprint` is the SHA-256 of the public key in lower-case hexadecimal."""

    fingerprint: str
    namespace: str
    hash: str
    blob: bytes

    def armored(self) -> bytes:
        """The signature in the form that ssh-keygen(1) reads."""
        text = base64.b64encode(self.blob)
        lines = [text[at : at + _WIDTH] for at in range(0, len(text), _WIDTH)]
        return b"\n".join([BEGIN, *lines, END, b""])


def parse(data: bytes) -> SshSignature:
    """The one signature in its armor. Raises SignatureFormatError."""
    if len(data) > MAX_SIGNATURE:
        raise SignatureFormatError(f"The SSH signature has more than {MAX_SIGNATURE >> 10} KiB.")
    lines = data.strip().split(b"\n")
    if len(lines) < 3 or lines[0] != BEGIN or lines[-1] != END:
        raise SignatureFormatError("The SSH signature is not one block with its first and its last line.")
    try:
        blob = base64.b64decode(b"".join(lines[1:-1]), validate=True)
    except binascii.Error:
        raise SignatureFormatError("The SSH signature is not base64 text.") from None
    if not blob.startswith(_MAGIC + _VERSION):
        raise SignatureFormatError("The SSH signature is of an unknown version.")
    key, namespace, _, digest, _ = _strings(blob, len(_MAGIC) + len(_VERSION), 5)
    name = digest.decode("ascii", "replace")
    if name not in HASHES:
        raise SignatureFormatError(f"The SSH signature is over a hash that is not {' or '.join(HASHES)}.")
    return SshSignature(
        fingerprint=hashlib.sha256(key).hexdigest(), namespace=namespace.decode("ascii", "replace"), hash=name,
        blob=blob,
    )  # fmt: skip


def _strings(blob: bytes, at: int, count: int) -> list[bytes]:
    """So many strings, each with its length in four bytes before it, up to the end (RFC 4251, section 5)."""
    found = []
    for _ in range(count):
        end = at + 4 + int.from_bytes(blob[at : at + 4], "big")
        if at + 4 > len(blob) or end > len(blob):
            raise SignatureFormatError("The SSH signature is cut off.")
        found.append(blob[at + 4 : end])
        at = end
    if at != len(blob):
        raise SignatureFormatError("The SSH signature goes on after its end.")
    return found
