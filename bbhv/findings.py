"""Findings: the problems of an input, each with its place, its stable code and what to do.

A finding prints as ``file:line:col: error[BB123]: sentence. hint: sentence``. Readers and checkers return all of
them at once; nothing here raises or prints. The codes are the table `CODES`: a code is never given a second meaning.
"""

from typing import Iterable, Literal, Mapping, Self, Sequence

from .errors import printable as printable
from .records import dataclass

Severity = Literal["error", "warning"]

MAX_SHOWN = 200
MAX_CHOICES = 200

CODES: dict[str, str] = {
    # 1xx: the form of a file
    "BB101": "file is not valid UTF-8 text",
    "BB102": "unit file syntax",
    "BB103": "JSON syntax",
    "BB104": "value does not match the schema",
    "BB105": "file is larger than allowed",
    "BB106": "object in the repository is not a plain file",
    "BB107": "name is not allowed",
    "BB108": "file has no place in the format",
    "BB109": "required file is missing",
    "BB110": "repository is larger than allowed",
    "BB111": "image is damaged",
    "BB112": "image does not follow its specification",
    "BB113": "extension release is missing or does not match",
    "BB114": "boot loader entry cannot be read",
    "BB115": "part of the input could not be checked",
    # 2xx: settings
    "BB201": "unknown section",
    "BB202": "unknown key",
    "BB203": "key is set by the host",
    "BB204": "key is not allowed for tenants",
    "BB205": "value cannot be read",
    "BB206": "key is given more than once",
    "BB207": "key is not supported yet",
    "BB208": "required key is missing",
    "BB209": "keys contradict each other",
    "BB210": "key needs a newer systemd",
    "BB211": "declaration is checked, but not run by this version",
    "BB212": "encrypted credential is of no use on this host",
    "BB213": "credentials of one workload are larger than allowed",
    # 3xx: across files
    "BB301": "reference to something that is not declared",
    "BB302": "ordering cycle",
    "BB303": "metadata.json names another tenant",
    "BB304": "two declarations collide",
    "BB305": "two tenants collide",
    # 4xx: grants
    "BB401": "more than the grant allows",
    "BB402": "image is not granted",
    "BB403": "image source is not granted",
    "BB404": "setting needs a grant",
    "BB405": "address, port, VLAN or uplink is not granted",
    "BB406": "service profile is not granted",
    # 5xx: the system repository
    "BB501": "tenant is registered twice",
    "BB502": "registration cannot be read",
    "BB503": "nobody can sign",
    "BB504": "repository URL is not allowed",
    "BB505": "trust tree is not valid",
    "BB506": "registered repository is not there",
    # 6xx: what a change takes away
    "BB601": "commit removes every workload",
    "BB602": "change loses data",
    "BB603": "commit unregisters every tenant of the host",
    "BB604": "what holds data cannot become smaller",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the input: a path relative to the repository's root; line and column count from 1, 0 means unknown."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        text = self.file
        if self.line:
            text += f":{self.line}"
            if self.column:
                text += f":{self.column}"
        return text


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem. `code` is a key of `CODES`; `message` and `hint` are sentences, the hint may be empty."""

    place: Place
    code: str
    message: str
    hint: str = ""
    severity: Severity = "error"

    def __str__(self) -> str:
        text = f"{printable(str(self.place))}: {self.severity}[{self.code}]: {printable(self.message)}"
        return f"{text} hint: {printable(self.hint)}" if self.hint else text

    def as_json(self) -> dict[str, str | int]:
        """The finding as its `--json` and varlink form."""
        return {
            "file": self.place.file,
            "line": self.place.line,
            "column": self.place.column,
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "hint": self.hint,
        }

    @classmethod
    def from_json(cls, told: Mapping[str, object]) -> Self:
        """The finding that has this form."""
        line, column = (int(str(told[part])) for part in ("line", "column"))
        severity: Severity = "warning" if told["severity"] == "warning" else "error"
        place = Place(str(told["file"]), line, column)
        return cls(place, str(told["code"]), str(told["message"]), str(told["hint"]), severity)


def errors(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Only the findings that forbid to go on."""
    return tuple(f for f in findings if f.severity == "error")


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings by file, line, column and code, each once."""
    return tuple(sorted(set(findings), key=_rank))


def _rank(finding: Finding) -> tuple[str, int, int, str, str, str]:
    place = finding.place
    return place.file, place.line, place.column, finding.code, finding.message, finding.hint


def foremost(findings: Sequence[Finding], most: int) -> tuple[Finding, ...]:
    """At most so many of the findings, in their order: no error is left out for a warning."""
    chosen = sorted(range(len(findings)), key=lambda index: findings[index].severity != "error")[:most]
    return tuple(findings[index] for index in sorted(chosen))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint naming the known word that the misspelt one is nearest to, or an empty string."""
    near = nearest(word, known)
    return f"Did you mean {near}?" if near else ""


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that the misspelt one is nearest to, or an empty string when none is near."""
    import difflib

    choices = sorted(known)
    if len(choices) > MAX_CHOICES:  # comparing takes microseconds for each, and there may be thousands of questions
        first, size = word[:1].lower(), len(word)
        choices = [one for one in choices if one[:1].lower() == first and abs(len(one) - size) <= 3][:MAX_CHOICES]
    folded = {choice.lower(): choice for choice in reversed(choices)}
    near = difflib.get_close_matches(word.lower()[:64], list(folded), n=1, cutoff=0.7)
    near = near or [choice for choice in folded if _slipped(word.lower(), choice)]
    return folded[near[0]] if len(near) == 1 else ""


def _slipped(word: str, choice: str) -> bool:
    """Whether a word of three letters is another with two of them swapped, or with a wrong one after the first. In so
    short a word that is a third of it, and db1 is no slip for db2."""
    if len(word) != 3 or len(choice) != 3 or not (word + choice).isalpha():
        return False
    swapped = (word[1] + word[0] + word[2], word[0] + word[2] + word[1])
    return choice in swapped or (word[0] == choice[0] and sum(a != b for a, b in zip(word, choice)) == 1)
