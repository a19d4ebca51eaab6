"""The scripts of a tenant: scripts/provision, scripts/pre-start and so on."""

from dataclasses import dataclass

from ..findings import Finding
from .source import Source

SCRIPTS = ("provision", "pre-start", "post-start", "health", "pre-stop", "post-stop")


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A script as committed."""

    name: str
    file: str
    text: str


def read_script(source: Source) -> tuple[Script | None, tuple[Finding, ...]]:
    """The script of a file, None when it has errors."""
    return Script(name=source.name, file=source.file, text=source.data.decode("utf-8", "replace")), ()
