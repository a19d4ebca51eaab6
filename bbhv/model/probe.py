"""Probes: the health checks of a generation as they are run, and what systemd says about them.

Each runs in a transient unit of its own in the slice of the tenant, which either tries again by itself until it is
stopped (tcp, http, console), or is started again by systemd until it succeeds (exec, script). Success is a unit that is
active.
"""

from collections.abc import Collection, Iterator, Mapping
from ipaddress import ip_address

from ..findings import printable
from ..kinds.workloads.health import Check, check
from ..names import health_unit, script_unit
from ..records import dataclass
from .manifest import Manifest, Workload

DEFAULT_TIMEOUT_SEC = 30.0
# How systemd says that a program was killed by a signal (si_code of SIGCHLD: CLD_KILLED and CLD_DUMPED).
_KILLED = ("2", "3")
_STATUSES = {
    "125": "the container could not be entered", "126": "the program cannot be executed",
    "127": "there is no such program", "217": "there is no such user",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One check of one workload, or with an empty `workload` a script of the tenant's; times in seconds.

    `of` is the unit of the workload, which must be active before it is asked. `user` is who runs a program inside,
    and `denied` are the system calls that the container does without. A machine is asked at one of its `addresses`, a
    container from inside of its network.
    """

    unit: str
    tenant: str
    workload: str
    of: str
    check: Check
    grace_sec: float = 0.0
    interval_sec: float = 1.0
    timeout_sec: float = DEFAULT_TIMEOUT_SEC
    user: str = ""
    denied: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """`healthy` is None as long as it is not known; `words` say why, and `settled` that they will not be better."""

    healthy: bool | None
    words: str = ""
    settled: bool = False


def probes(manifest: Manifest, units: Collection[str]) -> tuple[Probe, ...]:
    """What is to be asked while these units of a generation are watched."""
    found = tuple(_of_workloads(manifest, units))
    if units and "health" in manifest.scripts:
        unit = script_unit("health", manifest.tenant)
        found += (Probe(unit=unit, tenant=manifest.tenant, workload="", of="", check=Check("script", text="health")),)
    return found


def _of_workloads(manifest: Manifest, units: Collection[str]) -> Iterator[Probe]:
    for one in manifest.workloads:
        health = one.health
        if one.unit in units and (asked := check(health.check)).kind != "unit":
            yield Probe(
                unit=health_unit(one.name, manifest.tenant), tenant=manifest.tenant, workload=one.name, of=one.unit,
                check=asked, grace_sec=health.grace_sec, interval_sec=health.interval_sec,
                timeout_sec=health.timeout_sec, user=one.settings.get("Exec.User", ""),
                denied=tuple(one.settings.get("Exec.SystemCallFilter", "").splitlines()),
                addresses=_addresses(one) if one.kind == "machine" and asked.needs_network else (),
            )  # fmt: skip


def _addresses(one: Workload) -> tuple[str, ...]:
    """The addresses of a workload in its networks, as the manifest has them beside other words."""
    words = [word for name, text in one.settings.items() if name.startswith("port:") for word in text.split()]
    return tuple(word for word in words if _is_address(word))


def _is_address(word: str) -> bool:
    try:
        ip_address(word)
    except ValueError:
        return False
    return True


def answer(probe: Probe, found: Mapping[str, str]) -> Answer:
    """What the properties of a probe's unit, which was started, mean."""
    state = found.get("ActiveState", "inactive")
    if found.get("Job", "0") not in ("", "0") and state == "inactive":
        return Answer(None, "it was not asked yet")
    if state == "active":
        return Answer(True)
    if state not in ("activating", "reloading", "deactivating"):  # what was killed takes a moment to be gone
        return Answer(False, f"the check ended by itself ({found.get('Result') or 'no result'})", settled=True)
    if probe.check.needs_network:
        return _told(found.get("StatusText", ""))
    if probe.check.kind == "console":
        return _read(found.get("StatusText", ""))
    number = int(found.get("NRestarts") or 0) + 1
    if found.get("SubState") != "auto-restart":
        return Answer(None, f"it still runs ({_attempts(number)})")
    return Answer(None, f"{_failure(probe, found)} ({_attempts(number)})", settled=True)


def _told(status: str) -> Answer:
    """What a probe that asks by itself says: how often it has asked, and why the last time was no success."""
    number, _, words = status.partition(" ")
    if not (words and number.isascii() and number.isdigit() and len(number) < 9):
        return Answer(None, "no answer yet")
    return Answer(None, f"{printable(words[:200])} ({_attempts(int(number))})", settled=True)


def _read(status: str) -> Answer:
    """What the reader of a console says: how many lines it has seen."""
    if not (status.isascii() and status.isdigit() and len(status) < 12):
        return Answer(None, "the console has said nothing yet")
    return Answer(None, f"none of {status} line{'s' if status != '1' else ''} of the console has it", settled=True)


def _failure(probe: Probe, found: Mapping[str, str]) -> str:
    status = found.get("ExecMainStatus", "")
    if found.get("Result") == "timeout":
        return f"not done within {probe.timeout_sec:g} s"
    if found.get("ExecMainCode") in _KILLED:
        return f"killed by signal {status}"
    meaning = _STATUSES.get(status) if probe.check.kind == "exec" else None
    return f"exit status {status}{f', {meaning}' if meaning else ''}"


def _attempts(number: int) -> str:
    """How often it was tried, in words."""
    return f"{number} attempt{'s' if number != 1 else ''}"


def sentence(probe: Probe, words: str) -> str:
    """What is said of a check that is not healthy."""
    where = f"{probe.workload}: " if probe.workload else ""
    see = f", see: journalctl -u {probe.unit}" if probe.check.kind == "script" else ""
    return f"{where}{probe.check}: {words}{see}"
