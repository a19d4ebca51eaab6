"""The engine's own sandboxes: units in which this program does one piece of work for a repository."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import EXIT_REFUSED, BbhvError, CommandError, RefusedError
from ..formats import frames
from ..host import run, systemd
from . import paths

GRACE = 30
PACK_LIMIT = 256 << 20
AGAIN = "What runs stays as it is; the next sync tries again."


class Unit:
    """A piece of work in its sandbox. `step` is what it is called, `subject` whose it is."""

    def __init__(self, step: str, subject: str, process: run.Process, seconds: int) -> None:
        self.step = step
        self.subject = subject
        self.process = process
        self._seconds = seconds
        self._started = time.monotonic()

    def finish(self) -> None:
        """Waits for its end. Raises RefusedError when it says that its input is not taken, else CommandError."""
        done = self.process.wait(self._seconds + GRACE)
        if not done.returncode:
            return
        words = said(done.stderr.partition(" hint: ")[0]) or f"exit status {done.returncode}"
        if time.monotonic() - self._started >= self._seconds:
            words = late(self._seconds)
        hint = done.stderr.partition(" hint: ")[2].strip() or AGAIN
        message = f"The {self.step} of {self.subject} failed: {words}."
        if done.returncode == EXIT_REFUSED:
            raise RefusedError(message, hint=hint)
        raise CommandError(self.process.argv, done.returncode, done.stderr, message, hint=hint)


@contextmanager
def unit(
    step: str, name: str, subject: str, work: tuple[str, ...], sandbox: systemd.Sandbox, stdin: int | None
) -> Iterator[Unit]:
    """Starts a worker in a sandbox; leaving ends it, whatever it is at. `name` is the tenant's."""
    unit_name = f"bitbuilder-{step}-{name}-{os.getpid()}-{os.urandom(3).hex()}.service"
    command = systemd.sandbox_command(unit_name, sandbox, (*run.program(), "worker", *work), {})
    with systemd.owned(unit_name):
        process = run.spawn(command, stdin=stdin)
        try:
            yield Unit(step, subject, process, sandbox.seconds)
        finally:
            goes_on = process.popen.poll() is None
            process.close()
            if goes_on:  # that was systemd-run; the unit would go on without it
                systemd.urge("stop", [unit_name])


def late(seconds: int) -> str:
    """Why a unit of so many seconds was ended."""
    return f"it took longer than {seconds} s and was ended"


def lend(objects: str) -> tuple[str, ...]:
    """The tenants' folder is empty in there, but for this clone's objects, which are read-only."""
    hidden = tuple(f"TemporaryFileSystem={folder}:ro,mode=0755" for folder in (paths.TENANTS, paths.STATE))
    return (*hidden, f"BindReadOnlyPaths={objects}") if objects else hidden


def in_memory(data: bytes) -> int:
    """A descriptor from which a unit reads these bytes; the caller closes it."""
    handle = os.memfd_create("bitbuilder", os.MFD_CLOEXEC)
    try:
        if os.write(handle, data) != len(data):
            raise BbhvError("There is not enough memory for a request.")
        os.lseek(handle, 0, os.SEEK_SET)
    except BaseException:
        os.close(handle)
        raise
    return handle


def said(stderr: str) -> str:
    """What a worker said last, as the end of a sentence of ours: some of it may be the words of a server or an archive,
    which give no hints in our name."""
    words = " ".join(stderr.split())[-600:].removeprefix("bbhv: ").rstrip(".")
    return words.replace(" hint: ", "; ")


def read_frames(process: run.Process, staging: str) -> tuple[dict[str, str], dict[str, str]]:
    """The short texts that a unit hands over, and the paths of the files, which are written to `staging`."""
    pipe = process.stdout
    texts: dict[str, str] = {}
    parts: dict[str, str] = {}
    while True:
        name, size = frames.parse_header(pipe.read(frames.HEADER_SIZE), PACK_LIMIT * 2)
        if name == "end":
            return texts, parts
        if name in texts or name in parts or (name in ("tip", "name") and size > 64):
            raise ValueError(f"the frame {name} is not expected")
        if name in ("tip", "name"):
            texts[name] = pipe.read(size).decode("ascii", "replace")
            continue
        parts[name] = f"{staging}/{name}"
        with open(parts[name], "xb") as file:
            while size:
                chunk = pipe.read(min(size, 1 << 20))
                if not chunk:
                    raise ValueError("a frame ends early")
                file.write(chunk)
                size -= len(chunk)
