"""What a person or a program sees: tables, colour on a terminal only, JSON on request.

A tenant's text is shown with its control characters escaped: it may be read, but never drives the terminal.
"""

import os
import sys
from typing import Sequence

from ..errors import UsageError
from ..findings import Finding, printable
from ..formats.jsontext import Json

COLOURS = {"good": "32", "bad": "31;1", "warn": "33;1", "dim": "90", "bold": "1"}


class Output:
    """Standard output in the manner that was asked for."""

    def __init__(self, json: str = "off", *, legend: bool = True, quiet: bool = False) -> None:
        if json not in ("off", "pretty", "short"):
            raise UsageError(f"--json={json[:20]} is not known.", hint="There are pretty, short and off.")
        self.json = json
        self.legend = legend
        self.quiet = quiet
        self.colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"

    def paint(self, text: str, colour: str) -> str:
        """The text in a colour, when there is a terminal."""
        return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m" if self.colour and colour else text

    def line(self, text: str = "") -> None:
        """One line of text of our own."""
        sys.stdout.write(text + "\n")

    def say(self, text: str) -> None:
        """One line, unless it is to be quiet."""
        if not self.quiet and self.json == "off":
            self.line(text)

    def value(self, value: Json) -> None:
        """A value as JSON."""
        import json

        text = json.dumps(value, ensure_ascii=False, indent=2 if self.json == "pretty" else None, sort_keys=False)
        self.line(text)

    def findings(self, findings: Sequence[Finding], most: int = 200) -> None:
        """The findings, at most so many, then a count."""
        for finding in findings[:most]:
            text = str(finding)
            label = f"{finding.severity}[{finding.code}]"
            self.line(text.replace(label, self.paint(label, "bad" if finding.severity == "error" else "warn"), 1))
        if len(findings) > most:
            self.line(f"… and {len(findings) - most} more")

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[tuple[str, str]]]) -> None:
        """Rows of (text, colour) below headings."""
        cells = [[printable(text) for text, _ in row] for row in rows]
        widths = [max([len(head), *(len(row[i]) for row in cells)]) for i, head in enumerate(heads)]
        if self.legend:
            self.line(self.paint(_join(heads, widths), "bold"))
        for row, shown in zip(rows, cells):
            padded = [text.ljust(width) for text, width in zip(shown, widths)]
            padded[-1] = shown[-1]
            self.line("  ".join(self.paint(text, colour) for text, (_, colour) in zip(padded, row)))

    def flush(self) -> None:
        """Writes out what is buffered, so that a closed pipe is met here."""
        sys.stdout.flush()


def _join(heads: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(head.ljust(width) for head, width in zip(heads, widths)).rstrip()
