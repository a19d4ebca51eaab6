"""What workloads may use, against what their tenant has: its grants, and its own limits in tenant.slice.

Of one workload, a limit above a grant is an error (BB401): it says what can never be. The slice of the tenant is a
limit of its own making, so there only a machine whose memory does not fit is an error (BB209).

Of all workloads together, memory that is promised twice is a warning (BB401): as long as not all of them use theirs,
everything works, but then the kernel kills something. A machine counts with its RAM=, which it uses sooner or later,
or with a larger MemoryMax=; what has no limit does not count, since the slice bounds it. CPU time is shared at every
instant and tasks are rarely used up, so their sums are not looked at.
"""

from collections.abc import Iterator

from ..findings import Finding, Place
from ..kinds import limits
from ..kinds.settings import Setting
from ..kinds.values import INFINITY, show_limit, show_quota, show_size
from ..kinds.workloads import machine
from ..kinds.workloads.machine import Machine
from ..kinds.workloads.workload import CPU_QUOTA, MEMORY_MAX, TASKS_MAX, Workload
from .registration import Grants
from .tenant import Tenant

ASK = "Ask the operator for more, or declare less."
# One CPU all of the time, in hundredths of a percent.
FULL_CPU = 10_000


def findings(tenant: Tenant, grants: Grants) -> Iterator[Finding]:
    """Everything that is too much. What is not granted at all is not compared: that has a finding elsewhere."""
    room = _room(tenant, grants.memory)
    for name, workload in sorted(tenant.workloads.items()):
        yield from _limits(workload, grants)
        if isinstance(workload, Machine):
            yield from _hardware(workload, grants, room)
    if room is not None:
        yield from _together(tenant, room)


def _room(tenant: Tenant, memory: int | None) -> int | None:
    """The memory of the whole tenant: its grant, or less when its slice says so."""
    own = tenant.limits.values.get(limits.MEMORY_MAX) if tenant.limits else None
    return own if memory is None else min(memory, memory if own is None else own)


def _limits(workload: Workload, grants: Grants) -> Iterator[Finding]:
    """A limit of one workload that is above a grant. No limit at all is fine: the slice has one."""
    rows = (
        (MEMORY_MAX, grants.memory, show_size),
        (CPU_QUOTA, grants.cpu_quota, show_quota),
        (TASKS_MAX, grants.tasks, show_limit),
    )
    for row, granted, show in rows:
        wanted = workload.values.get(row)
        if granted is not None and wanted is not None and granted < wanted != INFINITY:
            message = f"{row.key}={show(wanted)} is more than the {show(granted)} that are granted to the tenant."
            yield Finding(_place(workload, row), "BB401", message, ASK)


def _hardware(one: Machine, grants: Grants, room: int | None) -> Iterator[Finding]:
    """A machine with more memory than there is, or more CPUs than can ever run at once."""
    ram, cpus = one.values.need(machine.RAM), one.values.need(machine.CPUS)
    memory, quota = grants.memory, grants.cpu_quota
    shown = f"RAM={show_size(ram)}{'' if one.values.given(machine.RAM) else ', which is the default,'}"
    if memory is not None and ram > memory:
        message = f"{shown} is more than the {show_size(memory)} that are granted to the tenant."
        yield Finding(_place(one, machine.RAM), "BB401", message, ASK)
    elif room is not None and ram > room:
        message = f"{shown} is more than the MemoryMax={show_size(room)} of the tenant's own slice."
        hint = "Write a larger MemoryMax= in infrastructure/tenant.slice, or less RAM=."
        yield Finding(_place(one, machine.RAM), "BB209", message, hint)
    if quota is not None and cpus > (whole := -(-quota // FULL_CPU)):
        message = f"CPUs={cpus} is more than the {whole} that can run at once of the {show_quota(quota)} granted."
        yield Finding(_place(one, machine.CPUS), "BB401", message, ASK)


def _together(tenant: Tenant, room: int) -> Iterator[Finding]:
    """The workload, by name, with which more memory is promised than there is."""
    total = 0
    for name, workload in sorted(tenant.workloads.items()):
        total += memory_of(workload)
        if total > room:
            message = f"With {name} the workloads may use {show_size(total)} of memory, but the tenant has "
            message += f"{show_size(room)}: when all use theirs, something is killed."
            row: Setting[object] = machine.RAM if isinstance(workload, Machine) else MEMORY_MAX
            hint = "Declare less, or leave it when they never need it all at once."
            yield Finding(_place(workload, row), "BB401", message, hint, severity="warning")
            return


def memory_of(workload: Workload) -> int:
    """The memory that a workload is promised, in bytes; 0 when nothing bounds it but its tenant's slice."""
    most = workload.values.get(MEMORY_MAX) or 0
    bounded = 0 if most == INFINITY else most
    return max(bounded, workload.values.need(machine.RAM)) if isinstance(workload, Machine) else bounded


def _place(workload: Workload, row: Setting[object]) -> Place:
    return workload.values.places(row)[0]
