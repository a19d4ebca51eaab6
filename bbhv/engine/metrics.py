"""What metrics tell, gathered: from what `bbhv status` knows, the control groups, and times that were noted. It changes
nothing, and asks systemd once.
"""

import time
from collections import Counter

from ..errors import BbhvError
from ..formats.jsontext import Json
from ..formats.openmetrics import render
from ..host import files
from ..model.metrics import HostNow, TenantNow, families
from ..version import VERSION
from . import paths, report, synced, tally, usage, world
from .storage.state import Store
from .world import World


def metrics() -> str:
    """The metrics of this host as OpenMetrics text."""
    host, now, last = world.load(), time.time(), synced.of_all()
    return render(families(HostNow(
        version=VERSION, tenants=[_tenant(host, one, now) for one in report.tenants(None, host)],
        generator_seconds=_generator_seconds(), sync_seconds=last[1] - last[0] if last else None,
        sync_age=_age(last[1] if last else None, now), denied=tally.counts(),
    )))  # fmt: skip


def _tenant(host: World, told: dict[str, Json], now: float) -> TenantNow:
    name, hold, ended = str(told["id"]), told["hold"], _whole(told["outcomeUSec"])
    times, outcome = synced.of(name), str(told["outcome"] or "")
    known = ended / 1e6 if ended else None  # since before the boot, perhaps
    return TenantNow(
        usage=usage.of(host, name, closely=False), outcome=outcome, generation=_whole(told["generation"]),
        good=_whole(told["good"]), quarantined=len(Store(paths.tenant(name)).load().quarantine),
        drift=len(_items(told["drift"])), held=str(hold["verb"]) if isinstance(hold, dict) else "",
        healths=Counter(str(one["health"]) for one in _items(told["workloads"])),
        sync_age=_age(times.last or known, now),
        success_age=_age(times.well or (known if outcome in synced.WELL else None), now),
    )  # fmt: skip


def _items(value: Json) -> list[dict[str, Json]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _whole(value: Json) -> int | None:
    return value if isinstance(value, int) else None


def _age(when: float | None, now: float) -> float | None:
    """How long ago that was; a clock that was set back makes nothing younger than now."""
    return None if when is None else round(max(0.0, now - when), 3)


def _generator_seconds() -> float | None:
    try:
        return float(files.read(paths.GENERATOR_TOOK, 100) or b"")
    except (BbhvError, OSError, ValueError):
        return None
