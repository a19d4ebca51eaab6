"""Servers of images, as values: where one may send us, and at which addresses nobody is asked.

Pure. A tenant names a URL below a prefix that it was granted, and may be the one who says which address the name in it
has: so the address decides. It must not be one at which only this host has services, or one at which a provider tells
this host its secrets. On its other addresses it answers everybody in its network, and so it may answer us.
"""

from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address

from ..errors import BbhvError
from ..kinds.urls import covers, normalise
from ..kinds.values import Unreadable

MAX_QUERY = 4096
# Where providers answer machines about themselves, besides 169.254.169.254, which is link-local: those of Amazon and
# Google by IPv6, of Alibaba, of Azure (its wire server), and of Oracle.
_METADATA = frozenset(map(ip_address, (
    "fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192",
)))  # fmt: skip
REDIRECTS = 5
TOO_OFTEN = f"The server sends us elsewhere more than {REDIRECTS} times"


def elsewhere(url: str, target: str, granted: Sequence[str]) -> str:
    """The whole URL to which a server sends us, if that is granted, and not from https to http. Raises BbhvError."""
    path, mark, query = target.partition("?")
    try:
        path = normalise(path, ("https",) if url.startswith("https:") else ("https", "http"))
    except Unreadable as error:
        raise BbhvError(f"The server sends us elsewhere: {error}") from None
    if not any(covers(prefix, path) for prefix in granted):
        raise BbhvError(f"The server sends us to {path}, which is outside the sources that are granted")
    if len(query) > MAX_QUERY or not query.isascii() or not query.isprintable() or " " in query or "#" in query:
        raise BbhvError("The server sends us elsewhere, to what is no URL")
    return path + mark + query


def forbidden(address: str, url: str, granted: Sequence[str]) -> str:
    """What is at an address at which nobody is asked for a URL; empty when it may be asked.

    The host itself may, if a granted prefix names it as itself, and the URL is below that prefix.
    """
    found = ip_address(address.partition("%")[0])
    inner = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    one = inner or found
    if one.is_loopback:
        plain = url.partition("?")[0]
        own = any(_is_host_itself(prefix) and covers(prefix, plain) for prefix in granted)
        return "" if own else "this host itself"
    if one.is_unspecified:
        return "this host itself"
    if one.is_link_local:
        return "only for neighbours on the same link"
    if one in _METADATA:
        return "where a provider tells this host its secrets"
    return "a group of hosts" if one.is_multicast else ""


def _is_host_itself(prefix: str) -> bool:
    """Whether the host in a URL is a name or an address that means this host wherever it is said."""
    host = prefix.split("/")[2].partition(":")[0]
    try:
        return host == "localhost" or host.endswith(".localhost") or ip_address(host).is_loopback
    except ValueError:
        return False
