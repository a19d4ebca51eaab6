"""The client of ours on real sockets: single calls, streams, and services that are gone, silent or hang up."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bbhv.errors import BbhvError, RefusedError
from bbhv.formats.jsontext import Json
from bbhv.formats.varlink import MAX_MESSAGE, Framer, Reply, VarlinkError, WireError, encode_reply, parse_call
from bbhv.ipc.client import MAX_REPLY, Client, NoServiceError, call
from bbhv.ipc.table import HYPERVISOR, VARLINK

from .test_varlink_server import running
from .test_varlink_units import Manager, entry, manager
from .varlink_client import PATIENCE, tenant

LIST, LOGS, SYNC = (f"{HYPERVISOR}.{name}" for name in ("ListTenants", "Logs", "Sync"))
__all__ = ["manager"]


@contextmanager
def answering(address: Path, answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A service that takes one connection, reads a call, and does what it likes."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(address))
    listener.listen()

    def serve() -> None:
        connected, _ = listener.accept()
        with connected:
            framer = Framer()
            while (message := framer.take()) is None:
                framer.feed(connected.recv(1 << 16))
            assert parse_call(message).method == LIST
            answer(connected)

    thread = threading.Thread(target=serve)
    thread.start()
    yield str(address)
    thread.join(PATIENCE)
    listener.close()


def saying(data: bytes) -> Callable[[socket.socket], None]:
    return lambda peer: peer.sendall(data)


def test_calls_of_one_connection_are_answered_one_after_the_other(tmp_path: Path) -> None:
    with running(tmp_path / "s") as server, Client(server.address) as client:
        assert client.call(LIST, {"tenant": "acme"}) == {"tenants": [tenant("acme")]}
        with pytest.raises(VarlinkError) as caught:
            client.call(LIST, {"tenant": "nobody"})
        assert (caught.value.name, caught.value.parameters) == (f"{HYPERVISOR}.NoSuchTenant", {"tenant": "nobody"})
        assert client.call(f"{VARLINK}.GetInfo", {})["version"] == "1"
        assert list(client.stream(LIST, {"tenant": "beta"})) == [{"tenants": [tenant("beta")]}]
        assert client.call(LIST, {"tenant": "acme"}) == {"tenants": [tenant("acme")]}


def test_a_single_call_needs_no_connection_of_its_own(tmp_path: Path) -> None:
    with running(tmp_path / "s") as server:
        assert call(server.address, LIST, {"tenant": "acme"}, seconds=PATIENCE) == {"tenants": [tenant("acme")]}


def test_a_stream_is_read_as_it_comes_and_the_next_call_follows(tmp_path: Path, manager: Manager) -> None:
    with running(tmp_path / "s") as server, Client(server.address) as client:
        replies = client.stream(LOGS, {"tenant": "acme"})
        heard: list[dict[str, Json]] = []
        reader = threading.Thread(target=lambda: heard.extend(replies))
        reader.start()
        unit = manager.start("look")
        assert unit.asked.more
        unit.say(Reply(entry("one"), continues=True))
        unit.say(Reply(entry("two"), continues=True), Reply({"entry": None}))
        reader.join(PATIENCE)
        assert heard == [entry("one"), entry("two"), {"entry": None}]
        assert client.call(LIST, {"tenant": "acme"}) == {"tenants": [tenant("acme")]}


def test_a_stream_that_ends_with_an_error_gives_first_what_came_before(tmp_path: Path, manager: Manager) -> None:
    with running(tmp_path / "s") as server, Client(server.address) as client:
        replies = client.stream(SYNC, {})
        heard: list[object] = []

        def read() -> None:
            try:
                heard.extend(replies)
            except VarlinkError as error:
                heard.append(error.name)

        reader = threading.Thread(target=read)
        reader.start()
        unit = manager.start("act")
        unit.say(Reply({"tenants": []}, continues=True), Reply({"message": "x", "hint": ""}, f"{HYPERVISOR}.Failed"))
        reader.join(PATIENCE)
        assert heard == [{"tenants": []}, f"{HYPERVISOR}.Failed"]


def test_a_service_that_is_not_there_is_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(NoServiceError) as caught:
        call(str(tmp_path / "s"), LIST, {}, seconds=PATIENCE)
    assert str(caught.value) == f"{tmp_path}/s: No such file or directory."
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(tmp_path / "s"))
    listener.close()
    with pytest.raises(NoServiceError) as caught:
        Client(str(tmp_path / "s"))
    assert str(caught.value) == f"{tmp_path}/s: Connection refused."


def test_a_service_that_hangs_up_is_noticed_in_a_call_and_in_a_stream(tmp_path: Path) -> None:
    for number, replies in enumerate((b"", b'{"par', encode_reply(Reply({"tenants": []}, continues=True)))):
        with answering(tmp_path / f"s{number}", saying(replies)) as address:
            with Client(address) as client, pytest.raises(WireError) as caught:
                list(client.stream(LIST, {}))
        assert caught.value.message == f"{address}: The service hung up without a reply."
        assert "journalctl -u bitbuilder-varlink.service" in caught.value.hint


def test_a_single_call_has_a_time_for_the_whole_of_its_reply(tmp_path: Path) -> None:
    gone = threading.Event()

    def trickle(peer: socket.socket) -> None:
        while not gone.wait(0.01):
            peer.sendall(b" ")

    with answering(tmp_path / "s", trickle) as address:
        with Client(address) as client, pytest.raises(BbhvError) as caught:
            begun = time.monotonic()
            client.call(LIST, {}, seconds=0.3)
        assert str(caught.value) == f"{address}: timed out." and 0.25 < time.monotonic() - begun < PATIENCE
        gone.set()


def test_a_stream_waits_as_long_as_it_is_silent(tmp_path: Path) -> None:
    def late(peer: socket.socket) -> None:
        threading.Event().wait(0.5)
        peer.sendall(encode_reply(Reply({"tenants": []})))

    with answering(tmp_path / "s", late) as address, Client(address, seconds=0.1) as client:
        assert list(client.stream(LIST, {})) == [{"tenants": []}]


def test_replies_and_calls_have_a_bound(tmp_path: Path) -> None:
    def flood(peer: socket.socket) -> None:
        try:
            while True:
                peer.sendall(b" " * (1 << 20))
        except OSError:
            pass

    with answering(tmp_path / "s", flood) as address, Client(address) as client, pytest.raises(WireError) as caught:
        client.call(LIST, {})
    assert caught.value.message == f"A message is larger than {MAX_REPLY} bytes."
    with running(tmp_path / "t") as server, Client(server.address) as client:
        with pytest.raises(RefusedError):
            client.call(LIST, {"tenant": "x" * MAX_MESSAGE})
        assert client.call(LIST, {"tenant": "acme"}) == {"tenants": [tenant("acme")]}
