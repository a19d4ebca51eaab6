"""What stands behind the varlink interface: it tells, and it passes on what it may not do itself."""

from ..engine import report, requests
from ..engine.access import Access
from ..formats.jsonvalue import Json
from ..host import log
from ..ipc.peer import Caller
from ..model.requests import Request


class Engine:
    """The engine, as the methods see it."""

    def __init__(self) -> None:
        self._access = Access()

    def tenants(self, tenant: str | None) -> list[dict[str, Json]]:
        """All tenants by id, or the one."""
        return report.tenants(tenant)

    def ask(self, verb: str, tenant: str | None, repository: str | None, caller: Caller) -> tuple[str, ...]:
        """Leaves a request for each tenant that is meant, when the caller may act on it."""
        chosen = self._access.chosen(tenant, repository, caller.uid, caller.groups, caller.operator)
        for one in chosen:
            requests.leave(Request(verb, one))
        log.write("info", f"{caller} asked for {verb} of {', '.join(chosen)}.")
        return chosen
