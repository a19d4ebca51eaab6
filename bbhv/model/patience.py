"""How long what runs may take to become healthy: as long as the tenant says, longer with an emulated processor."""

from collections.abc import Collection, Iterable

from ..kinds.lifecycle import Lifecycle
from .manifest import Manifest, Workload

# How much slower than a real one an emulated processor may be.
EMULATED = 5


def of(manifest: Manifest, units: Collection[str]) -> float:
    """The time for these units of a generation."""
    return float(seconds(manifest.lifecycle, [one for one in manifest.workloads if one.unit in units]))


def seconds(lifecycle: Lifecycle, workloads: Iterable[Workload]) -> int:
    """The time for all of these workloads together."""
    emulated = any(one.kind == "machine" and one.settings.get("kvm") == "no" for one in workloads)
    return lifecycle.health_timeout_sec * (EMULATED if emulated else 1)
