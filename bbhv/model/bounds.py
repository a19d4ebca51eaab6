"""How much a tenant may declare. The bounds keep whoever reads a repository below 64 MB of memory and a second of time,
whatever is in it: what is read of a unit file takes ten times its bytes, and 250 bytes for each of its lines."""

from collections.abc import Iterator, Sequence

from ..findings import Finding, Place
from ..kinds.table import classify

MAX_DECLARATIONS = 4096
MAX_SIZE = 1 << 20
MAX_LINES = 40_000
MAX_FINDINGS = 2_000


class Bounds:
    """Counts what is declared."""

    def __init__(self) -> None:
        self._count = 0
        self._size = 0
        self._lines = 0

    def excess(self, path: str, data: bytes) -> Iterator[Finding]:
        """Counts one more declaration, whose settings are `data`; a finding when it is too much."""
        self._count += 1
        self._size += len(data)
        self._lines += data.count(b"\n") + data.count(b"\r")
        rows = (
            (self._count, MAX_DECLARATIONS, f"There are more than {MAX_DECLARATIONS} declarations"),
            (self._size, MAX_SIZE, f"The declarations are larger than {MAX_SIZE >> 20} MiB together"),
            (self._lines, MAX_LINES, f"The declarations have more than {MAX_LINES} lines together"),
        )
        for value, most, what in rows:
            if value > most:
                yield Finding(Place(path), "BB110", f"{what}; the rest was not read.", "Split the tenant.")
                return


def is_complete(findings: Sequence[Finding]) -> bool:
    """Whether every declaration was read, by the findings of reading: what was not reached may well be there, and what
    is too large or no plain file is there."""
    left_out = (one for one in findings if one.code in ("BB105", "BB106"))
    return all(one.code != "BB110" for one in findings) and not any(classify(one.place.file)[0] for one in left_out)


def too_many(path: str) -> Finding:
    """The finding after which no more are looked for."""
    message = f"The repository has more than {MAX_FINDINGS} problems; the rest was not checked."
    return Finding(Place(path), "BB110", message, "Correct those that are listed first.")
