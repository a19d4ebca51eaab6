"""Lines of a unit file as the service manager's D-Bus interface wants them."""

import socket

import pytest

from bbhv.engine import confined, sandboxes
from bbhv.errors import BbhvError
from bbhv.formats import dbus
from bbhv.host import systemd, transient
from tests.unit.test_formats_dbus import reply as message

SANDBOXES = (systemd.Sandbox(), systemd.Sandbox(network=True, properties=(
    "LoadCredential=git.acme", "LoadCredentialEncrypted=git.acme", "BindReadOnlyPaths=/a:/etc/passwd",
    "BindReadOnlyPaths=-/b", *sandboxes.lend(""), *confined.UNIT, *confined.CLOSED,
)))  # fmt: skip


@pytest.mark.parametrize("sandbox", SANDBOXES)
def test_every_line_of_a_sandbox_has_a_translation(sandbox: systemd.Sandbox) -> None:
    lines = systemd.sandbox_properties(sandbox)
    values = [transient.property_of(line) for line in lines]
    assert len(dbus.marshal("a(sv)", [values])) > 1000
    same = {line.partition("=")[0] for line in lines} - {"RuntimeMaxSec", "PrivateTmp"}
    assert same <= {name for name, _ in values}


@pytest.mark.parametrize(("line", "name", "signature", "value"), [
    ("PrivateTmp=yes", "PrivateTmp", "b", True), ("PrivateTmp=disconnected", "PrivateTmpEx", "s", "disconnected"),
    ("MemoryMax=512M", "MemoryMax", "t", 512 << 20), ("LimitFSIZE=4096", "LimitFSIZE", "t", 4096),
    ("RuntimeMaxSec=300", "RuntimeMaxUSec", "t", 300_000_000), ("UMask=0077", "UMask", "u", 0o77),
    ("CapabilityBoundingSet=", "CapabilityBoundingSet", "t", 0),
    ("RestrictNamespaces=yes", "RestrictNamespaces", "t", 0),
    ("SystemCallFilter=@a @b", "SystemCallFilter", "(bas)", (True, ["@a", "@b"])),
    ("SystemCallFilter=~@a", "SystemCallFilter", "(bas)", (False, ["@a"])),
    ("LogLevelMax=notice", "LogLevelMax", "i", 5), ("Before=a b", "Before", "as", ["a", "b"]),
    ("InaccessiblePaths=-+/proc -+/sys", "InaccessiblePaths", "as", ["-+/proc", "-+/sys"]),
    ("BindPaths=/a:/b", "BindPaths", "a(ssbt)", [("/a", "/b", False, 0x4000)]),
    ("BindReadOnlyPaths=-/a", "BindReadOnlyPaths", "a(ssbt)", [("/a", "/a", True, 0x4000)]),
    ("LoadCredential=x", "LoadCredential", "a(ss)", [("x", "x")]),
    ("TemporaryFileSystem=/a:ro,mode=0755", "TemporaryFileSystem", "a(ss)", [("/a", "ro,mode=0755")]),
    ("IPAddressDeny=169.254.0.0/16", "IPAddressDeny", "a(iayu)", [(2, b"\xa9\xfe\0\0", 16)]),
])  # fmt: skip
def test_a_line_means_the_same(line: str, name: str, signature: str, value: object) -> None:
    assert transient.property_of(line) == (name, (signature, value))


@pytest.mark.parametrize("line", ["ExecStartPre=/bin/true", "Nonsense=yes", "NoNewPrivileges", "PrivateIPC=maybe"])
def test_a_line_that_is_not_understood_is_never_left_out(line: str) -> None:
    with pytest.raises(ValueError, match=r"no translation|neither"):
        transient.property_of(line)


def test_what_the_manager_tells_everybody_before_it_answers_is_passed_over() -> None:
    """It may come in one piece with the end of the greeting, or cut anywhere."""
    ours, theirs = socket.socketpair()
    signal = message(4, [(3, ("s", "UnitNew"))])
    answer = message(dbus.ERROR, [(5, ("u", 1)), (4, ("s", "org.example.No")), (8, ("g", "s"))], "s", ["So not."])
    with ours, theirs:
        theirs.sendall(b"OK 1234\r\nAGREE_UNIX_FD\r\n" + signal + signal[:20])
        more = transient.authenticate(ours)
        assert theirs.recv(100).endswith(b"\r\nBEGIN\r\n") and more == signal + signal[:20]
        theirs.sendall(signal[20:] + answer)
        with pytest.raises(BbhvError, match=r"systemd does not start a\.service: So not\."):
            transient.wait(ours, "a.service", more)
        theirs.close()
        with pytest.raises(BbhvError, match="ended the conversation"):
            transient.wait(ours, "a.service", b"")


def test_a_manager_that_does_not_let_us_in_is_not_asked() -> None:
    for said in (b"REJECTED\r\nERROR\r\n", b"OK 1\r\nERROR\r\n"):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.sendall(said)
            with pytest.raises(BbhvError, match="does not let us in"):
                transient.authenticate(ours)
