"""The remedy of drift: the plan that sets right what the policy of a registration says. Pure."""

from collections.abc import Mapping, Sequence

from .drift import Drift, Kind
from .plan import Action, Plan, Step
from .registration import DriftPolicy

ACTIONS: Mapping[Kind, Action] = {
    Kind.STOPPED: Action.START, Kind.FAILED: Action.START, Kind.MASKED: Action.START, Kind.REPLACED: Action.RESTART,
    Kind.OVERRIDDEN: Action.RESTART, Kind.UNPUBLISHED: Action.LIVE, Kind.OUTDATED: Action.NONE,
    Kind.ORPHAN: Action.STOP, Kind.REWIRED: Action.RELOAD,
}  # fmt: skip
_WEIGHT = (Action.NONE, Action.LIVE, Action.RELOAD, Action.RESTART, Action.START, Action.STOP)


def remedy(found: Sequence[Drift], policy: DriftPolicy) -> Plan:
    """The steps that set right what the policy says, one for each unit: the heaviest that one of its drifts needs."""
    steps: dict[str, Step] = {}
    for one in found:
        if not one.is_set_right_by(policy):
            continue
        action = _action(one)
        known = steps.get(one.unit)
        reasons = (*(known.reasons if known else ()), one.reason)
        if known is not None and _WEIGHT.index(known.action) > _WEIGHT.index(action):
            action = known.action
        steps[one.unit] = Step(action=action, kind=one.object, name=one.name, unit=one.unit, reasons=reasons)
    return Plan(tuple(steps.values()))


def _action(one: Drift) -> Action:
    """What the table says, but for what other units stand on, and for limits, which change while it runs."""
    shared = one.object in ("slice", "tenant", "infra")
    limits = one.kind is Kind.OVERRIDDEN and ".control/" in one.path
    return Action.LIVE if shared or limits else ACTIONS[one.kind]
