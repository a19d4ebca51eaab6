"""Planning: the one function that decides what activation does, for a sync, and for whoever only wants to know."""

from collections.abc import Mapping

from ...host import systemd
from ...model.compile import Generation
from ...model.forecast import Has, difference
from ...model.plan import Plan, joined, resting
from ..storage.state import Store

_DOWN = ("inactive", "failed", "activating")


def has(store: Store) -> Has:
    """What a tenant has now; units that are damaged count as none."""
    current = store.number("current")
    whole = current is not None and store.is_whole(current)
    return Has(manifest=store.manifest(current), units=store.units(current) if whole else None, number=current)


def between(
    now: Has, generation: Generation, *, starting: bool, states: Mapping[str, str] | None = None
) -> Plan:
    """What must happen so that a generation runs; what is declared but does not run joins in.

    A start starts everything anyway, so nothing is asked for it. `states` are those of all units of tenants, when they
    were asked for already.
    """
    steps = difference(now, generation)
    return steps if starting else joined(steps, _down(resting(steps), states))


def _down(units: tuple[str, ...], states: Mapping[str, str] | None) -> frozenset[str]:
    """Those of the units that do not run."""
    found = systemd.states(units) if states is None and units else states or {}
    return frozenset(unit for unit in units if found.get(unit, "inactive") in _DOWN)
