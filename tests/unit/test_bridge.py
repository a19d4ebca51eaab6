"""The bridge between standard input and output and the service: bytes go both ways, and no end outlives the other."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bbhv.errors import BbhvError
from bbhv.formats.varlink import Call, Framer, Reply, encode_call, parse_reply
from bbhv.ipc.bridge import bridge
from bbhv.ipc.table import HYPERVISOR, VARLINK

from .test_varlink_server import Running, running
from .test_varlink_units import Manager, entry, manager
from .varlink_client import PATIENCE, tenant

__all__ = ["manager"]
ROOT = Path(__file__).parents[2]
LIST, LOGS, INFO = f"{HYPERVISOR}.ListTenants", f"{HYPERVISOR}.Logs", f"{VARLINK}.GetInfo"
PROGRAM = "import os, sys; sys.path.insert(0, sys.argv[1]); from bbhv.ipc.bridge import bridge; bridge(sys.argv[2]); \
os._exit(0)"


@contextmanager
def bridged(server: Running) -> "Iterator[subprocess.Popen[bytes]]":
    """A bridge as a program, which is gone at the end."""
    words = [sys.executable, "-IS", "-c", PROGRAM, str(ROOT), server.address]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as program:
        try:
            yield program
        finally:
            program.kill()


def ask(program: "subprocess.Popen[bytes]", *calls: Call) -> None:
    assert program.stdin is not None
    program.stdin.write(b"".join(map(encode_call, calls)))


def answers(program: "subprocess.Popen[bytes]", count: int) -> list[Reply]:
    """So many replies."""
    assert program.stdout is not None
    framer = Framer(16 << 20)
    found: list[Reply] = []
    while len(found) < count:
        while (message := framer.take()) is None:
            data = os.read(program.stdout.fileno(), 1 << 16)
            assert data, "it ended without a reply"
            framer.feed(data)
        found.append(parse_reply(message))
    return found


def test_calls_and_replies_of_any_size_go_through(tmp_path: Path) -> None:
    with running(tmp_path / "s") as server, bridged(server) as program:
        ask(program, Call(LIST, {"tenant": "acme"}))
        assert answers(program, 1) == [Reply({"tenants": [tenant("acme")]})]
        asking = threading.Thread(target=ask, args=[program, *[Call(LIST, {"tenant": "large"})] * 100])
        asking.start()
        assert [reply.error for reply in answers(program, 100)] == [""] * 100
        asking.join(PATIENCE)


def test_who_asks_and_closes_its_end_is_answered_and_the_bridge_ends(tmp_path: Path) -> None:
    with running(tmp_path / "s") as server, bridged(server) as program:
        out, _ = program.communicate(encode_call(Call(INFO, {})) * 3, PATIENCE)
        assert out.count(b"\0") == 3 and program.returncode == 0


def test_it_ends_when_the_service_hangs_up(tmp_path: Path) -> None:
    with running(tmp_path / "s") as server, bridged(server) as program:
        ask(program, Call("x", {}))
        assert answers(program, 1)[0].error
        assert program.stdin is not None
        program.stdin.write(b"no varlink\0")
        assert program.wait(PATIENCE) == 0


def test_it_ends_when_nobody_reads_though_nothing_is_said(tmp_path: Path, manager: Manager) -> None:
    with running(tmp_path / "s") as server, bridged(server) as program:
        ask(program, Call(LOGS, {"tenant": "acme", "follow": True}, more=True))
        unit = manager.start("look")
        unit.say(Reply(entry("one"), continues=True))
        assert answers(program, 1) == [Reply(entry("one"), continues=True)]
        assert program.stdout is not None
        program.stdout.close()
        assert program.wait(PATIENCE) == 0
        assert unit.is_left()


def test_without_a_service_there_is_nothing_to_connect(tmp_path: Path) -> None:
    with pytest.raises(BbhvError) as caught:
        bridge(str(tmp_path / "none"))
    assert str(caught.value) == f"{tmp_path}/none: No such file or directory."
