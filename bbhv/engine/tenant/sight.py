"""The look at what runs: what of it is not the good generation. The judgement is model/drift.py; nothing is changed."""

import os
from collections.abc import Iterator

from ...errors import BbhvError
from ...host import systemd
from ...model import drift
from ...model.drift import Drift, Kind, Override, Sight
from ...records import replace
from .. import paths
from ..networks import look as networks
from ..storage import publish
from ..storage.state import Store


def look(tenant: str = "*") -> Sight:
    """What there is to see of all tenants, or of one: states in one question to systemd, and what operators changed."""
    return Sight(states=systemd.states(_patterns(tenant)), overrides=overrides(), networks=networks.problems())


def _patterns(tenant: str) -> list[str]:
    return [f"tenant@{tenant}.service", f"tenant-infra@{tenant}.service", f"tenant-network@{tenant}.service",
            f"tenant-container@*.{tenant}.service", f"tenant-machine@*.{tenant}.service",
            f"tenant-script@*.{tenant}.service"]


def look_closely(tenant: str) -> Sight:
    """The same of one tenant, and which of its units systemd would read anew: it is asked about each."""
    shown = systemd.show(_patterns(tenant), ("ActiveState", "NeedDaemonReload"))
    return Sight(
        closely=True,
        states={unit: found.get("ActiveState", "inactive") for unit, found in shown.items()},
        overrides=overrides(),
        networks=networks.problems(),
        outdated=frozenset(unit for unit, found in shown.items() if found.get("NeedDaemonReload") == "yes"),
    )


def overrides() -> dict[str, list[Override]]:
    """What operators have put where systemd looks before and after what we publish, by unit."""
    found: dict[str, list[Override]] = {}
    for root in paths.UNIT_OVERRIDES:
        for name in _names(root):
            if name.startswith("tenant"):
                for unit, one in _override(root, name):
                    found.setdefault(unit, []).append(one)
    return found


def _override(root: str, name: str) -> Iterator[tuple[str, Override]]:
    path, unit = f"{root}/{name}", name.removesuffix(".d")
    if unit != name and os.path.islink(path):
        yield unit, Override(Kind.OVERRIDDEN, path)  # what it leads to is nobody's business here
    elif unit != name:
        for entry in _names(path):
            if entry.endswith(".conf"):
                yield unit, Override(Kind.OVERRIDDEN, f"{path}/{entry}")
    elif name.endswith((".service", ".slice")):
        yield unit, Override(Kind.MASKED if os.path.realpath(path) == "/dev/null" else Kind.REPLACED, path)


def find(tenant: str, store: Store, sight: Sight) -> tuple[Drift, ...]:
    """What differs from the good generation of a tenant that is to run; nothing while another one is tried.

    `sight` is of all tenants; what is published of this one is looked at here.
    """
    good = store.number("good")
    manifest = store.manifest(good)
    if manifest is None or good is None or good != store.number("current"):
        return ()
    try:
        problem = publish.problem(tenant, lambda: store.units(good), closely=sight.closely)
    except (BbhvError, OSError):
        return ()  # a sync makes a damaged generation anew, and says so
    return drift.find(manifest, replace(sight, published=problem))


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
