"""The Discoverable Partitions Specification (UAPI.2): what the partitions of an image are for, and the verity rules.

Promises: the types of x86-64 and arm64 and those of every architecture are known, any other is left alone. `check`
never raises and reads a bounded part of the verity and signature partitions. Findings: BB111, BB112.
"""

from base64 import b64decode
from typing import Mapping

from ...records import dataclass
from .. import jsontext
from ..jsontext import Json
from . import verity
from .gpt import Partition, Table
from .reader import Reader, Report

READ_ONLY, NO_AUTO, GROW = 60, 63, 59
# The label of a partition that systemd-sysupdate(8) fills later.
EMPTY = "_empty"
MAX_SIGNATURE = 64 << 10
_BLOCK = 4096
_HEX = frozenset("0123456789abcdef")
_FLAG_NAMES = {READ_ONLY: "read-only", NO_AUTO: "no-auto", GROW: "grow-file-system"}
# The root hash of SHA-256 or SHA-512 in hexadecimal.
_HASH_LENGTHS = (64, 128)


@dataclass(frozen=True, slots=True)
class Type:
    """What a partition is for: its designator, and the architecture when only one can use it."""

    designator: str
    architecture: str = ""

    def __str__(self) -> str:
        return f"{self.designator} ({self.architecture})" if self.architecture else self.designator


_ARCHITECTURES = ("x86-64", "arm64")
_PER_ARCHITECTURE = (
    ("root", "4f68bce3-e8cd-4db1-96e7-fbcaf984b709", "b921b045-1df0-41c3-af44-4c6f280d3fae"),
    ("root-verity", "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5", "df3300ce-d69f-4c92-978c-9bfb0f38d820"),
    ("root-verity-sig", "41092b05-9fc8-4523-994f-2def0408b176", "6db69de6-29f4-4758-a7a5-962190f00ce3"),
    ("usr", "8484680c-9521-48c6-9c11-b0720656f69e", "b0e01050-ee5f-4390-949a-9101b17104e9"),
    ("usr-verity", "77ff5f63-e7b6-4633-acf4-1565b864c0e6", "6e11a4e7-fbca-4ded-b9e9-e1a512bb664e"),
    ("usr-verity-sig", "e7bb33fb-06cf-4e81-8273-e543b413e2e2", "c23ce4ff-44bd-4b00-b2d4-b41b3419e02a"),
)
_COMMON = (
    ("esp", "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"),
    ("xbootldr", "bc13c2ff-59e6-4262-a352-b275fd6f7172"),
    ("swap", "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f"),
    ("home", "933ac7e1-2eb4-4f13-b844-0e14e2aef915"),
    ("srv", "3b8f8425-20e0-4f3b-907f-1a25a76f98e8"),
    ("var", "4d21b016-b534-45c2-a9fb-5c16e091fd2d"),
    ("tmp", "7ec6f557-3bc5-4aca-b293-16ef5df639d1"),
    ("user-home", "773f91ef-66d4-49b5-bd83-d683bf40ad16"),
    ("linux-generic", "0fc63daf-8483-4772-8e79-3d69d8477de4"),
)
TYPES: Mapping[str, Type] = {
    **{
        guid: Type(name, architecture)
        for name, *guids in _PER_ARCHITECTURE for architecture, guid in zip(_ARCHITECTURES, guids)
    },
    **{guid: Type(name) for name, guid in _COMMON},
}

# Which flags mean something for which partitions (UAPI.2, Partition Attribute Flags).
_DATA = frozenset((READ_ONLY, NO_AUTO, GROW))
_HASHES = frozenset((READ_ONLY, NO_AUTO))
FLAGS: Mapping[str, frozenset[int]] = {
    **dict.fromkeys(("root", "usr", "home", "srv", "var", "tmp", "xbootldr"), _DATA),
    **{f"{name}-{part}": _HASHES for name in ("root", "usr") for part in ("verity", "verity-sig")},
    "swap": frozenset((NO_AUTO,)),
}
_MUST_BE_WRITABLE = ("var", "tmp")


def type_of(partition: Partition) -> Type | None:
    """What a partition is for, or None when the specification does not know its type."""
    return TYPES.get(partition.type)


def having(table: Table, designator: str, architecture: str | None = None) -> tuple[Partition, ...]:
    """The partitions with a designator, of one architecture or of all."""
    found = []
    for one in table.partitions:
        kind = type_of(one)
        if kind and kind.designator == designator and architecture in (None, kind.architecture):
            found.append(one)
    return tuple(found)


def offering(table: Table, designator: str, architecture: str | None = None) -> tuple[Partition, ...]:
    """Those of `having` that systemd looks at: not what is kept for a version to come, and not what says no-auto."""
    return tuple(one for one in having(table, designator, architecture) if one.name != EMPTY and not one.flag(NO_AUTO))


def check(image: Reader, table: Table, report: Report) -> None:
    """The rules of the specification: flags, and that data, verity and signature partitions belong together."""
    for one in table.partitions:
        kind = type_of(one)
        if kind:
            _check_flags(one, kind, report)
    for architecture in _ARCHITECTURES:
        for designator in ("root", "usr"):
            _Siblings(image, table, designator, architecture, report).check()


def _check_flags(one: Partition, kind: Type, report: Report) -> None:
    allowed = FLAGS.get(kind.designator, frozenset())
    # The ESP and the generic type follow no rule of this specification; their bits belong to others.
    wrong = [bit for bit in range(48, 64) if one.flag(bit) and bit not in allowed] if allowed else []
    for bit in wrong:
        name = _FLAG_NAMES.get(bit, f"bit {bit}")
        report.warn("BB112", f"{one} has the flag {name}, which means nothing for {kind}.", "Take the flag away.")
    if one.flag(READ_ONLY) and one.flag(GROW):
        report.warn("BB112", f"{one} is read-only, so the flag grow-file-system is without effect.")
    if one.flag(READ_ONLY) and kind.designator in _MUST_BE_WRITABLE:
        report.warn("BB112", f"{one} is /var or /var/tmp, but has the flag read-only.", "Take the flag away.")


@dataclass(frozen=True, slots=True)
class _Siblings:
    """A data partition (root or /usr) of one architecture, its verity partition and its signature partition."""

    image: Reader
    table: Table
    designator: str
    architecture: str
    report: Report

    def check(self) -> None:
        data, hashes, signatures = (
            offering(self.table, f"{self.designator}{part}", self.architecture)
            for part in ("", "-verity", "-verity-sig")
        )
        if hashes and not data:
            message = f"{hashes[0]} has hashes for a {self.designator} partition, which the image does not have."
            self.report.error("BB112", message)
        if signatures and not hashes:
            message = f"{signatures[0]} has a signature for a {self.designator}-verity partition that is not there."
            self.report.error("BB112", message)
        for one in hashes:
            self._check_hashes(one, data)
        for one in signatures:
            self._check_signature(one, data, hashes)

    def _check_hashes(self, one: Partition, data: tuple[Partition, ...]) -> None:
        """The root hash that a verity partition leads to names both partitions."""
        tree, problem = verity.read(self.table.reader(self.image, one))
        if tree is None:
            self.report.error("BB111", f"{one} has no usable verity data: {problem}.")
            return
        if tree.root_hash:
            self._check_uuids(tree.root_hash, data, (one,), f"the root hash of partition {one.number}")
        mine = [other for other in data if other.uuid == first_uuid(tree.root_hash)] or list(data)
        sizes = [self.table.reader(self.image, other).size for other in mine]
        if sizes and tree.data_size > max(sizes):
            message = f"{one} has hashes for {tree.data_size} bytes, but partition {mine[0].number} has {sizes[0]}."
            self.report.error("BB111", message, "Make the verity partition anew.")

    def _check_uuids(
        self, root_hash: str, data: tuple[Partition, ...], hashes: tuple[Partition, ...], source: str
    ) -> None:
        """UAPI.2, Verity: the first and the last 128 bits of the root hash are the UUIDs."""
        rules = (
            (self.designator, "first", first_uuid(root_hash), data),
            (f"{self.designator}-verity", "last", last_uuid(root_hash), hashes),
        )
        for name, end, wanted, partitions in rules:
            if partitions and wanted not in (one.uuid for one in partitions):
                numbers = " and ".join(str(one.number) for one in partitions)
                message = (
                    f"Partition {numbers} ({name}, entry at byte {partitions[0].at}) should have the UUID {wanted}: "
                    f"the {end} 128 bits of {source}."
                )
                self.report.error("BB112", message, "systemd finds the partitions that belong together by them.")

    def _check_signature(
        self, one: Partition, data: tuple[Partition, ...], hashes: tuple[Partition, ...]
    ) -> None:
        root_hash = read_signature(self.table.reader(self.image, one), str(one), self.report)
        if root_hash:
            self._check_uuids(root_hash, data, hashes, f"the root hash that partition {one.number} signs")


def first_uuid(root_hash: str) -> str:
    """The UUID of the data partition that has this root hash (hexadecimal)."""
    return _dashed(root_hash[:32])


def last_uuid(root_hash: str) -> str:
    """The UUID of the verity partition that leads to this root hash (hexadecimal)."""
    return _dashed(root_hash[-32:])


def _dashed(text: str) -> str:
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def read_signature(part: Reader, where: str, report: Report) -> str:
    """The root hash in a signature partition, or an empty text. What is wrong with its JSON is reported.

    The content is one JSON object, filled up with NUL to a multiple of 4096 bytes (UAPI.2, Verity).
    """
    if part.size > MAX_SIGNATURE or part.size % _BLOCK:
        message = f"{where} has {part.size} bytes; a signature has a multiple of {_BLOCK}, at most {MAX_SIGNATURE}."
        report.error("BB112", message)
        return ""
    text, _, padding = part.at(0, part.size).partition(b"\0")
    if padding.strip(b"\0"):
        report.error("BB112", f"{where} has more than NUL bytes behind its JSON text.")
    located, findings = jsontext.parse(part.file, text)
    report.take(findings, f"The signature at byte {part.start}")
    value = located.value if located else None
    if located and not isinstance(value, dict):
        report.error("BB112", f"{where} has JSON that is no object.")
    return _members(value, where, report) if isinstance(value, dict) else ""


def _members(value: Mapping[str, Json], where: str, report: Report) -> str:
    root_hash, signature = value.get("rootHash"), value.get("signature")
    fingerprint = value.get("certificateFingerprint", "0" * 64)
    good = _is_hex(root_hash, _HASH_LENGTHS)
    if not good:
        report.error("BB112", f"{where} needs rootHash, the root hash in lower-case hexadecimal.")
    if not (isinstance(signature, str) and _is_der(signature)):
        report.error("BB112", f"{where} needs signature, a PKCS#7 signature as Base64 of its DER form.")
    if not _is_hex(fingerprint, (64,)):
        message = f"{where} has a certificateFingerprint that is no SHA-256 in lower-case hexadecimal."
        report.error("BB112", message)
    return str(root_hash) if good else ""


def _is_hex(value: Json, lengths: tuple[int, ...]) -> bool:
    return isinstance(value, str) and len(value) in lengths and _HEX.issuperset(value)


def _is_der(text: str) -> bool:
    """Whether the text is Base64 of one ASN.1 sequence, as a PKCS#7 message is."""
    try:
        return b64decode(text, validate=True)[:1] == b"\x30"
    except ValueError:
        return False
