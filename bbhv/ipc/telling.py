"""What is told of the host without changing anything, fast enough for a thread of the service."""

from ..engine import describing, report, requests
from ..engine.access import Access
from ..engine.tenant import past
from ..formats import varlink
from ..formats.jsontext import Json
from ..formats.varlink import VarlinkError
from ..host import log
from .methods import Asked, Service
from .peer import Caller
from .table import HYPERVISOR

NO_SUCH_REPOSITORY = f"{HYPERVISOR}.NoSuchRepository"
_access = Access()


def admitted(caller: Caller) -> tuple[str, ...]:
    """The tenants whose registration names this user or a group of it."""
    return _access.admitted(caller.uid, caller.groups)


def list_tenants(service: Service, asked: Asked) -> dict[str, Json]:
    """The tenants that the caller may see, or the one."""
    return {"tenants": [*_tenants(asked)]}


def _tenants(asked: Asked) -> list[dict[str, Json]]:
    if asked.tenant:
        return report.tenants(asked.tenant)
    if asked.tenants is not None and len(asked.tenants) == 1:
        return report.tenants(asked.tenants[0])
    return [one for one in report.tenants(None) if asked.tenants is None or one["id"] in asked.tenants]


def list_workloads(service: Service, asked: Asked) -> dict[str, Json]:
    """The workloads of a tenant, or of all that the caller may see."""
    return {"workloads": [{"tenant": one["id"], **workload} for one in _tenants(asked) for workload in _list(one)]}


def _list(one: dict[str, Json]) -> list[dict[str, Json]]:
    found = one["workloads"]
    return [workload for workload in found if isinstance(workload, dict)] if isinstance(found, list) else []


def describe_tenant(service: Service, asked: Asked) -> dict[str, Json]:
    """A tenant, and what it is granted."""
    (one,) = report.tenants(asked.tenant)
    return {"tenant": one, **describing.access(asked.tenant)}


def describe_workload(service: Service, asked: Asked) -> dict[str, Json]:
    """A workload, as its generation has it."""
    return {"workload": describing.workload(asked.tenant, asked.text("workload"))}


def history(service: Service, asked: Asked) -> dict[str, Json]:
    """The generations that are kept, and the commits that are not tried again."""
    found = past.history(asked.tenant)
    return {"generations": [*found.generations], "quarantined": [*found.quarantined]}


def pushed(service: Service, asked: Asked) -> dict[str, Json]:
    """Leaves a request for each tenant that is meant. It does not wait for what comes of it."""
    tenant, repository = asked.text("tenant"), asked.text("repository")
    if bool(tenant) == bool(repository):
        raise VarlinkError(varlink.INVALID_PARAMETER, {"parameter": "tenant"})
    meant = _access.meant(tenant, repository)
    chosen = tuple(one for one in meant if asked.tenants is None or one in asked.tenants)
    if not chosen and asked.tenants is not None:
        raise VarlinkError(varlink.PERMISSION_DENIED)
    if not chosen and tenant:
        raise VarlinkError(f"{HYPERVISOR}.NoSuchTenant", {"tenant": tenant})
    if not chosen:
        raise VarlinkError(NO_SUCH_REPOSITORY, {"repository": repository})
    for one in chosen:
        requests.leave(one)
    log.write("info", f"{asked.who} asked for a sync of {', '.join(chosen)}.")
    return {"tenants": [*chosen]}
