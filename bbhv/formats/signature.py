"""Signatures of commits and files: which technology made one (gitformat-signature(5)), the error for a broken one."""

from ..errors import RefusedError

MAX_SIGNATURE = 64 << 10
# The first line of each, and the name of its technology: as in the hierarchy of verifiers, see voa.py.
BEGINNINGS = (
    (b"-----BEGIN SSH SIGNATURE-----", "ssh"),
    (b"-----BEGIN PGP SIGNATURE-----", "openpgp"),
    (b"-----BEGIN PGP MESSAGE-----", "openpgp"),
    (b"-----BEGIN SIGNED MESSAGE-----", "x509"),
)


class SignatureFormatError(RefusedError):
    """A signature does not have the form that it must have: a sentence."""


def technology(signature: bytes) -> str:
    """The technology of a signature by its first line, as git tells them apart; empty for another beginning.

    An OpenPGP packet without an armor begins with the highest bit set, and nothing else does.
    """
    if is_packet(signature):
        return "openpgp"
    return next((name for start, name in BEGINNINGS if signature.startswith(start)), "")


def is_packet(signature: bytes) -> bool:
    """Whether an OpenPGP signature is without an armor."""
    return signature[:1] >= b"\x80"
