"""The command line: finds the verb, reads its options, prints errors, returns the exit status."""

import os
import sys
from importlib import import_module
from typing import Callable, Iterator

from ..errors import EXIT_OK, EXIT_REFUSED, EXIT_USAGE, BbhvError, RefusedError, UsageError
from .output import Output, complain
from .verbs import COMMON, HOST, VERBS, Option, Verb

THROUGH = "through:through"  # who does it for whoever is not root


class Call:
    """A parsed command line."""

    def __init__(self, verb: Verb, arguments: list[str], options: dict[str, str]) -> None:
        self.verb = verb
        self.arguments = arguments
        self.options = options

    def has(self, name: str) -> bool:
        """Whether an option was given."""
        return name in self.options

    def get(self, name: str, default: str = "") -> str:
        """The value of an option."""
        return self.options.get(name, default)

    def all(self, name: str) -> tuple[str, ...]:
        """The values of an option that may be repeated."""
        return tuple(self.options[name].split("\0")) if name in self.options else ()

    def lines(self, default: str) -> str:
        """How many lines are wanted: a number, or all. Raises UsageError."""
        lines = self.get("--lines", default)
        if lines != "all" and not (lines.isascii() and lines.isdigit() and len(lines) < 10):
            raise UsageError(f"--lines={ascii(lines[:40])[1:-1]} is no number.", hint="Write a number, or all.")
        return lines

    def tenants(self) -> list[str]:
        """The arguments as names of tenants, each once. Raises UsageError."""
        from ..names import InvalidNameError, parse_name

        try:
            return list(dict.fromkeys(map(parse_name, self.arguments)))
        except InvalidNameError as error:
            raise UsageError(error.message, hint=error.hint) from None


def run(words: list[str]) -> int:
    """Does what the command line says and returns the exit status (DESIGN: the command)."""
    _tame_streams()
    status = EXIT_OK
    try:
        status = _run(words)
        sys.stdout.flush()
        return status
    except BbhvError as error:
        status = complain(error)
        return EXIT_REFUSED if isinstance(error.__cause__, PermissionError) else status
    except OSError as error:
        if isinstance(error, BrokenPipeError) and _reader_is_gone():
            return status  # which is its right
        return complain(_as_error(error))
    finally:
        _finish_output()


def _run(words: list[str]) -> int:
    verb, arguments, options = parse(words)
    if "--help" in options or not words:
        from .help import help_text

        output = Output()
        sys.stdout.write(help_text(verb, output.heading))
        return EXIT_OK if words else EXIT_USAGE
    if HOST in options and (verb is not None or "--version" in options):
        from .remote import become

        become(verb, arguments, options)
    if "--version" in options:
        from ..version import VERSION

        sys.stdout.write(f"bbhv {VERSION}\n")
        return EXIT_OK
    if verb is None:
        raise UsageError("No verb was given.", hint="bbhv --help shows them.")
    return _do(Call(verb, arguments, options))


def _do(call: Call) -> int:
    output = Output(call.get("--json", "off"), legend=not call.has("--no-legend"), quiet=call.has("--quiet"))
    asks = call.verb.needs_root and not call.has(call.verb.rootless) and os.geteuid() != 0
    module, _, name = (THROUGH if asks else call.verb.function).partition(":")
    function: Callable[[Call, Output], int] = getattr(import_module(f".{module}", __package__), name)
    return _change(function, call, output) if call.verb.changes and not asks else function(call, output)


def _change(function: Callable[[Call, Output], int], call: Call, output: Output) -> int:
    """Calls a verb that has effects, with all that it needs at hand; interrupted, it leaves nothing running."""
    from ..host import resources, run as programs, systemd

    resources.preload()
    programs.allow_descriptors()
    try:
        return function(call, output)
    except KeyboardInterrupt:
        systemd.interrupt()
        raise


def _tame_streams() -> None:
    """Makes every text printable in every locale, and a closed stream one that nobody reads."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
        else:
            stream.reconfigure(errors="backslashreplace")


def _reader_is_gone() -> bool:
    """Whether nobody reads our standard output any more."""
    import select

    poll = select.poll()
    poll.register(1, 0)
    return any(state & select.POLLERR for _, state in poll.poll(0))


def _finish_output() -> None:
    """What cannot be written must not be complained about again at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _as_error(error: OSError) -> BbhvError:
    what = error.filename if isinstance(error.filename, str) else "Standard output or the host"
    message = f"{what}: {error.strerror or error}."
    kind = RefusedError if isinstance(error, PermissionError) else BbhvError
    return kind(message)


def parse(words: list[str]) -> tuple[Verb | None, list[str], dict[str, str]]:
    """The verb, its arguments and its options. Raises UsageError."""
    verb: Verb | None = None
    arguments: list[str] = []
    options: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        if word == "--":
            arguments += rest
            break
        if word.startswith("-") and word != "-" and not (verb and verb.sandboxed):
            _option(verb, word, rest, options)
        elif verb is None:
            verb = _verb(word)
        else:
            arguments.append(word)
    if verb and not {"--help", "--version"} & options.keys() and not verb.least <= len(arguments) <= verb.most:
        takes = verb.arguments or "no argument"
        raise UsageError(f"bbhv {verb.name} takes {takes}.", hint=f"bbhv {verb.name} --help tells more.")
    return verb, arguments, options


def _verb(word: str) -> Verb:
    for verb in VERBS:
        if verb.name == word:
            return verb
    from ..findings import did_you_mean

    hint = did_you_mean(word, [verb.name for verb in VERBS if not verb.hidden]) or "bbhv --help shows them."
    raise UsageError(f"There is no verb {ascii(word[:40])}.", hint=hint)


def _option(verb: Verb | None, word: str, rest: Iterator[str], options: dict[str, str]) -> None:
    if word == "-j":
        word = f"--json={'pretty' if sys.stdout.isatty() else 'short'}"
    options_here = (*COMMON, *(verb.options if verb else ()))
    known = {option.name: option for option in options_here}
    short = next((option for option in options_here if option.short and word.startswith(option.short)), None)
    if short and not word.startswith("--") and (word == short.short or short.value):
        word = short.name + (f"={word[2:]}" if word[2:] else "")
    name, equals, value = word.partition("=")
    option = known.get(name)
    if option is None:
        raise _no_option(verb, name, known)
    if not option.value:
        if equals:
            raise UsageError(f"{name} takes no value.")
        options[name] = ""
        return
    if not equals:
        following = next(rest, None)
        if following is None:
            raise UsageError(f"{name}= needs a value.", hint=_choices(option))
        value = following
    if name == HOST and name in options:
        raise UsageError(f"{name}= is given twice.", hint="A command line is for one host.")
    if option.choices and value not in option.choices:
        from ..findings import did_you_mean

        hint = did_you_mean(value, option.choices) or _choices(option)
        raise UsageError(f"{name}={ascii(value[:40])[1:-1]} is not known.", hint=hint)
    # No word of a command line has a NUL in it.
    options[name] = f"{options[name]}\0{value}" if option.repeated and name in options else value


def _choices(option: Option) -> str:
    *most, last = option.choices or (option.value,)
    return f"There are {', '.join(most)} and {last}." if most else f"Write {option.name}={last}."


def _no_option(verb: Verb | None, name: str, known: dict[str, Option]) -> UsageError:
    from ..findings import did_you_mean

    what = f"bbhv {verb.name}" if verb else "bbhv"
    hint = did_you_mean(name, known) or f"{what} --help shows them."
    return UsageError(f"{what} has no option {ascii(name[:40])}.", hint=hint)
