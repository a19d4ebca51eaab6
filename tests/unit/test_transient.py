"""Lines of a unit file as the service manager's D-Bus interface wants them."""

import pytest

from bbhv.engine import confined, sandboxes
from bbhv.formats import dbus
from bbhv.host import systemd, transient

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
