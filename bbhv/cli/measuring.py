"""The verbs that measure: usage, for people, and metrics, for programs that collect numbers."""

import sys

from ..engine import usage as engine
from ..errors import EXIT_OK
from ..formats.jsontext import Json
from ..kinds.values import show_about
from ..model.usage import SECOND, Measured, OfTenant, OfWorkload
from .looking import nobody
from .main import Call
from .output import Output

HEADS = ("TENANT", "MEMORY", "PEAK", "CPU TIME", "TASKS", "STORAGE", "READ", "WRITTEN")
NOTHING = "-"


def usage(call: Call, output: Output) -> int:
    """bbhv usage: a line for each tenant, and one below it for each of its workloads."""
    found = engine.usage(call.tenants() or None)
    if output.json != "off":
        output.value({"tenants": list[Json](one.as_json() for one in found)})
    elif not found:
        nobody(output)
    else:
        output.table(HEADS, [row for one in found for row in rows(one)])
    return EXIT_OK


def rows(one: OfTenant) -> list[list[tuple[str, str]]]:
    """The lines about a tenant, as (text, colour)."""
    return [_tenant(one), *map(_workload, one.workloads)]


def _tenant(one: OfTenant) -> list[tuple[str, str]]:
    """What is used, and behind the slash what is granted."""
    used, grants = one.measured, one.grants
    return [
        (one.id, "bold"), (_of(used.memory, grants.memory), ""), (_size(used.memory_peak), ""),
        (_time(used.cpu_usec) + (f" / {grants.cpus:g} CPUs" if grants.cpus else ""), ""),
        (f"{_count(used.tasks)} / {_count(grants.tasks)}", ""), (_of(one.storage, grants.storage), ""),
        *_disks(used),
    ]  # fmt: skip


def _workload(one: OfWorkload) -> list[tuple[str, str]]:
    """What is used, and behind the slash its own limit, if it has one."""
    used = one.measured
    memory = _of(used.memory, used.memory_limit) if used.memory_limit else _size(used.memory)
    return [
        (f"  {one.name}", ""), (memory, ""), (_size(used.memory_peak), ""), (_time(used.cpu_usec), ""),
        (_count(used.tasks), ""), (NOTHING, ""), *_disks(used),
    ]  # fmt: skip


def _disks(used: Measured) -> tuple[tuple[str, str], tuple[str, str]]:
    return (_size(used.read_bytes), "dim"), (_size(used.written_bytes), "dim")


def _of(used: int | None, most: int | None) -> str:
    return f"{_size(used)} / {_size(most)}"


def _size(value: int | None) -> str:
    return NOTHING if value is None else show_about(value)


def _count(value: int | None) -> str:
    return NOTHING if value is None else str(value)


def _time(usec: int | None) -> str:
    """A processor time in its two largest units."""
    from ..engine.tenant.deadline import span

    return NOTHING if usec is None else span(usec // SECOND) if usec >= 60 * SECOND else f"{usec / SECOND:.2f} s"


def metrics(call: Call, output: Output) -> int:
    """bbhv metrics: the text as it is, or in JSON as the reply of the interface has it."""
    from ..engine.metrics import metrics as gather

    text = gather()
    if output.json != "off":
        output.value({"text": text})
    else:
        sys.stdout.write(text)
    return EXIT_OK
