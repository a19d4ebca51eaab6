"""The verbs that serve others: the varlink server, what it leaves to be done, and the workers inside the sandboxes."""

from ..errors import EXIT_OK, UsageError
from ..names import is_name
from .main import Call
from .output import Output


def worker(call: Call, output: Output) -> int:
    """What the sandboxed units call."""
    from ..engine.worker import work

    return work(call.arguments)


def serve(call: Call, output: Output) -> int:
    """What bitbuilder-varlink.service calls, and bitbuilder-varlink@.service for containers of a tenant: answers until
    it is idle. All that an answer needs is loaded before."""
    from ..ipc import service

    tenant = call.get("--tenant")
    if tenant and not is_name(tenant):
        raise UsageError(f"{ascii(tenant[:64])} is not a tenant name.")
    service.serve(tenant=tenant)
    return EXIT_OK


def answer(call: Call, output: Output) -> int:
    """What bitbuilder-look@.service and bitbuilder-act@.service call: answers one call, which is on standard input."""
    from ..ipc import worker
    from ..ipc.table import How

    kind = next((kind for kind in How if kind.is_unit and kind.value == call.arguments[0]), None)
    if kind is None:
        raise UsageError("bbhv answer takes look or act.")
    worker.answer(kind)
    return EXIT_OK


def bridge(call: Call, output: Output) -> int:
    """What varlinkctl has ssh call on this host: standard input and output are a connection to the service."""
    from ..engine import paths
    from ..ipc import bridge as ends

    ends.bridge(paths.API)
    return EXIT_OK


def requests(call: Call, output: Output) -> int:
    """What bitbuilder-requests.service calls, and a sync that ends: does what callers of the interface asked for."""
    from ..engine import manager

    manager.carry_out()
    return EXIT_OK
