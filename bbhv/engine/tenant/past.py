"""The past of a tenant: the generations that are kept, where each came from, and the commits that are not tried again.

What a commit says of itself is read from the clone by its id; a commit that is not there any more has no subject. It is
a tenant's text: bounded here, and escaped by whoever shows it.
"""

from ...errors import BbhvError
from ...formats.gitobject import Commit
from ...formats.jsontext import Json
from ...host import git
from ...records import dataclass
from .. import paths, world
from ..storage.state import Hold, Store, known_tenants

MAX_TEXT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The generations, the newest first, and the quarantined commits, the latest first, as their JSON."""

    generations: tuple[dict[str, Json], ...] = ()
    quarantined: tuple[dict[str, Json], ...] = ()


def history(tenant: str) -> Past:
    """The past of a tenant. Raises NotFoundError when there is no such tenant."""
    if tenant not in known_tenants():
        host = world.load()
        if tenant not in host.registrations and tenant not in host.refused:
            raise world.unknown(tenant, {*host.registrations, *host.refused})
        return Past()
    store, clone = Store(paths.tenant(tenant)), git.Clone(paths.clone(tenant))
    state = store.load()
    rows = [_generation(store, number, state.hold) for number in reversed(store.numbers())]
    bad: list[dict[str, Json]] = [
        {"commit": one.commit, "reason": one.reason, "whenUSec": one.when_usec} for one in reversed(state.quarantine)
    ]
    known = _commits(clone, [str(row["commit"]) for row in (*rows, *bad) if row["commit"]])
    return Past(
        generations=tuple({**row, **_words(known.get(str(row["commit"])))} for row in rows),
        quarantined=tuple({**row, **_words(known.get(str(row["commit"])))} for row in bad),
    )


def _generation(store: Store, number: int, hold: Hold | None) -> dict[str, Json]:
    manifest = store.manifest(number)
    left = hold.under if hold and hold.verb == "suspend" else hold
    return {
        "generation": number,
        "commit": manifest.commit if manifest else None,
        "createdUSec": store.created_usec(number),
        "verb": store.origin(number) or None,
        "current": number == store.number("current"),
        "good": number == store.number("good"),
        "held": bool(left and manifest and manifest.commit == left.commit),
        "workloads": [one.name for one in manifest.workloads] if manifest else [],
    }


def _commits(clone: git.Clone, oids: list[str]) -> dict[str, Commit]:
    """Those of the commits that the clone still has."""
    found: dict[str, Commit] = {}
    if not clone.exists():
        return found
    with clone.reading() as reader:
        for oid in dict.fromkeys(oids):
            try:
                found[oid] = reader.commit(oid)
            except BbhvError:
                continue  # it is damaged or gone, which the next sync sees to
    return found


def _words(commit: Commit | None) -> dict[str, Json]:
    if commit is None:
        return {"author": None, "subject": None}
    return {"author": commit.author[:MAX_TEXT], "subject": commit.message.partition("\n")[0][:MAX_TEXT]}
