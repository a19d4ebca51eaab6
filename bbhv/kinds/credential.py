"""A credential of a tenant: infrastructure/credentials/NAME.cred, or credentials/HOST/NAME.cred for one host."""

from dataclasses import dataclass

from ..findings import Finding
from .source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """An encrypted credential as committed; `host` is empty when it is for all hosts."""

    name: str
    file: str
    host: str
    blob: bytes


def read_credential(source: Source) -> tuple[Credential | None, tuple[Finding, ...]]:
    """The credential of a file, None when it has errors."""
    return Credential(name=source.name, file=source.file, host=source.host, blob=source.data), ()
