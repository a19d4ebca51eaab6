"""The varlink server: connections, time and bounds, in one loop that never waits for anything but its peers.

Calls of one connection are answered in order. What takes long is answered by a thread or by a unit of its own, and the
loop passes on what those say. A connection whose replies are not taken is not read from either, and neither is the
unit that answers it, so nothing piles up; `Limits` bounds the rest: connections per user and in all, units per user,
the time for half a message, for a reply that nobody takes, and for silence. Who breaks a bound or the protocol is
disconnected, the others notice nothing. Without connections the server ends by itself; it leaves nothing behind,
because the sockets are the service manager's.
"""

import select
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import takewhile

from ..errors import RefusedError
from ..formats import varlink
from ..formats.varlink import Call, Reply, VarlinkError, WireError
from ..records import dataclass
from . import methods, peer, work
from .connection import Connection
from .methods import Asked, Service
from .table import How, Row
from .threads import Done, Threads

_READ = 1 << 16
_BATCH = 64
_AGAIN = 5.0  # seconds after which whoever follows something is judged again
_LONG = 3600.0  # whoever waits for a unit waits for ever, which epoll does not know
_IN, _OUT = select.EPOLLIN, select.EPOLLOUT
_GONE = select.EPOLLHUP | select.EPOLLERR
_NOTHING = select.EPOLLONESHOT  # but that it is gone, which is said once


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on what peers can make the server hold; times in seconds, sizes in bytes."""

    per_user: int = 16
    connections: int = 128  # of all users but root, who has `per_user` more in any case
    units: int = 4  # that answer one user at a time, or one tenant, each a process of its own
    message: float = 30.0  # from the first byte of a message or reply to its last
    silence: float = 300.0  # of a connection that asks nothing
    idle: float = 30.0  # without connections, then the server ends
    reply: int = work.MAX_REPLY  # what sd-varlink reads at most


class Server:
    """Serves listening sockets until it was idle for a while. `identify` says who is at the other end of a connection,
    or raises RefusedError; `units` are the addresses of those that start a unit for a call, and `denied` is called for
    each call that its caller may not use, and for whoever is not let in."""

    def __init__(
        self,
        listeners: Iterable[socket.socket],
        service: Service,
        *,
        identify: Callable[[socket.socket], peer.Caller],
        limits: Limits = Limits(),
        log: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        units: Mapping[How, str] = work.SOCKETS,
        denied: Callable[[], None] = lambda: None,
    ) -> None:
        self._service = service
        self._identify = identify
        self._limits = limits
        self._log = log
        self._clock = clock
        self._units = units
        self._denied = denied
        self._connections: set[Connection] = set()
        self._waiting: set[Connection] = set()
        self._idle_since = 0.0
        self._wake = 0.0  # nothing has to be done before, unless somebody comes
        self._poll = select.epoll()
        self._threads = Threads()
        self._heard: dict[int, Callable[[int], None]] = {self._threads.event: self._threads.settle}
        self._poll.register(self._threads.event, _IN)
        for listener in listeners:
            self._heard[listener.fileno()] = partial(self._accept, listener)
            self._poll.register(listener, _IN)

    def run(self) -> None:
        """Serve. Returns when there was no connection for `Limits.idle` seconds; the listening sockets stay open."""
        self._idle_since = self._clock()
        try:
            while True:
                for number, events in self._poll.poll(self._patience()):
                    heard = self._heard.get(number)
                    if heard is not None:  # who was there when we began to look may be gone by now
                        heard(events)
                if self._waiting:
                    for connection in tuple(self._waiting):
                        self._turn(connection)
                now = self._clock()
                if now >= self._wake and self._expire(now):
                    return
        finally:
            self._threads.close()
            self._poll.close()

    def _patience(self) -> float:
        """How long nothing has to be done if nobody comes."""
        if self._waiting:
            return 0.0
        return min(max(0.0, self._wake - self._clock()), _LONG)

    def _expire(self, now: float) -> bool:
        """Disconnects whose time is over, and finds out when the next one's may be: until then nobody has to be looked
        at, because what a peer does only ever puts its time off. Says whether the server's own time is over."""
        for connection in [one for one in self._connections if one.due <= now]:
            if connection.output:
                self._close(connection, "does not take its replies.")
            elif connection.half:
                self._close(connection, "stopped in the middle of a message.")
            else:
                self._close(connection)
        leave = self._idle_since + self._limits.idle
        self._wake = min([one.due for one in self._connections], default=leave)
        return not self._connections and now >= leave

    def _due(self, connection: Connection, seconds: float) -> None:
        """Gives a connection so much time from now on."""
        connection.due = self._clock() + seconds
        if connection.due < self._wake:
            self._wake = connection.due

    def _accept(self, listener: socket.socket, events: int) -> None:
        try:
            connected, _ = listener.accept()
        except OSError:
            return  # the peer is gone already, or another process took the connection
        try:
            caller = self._identify(connected)
            self._admit(caller)
        except (RefusedError, OSError) as error:
            self._denied()
            self._log(f"{error} Disconnected.")
            connected.close()
            return
        connected.setblocking(False)
        connection = Connection(connected, caller, float("inf"))
        self._due(connection, self._limits.silence)
        self._connections.add(connection)
        self._heard[connection.number] = partial(self._serve, connection)
        connection.mask = _IN
        self._poll.register(connection.number, _IN)

    def _admit(self, caller: peer.Caller) -> None:
        users = [connection.caller.uid for connection in self._connections]
        if users.count(caller.uid) >= self._limits.per_user:
            raise RefusedError(f"{caller} has {self._limits.per_user} connections already.")
        if caller.uid != 0 and len(users) - users.count(0) >= self._limits.connections:
            raise RefusedError(f"{caller} came when all {self._limits.connections} connections were taken.")

    def _serve(self, connection: Connection, events: int) -> None:
        if events & _OUT:
            self._send(connection)
        elif connection.mask & _IN:
            self._receive(connection)
        elif events & _GONE and connection.call is not None and not connection.call.oneway:
            self._close(connection)  # it does not wait any more for what is answered elsewhere

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
        taken, waiting = 0, True
        try:
            while taken < _BATCH and len(connection.output) < _READ and connection.call is None:
                message = connection.framer.take()
                if message is None:
                    waiting = False
                    break
                taken += 1
                self._answer(connection, varlink.parse_call(message))
        except WireError as error:
            self._send(connection)
            self._close(connection, f"does not speak varlink. {error.message}")
            return
        connection.waiting = waiting
        usual = not waiting and connection.call is None and connection.mask == _IN
        if usual and not connection.half and not connection.framer.partial:
            self._reply(connection)
        else:
            self._restart_clock(connection, taken > 0)
            self._settle(connection)

    def _reply(self, connection: Connection) -> None:
        """What is done nearly always: all that came was answered, and all replies are taken at once."""
        connection.due = self._clock() + self._limits.silence
        try:
            sent = connection.socket.send(connection.output) if connection.output else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            self._close(connection)
            return
        del connection.output[:sent]
        if connection.output:
            self._send(connection)

    def _restart_clock(self, connection: Connection, taken: bool) -> None:
        """Half a message has a time limit from its first byte on, however slowly the rest trickles in. What is answered
        elsewhere has its own."""
        half = not connection.waiting and connection.framer.partial
        if connection.call is not None:
            connection.due, half = float("inf"), False
        elif half and (taken or not connection.half):
            self._due(connection, self._limits.message)
        elif not half:
            self._due(connection, self._limits.silence)
        connection.half = half

    def _settle(self, connection: Connection) -> None:
        """Sends what there is to send, then waits for what may come next."""
        if connection.output:
            self._send(connection)
        else:
            self._watch(connection)

    def _watch(self, connection: Connection) -> None:
        """While something is left to send, nothing more is read or answered."""
        if connection not in self._connections:
            return
        blocked = bool(connection.output)
        if connection.waiting and not blocked and connection.call is None:
            self._waiting.add(connection)
        else:
            self._waiting.discard(connection)
        mask = _OUT if blocked else _NOTHING if connection.call is not None or connection.waiting else _IN
        if mask != connection.mask:
            connection.mask = mask
            self._poll.modify(connection.number, mask)
        if connection.work is not None:
            more = _OUT if connection.work.unsaid else 0
            self._poll.modify(connection.work.number, _NOTHING if blocked else _IN | more)

    def _send(self, connection: Connection) -> None:
        """Send what the peer takes now."""
        blocked = connection.mask == _OUT
        try:
            while connection.output:
                del connection.output[: connection.socket.send(connection.output)]
        except BlockingIOError:
            if not blocked:
                self._due(connection, self._limits.message)
            self._watch(connection)
            return
        except OSError:
            self._close(connection)
            return
        if blocked:
            self._turn(connection)
        else:
            self._watch(connection)

    def _answer(self, connection: Connection, call: Call) -> None:
        """Answers a call, or has it answered elsewhere."""
        caller, service = connection.caller, self._service
        try:
            row = methods.row_of(service, call)
            if row.how is How.HERE:
                data = self._encoded(methods.judge(service, row, caller, call))
                self._say(connection, call.oneway, data)
                return
        except VarlinkError as error:
            self._say(connection, call.oneway, self._refusal(caller, call, error))
            return
        connection.call = call
        self._threads.do(lambda: self._elsewhere(connection, row, call))

    def _elsewhere(self, connection: Connection, row: Row, call: Call) -> Done:
        """In a thread: judges a call, and answers it unless that is for a unit. What it gives goes on in the loop."""
        try:
            asked = self._judged(row, connection.caller, call)
            if row.how.is_unit:
                return lambda: self._begin(connection, row, call, asked)
            data = self._encoded(asked)
        except VarlinkError as error:
            data = self._refusal(connection.caller, call, error)
        return lambda: self._finish(connection, data)

    def _judged(self, row: Row, caller: peer.Caller, call: Call) -> Asked:
        """The call as it may be answered, when that has to be looked up. Raises VarlinkError."""
        return methods.said(call.method, lambda: methods.judge(self._service, row, caller, call))

    def _encoded(self, asked: Asked) -> bytes:
        """The reply to a call. Raises VarlinkError with the error reply instead."""
        reply = methods.said(asked.method, lambda: varlink.encode_reply(Reply(
            methods.reply_to(self._service, asked, self._service.answers[asked.method])
        )))  # fmt: skip
        if len(reply) > self._limits.reply:
            raise methods.failed(f"The reply has more than {self._limits.reply} bytes.", "Ask for less at a time.")
        return reply

    def _refusal(self, caller: peer.Caller, call: Call, error: VarlinkError) -> bytes:
        if error.name == varlink.PERMISSION_DENIED:
            self._denied()
            self._log(f"{caller} may not call {call.method}.")
        return varlink.encode_reply(Reply(error.parameters, error.name))

    def _say(self, connection: Connection, muted: bool, data: bytes) -> None:
        if not muted:
            connection.output += data

    def _finish(self, connection: Connection, data: bytes) -> None:
        """A call that was answered elsewhere is done: the next one of the connection has its turn."""
        if connection in self._connections:
            self._say(connection, connection.call is not None and connection.call.oneway, data)
            connection.call = None
            self._turn(connection)

    def _begin(self, connection: Connection, row: Row, call: Call, asked: Asked) -> None:
        """Has a unit answer a call."""
        if connection not in self._connections:
            return
        whose = connection.caller.whose
        going = sum(one.work is not None and one.caller.whose == whose for one in self._connections)
        try:
            if going >= self._limits.units:
                message = f"{going} calls of {whose} are answered at this moment."
                raise VarlinkError(methods.BUSY, {"message": message, "hint": "Wait until one of them is."})
            connection.work = methods.said(call.method, lambda: work.ask(self._units[row.how], asked))
            connection.judged = self._clock()
        except VarlinkError as error:
            self._finish(connection, self._refusal(connection.caller, call, error))
            return
        self._heard[connection.work.number] = partial(self._relay, connection, connection.work, row, call)
        self._poll.register(connection.work.number, _IN | (_OUT if connection.work.unsaid else 0))

    def _relay(self, connection: Connection, unit: work.Work, row: Row, call: Call, events: int) -> None:
        """Passes on what a unit says, until its last reply."""
        if self._is_doubtful(connection, row):
            self._poll.modify(unit.number, _NOTHING)
            if connection.judged is not None:
                connection.judged = None
                self._threads.do(lambda: self._judge_again(connection, row, call))
            return
        try:
            unit.say()
            replies, ended = unit.take()
        except WireError as error:
            replies, ended = [], True
            self._log(f"The unit that answers {connection.caller} said what is no reply: {error.message}")
        told = [*takewhile(lambda reply: reply.continues, replies)]
        self._say(connection, call.oneway, b"".join(map(varlink.encode_reply, told)))
        if len(told) < len(replies):
            self._end(connection, call, self._last(connection.caller, call, replies[len(told)]))
        elif ended:
            wrong = methods.failed("The unit that answers ended without a word.", "journalctl -u 'bitbuilder-*@*'")
            self._end(connection, call, self._refusal(connection.caller, call, wrong))
        else:
            self._settle(connection)

    def _last(self, caller: peer.Caller, call: Call, reply: Reply) -> bytes:
        """The last reply of a unit, which may be that it refuses."""
        if reply.error:
            return self._refusal(caller, call, VarlinkError(reply.error, reply.parameters))
        return varlink.encode_reply(reply)

    def _is_doubtful(self, connection: Connection, row: Row) -> bool:
        """Whether a caller that follows something has to be judged again before it hears more: a registration may not
        name it any longer."""
        if not row.several or connection.caller.operator:
            return False
        return connection.judged is None or self._clock() >= connection.judged + _AGAIN

    def _judge_again(self, connection: Connection, row: Row, call: Call) -> Done:
        """In a thread: judges a call once more. What it gives goes on in the loop."""
        try:
            self._judged(row, connection.caller, call)
        except VarlinkError as error:
            data = self._refusal(connection.caller, call, error)
            return lambda: self._end(connection, call, data)
        return lambda: self._go_on(connection, call)

    def _go_on(self, connection: Connection, call: Call) -> None:
        if connection.call is call:
            connection.judged = self._clock()
            self._watch(connection)

    def _end(self, connection: Connection, call: Call, data: bytes) -> None:
        """Ends a call, unless it has ended, whatever its unit would still say."""
        if connection.call is call:
            self._leave_unit(connection)
            self._finish(connection, data)

    def _leave_unit(self, connection: Connection) -> None:
        if connection.work is not None:
            del self._heard[connection.work.number]
            self._poll.unregister(connection.work.number)
            connection.work.close()
            connection.work = None

    def _close(self, connection: Connection, why: str = "") -> None:
        if connection not in self._connections:
            return
        if why:
            self._log(f"{connection.caller} {why} Disconnected.")
        self._leave_unit(connection)
        self._connections.discard(connection)
        self._waiting.discard(connection)
        del self._heard[connection.number]
        self._poll.unregister(connection.number)
        connection.socket.close()
        self._idle_since = self._clock()
        self._wake = min(self._wake, self._idle_since + self._limits.idle)
