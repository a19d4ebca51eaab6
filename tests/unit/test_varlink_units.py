"""Calls that a unit of its own answers: what is passed on, what is waited for, and what happens when one leaves."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bbhv.formats.jsontext import Json
from bbhv.formats.varlink import Call, Framer, Reply, encode_reply
from bbhv.ipc import work
from bbhv.ipc.methods import Asked
from bbhv.ipc.peer import Caller
from bbhv.ipc.peer import Caller
from bbhv.ipc.server import Limits
from bbhv.ipc.table import HYPERVISOR, VARLINK

from .test_varlink_server import Running, hung_up, running
from .varlink_client import PATIENCE

INFO, LOGS, SYNC = f"{VARLINK}.GetInfo", f"{HYPERVISOR}.Logs", f"{HYPERVISOR}.Sync"
SHORT = Limits(idle=0.0, message=100.0, silence=1000.0)


class Unit:
    """One that answers: the other end of what the server asks."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.socket.settimeout(PATIENCE)
        framer = Framer(2 << 20)
        while (message := framer.take()) is None:
            framer.feed(connected.recv(1 << 16))
        self.asked: Asked = work.read(message)

    def say(self, *replies: Reply) -> None:
        """Sends replies."""
        self.socket.sendall(b"".join(map(encode_reply, replies)))

    def is_left(self) -> bool:
        """Waits until nobody listens any more."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:  # some of what was said was not read
            return True


class Manager:
    """Starts units for a server: it accepts what their sockets get."""

    def __init__(self, address: Path) -> None:
        self._sockets: dict[str, socket.socket] = {}
        self._units: list[Unit] = []
        for kind in ("look", "act"):
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            listener.bind(f"{address}.{kind}")
            listener.listen(64)
            listener.settimeout(PATIENCE)
            self._sockets[kind] = listener

    def start(self, kind: str) -> Unit:
        """The next unit of a kind that is asked."""
        self._units.append(Unit(self._sockets[kind].accept()[0]))
        return self._units[-1]

    def close(self) -> None:
        """End of the test."""
        for one in (*self._sockets.values(), *(unit.socket for unit in self._units)):
            one.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    one = Manager(tmp_path / "s")
    yield one
    one.close()


def entry(message: str) -> dict[str, Json]:
    return {"entry": {"whenUSec": 1, "cursor": "", "unit": "", "priority": 6, "message": message}}


def test_a_unit_is_told_what_was_judged_and_its_replies_are_passed_on(tmp_path: Path, manager: Manager) -> None:
    with running(tmp_path / "s") as server, server.client() as client:
        client.send(Call(LOGS, {"tenant": "acme", "lines": 2}, more=True))
        unit = manager.start("look")
        assert (unit.asked.method, unit.asked.parameters) == (LOGS, {"tenant": "acme", "lines": 2})
        assert unit.asked.more and unit.asked.operator
        assert unit.asked.tenants is None and unit.asked.who.startswith("uid ")
        unit.say(*(Reply(entry(f"line {number}"), continues=True) for number in range(3)))
        assert [client.receive().continues for _ in range(3)] == [True] * 3
        unit.say(Reply({"entry": None}))
        assert client.receive() == Reply({"entry": None})
        assert unit.is_left()
        assert client.call(INFO).error == ""


def test_calls_that_follow_wait_for_the_unit_and_other_peers_do_not(tmp_path: Path, manager: Manager) -> None:
    with running(tmp_path / "s") as server, server.client() as client, server.client() as other:
        client.send(Call(SYNC, {"tenant": "acme"}), Call(INFO, {}))
        unit = manager.start("act")
        assert all(other.call(INFO).error == "" for _ in range(100))
        unit.say(Reply({"tenants": []}))
        assert client.receive() == Reply({"tenants": []})
        assert client.receive().parameters["version"] == "1"


def test_a_unit_is_left_when_its_caller_is_gone(tmp_path: Path, manager: Manager) -> None:
    with running(tmp_path / "s") as server, server.client() as good:
        with server.client() as client:
            client.send(Call(LOGS, {"tenant": "acme"}, more=True), Call(INFO, {}))
            unit = manager.start("look")
        assert unit.is_left()
        assert good.call(INFO).error == ""


def test_what_nobody_waits_for_is_done_all_the_same_and_so_is_what_follows(tmp_path: Path, manager: Manager) -> None:
    with running(tmp_path / "s") as server:
        with server.client() as client:
            client.send(*[Call(SYNC, {"tenant": name}, oneway=True) for name in ("acme", "beta")])
        for name in ("acme", "beta"):
            unit = manager.start("act")
            assert unit.asked.tenant == name
            unit.say(Reply({"tenants": []}))
            assert unit.is_left()


def test_who_takes_no_replies_keeps_the_unit_waiting_and_is_disconnected(tmp_path: Path, manager: Manager) -> None:
    with running(tmp_path / "s", SHORT) as server, server.client() as good, server.client() as bad:
        bad.send(Call(LOGS, {"tenant": "acme"}, more=True))
        unit = manager.start("look")
        unit.socket.settimeout(0.3)
        with pytest.raises(TimeoutError):
            while True:
                unit.say(Reply(entry("x" * 60_000), continues=True))
        server.advance(99, good)
        assert not hung_up(bad)
        server.advance(2, good)
        assert hung_up(bad)
    assert len(server.log) == 1 and server.log[0].endswith(" does not take its replies. Disconnected.")


def test_a_reader_that_is_slow_gets_every_reply(tmp_path: Path, manager: Manager) -> None:
    with running(tmp_path / "s") as server, server.client() as client:
        client.send(Call(LOGS, {"tenant": "acme"}, more=True))
        unit = manager.start("look")
        for number in range(200):
            unit.say(Reply(entry(f"{number} {'x' * 30_000}"), continues=True))
            if number % 3 == 2:
                heard = [str(client.receive().parameters) for _ in range(3)]
                assert [f"'{number - 2 + at} x" in text for at, text in enumerate(heard)] == [True] * 3


def test_a_unit_that_ends_without_a_word_is_an_error(tmp_path: Path, manager: Manager) -> None:
    with running(tmp_path / "s") as server, server.client() as client:
        for words in (b"", encode_reply(Reply(entry("x"), continues=True)), b'{"half'):
            client.send(Call(LOGS, {"tenant": "acme"}, more=True))
            unit = manager.start("look")
            unit.socket.sendall(words)
            unit.socket.close()
            if words.endswith(b"\0"):
                assert client.receive().continues
            failed = client.receive()
            assert failed.error == f"{HYPERVISOR}.Failed"
            assert failed.parameters["message"] == "The unit that answers ended without a word."
        assert client.call(INFO).error == ""


def test_what_is_no_reply_is_not_passed_on(tmp_path: Path, manager: Manager) -> None:
    with running(tmp_path / "s") as server, server.client() as client:
        client.send(Call(LOGS, {"tenant": "acme"}, more=True))
        unit = manager.start("look")
        unit.socket.sendall(b"garbage\0")
        assert client.receive().error == f"{HYPERVISOR}.Failed"
        assert client.call(INFO).error == ""
    assert "said what is no reply: A message is not valid JSON." in server.log[0]


def test_a_user_has_so_many_units_at_a_time(tmp_path: Path, manager: Manager) -> None:
    with running(tmp_path / "s", Limits(idle=0.0, units=2)) as server:
        clients = [server.client() for _ in range(3)]
        for client in clients[:2]:
            client.send(Call(LOGS, {"tenant": "acme"}, more=True))
        units = [manager.start("look") for _ in range(2)]
        clients[2].send(Call(LOGS, {"tenant": "acme"}, more=True))
        assert clients[2].receive().error == f"{HYPERVISOR}.Busy"
        units[0].say(Reply({"entry": None}))
        assert clients[0].receive().error == ""
        clients[2].send(Call(LOGS, {"tenant": "acme"}, more=True))
        manager.start("look").say(Reply({"entry": None}))
        assert clients[2].receive().error == ""
        for client in clients:
            client.socket.close()


def test_the_users_of_a_tenant_have_so_many_units_together(tmp_path: Path, manager: Manager) -> None:
    users = iter(range(700_000, 700_100))

    def identify(connection: socket.socket) -> Caller:
        return Caller(1, next(users), False, tenant="acme")

    with Running(str(tmp_path / "s"), Limits(idle=0.0, units=2), identify) as server:
        clients = [server.client() for _ in range(3)]
        for client in clients[:2]:
            client.send(Call(LOGS, {"tenant": "acme"}, more=True))
        units = [manager.start("look") for _ in range(2)]
        clients[2].send(Call(LOGS, {"tenant": "acme"}, more=True))
        busy = clients[2].receive()
        assert (busy.error, busy.parameters["message"]) == (
            f"{HYPERVISOR}.Busy", "2 calls of acme are answered at this moment."
        )  # fmt: skip
        for client in clients:
            client.socket.close()
        assert all(unit.is_left() for unit in units)


def test_without_a_socket_of_units_the_call_fails_with_a_hint(tmp_path: Path) -> None:
    with running(tmp_path / "s") as server, server.client() as client:
        failed = client.call(SYNC, tenant="acme")
        assert failed.error == f"{HYPERVISOR}.Failed"
        assert failed.parameters["hint"] == "systemctl status bitbuilder-s.act.socket"
        assert client.call(INFO).error == ""


def test_a_call_as_large_as_one_may_be_reaches_the_unit(tmp_path: Path, manager: Manager) -> None:
    files: dict[str, Json] = {"a": "A" * 1_000_000}
    with running(tmp_path / "s") as server, server.client() as client:
        client.send(Call(f"{HYPERVISOR}.Validate", {"tenant": "acme", "files": files}))
        unit = manager.start("look")
        assert unit.asked.parameters["files"] == files
        unit.say(Reply({"findings": []}))
        assert client.receive() == Reply({"findings": []})


def test_many_peers_with_units_leave_nothing_behind(tmp_path: Path, manager: Manager) -> None:
    with running(tmp_path / "s", Limits(idle=0.0, units=16)) as server, server.client() as good:
        for _ in range(50):
            with server.client() as client:
                client.send(Call(LOGS, {"tenant": "acme"}, more=True))
                unit = manager.start("look")
                unit.say(*[Reply(entry("x" * 1000), continues=True)] * 3)
            assert unit.is_left()
            unit.socket.close()
        assert good.call(INFO).error == ""


def test_who_follows_is_judged_again_and_ended_when_no_registration_names_him_any_more(
    tmp_path: Path, manager: Manager
) -> None:
    named = True

    def identify(connection: socket.socket) -> Caller:
        return Caller(1, 1000 if named else 0, operator=not named)  # the first to come is the user, the last root

    with Running(str(tmp_path / "s"), Limits(idle=0.0), identify) as server, server.client() as client:
        client.send(Call(LOGS, {"tenant": "acme"}, more=True))
        unit = manager.start("look")
        named = False
        with server.client() as witness:
            for ahead in (0, 6):
                server.advance(ahead, witness)
                unit.say(Reply(entry(f"after {ahead}"), continues=True))
                assert client.receive().parameters == entry(f"after {ahead}")
            server.engine.users = ()
            server.advance(6, witness)
            unit.say(Reply(entry("a secret"), continues=True))
            assert client.receive() == Reply({}, "org.varlink.service.PermissionDenied")
            assert unit.is_left()
            assert client.call(INFO).error == ""
    assert server.log == [f"uid 1000 (pid 1) may not call {LOGS}."]


def test_a_refusal_by_a_unit_is_told_and_counted_like_any_other(tmp_path: Path, manager: Manager) -> None:
    with running(tmp_path / "s") as server, server.client() as client:
        client.send(Call(SYNC, {"tenant": "acme"}))
        manager.start("act").say(Reply({}, "org.varlink.service.PermissionDenied"))
        assert client.receive().error == "org.varlink.service.PermissionDenied"
    assert len(server.log) == 1 == server.denied and server.log[0].endswith(f" may not call {SYNC}.")
