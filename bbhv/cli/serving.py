"""The verbs that serve others: the varlink server, what it leaves to be done, and the workers inside the sandboxes."""

from ..errors import EXIT_OK
from .main import Call
from .output import Output


def worker(call: Call, output: Output) -> int:
    """What the sandboxed units call."""
    from ..engine.worker import work

    return work(call.arguments)


def serve(call: Call, output: Output) -> int:
    """What bitbuilder-varlink.service calls: answers until it is idle. All that an answer needs is loaded before."""
    from ..engine import world
    from ..ipc import server
    from ..version import VERSION
    from .backing import Engine

    server.serve(Engine(), version=VERSION, operators=world.settings()[0].operators_group)
    return EXIT_OK


def requests(call: Call, output: Output) -> int:
    """What bitbuilder-requests.service calls, and a sync that ends: does what callers of the interface asked for."""
    from ..engine import manager

    manager.carry_out()
    return EXIT_OK
