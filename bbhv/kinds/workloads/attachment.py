"""How a workload is attached to the networks of its tenant: Network= in [X-Bitbuilder]."""

from ...records import dataclass
from ..networks.address import IPAddress, address
from ..values import name


@dataclass(frozen=True, slots=True)
class Link:
    """One more network of a container, and its address there, None when the network gives one."""

    network: str
    address: IPAddress | None = None

    def __str__(self) -> str:
        return self.network if self.address is None else f"{self.network}:{self.address}"


def link(value: str) -> Link:
    """A network, and if wanted a colon and an address in it: NAME[:ADDRESS]."""
    network, colon, where = value.partition(":")
    return Link(name(network), address(where) if colon else None)
