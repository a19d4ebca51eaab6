"""What was last done for the networks of each tenant, until the next boot: what to change, and what to take away.

    /run/bitbuilder/networks/acme/record.json     the texts that are in force
    /run/bitbuilder/networks/acme/hosts           the names of its workloads, which these see
    /run/bitbuilder/networks/_filter              how the filter looked when it was last changed
    /run/bitbuilder/networks/_base                what of it is no tenant's, which another version of bbhv may have

While something changes, the record has what was before as well: whoever comes after an interruption takes away both.
"""

import os
from collections.abc import Mapping

from ...errors import BbhvError
from ...formats.jsontext import dump, parse
from ...host import files
from ...names import is_name
from ...records import dataclass, field
from .. import paths

MAX_RECORD = 16 << 20
FILTER = f"{paths.RUN_NETWORKS}/_filter"
# Beside what a generation says: what of it is not granted any more.
REVOKED = "revoked.json"
BASE = f"{paths.RUN_NETWORKS}/_base"


@dataclass(frozen=True, slots=True)
class Record:
    """The texts of a tenant's networks by their names, and its interfaces; `before` are texts that may still be in
    force."""

    now: Mapping[str, str] = field(default_factory=dict)
    before: Mapping[str, str] = field(default_factory=dict)
    links: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """The files of systemd-networkd."""
        return files_of(self.now)


def load(tenant: str) -> Record:
    """The record of a tenant; an empty one where nothing was done yet. Raises BbhvError for a damaged one."""
    path = _path(tenant)
    data = files.read(path, MAX_RECORD)
    if data is None:
        return Record()
    located, findings = parse(path, data, max_size=MAX_RECORD)
    value = located.value if located and not findings else None
    if not isinstance(value, dict):
        raise BbhvError(f"{path} is damaged.", hint="Stop what is connected, and restart the host to begin anew.")
    now, before = ({name: str(text) for name, text in found.items()} if isinstance(found, dict) else {}
                   for found in (value.get("now"), value.get("before")))  # fmt: skip
    links = value.get("links")
    return Record(now, before, tuple(map(str, links)) if isinstance(links, list) else ())


def save(tenant: str, record: Record) -> None:
    """Replaces the record of a tenant; an empty one is removed."""
    folder = f"{paths.RUN_NETWORKS}/{tenant}"
    if not record.now and not record.before:
        files.remove_tree(folder)
        return
    files.make_dir(folder, 0o755)
    files.write(_path(tenant), _text(record).encode(), 0o600)


def _text(record: Record) -> str:
    return dump({"now": dict(record.now), "before": dict(record.before), "links": list(record.links)})


def files_of(texts: Mapping[str, str]) -> tuple[str, ...]:
    """Which of these are files of systemd-networkd."""
    return tuple(name for name in texts if name.endswith((".netdev", ".network")))


def tenants() -> list[str]:
    """The tenants whose networks are up, or were left half."""
    try:
        return sorted(name for name in os.listdir(paths.RUN_NETWORKS) if is_name(name))
    except FileNotFoundError:
        return []


def _path(tenant: str) -> str:
    return f"{paths.RUN_NETWORKS}/{tenant}/record.json"
