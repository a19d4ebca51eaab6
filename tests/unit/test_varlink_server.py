"""The varlink server on real sockets: order, bounds, time, bad peers, and that the others notice nothing."""

import contextlib
import os
import random
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from bbhv.errors import RefusedError
from bbhv.formats.jsontext import Json
from bbhv.formats.varlink import MAX_MESSAGE, Call, encode_call
from bbhv.ipc import peer
from bbhv.ipc.peer import group_id, judge
from bbhv.ipc.server import Limits, Server
from bbhv.ipc.table import HYPERVISOR, VARLINK, How

from .varlink_client import PATIENCE, Client, Engine, tenant

INFO = f"{VARLINK}.GetInfo"
DESCRIPTION = f"{VARLINK}.GetInterfaceDescription"
LIST = f"{HYPERVISOR}.ListTenants"
ROOT = Path(__file__).parents[2]
SHORT = Limits(idle=0.0, message=100.0, silence=1000.0)


class Clock:
    """The time of the machine, and as much more as a test wants to have passed."""

    ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


class Running:
    """A server in a thread of its own, its clock, and what it logged. A connection keeps it there until `leave`."""

    def __init__(self, address: str, limits: Limits, identify: Callable[[socket.socket], peer.Caller]) -> None:
        self.address = address
        self.log: list[str] = []
        self.denied = 0
        self.clock = Clock()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(address)
        self.listener.listen(512)
        self.listener.setblocking(False)
        self._keeper = self.client()
        self.engine = Engine()
        server = Server([self.listener], self.engine.service(), identify=identify, limits=limits, log=self.log.append,
                        clock=self.clock, denied=self._deny,
                        units={How.LOOK: f"{address}.look", How.ACT: f"{address}.act"})  # fmt: skip
        self._thread = threading.Thread(target=server.run, daemon=True)

    def _deny(self) -> None:
        self.denied += 1

    def __enter__(self) -> "Running":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()
        self.listener.close()

    def client(self) -> Client:
        """A new connection."""
        return Client(self.address)

    def leave(self) -> None:
        """Let the server leave, and wait until it did."""
        self._keeper.socket.close()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the server did not leave"

    def advance(self, seconds: float, witness: Client) -> None:
        """Let time pass, and wait until the server has seen it: it looks once after each round of calls."""
        for ahead in (0.0, seconds):
            self.clock.ahead += ahead
            assert [witness.call(INFO).error for _ in range(2)] == ["", ""]


def running(address: Path | str, limits: Limits = Limits(idle=0.0), *, operators: int | None = os.getgid()) -> Running:
    """A server that the user of this test may ask everything."""
    return Running(str(address), limits, partial(peer.identify, operators=operators))


def rejected(client: Client) -> bool:
    """Whether the server hung up without another word."""
    try:
        client.receive()
    except EOFError:
        return True
    return False


def answered_again(server: Running) -> bool:
    """Whether a new client is answered, once the server has seen that older ones are gone."""
    for _ in range(10_000):
        with server.client() as client, contextlib.suppress(EOFError):
            return client.call(INFO).error == ""
    return False


def test_a_call_is_answered(tmp_path: Path) -> None:
    with running(tmp_path / "s") as server, server.client() as client:
        assert client.call(LIST, tenant="acme").parameters == {"tenants": [tenant("acme")]}
        assert client.call(LIST, tenant="nobody").error == "io.bitbuilder.Hypervisor.NoSuchTenant"
        assert client.call("io.example.Ping").error == "org.varlink.service.InterfaceNotFound"


def test_pipelined_calls_are_answered_in_order(tmp_path: Path) -> None:
    names = [f"io.example.n{number}" for number in range(1000)]
    with running(tmp_path / "s") as server, server.client() as client:
        client.send(*(Call(DESCRIPTION, {"interface": name}) for name in names))
        assert [client.receive().parameters["interface"] for _ in names] == names


def test_a_client_with_many_calls_does_not_keep_the_others_waiting(tmp_path: Path) -> None:
    server = running(tmp_path / "s")
    busy, other = server.client(), server.client()
    # All is sent before the server runs, the one call last.
    busy.send(*[Call(LIST, {"tenant": "acme"}, oneway=True)] * 400)
    other.send(Call(LIST, {"tenant": "beta"}))
    with server, busy, other:
        assert other.receive().error == ""
        assert busy.call(INFO).error == ""
    assert server.engine.asked.count("acme") == 400
    assert server.engine.asked.index("beta") < 200


def test_a_oneway_call_is_never_answered_not_even_with_an_error(tmp_path: Path) -> None:
    with running(tmp_path / "s") as server, server.client() as client:
        client.send(Call(INFO, {}, oneway=True), Call("no.such.Method", {}, oneway=True))
        client.send(Call(LIST, {"tenant": "beta"}))
        assert client.receive().parameters == {"tenants": [tenant("beta")]}


def test_more_on_a_method_with_one_reply_gives_that_reply(tmp_path: Path) -> None:
    with running(tmp_path / "s") as server, server.client() as client:
        client.send(Call(INFO, {}, more=True), Call(DESCRIPTION, {"interface": "x.y"}))
        first = client.receive()
        assert first.parameters["vendor"] == "BitBuilder" and not first.continues
        assert client.receive().error == "org.varlink.service.InterfaceNotFound"


def test_a_message_may_arrive_byte_by_byte(tmp_path: Path) -> None:
    with running(tmp_path / "s") as server, server.client() as client:
        for byte in encode_call(Call(INFO, {})):
            client.send(bytes([byte]))
        assert client.receive().parameters["version"] == "1"


def test_a_client_that_only_shut_down_its_sending_side_gets_all_replies(tmp_path: Path) -> None:
    with running(tmp_path / "s") as server, server.client() as client:
        client.send(*[Call(INFO, {})] * 300)
        client.socket.shutdown(socket.SHUT_WR)
        assert [client.receive().error for _ in range(300)] == [""] * 300
        assert rejected(client)


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(b"\0", id="one NUL"),
        pytest.param(b"\0" * 60_000, id="many NULs"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n\0", id="another protocol"),
        pytest.param(b'{"method":"a.\xff"}\0', id="not UTF-8"),
        pytest.param(b'{"method":"a.B","method":"a.B"}\0', id="a key twice"),
        pytest.param(b'{"method":"a.B","parameters":{"x":' + b"[" * 5000 + b"]" * 5000 + b"}}\0", id="too deep"),
        pytest.param(b'{"method":"a.B","more":true,"oneway":true}\0', id="contradiction"),
    ],
)
def test_who_does_not_speak_varlink_is_disconnected_after_the_replies_due(tmp_path: Path, garbage: bytes) -> None:
    with running(tmp_path / "s") as server, server.client() as good, server.client() as bad:
        bad.send(encode_call(Call(INFO, {})) + garbage)
        assert bad.receive().error == ""
        assert rejected(bad)
        assert good.call(INFO).error == ""
    assert len(server.log) == 1 and " does not speak varlink. " in server.log[0]


def test_a_message_of_a_mebibyte_is_answered_and_one_byte_more_is_not(tmp_path: Path) -> None:
    frame = len(encode_call(Call(DESCRIPTION, {"interface": ""}))) - 1
    with running(tmp_path / "s") as server, server.client() as client:
        name = "x" * (MAX_MESSAGE - frame)
        assert client.call(DESCRIPTION, interface=name).parameters == {"interface": name}
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.send(Call(DESCRIPTION, {"interface": name + "x"}))
        assert rejected(client)
    assert server.log[0].endswith(" does not speak varlink. A message is larger than 1048576 bytes. Disconnected.")


def test_a_message_without_an_end_is_cut_off(tmp_path: Path) -> None:
    with running(tmp_path / "s") as server, server.client() as client:
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            while True:
                client.send(b"x" * 65_536)


def test_half_a_message_has_its_time_even_when_it_trickles(tmp_path: Path) -> None:
    with running(tmp_path / "s", SHORT) as server, server.client() as good, server.client() as bad:
        assert bad.call(INFO).error == ""
        bad.send(b'{"method":')
        for _ in range(9):
            server.advance(10, good)
            bad.send(b" ")
        assert server.log == []
        server.advance(11, good)
        assert rejected(bad)
    assert len(server.log) == 1 and server.log[0].endswith(" stopped in the middle of a message. Disconnected.")


def test_a_whole_message_starts_the_time_of_the_next_half_anew(tmp_path: Path) -> None:
    call = encode_call(Call(INFO, {}))
    with running(tmp_path / "s", SHORT) as server, server.client() as good, server.client() as client:
        assert client.call(INFO).error == ""
        client.send(call[:10])
        for _ in range(5):
            server.advance(90, good)
            client.send(call[10:] + call[:10])
            assert client.receive().error == ""
        client.send(call[10:])
        assert client.receive().error == ""
    assert server.log == []


def test_a_silent_connection_is_closed_after_a_while(tmp_path: Path) -> None:
    with running(tmp_path / "s", SHORT) as server, server.client() as good, server.client() as client:
        server.advance(900, good)
        assert client.call(INFO).error == ""
        server.advance(900, good)
        assert client.call(INFO).error == ""
        server.advance(900, good)
        server.advance(110, good)
        assert rejected(client)
    assert server.log == []


def flood(client: Client, calls: bytes) -> None:
    """Send until the server stops to read."""
    client.socket.settimeout(0.3)
    with contextlib.suppress(TimeoutError):
        while True:
            client.send(calls)
    client.socket.settimeout(PATIENCE)


def hung_up(client: Client) -> bool:
    """Whether the server closed the connection, found without reading from it."""
    poll = select.poll()
    poll.register(client.socket, 0)
    return any(events & select.POLLHUP for _, events in poll.poll(0))


def test_who_reads_no_replies_is_not_read_from_and_then_disconnected(tmp_path: Path) -> None:
    calls = encode_call(Call(DESCRIPTION, {"interface": HYPERVISOR})) * 500
    with running(tmp_path / "s", SHORT) as server, server.client() as good, server.client() as bad:
        flood(bad, calls)
        server.advance(99, good)
        assert not hung_up(bad)
        server.advance(2, good)
        assert hung_up(bad)
    assert len(server.log) == 1 and server.log[0].endswith(" does not take its replies. Disconnected.")


def test_no_more_is_asked_for_than_the_peer_takes(tmp_path: Path) -> None:
    with running(tmp_path / "s") as server, server.client() as good, server.client() as client:
        client.send(*[Call(LIST, {"tenant": "large"})] * 60)
        server.advance(0, good)
        assert 0 < server.engine.asked.count("large") < 20
        assert [client.receive().error for _ in range(60)] == [""] * 60


def test_a_slow_reader_within_its_time_gets_every_reply(tmp_path: Path) -> None:
    call = encode_call(Call(LIST, {"tenant": "large"}))
    with running(tmp_path / "s") as server, server.client() as client:
        sender = threading.Thread(target=client.send, args=[call * 200])
        sender.start()
        for _ in range(200):
            (large,) = as_list(client.receive().parameters["tenants"])
            assert large == tenant("large", outcome="x" * 70_000)
        sender.join(PATIENCE)
    assert server.log == []


def as_list(value: Json) -> list[Json]:
    assert isinstance(value, list)
    return value


def test_a_reply_beyond_the_bound_becomes_an_error(tmp_path: Path) -> None:
    with running(tmp_path / "s", Limits(idle=0.0, reply=50_000)) as server, server.client() as client:
        failed = client.call(LIST, tenant="large")
        assert failed.error == "io.bitbuilder.Hypervisor.Failed"
        assert failed.parameters["message"] == "The reply has more than 50000 bytes."
        assert failed.parameters["hint"] == "Ask for less at a time."
        assert client.call(LIST, tenant="acme").error == ""


def test_a_defect_in_a_handler_costs_only_that_call(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with running(tmp_path / "s") as server, server.client() as client:
        failed = client.call(LIST, tenant="defect")
        assert failed.error == "io.bitbuilder.Hypervisor.Failed"
        assert failed.parameters["message"] == "io.bitbuilder.Hypervisor.ListTenants failed."
        assert client.call(LIST, tenant="acme").error == ""
    assert "ZeroDivisionError: a defect" in capfd.readouterr().err


def test_a_user_gets_so_many_connections_and_a_new_one_when_one_is_gone(tmp_path: Path) -> None:
    with running(tmp_path / "s", Limits(idle=0.0, per_user=4)) as server, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(server.client()) for _ in range(3)]
        assert [client.call(INFO).error for client in clients] == ["", "", ""]
        with server.client() as one_more:
            assert rejected(one_more)
        clients.pop().socket.close()
        assert answered_again(server)
        assert [client.call(INFO).error for client in clients] == ["", ""]
    who = f"uid {os.getuid()} (pid {os.getpid()})"
    assert server.log[0] == f"{who} has 4 connections already. Disconnected."


CLIENT = """
import os, sys
sys.path[:0] = [sys.argv[1]]
from tests.unit.varlink_client import Client
from bbhv.ipc.table import HYPERVISOR, VARLINK
if os.geteuid() == 0:
    os.setgroups([int(group) for group in sys.argv[3].split()])
    os.setgid(1)
    os.setuid(1)
with Client("\\0" + sys.argv[2]) as client:
    try:
        print(client.call(f"{VARLINK}.GetInfo").parameters["version"], client.call(f"{HYPERVISOR}.ListTenants").error)
    except EOFError:
        print("disconnected")
"""
DENIED = "1 org.varlink.service.PermissionDenied"


def asked_by_a_stranger(address: str, *groups: int) -> str:
    """What a process without privileges hears; as root, the test makes another user of it, with these groups."""
    command = [sys.executable, "-c", CLIENT, str(ROOT), address, " ".join(map(str, groups))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def abstract() -> str:
    """An address that every user can reach."""
    return f"bbhv-test-{os.getpid()}-{random.randrange(1 << 60):x}"


def test_a_stranger_learns_who_answers_and_no_tenant() -> None:
    address = abstract()
    with running(f"\0{address}", operators=None) as server:
        assert asked_by_a_stranger(address) == DENIED
    assert server.log[0].startswith(f"uid {os.getuid() or 1} (pid ")
    assert server.log[0].endswith(") may not call io.bitbuilder.Hypervisor.ListTenants.")


def test_a_member_of_the_operators_group_lists_tenants() -> None:
    address = abstract()
    with running(f"\0{address}", operators=os.getgid() or 4242):
        assert asked_by_a_stranger(address, 17, 4242) == "1"


def test_a_member_of_too_many_groups_is_no_operator() -> None:
    address = abstract()
    with running(f"\0{address}", operators=4242):
        assert asked_by_a_stranger(address, *range(4000, 4300)) == DENIED


def test_strangers_together_get_so_many_connections() -> None:
    address, kept = abstract(), 1 if os.geteuid() else 0
    with running(f"\0{address}", Limits(idle=0.0, connections=kept), operators=None) as server:
        assert asked_by_a_stranger(address) == "disconnected"
    assert server.log[0].endswith(f" came when all {kept} connections were taken. Disconnected.")


@pytest.mark.parametrize(("pid", "uid"), [(0, 0), (0, 1000), (-1, 1000), (7, 65534), (7, (1 << 32) - 1)])
def test_a_peer_from_foreign_namespaces_is_refused(pid: int, uid: int) -> None:
    with pytest.raises(RefusedError) as caught:
        judge(pid, uid, (5,), 5)
    assert str(caught.value) == f"A peer from a foreign namespace (pid {pid}, uid {uid}) was refused."


@pytest.mark.parametrize(
    ("uid", "groups", "operators", "operator"),
    [
        (0, (0,), None, True),
        (1000, (1000,), None, False),
        (1000, (5,), 5, True),
        (1000, (1000, 4, 5, 6), 5, True),
        (1000, (1000, 4, 6, 50), 5, False),
        (1000, (0,), 5, False),
    ],
)
def test_root_and_the_operators_group_are_operators(
    uid: int, groups: tuple[int, ...], operators: int | None, operator: bool
) -> None:
    assert judge(7, uid, groups, operators).operator is operator


def test_a_group_that_does_not_exist_has_no_id() -> None:
    assert group_id("root") == 0
    assert group_id("no-such-group-here") is None


def test_broken_connections_leave_nothing_behind(tmp_path: Path) -> None:
    source = random.Random(7)
    good = encode_call(Call(LIST, {}))
    before = len(os.listdir("/proc/self/fd"))
    with running(tmp_path / "s") as server, server.client() as witness:
        assert witness.call(INFO).error == ""
        for _ in range(300):
            with server.client() as client, contextlib.suppress(BrokenPipeError, ConnectionResetError):
                data = bytearray(good * source.randint(1, 4))
                for _ in range(source.randint(0, 3)):
                    data[source.randrange(len(data))] = source.randrange(256)
                client.send(bytes(data[: source.randint(0, len(data))]))
        assert answered_again(server)
        assert witness.call(INFO).error == ""
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_server_leaves_when_nobody_is_there_and_its_socket_stays(tmp_path: Path) -> None:
    with running(tmp_path / "s", Limits(idle=0.1)) as server:
        server.leave()
        with server.client() as late:
            late.send(Call(INFO, {}))
            accepted, _ = server.listener.accept()
            with accepted:
                assert accepted.recv(100) == encode_call(Call(INFO, {}))
    assert (tmp_path / "s").is_socket()
