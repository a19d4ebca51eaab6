"""Standard input and output as a connection to the service: what ssh calls for a client on another host.

What comes in goes to the service, and what it says goes out, a piece at a time, so that nothing piles up. It ends when
the service hangs up, or when nobody is at the other end of standard output any more. The service sees who calls this.
"""

import os
import select
import socket
import threading
from contextlib import suppress

from .client import connect

_PIECE = 64 << 10
_GONE = select.POLLERR | select.POLLHUP | select.POLLNVAL


def bridge(address: str, source: int = 0, target: int = 1) -> None:
    """Carries bytes both ways until either end closes. Raises NoServiceError when nobody listens at the address."""
    with connect(address) as service:
        service.settimeout(None)
        threading.Thread(target=_ask, args=(source, service), daemon=True).start()
        _answer(service, target)


def _ask(source: int, service: socket.socket) -> None:
    """Passes on what comes in; when that ends, the service still says what it was asked for."""
    with suppress(OSError):  # it has hung up
        while data := os.read(source, _PIECE):
            service.sendall(data)
        service.shutdown(socket.SHUT_WR)


def _answer(service: socket.socket, target: int) -> None:
    """Passes on what the service says."""
    poll = select.poll()
    poll.register(service, select.POLLIN)
    poll.register(target, 0)
    with suppress(OSError):  # one of both is gone
        while target not in {number for number, event in poll.poll() if event & _GONE}:
            data = memoryview(service.recv(_PIECE))
            if not data:
                return
            while data:
                data = data[os.write(target, data) :]
