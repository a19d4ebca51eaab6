"""The units that the workloads of a tenant share: its slice with the limits, its infrastructure, and itself."""

from collections.abc import Collection

from ... import names
from ...kinds import limits
from ...kinds.values import show_limit, show_quota, show_size
from ...kinds.workloads import vmcommand
from ...kinds.workloads.workload import PERSISTENT
from ..host import HostFacts
from ..manifest import DRIVE, SHARED, STORAGE
from ..registration import Grants, Registration
from ..scripts import STOPPING, longest, stop_unit
from ..tenant import Tenant
from .shared import DROP_IN, Assignments, machines_of, render, shared_path

STEPS = "/usr/lib/bitbuilder/storage"
BLOCK = 1 << 20
# The room that a start has for what is not watching: fetching the repository and the images.
START_MARGIN_SEC = 1800


def slice_limits(tenant: Tenant, registration: Registration) -> Assignments:
    """The limits of the slice: what the tenant asks for, never more than its grants."""
    grants = registration.grants
    wanted = tenant.limits.values if tenant.limits else None
    found: dict[str, str] = dict(wanted.directives()) if wanted else {}
    rows = (
        (limits.MEMORY_MAX, grants.memory, show_size),
        (limits.CPU_QUOTA, grants.cpu_quota, show_quota),
        (limits.TASKS_MAX, grants.tasks, show_limit),
    )
    for row, most, show in rows:
        value = wanted.get(row) if wanted else None
        if most is not None:
            found[row.directive] = show(most if value is None else min(value, most))
    return sorted(found.items())


def settings(tenant: Tenant, facts: HostFacts, grants: Grants) -> dict[str, str]:
    """What the manifest says of the infrastructure."""
    found = {f"volume:{name}": "directory" for name in _folders(tenant)}
    found |= {f"volume:{name}": f"{DRIVE} {size}" for name, size in _drives(tenant, facts).items()}
    found |= {f"volume:{name}": SHARED for name in _shares(tenant, facts)}
    found |= {f"machine:{name}": "folder" for name in sorted(machines_of(tenant, facts))}
    found |= {f"root:{name}": "folder" for name in _roots(tenant)}
    return found | ({STORAGE: str(size)} if (size := _room(tenant, facts, grants)) else {})


def texts(
    tenant: Tenant, limited: Assignments, facts: HostFacts, grants: Grants, watched_sec: int
) -> dict[str, str]:
    """The units, by their paths. `limited` are the limits of the slice, and a change is watched for `watched_sec`."""
    return {
        names.tenant_slice(tenant.id): _slice_unit(tenant.id, limited),
        f"{names.tenant_unit(tenant.id)}.d/{DROP_IN}": _tenant_unit(tenant, watched_sec),
        f"{names.infra_unit(tenant.id)}.d/{DROP_IN}": _infra_unit(tenant, facts, grants),
    }


def stop_units(tenant: Tenant, facts: HostFacts, workloads: Collection[str]) -> dict[str, str]:
    """The units whose stop is a script of the tenant's, before or after the units of its workloads."""
    volumes = {name: f"{facts.volumes(tenant.id)}/{name}" for name in _folders(tenant)}
    home = f"{facts.tenants_dir}/{tenant.id}"
    return {
        names.script_unit(name, tenant.id): render(
            *stop_unit(
                tenant.id, name, tenant.scripts[name].interpreter, workloads, volumes, home=home, run_dir=facts.run_dir
            )
        )
        for name in STOPPING
        if name in tenant.scripts
    }


def _slice_unit(tenant: str, limited: Assignments) -> str:
    unit = [("Description", f"Slice of Tenant {tenant}"), ("Documentation", "man:bbhv(1)")]
    return render(("Unit", unit), ("Slice", limited))


def _tenant_unit(tenant: Tenant, watched_sec: int) -> str:
    """Longer than fetching, scripts, watching, going back and watching again can take."""
    seconds = START_MARGIN_SEC + longest(tenant.scripts) + 2 * watched_sec
    return render(("Service", [("TimeoutStartSec", str(seconds))]))


def _folders(tenant: Tenant) -> tuple[str, ...]:
    """The volumes that are folders for containers, by name."""
    return tuple(name for name, volume in sorted(tenant.volumes.items()) if volume.use == "container")


def _drives(tenant: Tenant, facts: HostFacts) -> dict[str, int]:
    """The sizes of the volumes that are drives, by name; there are none where no machine runs."""
    found = {name: one.size for name, one in sorted(tenant.volumes.items()) if one.is_drive}
    return {} if vmcommand.lacking(facts.vmspawn, facts.vmspawn_switches) else found


def _shares(tenant: Tenant, facts: HostFacts) -> tuple[str, ...]:
    """The volumes that are folders for machines, by name; there are none where no machine runs."""
    found = tuple(name for name, one in sorted(tenant.volumes.items()) if one.is_shared)
    return () if vmcommand.lacking(facts.vmspawn, facts.vmspawn_switches) else found


def _roots(tenant: Tenant) -> tuple[str, ...]:
    """The containers that keep their roots."""
    return tuple(name for name, one in sorted(tenant.containers.items()) if one.values.need(PERSISTENT))


def _room(tenant: Tenant, facts: HostFacts, grants: Grants) -> int:
    """How much storage there is, in whole blocks; none as long as nothing is in it."""
    kept = _folders(tenant) or _roots(tenant)
    used = kept or _drives(tenant, facts) or _shares(tenant, facts) or machines_of(tenant, facts)
    return (grants.storage or 0) // BLOCK * BLOCK if used else 0


def _infra_unit(tenant: Tenant, facts: HostFacts, grants: Grants) -> str:
    """Folders and drives. A reload makes new ones; nothing ever removes one, or changes one that is there."""
    mkdir = facts.tools.get("mkdir", "/usr/bin/mkdir")
    home = facts.volumes(tenant.id)
    make = [names.exec_line((mkdir, "-p", "-m", "0755", "--", f"{home}/{name}")) for name in _folders(tenant)]
    make += [names.exec_line((mkdir, "-p", "-m", "0700", "--", f"{facts.roots(tenant.id)}/{one}"))
             for one in _roots(tenant)]  # fmt: skip
    make += [names.exec_line((STEPS, "drive", f"{home}/{name}.raw", str(size)))
             for name, size in _drives(tenant, facts).items()]  # fmt: skip
    make += [names.exec_line((mkdir, "-p", "-m", "0700", "--", shared_path(home, name)))
             for name in _shares(tenant, facts)]  # fmt: skip
    folders = [f"{facts.machines(tenant.id)}/{name}" for name in sorted(machines_of(tenant, facts))]
    # What the user of a machine has, and what it may only write into: both are lent to it one by one.
    make += [names.exec_line((mkdir, "-p", "-m", "0755", "--", f"{one}/run", f"{one}/kept")) for one in folders]
    service = [("Slice", names.tenant_slice(tenant.id)), ("Environment", f"STORAGE={_room(tenant, facts, grants)}")]
    service += [("ExecStart", line) for line in make] + [("ExecReload", line) for line in make]
    return render(("Service", service))
