"""A varlink server in a process of its own, on a socket that it is passed, with the engine of the tests behind it.

    with Served(path) as server:
        server.memory()

`python -m tests.fuzz.served SECONDS` is that process; SECONDS is what a message may take, to be sent or to be read.
"""

import os
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from bbhv.errors import BbhvError
from bbhv.formats.jsontext import Json
from bbhv.ipc import activation, peer
from bbhv.ipc.methods import Asked, Service, load
from bbhv.ipc.server import Limits, Server
from bbhv.ipc.table import ROWS, How
from tests.unit.varlink_client import Engine

ROOT = Path(__file__).parents[2]
FIRST = 3
# What is large is given back as soon as it is freed: so memory that is in use can be told from memory that was.
MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(1 << 15), "MALLOC_TRIM_THRESHOLD_": str(1 << 16)}
PER_USER = 128


def service() -> Service:
    """The service with an answer to every method: the engine of the tests knows few."""
    engine = Engine()
    known = engine.service()
    engine.asked = _Nothing()
    answers = {name: known.answers.get(name, unanswered) for name in ROWS}
    texts = {name: interface.text for name, interface in known.interfaces.items()}
    return load(texts, known.version, admitted=known.admitted, answers=answers)


def unanswered(service: Service, asked: Asked) -> dict[str, Json]:
    """What is said where no engine is."""
    raise BbhvError("There is no engine.", hint="This is a test.")


class _Nothing(list[str]):
    """Keeps nothing: a million calls are not to be remembered."""

    def append(self, one: str) -> None:
        """Forgets it."""


class Served:
    """A server; leaving it ends the process."""

    def __init__(self, address: Path, seconds: float) -> None:
        self.address = str(address)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self.address)
        self._listener.listen(512)
        self._seconds = seconds
        self._log = address.with_suffix(".log").open("w+b")

    def __enter__(self) -> Self:
        number = self._listener.fileno()
        argv = [sys.executable, "-m", "tests.fuzz.served", str(self._seconds), str(number)]
        self._process = subprocess.Popen(argv, cwd=ROOT, pass_fds=[number], stdin=subprocess.DEVNULL, stderr=self._log,
                                         env={**os.environ, **MALLOC, "PYTHONPATH": str(ROOT)})  # fmt: skip
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, _: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
        self._listener.close()
        self._log.close()

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def log(self) -> str:
        """What it said."""
        self._log.seek(0)
        return self._log.read().decode("utf-8", "replace")

    def descriptors(self) -> int:
        """How many files it has open."""
        return len(os.listdir(f"/proc/{self._process.pid}/fd"))

    def memory(self) -> int:
        """What it has of the memory, in KiB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))


def main(seconds: float, number: int) -> None:
    """The process: it gets the socket as a service does."""
    os.dup2(number, FIRST)
    if number != FIRST:
        os.close(number)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
    listeners = activation.listeners(os.environ)
    limits = Limits(per_user=PER_USER, message=seconds, idle=3600.0)
    nowhere = {How.LOOK: "/dev/null/look", How.ACT: "/dev/null/act"}
    Server(listeners, service(), identify=partial(peer.identify, operators=None), limits=limits, log=quiet,
           units=nowhere).run()  # fmt: skip


def quiet(text: str) -> None:
    """Who is hung up on is not told, there are thousands; defects are."""


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
