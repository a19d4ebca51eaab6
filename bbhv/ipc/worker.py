"""A process that answers one call: what bitbuilder-look@ and bitbuilder-act@ start for each.

Standard input is the connection to the server. The call was judged there. Whoever only looks ends when nobody listens
any more; whoever acts finishes, for the host is never left half done.
"""

import os
import select
import signal
import socket
import threading


from ..errors import BbhvError
from ..formats import varlink
from ..formats.jsontext import Json
from ..formats.varlink import Framer, Reply, VarlinkError
from ..host import resources, run, systemd
from ..version import VERSION
from . import methods, work
from .methods import Asked, Service
from .table import INTERFACES, ROWS, How

_READ = 1 << 16
_PATIENCE = 20.0


class Teller:
    """Tells the server what comes of a call. Who acts goes on when it is gone."""

    def __init__(self, channel: socket.socket, service: Service, asked: Asked) -> None:
        self._channel = channel
        self._service = service
        self._asked = asked
        self._lock = threading.Lock()  # several threads of a run may tell something

    def progress(self, parameters: dict[str, Json]) -> None:
        """One reply of several, when several are wanted."""
        if self._asked.more:
            self.tell(Reply(methods.checked(self._service, self._asked.method, parameters), continues=True))

    def tell(self, reply: Reply) -> None:
        """Sends a reply."""
        try:
            with self._lock:
                self._channel.sendall(varlink.encode_reply(reply))
        except OSError:
            pass  # nobody listens; who only looks is ended by its watch


def answer(kind: How) -> None:
    """Answers the call on standard input. Raises BbhvError when there is none."""
    resources.preload()
    run.allow_descriptors()
    with socket.socket(fileno=os.dup(0)) as channel:
        channel.settimeout(_PATIENCE)
        asked = work.read(_message(channel))
        channel.settimeout(None)
        row = ROWS.get(asked.method)
        if row is None or row.how is not kind:
            raise BbhvError(f"{asked.method} is not answered here.")
        texts = {name: resources.data(f"schemas/{name}.varlink").decode() for name in INTERFACES}
        service = methods.load(texts, VERSION, answers={asked.method: methods.found(row)})
        systemd.notify(f"STATUS={asked.method} {asked.tenant} for {asked.who}")
        if kind is How.LOOK:
            threading.Thread(target=_end_when_left, args=(channel,), daemon=True).start()
        teller = Teller(channel, service, asked)
        teller.tell(_reply(service, asked._replace(tell=teller.progress)))


def _reply(service: Service, asked: Asked) -> Reply:
    """The last reply. Whatever is wrong, there is one."""
    try:
        return Reply(methods.reply_to(service, asked, service.answers[asked.method]))
    except VarlinkError as error:
        return Reply(error.parameters, error.name)


def _message(channel: socket.socket) -> bytes:
    framer = Framer(work.MAX_CALL)
    try:
        while (message := framer.take()) is None:
            data = channel.recv(_READ)
            if not data:
                raise BbhvError("Nothing was asked.")
            framer.feed(data)
    except OSError as error:
        raise BbhvError(f"Nothing was asked: {error}.", hint="bitbuilder-varlink.service starts this.") from error
    return message


def _end_when_left(channel: socket.socket) -> None:
    """Ends this process, and what it started, once the other end is closed."""
    poll = select.poll()
    poll.register(channel.fileno(), 0)
    poll.poll()
    systemd.interrupt()
    os.kill(os.getpid(), signal.SIGTERM)
