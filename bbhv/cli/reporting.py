"""How verbs that change something ended: a line for each tenant, what was done to it, and the exit status.

Made of replies, whoever has answered.
"""

from collections.abc import Sequence

from ..errors import EXIT_BUSY, EXIT_FAILED, EXIT_FINDINGS, EXIT_NOT_FOUND, EXIT_OK, EXIT_REFUSED
from ..findings import printable
from ..formats.jsontext import Json
from .output import Output, finding_text, objects, text

_STATUS = {
    "applied": EXIT_OK, "unchanged": EXIT_OK, "held": EXIT_OK, "suspended": EXIT_OK,
    "rolled-back": EXIT_FAILED, "quarantined": EXIT_FAILED, "failed": EXIT_FAILED, "refused": EXIT_REFUSED,
}  # fmt: skip
_COLOUR = {"applied": "good", "unchanged": "dim", "held": "warn", "suspended": "warn"}


def status(reply: dict[str, Json]) -> int:
    """The exit status."""
    return worst([one for _, _, one in _each(reply)])


def worst(statuses: Sequence[int]) -> int:
    """The exit status for several tenants: 1 before 4 before 3, then the rest."""
    for one in (EXIT_FAILED, EXIT_REFUSED, EXIT_FINDINGS, EXIT_NOT_FOUND, EXIT_BUSY):
        if one in statuses:
            return one
    return EXIT_OK


def show(reply: dict[str, Json], output: Output) -> None:
    """Says how it ended, for people; what went well is left out when it is to be quiet."""
    for one, done, ended in _each(reply):
        if one["outcome"] is not None and not (output.quiet and ended == EXIT_OK):
            _show(one, done, output)


def _each(reply: dict[str, Json]) -> list[tuple[dict[str, Json], dict[str, Json], int]]:
    """The tenants, with what was done to each, and the exit status that it means."""
    pairs = zip(objects(reply["tenants"]), objects(reply["done"]))
    return [(one, done, _status(one, done)) for one, done in pairs]


def _status(one: dict[str, Json], done: dict[str, Json]) -> int:
    if done["busy"]:
        return EXIT_BUSY
    if one["outcome"] == "refused" and one["findings"]:
        return EXIT_FINDINGS
    return _STATUS.get(str(one["outcome"]), EXIT_FAILED)


def _show(one: dict[str, Json], done: dict[str, Json], output: Output) -> None:
    word = str(one["outcome"])
    message, _, hint = printable(str(one["message"] or "")).partition(" hint: ")
    painted = output.paint(printable(word), _COLOUR.get(word, "bad"))
    output.line(f"{text(one['id'])}: {painted}{': ' + message if message else ''}")
    for step in objects(done["steps"]):
        reasons = step["reasons"] if isinstance(step["reasons"], list) else []
        output.say(f"  {text(step['action']):<8} {text(step['name'])}  {printable('; '.join(map(str, reasons)))}")
    for finding in objects(one["findings"]):
        output.line(f"  {finding_text(finding)}")
    if hint and output.legend:
        output.say(f"  {hint}")
