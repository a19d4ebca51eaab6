"""The scripts of a tenant: scripts/provision, scripts/pre-start and so on.

They are the tenant's, not a workload's, and have no power over the host: each runs in a unit of its own in the slice
of the tenant, as an unprivileged user that exists only for it, behind a sandbox with the programs of the host (/usr,
read-only), the volumes of the tenant for containers, read-only, and one small file that is kept; and neither the host's
network, other files, nor credentials. `SCRIPTS` says when each runs, and what its failure means; model/scripts.py is
how. A script that needs what is in an image belongs into it.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from ..findings import Finding, Place, errors
from ..records import dataclass
from .source import Source

MAX_SCRIPT = 256 << 10
MAX_INTERPRETER = 127  # what the kernel has room for, with the argument
# When each of them runs, in the order of a generation's life; rows of the manual.
SCRIPTS: Mapping[str, str] = {
    "provision": "Once for each new generation, before anything is touched. Failing, the change is not made, and the "
                 "commit is not tried again. It has 5 minutes.",
    "pre-start": "Before workloads start, when all that has to stop has stopped. Failing, none of them starts, and the "
                 "tenant goes back. It has 2 minutes.",
    "post-start": "When what started is healthy. Failing, the tenant goes back. It has 2 minutes.",
    "health": "While a generation is watched, and where Health=script:health asks for it. Failing, it is unhealthy.",
    "pre-stop": "Before workloads stop. Failing, the journal has a warning, and they stop all the same. It has 1 "
                "minute.",
    "post-stop": "When what had to stop has stopped. Failing, the journal has a warning. It has 1 minute.",
}  # fmt: skip
_EXAMPLE = "Start the file with a line such as #!/bin/sh."

Problem: TypeAlias = tuple[int, str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A script as committed; `interpreter` is the program of its first line, with its one argument if it has one."""

    name: str
    file: str
    text: str
    interpreter: tuple[str, ...]


def read_script(source: Source) -> tuple[Script | None, tuple[Finding, ...]]:
    """The script of a file, None when it has errors."""
    place = Place(source.file)
    if len(source.data) > MAX_SCRIPT:
        message = f"The script has more than {MAX_SCRIPT >> 10} KiB."
        return None, (Finding(place, "BB105", message, "Put large data into an image."),)
    try:
        text = source.data.decode()
    except UnicodeDecodeError as error:
        place = Place(source.file, source.data.count(b"\n", 0, error.start) + 1)
        return None, (Finding(place, "BB101", "The script is not UTF-8 text.", "Save it as UTF-8."),)
    findings = tuple(
        Finding(Place(source.file, line, 1 if line else 0), code, message, hint)
        for check in _CHECKS
        for line, code, message, hint in check(text)
    )
    script = Script(name=source.name, file=source.file, text=text, interpreter=interpreter(text))
    return None if errors(findings) else script, findings


def _first_line(text: str) -> str:
    return text.partition("\n")[0].removesuffix("\r")


def interpreter(text: str) -> tuple[str, ...]:
    """The program of the first line, and everything behind it as one argument, as the kernel takes them."""
    return tuple(_first_line(text).removeprefix("#!").strip(" \t").replace("\t", " ").split(" ", 1))


def _form(text: str) -> Iterator[Problem]:
    for char, code, message, hint in (
        ("\0", "BB101", "The script has a NUL character in it.", "Put binary data into an image."),
        ("\r", "BB205", "The line has a carriage return, which the interpreter takes for a part of it.",
         "Save the script with line ends of Unix."),
    ):  # fmt: skip
        at = text.find(char)
        if at >= 0:
            yield text.count("\n", 0, at) + 1, code, message, hint


def _interpreter_line(text: str) -> Iterator[Problem]:
    """The line that names the interpreter: the kernel wants it at the very first byte."""
    if not text.strip():
        yield 0, "BB205", "The script is empty.", "Write what it is to do, or remove the file."
    elif text.startswith("\ufeff"):
        yield 1, "BB205", "The script starts with a byte order mark, so its first line counts for nothing.", (
            "Save it without one."
        )
    elif not text.startswith("#!"):
        yield 1, "BB205", "The first line names no interpreter.", _EXAMPLE
    else:
        yield from _interpreter_path(text)


def _interpreter_path(text: str) -> Iterator[Problem]:
    program, *argument = interpreter(text)
    if not program.startswith("/"):
        hint = f"Write #!/usr/bin/env {program}." if program and "/" not in program else _EXAMPLE
        yield 1, "BB205", f"The interpreter {program[:60]!r} is not an absolute path.", hint
    elif any(part in ("", ".", "..") for part in program[1:].split("/")) or not program.isprintable():
        yield 1, "BB205", f"The path of the interpreter, {program[:60]!r}, is not clean.", _EXAMPLE
    elif len(_first_line(text).encode()) > MAX_INTERPRETER:
        yield 1, "BB205", f"The first line has more than {MAX_INTERPRETER} bytes.", "Write a shorter one."
    elif program.endswith("/env"):
        yield from _env("".join(argument).strip())


def _env(argument: str) -> Iterator[Problem]:
    """What env(1) gets: the kernel hands on all that follows as one argument, which only -S takes apart."""
    if not argument or (argument.startswith("-") and not argument.startswith("-S")):
        yield 1, "BB205", "env is to start no program.", "Write such as #!/usr/bin/env python3."
    elif " " in argument and not argument.startswith("-S"):
        message = f"env would look for one program that is called {argument[:60]!r}."
        yield 1, "BB205", message, f"Write #!/usr/bin/env -S {argument[:60]}."


_CHECKS: tuple[Callable[[str], Iterator[Problem]], ...] = (_form, _interpreter_line)
