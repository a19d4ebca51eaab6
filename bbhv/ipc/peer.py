"""Who is at the other end of a connection, by the kernel's word alone.

Credentials are those of the moment of connect(2) (SO_PEERCRED, SO_PEERGROUPS; unix(7)). A peer that this host's
user or process numbers do not describe, because it lives in other namespaces, is refused whatever it asks for.
"""

import grp
import socket
import struct

from ..errors import RefusedError
from ..records import dataclass

_SO_PEERGROUPS = 59  # not in Python's socket module
_MAX_GROUPS = 256  # getsockopt() of Python gives at most 1024 bytes
_CREDENTIALS = struct.Struct("iII")
_OVERFLOW_ID = 65534
_UNSET_ID = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class Caller:
    """A peer: its process and user as this host numbers them, whether it is root or one of the operators, and all its
    groups. One inside a container has a `tenant`, the only one that it may see, and may not always change something;
    `name` says who it is where the number of the user tells nobody."""

    pid: int
    uid: int
    operator: bool
    groups: tuple[int, ...] = ()
    tenant: str = ""
    may_change: bool = True
    name: str = ""

    def __str__(self) -> str:
        return self.name or f"uid {self.uid} (pid {self.pid})"

    @property
    def whose(self) -> str:
        """Whose share of the service it uses up: the users of a tenant have one together."""
        return self.tenant or f"uid {self.uid}"


def identify(connection: socket.socket, operators: int | None) -> Caller:
    """The caller at the other end; `operators` is the group id of the operators' group, None when there is none.

    Raises RefusedError as `judge` does.
    """
    pid, uid, gid = credentials(connection)
    return judge(pid, uid, (gid, *_groups(connection)), operators)


def credentials(connection: socket.socket) -> tuple[int, int, int]:
    """The process, user and group of whoever connected, as this host numbers them."""
    pid, uid, gid = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return pid, uid, gid


def judge(pid: int, uid: int, groups: tuple[int, ...], operators: int | None) -> Caller:
    """The caller that has these credentials.

    Raises RefusedError for a peer from other namespaces: its pid reads 0 or its uid 65534 here.
    """
    if pid <= 0 or uid in (_OVERFLOW_ID, _UNSET_ID):
        raise RefusedError(f"A peer from a foreign namespace (pid {pid}, uid {uid}) was refused.")
    return Caller(pid, uid, uid == 0 or operators in groups, groups)


def group_id(name: str) -> int | None:
    """The id of a group, or None when this host has no such group."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def _groups(connection: socket.socket) -> tuple[int, ...]:
    try:
        data = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, 4 * _MAX_GROUPS)
    except OSError:
        return ()  # more groups than fit: only the first one counts, which refuses, never allows
    return struct.unpack(f"{len(data) // 4}I", data)
