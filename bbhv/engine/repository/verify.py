"""Verify: the only maker of a `VerifiedCommit`, which every later step demands.

Two questions: does the commit go on from what the host has accepted before, and did somebody sign it whose signature
counts. Every commit that is looked at is read by id, the id computed again. Where a signature is needed, a verifier
program has to say that it is good; whatever keeps it from saying so is a refusal.
"""

import time
from collections.abc import Sequence

from ...errors import RefusedError
from ...formats.gitobject import Commit
from ...host import git
from ...model import history
from ...model.authority import Authority, Proof, STRICT, UNSIGNED
from ...records import dataclass

MAX_SIGNATURES = 1000
_MAKER = object()


@dataclass(frozen=True, slots=True)
class VerifiedCommit:
    """A commit that passed the policy, and the proof that may be remembered. Only `verify` makes one."""

    oid: str
    tree: str
    clone: git.Clone
    proof: Proof | None
    maker: object

    def __post_init__(self) -> None:
        if self.maker is not _MAKER:
            raise TypeError("only verify() makes a VerifiedCommit")


def verify(
    clone: git.Clone, oid: str, *, authority: Authority, accepted: Sequence[str], proof: Proof | None = None,
    in_force: bool = False, allow_rewind: bool = False,
) -> VerifiedCommit:
    """The commit as a verified one.

    `accepted` is what was verified before, as far as it is remembered, each place of memory for itself; the commit must
    go on from all. `proof` is what was remembered with it: no program has to prove it again for the same commit as long
    as nothing changed that decides. `in_force` says that this host's own record has the commit as deployed: that
    stays, whoever signed it. Raises RefusedError when the policy or the history says no, DamagedError when an object is
    not what it should be.
    """
    with clone.reading() as reader:
        commit = reader.commit(oid)
        if in_force and oid in accepted:
            return VerifiedCommit(oid, commit.tree, clone, proof, _MAKER)
        news = [_since(reader, oid, one) for one in accepted]
        behind = next((one for one, new in zip(accepted, news) if not new.descends), None)
        if behind and not allow_rewind:
            raise RefusedError(
                f"Commit {oid[:12]} does not descend from {behind[:12]}, which was accepted before: "
                "history was rewound.",
                hint="Push a commit that goes on from it; where it is meant, an operator says --allow-rewind.",
            )
        found = None
        if authority.policy != UNSIGNED:
            fresh = news[0].commits if authority.policy == STRICT and news else ()
            found = _Judge(authority, reader, accepted).prove(oid, commit, fresh, proof)
    return VerifiedCommit(oid, commit.tree, clone, found, _MAKER)


def _since(reader: git.ObjectReader, oid: str, accepted: str) -> history.News:
    def read(one: str) -> Commit | None:
        try:
            return reader.commit(one)
        except git.DamagedError:
            if one == accepted:
                return None  # a clone that was made anew has not what was rewound
            raise

    return history.since(oid, accepted, read)


class _Judge:
    """One commit, or all that are new, before the signers of one repository."""

    def __init__(self, authority: Authority, reader: git.ObjectReader, accepted: Sequence[str]) -> None:
        self.authority = authority
        self.reader = reader
        self.accepted = accepted
        self.now_usec = time.time_ns() // 1000

    def prove(self, oid: str, commit: Commit, fresh: Sequence[str], proof: Proof | None) -> Proof:
        """The proof of a commit and of what is new with it. Raises RefusedError."""
        from ...model import trust  # only who has signers pays for it

        trust.check_clock(self.now_usec, self._accepted_usec())
        trust.check_signers(self.authority)
        if proof is not None and trust.stands(proof, self.authority, oid, self.now_usec):
            return proof
        if len(fresh) > MAX_SIGNATURES:
            message = f"{len(fresh)} commits are new, and signatures of at most {MAX_SIGNATURES} are verified at once."
            raise RefusedError(message, hint="Push in smaller steps, and sync after each.")
        until = self._check(oid, commit)
        for one in fresh:
            if one != oid:
                self._check_older(one)
        return Proof(trust.digest(self.authority, oid), until)

    def _accepted_usec(self) -> int:
        """The time of the newest commit that was accepted; 0 when none is there any more."""
        times = [0]
        for one in self.accepted:
            try:
                times.append(self.reader.commit(one).committed_usec)
            except git.DamagedError:
                continue
        return max(times)

    def _check_older(self, oid: str) -> None:
        """A commit below the tip; one that proves to lie behind what was accepted needs no signature any more."""
        try:
            self._check(oid, self.reader.commit(oid))
        except RefusedError:
            if not _since(self.reader, self.accepted[0], oid).descends:
                raise

    def _check(self, oid: str, commit: Commit) -> int:
        """Until when the signature of one commit counts, in microseconds since the epoch. Raises RefusedError."""
        from ...model import makers, trust
        from .signers import is_made_by

        found = trust.candidate(self.authority, oid, commit, self.now_usec)
        if not is_made_by(found, commit.signed_payload, trust.NAMESPACE):
            raise trust.not_made(self.authority, oid, found)
        return makers.until_usec(found)
