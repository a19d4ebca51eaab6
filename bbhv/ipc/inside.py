"""Who is at the other end of a connection that came from inside a container, by the kernel's word alone.

The user is the one of the moment of connect(2). The control group is read now, of the process that connected: where the
kernel hands out a descriptor of it (SO_PEERPIDFD, since Linux 6.5), no other process can have taken its number.
"""

import errno
import os
import select
import socket
from collections.abc import Callable, Sequence

from ..errors import BbhvError, RefusedError
from ..host import files
from ..model.insiders import Controlled, judge
from ..names import workload
from . import peer
from .peer import Caller

_SO_PEERPIDFD = 77  # not in Python's socket module
_GONE = "The process that connected is gone already."


def identify(connection: socket.socket, tenant: str, known: Callable[[], Sequence[Controlled]]) -> Caller:
    """Who calls on the socket of a tenant; `known` tells the containers of it that may. It is never an operator.

    Raises RefusedError for everybody who is not in one of them, root of the host too.
    """
    pid, uid, _ = peer.credentials(connection)
    try:
        one = judge(tenant, uid, control_group(connection, pid), known())
    except RefusedError as error:
        raise RefusedError(f"pid {pid}: {error.message}") from error
    except (BbhvError, OSError) as error:
        raise RefusedError(f"Who pid {pid} is cannot be told: {error}.") from error
    name = f"uid {one.user} in {workload(one.name, tenant)}"
    return Caller(pid, uid, False, tenant=tenant, may_change=one.may_change, name=name)


def control_group(connection: socket.socket, pid: int) -> str:
    """What /proc/PID/cgroup says of the process that connected, whose number was `pid`.

    Raises RefusedError when it has ended, OSError.
    """
    try:
        handle = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERPIDFD)
    except OSError as error:
        if error.errno != errno.ENOPROTOOPT:
            raise RefusedError(_GONE) from error
        return _read(pid)
    try:
        text = _read(_number(handle))
        if _has_ended(handle):  # so its number may have been another's when the text was read
            raise RefusedError(_GONE)
        return text
    finally:
        os.close(handle)


def _number(handle: int) -> int:
    """The number of a process by its descriptor (pidfd_open(2)): 0 or less when it has none here."""
    text = (files.read(f"/proc/self/fdinfo/{handle}") or b"").decode("ascii", "replace")
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pid:")), 0)


def _has_ended(handle: int) -> bool:
    watch = select.poll()
    watch.register(handle, select.POLLIN)
    return bool(watch.poll(0))


def _read(pid: int) -> str:
    data = files.read(f"/proc/{pid}/cgroup") if pid > 0 else None
    if data is None:
        raise RefusedError(_GONE)
    return data.decode("utf-8", "replace")
