"""The header of a git bundle, versions 2 and 3 (gitformat-bundle(5)).

Promises: raises BundleIncompleteError while more bytes could make a header, BundleFormatError as soon as none can;
never reads more than MAX_HEADER bytes. What follows the header is a pack, and is none of our business.
"""

from ..errors import BbhvError
from ..names import is_object_id
from ..records import dataclass
from .gitobject import Algorithm, is_ref_name

MAX_HEADER = 64 << 10
MAX_PREREQUISITES = 1000
MAX_REFERENCES = 100
PACK_HEADER = 12
MAKE = "Make it with: git bundle create FILE BRANCH"

_SIGNATURES = {b"# v2 git bundle\n": 2, b"# v3 git bundle\n": 3}
_FORMATS: dict[str, Algorithm] = {"object-format=sha1": "sha1", "object-format=sha256": "sha256"}
_ID_LENGTH = {"sha1": 40, "sha256": 64}


class BundleFormatError(BbhvError):
    """The input is no git bundle, or one that we do not take."""


class BundleIncompleteError(BbhvError):
    """The input may be the start of a git bundle, but the header does not end in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a bundle needs and offers. `references` are (object id, ref name); the pack starts at offset `size`."""

    version: int
    capabilities: tuple[str, ...]
    prerequisites: tuple[str, ...]
    references: tuple[tuple[str, str], ...]
    size: int

    @property
    def algorithm(self) -> Algorithm:
        """The hash that names the bundle's objects."""
        return _FORMATS[self.capabilities[0]] if self.capabilities else "sha1"


def parse_header(data: bytes) -> Header:
    """Read the header at the start of `data`. Raises BundleIncompleteError or BundleFormatError."""
    signature = data[:16]
    if signature not in _SIGNATURES:
        if any(known.startswith(data) for known in _SIGNATURES):
            raise BundleIncompleteError("The input ends before the bundle's header does.")
        raise BundleFormatError("The input is not a git bundle of version 2 or 3.")
    end = data.find(b"\n\n", 15, MAX_HEADER)
    if end < 0 and len(data) >= MAX_HEADER:
        raise BundleFormatError(f"The bundle's header is larger than {MAX_HEADER} bytes.")
    # Whole lines are judged even when the header does not end yet: wrong input is not waited for.
    stop = end if end >= 0 else data.rfind(b"\n")
    lines = data[16:stop].split(b"\n") if stop > 15 else []
    header = _read(_SIGNATURES[signature], lines, end + 2)
    if end < 0:
        raise BundleIncompleteError("The input ends before the bundle's header does.")
    if not header.references:
        raise BundleFormatError("The bundle offers no ref.")
    return header


def _read(version: int, lines: list[bytes], size: int) -> Header:
    """The header from its lines: capabilities, then prerequisites, then references."""
    capabilities = [line for line in lines if line.startswith(b"@")]
    needed = [line for line in lines if line.startswith(b"-")]
    offered = lines[len(capabilities) + len(needed) :]
    if lines != capabilities + needed + offered:
        raise BundleFormatError("The bundle's header lines are not in their order.")
    if len(needed) > MAX_PREREQUISITES or len(offered) > MAX_REFERENCES:
        raise BundleFormatError(f"The bundle has over {MAX_PREREQUISITES} prerequisites or {MAX_REFERENCES} refs.")
    header = Header(
        version=version,
        capabilities=_capabilities(version, capabilities),
        prerequisites=(),
        references=(),
        size=size,
    )
    length = _ID_LENGTH[header.algorithm]
    references = tuple(_reference(line, length) for line in offered)
    if len({name for _, name in references}) != len(references):
        raise BundleFormatError("The bundle offers the same ref twice.")
    return Header(
        version=version,
        capabilities=header.capabilities,
        prerequisites=tuple(_prerequisite(line, length) for line in needed),
        references=references,
        size=size,
    )


def _capabilities(version: int, lines: list[bytes]) -> tuple[str, ...]:
    """At most one, the object format. A filtered bundle lacks objects, so it is refused."""
    texts = tuple(line[1:].decode("ascii", "replace") for line in lines)
    for text in texts:
        if text.partition("=")[0] == "filter":
            hint = "Make it without --filter."
            raise BundleFormatError("The bundle is filtered: it does not hold all objects.", hint=hint)
        if text not in _FORMATS:
            raise BundleFormatError(f"The bundle needs the unknown capability {ascii(text[:64])}.")
    if len(texts) > 1 or (texts and version < 3):
        raise BundleFormatError("The bundle's capabilities contradict each other or its version.")
    return texts


def _prerequisite(line: bytes, length: int) -> str:
    """``-OID`` with an optional comment, which may be any bytes and means nothing."""
    oid, rest = line[1 : 1 + length].decode("ascii", "replace"), line[1 + length :]
    if not is_object_id(oid) or len(oid) != length or rest[:1] not in (b"", b" "):
        raise BundleFormatError("The bundle's header has a broken prerequisite.")
    return oid


def _reference(line: bytes, length: int) -> tuple[str, str]:
    oid, _, name = line.decode("utf-8", "replace").partition(" ")
    if not is_object_id(oid) or len(oid) != length or not (name == "HEAD" or is_ref_name(name)):
        raise BundleFormatError("The bundle's header has a broken reference.")
    return oid, name


def chosen(header: Header, branch: str) -> str:
    """The object id that a bundle offers for a branch, `refs/heads/NAME`: the ref of that name, or the only one.

    Raises BundleFormatError when it has several, and none of that name.
    """
    found = dict((name, oid) for oid, name in header.references)
    if branch in found:
        return found[branch]
    if len(header.references) == 1:
        return header.references[0][0]
    names = ", ".join(name for _, name in header.references[:5])
    short = branch.removeprefix("refs/heads/")
    message = f"The bundle offers {len(header.references)} refs ({names}), but not {branch}."
    raise BundleFormatError(message, hint=f"Make it with: git bundle create FILE {short}")


def pack_objects(data: bytes) -> int:
    """How many objects a pack says that it has, by its first PACK_HEADER bytes; 0 when that is no pack."""
    return int.from_bytes(data[8:12], "big") if data[:4] == b"PACK" and len(data) >= PACK_HEADER else 0
