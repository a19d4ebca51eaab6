"""How the values of network files read: addresses, subnets, hardware addresses, bandwidths, domains, link names.

Each reader is a small function from text to a value that raises `Unreadable` with a sentence. What is shown again is
canonical: two spellings of one address are one text. Only addresses pass that can belong to a network of a tenant:
unicast, and neither loopback nor link-local, where hosts and clouds keep services of their own.
"""

from collections.abc import Callable
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_interface,
    ip_network,
)  # fmt: skip
from typing import TypeAlias

from ...names import NAME_RULE, is_name
from ..values import Unreadable, quoted, span, text, words

IPAddress: TypeAlias = IPv4Address | IPv6Address
IPInterface: TypeAlias = IPv4Interface | IPv6Interface
IPNetwork: TypeAlias = IPv4Network | IPv6Network

# What the kernel has room for in the name of an interface (IFNAMSIZ, with its NUL).
MAX_LINK = 15
SERVER_ADDRESS, LINK_LOCAL = "_server_address", "_link_local"
# How wide and how narrow a network of a tenant may be, by IP version.
_LENGTHS = {4: (8, 30), 6: (32, 126)}
_LOOKS = {4: "10.77.0.1/24", 6: "fd00:77::1/64"}
_DIGITS = frozenset("0123456789")
_HEX = frozenset("0123456789abcdef")
_LINK = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
_LABEL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_ZONE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-")
_RATES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
# "This network" (RFC 1122, 3.2.1.3), and link-local addresses (RFC 3927).
_ZEROES, _LINK_LOCAL = IPv4Network("0.0.0.0/8"), IPv4Network("169.254.0.0/16")


def interface(value: str) -> IPInterface:
    """An address with the length of its subnet, such as 10.77.0.1/24."""
    address, slash, length = value.partition("/")
    if not slash or not length or not _DIGITS.issuperset(length) or len(value) > 64 or "%" in value:
        raise Unreadable(f"{quoted(value)} is not an address with a prefix length.", "Write for example 10.77.0.1/24.")
    try:
        found = ip_interface(value)
    except ValueError:
        raise Unreadable(f"{quoted(value)} is not an address with a prefix length.") from None
    _usable(found.ip, value)
    _sized(found.network, value)
    hint = f"Choose an address inside of {found.network}."
    if found.ip == found.network.network_address:
        raise Unreadable(f"{quoted(value)} is the subnet itself.", hint)
    if found.version == 4 and found.ip == found.network.broadcast_address:
        raise Unreadable(f"{quoted(value)} is the broadcast address.", hint)
    return found


def interface4(value: str) -> IPv4Interface:
    """An IPv4 address with the length of its subnet."""
    found = interface(value)
    if not isinstance(found, IPv4Interface):
        raise Unreadable(f"{quoted(value)} is not an IPv4 address.")
    return found


def address(value: str) -> IPAddress:
    """One address without a prefix length."""
    if "/" in value or len(value) > 64 or "%" in value:
        raise Unreadable(f"{quoted(value)} is not one address.", "Leave out what follows the address.")
    try:
        found = ip_interface(value).ip
    except ValueError:
        raise Unreadable(f"{quoted(value)} is not an IP address.") from None
    _usable(found, value)
    return found


def address4(value: str) -> IPv4Address:
    """One IPv4 address."""
    found = address(value)
    if not isinstance(found, IPv4Address):
        raise Unreadable(f"{quoted(value)} is not an IPv4 address.")
    return found


def prefix6(value: str) -> IPv6Network:
    """An IPv6 subnet, such as fd00:77::/64; bits behind its length must be zero."""
    base, slash, length = value.partition("/")
    if not slash or not length or not _DIGITS.issuperset(length) or len(value) > 64 or "%" in base:
        raise Unreadable(f"{quoted(value)} is not an IPv6 prefix.", "Write for example fd00:77::/64.")
    try:
        found = ip_network(value, strict=False)
    except ValueError:
        raise Unreadable(f"{quoted(value)} is not an IPv6 prefix.") from None
    if not isinstance(found, IPv6Network):
        raise Unreadable(f"{quoted(value)} is not an IPv6 prefix.", "Write for example fd00:77::/64.")
    _usable(found.network_address, value)
    _sized(found, value)
    if str(found.network_address) != str(ip_interface(base).ip):
        raise Unreadable(f"{quoted(value)} has bits behind its prefix length.", f"Write {found}.")
    return found


def _usable(found: IPAddress, value: str) -> None:
    """Raises Unreadable for an address that no network of a tenant can have."""
    what = ""
    if found.is_unspecified:
        raise Unreadable(f"{quoted(value)} leaves the choice to the host.", "Write an address of a granted subnet.")
    if found.is_loopback:
        what = "a loopback address"
    elif found.is_multicast:
        what = "a multicast address"
    elif found.is_link_local:
        what = "a link-local address"
    elif found.is_reserved or found in _ZEROES or _is_reserved6(found):
        what = "a reserved address"
    if what:
        raise Unreadable(f"{quoted(value)} is {what}.", "Write an address of a granted subnet.")


def _is_reserved6(found: IPAddress) -> bool:
    # What `is_reserved` says of an IPv4 address inside an IPv6 address depends on the version of Python.
    return isinstance(found, IPv6Address) and (found.is_site_local or found.ipv4_mapped is not None)


def _sized(found: IPNetwork, value: str) -> None:
    """Raises Unreadable for a subnet that is too wide, too narrow, or holds link-local addresses."""
    if isinstance(found, IPv4Network) and found.overlaps(_LINK_LOCAL):
        raise Unreadable(f"The subnet of {quoted(value)} has link-local addresses in it.", "Choose a smaller one.")
    low, high = _LENGTHS[found.version]
    if not low <= found.prefixlen <= high:
        hint = f"Write a length from {low} to {high}, such as {_LOOKS[found.version]}."
        raise Unreadable(f"The prefix length of {quoted(value)} is not possible for a network.", hint)


def servers4(value: str) -> tuple[str, ...]:
    """IPv4 addresses of servers that the host itself is none of."""
    if SERVER_ADDRESS in words(value):
        raise Unreadable("The host itself is no such server.", "Write the address of a workload that is one.")
    return tuple(str(address4(word)) for word in _some(value))


def resolvers4(value: str) -> tuple[str, ...]:
    """IPv4 addresses of servers, or _server_address."""
    return tuple(word if word == SERVER_ADDRESS else str(address4(word)) for word in _some(value))


def resolvers6(value: str) -> tuple[str, ...]:
    """IPv6 addresses of servers, or _link_local."""
    return tuple(word if word == LINK_LOCAL else _server6(word) for word in _some(value))


def _server6(word: str) -> str:
    found = address(word)
    if not isinstance(found, IPv6Address):
        raise Unreadable(f"{quoted(word)} is not an IPv6 address.")
    return str(found)


def domains(value: str) -> tuple[str, ...]:
    """DNS domains between blanks."""
    return tuple(domain(word) for word in _some(value))


def _some(value: str) -> tuple[str, ...]:
    found = words(value)
    if not found or len(found) > 16:
        raise Unreadable("There must be from 1 to 16 words.")
    return found


def domain(value: str) -> str:
    """A DNS domain in lower case, such as example.com."""
    name = value.lower()
    labels = name.split(".")
    good = all(0 < len(part) <= 63 and _LABEL.issuperset(part) and part.strip("-") == part for part in labels)
    if not good or len(name) > 253:
        raise Unreadable(f"{quoted(value)} is not a DNS name.", "Write letters, digits, dashes and dots.")
    return name


def timezone(value: str) -> str:
    """The name of a time zone, such as Europe/Berlin."""
    parts = value.split("/")
    if len(value) > 64 or len(parts) > 3 or not all(part and _ZONE.issuperset(part) for part in parts):
        raise Unreadable(f"{quoted(value)} is not a time zone.", "Write for example Europe/Berlin or UTC.")
    return value


def mac(value: str) -> str:
    """The hardware address of one device, in lower case with colons."""
    parts = value.lower().replace("-", ":").split(":")
    if len(parts) != 6 or not all(len(part) == 2 and _HEX.issuperset(part) for part in parts):
        raise Unreadable(f"{quoted(value)} is not a hardware address.", "Write for example 02:00:00:00:00:0a.")
    if int(parts[0], 16) & 1 or not any(part != "00" for part in parts):
        raise Unreadable(f"{quoted(value)} is not the address of one device.")
    return ":".join(parts)


def link(value: str) -> str:
    """A network of the tenant, or an uplink of the host: exactly one, by its name."""
    plain = 0 < len(value) <= MAX_LINK and _LINK.issuperset(value) and value not in (".", "..")
    if not plain and not is_name(value):
        hint = f"Write one name without * and !: {NAME_RULE}."
        raise Unreadable(f"{quoted(value)} is not the name of a network.", hint)
    return value


def bandwidth(value: str) -> int:
    """A rate in bits per second, with the suffixes K, M, G, T to the base 1000; from 8K to 1T."""
    number, unit = (value[:-1], value[-1:]) if value[-1:] in _RATES else (value, "")
    whole, dot, fraction = number.partition(".")
    if not whole or not _DIGITS.issuperset(whole + fraction) or bool(dot) != bool(fraction) or len(number) > 16:
        raise Unreadable(f"{quoted(value)} is not a bandwidth.", "Write bits per second, such as 100M.")
    scale: int = 10 ** len(fraction)
    rate = int(whole + fraction) * _RATES[unit] // scale
    if not 8000 <= rate <= 10**12:
        raise Unreadable(f"The bandwidth {quoted(value)} is not between 8K and 1T.")
    return rate


def show_bandwidth(value: int) -> str:
    """The rate with the largest suffix that is exact."""
    for suffix in "TGMK":
        if value % _RATES[suffix] == 0:
            return f"{value // _RATES[suffix]}{suffix}"
    return str(value)


def share(value: str) -> int:
    """A percentage of packets, in hundredths of a percent."""
    number = value.removesuffix("%")
    whole, dot, fraction = number.partition(".")
    good = 0 < len(whole) <= 3 and _DIGITS.issuperset(whole + fraction) and bool(dot) == bool(fraction)
    if number == value or not good or len(fraction) > 2:
        raise Unreadable(f"{quoted(value)} is not a percentage.", "Write for example 0.5%.")
    found = int(whole) * 100 + int(fraction.ljust(2, "0"))
    if found > 10_000:
        raise Unreadable(f"{quoted(value)} is more than 100%.")
    return found


def span_between(low: str, high: str) -> Callable[[str], int]:
    """A reader of time spans from `low` to `high`, both as a file has them; the value is in microseconds."""
    least, most = span(low), span(high)

    def read(value: str) -> int:
        found = span(value)
        if not least <= found <= most:
            raise Unreadable(f"The time span {quoted(value)} is not between {low} and {high}.")
        return found

    return read


def zero_or(reader: Callable[[str], int]) -> Callable[[str], int]:
    """A reader of time spans that also takes 0."""
    return lambda value: 0 if value in ("0", "0s") else reader(value)


def whole(low: int, high: int) -> Callable[[str], int]:
    """A reader of whole numbers from `low`, which may be negative, to `high`."""

    def read(value: str) -> int:
        digits = value.removeprefix("-")
        good = 0 < len(digits) <= 10 and _DIGITS.issuperset(digits)
        if not good or not low <= int(value) <= high:
            raise Unreadable(f"{quoted(value)} is not a whole number from {low} to {high}.")
        return int(value)

    return read


def description(value: str) -> str:
    """A line of text for people."""
    if len(text(value)) > 256:
        raise Unreadable("The description has more than 256 characters.")
    return value
