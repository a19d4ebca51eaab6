"""Raw images before something starts from them: what nothing could start from is refused, and other disks pass."""

import uuid
from dataclasses import replace

import pytest

from bbhv.findings import Finding, errors
from bbhv.formats.images import dps
from bbhv.formats.images.reader import over
from bbhv.model import rawimages
from bbhv.model.manifest import Health, ImageRef, Workload

from .images import Part, changed, disk, guid_of, seal, verity_set

ROOT, GENERIC, ESP = guid_of("root"), guid_of("linux-generic"), guid_of("esp")
BIOS_BOOT, RISCV_ROOT = "21686148-6449-6e6f-744e-656564454649", "72ec70a6-cf74-40e6-bd49-4bda08e8f224"
FAT = (bytes(54) + b"FAT16   ").ljust(512, b"\0")
EXT4 = (bytes(1080) + b"\x53\xef").ljust(4096, b"\0")
SQUASHFS = b"hsqs".ljust(4096, b"\0")
EROFS = (bytes(1024) + b"\xe2\xe1\xf5\xe0").ljust(4096, b"\0")
CUT = b"hsqs" + bytes(36) + b"\xff" * 8 + bytes(464)


def told(data: bytes, kind: str = "machine", **settings: str) -> tuple[Finding, ...]:
    image = ImageRef(name="i", format="raw", source="https://h/i", sha256="a" * 64, identity="i", path="/p")
    one = Workload(name="w", kind=kind, unit="u", after=(), settings=settings, health=Health(), image=image)
    return rawimages.check(over("f", data), one)


def wrong(parts: list[Part], **settings: str) -> list[str]:
    """The errors of a machine's disk with these partitions."""
    return [one.message for one in errors(told(bytes(disk(parts, count=16)), **settings))]


CLOUD = [Part(BIOS_BOOT, b"boot"), Part(ESP, FAT), Part(GENERIC, EXT4)]
OTHERS: dict[str, list[Part]] = {
    "a cloud image": CLOUD,
    "one with a root for BIOS and UEFI": [*CLOUD[:2], Part(ROOT, EXT4, flags=1 << 59)],
    "a root with what nobody here knows": [Part(ROOT, b"no file system of ours" * 99)],
    "another system": [Part("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7", b"NTFS"), Part(ESP, FAT)],
    "two versions": [Part(ROOT, EXT4, name="os_1"), Part(ROOT, EXT4, name="os_2")],
    "two ESPs": [Part(ESP, FAT), Part(ESP, FAT), Part(ROOT, EXT4)],
    "verity": verity_set("usr"),
    "signed verity": verity_set("root"),
    "a version to come": [
        *verity_set("usr"), *(replace(one, content=bytes(8192), uuid="", name="_empty") for one in verity_set("usr")),
    ],
    "what systemd is not to look at": [Part(ROOT, EXT4), *changed(
        verity_set("usr"), 1, replace(verity_set("usr")[1], content=bytes(8192), flags=1 << dps.NO_AUTO)
    )[1:2]],
}  # fmt: skip


@pytest.mark.parametrize("what", OTHERS)
def test_a_disk_that_other_tools_make_passes(what: str) -> None:
    assert wrong(OTHERS[what]) == []


SPOILT: dict[str, tuple[list[Part], str]] = {
    "partitions that overlap": ([Part(ROOT, EXT4), Part(ESP, FAT, first=8, last=8)], "inside of partition 1"),
    "one beyond the disk": ([Part(ROOT, EXT4, last=1 << 40)], "usable are sectors"),
    "one that ends before it starts": ([Part(ROOT, EXT4, first=9, last=8)], "before it starts"),
    "a root that is cut off": ([Part(ROOT, CUT)], "it is cut off"),
    "hashes without data": (verity_set()[1:], "which the image does not have"),
    "a signature without hashes": (verity_set()[::2], "for a root-verity partition that is not there"),
    "data of another image": (
        changed(verity_set(), 0, replace(verity_set()[0], uuid=str(uuid.UUID(int=7)))), "should have the UUID"
    ),
    "hashes that are none": (
        changed(verity_set("usr"), 1, replace(verity_set("usr")[1], content=bytes(8192))), "no usable verity data"
    ),
    "hashes for more than there is": (
        changed(verity_set(), 0, replace(verity_set()[0], content=SQUASHFS)), "has hashes for 8192 bytes"
    ),
    "a signature that is none": (
        changed(verity_set(), 2, replace(verity_set()[2], content=bytes(4096))), "The signature at byte"
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", SPOILT)
def test_a_disk_that_systemd_would_refuse_is_refused(what: str) -> None:
    parts, words = SPOILT[what]
    found = wrong(parts)
    assert any(words in one for one in found), found


@pytest.mark.parametrize(("at", "words"), [
    (520, "does not match its checksum"), (1030, "do not match the checksum"), (510, "no protective MBR"),
    (512, "There is no primary GPT header"),
])  # fmt: skip
def test_a_table_whose_bytes_were_changed_is_refused(at: int, words: str) -> None:
    data = disk([Part(ROOT, EXT4)])
    data[at] ^= 0xFF
    found = [one.message for one in errors(told(bytes(data)))]
    assert any(words in one for one in found), found
    assert "There is no GPT" in errors(told(b"no partitions here" * 4096))[0].message


def test_odd_is_not_wrong() -> None:
    found = told(bytes(disk([Part(ROOT, EXT4)])) + bytes(1 << 16))  # larger than when its table was written
    assert [one.severity for one in found] == ["warning"] * len(found) and len(found) >= 1
    (flag,) = told(bytes(disk([Part(ROOT, EXT4, flags=1 << 48)])))
    assert flag.severity == "warning" and "which means nothing" in flag.message


def test_a_kernel_that_is_given_needs_a_root_that_vmspawn_finds() -> None:
    given = {"image:linux": "sha256:1"}
    (message,) = wrong(CLOUD, **given)
    assert message.startswith("None of its partitions is a root or /usr partition")
    words = {"VM.KernelCommandLine": "quiet\nroot=/dev/vda3"}
    assert wrong(CLOUD, **given, **words) == wrong([Part(ROOT, EXT4)], **given) == []
    assert wrong([Part(RISCV_ROOT, EXT4)], **given) == [], "a type that is not known here may be the root"
    assert len(wrong([Part(ROOT, EXT4, flags=1 << dps.NO_AUTO)], **given)) == 1


BOTH = disk([Part(ROOT, EXT4)])
BOTH[0:4] = b"hsqs"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (SQUASHFS, ""), (EROFS, ""), (EXT4, "There is ext4 in it"), (CUT, "it is cut off"), (b"x", "no file system"),
        (bytes(disk(verity_set())), "There is a partition table in it"),
        (bytes(seal(BOTH)), "There is a partition table in it"),
    ],
)  # fmt: skip
def test_the_root_of_a_container_is_one_file_system_and_never_a_partition(data: bytes, words: str) -> None:
    found = [one.message for one in errors(told(data, "container"))]
    assert len(found) == bool(words) and all(words in one for one in found), found
