"""Makers: which key made a signature over a commit or an image, and whether that key was valid then and is now.

Pure. Nothing is proven here: a verifier program has to say that the key made the signature. Every refusal is one
sentence that names the key, and a hint that says which file to add or to change.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..errors import RefusedError
from ..formats import signature, sshsig
from ..formats.sshsig import SshSignature
from ..records import dataclass
from .authority import NEVER_USEC, Authority, Key, Validity

if TYPE_CHECKING:
    from ..formats.openpgp import Signature


@dataclass(frozen=True, slots=True)
class Candidate:
    """The one key that may have made a signature, the signature as its verifier program takes it, and when it was
    made, in microseconds since the epoch."""

    key: Key
    part: Validity
    signature: bytes
    made_usec: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What is signed: its `name` in sentences, the `namespace` of SSH signatures over it, what has the date of it
    (`dated`), and what to do when its signature is broken (`again`), or by a key that does not count (`other`).

    `made_usec` is when it was signed, if it says so itself; else an OpenPGP signature does.
    """

    name: str
    namespace: str
    dated: str
    again: str
    other: str
    made_usec: int | None = None

    @property
    def start(self) -> str:
        """Its name at the start of a sentence."""
        return self.name[0].upper() + self.name[1:]


def find(authority: Authority, what: Signed, data: bytes, now_usec: int) -> Candidate:
    """The key that must have made a signature. Raises RefusedError when none may have."""
    found = _named(authority, what, data, now_usec)
    problems = [problem(authority, one, now_usec, what.dated) for one in found]
    for one, why in zip(found, problems):
        if not why:
            return one
    raise RefusedError(f"{what.start} is signed by {shown(found[0])}, {problems[0]}.", hint=what.other)


def _named(authority: Authority, what: Signed, data: bytes, now_usec: int) -> list[Candidate]:
    """The keys that the signature says to be made by, at least one. Raises RefusedError."""
    technology = signature.technology(data)
    try:
        match technology:
            case "ssh":
                return _by_ssh(authority, what, sshsig.parse(data), now_usec)
            case "openpgp":
                from ..formats import openpgp  # only who has such a key pays for it

                return _by_openpgp(authority, what, openpgp.parse_signature(data), now_usec)
    except signature.SignatureFormatError as error:
        raise RefusedError(f"{what.start}: {error.message}", hint=what.again) from error
    kind = f"by {technology}" if technology else "of an unknown kind"
    message = f"{what.start} has a signature {kind}, which is not verified by this version."
    raise RefusedError(message, hint="Sign by an SSH or an OpenPGP key.")


def _by_ssh(authority: Authority, what: Signed, made: SshSignature, now_usec: int) -> list[Candidate]:
    if made.namespace != what.namespace:
        message = f"The SSH signature of {what.name} was made for {made.namespace[:40]!r}, not for {what.namespace!r}."
        raise RefusedError(message, hint=what.again)
    when = now_usec if what.made_usec is None else what.made_usec
    found = [
        Candidate(key, key.parts[0], made.armored(), when) for key in authority.keys
        if key.technology == "ssh" and key.fingerprint == made.fingerprint
    ]  # fmt: skip
    return found or _unknown(authority, what, f"the SSH key {made.fingerprint}")


def _by_openpgp(authority: Authority, what: Signed, made: "Signature", now_usec: int) -> list[Candidate]:
    if made.ends is not None and (made.created + made.ends) * 1_000_000 <= now_usec:
        raise RefusedError(f"The signature of {what.name} has expired.", hint=what.other)
    when = made.created * 1_000_000 if what.made_usec is None else what.made_usec
    found = [
        Candidate(key, part, made.packet, when) for key in authority.keys for part in key.parts
        if key.technology == "openpgp" and made.is_by(part.fingerprint)
    ]  # fmt: skip
    return found or _unknown(authority, what, f"the OpenPGP key {made.issuer or made.issuer_id or 'of nobody'}")


def _unknown(authority: Authority, what: Signed, key: str) -> list[Candidate]:
    who = f"{key}, which is not one of {', '.join(authority.signers)}"
    without = f" There is no key of {', '.join(authority.keyless)}." if authority.keyless else ""
    raise RefusedError(f"{what.start} is signed by {who}.{without}", hint=authority.add)


def problem(authority: Authority, one: Candidate, now_usec: int, dated: str) -> str:
    """Why the key may not have made this signature, as the end of a sentence; empty when it may."""
    part, whole = one.part, one.key.parts[0]
    if not authority.revoked.isdisjoint({one.key.fingerprint, part.fingerprint}):
        return f"which trust.revoked of {authority.whose} names"
    if one.key.masked:
        return "which is masked on this host by a link to /dev/null"
    if part.revoked or whole.revoked:
        return "which was revoked"
    starts, ends = max(part.from_usec, whole.from_usec), min(part.until_usec, whole.until_usec)
    if one.made_usec < starts or now_usec < starts:
        return f"which is valid from {when(starts)} on, and {dated} is of {when(one.made_usec)}"
    if one.made_usec >= ends:
        return f"which was valid until {when(ends)}, and {dated} is of {when(one.made_usec)}"
    return f"which was valid until {when(ends)}" if now_usec >= ends else ""


def until_usec(found: Candidate) -> int:
    """The end of the key's validity, in microseconds since the epoch."""
    return min(found.part.until_usec, found.key.parts[0].until_usec)


def shown(one: Candidate) -> str:
    """The key, for people."""
    kind = "SSH" if one.key.technology == "ssh" else "OpenPGP"
    return f"the {kind} key {one.part.fingerprint} of {one.key.signer}"


def when(usec: int) -> str:
    """A time for people."""
    return datetime.fromtimestamp(min(max(usec, 0), NEVER_USEC - 1) // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
