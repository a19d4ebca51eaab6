"""Encrypted credentials by this host's systemd-creds(1): made, and tried without anybody seeing the secret.

A secret goes in on standard input, and comes out into /dev/null: never in an argument, in a file, or in what is told.
What is tried may be from anybody, so systemd-creds gets little: no network, no capability but to open the TPM, no new
privileges, no file to write, no dump of its memory, and bounded memory and time.
"""

from ..errors import BbhvError
from . import run

SECONDS = 60.0
_TOOL = "systemd-creds"
_CONFINED = (
    "unshare", "--net", "--ipc", "--",
    "setpriv", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all,+dac_override", "--pdeathsig=KILL", "--",
    "prlimit", "--as=1073741824", "--fsize=0", "--core=0", "--cpu=30", "--nofile=64", "--",
)  # fmt: skip
_CANNOT_RUN = (126, 127)


def encrypt(name: str, secret: bytes, *, key: str = "auto", not_after: str = "") -> bytes:
    """The secret as text that only this host can decrypt, and only under this name.

    `key` is what systemd-creds has for --with-key=, `not_after` a time of systemd.time(7), when it ends. Raises
    CommandError with what systemd-creds says.
    """
    until = (f"--not-after={not_after}",) if not_after else ()
    command = (_TOOL, "encrypt", f"--name={name}", f"--with-key={key}", *until, "-", "-")
    return run.run(command, timeout=SECONDS, stdin=secret).stdout


def problem(name: str, blob: bytes) -> str:
    """Why this host cannot decrypt a blob under a name, in the words of systemd-creds; an empty text when it can.

    Raises BbhvError when it cannot be tried.
    """
    command = (*_CONFINED, _TOOL, "decrypt", f"--name={name}", "-", "-")
    done = run.run(command, timeout=SECONDS, stdin=blob, ok=(), discard=True)
    if done.returncode in _CANNOT_RUN:
        said = " ".join(done.stderr.split())[-300:]
        raise BbhvError(f"{_TOOL} could not be run: {said}", hint="Install systemd and util-linux.")
    return (done.stderr.strip() or f"{_TOOL} exited with status {done.returncode}") if done.returncode else ""
