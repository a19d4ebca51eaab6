"""Verify: the only maker of a `VerifiedCommit`, which every later step demands.

Two questions: may this repository be trusted with this policy, and does the commit go on from what the host has
already accepted. Every commit that is looked at is read by id, the id computed again.
"""

from dataclasses import dataclass

from ..errors import RefusedError
from ..host import git

MAX_WALK = 20_000
_MAKER = object()


@dataclass(frozen=True, slots=True)
class VerifiedCommit:
    """A commit that passed the policy. Only `verify` makes one."""

    oid: str
    tree: str
    clone: git.Clone
    maker: object

    def __post_init__(self) -> None:
        if self.maker is not _MAKER:
            raise TypeError("only verify() makes a VerifiedCommit")


def verify(
    clone: git.Clone, oid: str, *, policy: str, accepted: str | None, allow_rewind: bool = False
) -> VerifiedCommit:
    """The commit as a verified one.

    `accepted` is the newest commit that was verified before; the new one must descend from it. Raises RefusedError
    when the policy or the history says no, DamagedError when an object is not what it should be.
    """
    if policy != "unsigned":
        raise RefusedError(
            f"Trust policy {policy!r} cannot be checked by this version, so nothing passes.",
            hint='Where you accept unsigned commits, write "trust": {"commits": "unsigned"} into the registration, '
            "or Trust=unsigned for the system repository.",
        )
    with git.ObjectReader(clone.gitdir) as reader:
        commit = reader.commit(oid)
        if accepted and not allow_rewind and not _descends(reader, oid, accepted):
            raise RefusedError(
                f"Commit {oid[:12]} does not descend from {accepted[:12]}, which was accepted before: "
                "history was rewound.",
                hint="Push a commit that goes on from it.",
            )
    return VerifiedCommit(oid, commit.tree, clone, _MAKER)


def _descends(reader: git.ObjectReader, oid: str, ancestor: str) -> bool:
    """Whether `ancestor` is `oid` or is reachable from it, newest first, at most MAX_WALK commits."""
    seen = {oid}
    queue = [oid]
    for _ in range(MAX_WALK):
        if not queue:
            return False
        one = queue.pop(0)
        if one == ancestor:
            return True
        parents = [parent for parent in reader.commit(one).parents if parent not in seen]
        seen.update(parents)
        queue += parents
    raise RefusedError(
        f"More than {MAX_WALK} commits lie between {ancestor[:12]} and {oid[:12]}.", hint="Sync in smaller steps."
    )
