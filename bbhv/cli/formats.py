"""How the findings of `bbhv validate` are printed: text for people, JSON for programs, SARIF and GitHub for pipelines.

Each format is a function from findings to text. What a tenant wrote is escaped as the format wants it, so that it can
say things, but never be taken for a finding or a command of its own.
"""

from collections.abc import Callable, Mapping

from ..errors import UsageError
from ..findings import CODES, MAX_SHOWN, Finding, errors, foremost, printable
from ..formats.jsontext import Json
from ..records import dataclass
from ..version import VERSION
from .output import Output, total

SARIF_VERSION = "2.1.0"
SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
# A program can take more than a person, but not everything: a hostile repository must not fill a disk with its report.
MAX_RECORDS = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All findings of a run in their order, and what was not checked, in sentences."""

    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()

    @property
    def count(self) -> str:
        """How many errors and warnings there are, in a sentence."""
        bad = len(errors(self.findings))
        return total(bad, len(self.findings) - bad)


def chosen(form: str, json: str) -> str:
    """The format that `--format=` and `--json=` mean together: how JSON is laid out says nothing of other formats.

    Raises UsageError when one of them wants JSON and the other one does not.
    """
    if json == "off" or form in ("json", "sarif"):
        return form or "text"
    if form:
        raise UsageError(f"--format={form} is not JSON, as --json={json} wants it.", hint="Leave one of them out.")
    return "json"


def show(report: Report, form: str, output: Output) -> None:
    """Prints a report in one of `FORMATS`."""
    FORMATS[form](report, output)


def _text(report: Report, output: Output) -> None:
    output.findings(report.findings)
    for note in report.notes:
        output.say(note)
    output.say(report.count)


def _json(report: Report, output: Output) -> None:
    output.json = "short" if output.json == "off" else output.json
    output.value(as_json(report))


def as_json(report: Report) -> dict[str, Json]:
    """The reply of `validate --json`: `total` counts all findings, also those beyond MAX_RECORDS."""
    return {
        "findings": [dict[str, Json](one.as_json()) for one in foremost(report.findings, MAX_RECORDS)],
        "total": len(report.findings),
        "notes": list(report.notes),
    }


def _sarif(report: Report, output: Output) -> None:
    output.json = "short" if output.json == "off" else output.json
    output.value(sarif(report))


def sarif(report: Report) -> dict[str, Json]:
    """The report as a SARIF 2.1.0 log of one run; sections 3.13, 3.14 and 3.27 of the standard."""
    kept = foremost(report.findings, MAX_RECORDS)
    codes = sorted({one.code for one in kept})
    return {
        "$schema": SARIF_SCHEMA,
        "version": SARIF_VERSION,
        "runs": [{
            "tool": {"driver": {
                "name": "bbhv", "version": VERSION, "rules": [_rule(code) for code in codes],
            }},
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": True,
                "toolExecutionNotifications": [
                    {"level": "note", "message": {"text": _message(note)}} for note in report.notes
                ],
            }],
            "properties": {"total": len(report.findings)},
            "results": [_result(one, codes.index(one.code)) for one in kept],
        }],
    }  # fmt: skip


def _rule(code: str) -> dict[str, Json]:
    """A code as a reportingDescriptor (section 3.49)."""
    from ..advice.table import ADVICE, example
    from ..formats.pages.plaintext import unmarked

    advice = ADVICE[code]
    text, fix, title = unmarked(advice.text), unmarked(advice.fix), CODES[code]
    wrong, right = example(advice, advice.wrong).rstrip(), example(advice, advice.right).rstrip()
    return {
        "id": code,
        "shortDescription": {"text": f"{title[0].upper()}{title[1:]}."},
        "fullDescription": {"text": text},
        "help": {
            "text": f"{text}\n\nWrong:\n\n{wrong}\n\nRight:\n\n{right}\n\n{fix}\n",
            "markdown": f"{text}\n\nWrong:\n\n```\n{wrong}\n```\n\nRight:\n\n```\n{right}\n```\n\n{fix}\n",
        },
    }


def _result(finding: Finding, rule: int) -> dict[str, Json]:
    said = f"{finding.message} {finding.hint}".rstrip()
    physical: dict[str, Json] = {"artifactLocation": {"uri": uri(finding.place.file)}}
    if finding.place.line:
        column: dict[str, Json] = {"startColumn": finding.place.column} if finding.place.column else {}
        physical["region"] = {"startLine": finding.place.line, **column}
    return {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": finding.severity,
        "message": {"text": _message(said)},
        "locations": [{"physicalLocation": physical}],
    }


def _message(text: str) -> str:
    """A message that has no placeholder and no link in it, whatever its text is (sections 3.11.5 and 3.11.6)."""
    return printable(text).replace("{", "{{").replace("}", "}}").replace("](", "] (")


def uri(path: str) -> str:
    """A path as a reference that RFC 3986 allows: relative when the path is; a `:` in its beginning names no scheme."""
    from urllib.parse import quote

    if path.startswith("/"):
        return "file://" + quote(path, errors="surrogateescape")
    return quote(path.removeprefix("./"), errors="surrogateescape")


def _github(report: Report, output: Output) -> None:
    for finding in foremost(report.findings, MAX_SHOWN):
        output.line(github(finding))
    if len(report.findings) > MAX_SHOWN:
        output.line(f"::notice::{len(report.findings) - MAX_SHOWN} more findings are not shown.")
    for note in report.notes:
        output.say(f"::notice::{_data(note)}")
    output.say(report.count)


def github(finding: Finding) -> str:
    """A finding as a workflow command, which GitHub shows beside the line of the file."""
    place = finding.place
    given = {"file": place.file, "line": str(place.line or ""), "col": str(place.column or ""), "title": finding.code}
    told = ",".join(f"{name}={_property(value)}" for name, value in given.items() if value)
    return f"::{finding.severity} {told}::{_data(f'{finding.message} {finding.hint}'.rstrip())}"


def _data(text: str) -> str:
    """A message: GitHub ends it at the line's end and reads %25, %0D and %0A as what they stand for."""
    return printable(text).replace("%", "%25")


def _property(text: str) -> str:
    """The value of a property, which a colon or a comma would end."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")


FORMATS: Mapping[str, Callable[[Report, Output], None]] = {
    "text": _text, "json": _json, "sarif": _sarif, "github": _github,
}  # fmt: skip
