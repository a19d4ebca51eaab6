"""The look at networks: what of them is not as it was brought up. Nothing is changed, and nothing compiled is read."""

import os

from ...errors import BbhvError
from ...formats.nft import FAMILIES
from ...host import files, networkd, nft
from ...names import FILTER_TABLE
from . import record

_INTERFACES = "/sys/class/net"


def problems() -> dict[str, str]:
    """What is not as it was brought up, by tenant. Without networks it costs nothing."""
    tenants = record.tenants()
    if not tenants:
        return {}
    filtered = "" if is_in_force() else "the filter was changed"
    found = {tenant: filtered or _problem(tenant) for tenant in tenants}
    return {tenant: problem for tenant, problem in found.items() if problem}


def _problem(tenant: str) -> str:
    try:
        known = record.load(tenant)
        for name in sorted(known.files):
            if files.read(f"{networkd.FILES}/{name}") != known.now[name].encode():
                return f"{networkd.FILES}/{name} was changed"
    except BbhvError:
        return ""  # who brings the networks up says what is wrong with the record
    missing = sorted(name for name in known.links if not os.path.exists(f"{_INTERFACES}/{name}"))
    return f"{', '.join(missing)} was removed" if missing else ""


def is_in_force() -> bool:
    """Whether the filter looks as when it was last changed, as far as this process may know."""
    known = files.read(record.FILTER, record.MAX_RECORD)
    seen = nft.listed(FILTER_TABLE, FAMILIES) if known is not None else None
    return seen is None or seen.encode() == known


def note_filter() -> None:
    """Remembers how the filter looks now. Where that cannot be told, the next change puts all of it in force."""
    seen = nft.listed(FILTER_TABLE, FAMILIES)
    if seen is None:
        files.discard(record.FILTER)
    else:
        files.write(record.FILTER, seen.encode(), 0o600)
