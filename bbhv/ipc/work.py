"""A unit of its own that answers one call: what is said to it, and what comes back.

The service manager starts one for each connection to the socket of its kind. The first message says what is asked, in
whose name and about which tenants; everything after that are the replies, which the server passes on. A unit that may
act goes on when nobody listens any more; one that may only look ends.
"""

import socket

from ..errors import BbhvError
from ..formats.jsontext import Json
from ..formats.varlink import MAX_MESSAGE, Call, Framer, Reply, WireError, encode_call, parse_call, parse_reply
from .methods import Asked
from .table import How

METHOD = "io.bitbuilder.Work.Answer"
SOCKETS = {How.LOOK: "/run/bitbuilder/look", How.ACT: "/run/bitbuilder/act"}
# Each tenant has its own, so that none uses up the places of another.
_OF_TENANTS = "/run/bitbuilder/work"
# What a caller has said, and who that is and which of up to some thousand tenants it is about.
MAX_CALL = 2 * MAX_MESSAGE
# A unit is root's own program, but what it answers has parts that a tenant wrote.
MAX_REPLY = 16 << 20
_READ = 1 << 16


class Work:
    """A unit that answers a call. `number` is the descriptor that tells when there is something to `take`, and, as long
    as the call is `unsaid` in part, when more of it can be said."""

    __slots__ = ("number", "unsaid", "_socket", "_framer")

    def __init__(self, connected: socket.socket, message: bytes) -> None:
        """Begins to say the message."""
        self._socket = connected
        self._framer = Framer(MAX_REPLY)
        self.number = connected.fileno()
        self.unsaid = memoryview(message)
        self.say()

    def say(self) -> None:
        """Says what fits of what is unsaid; nothing more to a unit that has hung up, which `take` tells."""
        try:
            while self.unsaid:
                self.unsaid = self.unsaid[self._socket.send(self.unsaid) :]
        except BlockingIOError:
            return  # the unit has only just been started, and reads when it is there
        except OSError:
            self.unsaid = memoryview(b"")

    def take(self) -> tuple[list[Reply], bool]:
        """The replies that have come, and whether the unit has hung up. Raises WireError for what is no reply."""
        try:
            data = self._socket.recv(_READ)
        except BlockingIOError:
            return [], False
        except OSError:
            data = b""
        self._framer.feed(data)
        replies = []
        while (message := self._framer.take()) is not None:
            replies.append(parse_reply(message))
        return replies, not data

    def close(self) -> None:
        """Listens no more."""
        self._socket.close()


def sockets(tenant: str) -> dict[How, str]:
    """The addresses of the units that answer for a tenant, or for the host."""
    return {kind: f"{_OF_TENANTS}/{kind.value}@{tenant}" for kind in SOCKETS} if tenant else SOCKETS


def ask(address: str, asked: Asked) -> Work:
    """Has a unit answer. Raises BbhvError when there is none."""
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        connected.connect(address)
        return Work(connected, encode_call(Call(METHOD, _as_json(asked))))
    except OSError as error:
        connected.close()
        unit = f"bitbuilder-{address.rpartition('/')[2]}.socket"
        raise BbhvError(f"{address}: {error.strerror or error}.", hint=f"systemctl status {unit}") from error


def _as_json(asked: Asked) -> dict[str, Json]:
    return {
        "method": asked.method, "parameters": asked.parameters, "more": asked.more, "who": asked.who,
        "operator": asked.operator, "inside": asked.inside,
        "tenants": None if asked.tenants is None else list(asked.tenants),
    }  # fmt: skip


def read(message: bytes) -> Asked:
    """What a unit is asked. Raises WireError for anything that `ask` does not say."""
    match parse_call(message).parameters:
        case {"method": str() as method, "parameters": dict() as parameters, "more": bool() as more,
              "who": str() as who, "operator": bool() as operator, "inside": bool() as inside,
              "tenants": (list() | None) as tenants}:  # fmt: skip
            named = None if tenants is None else tuple(map(str, tenants))
            return Asked(method, parameters, more, who, operator, named, inside)
    raise WireError("This is for the server alone.")
