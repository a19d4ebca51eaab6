"""How many bytes something takes on the disk, which is not how long it is: files have holes, and whole blocks."""

import errno
import os
import stat

# Of a file system: st_blocks counts these, whatever its blocks are.
_BLOCK = 512
_PASSED_OVER = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)


def taken(path: str) -> int:
    """The bytes that something takes on the disk, as deep as a path can lead; what vanishes meanwhile takes nothing."""
    total = 0
    left = [path]
    while left:
        one = left.pop()
        try:
            status = os.lstat(one)
            total += status.st_blocks * _BLOCK
            if stat.S_ISDIR(status.st_mode):
                left += [f"{one}/{name}" for name in os.listdir(one)]
        except OSError as error:
            if error.errno not in _PASSED_OVER:
                raise
    return total
