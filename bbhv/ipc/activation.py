"""Sockets that the service manager opened for us (sd_listen_fds(3))."""

import os
import socket
from typing import MutableMapping

from ..errors import UsageError

_FIRST = 3
_MAX = 16


def listeners(environment: MutableMapping[str, str]) -> tuple[socket.socket, ...]:
    """The listening stream sockets passed to this process, not blocking and not inherited further.

    The variables are removed, so that no child takes them for its own. Raises UsageError when nothing was passed.
    """
    pid = environment.pop("LISTEN_PID", "")
    count = environment.pop("LISTEN_FDS", "")
    environment.pop("LISTEN_FDNAMES", None)
    environment.pop("LISTEN_PIDFDID", None)
    if pid != str(os.getpid()) or not count.isdecimal() or not 0 < int(count) <= _MAX:
        raise UsageError("No socket was passed.", hint="bitbuilder-varlink.socket starts bbhv serve on demand.")
    return tuple(_listener(number) for number in range(_FIRST, _FIRST + int(count)))


def _listener(number: int) -> socket.socket:
    try:
        os.set_inheritable(number, False)
        listener = socket.socket(fileno=number)
        listening = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
    except OSError as error:
        raise UsageError(f"File descriptor {number} that was passed is not a socket: {error.strerror}.") from error
    if listener.family != socket.AF_UNIX or listener.type != socket.SOCK_STREAM or not listening:
        raise UsageError(f"File descriptor {number} that was passed is not a listening AF_UNIX stream socket.")
    listener.setblocking(False)
    return listener
