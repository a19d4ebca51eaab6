"""The process of the service: from the sockets that the service manager passed until nobody calls any more."""

import os
from functools import partial

from ..engine import world
from ..engine.tally import Tally
from ..host import log, resources, systemd
from ..version import VERSION
from . import activation, methods, peer, telling
from .server import Limits, Server
from .table import INTERFACES

HOST = "_host"


def serve(limits: Limits = Limits()) -> None:
    """Serves until idle. Everything that a call needs is loaded before READY=1. Raises UsageError without sockets."""
    listeners = activation.listeners(os.environ)
    resources.preload()
    texts = {name: resources.data(f"schemas/{name}.varlink").decode() for name in INTERFACES}
    service = methods.load(texts, VERSION, admitted=telling.admitted)
    identify = partial(peer.identify, operators=peer.group_id(world.settings()[0].operators_group))
    server = Server(listeners, service, identify=identify, limits=limits, log=partial(log.write, "warning"),
                    denied=Tally(HOST).add)  # fmt: skip
    systemd.notify("READY=1")
    server.run()
    systemd.notify("STOPPING=1")
