"""Programs: the only place that starts one.

Every call has a timeout, a built-up environment, no shell, /dev/null as standard input unless data is given, and
one wording of failure. What a program writes is bounded. Nothing of the caller's environment is passed on.

Programs are in process groups of their own: who presses Ctrl-C interrupts us, and we decide what becomes of them.
"""

import os
import resource
import select
import selectors
import shlex
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import IO, Callable, Iterator, Mapping, NoReturn, Sequence, TypeVar

from ..errors import CommandError
from ..findings import printable
from ..records import dataclass

T = TypeVar("T")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT: Mapping[str, str] = {"PATH": PATH, "LANG": "C.UTF-8", "HOME": "/nonexistent"}
WITHOUT_SYSTEMD = "A rescue shell or a chroot has no systemd to ask; bbhv history TENANT and bbhv doctor need none."
LAST_WORDS = 2000
MAX_OUTPUT = 64 << 20
CHUNK = 64 << 10
DESCRIPTORS = 1 << 16
LAST_OUTPUT_SEC = 2.0
_interrupted = threading.Event()
_living: set[subprocess.Popen[bytes]] = set()


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
        go_on()
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
        _living.discard(self.popen)
        self.last_words()
        self._stderr.close()


def program() -> tuple[str, ...]:
    """The command that is this program: the archive that runs now."""
    return (sys.executable or "/usr/bin/python3", "-IS", os.path.abspath(sys.argv[0]))


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
    discard: bool = False,
) -> Result:
    """Runs a program to its end. `stdin` is data, or a descriptor to read from. With `discard` nobody gets to see its
    standard output, not even this process.

    Raises CommandError when the program is not there, takes longer than `timeout` seconds, or exits with a status
    that is not in `ok` (an empty `ok` accepts every status, but not a signal's).
    """
    command = tuple(argv)
    feed = stdin if isinstance(stdin, bytes) else None
    source = subprocess.PIPE if feed is not None else stdin if isinstance(stdin, int) else subprocess.DEVNULL
    stdout_to = subprocess.DEVNULL if discard else subprocess.PIPE
    popen = _begin(command, source, stdout_to, subprocess.PIPE, env, pass_fds)
    try:
        with named(command):
            stdout, last, in_time = _exchange(popen, feed or b"", timeout)
    finally:
        _living.discard(popen)
    go_on()
    stderr = last.decode("utf-8", "replace")
    if len(stdout) > MAX_OUTPUT:
        raise failure(command, popen.returncode, f"it wrote more than {MAX_OUTPUT} bytes")
    if not in_time:
        raise failure(command, -signal.SIGALRM, stderr or f"no answer within {timeout:g} s")
    if (ok and popen.returncode not in ok) or popen.returncode < 0:
        raise failure(command, popen.returncode, stderr)
    return Result(popen.returncode, bytes(stdout), stderr)


def _exchange(popen: subprocess.Popen[bytes], feed: bytes, timeout: float) -> tuple[bytearray, bytearray, bool]:
    """Feeds a program until its end: what it wrote, the last of its complaints, and whether it was in time.

    One that is late, or writes more than MAX_OUTPUT bytes, is killed at once.
    """
    assert popen.stderr is not None
    out, last, unfed = bytearray(), bytearray(), memoryview(feed)
    deadline = time.monotonic() + timeout
    with popen, selectors.DefaultSelector() as selector:
        if popen.stdout is not None:
            selector.register(popen.stdout, selectors.EVENT_READ, out)
        selector.register(popen.stderr, selectors.EVENT_READ, last)
        if popen.stdin is not None:
            selector.register(popen.stdin, selectors.EVENT_WRITE)
        try:
            while selector.get_map() and len(out) <= MAX_OUTPUT and (left := deadline - time.monotonic()) > 0:
                for key, _ in selector.select(left):
                    if key.data is None:
                        unfed = unfed[_write(key.fd, unfed) :]
                        goes_on = bool(unfed)
                    else:
                        goes_on = _take(key.fd, key.data)
                    if not goes_on:
                        selector.unregister(key.fileobj)
                        if key.fileobj is popen.stdin:
                            popen.stdin.close()
                del last[:-LAST_WORDS]
            in_time = not selector.get_map()
            popen.wait(max(0.0, deadline - time.monotonic()) if in_time else 0)
        except subprocess.TimeoutExpired:
            in_time = False
        finally:
            if popen.poll() is None:
                popen.kill()
    return out, last, in_time


def spawn(
    argv: Sequence[str],
    *,
    stdin: int | None = None,
    pipe_stdin: bool = False,
    env: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
) -> Process:
    """Starts a program whose standard output the caller reads. The caller must `close` it. Raises CommandError."""
    command = tuple(argv)
    with named(command):
        stderr = open(os.memfd_create("stderr", os.MFD_CLOEXEC), "w+b")
    source = subprocess.PIPE if pipe_stdin else subprocess.DEVNULL if stdin is None else stdin
    popen = _begin(command, source, subprocess.PIPE, stderr, env, pass_fds)
    return Process(command, popen, stderr)


@contextmanager
def named(command: tuple[str, ...]) -> Iterator[None]:
    """Has a failure of the host that names no file say which program it was about."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or shown(command)
        raise


def _begin(
    command: tuple[str, ...], stdin: int, stdout: int, stderr: int | IO[bytes], env: Mapping[str, str] | None,
    pass_fds: Sequence[int],
) -> subprocess.Popen[bytes]:  # fmt: skip
    go_on()
    try:
        with named(command):
            popen = subprocess.Popen(
                command, stdin=stdin, stdout=stdout, stderr=stderr, env=dict(ENVIRONMENT, **(env or {})),
                pass_fds=tuple(pass_fds), cwd="/", process_group=0,
            )  # fmt: skip
    except FileNotFoundError:
        raise not_found(command) from None
    _living.add(popen)
    if is_interrupted():
        popen.kill()  # nobody may have seen it
    return popen


def relay(argv: Sequence[str], terminal: str | None) -> int:
    """Runs a program that somebody talks to, and returns its exit status. It takes as long as they like.

    With the name of a terminal it has ours, and is in front on it. Else what it reads and writes goes through pipes:
    whoever is at the end of them gets no descriptor of the caller's, which might be a terminal or a file of the host.
    """
    if terminal is not None:
        return subprocess.call(tuple(argv), env={**ENVIRONMENT, "TERM": terminal}, cwd="/")
    popen = _begin(tuple(argv), subprocess.PIPE, subprocess.PIPE, subprocess.PIPE, None, ())
    assert popen.stdin and popen.stdout and popen.stderr
    threading.Thread(target=_pump, args=(0, popen.stdin.fileno(), popen.stdin.close), daemon=True).start()
    heard = [threading.Thread(target=_pump, args=(source.fileno(), target, source.close), daemon=True)
             for source, target in ((popen.stdout, 1), (popen.stderr, 2))]  # fmt: skip
    for one in heard:
        one.start()
    try:
        status = popen.wait()
        for one in heard:
            one.join(LAST_OUTPUT_SEC)  # for who holds a pipe open though the program has ended, nobody waits
        return status
    finally:
        popen.kill()
        _living.discard(popen)


def _pump(source: int, target: int, close: Callable[[], None]) -> None:
    """Copies until there is nothing more to read, or nobody who reads."""
    try:
        while data := _insist(source, select.POLLIN, lambda: os.read(source, CHUNK)):
            while data:
                data = data[_insist(target, select.POLLOUT, lambda: os.write(target, data)) :]
    except OSError:
        pass  # whoever does not read any more has heard enough
    finally:
        close()


def _insist(handle: int, event: int, act: Callable[[], T]) -> T:
    """Does what has to wait until it can be done: whoever shares a pipe with us may have made it one that does not."""
    while True:
        try:
            return act()
        except BlockingIOError:
            poll = select.poll()
            poll.register(handle, event)
            poll.poll()


@contextmanager
def ending() -> Iterator[None]:
    """Has whoever asks this process to end interrupt it first, so that it can leave nothing running; then it ends.

    Only for the main thread.
    """
    asked: list[int] = []

    def end(number: int, frame: object) -> None:
        asked.append(number)
        if len(asked) == 1:
            raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    ours = [number for number, handler in before.items() if handler is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)
        if asked:
            os.kill(os.getpid(), asked[0])


def interrupt() -> None:
    """Ends all programs. From now on every thread but the main one is interrupted where it waits for a program,
    pauses, or starts one: it is not to take that for a failure."""
    _interrupted.set()
    for popen in tuple(_living):
        popen.kill()


def is_interrupted() -> bool:
    """Whether this thread is to end. Raises nothing, for who has to clean up first."""
    return _interrupted.is_set() and threading.current_thread() is not threading.main_thread()


def go_on() -> None:
    """Raises KeyboardInterrupt when this thread is to end."""
    if is_interrupted():
        raise KeyboardInterrupt


def pause(seconds: float) -> None:
    """Does nothing for a while, or is interrupted."""
    if threading.current_thread() is threading.main_thread():
        time.sleep(seconds)
    else:
        _interrupted.wait(seconds)
        go_on()


def allow_descriptors() -> None:
    """Lets this process open as many files as it may, within reason: what is watched together is open together."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def has_data(handle: int, seconds: float) -> bool:
    """Whether there is something to read, or an end, within so many seconds; of any descriptor, however high."""
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(max(0.0, seconds) * 1000))


def become(argv: Sequence[str], env: Mapping[str, str]) -> NoReturn:
    """Replaces this process by a program, with these variables only. Raises OSError when there is none."""
    os.execve(argv[0], list(argv), dict(env))


def failure(argv: tuple[str, ...], returncode: int, stderr: str) -> CommandError:
    """The one wording of a program's failure."""
    if returncode == -signal.SIGALRM:
        what = "took too long and was ended"
    elif returncode < 0:
        what = f"was ended by signal {_signal(-returncode)}"
    else:
        what = f"exited with status {returncode}"
    words = printable(" ".join(stderr.split())[:500]).rstrip(".")
    hint = WITHOUT_SYSTEMD if "has not been booted with systemd" in stderr else ""
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


def _take(handle: int, into: bytearray) -> bool:
    """Adds what a program wrote; False at the end of it."""
    data = os.read(handle, CHUNK)
    into += data
    return bool(data)


def _write(handle: int, data: memoryview) -> int:
    """How much a program took; one that takes no more got all that it wants."""
    try:
        return os.write(handle, data[: select.PIPE_BUF])
    except BrokenPipeError:
        return len(data)
