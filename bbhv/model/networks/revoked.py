"""What of the ways of a tenant's networks is not granted any more, though a generation has it that goes on running.

A commit that asks for more than is granted is refused, and what runs stays as it is. Who may come in and where out is
the operator's word alone, so that is shut meanwhile: the ports of the host that are taken back, with the connections
that came about by them, and the uplinks that lead to the internet.
"""

from collections.abc import Iterable

from ...formats.nft import Fragment
from ...kinds.workloads.ports import is_granted, port
from ..registration import Grants
from .wires import Wires

PORTS, WAYS = "shut_ports", "shut_ways"


def revoked(one: Wires, internet: Iterable[str], grants: Grants) -> Fragment:
    """The elements that shut what is not granted. `internet` are the uplinks by which a tenant reached it."""
    ports = [text for text in one.forwarded if not is_granted(port(text), grants.ports)]
    left = grants.uplinks if grants.internet else ()
    ways = [(own, uplink) for own in one.bridges for uplink in internet if uplink not in left]
    both = [pair for own, uplink in ways for pair in ((own, uplink), (uplink, own))]
    elements = {
        ("inet", PORTS): {text.replace(":", " . "): "drop" for text in ports},
        ("inet", WAYS): {f'"{source}" . "{target}"': "drop" for source, target in both},
    }
    return Fragment({}, {where: found for where, found in elements.items() if found})


def told(shut: Fragment) -> str:
    """What is shut, in words."""
    ports = (key.replace(" . ", ":") for key in shut.elements.get(("inet", PORTS), {}))
    return ", ".join((*ports, *(("internet",) if ("inet", WAYS) in shut.elements else ())))
