"""The verbs that serve others: the varlink server, what it leaves to be done, and the workers inside the sandboxes."""

from typing import TYPE_CHECKING

from ..errors import EXIT_OK
from ..formats.jsonvalue import Json
from .main import Call
from .output import Output

if TYPE_CHECKING:
    from ..engine.access import Access
    from ..ipc.peer import Caller


def worker(call: Call, output: Output) -> int:
    """What the sandboxed units call."""
    from ..engine.worker import work

    return work(call.arguments)


class Engine:
    """What stands behind the varlink interface: it tells, and it passes on what it may not do itself."""

    def __init__(self, access: "Access") -> None:
        self._access = access

    def tenants(self, tenant: str | None) -> list[dict[str, Json]]:
        """All tenants by id, or the one."""
        from ..engine import report

        return report.tenants(tenant)

    def ask(self, verb: str, tenant: str | None, repository: str | None, caller: "Caller") -> tuple[str, ...]:
        """Leaves a request for each tenant that is meant, when the caller may act on it."""
        from ..engine import requests
        from ..host import log
        from ..model.requests import Request

        chosen = self._access.chosen(tenant, repository, caller.uid, caller.groups, caller.operator)
        for one in chosen:
            requests.leave(Request(verb, one))
        log.write("info", f"{caller} asked for {verb} of {', '.join(chosen)}.")
        return chosen


def serve(call: Call, output: Output) -> int:
    """What bitbuilder-varlink.service calls: answers until it is idle."""
    from ..engine import world
    from ..engine.access import Access
    from ..ipc import server
    from ..version import VERSION

    server.serve(Engine(Access()), version=VERSION, operators=world.settings()[0].operators_group)
    return EXIT_OK


def requests(call: Call, output: Output) -> int:
    """What bitbuilder-requests.service calls, and a sync that ends: does what callers of the interface asked for."""
    from ..engine import manager

    manager.carry_out()
    return EXIT_OK
