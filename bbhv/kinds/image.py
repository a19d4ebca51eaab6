"""An image of a tenant: infrastructure/NAME.image, which says where it comes from and what its digest is.

The digest is what counts: whatever the source hands out, nothing else is taken for the image. With Signature= it must
be signed as well, by one who may sign images here. Sources are https, http and file URLs.
"""

from collections.abc import Iterator
from typing import Literal

from ..findings import Finding
from ..names import is_sha256
from ..records import dataclass
from . import elsewhere
from . import values as v
from .settings import Cost, Setting, Table, Verdict
from .source import Declared, Source, read_declared
from .urls import file_path, normalise


def image_source(value: str) -> str:
    """The URL of an image, or of its signature, in normal form."""
    url = normalise(value, ("https", "http", "file"))
    if url.endswith("/") or (url.startswith("file:") and v.path(file_path(url)).endswith("/")):
        raise v.Unreadable(f"The URL {v.quoted(value)} is not that of a file.")
    return url


def digest(value: str) -> str:
    """A SHA-256 digest in hexadecimal, in lower case."""
    folded = value.lower()
    if not is_sha256(folded):
        digits = folded.removeprefix("sha256:").partition(" ")[0]
        hint = "Write the 64 digits " + (f"alone: {digits}." if is_sha256(digits) else "that sha256sum(1) prints.")
        raise v.Unreadable(f"{v.quoted(value)} is not a SHA-256 digest.", hint)
    return folded


_SECTION, _YES = "Image", Verdict.ALLOWED
SOURCE = Setting(
    _SECTION, "Source", _YES, image_source, Cost.NONE, "Where the image comes from: a URL.", required=True
)
SHA256 = Setting(_SECTION, "SHA256", _YES, digest, Cost.RECREATE, "The digest that sha256sum(1) prints.", required=True)
FORMAT = Setting(
    _SECTION, "Format", _YES, v.one_of("tar", "raw"), Cost.RECREATE,
    "tar for an archive of a root file system, raw for a squashfs, erofs or disk image. Either may be compressed.",
    required=True,
)

SIZE = Setting(
    _SECTION, "Size", _YES, v.bounded_size(1, 16 << 30), Cost.NONE,
    "How many bytes the file has at most. Without it, what is left of the storage that is granted.", show=v.show_size,
)  # fmt: skip

SIGNATURE = Setting(
    _SECTION, "Signature", _YES, image_source, Cost.NONE,
    "Where a signature over the file is: the URL of what ssh-keygen(1) or gpg(1) made. Without it, SHA256= decides.",
)  # fmt: skip

TABLE = Table(SOURCE, SHA256, FORMAT, SIZE, SIGNATURE, meant=elsewhere.IMAGE)


PACKERS = (".gz", ".xz", ".bz2", ".zst")
# What the names of files end in that are surely of the other format.
_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tar.zst")
_PACKED = tuple(f"{one}{two}" for one in (".raw", ".img", ".squashfs", ".erofs") for two in PACKERS)
_FILE_SYSTEMS = (".raw", ".img", ".squashfs", ".erofs", ".iso", ".qcow2", *_PACKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched(Declared):
    """What comes from a source and is known by its digest."""

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

    @property
    def size(self) -> int:
        """How many bytes it has at most; 0 when the file does not say."""
        return self.values.get(SIZE) or 0

    @property
    def is_packed(self) -> bool:
        """Whether the name says that it is a raw image which is compressed, and is to be used without that."""
        return self.format == "raw" and self.source.lower().endswith(_PACKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image(Fetched):
    """An image as declared."""

    @property
    def signature(self) -> str:
        """Where its signature is, a URL in normal form; empty when the file does not say."""
        return self.values.get(SIGNATURE) or ""


def read_image(source: Source) -> tuple[Image | None, tuple[Finding, ...]]:
    """The image of a file, None when it has errors."""
    return read_declared(source, TABLE, Image, always=doubts, sound=_contradictions)


def _contradictions(one: Image) -> Iterator[Finding]:
    """A signature that is the image itself."""
    if one.signature == one.source:
        hint = "Name the file that was made from it, such as the one beside it that ends in .sig or .asc."
        yield Finding(one.values.places(SIGNATURE)[0], "BB209", "Signature= names the same file as Source=.", hint)


def doubts(one: Fetched) -> Iterator[Finding]:
    """A source whose name says that it is of another format than the file does."""
    values = one.values
    url, form = values.get(SOURCE) or "", values.get(FORMAT)
    other = {"raw": _ARCHIVES, "tar": _FILE_SYSTEMS}.get(form or "", ())
    suffix = next((suffix for suffix in other if url.lower().endswith(suffix)), "")
    if suffix:
        message = f"Format={form} does not go with a Source= that ends in {suffix}, unless its name is wrong."
        hint = f"Write Format={'tar' if form == 'raw' else 'raw'}, or leave it when you know better."
        yield Finding(values.places(FORMAT)[0], "BB209", message, hint, severity="warning")
