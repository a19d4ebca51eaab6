"""Drift: what differs between what runs and the generation that should, and what is done about it.

A pure function: the manifest and what was seen of the host → one `Drift` for each difference, in the order of the
manifest. `KINDS` is the one table: for each kind the sentence, the policy from which on it is set right, and what a
person would do; model/remedy.py has the steps. What is no drift:

- a tenant that somebody stopped: all of it is meant to be down, which is what the outcome `held` says;
- a workload with Restart=no that ended, or with on-failure that ended well: it did what was declared;
- drop-ins of a whole template (tenant-container@.service.d): the operator's word about all tenants of the host.

Why the look is cheap: the states of all units of all tenants are one `systemctl list-units`, which systemd answers
without a round trip for each; overrides are the names in four folders, listed once for all tenants; the published units
are read only when the kernel says that something was touched since. systemd's own word about each unit
(NeedDaemonReload=) costs a round trip each, so only whoever asks about one tenant gets it.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum

from .. import names
from ..formats.jsontext import Json
from ..records import dataclass, field
from .manifest import Manifest, Workload
from .registration import DriftPolicy

RESTART = "X-Bitbuilder.Restart"
DOWN, GOING = ("inactive", "failed"), ("active", "activating", "reloading", "refreshing")
SHOWN = 3


class Kind(StrEnum):
    """The kinds of drift."""

    STOPPED = "stopped"
    FAILED = "failed"
    MASKED = "masked"
    REPLACED = "replaced"
    OVERRIDDEN = "overridden"
    UNPUBLISHED = "unpublished"
    OUTDATED = "outdated"
    REWIRED = "rewired"
    ORPHAN = "orphan"


@dataclass(frozen=True, slots=True)
class Row:
    """A kind: what there is to say (`{}` is the detail), the policy that sets it right, and the hint."""

    says: str
    policy: DriftPolicy | None
    hint: str


KINDS: Mapping[Kind, Row] = {
    Kind.STOPPED: Row("it is stopped", DriftPolicy.HEAL, "systemctl start {unit}"),
    Kind.FAILED: Row("it has failed", DriftPolicy.HEAL, "journalctl -u {unit}"),
    Kind.MASKED: Row("it is masked by {}", DriftPolicy.REVERT, "systemctl unmask {runtime}{unit}"),
    Kind.REPLACED: Row("its unit is replaced by {}", DriftPolicy.REVERT, "systemctl revert {unit}"),
    Kind.OVERRIDDEN: Row("it is changed by {}", DriftPolicy.REVERT, "systemctl revert {unit}"),
    Kind.UNPUBLISHED: Row("what systemd has read is not the generation: {}", DriftPolicy.HEAL, "bbhv sync {tenant}"),
    Kind.OUTDATED: Row("systemd has not read its unit again", None, "systemctl daemon-reload"),
    Kind.REWIRED: Row("{}", DriftPolicy.HEAL, "systemctl reload {unit}"),
    Kind.ORPHAN: Row("it runs and is not declared", DriftPolicy.HEAL, "systemctl stop {unit}"),
}


@dataclass(frozen=True, slots=True)
class Override:
    """A file or folder of the operator that changes one unit; `kind` is masked, replaced or overridden."""

    kind: Kind
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What was seen of the host at one moment: of all tenants, but for `published`, which is about one.

    `states` maps units that are loaded to their active states, `published` says why what systemd has read is not the
    generation, `outdated` are the units that systemd would read anew, `closely` says that time was no matter.
    `networks` maps tenants to what of their networks is not as it was brought up.
    """

    states: Mapping[str, str] = field(default_factory=dict)
    overrides: Mapping[str, Sequence[Override]] = field(default_factory=dict)
    published: str = ""
    outdated: frozenset[str] = frozenset()
    closely: bool = False
    networks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One difference. `path` is what an operator put there, of an override."""

    kind: Kind
    object: str
    name: str
    unit: str
    reason: str
    hint: str
    path: str = ""

    def as_json(self) -> dict[str, Json]:
        """As `bbhv status --json` has it."""
        return {"kind": self.kind.value, "name": self.name, "unit": self.unit, "reason": self.reason, "hint": self.hint}

    def is_set_right_by(self, policy: DriftPolicy) -> bool:
        """Whether this policy of a registration sets it right."""
        needed = KINDS[self.kind].policy
        return needed is not None and policy.rank >= needed.rank


def find(manifest: Manifest, sight: Sight) -> tuple[Drift, ...]:
    """All differences between a generation and what was seen of a tenant that is to run."""
    tenant = manifest.tenant
    found: list[Drift] = []
    if sight.published:
        found.append(_drift(Kind.UNPUBLISHED, tenant, "tenant", tenant, names.tenant_slice(tenant), sight.published))
    for object, name, unit in _objects(manifest):
        found += [
            _drift(one.kind, tenant, object, name, unit, one.path, path=one.path)
            for one in sight.overrides.get(unit, ())
        ]
        if unit in sight.outdated:
            found.append(_drift(Kind.OUTDATED, tenant, object, name, unit))
    if manifest.network_settings:
        unit, wrong = names.network_unit(tenant), sight.networks.get(tenant, "")
        kind = Kind.FAILED if sight.states.get(unit) == "failed" else Kind.STOPPED
        if sight.states.get(unit, "inactive") in DOWN:
            found.append(_drift(kind, tenant, "network", tenant, unit))
        elif wrong:
            found.append(_drift(Kind.REWIRED, tenant, "network", tenant, unit, wrong))
    for one in manifest.workloads:
        down = ended(one, sight.states.get(one.unit, "inactive"))
        masked = any(other.kind is Kind.MASKED for other in sight.overrides.get(one.unit, ()))
        if down is not None and not masked:
            found.append(_drift(down, tenant, one.kind, one.name, one.unit))
    found += _orphans(manifest, sight.states)
    return tuple(found)


def ended(workload: Workload, state: str) -> Kind | None:
    """Whether a workload in this state is down though it should run."""
    restart = workload.settings.get(RESTART, "always")
    if state == "inactive" and restart == "always":
        return Kind.STOPPED
    return Kind.FAILED if state == "failed" and restart != "no" else None


def sentence(found: Sequence[Drift]) -> str:
    """The differences as the end of a sentence, as many as fit in one."""
    shown = [f"{one.object} {one.name}: {one.reason}" for one in found[:SHOWN]]
    more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return "; ".join((*shown, *more))


def _objects(manifest: Manifest) -> Iterator[tuple[str, str, str]]:
    """Kind, name and unit of everything that a generation consists of."""
    tenant = manifest.tenant
    yield "tenant", tenant, names.tenant_unit(tenant)
    yield "slice", tenant, names.tenant_slice(tenant)
    yield "infra", tenant, names.infra_unit(tenant)
    if manifest.network_settings:
        yield "network", tenant, names.network_unit(tenant)
    yield from ((one.kind, one.name, one.unit) for one in manifest.workloads)


def _orphans(manifest: Manifest, states: Mapping[str, str]) -> Iterator[Drift]:
    declared = {one.unit for one in manifest.workloads}
    for unit, state in sorted(states.items()):
        object, name, tenant = names.workload_of(unit)
        if tenant == manifest.tenant and unit not in declared and state in GOING:
            yield _drift(Kind.ORPHAN, tenant, object, name, unit)


def _drift(kind: Kind, tenant: str, object: str, name: str, unit: str, detail: str = "", path: str = "") -> Drift:
    row, runtime = KINDS[kind], "--runtime " if path.startswith("/run/") else ""
    return Drift(
        kind=kind, object=object, name=name, unit=unit, reason=row.says.format(detail),
        hint=row.hint.format(unit=unit, tenant=tenant, runtime=runtime), path=path,
    )  # fmt: skip
