"""Which file system a partition or a naked image holds, how large it is, and what its tools tell of its content.

Promises: `identify` and `needed` read a few bytes at fixed places; the readers of listings take what they can. Nothing
here raises for what the bytes say.
"""

from typing import NamedTuple

from .reader import Reader, integer


class Magic(NamedTuple):
    """A file system (or what wraps one): the bytes at an offset that show it."""

    name: str
    offset: int
    data: bytes


# Where several match, the first counts: what is in front of a file system may be the boot code of something else.
MAGICS = (
    Magic("LUKS", 0, b"LUKS\xba\xbe"),
    Magic("squashfs", 0, b"hsqs"),
    Magic("erofs", 1024, b"\xe2\xe1\xf5\xe0"),
    Magic("ext4", 1080, b"\x53\xef"),
    Magic("xfs", 0, b"XFSB"),
    Magic("f2fs", 1024, b"\x10\x20\xf5\xf2"),
    Magic("btrfs", 65600, b"_BHRfS_M"),
    Magic("swap", 4086, b"SWAPSPACE2"),
    Magic("vfat", 82, b"FAT32   "),
    Magic("vfat", 54, b"FAT1"),
)
_MAX_BLOCK_BITS = 16


def identify(part: Reader) -> str:
    """The name of the file system, or an empty text."""
    return next((one.name for one in MAGICS if part.at(one.offset, len(one.data)) == one.data), "")


def needed(part: Reader, name: str) -> int:
    """How many bytes the file system says that it has; 0 when it is of a kind that is not asked."""
    block = part.at(1024, 512)
    if name == "squashfs":
        return integer(part.at(0, 96), 40, 8)
    if name == "erofs":
        return integer(block, 36, 4) << min(block[12], _MAX_BLOCK_BITS)
    if name == "ext4" and len(block) == 512:
        high = integer(block, 336, 4) if integer(block, 96, 4) & 0x80 else 0
        return (high << 32 | integer(block, 4, 4)) << 10 + min(integer(block, 24, 4), _MAX_BLOCK_BITS)
    return 0


def squashfs_names(text: str, folder: str) -> tuple[str, ...]:
    """The names in a folder, from the output of ``unsquashfs -ls``, which shows everything below ``squashfs-root``."""
    prefix = f"squashfs-root/{folder}/" if folder else "squashfs-root/"
    below = (line.removeprefix(prefix) for line in text.split("\n") if line.startswith(prefix))
    return tuple(dict.fromkeys(name for name in below if name and "/" not in name))


def erofs_names(text: str, folder: str) -> tuple[str, ...]:
    """The names in a folder, from the table that ``dump.erofs --ls`` prints: NID TYPE FILENAME."""
    _, _, table = text.partition("FILENAME")
    rows = (line.split(None, 2) for line in table.split("\n"))
    return tuple(row[2] for row in rows if len(row) == 3 and row[2] not in (".", ".."))


def ext4_names(text: str, folder: str) -> tuple[str, ...]:
    """The names in a folder, from debugfs: ``ls -p`` prints ``/INODE/MODE/UID/GID/NAME/SIZE/``."""
    rows = (line.split("/") for line in text.split("\n"))
    return tuple(row[5] for row in rows if len(row) == 8 and row[1] != "0" and row[5] not in (".", ".."))
