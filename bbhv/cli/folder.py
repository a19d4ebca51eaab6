"""The files below a folder, as a commit of it would have them: plain ones, bounded, never through a link.

The limits and the findings are those of reading a commit, so that what validates here is not refused on a host.
"""

import os
from dataclasses import dataclass, field

from ..engine import read
from ..errors import BbhvError
from ..findings import Finding, Place, printable
from ..formats import gitobject
from ..host import files


@dataclass(slots=True)
class _Walk:
    """What a walk has collected so far."""

    files: dict[str, bytes] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    total: int = 0
    count: int = 0

    def find(self, path: str, code: str, message: str, hint: str = "") -> None:
        self.findings.append(Finding(Place(printable(path)), code, message, hint))


def read_folder(top: str) -> tuple[dict[str, bytes], tuple[Finding, ...]]:
    """The plain files by their path in the folder, and what a host would not accept."""
    walk = _Walk()
    _folder(top, "", 1, walk)
    return walk.files, tuple(walk.findings)


def _folder(top: str, prefix: str, depth: int, walk: _Walk) -> None:
    folded: dict[str, str] = {}
    with os.scandir(f"{top}/{prefix}") as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        if entry.name == ".git" and not prefix:
            continue
        walk.count += 1
        if walk.count > read.MAX_FILES or walk.total > read.MAX_TOTAL:
            return _too_much(walk)
        path = prefix + entry.name
        problem = gitobject.name_problem(os.fsencode(entry.name))
        twin = folded.setdefault(path.casefold(), path)
        if problem or len(path) > read.MAX_PATH:
            walk.find(path, "BB107", f"The name {problem}." if problem else "The path is too long.", "Rename it.")
        elif twin != path:
            walk.find(path, "BB107", f"{path} and {twin} differ only in upper and lower case.", "Rename one of them.")
        elif entry.is_symlink():
            walk.find(path, "BB106", "This is a symbolic link; only plain files are read.", "Commit the file itself.")
        elif not entry.is_dir():
            _file(entry.path, path, walk)
        elif depth >= read.MAX_DEPTH:
            walk.find(path, "BB107", f"The path is deeper than {read.MAX_DEPTH} folders.")
        else:
            _folder(top, f"{path}/", depth + 1, walk)


def _too_much(walk: _Walk) -> None:
    message = f"There are more than {read.MAX_FILES} files, or {read.MAX_TOTAL >> 20} MiB of them."
    if not any(finding.code == "BB110" for finding in walk.findings):
        walk.find(".", "BB110", message, "Is this the folder of a repository?")


def _file(path: str, name: str, walk: _Walk) -> None:
    try:
        data = files.read(path, read.MAX_FILE)
    except BbhvError as error:
        walk.find(name, "BB106", f"This is no plain file of at most {read.MAX_FILE >> 20} MiB: {error.message}")
        return
    walk.files[name] = data or b""
    walk.total += len(walk.files[name])
