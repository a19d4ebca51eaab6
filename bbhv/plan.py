"""The plan: what must happen to the units of a tenant so that a wanted generation runs, and why.

A pure function of two manifests: the settings that differ are looked up in the table of their kind, which says what
a change costs. The heaviest cost is the action, each difference is a reason.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from .kinds.settings import Cost, heaviest
from .kinds.table import settings_of
from .manifest import Manifest, Workload
from .names import infra_unit, tenant_slice

MAX_SHOWN = 60
_PSEUDO = {"image": Cost.RECREATE, "uidBase": Cost.RESTART}


class Action(StrEnum):
    """What happens to one unit."""

    NONE = "none"
    LIVE = "live"
    RELOAD = "reload"
    RESTART = "restart"
    RECREATE = "recreate"
    START = "start"
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One unit of the plan. `reasons` is empty only when the action is `none`."""

    action: Action
    kind: str
    name: str
    unit: str
    reasons: tuple[str, ...] = ()
    loses_data: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps, in the order in which they can be done."""

    steps: tuple[Step, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether anything is to be done at all."""
        return any(step.action is not Action.NONE for step in self.steps)

    def units(self, *actions: Action) -> tuple[str, ...]:
        """The units with one of the actions, in the order of the plan."""
        return tuple(step.unit for step in self.steps if step.action in actions)


def plan(
    old: Manifest | None,
    new: Manifest | None,
    *,
    old_units: Mapping[str, str] | None = None,
    new_units: Mapping[str, str] | None = None,
) -> Plan:
    """The difference between two generations of a tenant; `None` stands for "nothing runs"."""
    if new is None:
        stops = [] if old is None else [_stop(one) for one in old.workloads]
        shared = [] if old is None else [_step(Action.STOP, "infra", old.tenant, infra_unit(old.tenant), "nothing is to run")]
        return Plan((*stops, *shared))
    before = {one.name: one for one in old.workloads} if old else {}
    names = {one.name for one in new.workloads}
    steps = [_stop(one) for name, one in sorted(before.items()) if name not in names]
    steps.append(_slice(old, new))
    steps.append(_infra(old, new))
    steps += [_workload(before.get(one.name), one, old_units, new_units) for one in _ordered(new)]
    return Plan(tuple(steps))


def _step(action: Action, kind: str, name: str, unit: str, *reasons: str) -> Step:
    return Step(action=action, kind=kind, name=name, unit=unit, reasons=reasons)


def _stop(one: Workload) -> Step:
    return _step(Action.STOP, one.kind, one.name, one.unit, "it is not declared any more")


def _slice(old: Manifest | None, new: Manifest) -> Step:
    unit = tenant_slice(new.tenant)
    reasons = tuple(_differences(old.slice_settings, new.slice_settings)) if old else ()
    return _step(Action.LIVE if reasons else Action.NONE, "slice", new.tenant, unit, *(text for _, text in reasons))


def _infra(old: Manifest | None, new: Manifest) -> Step:
    unit = infra_unit(new.tenant)
    if old is None:
        return _step(Action.START, "infra", new.tenant, unit, "it is new")
    added = [text for _, text in _differences(old.infra_settings, new.infra_settings)]
    return _step(Action.RELOAD if added else Action.NONE, "infra", new.tenant, unit, *added)


def _workload(
    old: Workload | None, new: Workload, old_units: Mapping[str, str] | None, new_units: Mapping[str, str] | None
) -> Step:
    if old is None:
        return _step(Action.START, new.kind, new.name, new.unit, "it is new")
    table = settings_of(new.kind)
    found = list(_differences(old.settings, new.settings))
    costs = {name: _PSEUDO.get(name) or (table.cost(name) if table else None) or Cost.RESTART for name, _ in found}
    reasons = tuple(f"{text} ({costs[name]})" for name, text in found)
    cost = heaviest(costs.values())
    if cost is Cost.NONE and _unit_text(new.unit, old_units) != _unit_text(new.unit, new_units):
        return _step(Action.LIVE, new.kind, new.name, new.unit, *(reasons or ("its unit is written differently",)))
    return _step(Action(cost.value), new.kind, new.name, new.unit, *reasons)


def _unit_text(unit: str, units: Mapping[str, str] | None) -> list[str]:
    """What the units say about a unit."""
    return [text for path, text in sorted((units or {}).items()) if path.startswith(f"{unit}.d/")]


def _differences(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield name, f"{name}: {_shown(old.get(name))} → {_shown(new.get(name))}"


def _shown(text: str | None) -> str:
    if text is None:
        return "unset"
    line = text.replace("\n", ", ")
    return line if len(line) <= MAX_SHOWN else f"{line[:MAX_SHOWN]}…"


def _ordered(manifest: Manifest) -> list[Workload]:
    """The workloads, each after those that it waits for; what `check` let through has no circle."""
    rest = {one.unit: one for one in manifest.workloads}
    done: list[Workload] = []
    while rest:
        ready = [one for one in rest.values() if not any(unit in rest for unit in one.after)] or list(rest.values())
        done += ready
        rest = {unit: one for unit, one in rest.items() if one not in ready}
    return done


def render_text(plan: Plan) -> str:
    """The plan for people: a line for each unit that something happens to, its reasons below."""
    lines = []
    for step in plan.steps:
        if step.action is not Action.NONE:
            lines.append(f"{step.action:<8} {step.kind} {step.name}{'  DATA LOSS' if step.loses_data else ''}")
            lines += [f"         {reason}" for reason in step.reasons]
    return "\n".join(lines) + "\n" if lines else "Nothing changes.\n"
