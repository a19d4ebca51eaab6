"""OpenPGP (RFC 9580) as far as trust needs it: who made a signature, and since and until when a key is valid.

Promises: nothing raises but `KeyFileError` (certificates) and `SignatureFormatError` (signatures), and the work is
linear and bounded. No cryptography happens here: a verifier program decides whether a signature is right, and is given
the very bytes that were looked at. What is read of a certificate only narrows what that program would accept: every
revocation counts, whoever made it, and the newest self-signature says until when a key is valid.
"""

from collections.abc import Iterable, Iterator, Sequence

from ..records import dataclass
from .pubkeys import (
    MAX_PACKETS,
    PUBLIC_KEY,
    SECRET_KEY,
    SECRET_SUBKEY,
    KeyFileError,
    armored,
    fingerprint,
    key_text,
    packets,
    secret_found,
)  # fmt: skip
from .signature import MAX_SIGNATURE, SignatureFormatError, is_packet

BEGIN, END = "-----BEGIN PGP SIGNATURE-----", "-----END PGP SIGNATURE-----"
_SIGNATURE, _USER_ID, _SUBKEY, _ATTRIBUTE = 2, 13, 14, 17
_BINARY, _CERTIFICATIONS, _SUBKEY_BINDING, _DIRECT = 0x00, (0x10, 0x11, 0x12, 0x13), 0x18, 0x1F
_KEY_REVOCATION, _SUBKEY_REVOCATION = 0x20, 0x28
_CREATED, _SIGNATURE_ENDS, _KEY_ENDS, _ISSUER, _ISSUER_FINGERPRINT = 2, 3, 9, 16, 33
HASHES = {8: "SHA-256", 9: "SHA-384", 10: "SHA-512", 12: "SHA3-256", 14: "SHA3-512"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A signature packet: its type and hash by their numbers, times in seconds since the epoch, who says to be its
    issuer: a fingerprint or the id of a key, in lower-case hexadecimal, each empty when it is not said."""

    kind: int
    hash: int
    created: int
    ends: int | None
    key_seconds: int | None
    issuer: str
    issuer_id: str
    packet: bytes

    def is_by(self, key: str) -> bool:
        """Whether it says that the key with this fingerprint made it."""
        if self.issuer:
            return self.issuer == key
        return bool(self.issuer_id) and key_id(key) == self.issuer_id


@dataclass(frozen=True, slots=True, kw_only=True)
class PgpKey:
    """A key of a certificate: when it was made, when it ends (None: never), whether it was revoked."""

    fingerprint: str
    created: int
    ends: int | None
    revoked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate: its keys, the primary one first, and its packets for a verifier program."""

    keys: tuple[PgpKey, ...]
    packets: bytes

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the primary key."""
        return self.keys[0].fingerprint


def key_id(of: str) -> str:
    """The id of a key with this fingerprint: the low half of old ones, the high one of new ones."""
    return of[-16:] if len(of) == 40 else of[:16]


def parse_signature(data: bytes) -> Signature:
    """The one detached signature, also in its armor. Raises SignatureFormatError, also when its hash is too weak."""
    if len(data) > MAX_SIGNATURE:
        raise SignatureFormatError(f"The OpenPGP signature has more than {MAX_SIGNATURE >> 10} KiB.")
    try:
        found = list(packets(data if is_packet(data) else armored(data.decode("ascii", "replace"), BEGIN, END)))
    except KeyFileError as error:
        raise SignatureFormatError(f"The OpenPGP signature cannot be read: {error}") from None
    if len(found) != 1 or found[0][0] != _SIGNATURE:
        raise SignatureFormatError("The OpenPGP signature is not exactly one detached signature.")
    signature = _signature(found[0][1])
    if signature is None or signature.kind != _BINARY:
        raise SignatureFormatError("The OpenPGP signature is damaged, or is not one over a file.")
    if signature.hash not in HASHES:
        raise SignatureFormatError("The OpenPGP signature is over a hash that is not strong enough.")
    return signature


def merge(files: Sequence[bytes]) -> Certificate:
    """The certificate that several armored files have parts of: each part once, so that a revocation in one counts.

    Raises KeyFileError, also when the files are not all of one certificate.
    """
    parts: dict[tuple[int, bytes], dict[bytes, None]] = {}
    first: tuple[int, bytes] | None = None
    for data in files:
        here: tuple[int, bytes] | None = None
        for tag, body in _certificate_packets(data):
            if tag == PUBLIC_KEY and here is not None:
                raise KeyFileError("The file has several certificates.", "Use a file for each certificate.")
            if tag in (PUBLIC_KEY, _USER_ID, _ATTRIBUTE, _SUBKEY):
                here = tag, body
                first = first or here
                parts.setdefault(here, {})
            elif tag == _SIGNATURE and here is not None:
                parts[here][body] = None
    if first is None or [part for part in parts if part[0] == PUBLIC_KEY] != [first]:
        raise KeyFileError("The files do not hold the same certificate.")
    return _certificate(parts, first)


def _certificate_packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    begin, end = "-----BEGIN PGP PUBLIC KEY BLOCK-----", "-----END PGP PUBLIC KEY BLOCK-----"
    for count, (tag, body) in enumerate(packets(armored(key_text(data), begin, end))):
        if count >= MAX_PACKETS:
            raise KeyFileError(f"The certificate has more than {MAX_PACKETS} packets.")
        if tag in (SECRET_KEY, SECRET_SUBKEY):
            raise secret_found()
        yield tag, body


def _certificate(parts: dict[tuple[int, bytes], dict[bytes, None]], first: tuple[int, bytes]) -> Certificate:
    signed = {part: [one for one in map(_signature, bodies) if one] for part, bodies in parts.items()}
    people = [one for part, found in signed.items() if part[0] in (_USER_ID, _ATTRIBUTE) for one in found]
    own = [one for one in signed[first] if one.kind == _DIRECT]
    own += [one for one in people if one.kind in _CERTIFICATIONS]
    primary = _key(first[1], own, signed[first], _KEY_REVOCATION, None)
    keys = [primary]
    for part, found in signed.items():
        bindings = [one for one in found if one.kind == _SUBKEY_BINDING]
        if part[0] == _SUBKEY and bindings:
            keys.append(_key(part[1], bindings, found, _SUBKEY_REVOCATION, primary))
    order = sorted(parts, key=lambda part: (part != first, part[0] == _SUBKEY))
    data = b"".join(_packet(part[0], part[1]) + b"".join(_packet(_SIGNATURE, one) for one in parts[part])
                    for part in order)  # fmt: skip
    return Certificate(keys=tuple(keys), packets=data)


def _key(
    body: bytes, saying: Iterable[Signature], around: Iterable[Signature], revocation: int, primary: PgpKey | None
) -> PgpKey:
    """A key, as the newest signature of the primary key about it says."""
    name, created = fingerprint(body), int.from_bytes(body[1:5], "big")
    issuer = primary.fingerprint if primary else name
    newest = max((one for one in saying if one.is_by(issuer)), key=lambda one: one.created, default=None)
    seconds = newest.key_seconds if newest else None
    revoked = any(one.kind == revocation for one in around)
    return PgpKey(fingerprint=name, created=created, ends=created + seconds if seconds else None, revoked=revoked)


def _packet(tag: int, body: bytes) -> bytes:
    """A packet in the new format, with its length in five bytes."""
    return bytes((0xC0 | tag, 0xFF)) + len(body).to_bytes(4, "big") + body


def _signature(body: bytes) -> Signature | None:
    """A signature packet of version 4, 5 or 6; None when it is of another version, or damaged."""
    version = body[0] if body else 0
    if version not in (4, 5, 6) or len(body) < 6:
        return None
    size = 4 if version == 6 else 2
    hashed, at = _area(body, 4, size)
    unhashed, at = _area(body, at, size) if at else (b"", 0)
    if not at:
        return None
    said = dict(_subpackets(unhashed)) | dict(_subpackets(hashed))
    own = dict(_subpackets(hashed))
    if len(own.get(_CREATED, b"")) != 4:
        return None
    return Signature(
        kind=body[1], hash=body[3], created=int.from_bytes(own[_CREATED], "big"),
        ends=_after(own, _SIGNATURE_ENDS), key_seconds=_after(own, _KEY_ENDS) or None,
        issuer=said.get(_ISSUER_FINGERPRINT, b"")[1:].hex(), issuer_id=said.get(_ISSUER, b"").hex(),
        packet=_packet(_SIGNATURE, body),
    )  # fmt: skip


def _after(said: dict[int, bytes], what: int) -> int | None:
    """A time in seconds after something; None when it is not said, or is zero, which means never."""
    return int.from_bytes(said.get(what, b"")[:4], "big") or None


def _area(body: bytes, at: int, size: int) -> tuple[bytes, int]:
    """The subpackets at a place, and where they end; 0 when they are cut off."""
    start = at + size
    end = start + int.from_bytes(body[at:start], "big")
    return (body[start:end], end) if end <= len(body) else (b"", 0)


def _subpackets(area: bytes) -> Iterator[tuple[int, bytes]]:
    """The subpackets by their type, up to the first that is damaged (RFC 9580, section 5.2.3.7)."""
    at = 0
    while at < len(area):
        first = area[at]
        octets = 1 if first < 192 else 2 if first < 255 else 5
        if octets == 2:
            size = (first - 192 << 8) + 192 + int.from_bytes(area[at + 1 : at + 2], "big")
        else:
            size = first if octets == 1 else int.from_bytes(area[at + 1 : at + 5], "big")
        start = at + octets
        if size < 1 or start + size > len(area):
            return
        yield area[start] & 0x7F, area[start + 1 : start + size]
        at = start + size
