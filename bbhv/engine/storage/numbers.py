"""Numbers that are allocated once on a host, recorded, and never shared: UID ranges of containers, and the numbers of
machines on vsock.

A workload's first try is the hash of its name, so that a lost record gives most of them their old number; what is
taken, or in use by others, is passed over. The range of systemd for containers is 524288…1879048191 (UIDS-GIDS.md).
"""

import hashlib
import os
import pwd
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache

from ...errors import BbhvError
from ...formats.jsontext import dump, parse
from ...host import files
from ...host.lock import Lock
from ...names import UID_COUNT
from ...records import dataclass
from .. import paths

FIRST_UID = 524288
MAX_RECORD = 16 << 20


@dataclass(frozen=True, slots=True)
class Numbers:
    """One kind of numbers: `slots` of them from `first` on, `step` apart. `busy` says which ones others use."""

    name: str
    what: str
    first: int
    step: int
    slots: int
    busy: Callable[[], Collection[int]]

    @property
    def record(self) -> str:
        """The file that has them all."""
        return f"{paths.STATE}/{self.name}.json"

    def allocate(self, record: Mapping[str, int], workloads: Iterable[str], busy: Collection[int]) -> dict[str, int]:
        """The record with a number for each workload. Pure. `busy` are numbers that others use."""
        result = dict(record)
        taken = set(result.values()) | set(busy)
        for workload in sorted(workloads):
            if workload in result:
                continue
            slot = int.from_bytes(hashlib.sha256(workload.encode()).digest()[:4], "big") % self.slots
            for step in range(self.slots):
                number = self.first + (slot + step) % self.slots * self.step
                if number not in taken:
                    break
            else:
                raise BbhvError(f"All {self.what} of this host are taken.", hint="Purge tenants that are gone.")
            result[workload] = number
            taken.add(number)
        return result

    def take(self, workloads: Collection[str]) -> dict[str, int]:
        """The number of each workload, allocated and recorded durably where it has none yet."""
        record = self._load()
        if all(one in record for one in workloads):
            return {one: record[one] for one in workloads}
        with Lock(f"{paths.RUN_LOCK}/_{self.name}", f"The record of {self.what}") as lock:
            lock.take(f"allocating {self.what}", wait=True)
            record = self._load()
            missing = [one for one in workloads if one not in record]
            if missing:
                record = self.allocate(record, missing, self.busy())
                files.sweep(paths.STATE, os.path.basename(self.record))
                files.write(self.record, dump(dict(record)).encode(), 0o600)
        return {one: record[one] for one in workloads}

    def known(self, workloads: Collection[str]) -> dict[str, int]:
        """The number of each workload, of those that have one."""
        record = self._load()
        return {one: record[one] for one in workloads if one in record}

    def of(self, tenant: str) -> tuple[str, ...]:
        """The workloads of a tenant that have a number."""
        return tuple(sorted(one for one in self._load() if one.partition(".")[2] == tenant))

    def release(self, tenant: str) -> tuple[str, ...]:
        """Gives back the numbers of all workloads of a tenant, which must be gone with their files; returns their
        names."""
        if not os.path.lexists(self.record):
            return ()
        with Lock(f"{paths.RUN_LOCK}/_{self.name}", f"The record of {self.what}") as lock:
            lock.take(f"giving back {self.what}", wait=True)
            record = self._load()
            gone = self.of(tenant)
            if gone:
                rest = {one: number for one, number in record.items() if one not in gone}
                files.write(self.record, dump(dict(rest)).encode(), 0o600)
        return gone

    def _load(self) -> dict[str, int]:
        """The record as it is now. It is replaced whole, so it may be read without the lock."""
        try:
            status = os.stat(self.record, follow_symlinks=False)
        except FileNotFoundError:
            return {}
        return _parsed(self.record, status.st_ino, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=2)
def _parsed(path: str, *_: int) -> dict[str, int]:
    """A record, read once for all tenants of a run as long as it is the same file."""
    data = files.read(path, MAX_RECORD)
    if data is None:
        return {}
    located, findings = parse(path, data, max_size=MAX_RECORD)
    if located is None or findings or not isinstance(located.value, dict):
        raise BbhvError(f"{path} is damaged.", hint="Restore it, or remove it while no workload runs.")
    return {name: number for name, number in located.value.items() if type(number) is int}


def _busy_uids() -> set[int]:
    """What systemd-nspawn has locked by itself, and users that somebody defined in the range."""
    users = [entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid >= FIRST_UID]
    found = {uid - (uid - FIRST_UID) % UID_COUNT for uid in users}
    try:
        found |= {int(name) for name in os.listdir("/run/systemd/nspawn-uid") if name.isdigit()}
    except OSError:
        pass  # no container was started by hand yet
    return found


RANGES = Numbers("uids", "UID ranges", FIRST_UID, UID_COUNT, (1878982656 - FIRST_UID) // UID_COUNT + 1, _busy_uids)
# Small numbers are those that people choose by hand; nobody can be asked which ones are in use.
CIDS = Numbers("cids", "vsock numbers", 1 << 16, 1, 1 << 30, frozenset)
