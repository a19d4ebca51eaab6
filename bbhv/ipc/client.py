"""The varlink client: calls on a socket of this host, one after the other, bounded in time and size.

A single call has a time within which all of its reply has to come. Of several replies each may be as late as it likes,
for what is waited for may take long or may never come; a service that is gone is noticed all the same.
"""

import socket
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from ..errors import BbhvError, RefusedError
from ..formats.jsontext import Json
from ..formats.varlink import MAX_MESSAGE, Call, Framer, Reply, VarlinkError, WireError, encode_call, parse_reply

MAX_REPLY = 16 << 20  # what sd-varlink takes as well
SECONDS = 20.0
_READ = 1 << 16
_HUNG_UP = "It refuses users that this host does not know, and more than a few connections of one: journalctl -u {}"
_UNIT = "bitbuilder-varlink.service"


class NoServiceError(BbhvError):
    """Nobody listens at the address."""


def connect(address: str, seconds: float = SECONDS) -> socket.socket:
    """A connection. Raises NoServiceError, or BbhvError when that takes longer than so many seconds."""
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    connected.settimeout(seconds)
    try:
        connected.connect(address)
    except OSError as error:
        connected.close()
        nobody = isinstance(error, (FileNotFoundError, ConnectionRefusedError, PermissionError))
        raise (NoServiceError if nobody else BbhvError)(f"{address}: {error.strerror or error}.") from error
    return connected


class Client:
    """A connection, to be used in a `with` block. Whoever does not read a stream to its end has to close it."""

    def __init__(self, address: str, *, seconds: float = SECONDS) -> None:
        """Connects. Raises as `connect`."""
        self._address = address
        self._framer = Framer(MAX_REPLY)
        self._socket = connect(address, seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hangs up. What a call began that changes something goes on."""
        self._socket.close()

    def call(self, method: str, parameters: dict[str, Json], *, seconds: float = SECONDS) -> dict[str, Json]:
        """The parameters of the reply. Raises VarlinkError for an error reply, RefusedError for a call that is too
        large, and BbhvError when there is no reply within so many seconds."""
        deadline = time.monotonic() + seconds
        self._send(Call(method, parameters), deadline)
        return self._receive(deadline).parameters

    def stream(self, method: str, parameters: dict[str, Json]) -> Iterator[dict[str, Json]]:
        """The parameters of each reply, the last one included, as they come. Raises as `call`, whenever they end
        otherwise."""
        self._send(Call(method, parameters, more=True), time.monotonic() + SECONDS)
        continues = True
        while continues:
            reply = self._receive(None)
            continues = reply.continues
            yield reply.parameters

    def _send(self, call: Call, deadline: float) -> None:
        message = encode_call(call)
        if len(message) > MAX_MESSAGE:
            raise RefusedError(f"A call may have {MAX_MESSAGE} bytes, and this one has {len(message)}.")
        self._wait_until(deadline)
        try:
            self._socket.sendall(message)
        except OSError as error:
            raise self._lost(error) from error

    def _receive(self, deadline: float | None) -> Reply:
        while (message := self._framer.take()) is None:
            self._wait_until(deadline)
            try:
                data = self._socket.recv(_READ)
            except OSError as error:
                raise self._lost(error) from error
            if not data:
                raise self._hung_up()
            self._framer.feed(data)
        reply = parse_reply(message)
        if reply.error:
            raise VarlinkError(reply.error, reply.parameters)
        return reply

    def _wait_until(self, deadline: float | None) -> None:
        self._socket.settimeout(None if deadline is None else max(0.001, deadline - time.monotonic()))

    def _lost(self, error: OSError) -> BbhvError:
        if isinstance(error, (BrokenPipeError, ConnectionResetError)):
            return self._hung_up()
        return BbhvError(f"{self._address}: {error.strerror or error}.")

    def _hung_up(self) -> WireError:
        return WireError(f"{self._address}: The service hung up without a reply.", hint=_HUNG_UP.format(_UNIT))


def call(address: str, method: str, parameters: dict[str, Json], *, seconds: float) -> dict[str, Json]:
    """The parameters of the reply to a single call, connected to and answered within so many seconds.

    Raises as `Client` and `Client.call` do.
    """
    deadline = time.monotonic() + seconds
    with Client(address, seconds=seconds) as client:
        return client.call(method, parameters, seconds=deadline - time.monotonic())
