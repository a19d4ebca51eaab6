"""Whether a commit's signature counts: by the policy of its repository, the keys of its signers, and the clock.

Pure. `candidate` chooses the key, a verifier program proves that it made the signature; a commit passes only if both
agree.
"""

import hashlib

from ..errors import RefusedError
from ..formats.gitobject import Commit
from .authority import Authority, Proof
from .makers import Candidate, Signed, find, shown, when

NAMESPACE = "git"
DAY_USEC = 86_400 * 1_000_000
# Before this program was made no clock was right: 2026-01-01.
FLOOR_USEC = 1_767_225_600_000_000
_CLOCK = "Set the clock, for example by systemd-timesyncd; then sync again. What runs stays as it is."


def check_clock(now_usec: int, accepted_usec: int) -> None:
    """Refuses to judge by a clock that must be wrong: times of validity would mean nothing.

    `accepted_usec` is the time of the newest commit that was accepted before, 0 when there is none. A commit may be
    up to a day ahead of the clock, so the clock may be as much behind the commit. Raises RefusedError.
    """
    if now_usec < FLOOR_USEC:
        message = f"The clock of this host is wrong: it says {when(now_usec)}, when this program did not exist."
        raise RefusedError(f"{message} So no signature can be judged.", hint=_CLOCK)
    if now_usec + DAY_USEC < accepted_usec:
        message = f"The clock of this host says {when(now_usec)}, but a commit of {when(accepted_usec)} was accepted."
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
        message = f"Commit {name} is dated {when(commit.committed_usec)}, which is in the future."
        raise RefusedError(message, hint="Correct the clock where it was made, and commit again.")
    if commit.signature is None:
        signers = ", ".join(authority.signers)
        raise RefusedError(f"Commit {name} is not signed.", hint=f"Sign it by a key of {signers}: git commit -S.")
    what = Signed(
        name=f"commit {name}", namespace=NAMESPACE, dated="the commit", made_usec=commit.committed_usec,
        again="Sign it again: git commit -S.",
        other=f"Sign a newer commit by another key of {', '.join(authority.signers)}: git commit -S.",
    )  # fmt: skip
    return find(authority, what, commit.signature, now_usec)


def not_made(authority: Authority, oid: str, one: Candidate) -> RefusedError:
    """The error for a signature that the verifier program does not find good."""
    message = f"The signature of commit {oid[:12]} of {authority.whose} is not good: {shown(one)} did not make it."
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
