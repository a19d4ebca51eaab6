"""One peer of the server: what came in and was not answered, what was answered and not taken, and since when."""

import socket

from ..formats.varlink import Call, Framer
from .peer import Caller
from .work import Work


class Connection:
    """A peer. While a `call` of it is answered elsewhere, nothing more of it is taken; `work` is the unit that answers
    it, if any, and `judged` when its caller was last found to be one who may ask; None while that is found out."""

    __slots__ = ("socket", "number", "caller", "framer", "output", "waiting", "half", "call", "judged", "work", "due",
                 "mask")  # fmt: skip

    def __init__(self, connected: socket.socket, caller: Caller, due: float) -> None:
        self.socket = connected
        self.number = connected.fileno()
        self.caller = caller
        self.framer = Framer()
        self.output = bytearray()
        self.waiting = False  # whole messages were received that had no turn yet
        self.half = False  # the last message received is not whole
        self.call: Call | None = None
        self.judged: float | None = None
        self.work: Work | None = None
        self.due = due  # when to disconnect
        self.mask = 0  # what is waited for
