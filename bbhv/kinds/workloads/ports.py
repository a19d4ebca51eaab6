"""Ports of the host that lead into a workload: Port= of systemd.nspawn(5), and the ranges that a grant has."""

from collections.abc import Iterable

from ...findings import did_you_mean
from ...records import dataclass
from ..values import Unreadable, integer, quoted

PROTOCOLS = ("tcp", "udp")
_HINT = "Write the protocol, the port of the host and the port inside, such as tcp:8080:80."
_number = integer(1, 65535)


@dataclass(frozen=True, slots=True)
class Port:
    """A port of the host, and the port of the workload that it leads to."""

    protocol: str
    host: int
    inside: int

    def __str__(self) -> str:
        return f"{self.protocol}:{self.host}:{self.inside}"


@dataclass(frozen=True, slots=True)
class PortRange:
    """Ports of the host from `first` to `last`."""

    protocol: str
    first: int
    last: int

    def covers(self, port: Port) -> bool:
        """Whether the port of the host is one of them."""
        return self.protocol == port.protocol and self.first <= port.host <= self.last


def port(value: str) -> Port:
    """[PROTOCOL:]HOST[:INSIDE]; the protocol is tcp and the port inside the same when they are left out."""
    parts = value.split(":")
    protocol = parts.pop(0) if parts[0] and not parts[0][0].isdigit() else "tcp"
    if protocol not in PROTOCOLS:
        raise Unreadable(f"{quoted(protocol)} is not a protocol.", did_you_mean(protocol, PROTOCOLS) or _HINT)
    if not 1 <= len(parts) <= 2:
        raise Unreadable(f"{quoted(value)} is not a port of the host and a port inside.", _HINT)
    if any("-" in part for part in parts):
        raise Unreadable(f"{quoted(value)} is a range of ports.", "Write one Port= for each port.")
    try:
        return Port(protocol, _number(parts[0]), _number(parts[-1]))
    except Unreadable as error:
        raise Unreadable(str(error), _HINT) from None


def port_range(value: str) -> PortRange:
    """PROTOCOL:PORT or PROTOCOL:FIRST-LAST, as a grant has it."""
    protocol, colon, numbers = value.partition(":")
    first, dash, last = numbers.partition("-")
    if protocol not in PROTOCOLS or not colon:
        raise Unreadable(f"{quoted(value)} is not a range of ports.", "Write tcp:8080 or tcp:8080-8090.")
    low, high = _number(first), _number(last if dash else first)
    if low > high:
        raise Unreadable(f"The range {quoted(value)} ends before it starts.", f"Write {protocol}:{high}-{low}.")
    return PortRange(protocol, low, high)


def is_granted(wanted: Port, granted: Iterable[str]) -> bool:
    """Whether one of the ranges of a grant has the port of the host. A range that cannot be read grants nothing."""
    for text in granted:
        try:
            if port_range(text).covers(wanted):
                return True
        except Unreadable:
            continue
    return False
