"""Run the programs of the build machine and say what is going on.

`run` is the one way in which the build and the harness start a program: always with a timeout, its output kept, and
its failure told with command, status and last words. `Progress` prints one plain line per step, or redraws one line
on a terminal.
"""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

Argv = Sequence[str | Path]


class BuildError(Exception):
    """A step of the build or of the harness failed; the text is for the developer."""


def words(argv: Argv) -> tuple[str, ...]:
    """The command line as plain strings."""
    return tuple(str(word) for word in argv)


def run(
    argv: Argv,
    *,
    timeout: float = 600,
    check: bool = True,
    data: str | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end with its output captured. Raises BuildError when it fails, unless `check` is off."""
    try:
        done = subprocess.run(
            words(argv), input=data if data is not None else "", capture_output=True, text=True, errors="replace",
            timeout=timeout, cwd=cwd, env=env, check=False,
        )
    except FileNotFoundError:
        raise BuildError(f"{argv[0]} is not installed.") from None
    except subprocess.TimeoutExpired:
        raise BuildError(f"{shlex.join(words(argv))} did not end within {timeout:.0f} s.") from None
    if check and done.returncode:
        raise BuildError(failure(words(argv), done.returncode, done.stdout + done.stderr))
    return done


def failure(argv: Sequence[str], status: int, output: str, lines: int = 25) -> str:
    """One wording for a program that failed: the command, how it ended, its last lines."""
    how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
    last = "\n".join("    " + line for line in output.strip().splitlines()[-lines:])
    return f"{shlex.join(argv)} {how}:\n{last}" if last else f"{shlex.join(argv)} {how}."


class Progress:
    """Tells each step with the time it took: one redrawn line on a terminal, else one line when the step ends."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self._live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not prefix

    def say(self, text: str) -> None:
        """Print one line."""
        print(f"{self.prefix}{text}", file=sys.stderr, flush=True)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Show a step while it runs, and how long it took when it is over."""
        start = time.monotonic()
        if self._live:
            print(f"  … {what}", end="\r", file=sys.stderr, flush=True)
        try:
            yield
        except BaseException:
            self.say(f"  ✗ {what} ({time.monotonic() - start:.1f} s)")
            raise
        self.say(f"  ✓ {what} ({time.monotonic() - start:.1f} s)")
