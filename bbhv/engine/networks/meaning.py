"""What the texts of a record mean: this program wrote them, on a disk that may have been damaged since."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from ...errors import BbhvError
from ...model.networks.wires import Wires, from_json
from ...model.units.network import WIRES

T = TypeVar("T")


def wires_of(*texts: Mapping[str, str]) -> Wires:
    """What these texts say of interfaces, taken together. Raises BbhvError for damaged ones."""
    found = [read(WIRES, from_json, one) for one in texts if WIRES in one]
    return Wires(
        links={name: readable for one in found for name, readable in one.links.items()},
        ports={name: bridge for one in found for name, bridge in one.ports.items()},
        bridges=tuple(dict.fromkeys(name for one in found for name in one.bridges)),
        vlans=tuple(dict.fromkeys(vlan for one in found for vlan in one.vlans)),
        uplinks=tuple(dict.fromkeys(name for one in found for name in one.uplinks)),
        passes=any(one.passes for one in found),
        subnets=tuple(dict.fromkeys(subnet for one in found for subnet in one.subnets)),
        forwarded=tuple(dict.fromkeys(port for one in found for port in one.forwarded)),
    )


def read(name: str, reader: Callable[[str], T], texts: Mapping[str, str]) -> T:
    """What a reader makes of the text of this name. Raises BbhvError when it is damaged."""
    try:
        return reader(texts[name])
    except ValueError as error:
        hint = "If the generation is damaged, a sync makes it anew."
        raise BbhvError(f"{name} of the networks is damaged: {error}.", hint=hint) from error
