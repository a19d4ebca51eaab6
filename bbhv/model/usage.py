"""Usage: what a tenant and each of its workloads take of the host, beside what they may. Pure.

It is read from the files of a control group (cgroup v2, which systemd has made for a unit or a slice). A host may be
without a controller, and a workload may not run: what nobody counts is None, which is not nothing.
"""

from collections.abc import Mapping

from ..formats.jsonvalue import Json
from ..records import dataclass
from .registration import Grants

SECOND = 10**6
FILES = (
    "memory.current", "memory.peak", "memory.max", "cpu.stat", "cpu.max", "pids.current", "pids.max", "io.stat",
)  # fmt: skip
_MOST = 1 << 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the kernel counts of one control group and all below it: bytes, microseconds of CPU time, tasks; and the
    limits that it has, of CPU time in microseconds for each second."""

    memory: int | None = None
    memory_peak: int | None = None
    memory_limit: int | None = None
    cpu_usec: int | None = None
    cpu_limit: int | None = None
    tasks: int | None = None
    tasks_limit: int | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None

    def as_json(self, grants: Grants | None = None) -> dict[str, Json]:
        """What is used, and what of it is granted; workloads have no grants of their own."""
        cpus = grants.cpus if grants else None
        return {
            "memory": {
                "current": self.memory, "peak": self.memory_peak, "limit": self.memory_limit,
                "granted": grants.memory if grants else None,
            },
            "cpu": {
                "usedUSec": self.cpu_usec, "limitUSecPerSec": self.cpu_limit,
                "grantedUSecPerSec": None if cpus is None else round(cpus * SECOND),
            },
            "tasks": {
                "current": self.tasks, "limit": self.tasks_limit, "granted": grants.tasks if grants else None,
            },
            "io": {"readBytes": self.read_bytes, "writtenBytes": self.written_bytes},
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class OfWorkload:
    """What one workload uses."""

    name: str
    kind: str
    measured: Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class OfTenant:
    """What a tenant uses, of what it is granted. `storage` are the bytes that its volumes, the roots and the disks that
    are kept take on the disk."""

    id: str
    measured: Measured = Measured()
    storage: int | None = None
    grants: Grants = Grants()
    workloads: tuple[OfWorkload, ...] = ()

    def as_json(self) -> dict[str, Json]:
        """The tenant as a reply has it."""
        workloads: list[Json] = [
            {"name": one.name, "kind": one.kind, **one.measured.as_json()} for one in self.workloads
        ]
        return {
            "id": self.id, **self.measured.as_json(self.grants),
            "storage": {"current": self.storage, "granted": self.grants.storage}, "workloads": workloads,
        }  # fmt: skip


def measured(texts: Mapping[str, str]) -> Measured:
    """What the files of a control group say, by their names. Nothing in them is an error."""
    read, written = _io(texts.get("io.stat"))
    return Measured(
        memory=number(texts.get("memory.current")), memory_peak=number(texts.get("memory.peak")),
        memory_limit=number(texts.get("memory.max")), cpu_usec=_of_line(texts.get("cpu.stat"), "usage_usec"),
        cpu_limit=_quota(texts.get("cpu.max")), tasks=number(texts.get("pids.current")),
        tasks_limit=number(texts.get("pids.max")), read_bytes=read, written_bytes=written,
    )  # fmt: skip


def number(text: str | None) -> int | None:
    """A count that the kernel prints; None for `max`, and for what is no number."""
    word = (text or "").strip()
    return int(word) if word.isascii() and word.isdecimal() and len(word) < 20 and int(word) < _MOST else None


def _of_line(text: str | None, key: str) -> int | None:
    found = dict(line.partition(" ")[::2] for line in (text or "").splitlines())
    return number(found.get(key))


def _quota(text: str | None) -> int | None:
    """Of `cpu.max`, which says how much in which period, the microseconds for each second."""
    quota, _, period = (text or "").strip().partition(" ")
    much, often = number(quota), number(period)
    return much * SECOND // often if much is not None and often else None


def _io(text: str | None) -> tuple[int | None, int | None]:
    """The bytes read and written of all devices. Without one that was used there are none."""
    if text is None:
        return None, None
    words = [word.partition("=") for line in text.splitlines() for word in line.split()[1:]]
    read, written = (
        sum(number(value) or 0 for key, _, value in words if key == wanted) for wanted in ("rbytes", "wbytes")
    )
    return read, written
