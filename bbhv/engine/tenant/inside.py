"""Going into a container: what a program that runs in there may do, and what enters it.

It runs in the slice of the tenant, and may do what the payload of a container may: no capability, system call or device
more. So what somebody inside makes of it is nothing that they could not do before.
"""

import os
from collections.abc import Sequence

from ...errors import BbhvError, NotFoundError
from ...findings import did_you_mean
from ...host import namespaces, run, systemd
from ...model.manifest import Workload
from ...names import tenant_slice, workload
from .. import paths
from ..storage.state import Store

# As in the unit of a container, and what nspawn lets its payload have.
SANDBOX = (
    "CapabilityBoundingSet=CAP_SYS_ADMIN CAP_SYS_CHROOT CAP_SETUID CAP_SETGID CAP_SETPCAP CAP_SYS_PTRACE",
    "DevicePolicy=closed", "RestrictNamespaces=~time", "SystemCallArchitectures=native", "KeyringMode=private",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK", "SystemCallErrorNumber=EPERM",
    "SystemCallFilter=@system-service @mount", "SystemCallFilter=~@keyring @obsolete",
)  # fmt: skip


def denied(calls: Sequence[str]) -> tuple[str, ...]:
    """The properties by which a program goes without what the container goes without."""
    return tuple(f"SystemCallFilter={one}" for one in calls)


def entering(space: namespaces.Namespaces, user: str, argv: Sequence[str]) -> tuple[str, ...]:
    """Enters what a process can enter as root of the host, then hands over to what goes all the way."""
    outer = (f"--{kind}={space.path(name)}" for kind, name in (
        ("net", "net"), ("uts", "uts"), ("ipc", "ipc"), ("cgroup", "cgroup"), ("pid", "pid")
    ))  # fmt: skip
    inner = (space.path(kind) for kind in ("mnt", "user", "root"))
    caps = (f"{space.bounding:x}", "1" if space.no_new_privileges else "0")
    return ("/usr/bin/nsenter", *outer, "--", *run.program(), "worker", "enter", *inner, *caps, user, *argv)


def find(name: str, tenant: str) -> Workload:
    """A workload of what runs of a tenant. Raises NotFoundError."""
    store = Store(paths.tenant(tenant))
    manifest = store.manifest(store.number("current"))
    if manifest is None:
        raise NotFoundError(f"Nothing of a tenant {tenant} runs on this host.", hint="bbhv list shows the tenants.")
    known = {one.name: one for one in manifest.workloads}
    if name not in known:
        hint = did_you_mean(name, known) or f"It has {', '.join(sorted(known)) or 'no workload'}."
        raise NotFoundError(f"Tenant {tenant} has no workload {name}.", hint=hint)
    return known[name]


def visit(one: Workload, tenant: str, user: str, argv: Sequence[str], terminal: str | None) -> int:
    """Runs a program in a container for somebody who talks to it, and returns its exit status.

    `terminal` is the kind of terminal that standard input, output and error all are, or None where one of them is none.
    The program never has that terminal itself, but one of its own or pipes. Raises BbhvError when it cannot go in.
    """
    leader = namespaces.leader(workload(one.name, tenant))
    if not leader:
        raise BbhvError(f"{workload(one.name, tenant)} does not run.", hint=f"bbhv status {tenant} says why.")
    space = namespaces.hold(leader, one.unit)
    unit = f"bitbuilder-shell-{os.getpid()}-{os.urandom(4).hex()}.service"
    properties = (
        *SANDBOX, *denied(one.settings.get("Exec.SystemCallFilter", "").splitlines()), "LimitCORE=0", "UMask=0022",
        f"Slice={tenant_slice(tenant)}", "KillSignal=SIGHUP", "TimeoutStopSec=5",
    )  # fmt: skip
    with run.ending(), systemd.owned(unit):
        command = (
            "/usr/bin/systemd-run", "--quiet", "--collect", "--wait", "--pipe" if terminal is None else "--pty",
            f"--description=Shell in {workload(one.name, tenant)}", "--expand-environment=no", f"--unit={unit}",
            *(f"--property={text}" for text in properties), "--",
            *entering(space, user, argv),
        )  # fmt: skip
        try:
            return run.relay(command, terminal)
        except BaseException:
            systemd.urge("stop", [unit])  # systemd-run has ended with us, and the program would go on
            raise
