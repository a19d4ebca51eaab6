"""UID ranges: each workload has 65536 ids of its own, allocated once, recorded, and never shared.

The range of systemd for containers is 524288…1879048191 (UIDS-GIDS.md). A workload's first try is the hash of its
name, so that a lost record gives most of them their old range; what is taken, or in use by systemd, is passed over.
"""

import hashlib
import os
import pwd
from functools import lru_cache
from typing import Collection, Iterable, Mapping

from ...errors import BbhvError
from ...formats.jsontext import dump, parse
from ...host import files
from ...host.lock import Lock
from .. import paths

FIRST = 524288
SIZE = 65536
SLOTS = (1878982656 - FIRST) // SIZE + 1
RECORD = f"{paths.STATE}/uids.json"


def allocate(record: Mapping[str, int], workloads: Iterable[str], busy: Collection[int]) -> dict[str, int]:
    """The record with a range for each workload. Pure. `busy` are first ids that others use."""
    result = dict(record)
    taken = set(result.values()) | set(busy)
    for workload in sorted(workloads):
        if workload in result:
            continue
        slot = int.from_bytes(hashlib.sha256(workload.encode()).digest()[:4], "big") % SLOTS
        for step in range(SLOTS):
            base = FIRST + (slot + step) % SLOTS * SIZE
            if base not in taken:
                break
        else:
            raise BbhvError("All UID ranges of this host are taken.", hint="Purge tenants that are gone.")
        result[workload] = base
        taken.add(base)
    return result


def bases(workloads: Collection[str]) -> dict[str, int]:
    """The first id of each workload's range, allocated and recorded durably where it has none yet."""
    record = _load()
    if all(one in record for one in workloads):
        return {one: record[one] for one in workloads}
    with Lock(f"{paths.RUN_LOCK}/_uids", "The record of UID ranges") as lock:
        lock.take("allocating UID ranges", wait=True)
        record = _load()
        missing = [one for one in workloads if one not in record]
        if missing:
            record = allocate(record, missing, _busy())
            files.sweep(paths.STATE, os.path.basename(RECORD))
            files.write(RECORD, dump(dict(record)).encode(), 0o600)
    return {one: record[one] for one in workloads}


def known(workloads: Collection[str]) -> dict[str, int]:
    """The first id of each workload's range, of those that have one."""
    record = _load()
    return {one: record[one] for one in workloads if one in record}


def of(tenant: str) -> tuple[str, ...]:
    """The workloads of a tenant that have a range."""
    return tuple(sorted(one for one in _load() if one.partition(".")[2] == tenant))


def release(tenant: str) -> tuple[str, ...]:
    """Gives back the ranges of all workloads of a tenant, which must be gone with their files; returns their names."""
    with Lock(f"{paths.RUN_LOCK}/_uids", "The record of UID ranges") as lock:
        lock.take("giving back UID ranges", wait=True)
        record = _load()
        gone = of(tenant)
        if gone:
            rest = {one: base for one, base in record.items() if one not in gone}
            files.write(RECORD, dump(dict(rest)).encode(), 0o600)
    return gone


def _load() -> dict[str, int]:
    """The record as it is now. It is replaced whole, so it may be read without the lock."""
    try:
        status = os.stat(RECORD, follow_symlinks=False)
    except FileNotFoundError:
        return {}
    return _parsed(status.st_ino, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=1)
def _parsed(*_: int) -> dict[str, int]:
    """The record, read once for all tenants of a run as long as it is the same file."""
    data = files.read(RECORD, 16 << 20)
    if data is None:
        return {}
    located, findings = parse(RECORD, data, max_size=16 << 20)
    if located is None or findings or not isinstance(located.value, dict):
        raise BbhvError(f"{RECORD} is damaged.", hint="Restore it, or remove it while no container runs.")
    return {name: base for name, base in located.value.items() if type(base) is int}


def _busy() -> set[int]:
    """What systemd-nspawn has locked by itself, and users that somebody defined in the range."""
    found = {entry.pw_uid - (entry.pw_uid - FIRST) % SIZE for entry in pwd.getpwall() if entry.pw_uid >= FIRST}
    try:
        found |= {int(name) for name in os.listdir("/run/systemd/nspawn-uid") if name.isdigit()}
    except OSError:
        pass  # no container was started by hand yet
    return found
