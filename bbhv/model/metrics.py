"""Metrics: what a host and its tenants are doing, as numbers with names. Pure; the text is made by formats/openmetrics.

`TENANT` and `WORKLOAD` are tables, a row for each metric: its name, its type, its unit, what it says, and how it is
told. What nobody knows has no series. Each tenant has a fixed number of series, whatever it declares; those of single
workloads, of which a tenant has as many as it is granted, end at MAX_WORKLOADS of the host, and how many are left out
is a number too.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from ..formats.openmetrics import Family, Sample, Type
from ..records import dataclass, field
from .events import OUTCOMES
from .usage import SECOND, OfTenant, OfWorkload

PREFIX = "bitbuilder"
MAX_WORKLOADS = 4000
WORDS = (*OUTCOMES, "unchanged")
VERBS = ("suspend", "rollback")
HEALTH = ("healthy", "starting", "unhealthy")
Number = int | float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantNow:
    """What there is to tell of one tenant. Ages are in seconds; `held` is the verb of a hold, `healths` counts its
    workloads by their health."""

    usage: OfTenant
    outcome: str = ""
    generation: int | None = None
    good: int | None = None
    quarantined: int = 0
    drift: int = 0
    held: str = ""
    healths: Mapping[str, int] = field(default_factory=dict)
    sync_age: float | None = None
    success_age: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostNow:
    """What there is to tell of the host: the version of this program, its tenants, how long its generator, in processor
    time, and the last sync of all took, how long ago that ended, and the calls of its interface that were denied, by
    server. Times are in seconds."""

    version: str
    tenants: Sequence[TenantNow] = ()
    generator_seconds: float | None = None
    sync_seconds: float | None = None
    sync_age: float | None = None
    denied: Mapping[str, int] = field(default_factory=dict)


class Row(NamedTuple):
    """One metric that is a number for each tenant."""

    name: str
    type: Type
    unit: str
    help: str
    tell: Callable[[TenantNow], Number]


class WorkloadRow(NamedTuple):
    """One metric that is a number for each workload."""

    name: str
    type: Type
    unit: str
    help: str
    tell: Callable[[OfWorkload], Number]


def _seconds(usec: int | None) -> Number:
    return None if usec is None else usec / SECOND


TENANT = (
    Row("memory_bytes", Type.GAUGE, "bytes", "Memory that it uses", lambda one: one.usage.measured.memory),
    Row("memory_peak_bytes", Type.GAUGE, "bytes", "The most memory that it has used since it started",
        lambda one: one.usage.measured.memory_peak),
    Row("memory_granted_bytes", Type.GAUGE, "bytes", "Memory that it is granted", lambda one: one.usage.grants.memory),
    Row("cpu_seconds", Type.COUNTER, "seconds", "Processor time that it has used since it started",
        lambda one: _seconds(one.usage.measured.cpu_usec)),
    Row("granted_cpus", Type.GAUGE, "", "Processors that it is granted", lambda one: one.usage.grants.cpus),
    Row("tasks", Type.GAUGE, "", "Tasks that it has", lambda one: one.usage.measured.tasks),
    Row("granted_tasks", Type.GAUGE, "", "Tasks that it is granted", lambda one: one.usage.grants.tasks),
    Row("storage_bytes", Type.GAUGE, "bytes", "Storage that its volumes, and the roots and disks that are kept, take",
        lambda one: one.usage.storage),
    Row("storage_granted_bytes", Type.GAUGE, "bytes", "Storage that it is granted",
        lambda one: one.usage.grants.storage),
    Row("io_read_bytes", Type.COUNTER, "bytes", "Read from disks since it started",
        lambda one: one.usage.measured.read_bytes),
    Row("io_written_bytes", Type.COUNTER, "bytes", "Written to disks since it started",
        lambda one: one.usage.measured.written_bytes),
    Row("sync_age_seconds", Type.GAUGE, "seconds", "Time since its last sync ended", lambda one: one.sync_age),
    Row("success_age_seconds", Type.GAUGE, "seconds", "Time since a sync of it last ended well",
        lambda one: one.success_age),
    Row("generation", Type.GAUGE, "", "Number of its current generation", lambda one: one.generation),
    Row("good_generation", Type.GAUGE, "", "Number of its last generation that became healthy", lambda one: one.good),
    Row("quarantined_commits", Type.GAUGE, "", "Commits that are not tried again", lambda one: one.quarantined),
    Row("drift", Type.GAUGE, "", "Differences between what runs and the good generation", lambda one: one.drift),
)  # fmt: skip

WORKLOAD = (
    WorkloadRow("memory_bytes", Type.GAUGE, "bytes", "Memory that it uses", lambda one: one.measured.memory),
    WorkloadRow("cpu_seconds", Type.COUNTER, "seconds", "Processor time that it has used since it started",
                lambda one: _seconds(one.measured.cpu_usec)),
    WorkloadRow("tasks", Type.GAUGE, "", "Tasks that it has", lambda one: one.measured.tasks),
)  # fmt: skip


def families(now: HostNow) -> list[Family]:
    """All metrics of a host."""
    found = [*_host(now)]
    for row in TENANT:
        samples = ((row.tell(one), (("tenant", one.usage.id),)) for one in now.tenants)
        found.append(_family(f"tenant_{row.name}", row.type, row.unit, f"{row.help}, by tenant", samples))
    found += [
        _states("outcome", "How its last sync ended", WORDS, [(one.usage.id, one.outcome) for one in now.tenants]),
        _states("hold", "What an operator holds it by", VERBS, [(one.usage.id, one.held) for one in now.tenants]),
        _family("tenant_workloads", Type.GAUGE, "", "Its workloads by their health", (
            (one.healths.get(word, 0), (("tenant", one.usage.id), ("health", word)))
            for one in now.tenants for word in HEALTH
        )),
    ]  # fmt: skip
    return [*found, *_workloads(now.tenants)]


def _host(now: HostNow) -> Iterable[Family]:
    yield Family(name=PREFIX, type=Type.INFO, help="The program that tells this",
                 samples=(Sample(1, (("version", now.version),)),))  # fmt: skip
    yield _family("tenants", Type.GAUGE, "", "Tenants of this host", [(len(now.tenants), ())])
    for name, text, value in (
        ("generator_seconds", "Processor time that the last run of the generator took", now.generator_seconds),
        ("sync_seconds", "Time that the last sync of all tenants took", now.sync_seconds),
        ("sync_age_seconds", "Time since the last sync of all tenants ended", now.sync_age),
    ):
        yield _family(name, Type.GAUGE, "seconds", text, [(value, ())])
    denied = ((count, (("server", server),)) for server, count in sorted(now.denied.items()))
    says = "Calls of the interface that were denied, and connections that were refused, by server"
    yield _family("calls_denied", Type.COUNTER, "", says, denied)


def _workloads(tenants: Sequence[TenantNow]) -> Iterable[Family]:
    every = [(one.usage.id, workload) for one in tenants for workload in one.usage.workloads]
    shown = every[:MAX_WORKLOADS]
    for row in WORKLOAD:
        samples = (
            (row.tell(workload), (("tenant", tenant), ("workload", workload.name))) for tenant, workload in shown
        )
        yield _family(f"workload_{row.name}", row.type, row.unit, f"{row.help}, by workload", samples)
    left = [(len(every) - len(shown), ())]
    yield _family("workloads_left_out", Type.GAUGE, "", "Workloads that have no series here, there are too many", left)


def _family(
    name: str, type: Type, unit: str, text: str, values: Iterable[tuple[Number, tuple[tuple[str, str], ...]]]
) -> Family:
    samples = tuple(Sample(value, labels) for value, labels in values if value is not None)
    return Family(name=f"{PREFIX}_{name}", type=type, help=f"{text}.", unit=unit, samples=samples)


def _states(name: str, text: str, words: Sequence[str], tenants: Iterable[tuple[str, str]]) -> Family:
    """One of several states for each tenant: each state has a series, named as the metric is."""
    label = f"{PREFIX}_tenant_{name}"
    values = ((int(is_ == word), (("tenant", tenant), (label, word))) for tenant, is_ in tenants for word in words)
    return _family(f"tenant_{name}", Type.STATESET, "", f"{text}, by tenant", values)
