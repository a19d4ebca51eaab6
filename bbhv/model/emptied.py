"""The guard of the system repository: a commit that leaves a host no tenant must say so. Findings: BB603."""

from collections.abc import Collection

from ..findings import Finding, Place

SHOWN = 5


def unregistered(
    before: Collection[str], after: Collection[str], place: Place, *, allowed: bool
) -> tuple[Finding, ...]:
    """What is wrong with a commit of the system repository that has none of the tenants that this host had."""
    if not before or after or allowed:
        return ()
    message = f"The commit unregisters every tenant of this host: {some(sorted(before))}."
    return (Finding(place, "BB603", message, 'If that is meant, write "allowEmpty": true.'),)


def some(names: Collection[str]) -> str:
    """The first few of the names, and how many more there are."""
    shown = list(names)[:SHOWN]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
