"""The verbs that serve others: the varlink server, and the workers inside the sandboxes."""

from ..errors import EXIT_OK
from .main import Call
from .output import Output


def worker(call: Call, output: Output) -> int:
    """What the sandboxed units call."""
    from ..engine.worker import work

    return work(call.arguments)


def serve(call: Call, output: Output) -> int:
    """What bitbuilder-varlink.service calls: answers until it is idle."""
    from ..engine import report, world
    from ..ipc import server
    from ..version import VERSION

    server.serve(report, version=VERSION, operators=world.settings()[0].operators_group)
    return EXIT_OK
