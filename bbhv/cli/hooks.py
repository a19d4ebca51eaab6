"""The hook pre-receive: keeps a push with errors out of any bare repository.

It runs on a git server, as whoever pushes, with nothing but git >= 2.25: no root, no state, no bbhv host. What was
pushed is read by object id, by the same reader as on a host, before any ref points to it. Whatever goes wrong rejects
the push with a sentence; standard output is what the pusher sees.
"""

import os
from collections.abc import Mapping
from contextlib import suppress

from ..engine.repository.read import read_tree
from ..errors import BbhvError, EXIT_FAILED, EXIT_OK, UsageError
from ..findings import Finding, errors, foremost, ordered
from ..formats import gitobject
from ..host import git
from ..model.bounds import is_complete
from ..model.fleet import not_checked
from ..model.registration import Registration
from ..records import dataclass, replace
from .main import Call
from .output import MOST, Output, total
from .pushed import HEADS, is_wanted, standard_input, updates
from .repositories import check_files, grant_of

MAX_INPUT = 4 << 20
MAX_TREES = 64
_NOTHING_TAKEN = "Nothing was taken. Tell the operator of this server."
# How git tells a hook where the objects of the push are, before they belong to the repository (githooks(5)).
QUARANTINE = ("GIT_QUARANTINE_PATH", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES")


@dataclass(frozen=True, slots=True)
class _Report:
    """What was found in a tree: as much as is ever shown, and how many errors and warnings it is."""

    shown: tuple[Finding, ...]
    bad: int
    rest: int


def hook(call: Call, output: Output) -> int:
    """0 takes the push, everything else rejects it."""
    try:
        return _pre_receive(call, output)
    except BbhvError:
        raise
    except OSError as error:
        message = f"The push was not checked: {error.filename or 'the host'}: {error.strerror or error}."
        raise BbhvError(message, hint=_NOTHING_TAKEN) from None
    except Exception as error:  # a mistake of ours must neither let a push pass nor show a pusher our insides
        message = f"The push was not checked: internal error, {type(error).__name__}{_origin(error)}."
        raise BbhvError(message, hint=_NOTHING_TAKEN) from None


def _origin(error: BaseException) -> str:
    """Where an error of ours happened, for whoever is to correct it."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return f" in {os.path.basename(at.tb_frame.f_code.co_filename)}:{at.tb_lineno}" if at else ""


def _pre_receive(call: Call, output: Output) -> int:
    grant = grant_of(call.get("--registration")) if call.has("--registration") else None
    wanted = call.all("--branch") or ((grant.branch,) if grant else ("*",))
    if not all(wanted):
        raise UsageError("--branch= has no value, so that no branch would be checked.", hint="Write --branch=main.")
    pushed = [(ref, oid) for ref, oid in updates(_lines(), "pre-receive") if is_wanted(ref, wanted)]
    notes: list[str] = []
    known: dict[str, _Report] = {}
    gitdir = os.path.abspath(os.environ.get("GIT_DIR", "."))
    with git.ObjectReader(gitdir, _quarantine(os.environ)) as reader:
        for ref, oid in pushed:
            tree = _tree(reader, ref, oid)
            if tree not in known:
                if len(known) == MAX_TREES:
                    message = f"More than {MAX_TREES} branches with different files are pushed at once."
                    raise BbhvError(message, hint="Push fewer, or let the hook check only certain ones: --branch=main.")
                known[tree] = _check(reader, tree, grant, notes, f"{ref[len(HEADS):]}:" if len(pushed) > 1 else "")
    return _say(list(known.values()), notes, output)


def _say(reports: list[_Report], notes: list[str], output: Output) -> int:
    """Tells the pusher what was found, and git whether to take the push."""
    bad, rest = sum(one.bad for one in reports), sum(one.rest for one in reports)
    with suppress(BrokenPipeError):  # a pusher who went away is judged all the same
        output.findings(ordered(finding for one in reports for finding in one.shown), count=bad + rest)
        if bad + rest:
            output.line(total(bad, rest))
        if notes:
            output.say(not_checked(notes))
        if bad:
            output.line("The push is rejected: correct the errors, commit, and push again.")
    return EXIT_FAILED if bad else EXIT_OK


def _lines() -> list[bytes]:
    """What git says, a line for each ref. Raises BbhvError when it is too much."""
    data = standard_input().read(MAX_INPUT + 1)
    if len(data) > MAX_INPUT:
        raise BbhvError("The push updates too many refs at once.", hint="Push fewer.")
    return data.removesuffix(b"\n").split(b"\n") if data else []


def _quarantine(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: environment[name] for name in QUARANTINE if name in environment}


def _tree(reader: git.ObjectReader, ref: str, oid: str) -> str:
    """The tree of the commit that a branch is to mean. Raises BbhvError when it is no commit."""
    try:
        return reader.commit(oid).tree
    except (git.DamagedError, gitobject.GitFormatError) as error:
        raise BbhvError(f"{ref} cannot be set to {oid[:12]}: {error.message}") from None


def _check(
    reader: git.ObjectReader, tree: str, grant: Registration | None, notes: list[str], prefix: str
) -> _Report:
    """What is wrong with a tree; places are named as in `git show main:containers/web.nspawn` below a prefix."""
    try:
        texts, problems = read_tree(reader, tree)
    except (git.DamagedError, gitobject.GitFormatError) as error:
        raise BbhvError(f"What was pushed cannot be read: {error.message}") from None
    found = ordered((*problems, *check_files(texts, grant, notes, complete=is_complete(problems))))
    bad = len(errors(found))
    shown = (replace(one, place=replace(one.place, file=f"{prefix}{one.place.file}")) for one in foremost(found, MOST))
    return _Report(tuple(shown), bad, len(found) - bad)
