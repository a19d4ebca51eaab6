"""What the service tells of itself: org.varlink.service and io.systemd.service."""

import os

from ..formats import varlink
from ..formats.jsontext import Json
from ..formats.varlink import VarlinkError
from ..host import log
from .methods import Asked, Service


def get_info(service: Service, asked: Asked) -> dict[str, Json]:
    """Who made it, and what it offers."""
    return {
        "vendor": "BitBuilder",
        "product": "BitBuilder Hypervisor",
        "version": service.version,
        "url": "https://bitbuilder.io/",
        "interfaces": list(service.interfaces),
    }


def get_interface_description(service: Service, asked: Asked) -> dict[str, Json]:
    """The text of an interface."""
    name = asked.text("interface")
    interface = service.interfaces.get(name)
    if interface is None:
        raise VarlinkError(varlink.INTERFACE_NOT_FOUND, {"interface": name})
    return {"description": interface.text}


def ping(service: Service, asked: Asked) -> dict[str, Json]:
    """That it is there."""
    return {}


def set_log_level(service: Service, asked: Asked) -> dict[str, Json]:
    """What is less than that is not logged until it ends (syslog(3))."""
    level = asked.number("level")
    if level is None or level not in log.LEVELS.values():
        raise VarlinkError(varlink.INVALID_PARAMETER, {"parameter": "level"})
    log.most = level
    return {}


def get_environment(service: Service, asked: Asked) -> dict[str, Json]:
    """Its environment, which has no secrets: units get those in files."""
    return {"environment": [f"{name}={value}" for name, value in sorted(os.environ.items())]}
