"""The table of advice: every code of findings with what it means, in the order of the codes.

bbhv-findings(7), `bbhv explain` and the rules of SARIF are made of it; a test runs the examples.
"""

from collections.abc import Mapping

from ..findings import CODES
from .across import ACROSS, GRANTED, SYSTEM
from .changes import CHANGES
from .entry import Advice
from .form import FORM
from .settings import SETTINGS

ADVICE: Mapping[str, Advice] = {**FORM, **SETTINGS, **ACROSS, **GRANTED, **SYSTEM, **CHANGES}
GROUPS: Mapping[str, str] = {
    "1": "THE FORM OF FILES", "2": "SETTINGS", "3": "ACROSS FILES", "4": "GRANTS", "5": "THE SYSTEM REPOSITORY",
    "6": "WHAT A CHANGE TAKES AWAY",
}  # fmt: skip


def title(code: str) -> str:
    """A code and what it is, `BB202: unknown key`."""
    return f"{code}: {CODES[code]}"


def example(advice: Advice, text: str | None) -> str:
    """An example as it is shown: its file above its lines, or that there is no such file."""
    if not advice.file:
        return text or ""
    return f"# {advice.file}" + (f"\n{text.rstrip()}" if text is not None else " is not there")
