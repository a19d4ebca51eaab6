"""The help: one screen of 80 columns and 24 lines for one verb, and as many lines as verbs for the whole program."""

from typing import Callable

from .verbs import COMMON, GROUPS, UNITS, Action, Option, Verb, shown

WIDTH = 24
ACTION_WIDTH = 36
STATUSES = "0 done, 1 failed, 2 usage, 3 input, 4 refused, 5 not found, 75 busy"


def help_text(verb: Verb | None, heading: Callable[[str], str] = str) -> str:
    """The help of a verb, or of the whole program; `heading` may make headings stand out."""
    lines = _one(verb) if verb else _program(heading)
    # What --no-pager does is nothing, which the manual says.
    common = [option for option in COMMON if option.name != "--no-pager"]
    if verb:
        if verb.actions:
            lines += [heading("Actions:"), *map(_action, verb.actions)]
        lines += [heading("Options:"), *map(_option, (*verb.options, *common))]
    else:
        lines.append(f"{heading('Options:')} {', '.join(map(_short, common))}")
    lines += [f"Exit status: {STATUSES}", *(["See bbhv(1), also as: bbhv help bbhv"] if verb else [])]
    return "\n".join([*lines, ""])


def _program(heading: Callable[[str], str]) -> list[str]:
    lines = ["bbhv [OPTION…] VERB …: run what tenants commit to git, with systemd."]
    for group in GROUPS:
        if group != UNITS:
            lines.append(heading(f"{group}:"))
            lines += [f"  {_call(one):<{WIDTH}}{one.help}" for one in shown() if one.group == group]
    return lines


def _call(verb: Verb) -> str:
    """How a verb is called; arguments that would run into the text are left to the help of the verb."""
    whole = f"{verb.name} {verb.arguments}"
    return whole if len(whole) < WIDTH else f"{verb.name} …"


def _one(verb: Verb) -> list[str]:
    usage = f"bbhv {verb.name} [OPTION…] {verb.arguments}".rstrip()
    return [usage, "", f"{verb.help}.", ""]


def _short(option: Option) -> str:
    return option.short or option.name + (f"={option.value}" if option.value else "")


def _action(one: Action) -> str:
    return f"  {f'{one.name} {one.arguments}':<{ACTION_WIDTH}}{one.help}"


def _option(option: Option) -> str:
    name = option.name + (f"={option.value}" if option.value else "")
    return f"  {f'{option.short:<2} {name}':<{WIDTH}}{option.help}"
