"""The varlink server: connections, time and bounds, in one thread.

Calls of one connection are answered in order. A connection whose replies are not read is not read from either, so
nothing piles up; `Limits` bounds the rest: connections per user and in all, the time for half a message, for a reply
that nobody takes, and for silence. Who breaks a bound or the protocol is disconnected, the others notice nothing.
Without connections the server ends by itself; it leaves nothing behind, because the sockets are the service manager's.
"""

import os
import selectors
import socket
import sys
import time
from typing import Callable, Iterable

from ..errors import BbhvError, RefusedError
from ..formats import varlink
from ..formats.varlink import Call, Framer, Reply, VarlinkError, WireError
from ..host import log, resources, systemd
from ..records import dataclass
from . import activation, methods, peer

_READ = 1 << 16
_BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on what peers can make the server hold; times in seconds, sizes in bytes."""

    per_user: int = 16
    connections: int = 128  # of all users but root, who has `per_user` more in any case
    message: float = 30.0  # from the first byte of a message or reply to its last
    silence: float = 300.0  # of a connection that asks nothing
    idle: float = 30.0  # without connections, then the server ends
    reply: int = 16 << 20  # what sd-varlink reads at most


class Connection:
    """One peer: what came in and was not answered, what was answered and not taken, and since when."""

    __slots__ = ("socket", "caller", "framer", "output", "waiting", "half", "due")

    def __init__(self, connected: socket.socket, caller: peer.Caller, due: float) -> None:
        self.socket = connected
        self.caller = caller
        self.framer = Framer()
        self.output = bytearray()
        self.waiting = False  # whole messages were received that had no turn yet
        self.half = False  # the last message received is not whole
        self.due = due  # when to disconnect


class Server:
    """Serves listening sockets until it was idle for a while."""

    def __init__(
        self,
        listeners: Iterable[socket.socket],
        service: methods.Service,
        *,
        operators: int | None,
        limits: Limits = Limits(),
        log: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service = service
        self._operators = operators
        self._limits = limits
        self._log = log
        self._clock = clock
        self._connections: set[Connection] = set()
        self._selector = selectors.DefaultSelector()
        self._idle_since = 0.0
        for listener in listeners:
            self._selector.register(listener, selectors.EVENT_READ, listener)

    def run(self) -> None:
        """Serve. Returns when there was no connection for `Limits.idle` seconds; the listening sockets stay open."""
        self._idle_since = self._clock()
        with self._selector:
            while True:
                for key, events in self._selector.select(self._patience()):
                    if isinstance(key.data, socket.socket):
                        self._accept(key.data)
                    elif key.data in self._connections:
                        self._serve(key.data, events)
                for connection in [one for one in self._connections if one.waiting]:
                    self._turn(connection)
                self._expire()
                if not self._connections and self._clock() >= self._idle_since + self._limits.idle:
                    return

    def _patience(self) -> float:
        if not self._connections:
            return max(0.0, self._idle_since + self._limits.idle - self._clock())
        if any(connection.waiting for connection in self._connections):
            return 0.0
        return max(0.0, min(connection.due for connection in self._connections) - self._clock())

    def _expire(self) -> None:
        now = self._clock()
        for connection in [one for one in self._connections if one.due <= now]:
            if connection.output:
                self._close(connection, "does not take its replies.")
            elif connection.half:
                self._close(connection, "stopped in the middle of a message.")
            else:
                self._close(connection)

    def _accept(self, listener: socket.socket) -> None:
        try:
            connected, _ = listener.accept()
        except OSError:
            return  # the peer is gone already, or another process took the connection
        try:
            caller = peer.identify(connected, self._operators)
            self._admit(caller)
        except (RefusedError, OSError) as error:
            self._log(f"{error} Disconnected.")
            connected.close()
            return
        connected.setblocking(False)
        connection = Connection(connected, caller, self._clock() + self._limits.silence)
        self._connections.add(connection)
        self._selector.register(connected, selectors.EVENT_READ, connection)

    def _admit(self, caller: peer.Caller) -> None:
        users = [connection.caller.uid for connection in self._connections]
        if users.count(caller.uid) >= self._limits.per_user:
            raise RefusedError(f"{caller} has {self._limits.per_user} connections already.")
        if caller.uid != 0 and len(users) - users.count(0) >= self._limits.connections:
            raise RefusedError(f"{caller} came when all {self._limits.connections} connections were taken.")

    def _serve(self, connection: Connection, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            self._send(connection)
        elif not connection.waiting:
            self._receive(connection)

    def _receive(self, connection: Connection) -> None:
        try:
            data = connection.socket.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close(connection)
            return
        connection.framer.feed(data)
        self._turn(connection)

    def _turn(self, connection: Connection) -> None:
        """Answer some of the calls that were received whole; the rest waits until the others had their turn."""
        taken, connection.waiting = 0, True
        try:
            while taken < _BATCH and len(connection.output) < _READ:
                message = connection.framer.take()
                if message is None:
                    connection.waiting = False
                    break
                taken += 1
                connection.output += self._answer(connection.caller, message)
        except WireError as error:
            self._send(connection)
            self._close(connection, f"does not speak varlink. {error.message}")
            return
        self._restart_clock(connection, taken > 0)
        if connection.output:
            self._send(connection)

    def _restart_clock(self, connection: Connection, taken: bool) -> None:
        """Half a message has a time limit from its first byte on, however slowly the rest trickles in."""
        half = not connection.waiting and connection.framer.partial
        if half and (taken or not connection.half):
            connection.due = self._clock() + self._limits.message
        elif not half:
            connection.due = self._clock() + self._limits.silence
        connection.half = half

    def _send(self, connection: Connection) -> None:
        """Send what the peer takes now. While something is left, nothing more is read or answered."""
        blocked = self._selector.get_key(connection.socket).events == selectors.EVENT_WRITE
        try:
            while connection.output:
                del connection.output[: connection.socket.send(connection.output)]
        except BlockingIOError:
            if not blocked:
                connection.waiting = False
                connection.due = self._clock() + self._limits.message
                self._selector.modify(connection.socket, selectors.EVENT_WRITE, connection)
            return
        except OSError:
            self._close(connection)
            return
        if blocked:
            self._selector.modify(connection.socket, selectors.EVENT_READ, connection)
            self._turn(connection)

    def _answer(self, caller: peer.Caller, message: bytes) -> bytes:
        call = varlink.parse_call(message)
        try:
            reply = self._reply(caller, call)
        except VarlinkError as error:
            if error.name == varlink.PERMISSION_DENIED:
                self._log(f"{caller} may not call {call.method}.")
            reply = varlink.encode_reply(Reply(error.parameters, error.name))
        return b"" if call.oneway else reply

    def _reply(self, caller: peer.Caller, call: Call) -> bytes:
        try:
            reply = varlink.encode_reply(Reply(methods.answer(self._service, caller, call)))
        except BbhvError:
            raise
        except Exception:  # whatever is wrong with one handler, everybody else is served on
            sys.excepthook(*sys.exc_info())
            raise methods.failed(f"{call.method} failed.", "This is a defect of bbhv; see its journal.") from None
        if len(reply) > self._limits.reply:
            raise methods.failed(f"The reply has more than {self._limits.reply} bytes.", "Ask for less at a time.")
        return reply

    def _close(self, connection: Connection, why: str = "") -> None:
        if connection not in self._connections:
            return
        if why:
            self._log(f"{connection.caller} {why} Disconnected.")
        self._connections.discard(connection)
        self._selector.unregister(connection.socket)
        connection.socket.close()
        self._idle_since = self._clock()


def serve(
    backend: methods.Backend, *, version: str, operators: str = "bitbuilder", limits: Limits = Limits()
) -> None:
    """Serve the sockets that the service manager passed, until idle; `operators` is the name of the operators' group.

    Everything that a call needs is loaded before READY=1. Raises UsageError without sockets.
    """
    listeners = activation.listeners(os.environ)
    resources.preload()
    names = (methods.VARLINK, methods.HYPERVISOR)
    texts = {name: resources.data(f"schemas/{name}.varlink").decode() for name in names}
    service = methods.load(texts, backend, version)
    server = Server(listeners, service, operators=peer.group_id(operators), limits=limits, log=_warn)
    systemd.notify("READY=1")
    server.run()
    systemd.notify("STOPPING=1")


def _warn(text: str) -> None:
    log.write("warning", text)
