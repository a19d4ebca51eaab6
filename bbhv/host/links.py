"""Network interfaces: asked for, made, changed and removed, in the network namespace of this process.

The words that the kernel understands are in formats/rtnetlink.py. Every call is answered by the kernel at once, so
none can hang.
"""

import errno
import fcntl
import os
import socket
import struct
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from ..formats import rtnetlink
from ..formats.rtnetlink import Link

_TUN = "/dev/net/tun"
_SET_INTERFACE, _SET_PERSISTENT, _SET_OWNER = 0x400454CA, 0x400454CB, 0x400454CC
_TAP, _NO_HEADER, _VIRTIO_HEADER = 0x2, 0x1000, 0x4000
_LINK_EVENTS = 1
_GONE = (errno.ENODEV, errno.ENXIO)


class Links:
    """A conversation with the kernel about interfaces. Use it as a context manager. One that is about `events` only
    hears of what changes."""

    def __init__(self, *, events: bool = False) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self._groups = _LINK_EVENTS if events else 0

    def __enter__(self) -> Self:
        self._socket.bind((0, self._groups))
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, _: TracebackType | None) -> None:
        self._socket.close()

    def find(self, name: str) -> Link | None:
        """The interface of this name; None when there is none."""
        try:
            found = self.ask(rtnetlink.find(name))
        except OSError as error:
            if error.errno in _GONE:
                return None
            raise
        return found

    def need(self, name: str) -> Link:
        """The interface of this name. Raises OSError when there is none."""
        found = self.find(name)
        if found is None:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV), name)
        return found

    def delete(self, name: str) -> bool:
        """Removes an interface; says whether there was one."""
        found = self.find(name)
        if found is not None:
            self.ask(rtnetlink.delete(found.index))
        return found is not None

    def hear(self, seconds: float) -> bool:
        """Waits until something changes, at most so long; says whether it did."""
        if seconds <= 0:
            return False
        self._socket.settimeout(seconds)
        try:
            self._socket.recv(rtnetlink.MAX_ANSWER)
        except TimeoutError:
            return False
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise  # more has changed than there was room for
        return True

    def ask(self, request: bytes) -> Link | None:
        """Sends one request and waits for its answer. Raises OSError with what the kernel says of it."""
        self._socket.send(request)
        link = None
        while True:
            for answer in rtnetlink.answers(self._socket.recv(rtnetlink.MAX_ANSWER)):
                if isinstance(answer, Link):
                    link = answer
                elif answer:
                    raise OSError(answer, os.strerror(answer))
                else:
                    return link


def wait_up(names: Sequence[str], seconds: float) -> tuple[str, ...]:
    """Waits until interfaces are there and up, at most so long; returns those that are not."""
    with Links() as links, Links(events=True) as events:
        deadline = time.monotonic() + seconds
        while left := tuple(name for name in names if not ((found := links.find(name)) and found.up)):
            if not events.hear(deadline - time.monotonic()):
                return left
    return ()


def make_tap(name: str, owner: int) -> None:
    """Makes an interface that a program of this user may attach itself to, without any privilege (tuntap of the
    kernel's documentation). It stays until it is deleted. Raises OSError."""
    handle = os.open(_TUN, os.O_RDWR | os.O_CLOEXEC)
    try:
        request = struct.pack("=16sH22x", name.encode(), _TAP | _NO_HEADER | _VIRTIO_HEADER)
        fcntl.ioctl(handle, _SET_INTERFACE, request)
        fcntl.ioctl(handle, _SET_OWNER, owner)
        fcntl.ioctl(handle, _SET_PERSISTENT, 1)
    finally:
        os.close(handle)
