"""What a person is asked: for the parameters of a template that the command line leaves out, and before data goes."""

import sys
from collections.abc import Iterable, Mapping, Sequence

from ..errors import BbhvError, RefusedError, UsageError
from ..findings import printable
from ..kinds.values import Unreadable
from ..model.template import Parameter, Template, chosen, known
from .output import paint

MAX_LINE = 128 << 10


def agreed(paths: Sequence[str], word: str) -> None:
    """Has a person at the terminal type a word before these are removed.

    Raises RefusedError where nobody can be asked, BbhvError when it was another word.
    """
    if sys.stdin is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise RefusedError("Data is removed for good, and nobody can be asked here.", hint="Add --yes if it is meant.")
    listed = "".join(f"  {printable(path)}\n" for path in paths)
    sys.stderr.write(f"This removes for good:\n{listed}Type {word} to go on: ")
    sys.stderr.flush()
    if sys.stdin.readline(MAX_LINE).strip() != word:
        raise BbhvError("Nothing was removed.")


def given(template: Template, words: Iterable[str]) -> dict[str, str]:
    """The values of `--set NAME=VALUE`, the last one of a name counting. Raises UsageError with all that is wrong."""
    values: dict[str, str] = {}
    wrong: list[str] = []
    for word in words:
        name, equals, value = word.partition("=")
        try:
            parameter = known(template, name)
            if not equals:
                raise Unreadable("It has no value.", f"Write --set {name}=VALUE.")
            values[name] = chosen(parameter, value)
        except Unreadable as error:
            wrong.append(f"--set {name[:40]}: {error}{f' {error.hint}' if error.hint else ''}")
    if wrong:
        raise UsageError(" ".join(wrong), hint=f"bbhv init --list --template={template.name} shows its parameters.")
    return values


def complete(template: Template, values: Mapping[str, str]) -> dict[str, str]:
    """The values with the rest asked for when a person is at the terminal, else left to its defaults.

    Raises UsageError that names everything without a value, and BbhvError when the person ends the input.
    """
    rest = [one for one in template.parameters if one.name not in values]
    if rest and sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty():
        return {**values, **_ask(template, rest)}
    missing = [one.name for one in rest if one.required]
    if missing:
        hint = f"Add {' '.join(f'--set {name}=VALUE' for name in missing)}."
        raise UsageError(f"Template {template.name} needs a value for {', '.join(missing)}.", hint=hint)
    return dict(values)


def _ask(template: Template, parameters: list[Parameter]) -> dict[str, str]:
    sys.stderr.write(f"{paint(sys.stderr, template.name, 'bold')}: {printable(template.description)}\n")
    if any(not one.required for one in parameters):
        sys.stderr.write("Enter alone takes what stands in brackets.\n")
    return {one.name: _one(one) for one in parameters}


def _one(parameter: Parameter) -> str:
    """A value that the parameter may have, asked for until it is one."""
    usual = parameter.default or ("none" if parameter.optional else "")
    question = f"{printable(parameter.description) or parameter.name}{f' [{printable(usual)}]' if usual else ''}: "
    while True:
        sys.stderr.write(question)
        sys.stderr.flush()
        line = sys.stdin.readline(MAX_LINE)
        if not line.endswith("\n"):  # also of a line that was begun
            sys.stderr.write("\n")
            raise BbhvError("The input ended; nothing was written.")
        try:
            return chosen(parameter, line.strip() or parameter.default)
        except Unreadable as error:
            sys.stderr.write(f"  {paint(sys.stderr, printable(str(error)), 'bad')} {printable(error.hint)}\n")
