"""What a person or a program sees: tables, colour on a terminal only, JSON on request.

A tenant's text is shown with its control characters escaped: it may be read, but never drives the terminal.
"""

import os
import sys
from typing import TYPE_CHECKING, Sequence, TextIO

from ..errors import BbhvError, printable
from ..formats.jsonvalue import Json
from ..host import log

if TYPE_CHECKING:
    from ..findings import Finding

COLOURS = {"good": "32", "bad": "31;1", "warn": "33;1", "dim": "90", "bold": "1"}
MOST = 200


def paint(stream: TextIO, text: str, colour: str) -> str:
    """The text in a colour, when the stream is a terminal that shows colours and they are wanted."""
    wanted = stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") not in ("dumb", None)
    return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m" if wanted and colour else text


def complain(error: BbhvError) -> int:
    """Says an error and its hint, to people or to the journal, and returns its exit status."""
    if log.in_journal():
        log.write("error", str(error))
        return error.status
    hint = f"      {printable(error.hint)}\n" if error.hint else ""
    try:
        sys.stderr.write(f"bbhv: {paint(sys.stderr, printable(error.message), 'bad')}\n{hint}")
    except OSError:
        pass  # nobody can be told, but the status says it
    return error.status


def text(value: Json) -> str:
    """A value of a reply for people; nothing is a dash."""
    return "-" if value is None else printable(str(value))


def objects(value: Json) -> list[dict[str, Json]]:
    """The objects in a list of a reply."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def finding_text(finding: Json) -> str:
    """A finding of a reply, as `Finding` prints itself."""
    if not isinstance(finding, dict):
        return text(finding)
    where = ":".join(text(finding[part]) for part in ("file", "line", "column") if finding[part])
    hint = f" hint: {text(finding['hint'])}" if finding["hint"] else ""
    return f"{where}: {text(finding['severity'])}[{text(finding['code'])}]: {text(finding['message'])}{hint}"


def total(bad: int, rest: int) -> str:
    """The number of findings as a sentence."""
    if not bad + rest:
        return "No findings."
    return f"{bad} error{'' if bad == 1 else 's'}, {rest} warning{'' if rest == 1 else 's'}."


class Output:
    """Standard output in the manner that was asked for."""

    def __init__(self, json: str = "off", *, legend: bool = True, quiet: bool = False) -> None:
        self.json = json
        self.legend = legend
        self.quiet = quiet

    def paint(self, text: str, colour: str) -> str:
        """The text in a colour, when there is a terminal."""
        return paint(sys.stdout, text, colour)

    def heading(self, text: str) -> str:
        """A heading, which stands out on a terminal."""
        return self.paint(text, "bold")

    def line(self, text: str = "") -> None:
        """One line of text of our own."""
        sys.stdout.write(text + "\n")

    def say(self, text: str) -> None:
        """One line, unless it is to be quiet."""
        if not self.quiet and self.json == "off":
            self.line(text)

    def total(self, count: int, what: str, did: str) -> None:
        """The last line of a list, `2 tenants listed.`, unless no legend is wanted."""
        if self.legend:
            self.line(f"\n{count} {what}{'' if count == 1 else 's'} {did}.")

    def value(self, value: Json) -> None:
        """A value as JSON, in which a character that could drive a terminal is an escape."""
        import json

        shown = json.dumps(value, ensure_ascii=False, indent=2 if self.json == "pretty" else None)
        if not shown.replace("\n", "").isprintable():
            shown = "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in shown)
        self.line(shown)

    def findings(self, findings: "Sequence[Finding]", indent: str = "", *, count: int = 0) -> None:
        """The findings, at most so many, then how many more there are; `count` is their number when it is larger."""
        from ..findings import foremost

        for finding in foremost(findings, MOST):
            label = f"{finding.severity}[{finding.code}]"
            colour = "bad" if finding.severity == "error" else "warn"
            self.line(indent + printable(str(finding)).replace(label, self.paint(label, colour), 1))
        more = max(count, len(findings)) - min(len(findings), MOST)
        if more > 0:
            self.line(f"{indent}… and {more} more")

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[tuple[str, str]]]) -> None:
        """Rows of (text, colour) below headings."""
        cells = [[printable(text) for text, _ in row] for row in rows]
        widths = [max([len(head), *(len(row[i]) for row in cells)]) for i, head in enumerate(heads)]
        if self.legend:
            self.line(self.paint(_join(heads, widths), "bold"))
        for row, shown in zip(rows, cells):
            padded = [text.ljust(width) for text, width in zip(shown, widths)]
            padded[-1] = shown[-1]
            self.line("  ".join(self.paint(text, colour) for text, (_, colour) in zip(padded, row)).rstrip())


def _join(heads: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(head.ljust(width) for head, width in zip(heads, widths)).rstrip()
