"""A workload restarted because somebody asked for it: as it is declared, in the same generation."""

from ...errors import BbhvError, RefusedError
from ...host import systemd
from ...names import tenant_unit, workload
from . import inside
from .job import Asked, is_active, say_waiting, tenant_lock
from .stopping import remind, starting

START_SEC = 300


def restart(tenant: str, name: str, asked: Asked) -> None:
    """Restarts a workload of what runs, and waits until its unit has started.

    Raises NotFoundError when there is no such workload, RefusedError when the tenant does not run, BusyError when
    somebody works on it, and BbhvError when it does not start.
    """
    unit = inside.find(name, tenant).unit
    with tenant_lock(tenant) as lock:
        lock.take(f"bbhv restart {workload(name, tenant)}", wait=asked.wait, waiting=say_waiting)
        if not is_active(tenant):
            raise RefusedError(f"{tenant} does not run.", hint=f"systemctl start {tenant_unit(tenant)}")
        young = starting([unit])
        if young:
            if problem := systemd.urge("restart", [unit]):
                raise BbhvError(problem)
            remind(young)
        # Of one that restarts already, a start is what waits for it.
        systemd.act("start" if young else "restart", [unit], timeout=START_SEC)
