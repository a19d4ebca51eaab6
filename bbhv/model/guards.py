"""Guards: what a commit must say in so many words before it may take something away.

A commit that removes everything is more often a mistake than a wish: an empty checkout that was pushed, a template that
rendered nothing. Pure functions from what was and what is wanted to findings. Findings: BB601, BB602, BB604.
"""

from ..findings import Finding, Place
from ..kinds.lifecycle import Consent
from ..kinds.values import show_size
from ..records import dataclass
from .emptied import some
from .manifest import STORAGE, Manifest, sizes
from .plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a commit says of itself, and where it would have to."""

    consent: Consent = Consent()
    place: Place = Place("metadata.json")


def check(old: Manifest | None, new: Manifest, plan: Plan, said: Said) -> tuple[Finding, ...]:
    """What a commit of a tenant takes away without saying so. `old` is what the tenant has, None for nothing."""
    return (*_emptied(old, new, said), *_lost(plan, said), *_smaller(old, new, said))


def _emptied(old: Manifest | None, new: Manifest, said: Said) -> tuple[Finding, ...]:
    had = [one.name for one in old.workloads] if old else []
    if not had or new.workloads or said.consent.allow_empty:
        return ()
    message = f"The commit removes every workload of the tenant: {some(had)}."
    hint = 'If that is meant, write "lifecycle": {"allowEmpty": true}.'
    return (Finding(said.place, "BB601", message, hint),)


def _smaller(old: Manifest | None, new: Manifest, said: Said) -> tuple[Finding, ...]:
    """What has a size on the host: drives of machines, and the storage of the tenant."""
    found = []
    before = sizes(old) if old else {}
    for name, size in sizes(new).items():
        if size < before.get(name, 0):
            was, place = show_size(before[name]), said.place
            what, hint = f"The storage of {new.tenant}", f'The operator grants "storage": "{was}" or more again.'
            if name != STORAGE:
                volume = name.removeprefix("volume:")
                what, place = f"Volume {volume}", Place(f"infrastructure/{volume}.volume")
                hint = f"Write Size={was} or more, or declare another volume and copy what is needed."
            message = f"{what} has {was} and cannot become smaller, but is to have {show_size(size)}."
            found.append(Finding(place, "BB604", message, hint))
    return tuple(found)


def _lost(plan: Plan, said: Said) -> tuple[Finding, ...]:
    found = []
    for step in plan.steps:
        if step.loses_data and step.name not in said.consent.allow_data_loss:
            message = f"The change loses the data of {step.kind} {step.name}: {'; '.join(step.reasons)}."
            hint = f'If that is meant, write "lifecycle": {{"allowDataLoss": ["{step.name}"]}}.'
            found.append(Finding(said.place, "BB602", message, hint))
    return tuple(found)
