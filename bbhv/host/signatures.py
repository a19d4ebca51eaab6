"""Verifier programs: ssh-keygen for SSH signatures, gpgv or sqv for OpenPGP ones.

They read bytes that anybody may have written, so they run as nobody, without any capability, without a network, with
no new privileges and small limits; what they are to read is in memory that only they are given. What counts is the exit
status, and of gpgv also its status descriptor; nothing that is meant for people. Whatever goes wrong is no proof:
RefusedError says what, and which package is missing.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ..errors import CommandError, RefusedError
from ..formats import gpgstatus
from . import run

SECONDS, CPU_SECONDS = 30, 20
# A verifier that reads fewer bytes than this in a second has stopped.
SLOWEST = 16 << 20
NOBODY = "65534"
PACKAGES: Mapping[str, str] = {
    "ssh-keygen": "openssh-client (openssh on some systems)", "gpgv": "gpgv (gnupg2 on some systems) or sqv",
    "sqv": "sqv (sequoia-sqv on some systems)", "unshare": "util-linux", "setpriv": "util-linux",
    "prlimit": "util-linux",
}  # fmt: skip
# Of each technology the programs that verify it, the first that is there.
PROGRAMS: Mapping[str, tuple[str, ...]] = {"ssh": ("ssh-keygen",), "openpgp": ("gpgv", "sqv")}
_CONFINED = (
    "unshare", "--net", "--ipc", "--",
    "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs", "--inh-caps=-all",
    "--bounding-set=-all", "--pdeathsig=KILL", "--",
    "prlimit", "--as=1073741824", "--fsize=0", "--nproc=0", "--core=0", "--nofile=64",
)  # fmt: skip
_CANNOT_RUN = (126, 127)


def program(technology: str) -> str:
    """The program that verifies a technology's signatures here. Raises RefusedError, which names the package."""
    missing = [one for one in ("unshare", "setpriv", "prlimit") if not run.find(one)]
    found = next((one for one in PROGRAMS[technology] if run.find(one)), None)
    if found is None or missing:
        lacking = missing[0] if missing else PROGRAMS[technology][0]
        message = f"{lacking} was not found on this host, so no {technology} signature can be verified."
        raise RefusedError(message, hint=f"Install {PACKAGES[lacking]}.")
    return found


def is_made_by_ssh(line: str, armored: bytes, payload: bytes | int, namespace: str) -> bool:
    """Whether the key `TYPE BASE64` made the signature over the payload, which may be a file that anybody could read if
    they came to it, open at its start. Raises RefusedError when nobody can say."""
    name = program("ssh")
    allowed = f'signer namespaces="{namespace}" {line}\n'.encode()
    with _memory(allowed) as keys, _memory(armored) as signature, _readable(payload) as data:
        command = (name, "-Y", "verify", "-f", _path(keys), "-I", "signer", "-n", namespace, "-s", _path(signature))
        return _run(command, data, (keys, signature)).returncode == 0


def is_made_by_openpgp(
    certificate: bytes, fingerprints: tuple[str, str], packet: bytes, payload: bytes | int
) -> bool:
    """Whether a key of the certificate made the signature; `fingerprints` are those of the key and the certificate.

    The payload is as for SSH. Raises RefusedError when nobody can say.
    """
    name = program("openpgp")
    with _memory(certificate) as keys, _memory(packet) as signature, _readable(payload) as data:
        if name == "gpgv":
            options = ("--status-fd", "1", "--weak-digest", "SHA1", "--keyring", _path(keys))
            done = _run((name, *options, _path(signature), "-"), data, (keys, signature))
            return done.returncode == 0 and gpgstatus.is_good(done.stdout, *fingerprints)
        done = _run((name, "--keyring", _path(keys), _path(signature), _path(data)), data, (keys, signature, data))
        return done.returncode == 0 and done.text.lower().split() == [fingerprints[1]]


def _run(command: tuple[str, ...], data: int, handles: tuple[int, ...]) -> run.Result:
    more = os.fstat(data).st_size // SLOWEST
    confined = (*_CONFINED, f"--cpu={CPU_SECONDS + more}", "--")
    try:
        done = run.run((*confined, *command), timeout=SECONDS + more, stdin=data, ok=(), pass_fds=handles)
    except CommandError as error:
        raise RefusedError(f"{command[0]} could not say whether a signature is good: {error.message}") from error
    if done.returncode in _CANNOT_RUN:
        raise RefusedError(f"{command[0]} could not be run: {' '.join(done.stderr.split())[-300:]}",
                           hint=f"Reinstall {PACKAGES[command[0]]}.")  # fmt: skip
    return done


@contextmanager
def _readable(payload: bytes | int) -> Iterator[int]:
    if isinstance(payload, int):
        yield payload
    else:
        with _memory(payload) as handle:
            yield handle


@contextmanager
def _memory(data: bytes) -> Iterator[int]:
    """The data as a file without a name that a program may be given."""
    handle = os.memfd_create("bbhv")
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view):]
        os.lseek(handle, 0, os.SEEK_SET)
        yield handle
    finally:
        os.close(handle)


def _path(handle: int) -> str:
    return f"/proc/self/fd/{handle}"
