"""systemd-vmspawn: where it is, and which switches it has. Its help is asked, never its version."""

import os

from ..errors import CommandError
from . import files, run

PROGRAM = "systemd-vmspawn"
KVM = "/dev/kvm"
VSOCK = "/dev/vhost-vsock"
# Where vmspawn looks for what shares folders.
VIRTIOFSD = ("/usr/libexec/virtiofsd", "/usr/lib/virtiofsd")
MAX_REMEMBERED = 16 << 10
_SWITCH = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


def switches(remembered: str) -> tuple[str, frozenset[str]]:
    """The path of the program, empty when there is none, and its switches.

    The file `remembered` has the answer of the last time and which program gave it; another one is asked again.
    """
    program = run.find(PROGRAM)
    if not program:
        return "", frozenset()
    status = os.stat(program)
    key = f"{status.st_dev}:{status.st_ino}:{status.st_mtime_ns}:{status.st_size}"
    known, _, rest = (files.read(remembered, MAX_REMEMBERED) or b"").decode("ascii", "replace").partition(" ")
    if known == key:
        return program, frozenset(rest.split())
    found = _asked(program)
    if found and os.path.isdir(os.path.dirname(remembered)):
        files.write(remembered, f"{key} {' '.join(sorted(found))}".encode())
    return program, found


def has_vsock() -> bool:
    """Whether the host can talk to its machines over vsock."""
    return os.path.exists(VSOCK)


def virtiofsd() -> str:
    """The path of the program that shares folders with machines; empty where there is none."""
    return next((path for path in VIRTIOFSD if os.access(path, os.X_OK)), "")


def _asked(program: str) -> frozenset[str]:
    try:
        text = run.run((program, "--help", "--no-pager"), timeout=60.0).text
    except CommandError:
        return frozenset()  # one that cannot even say what it has runs no machine
    words = (word.partition("=")[0].partition("[")[0] for word in text.split() if word.startswith("--"))
    return frozenset(word for word in words if len(word) > 2 and _SWITCH.issuperset(word))
