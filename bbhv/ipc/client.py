"""The varlink client: one call on a socket of this host, bounded in time and size."""

import socket
import time

from ..errors import BbhvError
from ..formats.jsontext import Json
from ..formats.varlink import Call, Framer, VarlinkError, WireError, encode_call, parse_reply

_READ = 1 << 16


def call(address: str, method: str, parameters: dict[str, Json], *, seconds: float) -> dict[str, Json]:
    """The parameters of the reply. Raises VarlinkError for an error reply, BbhvError when there is no reply in time."""
    deadline = time.monotonic() + seconds
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as channel:
            channel.settimeout(seconds)
            channel.connect(address)
            channel.sendall(encode_call(Call(method, parameters)))
            message = _message(channel, deadline)
    except OSError as error:
        raise BbhvError(f"{address}: {error.strerror or error}.") from error
    reply = parse_reply(message)
    if reply.error:
        raise VarlinkError(reply.error, reply.parameters)
    return reply.parameters


def _message(channel: socket.socket, deadline: float) -> bytes:
    framer = Framer()
    while (message := framer.take()) is None:
        channel.settimeout(max(0.001, deadline - time.monotonic()))
        data = channel.recv(_READ)
        if not data:
            raise WireError("The service hung up without a reply.")
        framer.feed(data)
    return message
