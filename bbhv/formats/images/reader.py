"""A file of any size that is read only where somebody looks: the input of the readers of images and boot artefacts.

Promises: one read gives at most MAX_READ bytes, never any from outside of the file or of the part of it that a reader
was narrowed to. Who makes a reader brings the function that really reads; what that function raises passes through.
A report holds at most MAX_FINDINGS findings.
"""

from typing import Callable, Iterable

from ...findings import Finding, Place
from ...records import dataclass, field, replace

# Nothing that is parsed is larger; what is larger (a kernel, a file system) is never read whole.
MAX_READ = 1 << 20
MAX_FINDINGS = 200


@dataclass(frozen=True, slots=True)
class Reader:
    """`size` bytes of a file, from `start` on. `file` is its name for findings; `fetch` reads (offset, length)."""

    file: str
    size: int
    fetch: Callable[[int, int], bytes]
    start: int = 0

    def at(self, offset: int, length: int) -> bytes:
        """The bytes from `offset` on: `length` of them, or fewer where the file ends."""
        if offset < 0 or length <= 0 or offset >= self.size:
            return b""
        return self.fetch(self.start + offset, min(length, MAX_READ, self.size - offset))

    def part(self, offset: int, length: int) -> "Reader":
        """A reader of that part alone; what would lie outside of the file is cut off."""
        first = min(max(offset, 0), self.size)
        return Reader(self.file, max(0, min(length, self.size - first)), self.fetch, self.start + first)


def over(file: str, data: bytes) -> Reader:
    """A reader of bytes that are in memory."""
    return Reader(file, len(data), lambda offset, length: data[offset : offset + length])


def integer(data: bytes, offset: int, length: int) -> int:
    """A little-endian number without sign, as all of these formats have them; 0 where the data end before it."""
    return int.from_bytes(data[offset : offset + length], "little")


@dataclass(frozen=True, slots=True)
class Report:
    """What was found so far in one file. The lists inside of binary files have no lines: messages name the byte."""

    file: str
    findings: list[Finding] = field(default_factory=list)

    def error(self, code: str, message: str, hint: str = "") -> None:
        """Notes what forbids to use the file."""
        self.take([Finding(Place(self.file), code, message, hint)])

    def warn(self, code: str, message: str, hint: str = "") -> None:
        """Notes what works, but not as its maker may think."""
        self.take([Finding(Place(self.file), code, message, hint, "warning")])

    def take(self, findings: Iterable[Finding], where: str = "") -> None:
        """Notes the findings of another reader; `where` names the part of this file that it read."""
        for one in findings:
            if len(self.findings) < MAX_FINDINGS:
                told = replace(one, place=Place(self.file), message=f"{where}: {one.message}") if where else one
                self.findings.append(told)

    @property
    def all(self) -> tuple[Finding, ...]:
        """The findings in the order in which they were made."""
        return tuple(self.findings)
