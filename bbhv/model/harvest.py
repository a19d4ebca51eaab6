"""What is taken from the tree of a repository: plain files with plain names, bounded in every direction.

One set of rules for both walks: over the objects of a commit on a host, and over a folder on a laptop. What one finds
the other finds too. Findings: BB105, BB106, BB107, BB110.
"""

from ..findings import Finding, Place, printable
from ..formats import gitobject

MAX_FILES = 20_000
MAX_FILE = 1 << 20
# The bytes of all files, and of their paths: what is collected is held in memory.
MAX_TOTAL = 16 << 20
MAX_DEPTH = 12
MAX_PATH = 512
MAX_FINDINGS = 200
# A tree object of MAX_FILES names of 32 bytes; each entry has a mode and an id besides. It is parsed as a whole.
MAX_TREE = MAX_FILES * (32 + 28)


class Harvest:
    """What a walk has collected so far: the files by path, and the findings about what was left out."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.findings: list[Finding] = []
        self._total = 0
        self._count = 0
        self._folder = ""
        self._twins: dict[str, str] = {}

    def result(self) -> tuple[dict[str, bytes], tuple[Finding, ...]]:
        """The files by path, and the findings."""
        return self.files, tuple(self.findings)

    def find(self, path: str, code: str, message: str, hint: str = "") -> None:
        """Notes why something was left out; beyond MAX_FINDINGS only that there is more."""
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(Place(printable(path)), code, message, hint))
        elif len(self.findings) == MAX_FINDINGS:
            message = f"More than {MAX_FINDINGS} files are not plain files with plain names."
            hint = "Correct those that are listed first."
            self.findings.append(Finding(Place(printable(path)), "BB110", message, hint))

    def goes_on(self, prefix: str) -> bool:
        """Whether one more entry may be looked at; the first that may not is a finding."""
        self._count += 1
        if self._count == MAX_FILES + 1:
            self.find(prefix or ".", "BB110", f"The repository has more than {MAX_FILES} files.")
        return self._count <= MAX_FILES and self._total <= MAX_TOTAL

    def takes(self, prefix: str, name: bytes) -> str | None:
        """The path of an entry whose name is allowed, and that no other differs from only in case; else None.

        The entries of a folder come one after the other: names are compared within a folder only, because what lies
        in folders that differ in case is not looked at.
        """
        problem = gitobject.name_problem(name)
        path = prefix + name.decode("utf-8", "replace")
        if problem or len(path) > MAX_PATH:
            message = f"The name {problem}." if problem else f"The path is longer than {MAX_PATH} characters."
            self.find(path, "BB107", message, "Rename it.")
            return None
        if prefix != self._folder:
            self._folder, self._twins = prefix, {}
        twin = self._twins.setdefault(path.casefold(), path)
        if twin != path:
            self.find(path, "BB107", f"{path} and {twin} differ only in upper and lower case.", "Rename one of them.")
            return None
        return path if self._fits(path, 2 * _room(path)) else None

    def descends(self, path: str, depth: int) -> bool:
        """Whether the folders below a folder at this depth are looked at."""
        if depth >= MAX_DEPTH:
            self.find(path, "BB107", f"The path is deeper than {MAX_DEPTH} folders.")
        return depth < MAX_DEPTH

    def leave(self, path: str, what: str) -> None:
        """Leaves out what is no plain file."""
        self.find(path, "BB106", f"This is {what}; only plain files are read.", "Commit the file itself.")

    def add(self, path: str, data: bytes | None) -> None:
        """Takes a file; None is one that is larger than MAX_FILE."""
        if data is None:
            message = f"The file is larger than {MAX_FILE >> 20} MiB."
            self.find(path, "BB105", message, "Put large data into an image.")
            return
        if self._fits(path, len(data)):
            self.files[path] = data

    def _fits(self, path: str, size: int) -> bool:
        """Counts what is held in memory; the first thing that is too much is a finding."""
        before, self._total = self._total, self._total + size
        if before <= MAX_TOTAL < self._total:
            message = f"The files of the repository and their names are more than {MAX_TOTAL >> 20} MiB together."
            self.find(path, "BB110", message, "Put large data into an image.")
        return self._total <= MAX_TOTAL


def _room(path: str) -> int:
    """The bytes that a path takes in memory, at most."""
    return len(path) if path.isascii() else 4 * len(path)
