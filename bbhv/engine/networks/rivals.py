"""Rivals: what a tenant would take of this host that another tenant has already.

What counts is what is in force: who does not run takes nothing. Nobody is told who has it.
"""

from collections.abc import Iterable, Iterator

from ...errors import BbhvError
from ...findings import Finding
from ...host import log
from ...model import neighbours
from ...model.neighbours import Claim
from . import record
from .meaning import wires_of


def taken(tenant: str, claims: Iterable[Claim]) -> tuple[Finding, ...]:
    """What of these claims of a tenant collides with what others have, a finding each at the place of the claim."""
    own = tuple(claims)
    return neighbours.against(own, _others(tenant)) if own else ()


def _others(tenant: str) -> Iterator[Claim]:
    for other in record.tenants():
        if other != tenant:
            try:
                known = record.load(other)
                yield from neighbours.held(other, wires_of(known.now, known.before))
            except BbhvError as error:  # its own start says so too, and this tenant is not to blame
                log.write("warning", f"What the networks of {other} take is not known: {error.message}")
