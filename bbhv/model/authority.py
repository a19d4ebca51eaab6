"""Whose signatures count: the keys of a repository's signers, and the policy. Only types; `trust` decides."""

from ..records import dataclass

UNSIGNED, SIGNED, STRICT = "unsigned", "signed", "strict"
NEVER_USEC = 253_402_300_800_000_000  # the end of the year 9999


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """One key that makes signatures, by its fingerprint: from when until when, and whether it was revoked."""

    fingerprint: str
    from_usec: int = 0
    until_usec: int = NEVER_USEC
    revoked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What a verifier program is given, a line `TYPE BASE64` or the packets of a certificate, and where it is from.

    `fingerprint` is the name of its file; `masked` says that the host has a link to /dev/null of that name.
    """

    signer: str
    technology: str
    fingerprint: str
    data: bytes
    source: str
    parts: tuple[Validity, ...]
    masked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """Who may sign the commits of one repository. `whose` is its name in sentences, `add` where a key is to be added,
    `keyless` the signers of whom no key is known, `revoked` the fingerprints that do not count any more."""

    policy: str
    whose: str
    add: str = ""
    signers: tuple[str, ...] = ()
    keyless: tuple[str, ...] = ()
    keys: tuple[Key, ...] = ()
    revoked: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Proof:
    """That a commit was verified: a digest of everything that decided, and until when the key is valid."""

    digest: str
    until_usec: int = NEVER_USEC


@dataclass(frozen=True, slots=True)
class Voucher:
    """That a key signed an image: the digest of the image, the name of the key's file, and the key in that file."""

    sha256: str
    key: str
    part: str
