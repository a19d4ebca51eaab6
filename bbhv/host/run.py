"""Programs: the only place that starts one.

Every call has a timeout, a built-up environment, no shell, /dev/null as standard input unless data is given, and
one wording of failure. What a program writes is bounded. Nothing of the caller's environment is passed on.
"""

import os
import shlex
import signal
import subprocess
from dataclasses import dataclass
from typing import IO, Mapping, Sequence

from ..errors import CommandError
from ..findings import printable

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT: Mapping[str, str] = {"PATH": PATH, "LANG": "C.UTF-8", "HOME": "/nonexistent"}
LAST_WORDS = 2000
MAX_OUTPUT = 64 << 20


@dataclass(frozen=True, slots=True)
class Result:
    """What a program said: its exit status, standard output and standard error."""

    returncode: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        """Standard output as text without the trailing newline."""
        return self.stdout.decode("utf-8", "replace").rstrip("\n")


class Process:
    """A running program of a pipeline; `close` ends it whatever happened."""

    def __init__(self, argv: tuple[str, ...], popen: subprocess.Popen[bytes], stderr: IO[bytes]) -> None:
        self.argv = argv
        self.popen = popen
        self._stderr = stderr
        self._words = ""

    @property
    def stdout(self) -> IO[bytes]:
        """The reading end of its standard output."""
        assert self.popen.stdout is not None
        return self.popen.stdout

    def wait(self, timeout: float) -> Result:
        """Waits for the end, at most `timeout` seconds. Raises CommandError when it takes longer."""
        try:
            code = self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.close()
            raise failure(self.argv, -signal.SIGALRM, f"no answer within {timeout:g} s") from None
        return Result(code, b"", self.last_words())

    def last_words(self) -> str:
        """What it wrote to standard error, the end of it; also after `close`."""
        if not self._stderr.closed:
            size = self._stderr.seek(0, os.SEEK_END)
            self._stderr.seek(max(0, size - LAST_WORDS))
            self._words = self._stderr.read(LAST_WORDS).decode("utf-8", "replace")
        return self._words

    def close(self) -> None:
        """Kills it when it still runs, and reaps it."""
        if self.popen.stdout is not None:
            self.popen.stdout.close()
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()
        self.last_words()
        self._stderr.close()


def find(program: str) -> str | None:
    """The absolute path of a program, or None."""
    for folder in PATH.split(":"):
        candidate = f"{folder}/{program}"
        if os.access(candidate, os.X_OK):
            return candidate
    return None


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    stdin: bytes | int | None = None,
    env: Mapping[str, str] | None = None,
    ok: Sequence[int] = (0,),
    pass_fds: Sequence[int] = (),
) -> Result:
    """Runs a program to its end. `stdin` is data, or a descriptor to read from.

    Raises CommandError when the program is not there, takes longer than `timeout` seconds, or exits with a status
    that is not in `ok` (an empty `ok` accepts every status, but not a signal's).
    """
    command = tuple(argv)
    feed = stdin if isinstance(stdin, bytes) else None
    source = subprocess.PIPE if feed is not None else stdin if isinstance(stdin, int) else subprocess.DEVNULL
    try:
        done = subprocess.run(
            command,
            input=feed,
            stdin=None if feed is not None else source,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(ENVIRONMENT, **(env or {})),
            timeout=timeout,
            pass_fds=tuple(pass_fds),
            cwd="/",
        )
    except FileNotFoundError:
        raise not_found(command) from None
    except subprocess.TimeoutExpired as late:
        raise failure(command, -signal.SIGALRM, _tail(late.stderr) or f"no answer within {timeout:g} s") from None
    stderr = _tail(done.stderr)
    if (ok and done.returncode not in ok) or done.returncode < 0:
        raise failure(command, done.returncode, stderr)
    if len(done.stdout) > MAX_OUTPUT:
        raise failure(command, done.returncode, f"it wrote more than {MAX_OUTPUT} bytes")
    return Result(done.returncode, done.stdout, stderr)


def spawn(
    argv: Sequence[str],
    *,
    stdin: int | None = None,
    pipe_stdin: bool = False,
    env: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
) -> Process:
    """Starts a program whose standard output the caller reads. The caller must `close` it. Raises CommandError."""
    import tempfile

    command = tuple(argv)
    stderr = tempfile.TemporaryFile(dir="/tmp")
    source = subprocess.PIPE if pipe_stdin else subprocess.DEVNULL if stdin is None else stdin
    try:
        popen = subprocess.Popen(
            command,
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=dict(ENVIRONMENT, **(env or {})),
            pass_fds=tuple(pass_fds),
            cwd="/",
        )
    except FileNotFoundError:
        raise not_found(command) from None
    return Process(command, popen, stderr)


def failure(argv: tuple[str, ...], returncode: int, stderr: str, *, hint: str = "") -> CommandError:
    """The one wording of a program's failure."""
    if returncode == -signal.SIGALRM:
        what = "took too long and was ended"
    elif returncode < 0:
        what = f"was ended by signal {_signal(-returncode)}"
    else:
        what = f"exited with status {returncode}"
    words = printable(" ".join(stderr.split())[:500])
    return CommandError(argv, returncode, stderr, f"{shown(argv)} {what}{': ' + words if words else ''}.", hint=hint)


def _signal(number: int) -> str:
    """The name of a signal, or its number: real-time signals have no names of their own."""
    return next((known.name for known in signal.Signals if known == number), str(number))


def not_found(argv: tuple[str, ...]) -> CommandError:
    """The error for a program that the host does not have."""
    return CommandError(argv, 127, "", f"{argv[0]} was not found on this host.", hint=f"Install {argv[0]}.")


def shown(argv: tuple[str, ...]) -> str:
    """The command as one may copy it, the middle of a long one left out."""
    text = printable(shlex.join(argv))
    return text if len(text) <= 160 else f"{text[:100]} … {text[-50:]}"


def _tail(data: bytes | None) -> str:
    return (data or b"")[-LAST_WORDS:].decode("utf-8", "replace")
