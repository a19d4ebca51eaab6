"""Scripts as units: what each may do, how long it may take, and what its failure is called. Pure.

All scripts of a tenant run behind the same sandbox: a root of its own, which has the programs of the host and what is
lent here, and nothing else. `pre-stop` and `post-stop` belong to units of the generation that rest while the tenant
runs: systemd orders their stop before and after that of the workloads, also when the host shuts down and nobody else is
there to call them. The others run in transient units, when the engine comes to them.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

from .. import names
from ..findings import printable
from ..names import script_unit
from .manifest import Manifest
from .plan import Action, Plan

# How many seconds each may take; `health` has its own limits.
SECONDS: Mapping[str, int] = {"provision": 300, "pre-start": 120, "post-start": 120, "pre-stop": 60, "post-stop": 60}
STOPPING = ("pre-stop", "post-stop")
CALLED = tuple(name for name in SECONDS if name not in STOPPING)
MAX_STATE = "16M"
MAX_WORDS = 300
SCRIPT_PATH = "/run/bitbuilder-script"
STATE_PATH = "/var/lib/state"
# systemd's own words for a time that was over, and for a limit that was reached.
_RESULTS = {"oom-kill": "it used more memory than it may", "resources": "the host has no resources for it"}
_STATUSES = {"203": "its interpreter cannot be executed", "226": "its sandbox could not be made"}
_NEW = (Action.START, Action.RESTART, Action.RECREATE)

Assignments: TypeAlias = tuple[tuple[str, str], ...]

_CONFINED: Assignments = (
    ("DynamicUser", "yes"), ("CapabilityBoundingSet", ""), ("NoNewPrivileges", "yes"), ("UMask", "0077"),
    ("ProtectSystem", "strict"), ("ProtectHome", "yes"), ("PrivateDevices", "yes"), ("PrivateNetwork", "yes"),
    ("PrivateIPC", "yes"), ("ProtectProc", "invisible"), ("ProcSubset", "pid"), ("ProtectClock", "yes"),
    ("ProtectKernelTunables", "yes"), ("ProtectKernelModules", "yes"), ("ProtectKernelLogs", "yes"),
    ("ProtectControlGroups", "yes"), ("ProtectHostname", "yes"), ("RestrictNamespaces", "yes"),
    ("RestrictRealtime", "yes"), ("RestrictSUIDSGID", "yes"), ("RestrictAddressFamilies", "AF_UNIX"),
    ("LockPersonality", "yes"), ("MemoryDenyWriteExecute", "yes"), ("KeyringMode", "private"),
    ("SystemCallArchitectures", "native"), ("SystemCallFilter", "@system-service"),
    ("SystemCallFilter", "~@privileged @resources"), ("SystemCallErrorNumber", "EPERM"),
    ("InaccessiblePaths", "-+/sys"), ("MemoryPressureWatch", "off"),
)  # fmt: skip
# What one may use up. A host without the controllers for memory and tasks has only what the kernel counts by itself.
_BOUNDED: Assignments = (
    ("MemoryMax", "256M"), ("TasksMax", "64"), ("LimitNPROC", "64"), ("LimitDATA", "256M"), ("LimitFSIZE", MAX_STATE),
    ("LimitCORE", "0"), ("KillSignal", "SIGKILL"), ("LogRateLimitIntervalSec", "30s"), ("LogRateLimitBurst", "100"),
    ("SyslogLevelPrefix", "no"), ("StandardInput", "null"),
)  # fmt: skip


def sandbox(tenant: str, source: str, volumes: Mapping[str, str], *, root: str, state: str = "") -> Assignments:
    """The settings of a unit that runs a script: `source` is its file, `root` the folder that is its root.

    `volumes` maps the names of volumes to their folders, which it reads; `state` is the one file that it may change.
    """
    lent = ["/usr", "-/etc/alternatives", "-/etc/ld.so.cache", f"{source}:{SCRIPT_PATH}"]
    lent += [f"-{path}:/srv/{name}" for name, path in sorted(volumes.items())]
    return (
        *_CONFINED, *_BOUNDED, ("Slice", names.tenant_slice(tenant)),
        ("User", names.script_user(tenant)), ("RootDirectory", root), ("WorkingDirectory", "/"),
        *(("TemporaryFileSystem", f"/{folder}:ro,mode=0755") for folder in ("etc", "run", "srv", "var")),
        *(("BindReadOnlyPaths", path) for path in lent),
        *((("BindPaths", f"-{state}:{STATE_PATH}"),) if state else ()),
    )  # fmt: skip


def environment(tenant: str, reason: str, number: int | None = None, commit: str = "") -> dict[str, str]:
    """What a script is told besides what systemd tells every program."""
    told = {"BITBUILDER_TENANT": tenant, "BITBUILDER_STATE": STATE_PATH, "BITBUILDER_REASON": reason}
    return told if number is None else {**told, "BITBUILDER_GENERATION": str(number), "BITBUILDER_COMMIT": commit}


def stop_unit(
    tenant: str, name: str, interpreter: Sequence[str], workloads: Collection[str], volumes: Mapping[str, str], *,
    home: str, run_dir: str,
) -> tuple[tuple[str, Assignments], ...]:
    """The sections of the unit of `pre-stop` or `post-stop`. `home` is the folder of the tenant.

    It is active while the tenant runs and does nothing; its stop is the script. What it runs is always that of the
    generation that is current. Stopping goes backwards: what is after the workloads stops before them.
    """
    infra, order = names.infra_unit(tenant), " ".join(sorted(workloads))
    ordering = [("After", f"{infra} {order}")] if name == "pre-stop" else [("After", infra), ("Before", order)]
    unit = (
        ("Description", f"Script {name} of Tenant {tenant}"), ("Documentation", "man:bbhv.script(5)"),
        ("RequiresMountsFor", home), *((key, value.strip()) for key, value in ordering if value),
        ("StartLimitIntervalSec", "0"),
    )  # fmt: skip
    service = (
        ("Type", "oneshot"), ("RemainAfterExit", "yes"),
        ("ExecStop", names.exec_line((*interpreter, SCRIPT_PATH))), ("TimeoutStopSec", str(SECONDS[name])),
        *sandbox(tenant, f"{home}/current/scripts/{name}", volumes, root=f"{run_dir}/root", state=state_file(home)),
        *(("Environment", f"{key}={value}") for key, value in environment(tenant, "stop").items()),
        ("EnvironmentFile", f"-{home}/current/environment"), ("EnvironmentFile", f"-{run_dir}/reasons/{tenant}"),
    )  # fmt: skip
    return ("Unit", unit), ("Service", service)


def state_file(home: str) -> str:
    """The one file of a tenant's folder that its scripts may change."""
    return f"{home}/script-state"


def stop_units(manifest: Manifest | None) -> tuple[str, ...]:
    """The units of a generation whose stop is a script."""
    scripts = manifest.scripts if manifest else {}
    return tuple(script_unit(name, manifest.tenant) for name in STOPPING if manifest and name in scripts)


def begins(plan: Plan, manifest: Manifest | None) -> bool:
    """Whether a plan starts a workload, or starts it anew."""
    workloads = {one.unit for one in manifest.workloads} if manifest else set()
    return not workloads.isdisjoint(plan.units(*_NEW))


def stops(plan: Plan, old: Manifest | None, new: Manifest | None) -> tuple[str, ...]:
    """What stops before anything of the wanted generation starts, with the scripts that belong to a stop.

    Where scripts stand between stopping and starting, what is to restart stops with the rest.
    """
    units = plan.units(Action.STOP, Action.RECREATE)
    between = bool(stop_units(old)) or bool(new and "pre-start" in new.scripts)
    if between:
        units += tuple(step.unit for step in plan.steps if step.action is Action.RESTART and step.kind != "infra")
    workloads = {one.unit for one in old.workloads} if old else set()
    return units if workloads.isdisjoint(units) else stopping((*units, *stop_units(old)))


def stopping(units: Sequence[str]) -> tuple[str, ...]:
    """Units in the order in which they are to be asked to stop, `pre-stop` first and `post-stop` last.

    systemctl asks for one after the other, and systemd orders those that it was asked for: it may have begun with the
    first before it hears of the second.
    """
    first, last = (f"tenant-script@{name}." for name in STOPPING)
    return tuple(sorted(units, key=lambda unit: unit.startswith(last) - unit.startswith(first)))


def takes_time(old: Manifest | None, new: Manifest | None) -> bool:
    """Whether scripts are run on the way from one generation to another: nobody else is to wait for them."""
    return any(name in SECONDS for one in (old, new) if one for name in one.scripts)


def longest(scripts: Collection[str]) -> int:
    """How many seconds the scripts can take in a start that fails and goes back."""
    return sum(seconds * (1 if name == "provision" else 2) for name, seconds in SECONDS.items() if name in scripts)


def failure(name: str, tenant: str, found: Mapping[str, str], words: str = "") -> str:
    """Why a script failed, in a sentence, by the properties of its unit and what it printed last."""
    said = _bounded(words)
    see = f"journalctl -u {script_unit(name, tenant)}"
    return f"scripts/{name}: {_what(name, found)}{': ' + said if said else ''}, see: {see}"


def _what(name: str, found: Mapping[str, str]) -> str:
    result, status = found.get("Result", ""), _status(found)
    if result == "timeout":
        return f"not done within {SECONDS[name]} s"
    if result in _RESULTS:
        return _RESULTS[result]
    if result in ("signal", "core-dump"):
        return f"killed by signal {status}"
    if result == "exit-code":
        return f"exit status {status}{', ' + _STATUSES[status] if status in _STATUSES else ''}"
    return f"it failed ({result or 'no result'})"


def _status(found: Mapping[str, str]) -> str:
    """The exit status or signal: of a stop it is at the end of what systemd says about the command."""
    of_stop = found.get("ExecStop", "").rpartition("; status=")[2].rstrip(" }").partition("/")[0]
    return of_stop or found.get("ExecMainStatus", "")


def _bounded(words: str) -> str:
    """The last of what it printed, in one line, harmless on a terminal."""
    text = printable(" ".join(words.split()))
    return text if len(text) <= MAX_WORDS else f"…{text[-MAX_WORDS:]}"


def orphans(states: Mapping[str, str], tenant: str) -> tuple[str, ...]:
    """The units of scripts that somebody called who is not there any more: nobody else works on the tenant now."""
    called = {script_unit(name, tenant) for name in CALLED}
    return tuple(unit for unit in sorted(states) if unit in called)
