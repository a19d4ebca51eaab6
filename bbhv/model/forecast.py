"""Forecast: what a repository's files would do to what a tenant has, decided by the functions that decide for real.

A host asks before it activates, a laptop or a pipeline with the facts that a host has told. What is wrong is reported;
where the files are right all the same, so that only a guard says no, the plan is there beside the findings.
"""

import hashlib
from collections.abc import Mapping, Sequence

from ..findings import Finding, errors, ordered
from ..formats.schema.compiler import Schema
from ..kinds.table import KINDS
from ..names import workload
from ..records import dataclass, field, replace
from . import credentials, grants, guards, hostmachines, hostnetworks, hoststorage, hostversion
from .bounds import is_complete
from .compile import Generation, compile_tenant
from .host import HostFacts
from .manifest import Manifest
from .plan import Action, Plan, plan
from .registration import Registration
from .tenant import Tenant, read_tenant
from .units.shared import machines_of

UNALLOCATED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Has:
    """What a tenant has: its generation, whose units are texts, or `digested`."""

    manifest: Manifest | None = None
    units: Mapping[str, str] | None = None
    number: int | None = None
    digested: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What would happen. Without a `generation` the files have errors, and the plan is empty."""

    plan: Plan = Plan()
    generation: Generation | None = None
    findings: tuple[Finding, ...] = ()
    unallocated: tuple[str, ...] = field(default=())


def check(
    files: Mapping[str, bytes], problems: Sequence[Finding], registration: Registration, facts: HostFacts,
    schema: Schema, *, allow_file: bool,
) -> tuple[Tenant | None, tuple[Finding, ...]]:
    """The tenant that a commit's files declare on this host, None when it has errors, and all findings in order."""
    tenant, found = read_tenant(files, registration.tenant, schema, complete=is_complete(problems))
    findings: tuple[Finding, ...] = (*problems, *found)
    if tenant is not None:
        findings += tuple(grants.check(tenant, registration, allow_file=allow_file, offered=facts.offered))
        findings += (*hostmachines.findings(tenant, facts), *hoststorage.findings(tenant, facts))
        findings += tuple(hostnetworks.findings(tenant, facts))
        findings += hostversion.newer(tenant, facts.systemd_version, idle=_idle(tenant, facts))
        findings += tuple(credentials.missing(tenant.workloads.values(), tenant.credentials, facts.host_name))
    return None if errors(findings) else tenant, ordered(findings)


def _idle(tenant: Tenant, facts: HostFacts) -> frozenset[str]:
    """The kinds that are checked, but do not run on this host."""
    pending = frozenset(kind.name for kind in KINDS if kind.pending)
    return pending if machines_of(tenant, facts) else pending | {"machine"}


def guard(old: Manifest | None, tenant: Tenant, generation: Generation) -> tuple[Finding, ...]:
    """What the commit takes away of the old generation without saying so."""
    said = guards.Said(consent=tenant.metadata.consent, place=tenant.metadata.consent_place)
    return guards.check(old, generation.manifest, plan(old, generation.manifest), said)


def difference(has: Has, generation: Generation) -> Plan:
    """What must happen so that a generation runs, by what the tenant has."""
    units = generation.units
    if has.digested:
        units = {path: digest(unit) for path, unit in units.items()}
    return plan(has.manifest, generation.manifest, old_units=has.units, new_units=units)


def digest(unit: str) -> str:
    """What stands for the text of a unit where only equality counts."""
    return hashlib.sha256(unit.encode()).hexdigest()


def forecast(
    tenant: Tenant, registration: Registration, facts: HostFacts, has: Has, *, commit: str, version: str
) -> Forecast:
    """What a commit that has passed its checks would do. UID ranges that are not allocated yet are not invented."""
    names = [workload(name, tenant.id) for name in tenant.containers]
    missing = tuple(name for name in names if name not in facts.uid_bases)
    bases = {**facts.uid_bases, **dict.fromkeys(missing, UNALLOCATED)}
    generation = compile_tenant(tenant, registration, replace(facts, uid_bases=bases), commit, version)
    taken = guard(has.manifest, tenant, generation)
    return Forecast(plan=difference(has, generation), generation=generation, findings=taken, unallocated=missing)


def count(findings: Sequence[Finding]) -> str:
    """Why a commit with findings is refused."""
    bad = len(errors(findings))
    return f"It has {bad} error{'' if bad == 1 else 's'}."


def counts(steps: Plan) -> dict[str, int]:
    """How many objects there are of each action, in the order of the actions; those that rest are `none`."""
    found = {action.value: sum(step.action is action for step in steps.steps) for action in Action}
    return {word: count for word, count in found.items() if count}
