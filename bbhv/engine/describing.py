"""What there is to say of one thing: the host, a tenant's registration, a workload."""

from ..errors import NotFoundError
from ..findings import did_you_mean
from ..formats.jsontext import Json
from ..host import networkd, nft, systemd, vmspawn
from ..model.manifest import Workload
from ..names import workload as host_name
from . import paths, world
from .storage.state import Store


def host(version: str) -> dict[str, Json]:
    """The host: its name, the versions of what runs it, what it lacks, and how many tenants are registered on it."""
    known = world.load()
    lacks = {"nft": nft.is_there(), "systemd-networkd": networkd.is_there(),
             "systemd-vmspawn": bool(vmspawn.switches(paths.RUN_VMSPAWN)[0])}  # fmt: skip
    return {
        "name": world.name_of(known.settings),
        "version": version,
        "systemdVersion": systemd.version(),
        "tenants": len(known.registrations) + len(known.refused),
        "systemCommit": known.system or None,
        "lacking": [name for name, there in lacks.items() if not there],
    }


def access(tenant: str) -> dict[str, Json]:
    """Where a tenant's repository is, how its commits are verified, and what it is granted; null where nobody says."""
    one = world.load().registrations.get(tenant)
    if one is None:
        return {"repository": None, "branch": None, "trust": None, "grants": None}
    return {"repository": one.repository, "branch": one.branch, "trust": one.trust.value,
            "grants": one.grants.as_written()}  # fmt: skip


def workload(tenant: str, name: str) -> dict[str, Json]:
    """A workload of the current generation. Raises NotFoundError."""
    store = Store(paths.tenant(tenant))
    manifest = store.manifest(store.number("current"))
    known = {one.name: one for one in manifest.workloads} if manifest else {}
    if name not in known:
        raise NotFoundError(f"Tenant {tenant} has no workload {ascii(name[:40])}.",
                            hint=did_you_mean(name, known) or f"It has {', '.join(known) or 'none'}.")  # fmt: skip
    return _workload(known[name], tenant)


def _workload(one: Workload, tenant: str) -> dict[str, Json]:
    found = systemd.show((one.unit,), ("ActiveState", "SubState", "NRestarts", "InvocationID", "StatusText"))
    state = found.get(one.unit, {})
    restarts = state.get("NRestarts", "")
    return {
        "tenant": tenant, "name": one.name, "kind": one.kind, "hostName": host_name(one.name, tenant),
        "unit": one.unit,
        "activeState": state.get("ActiveState", "inactive"), "subState": state.get("SubState", "dead"),
        "statusText": state.get("StatusText") or None, "restarts": int(restarts) if restarts.isdecimal() else 0,
        "invocationId": state.get("InvocationID") or None, "after": list(one.after), "healthCheck": one.health.check,
        "image": one.image.name, "imageDigest": one.image.sha256 or None, "settings": dict(one.settings),
    }  # fmt: skip
