"""The containers of a tenant that may use its API, by what runs and by the ranges that were allocated to them."""

from ..model.insiders import Controlled, controls
from ..names import workload
from . import paths
from .storage.numbers import RANGES
from .storage.state import Store


def controlled(tenant: str) -> tuple[Controlled, ...]:
    """Those of the current generation. One whose range is another one now than the one that it was made with is none of
    them: whoever has its ids may be somebody else. Raises BbhvError when a record is damaged, and OSError."""
    store = Store(paths.tenant(tenant))
    manifest = store.manifest(store.number("current"))
    words = controls(manifest)
    bases = RANGES.known([workload(name, tenant) for name in words])
    made = {one.name: one.settings.get("uidBase", "") for one in manifest.workloads} if manifest else {}
    found = ((name, bases.get(workload(name, tenant), -1), word) for name, word in sorted(words.items()))
    return tuple(Controlled(name, base, word) for name, base, word in found if str(base) == made[name])
