"""The plan: what must happen to the units of a tenant so that a wanted generation runs, and why.

A pure difference of two manifests, weighed by the settings tables: a change costs what the row of its key says. Steps
are in the order in which they can be done: first what stops, then what is shared, then the workloads, each after
those that it waits for.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from enum import StrEnum
from typing import Self

from .. import names
from ..findings import printable
from ..formats.jsontext import Json
from ..kinds.plain import text, texts
from ..kinds.settings import Cost, heaviest
from ..kinds.table import settings_of
from ..kinds.workloads.health import check
from ..kinds.workloads.machine import LINUX
from ..kinds.workloads.workload import CREDENTIAL, IMAGE, PERSISTENT, VOLUME
from ..records import dataclass, replace
from .manifest import Manifest, Workload

SHOWN = 60
MAX_STEPS = 2_000  # that are told of one tenant
# What a root that is kept depends on. Its user ids do not: they are moved where it is mounted.
_OF_ROOTS = frozenset(("image", PERSISTENT.name))
# Kinds of steps whose units run by themselves; the slice runs as long as something is in it.
STARTED = ("container", "machine", "infra", "network")


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
    """One unit of the plan. `reasons` is empty only when the action is `none`. A recreate is a stop under the old
    definition and a start under the new one."""

    action: Action
    kind: str
    name: str
    unit: str
    reasons: tuple[str, ...] = ()
    loses_data: bool = False

    def as_json(self) -> Json:
        """The step as `--json` and the interface tell it."""
        return {
            "action": self.action.value, "kind": self.kind, "name": self.name, "unit": self.unit,
            "reasons": list(self.reasons), "losesData": self.loses_data,
        }  # fmt: skip

    @classmethod
    def from_json(cls, told: Mapping[str, Json]) -> Self:
        """The step that is told so."""
        kind, name, unit = (text(told[part]) for part in ("kind", "name", "unit"))
        return cls(action=Action(text(told["action"])), kind=kind, name=name, unit=unit,
                   reasons=texts(told["reasons"]), loses_data=told["losesData"] is True)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps, in the order in which they can be done; `kept` are volumes with data that nobody declares any more.

    `asked` are the units of workloads that go on, but whose health another check decides from now on.
    """

    steps: tuple[Step, ...] = ()
    kept: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether anything is to be done at all."""
        return bool(self.touched)

    @property
    def touched(self) -> tuple[Step, ...]:
        """The steps that do something."""
        return tuple(step for step in self.steps if step.action is not Action.NONE)

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
    """The difference between two generations of a tenant; `None` stands for "nothing runs".

    With the units of both, a text that differs although no setting does is read again by systemd (live).
    """
    differing = _differing(old_units, new_units) if old and new else frozenset()
    steps = (
        *_stops(old, new), *_shared(old, new, differing), *_networks(old, new), *_scripts(old, new, differing),
        *_workloads(old, new, differing),
    )  # fmt: skip
    return Plan(steps, tuple(sorted(_volumes(old) - _volumes(new))), _asked(old, new))


def _asked(old: Manifest | None, new: Manifest | None) -> tuple[str, ...]:
    """The units of which the check differs, or the script that it runs; all, when the script of the tenant does."""
    if old is None or new is None:
        return ()
    scripts = {name for name in {*old.scripts, *new.scripts} if old.scripts.get(name) != new.scripts.get(name)}
    before = {one.unit: one.health for one in old.workloads}
    return tuple(
        one.unit for one in new.workloads if one.unit in before
        and ("health" in scripts or one.health != before[one.unit] or check(one.health.check).script in scripts)
    )  # fmt: skip


def joined(plan: Plan, down: Collection[str]) -> Plan:
    """The plan in which what is to stay as it is, but does not run, is started; `down` are the units that do not."""
    return replace(plan, steps=tuple(_started(step) if step.unit in down else step for step in plan.steps))


def resting(plan: Plan) -> tuple[str, ...]:
    """The units that the plan expects to run already."""
    units = plan.units(Action.NONE, Action.LIVE, Action.RELOAD)
    return tuple(step.unit for step in plan.steps if step.unit in units and step.kind in STARTED)


def _started(step: Step) -> Step:
    if step.kind not in STARTED or step.action not in (Action.NONE, Action.LIVE, Action.RELOAD):
        return step
    return replace(step, action=Action.START, reasons=(*step.reasons, "it does not run yet"))


def _volumes(manifest: Manifest | None) -> set[str]:
    names = manifest.infra_settings if manifest else ()
    return {name.removeprefix("volume:") for name in names if name.startswith("volume:")}


def _stops(old: Manifest | None, new: Manifest | None) -> Iterator[Step]:
    """What is in the old generation only: workloads in reverse order, then, with the whole tenant, what they shared."""
    if old is None:
        return
    kept = {one.unit for one in new.workloads} if new else set()
    for one in reversed(ordered(old)):
        if one.unit not in kept:
            yield Step(action=Action.STOP, kind=one.kind, name=one.name, unit=one.unit, reasons=("no longer declared",))
    if old.network_settings and not (new and new.network_settings):
        unit, reasons = names.network_unit(old.tenant), ("no longer declared",)
        yield Step(action=Action.STOP, kind="network", name=old.tenant, unit=unit, reasons=reasons)
    if new is None:
        reasons = ("the tenant is to stop",)
        infra, slice_ = names.infra_unit(old.tenant), names.tenant_slice(old.tenant)
        yield Step(action=Action.STOP, kind="infra", name=old.tenant, unit=infra, reasons=reasons)
        yield Step(action=Action.STOP, kind="slice", name=old.tenant, unit=slice_, reasons=reasons)


def _shared(old: Manifest | None, new: Manifest | None, differing: frozenset[str]) -> Iterator[Step]:
    """The slice, whose limits change while it runs, the infrastructure, which reloads, and the tenant's own unit."""
    if new is None:
        return
    tenant, first = new.tenant, ("the tenant is new",)
    slice_, infra, unit = names.tenant_slice(tenant), names.infra_unit(tenant), names.tenant_unit(tenant)
    if old is None:
        yield Step(action=Action.LIVE, kind="slice", name=tenant, unit=slice_, reasons=first)
        yield Step(action=Action.START, kind="infra", name=tenant, unit=infra, reasons=first)
        return
    limits = _changes(old.slice_settings, new.slice_settings, lambda name: Cost.LIVE)
    yield _step("slice", tenant, slice_, limits, differing)
    folders = _changes(old.infra_settings, new.infra_settings, lambda name: Cost.RELOAD)
    yield _step("infra", tenant, infra, folders, differing)
    yield from _other_uses(old, new)
    if unit in differing:
        yield _step("tenant", tenant, unit, {}, differing)


def _other_uses(old: Manifest, new: Manifest) -> Iterator[Step]:
    """A volume for the other kind of workload begins empty; what it held stays behind, where nothing reads it."""
    for name in sorted(_volumes(old) & _volumes(new)):
        before, after = (one.infra_settings[f"volume:{name}"].partition(" ")[0] for one in (old, new))
        if before != after:
            reasons = (f"it was a {before} and becomes a {after}, which begins empty",)
            unit = names.infra_unit(new.tenant)
            yield Step(
                action=Action.RELOAD, kind="volume", name=name, unit=unit, reasons=reasons, loses_data=True
            )


def shared(manifest: Manifest) -> tuple[str, ...]:
    """The units that workloads of a generation stand on."""
    networks = (names.network_unit(manifest.tenant),) if manifest.network_settings else ()
    return (names.infra_unit(manifest.tenant), *networks)


def _networks(old: Manifest | None, new: Manifest | None) -> Iterator[Step]:
    """The networks, which change while workloads are connected to them: nothing that a tenant changes in one costs more
    than a reload, in which only an interface that cannot be changed is made anew."""
    if new is None or not new.network_settings:
        return
    unit = names.network_unit(new.tenant)
    if old is None or not old.network_settings:
        reasons = ("newly declared",)
        yield Step(action=Action.START, kind="network", name=new.tenant, unit=unit, reasons=reasons)
        return
    changes = _changes(old.network_settings, new.network_settings, lambda name: Cost.RELOAD)
    if len(changes) > 1:
        changes.pop("texts", None)  # which differ because of the others
    yield _step("network", new.tenant, unit, changes, frozenset())


def _scripts(old: Manifest | None, new: Manifest | None, differing: frozenset[str]) -> Iterator[Step]:
    """A script that differs restarts nothing: the new one counts from the next time on that it is called."""
    if new is None:
        return
    before, after = old.scripts if old else {}, new.scripts
    for name in sorted({*before, *after}):
        unit = names.script_unit(name, new.tenant)
        word = "newly declared" if name not in before else "no longer declared" if name not in after else "changed"
        changes = {name: (Cost.LIVE, f"scripts/{name}: {word} (live)")} if before.get(name) != after.get(name) else {}
        yield _step("script", name, unit, changes, differing)


def _workloads(old: Manifest | None, new: Manifest | None, differing: frozenset[str]) -> Iterator[Step]:
    """The workloads of the new generation, each after those that it waits for."""
    before = {one.unit: one for one in old.workloads} if old else {}
    for one in ordered(new) if new else ():
        known = before.get(one.unit)
        if known is None:
            reasons = ("newly declared",)
            yield Step(action=Action.START, kind=one.kind, name=one.name, unit=one.unit, reasons=reasons)
            continue
        changes = _changes(known.settings, one.settings, lambda name: cost_of(one.kind, name))
        step = _step(one.kind, one.name, one.unit, changes, differing)
        loses = known.settings.get(PERSISTENT.name) == "yes" and not _OF_ROOTS.isdisjoint(changes)
        yield Step(
            action=step.action, kind=one.kind, name=one.name, unit=one.unit, reasons=step.reasons, loses_data=loses
        )


def cost_of(kind: str, name: str) -> Cost:
    """What a change of a setting of a workload costs. One that this version does not know costs a restart."""
    if name == "image":
        return IMAGE.cost
    if name.startswith("image:"):
        return LINUX.cost
    if name == "uidBase":
        return Cost.RECREATE
    if name.startswith("volume:"):
        return VOLUME.cost
    if name.startswith("credential:"):
        return CREDENTIAL.cost
    table = settings_of(kind)
    cost = table.cost(name) if table else None
    return Cost.RESTART if cost is None else cost


def _changes(
    old: Mapping[str, str], new: Mapping[str, str], cost: Callable[[str], Cost]
) -> dict[str, tuple[Cost, str]]:
    """What differs: by name, the cost and the sentence."""
    found = {}
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if before != after:
            price = cost(name)
            found[name] = (price, f"{name}={_shown(before)} → {_shown(after)} ({price.value})")
    return found


def _shown(value: str | None) -> str:
    if value is None:
        return "(unset)"
    text = printable(value.replace("\n", " | "))
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def _step(
    kind: str, name: str, unit: str, changes: Mapping[str, tuple[Cost, str]], differing: frozenset[str]
) -> Step:
    cost = heaviest(price for price, _ in changes.values())
    reasons = tuple(reason for price, reason in changes.values() if price is not Cost.NONE)
    if cost is Cost.NONE and unit in differing:
        cost, reasons = Cost.LIVE, ("the text of the unit differs (live)",)
    return Step(action=Action(cost.value), kind=kind, name=name, unit=unit, reasons=reasons)


def ordered(manifest: Manifest) -> list[Workload]:
    """The workloads in an order in which they can start: by name, but after those that they wait for."""
    waiting = {one.unit: one for one in sorted(manifest.workloads, key=lambda one: one.name)}
    order: list[Workload] = []
    while waiting:
        ready = [unit for unit, one in waiting.items() if not any(other in waiting for other in one.after)]
        for unit in ready or list(waiting):  # a circle cannot be compiled; one in a damaged manifest must not hang us
            order.append(waiting.pop(unit))
    return order


def _differing(old: Mapping[str, str] | None, new: Mapping[str, str] | None) -> frozenset[str]:
    """The units of which a file differs; a drop-in belongs to the unit in its folder's name."""
    if old is None or new is None:
        return frozenset()
    paths = {path for path in {*old, *new} if old.get(path) != new.get(path)}
    return frozenset(path.partition("/")[0].removesuffix(".d") for path in paths)
