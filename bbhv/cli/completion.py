"""The completion of bash, made of the table of verbs.

Names of tenants come from `bbhv list`: those that the caller may see. Those of templates are written into it, and the
operator's own are looked for where they lie: no program is started for them.
"""

from collections.abc import Iterator

from ..findings import CODES
from . import manual, shelf
from .verbs import COMMON, UNITS, Option, Verb, shown

_HEAD = r"""# bash completion for bbhv(1), made by build.py
_bbhv_files() {
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen "$1" -- "$2")
}

_bbhv_words() {
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
    [[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace 2>/dev/null
}

_bbhv_hosts() {
    mapfile -t COMPREPLY < <(compgen -A hostname -- "$1")
}

_bbhv_tenants() {
    local name _
    while read -r name _; do
        [[ $name != "$1"* ]] || COMPREPLY+=("$name")
    done < <(bbhv list --no-legend 2>/dev/null)
}

_bbhv_action() {
    local one
    for one in $1; do
        [[ " $2 " != *" $one "* ]] || { _bbhv_tenants "$3"; return; }
    done
    _bbhv_words "$1" "$3"
}

_bbhv_workloads() {
    local unit _
    while read -r unit _; do
        unit=${unit#*@} unit=${unit%.service}
        [[ $unit != "$1"* ]] || COMPREPLY+=("$unit")
    done < <(systemctl list-units --all --plain --no-legend 'tenant-container@*' 'tenant-machine@*' 2>/dev/null)
}

_bbhv_templates() {
    local path name
    for path in @TEMPLATES@; do
        path=${path%/} name=${path##*/}
        [[ $name =~ ^[a-z0-9-]+$ && $name == "$1"* && " ${COMPREPLY[*]-} " != *" $name "* ]] || continue
        COMPREPLY+=("$name")
    done
}

_bbhv() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} verb= option= i
    COMPREPLY=()
    # bash takes --json=short apart at the equals sign.
    if [[ $word == = ]]; then
        option=$before word=
    elif [[ $before == = && $COMP_CWORD -gt 2 ]]; then
        option=${COMP_WORDS[COMP_CWORD-2]}
    elif [[ $before == --* ]]; then
        option=$before
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
"""


def bash_completion() -> str:
    """The file usr/share/bash-completion/completions/bbhv."""
    verbs = [verb for verb in shown() if verb.group != UNITS]
    templates = " ".join((*sorted(shelf.shipped()), *(f"{folder}/*/" for folder in shelf.FOLDERS)))
    lines = [_HEAD.replace("@TEMPLATES@", templates).rstrip()]
    lines += [f"            {'|'.join(verb.name for verb in verbs)}) verb=${{COMP_WORDS[i]}}; break ;;"]
    lines += ["        esac", "    done", "    case $verb/$option in"]
    lines += [f"        {where}/{option.name}) {_values(option)}; return ;;" for where, option in _valued(verbs)]
    lines += ["    esac", "    case $verb/$word in"]
    lines += [f"        {one.name}/-*) _bbhv_words '{_names((*one.options, *COMMON))}' \"$word\" ;;" for one in verbs]
    lines += [f"        */-*) _bbhv_words '{_names(COMMON)}' \"$word\" ;;"]
    lines += [f"        /*) _bbhv_words '{' '.join(verb.name for verb in verbs)}' \"$word\" ;;"]
    lines += [f"        {verb.name}/*) {action} ;;" for verb in verbs if (action := _arguments(verb))]
    return "\n".join([*lines, "    esac", "}", "complete -F _bbhv bbhv", ""])


def _valued(verbs: list[Verb]) -> Iterator[tuple[str, Option]]:
    """The options that take a value, each with the verb that it is of."""
    yield from ((verb.name, option) for verb in verbs for option in verb.options if option.value)
    yield from (("*", option) for option in COMMON if option.value)


def _names(options: tuple[Option, ...]) -> str:
    names = [option.name + ("=" if option.value else "") for option in options]
    return " ".join([*names, *(option.short for option in options if option.short)])


def _values(option: Option) -> str:
    if option.choices:
        return f"_bbhv_words '{' '.join(option.choices)}' \"$word\""
    words = {"FILE": "_bbhv_files -f", "DIR": "_bbhv_files -d", "TEMPLATE": "_bbhv_templates",
             "HOST": "_bbhv_hosts"}  # fmt: skip
    return f'{words[option.value]} "$word"' if option.value in words else ":"


def _arguments(verb: Verb) -> str:
    if verb.arguments.startswith("NAME.TENANT"):
        return '_bbhv_workloads "$word"' + ('; _bbhv_tenants "$word"' if verb.arguments.endswith("|TENANT") else "")
    if "TENANT" in verb.arguments:
        first = " ".join(one for one in verb.arguments.split(" ")[0].split("|") if one.islower())
        given = '"${COMP_WORDS[*]:i+1:COMP_CWORD-i-1}" "$word"'
        return f"_bbhv_action '{first}' {given}" if first else '_bbhv_tenants "$word"'
    if verb.arguments == "[CODE…]":
        return f"_bbhv_words '{' '.join(CODES)}' \"$word\""
    if verb.arguments == "[VERB|PAGE]":
        names = [*(one.name for one in shown()), *(page.name for page in manual.pages())]
        return f"_bbhv_words '{' '.join(dict.fromkeys(names))}' \"$word\""
    if "PATH" in verb.arguments:
        return '_bbhv_files -f "$word"'
    return '_bbhv_files -d "$word"' if "DIR" in verb.arguments else ""
