"""`serve` as a process of its own, started the way the service manager starts it: sockets passed, state notified."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bbhv.errors import UsageError
from bbhv.ipc.activation import listeners
from bbhv.ipc.table import HYPERVISOR, VARLINK

from .varlink_client import PATIENCE, Client

ROOT = Path(__file__).parents[2]

SERVE = """
import os, sys
number, root = int(sys.argv[1]), sys.argv[2]
sys.path[:0] = [root]
os.dup2(number, 3)
if number != 3:
    os.close(number)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="varlink")
from bbhv.errors import BbhvError
from bbhv.ipc import itself, server, service, telling

inherited = None

def list_tenants(service, asked):
    global inherited
    inherited = os.get_inheritable(3)
    return {"tenants": []}

telling.list_tenants = list_tenants
modules = set(sys.modules)
try:
    service.serve(server.Limits(idle=0.2))
except BbhvError as error:
    sys.exit(str(error))
memory = next(line for line in open("/proc/self/status") if line.startswith("VmRSS:"))
heavy = {"asyncio", "argparse", "logging", "pathlib", "tempfile", "urllib", "http", "email"} & set(sys.modules)
variables = [name for name in os.environ if name.startswith("LISTEN_")]
print(sorted(set(sys.modules) - modules), sorted(heavy), variables, inherited, memory.split()[1], sep="|")
"""


class Manager:
    """What the service manager does: it holds the listening socket, hears notifications, and starts the service."""

    def __init__(self, directory: Path) -> None:
        self.address = str(directory / "io.bitbuilder.Hypervisor")
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.address)
        self.listener.listen()
        self._notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notified.bind(str(directory / "notify"))
        self._notified.settimeout(PATIENCE)

    @contextlib.contextmanager
    def start(self, number: int = -1) -> "Iterator[subprocess.Popen[str]]":
        """Start the service, with the listening socket or, by mistake, another file. It ends with the block."""
        number = number if number >= 0 else self.listener.fileno()
        with subprocess.Popen(
            [sys.executable, "-IS", "-c", SERVE, str(number), str(ROOT)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=[number],
            env={**os.environ, "NOTIFY_SOCKET": str(self._notified.getsockname())},
        ) as service:
            try:
                yield service
            finally:
                service.kill()

    def heard(self) -> str:
        """The next notification."""
        return self._notified.recv(1000).decode()

    def close(self) -> None:
        """End of the test."""
        self.listener.close()
        self._notified.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    """A service manager with one socket."""
    held = Manager(tmp_path)
    yield held
    held.close()


def test_a_call_that_came_before_the_service_is_answered_and_the_service_leaves(manager: Manager) -> None:
    with Client(manager.address) as client:
        with manager.start() as service:
            assert manager.heard() == "READY=1"
            assert client.call(f"{VARLINK}.GetInfo").parameters["product"] == "BitBuilder Hypervisor"
            denied = client.call(f"{HYPERVISOR}.ListTenants").error
            assert denied == ("" if os.geteuid() == 0 else "org.varlink.service.PermissionDenied")
            client.socket.close()
            assert manager.heard() == "STOPPING=1"
            output, errors = service.communicate(timeout=PATIENCE)
    assert service.returncode == 0, errors
    late, heavy, variables, inherited, memory = output.split("|")
    assert late == "[]"
    assert heavy == "[]"
    assert variables == "[]"
    assert inherited == ("False" if os.geteuid() == 0 else "None")
    assert int(memory) < 25_000  # KiB
    assert Path(manager.address).is_socket()


def test_the_next_call_starts_the_service_again(manager: Manager) -> None:
    for _ in range(2):
        with Client(manager.address) as client, manager.start() as service:
            assert client.call(f"{VARLINK}.GetInfo").error == ""
            client.socket.close()
            assert service.wait(PATIENCE) == 0


NO_SOCKET = "No socket was passed. hint: bitbuilder-varlink.socket starts bbhv serve on demand."


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"LISTEN_PID": "1", "LISTEN_FDS": "1"},
        {"LISTEN_PID": str(os.getpid())},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "0"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "-1"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1000000"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "²"},
    ],
)
def test_without_a_socket_of_ours_there_is_nothing_to_serve(environment: dict[str, str]) -> None:
    with pytest.raises(UsageError) as caught:
        listeners(environment)
    assert str(caught.value) == NO_SOCKET
    assert environment == {}


def test_what_is_no_listening_socket_is_refused(manager: Manager) -> None:
    reader, writer = os.pipe()
    with open(reader), open(writer, "w"), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as idle:
        for number, sentence in (
            (reader, "File descriptor 3 that was passed is not a socket: Socket operation on non-socket."),
            (idle.fileno(), "File descriptor 3 that was passed is not a listening AF_UNIX stream socket."),
        ):
            with manager.start(number=number) as service:
                _, errors = service.communicate(timeout=PATIENCE)
            assert (service.returncode, errors.strip()) == (1, sentence)
