"""One peer of the server: what came in and was not answered, what was answered and not taken, and since when."""

import socket

from ..formats.varlink import Framer
from .peer import Caller
from .work import Work


class Connection:
    """A peer. While a call of it is `busy`, nothing more of it is taken; `work` is the unit that answers, if any."""

    __slots__ = ("socket", "number", "caller", "framer", "output", "waiting", "half", "busy", "work", "due", "mask",
                 "muted")  # fmt: skip

    def __init__(self, connected: socket.socket, caller: Caller, due: float) -> None:
        self.socket = connected
        self.number = connected.fileno()
        self.caller = caller
        self.framer = Framer()
        self.output = bytearray()
        self.waiting = False  # whole messages were received that had no turn yet
        self.half = False  # the last message received is not whole
        self.busy = False  # a call is answered elsewhere
        self.muted = False  # and it asked for no reply
        self.work: Work | None = None
        self.due = due  # when to disconnect
        self.mask = 0  # what is waited for
