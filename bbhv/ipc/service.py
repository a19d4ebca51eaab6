"""The process of the service: from the sockets that the service manager passed until nobody calls any more."""

import os
import socket
from collections.abc import Callable
from functools import partial

from ..engine import world
from ..engine.tally import Tally
from ..host import log, resources, systemd
from ..version import VERSION
from . import activation, methods, peer, telling, work
from .peer import Caller
from .server import Limits, Server
from .table import INTERFACES

HOST = "_host"


def serve(limits: Limits = Limits(), *, tenant: str = "") -> None:
    """Serves the host until idle, or the containers of a tenant. Everything that a call needs is loaded before READY=1.
    Raises UsageError without sockets."""
    listeners = activation.listeners(os.environ)
    resources.preload()
    texts = {name: resources.data(f"schemas/{name}.varlink").decode() for name in INTERFACES}
    service = methods.load(texts, VERSION, admitted=telling.admitted)
    server = Server(listeners, service, identify=_inside(tenant) if tenant else _host(), limits=limits,
                    log=partial(log.write, "warning"), units=work.sockets(tenant),
                    denied=Tally(tenant or HOST).add)  # fmt: skip
    systemd.notify("READY=1")
    server.run()
    systemd.notify("STOPPING=1")


def _host() -> Callable[[socket.socket], Caller]:
    return partial(peer.identify, operators=peer.group_id(world.settings()[0].operators_group))


def _inside(tenant: str) -> Callable[[socket.socket], Caller]:
    from ..engine.insiders import controlled  # with the record of ranges, which nobody else asks
    from .inside import identify

    return partial(identify, tenant=tenant, known=partial(controlled, tenant))
