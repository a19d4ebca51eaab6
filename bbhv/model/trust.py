"""Whether a commit's signature counts: which one key may have made it, and whether that key was valid then and is now.

Pure. `candidate` chooses the key, a verifier program proves that it made the signature; a commit passes only if both
agree. Every refusal is one sentence that names the key, and a hint that says which file to add or to change.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..errors import RefusedError
from ..formats import signature, sshsig
from ..formats.gitobject import Commit
from ..formats.sshsig import SshSignature
from .authority import NEVER_USEC, Authority, Key, Proof, Validity

if TYPE_CHECKING:
    from ..formats.openpgp import Signature

NAMESPACE = "git"
DAY_USEC = 86_400 * 1_000_000
# Before this program was made no clock was right: 2026-01-01.
FLOOR_USEC = 1_767_225_600_000_000
_CLOCK = "Set the clock, for example by systemd-timesyncd; then sync again. What runs stays as it is."


@dataclass(frozen=True, slots=True)
class Candidate:
    """The one key that may have made a signature, and the signature as its verifier program takes it."""

    key: Key
    part: Validity
    signature: bytes


def check_clock(now_usec: int, accepted_usec: int) -> None:
    """Refuses to judge by a clock that must be wrong: times of validity would mean nothing.

    `accepted_usec` is the time of the newest commit that was accepted before, 0 when there is none. A commit may be
    up to a day ahead of the clock, so the clock may be as much behind the commit. Raises RefusedError.
    """
    if now_usec < FLOOR_USEC:
        message = f"The clock of this host is wrong: it says {_when(now_usec)}, when this program did not exist."
        raise RefusedError(f"{message} So no signature can be judged.", hint=_CLOCK)
    if now_usec + DAY_USEC < accepted_usec:
        message = f"The clock of this host says {_when(now_usec)}, but a commit of {_when(accepted_usec)} was accepted."
        raise RefusedError(f"{message} So no signature can be judged.", hint=_CLOCK)


def check_signers(authority: Authority) -> None:
    """Refuses everything when there is no key whose signature would count. Raises RefusedError."""
    if authority.keys:
        return
    if not authority.signers:
        message = f"The policy of {authority.whose} is {authority.policy}, and it names no signer, so nothing passes."
        raise RefusedError(message, hint=authority.add)
    message = f"The policy of {authority.whose} is {authority.policy}, and there is no key of "
    raise RefusedError(f"{message}{', '.join(authority.signers)}, so nothing passes.", hint=authority.add)


def candidate(authority: Authority, oid: str, commit: Commit, now_usec: int) -> Candidate:
    """The key that must have made the commit's signature. Raises RefusedError when none may have."""
    name = oid[:12]
    if commit.committed_usec > now_usec + DAY_USEC:
        message = f"Commit {name} is dated {_when(commit.committed_usec)}, which is in the future."
        raise RefusedError(message, hint="Correct the clock where it was made, and commit again.")
    if commit.signature is None:
        signers = ", ".join(authority.signers)
        raise RefusedError(f"Commit {name} is not signed.", hint=f"Sign it by a key of {signers}: git commit -S.")
    found = _found(authority, name, commit.signature, now_usec)
    problems = [_problem(authority, one, commit.committed_usec, now_usec) for one in found]
    for one, problem in zip(found, problems):
        if not problem:
            return one
    hint = f"Sign a newer commit by another key of {', '.join(authority.signers)}: git commit -S."
    raise RefusedError(f"Commit {name} is signed by {_shown(found[0])}, {problems[0]}.", hint=hint)


def _found(authority: Authority, name: str, data: bytes, now_usec: int) -> list[Candidate]:
    """The keys that the signature says to be made by, at least one. Raises RefusedError."""
    technology = signature.technology(data)
    try:
        match technology:
            case "ssh":
                return _by_ssh(authority, name, sshsig.parse(data))
            case "openpgp":
                from ..formats import openpgp  # only who has such a key pays for it

                return _by_openpgp(authority, name, openpgp.parse_signature(data), now_usec)
    except signature.SignatureFormatError as error:
        raise RefusedError(f"Commit {name}: {error.message}", hint="Sign it again: git commit -S.") from error
    kind = f"by {technology}" if technology else "of an unknown kind"
    message = f"Commit {name} has a signature {kind}, which is not verified by this version."
    raise RefusedError(message, hint="Sign by SSH (gpg.format=ssh) or OpenPGP.")


def _by_ssh(authority: Authority, name: str, made: SshSignature) -> list[Candidate]:
    if made.namespace != NAMESPACE:
        message = f"The SSH signature of commit {name} was made for {made.namespace[:40]!r}, not for {NAMESPACE!r}."
        raise RefusedError(message, hint="Sign it by git: git commit -S.")
    found = [
        Candidate(key, key.parts[0], made.armored()) for key in authority.keys
        if key.technology == "ssh" and key.fingerprint == made.fingerprint
    ]  # fmt: skip
    return found or _unknown(authority, name, f"the SSH key {made.fingerprint}")


def _by_openpgp(authority: Authority, name: str, made: "Signature", now_usec: int) -> list[Candidate]:
    if made.ends is not None and (made.created + made.ends) * 1_000_000 <= now_usec:
        raise RefusedError(f"The signature of commit {name} has expired.", hint="Sign a newer commit.")
    found = [
        Candidate(key, part, made.packet) for key in authority.keys for part in key.parts
        if key.technology == "openpgp" and made.is_by(part.fingerprint)
    ]  # fmt: skip
    return found or _unknown(authority, name, f"the OpenPGP key {made.issuer or made.issuer_id or 'of nobody'}")


def _unknown(authority: Authority, name: str, key: str) -> list[Candidate]:
    who = f"{key}, which is not one of {', '.join(authority.signers)}"
    without = f" There is no key of {', '.join(authority.keyless)}." if authority.keyless else ""
    raise RefusedError(f"Commit {name} is signed by {who}.{without}", hint=authority.add)


def _problem(authority: Authority, one: Candidate, committed_usec: int, now_usec: int) -> str:
    """Why the key may not have signed this commit, as the end of a sentence; empty when it may."""
    part, whole = one.part, one.key.parts[0]
    if not authority.revoked.isdisjoint({one.key.fingerprint, part.fingerprint}):
        return f"which trust.revoked of {authority.whose} names"
    if one.key.masked:
        return "which is masked on this host by a link to /dev/null"
    if part.revoked or whole.revoked:
        return "which was revoked"
    starts, ends = max(part.from_usec, whole.from_usec), min(part.until_usec, whole.until_usec)
    if committed_usec < starts or now_usec < starts:
        return f"which is valid from {_when(starts)} on, and the commit is of {_when(committed_usec)}"
    if committed_usec >= ends:
        return f"which was valid until {_when(ends)}, and the commit is of {_when(committed_usec)}"
    return f"which was valid until {_when(ends)}" if now_usec >= ends else ""


def until_usec(found: Candidate) -> int:
    """The end of the key's validity, in microseconds since the epoch."""
    return min(found.part.until_usec, found.key.parts[0].until_usec)


def _shown(one: Candidate) -> str:
    kind = "SSH" if one.key.technology == "ssh" else "OpenPGP"
    return f"the {kind} key {one.part.fingerprint} of {one.key.signer}"


def not_made(authority: Authority, oid: str, one: Candidate) -> RefusedError:
    """The error for a signature that the verifier program does not find good."""
    message = f"The signature of commit {oid[:12]} of {authority.whose} is not good: {_shown(one)} did not make it."
    return RefusedError(message, hint="The commit was changed, or the signature was copied. Sign it again.")


def digest(authority: Authority, oid: str) -> str:
    """The same as long as the same commit is judged by the same policy, keys and revocations, times aside."""
    parts = [oid, authority.policy, *sorted(authority.revoked)]
    for key in sorted(authority.keys, key=lambda one: (one.technology, one.fingerprint, one.signer, one.source)):
        parts += [key.technology, key.fingerprint, hashlib.sha256(key.data).hexdigest(), str(key.masked)]
        parts += [f"{part.fingerprint} {part.from_usec} {part.until_usec} {part.revoked}" for part in key.parts]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def stands(proof: Proof | None, authority: Authority, oid: str, now_usec: int) -> bool:
    """Whether a proof of before still says that the commit may be taken: nothing that decides has changed since."""
    return proof is not None and now_usec < proof.until_usec and proof.digest == digest(authority, oid)


def _when(usec: int) -> str:
    return datetime.fromtimestamp(min(max(usec, 0), NEVER_USEC - 1) // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
