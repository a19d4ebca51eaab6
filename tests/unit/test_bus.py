"""Conversations with the service manager: what it tells everybody is passed over, what it says of a unit is text."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bbhv.errors import BbhvError
from bbhv.formats import dbus
from bbhv.host import bus
from bbhv.host.bus import Conversation
from tests.unit.test_formats_dbus import reply as message

GREETING = b"OK 1234\r\nAGREE_UNIX_FD\r\n"


@contextmanager
def pair() -> Iterator[tuple[socket.socket, Conversation]]:
    """A manager that somebody plays, and our side of the conversation."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield theirs, Conversation(ours)


def test_what_the_manager_tells_everybody_before_it_answers_is_passed_over() -> None:
    """It may come in one piece with the end of the greeting, or cut anywhere."""
    signal = message(4, [(3, ("s", "UnitNew"))])
    answer = message(dbus.ERROR, [(5, ("u", 1)), (4, ("s", "org.example.No")), (8, ("g", "s"))], "s", ["So not."])
    for cut in (0, 1, dbus.FIXED, 20, len(signal)):
        with pair() as (manager, ours):
            manager.sendall(GREETING + signal + signal[:cut])
            ours.begin()
            assert manager.recv(100).endswith(b"\r\nBEGIN\r\n")
            manager.sendall(signal[cut:] + answer)
            assert ours.answer(1) == (dbus.ERROR, 1, "org.example.No", "So not.")
            manager.close()
            with pytest.raises(BbhvError, match="ended the conversation"):
                ours.answer(2)


def test_a_manager_that_does_not_let_us_in_is_not_asked() -> None:
    for said in (b"REJECTED\r\nERROR\r\n", b"OK 1\r\nERROR\r\n", b"x" * 2000, b""):
        with pair() as (manager, ours):
            manager.sendall(said)
            manager.shutdown(socket.SHUT_WR)
            with pytest.raises(BbhvError, match="does not let us in"):
                ours.begin()


def test_properties_are_asked_for_by_unit_and_come_as_text(tmp_path: Path) -> None:
    address = f"{tmp_path}/private"
    answers: list[tuple[str, dbus.Value]] = [
        ("s", "active"), ("u", 3), ("(uo)", (7, "/job/7")), ("t", 1 << 40), ("i", -1), ("b", True)
    ]  # fmt: skip
    heard: list[bytes] = []

    def play(listener: socket.socket) -> None:
        channel, _ = listener.accept()
        with channel:
            channel.settimeout(30)
            channel.recv(1000)
            channel.sendall(GREETING)
            for _ in range(2):
                heard.append(channel.recv(1 << 16))
                for number, value in enumerate(answers, 1):
                    channel.sendall(message(dbus.RETURN, [(5, ("u", number)), (8, ("g", "v"))], "v", [value]))
                no: list[dbus.Value] = [(5, ("u", 7)), (4, ("s", "org.example.UnknownProperty")), (8, ("g", "s"))]
                channel.sendall(message(dbus.ERROR, no, "s", ["There is none."]))

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        listener.settimeout(30)
        playing = threading.Thread(target=play, args=(listener,))
        playing.start()
        names = ("ActiveState", "NRestarts", "Job", "ActiveEnterTimestampMonotonic", "ExecMainStatus", "X", "Missing")
        found = bus.properties(["a@b.c.service", "x.service"], names, address)
        playing.join(30)
    expected = dict(zip(names, ("active", "3", "7", str(1 << 40), "-1", "yes")))
    assert found == {"a@b.c.service": expected, "x.service": expected}
    assert b"/org/freedesktop/systemd1/unit/a_40b_2ec_2eservice\0" in heard[0]
    assert b"org.freedesktop.systemd1.Service\0" in heard[0] and b"org.freedesktop.systemd1.Unit\0" in heard[0]


def test_without_units_nobody_is_asked_and_without_a_manager_that_is_said() -> None:
    assert bus.properties([], ("ActiveState",), "/nowhere/private") == {}
    with pytest.raises(BbhvError, match="systemd does not answer on /nowhere/private: No such file or directory"):
        bus.properties(["x.service"], ("ActiveState",), "/nowhere/private")


@pytest.mark.parametrize(("name", "escaped"), [
    ("x.service", "x_2eservice"), ("a@b-c.service", "a_40b_2dc_2eservice"), ("1a.slice", "_31a_2eslice"), ("", "_"),
])  # fmt: skip
def test_a_name_is_escaped_as_systemd_does_it(name: str, escaped: str) -> None:
    assert bus.escape(name) == escaped
