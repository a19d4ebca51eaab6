"""Names in the units that fetch: a workload has none there.

nss-mymachines(8) answers for every machine that systemd-machined knows, which a workload of a tenant is. One that is
called `github.dev` would be where a repository or an image comes from. Since systemd 259 machined is also asked by
systemd-resolved, before any server: a drop-in of ours keeps that from it.
"""

import os

from ..errors import BbhvError
from ..formats.nsswitch import without
from ..host import files, log, systemd
from . import paths

CONFIGURATION, MACHINES = "/etc/nsswitch.conf", "mymachines"
HOOKS, RESOLVED, SWITCH = "/run/systemd/resolve.hook", "systemd-resolved.service", b"SYSTEMD_RESOLVED_HOOK="


def properties() -> tuple[str, ...]:
    """The lines of a unit file with which it asks nobody for names of machines; none where nobody would."""
    path = os.path.realpath(CONFIGURATION)
    text = (files.read(path) or b"").decode("utf-8", "replace")
    own = without(text, "hosts", MACHINES)
    if own == text:
        return ()
    files.make_dir(paths.RUN)
    if files.read(paths.RUN_NSSWITCH) != own.encode():
        files.write(paths.RUN_NSSWITCH, own.encode(), 0o644)
    return (f"BindReadOnlyPaths={paths.RUN_NSSWITCH}:{path}",)


def is_told_of_machines() -> bool:
    """Whether systemd-resolved was started before the drop-in was there."""
    if not os.path.isdir(HOOKS):
        return False
    pid = systemd.show((RESOLVED,), ("MainPID",)).get(RESOLVED, {}).get("MainPID", "0")
    try:
        return pid != "0" and SWITCH not in (files.read(f"/proc/{pid}/environ") or SWITCH)
    except BbhvError:
        return False  # it has just ended, and begins with the drop-in


def keep_machines_out() -> None:
    """Has systemd-resolved begin anew when it was started before the drop-in was there. A failure is logged."""
    if is_told_of_machines():
        log.write("info", "systemd-resolved is restarted, so that no machine has the name of a server.")
        systemd.urge("try-restart", (RESOLVED,))
