"""The head of a dm-verity hash tree: enough to compute the root hash that it leads to (veritysetup, format 1).

Promises: reads the superblock and one block, whatever the tree's size; never raises. Whether the data match their
hashes is for the kernel to say, which reads all of them.
"""

from hashlib import new

from ...records import dataclass
from .reader import Reader, integer

_SUPERBLOCK = 512
_MAGIC = b"verity\0\0"
# Length of a digest, by the names that the kernel takes and that are in use for images.
_DIGESTS = {"sha256": 32, "sha512": 64}
_BLOCKS = tuple(1 << bits for bits in range(9, 20))
_MAX_SALT = 256


@dataclass(frozen=True, slots=True)
class Tree:
    """How many bytes are covered, and their root hash in hexadecimal: empty when the tree has no levels."""

    data_size: int
    root_hash: str


def read(part: Reader) -> tuple[Tree | None, str]:
    """The tree in a verity partition; or None, and why not."""
    head = part.at(0, _SUPERBLOCK)
    algorithm = head[32:64].rstrip(b"\0").decode("ascii", "replace")
    data_block, hash_block, count = integer(head, 64, 4), integer(head, 68, 4), integer(head, 72, 8)
    salt_size = integer(head, 80, 2)
    problems = (
        (len(head) < _SUPERBLOCK, f"it has only {len(head)} bytes"),
        (head[:8] != _MAGIC, f"there is no verity superblock at byte {part.start}"),
        (integer(head, 8, 4) != 1 or integer(head, 12, 4) != 1, "its format is not 1"),
        (algorithm not in _DIGESTS, f"its hash algorithm {algorithm!a} is not known"),
        (data_block not in _BLOCKS or hash_block not in _BLOCKS, "its block size is not possible"),
        (salt_size > _MAX_SALT, "its salt is too long"),
    )
    problem = next((text for wrong, text in problems if wrong), "")
    if problem:
        return None, problem
    # The levels follow the superblock, the smallest first: its one block is what the root hash is made of.
    block = part.at(max(_SUPERBLOCK, hash_block), hash_block)
    if count > 1 and len(block) < hash_block:
        return None, f"its hash tree is cut off at byte {part.start + part.size}"
    digest = new(algorithm, head[88 : 88 + salt_size] + block).hexdigest()
    return Tree(count * data_block, digest if count > 1 else ""), ""
