"""What tenants use, as people read it, whoever has asked the kernel."""

from ..formats.jsontext import Json
from ..kinds.values import show_about, show_wait
from .main import Call
from .output import Output, objects, text

HEADS = ("TENANT", "MEMORY", "PEAK", "CPU TIME", "TASKS", "STORAGE", "READ", "WRITTEN")
NOTHING = "-"
SECOND = 10**6
Told = dict[str, Json]


def show(call: Call, reply: Told, output: Output) -> None:
    """A table with a line for each tenant, and one below it for each of its workloads."""
    output.table(HEADS, [row for one in objects(reply["tenants"]) for row in rows(one)])


def rows(one: Told) -> list[list[tuple[str, str]]]:
    """The lines about a tenant, as (text, colour)."""
    return [_tenant(one), *map(_workload, objects(one["workloads"]))]


def _tenant(one: Told) -> list[tuple[str, str]]:
    """What is used, and behind the slash what is granted."""
    cpus = _number(one, "cpu", "grantedUSecPerSec")
    return [
        (text(one["id"]), "bold"), (_of(one, "memory", "granted"), ""), (_size(_number(one, "memory", "peak")), ""),
        (_time(one) + (f" / {cpus / SECOND:g} CPUs" if cpus else ""), ""),
        (f"{_count(one, 'tasks', 'current')} / {_count(one, 'tasks', 'granted')}", ""),
        (_of(one, "storage", "granted"), ""), *_disks(one),
    ]  # fmt: skip


def _workload(one: Told) -> list[tuple[str, str]]:
    """What is used, and behind the slash its own limit, if it has one."""
    limited = _number(one, "memory", "limit") is not None
    memory = _of(one, "memory", "limit") if limited else _size(_number(one, "memory", "current"))
    return [
        (f"  {text(one['name'])}", ""), (memory, ""), (_size(_number(one, "memory", "peak")), ""), (_time(one), ""),
        (_count(one, "tasks", "current"), ""), (NOTHING, ""), *_disks(one),
    ]  # fmt: skip


def _number(one: Told, part: str, name: str) -> int | None:
    figures = one[part]
    found = figures[name] if isinstance(figures, dict) else None
    return found if isinstance(found, int) else None


def _of(one: Told, part: str, most: str) -> str:
    return f"{_size(_number(one, part, 'current'))} / {_size(_number(one, part, most))}"


def _disks(one: Told) -> tuple[tuple[str, str], tuple[str, str]]:
    return (_size(_number(one, "io", "readBytes")), "dim"), (_size(_number(one, "io", "writtenBytes")), "dim")


def _size(value: int | None) -> str:
    return NOTHING if value is None else show_about(value)


def _count(one: Told, part: str, name: str) -> str:
    found = _number(one, part, name)
    return NOTHING if found is None else str(found)


def _time(one: Told) -> str:
    """A processor time in its two largest units."""
    usec = _number(one, "cpu", "usedUSec")
    if usec is None:
        return NOTHING
    return show_wait(usec // SECOND) if usec >= 60 * SECOND else f"{usec / SECOND:.2f} s"
