"""Conversations with the service manager over its private socket, to which only root may talk.

Nobody stands between: neither the bus daemon nor a program of systemd. `systemctl show` has the manager gather all that
there is to know of a unit, its files read again, to print two words of it; here it is asked for these two.
"""

import array
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..errors import BbhvError
from ..formats import dbus

SOCKET = "/run/systemd/private"
NAME = "org.freedesktop.systemd1"
SECONDS = 60.0  # which is longer than it takes to read the units of a large host
_SEE = "see: journalctl --boot _PID=1"
_UNITS = "/org/freedesktop/systemd1/unit/"
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
# Of all properties that are asked for, those that every kind of unit has. The others are of services.
_OF_ALL = frozenset(("ActiveState", "SubState", "Job", "ActiveEnterTimestampMonotonic"))


class Conversation:
    """What is said over a connection, and what is answered."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._data = b""

    def begin(self) -> None:
        """Says who we are, which the kernel confirms (D-Bus Specification, "Authentication Protocol").

        All of it at once: descriptors that come before systemd has read the end of it would be refused. What comes
        behind the answer already is the start of what systemd tells everybody. Raises BbhvError, OSError.
        """
        name = str(os.geteuid()).encode().hex().encode()
        self._channel.sendall(b"\0AUTH EXTERNAL " + name + b"\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n")
        answer = b""
        while answer.count(b"\r\n") < 2:
            chunk = self._channel.recv(1024)
            answer += chunk
            if not chunk or len(answer) > 1024:
                raise BbhvError(f"systemd does not let us in, {_SEE}.")
        if not answer.startswith(b"OK ") or b"AGREE_UNIX_FD" not in answer:
            raise BbhvError(f"systemd does not let us in: {ascii(answer[:80])}, {_SEE}.")
        self._data = answer.split(b"\r\n", 2)[2]

    def say(self, message: bytes, fds: Sequence[int] = ()) -> None:
        """Sends messages; descriptors go with the first. Raises OSError."""
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        sent = self._channel.sendmsg([message], rights)
        if sent < len(message):
            self._channel.sendall(message[sent:])

    def answer(self, serial: int) -> dbus.Reply:
        """Passes over what the manager tells everybody, until it answers this call. Raises BbhvError, OSError."""
        while True:
            self._have(dbus.FIXED)
            size = dbus.whole_size(self._data)
            self._have(size)
            reply, self._data = dbus.read(self._data[:size]), self._data[size:]
            if reply.answers == serial and reply.kind in (dbus.RETURN, dbus.ERROR):
                return reply

    def _have(self, size: int) -> None:
        """Waits until so many bytes have come."""
        while len(self._data) < size:
            chunk = self._channel.recv(1 << 16)
            if not chunk:
                raise BbhvError(f"systemd ended the conversation, {_SEE}.")
            self._data += chunk


@contextmanager
def conversation(address: str = SOCKET) -> Iterator[Conversation]:
    """A conversation from its beginning to its end. Raises BbhvError."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as channel:
            channel.settimeout(SECONDS)
            channel.connect(address)
            one = Conversation(channel)
            one.begin()
            yield one
    except OSError as error:
        raise BbhvError(f"systemd does not answer on {address}: {error.strerror or error}, {_SEE}.") from None


def properties(units: Sequence[str], names: Sequence[str], address: str = SOCKET) -> dict[str, dict[str, str]]:
    """Properties of units by unit name, as text: numbers, yes or no, of a job its number. What a unit has not got is
    left out; one that nobody knows is inactive. Raises BbhvError."""
    found: dict[str, dict[str, str]] = {}
    if units:
        with conversation(address) as manager:
            for unit in units:
                found[unit] = _properties(manager, unit, names)
    return found


def _properties(manager: Conversation, unit: str, names: Sequence[str]) -> dict[str, str]:
    where = f"{_UNITS}{escape(unit)}"
    manager.say(b"".join(
        dbus.call(number, where, "org.freedesktop.DBus.Properties", "Get", NAME, "ss", (_interface(name), name))
        for number, name in enumerate(names, 1)
    ))  # fmt: skip
    replies = [(name, manager.answer(number)) for number, name in enumerate(names, 1)]
    return {name: reply.text for name, reply in replies if reply.kind == dbus.RETURN}


def _interface(name: str) -> str:
    return f"{NAME}.{'Unit' if name in _OF_ALL else 'Service'}"


def escape(name: str) -> str:
    """A name as a part of an object path (sd_bus_path_encode(3))."""
    found = "".join(letter if letter in _PLAIN else f"_{ord(letter):02x}" for letter in name)
    return f"_{ord(name[0]):02x}{found[1:]}" if name[:1].isdigit() else found or "_"
