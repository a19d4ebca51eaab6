"""The command line: finds the verb, reads its options, prints errors, returns the exit status."""

import os
import sys
from importlib import import_module
from typing import Callable

from ..errors import EXIT_FAILED, EXIT_OK, BbhvError, UsageError
from .output import Output
from .verbs import COMMON, VERBS, Option, Verb

SHORT = {"-q": "--quiet", "-h": "--help"}


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


def run(words: list[str]) -> int:
    """Does what the command line says and returns the exit status (DESIGN: the command)."""
    try:
        verb, arguments, options = parse(words)
        if "--help" in options:
            sys.stdout.write(help_text(verb))
            return EXIT_OK
        if "--version" in options:
            from ..version import VERSION

            sys.stdout.write(f"bbhv {VERSION}\n")
            return EXIT_OK
        if verb is None:
            raise UsageError("No verb was given.", hint="bbhv --help shows them.")
        return _do(Call(verb, arguments, options))
    except BbhvError as error:
        return complain(error)
    except BrokenPipeError:
        # The reader went away, which is its right; what is still buffered must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        return EXIT_FAILED


def _do(call: Call) -> int:
    module, _, name = call.verb.function.partition(":")
    function: Callable[[Call, Output], int] = getattr(import_module(f".{module}", __package__), name)
    output = Output(call.get("--json", "off"), legend=not call.has("--no-legend"), quiet=call.has("--quiet"))
    if call.verb.changes:
        from ..host import resources

        resources.preload()
    status = function(call, output)
    output.flush()
    return status


def complain(error: BbhvError) -> int:
    """Says an error and its hint, and returns its exit status."""
    sys.stderr.write(f"bbhv: {error.message}\n")
    if error.hint:
        sys.stderr.write(f"      {error.hint}\n")
    return error.status


def parse(words: list[str]) -> tuple[Verb | None, list[str], dict[str, str]]:
    """The verb, its arguments and its options. Raises UsageError."""
    verb: Verb | None = None
    arguments: list[str] = []
    options: dict[str, str] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            arguments += rest
            break
        if word.startswith("-") and word != "-" and not (verb and verb.name == "worker"):
            _option(verb, word, rest, options)
        elif verb is None:
            verb = _verb(word)
        else:
            arguments.append(word)
    if verb and not {"--help", "--version"} & options.keys() and not verb.least <= len(arguments) <= verb.most:
        raise UsageError(f"{verb.name} takes {verb.arguments or 'no argument'}.", hint=f"bbhv {verb.name} --help")
    return verb, arguments, options


def _verb(word: str) -> Verb:
    for verb in VERBS:
        if verb.name == word:
            return verb
    from ..findings import did_you_mean

    hint = did_you_mean(word, [verb.name for verb in VERBS if not verb.hidden]) or "bbhv --help shows them."
    raise UsageError(f"There is no verb {ascii(word[:40])}.", hint=hint)


def _option(verb: Verb | None, word: str, rest: list[str], options: dict[str, str]) -> None:
    name, equals, value = SHORT.get(word, word).partition("=")
    known = {option.name: option for option in (*COMMON, *(verb.options if verb else ()))}
    option = known.get(name)
    if option is None:
        raise _no_option(verb, name, known)
    if not option.value:
        if equals:
            raise UsageError(f"{name} takes no value.")
        options[name] = ""
        return
    if not equals:
        if not rest:
            raise UsageError(f"{name} needs a value: {name}={option.value}.")
        value = rest.pop(0)
    options[name] = value


def _no_option(verb: Verb | None, name: str, known: dict[str, Option]) -> UsageError:
    from ..findings import did_you_mean

    hint = did_you_mean(name, known) or f"bbhv {verb.name if verb else ''} --help shows them.".replace("  ", " ")
    return UsageError(f"There is no option {ascii(name[:40])}{' of ' + verb.name if verb else ''}.", hint=hint)


def help_text(verb: Verb | None) -> str:
    """The help of a verb, or of the whole program."""
    lines = []
    if verb is None:
        lines = ["bbhv VERB …", "", "Runs what tenants commit to git, with systemd.", "", "Verbs:"]
        lines += [f"  {v.name + ' ' + v.arguments:<24} {v.help}" for v in VERBS if not v.hidden]
    else:
        lines = [f"bbhv {verb.name} [OPTION…] {verb.arguments}".rstrip(), "", f"{verb.help}."]
    options = (*(verb.options if verb else ()), *COMMON)
    lines += ["", "Options:"]
    lines += [f"  {o.name + ('=' + o.value if o.value else ''):<24} {o.help}" for o in options]
    lines += ["", "Exit status: 0 done, 1 failed, 2 usage, 3 errors in the input, 4 refused, 5 no such thing, 75 busy."]
    return "\n".join([*lines, "See bbhv(1).", ""])


