"""An image of a tenant: infrastructure/NAME.image, which says where it comes from and what its digest is."""

from dataclasses import dataclass
from typing import Literal

from ..findings import Finding, errors
from ..names import is_sha256
from . import values as v
from .settings import Cost, Setting, Table, Verdict
from .source import Declared, Source, unit_values
from .urls import file_path, normalise


def image_source(value: str) -> str:
    """The URL of an image, in normal form."""
    url = normalise(value, ("https", "http", "file"))
    if not url.startswith("file:"):
        raise v.NotYet(f"The source {v.quoted(value)} is not supported yet.", "Write a URL that starts with file://.")
    if v.path(file_path(url)).endswith("/"):
        raise v.Unreadable(f"The source {v.quoted(value)} is not a file.")
    return url


def digest(value: str) -> str:
    """A SHA-256 digest in hexadecimal, in lower case."""
    folded = value.lower()
    if not is_sha256(folded):
        hint = "Write the 64 digits that sha256sum(1) prints."
        raise v.Unreadable(f"{v.quoted(value)} is not a SHA-256 digest.", hint)
    return folded


_SECTION, _YES = "Image", Verdict.ALLOWED
SOURCE = Setting(
    _SECTION, "Source", _YES, image_source, Cost.NONE, "Where the image comes from: file:// and a path.", required=True
)
SHA256 = Setting(_SECTION, "SHA256", _YES, digest, Cost.RECREATE, "The digest that sha256sum(1) prints.", required=True)
FORMAT = Setting(
    _SECTION, "Format", _YES, v.one_of("tar", "raw"), Cost.RECREATE,
    "tar for an archive of a root file system, raw for a squashfs or erofs image.", required=True,
)

TABLE = Table(SOURCE, SHA256, FORMAT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image(Declared):
    """An image as declared."""

    @property
    def source(self) -> str:
        """Where it comes from, a URL in normal form."""
        return self.values.need(SOURCE)

    @property
    def sha256(self) -> str:
        """The digest of what is fetched."""
        return self.values.need(SHA256)

    @property
    def format(self) -> Literal["tar", "raw"]:
        """How to make a root of it."""
        return "raw" if self.values.need(FORMAT) == "raw" else "tar"


def read_image(source: Source) -> tuple[Image | None, tuple[Finding, ...]]:
    """The image of a file, None when it has errors."""
    values, findings = unit_values(source, TABLE)
    return None if errors(findings) else Image(name=source.name, file=source.file, values=values), findings
