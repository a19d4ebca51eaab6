"""Entering a container: who is in there cannot look into, or take over, what comes in from the host."""

import ctypes
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, "/usr/bin/bbhv")

from bbhv.host import namespaces

FIRST, COUNT = 1_600_000_000, 65536
CLONE_NEWUSER = 0x10000000


@pytest.fixture
def below(tmp_path: Path) -> Path:
    """The root of a container whose list of users takes a while to read, as whoever is root there may have made it."""
    tmp_path.chmod(0o755)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("\n" * (namespaces.MAX_PASSWD - 100) + "somebody:x:7:7::/:/bin/sh\n")
    return tmp_path


def test_nobody_inside_can_look_into_what_enters(below: Path) -> None:
    mapped, entering, found = os.pipe(), os.pipe(), os.pipe()
    ready = os.pipe()
    root = os.fork()
    if not root:
        ctypes.CDLL(None).unshare(CLONE_NEWUSER)
        os.write(ready[1], b"x")
        os.read(mapped[0], 1)
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        os.write(ready[1], b"x")
        os.write(found[1], spy(int(os.read(entering[0], 20))).encode())
        os._exit(0)
    os.read(ready[0], 1)
    for name in ("uid_map", "gid_map"):
        Path(f"/proc/{root}/{name}").write_text(f"0 {FIRST} {COUNT}")
    os.write(mapped[1], b"x")
    os.read(ready[0], 1)
    paths = [f"/proc/{root}/ns/mnt", f"/proc/{root}/ns/user", str(below)]
    coming = os.fork()
    if not coming:
        os.read(mapped[0], 1)
        os._exit(namespaces.become(["/none"], "somebody", 0, True, paths))
    os.write(entering[1], str(coming).encode())
    os.write(mapped[1], b"x")
    assert os.waitstatus_to_exitcode(os.waitpid(coming, 0)[1]) == namespaces.EXIT_NO_PROGRAM
    seen = os.read(found[0], 200).decode()
    os.waitpid(root, 0)
    for pipe in (mapped, entering, found, ready):
        os.close(pipe[0])
        os.close(pipe[1])
    assert seen == "nothing"


def spy(process: int) -> str:
    """What root of the container finds out about a process until it is gone: the kernel asks as it does for ptrace."""
    while True:
        try:
            return os.readlink(f"/proc/{process}/exe")
        except PermissionError:
            continue
        except FileNotFoundError:
            return "nothing"
