"""The option --host: the same command line on another host, by OpenSSH alone.

This process becomes ssh(1), so that the exit status is ssh's: that of the verb there, or 255. Who may what is decided
there. ssh gives the command to a shell, for which every word is quoted, and gets nothing that it could take for an
option of its own but what stands here.
"""

import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from ..errors import UsageError
from ..host import run
from .verbs import HOST, Verb

Talks = Callable[[Sequence[str], Mapping[str, str]], bool]
_PIPE = "Pipe it: systemd-ask-password | bbhv --host=HOST credential encrypt TENANT NAME"


def _types(arguments: Sequence[str], options: Mapping[str, str]) -> bool:
    return len(arguments) < 4 or arguments[3] == "-"


# When a verb talks to whoever sits at a terminal, or is to end with Ctrl-C there as well.
_TALKS: Mapping[str, Talks] = {
    "shell": lambda arguments, options: True,
    "console": lambda arguments, options: True,
    "monitor": lambda arguments, options: True,
    "logs": lambda arguments, options: "--follow" in options,
    "purge": lambda arguments, options: "--yes" not in options,
    "credential": _types,
}


def become(verb: Verb | None, arguments: Sequence[str], options: Mapping[str, str]) -> NoReturn:
    """Becomes ssh. Raises UsageError, and CommandError when there is no ssh."""
    terminals = [os.isatty(number) for number in (0, 1, 2)]
    if verb and verb.name == "credential" and _types(arguments, options) and terminals[0] and not all(terminals):
        raise UsageError("A secret that is typed for another host would be seen.", hint=_PIPE)
    argv = command(verb, arguments, options, terminal=all(terminals))
    program = run.find(argv[0])
    if program is None:
        raise run.not_found(argv)
    sys.stdout.flush()
    run.become((program, *argv[1:]), os.environ)  # whose ssh it is, with the agent and all that its settings refer to


def command(
    verb: Verb | None, arguments: Sequence[str], options: Mapping[str, str], *, terminal: bool
) -> tuple[str, ...]:
    """The call of ssh; `terminal` says whether all of standard input and output is one. Raises UsageError."""
    host = options[HOST]
    if not host or host.startswith("-") or not host.isprintable() or any(map(str.isspace, host)):
        raise UsageError(f"--host={ascii(host[:40])[1:-1]} is no host.", hint="Write --host=[USER@]HOST.")
    talks = _TALKS.get(verb.name) if verb and terminal else None
    allocate = ("-t",) if talks and talks(arguments, options) else ()
    return ("ssh", *allocate, "--", host, shlex.join(("bbhv", *_words(verb, arguments, options))))


def _words(verb: Verb | None, arguments: Sequence[str], options: Mapping[str, str]) -> list[str]:
    """The command line without its host."""
    given = [f"{name}={one}" if one or name in _valued(verb) else name for name, value in options.items()
             if name != HOST for one in value.split("\0")]  # fmt: skip
    return [*([verb.name] if verb else []), *given, *(["--", *arguments] if arguments else [])]


def _valued(verb: Verb | None) -> set[str]:
    return {option.name for option in (verb.options if verb else ()) if option.value}
