"""The frames in which the ingest unit hands over what it made: a name, a size, then that many bytes.

A frame's header is 24 bytes: the name in ASCII padded with NUL to 16, and the size as a 64-bit big-endian number.
Names are from a fixed list, so that nothing of a peer becomes a file name.
"""

from typing import Literal, cast, get_args

Name = Literal["tip", "pack", "idx", "rev", "name", "end"]
HEADER_SIZE = 24


def header(name: Name, size: int) -> bytes:
    """The header of a frame."""
    return name.encode().ljust(16, b"\0") + size.to_bytes(8, "big")


def parse_header(data: bytes, limit: int) -> tuple[Name, int]:
    """The name and the size in a header. Raises ValueError for another name, or a size above `limit`."""
    name = data[:16].rstrip(b"\0").decode("ascii", "replace")
    size = int.from_bytes(data[16:HEADER_SIZE], "big")
    if len(data) != HEADER_SIZE or name not in get_args(Name):
        raise ValueError("a frame has an unknown name")
    if size > limit:
        raise ValueError(f"a frame of {size} bytes is larger than the {limit} that are allowed")
    return cast(Name, name), size
