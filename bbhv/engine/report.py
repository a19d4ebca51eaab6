"""What is known about the tenants, as the JSON of `--json` and of the varlink replies.

It reads links, manifests and state files, and asks systemd one question for all units; it changes nothing.
"""

from collections.abc import Mapping

from ..findings import Finding
from ..formats.jsontext import Json
from ..model.drift import GOING, Sight
from ..model.manifest import Manifest
from ..model.registration import Registration
from ..names import tenant_unit
from . import paths, world
from .repository import retry
from .storage import partial
from .storage.state import Hold, Outcome, Store, known_tenants
from .tenant import deadline, sight
from .world import World


def tenants(tenant: str | None, host: World | None = None) -> list[dict[str, Json]]:
    """All tenants by id, or the one; of what the host is told, if that was read already. Raises NotFoundError when
    there is no such tenant."""
    host = host or world.load()
    names = known(host, *((tenant,) if tenant is not None else ()))
    seen = sight.look() if tenant is None else sight.look_closely(tenant)
    return [_tenant(name, host.registrations.get(name), host.refused.get(name, ()), seen) for name in names]


def known(host: World, *wanted: str) -> list[str]:
    """The tenants that are registered or have a folder, by id; of these, those that are wanted, if any are named.
    Raises NotFoundError for one that is not there."""
    names = {*host.registrations, *host.refused, *known_tenants()}
    for name in wanted:
        if name not in names:
            raise world.unknown(name, names)
    return sorted(wanted or names)


def _tenant(
    name: str, registration: Registration | None, refused: tuple[Finding, ...], seen: Sight
) -> dict[str, Json]:
    """One tenant. A registration with errors is what is wrong now, whatever the last sync said."""
    store = Store(paths.tenant(name))
    state, current = store.load(), store.number("current")
    manifest, outcome, units = store.manifest(current), state.outcome, seen.states
    drift = sight.find(name, store, seen) if _active(units, tenant_unit(name)) in GOING and state.trial is None else ()
    if refused:
        told: tuple[Json, ...] = tuple(dict[str, Json](finding.as_json()) for finding in refused)
        outcome = Outcome(word="refused", message="its registration has errors", findings=told)
    elif registration and registration.state != "enabled":
        outcome = Outcome(word="suspended", message=f"its registration says {registration.state}")
    return {
        "id": name,
        "state": registration.state if registration else None,
        "activeState": _active(units, tenant_unit(name)),
        "outcome": outcome.word if outcome else None,
        "outcomeCommit": outcome.commit or None if outcome else None,
        "outcomeUSec": outcome.when_usec or None if outcome else None,
        "message": outcome.message if outcome else None,
        "commit": manifest.commit if manifest else None,
        "generation": current,
        "good": store.number("good"),
        "confirmUSec": deadline.until_usec(state.trial),
        "retryUSec": None if refused else retry.when_usec(name),
        "fetching": partial.going(name),
        "hold": _hold(state.hold),
        "workloads": _workloads(manifest, units),
        "drift": [one.as_json() for one in drift],
        "findings": list(outcome.findings) if outcome else [],
    }


def _workloads(manifest: Manifest | None, units: Mapping[str, str]) -> list[Json]:
    found: list[Json] = []
    for one in manifest.workloads if manifest else ():
        active = _active(units, one.unit)
        health = {"active": "healthy", "activating": "starting", "reloading": "healthy"}.get(active, "unhealthy")
        found.append({"name": one.name, "kind": one.kind, "activeState": active, "health": health})
    return found


def _active(units: Mapping[str, str], unit: str) -> str:
    return units.get(unit, "inactive")


def _hold(hold: Hold | None) -> Json:
    if hold is None:
        return None
    return {"verb": hold.verb, "who": hold.who, "whenUSec": hold.when_usec, "until": hold.until, "untilUSec": None}
