"""The verb network: what tenant-network@.service calls."""

from ..engine.networks import upkeep
from ..errors import EXIT_OK, UsageError
from ..host import systemd
from ..names import parse_name
from .main import Call
from .output import Output


def network(call: Call, output: Output) -> int:
    """bbhv network up|down TENANT."""
    what, name = call.arguments
    tenant = parse_name(name)
    match what:
        case "up":
            upkeep.up(tenant)
            systemd.notify(f"STATUS={upkeep.told(tenant)}")
        case "down":
            upkeep.down(tenant)
        case _:
            raise UsageError("bbhv network takes up or down.")
    return EXIT_OK
