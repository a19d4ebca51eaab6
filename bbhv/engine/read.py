"""Read: the files of a verified commit, by object id, each checked and bounded; never through a work tree."""

from dataclasses import dataclass, field

from ..findings import Finding, Place, printable
from ..formats import gitobject
from ..host import git
from .verify import VerifiedCommit

MAX_FILES = 20_000
MAX_FILE = 1 << 20
MAX_TOTAL = 64 << 20
MAX_DEPTH = 12
MAX_PATH = 512
# A shorter one cannot have more entries than are parsed: each takes 29 bytes at least.
MAX_TREE = gitobject.MAX_TREE_ENTRIES * 29
MAX_FINDINGS = 200


@dataclass(slots=True)
class _Walk:
    """What a walk has collected so far."""

    files: dict[str, bytes] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    total: int = 0
    count: int = 0

    def find(self, path: str, code: str, message: str, hint: str = "") -> None:
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(Place(printable(path)), code, message, hint))
        elif len(self.findings) == MAX_FINDINGS:
            message = f"More than {MAX_FINDINGS} files are not plain files with plain names."
            hint = "Correct those that are listed first."
            self.findings.append(Finding(Place(printable(path)), "BB110", message, hint))


def read(commit: VerifiedCommit) -> tuple[dict[str, bytes], tuple[Finding, ...]]:
    """The plain files by path. What is no plain file, has an odd name or is too large is a finding.

    Raises DamagedError when an object is missing or is not what its id says.
    """
    walk = _Walk()
    with git.ObjectReader(commit.clone.gitdir) as reader:
        _tree(reader, commit.tree, "", 1, walk)
    return walk.files, tuple(walk.findings)


def _tree(reader: git.ObjectReader, oid: str, prefix: str, depth: int, walk: _Walk) -> None:
    folded: dict[str, str] = {}
    data = reader.read_bounded(oid, "tree", MAX_TREE)
    if data is None:
        walk.find(prefix or ".", "BB110", f"The folder has more than {MAX_FILES} files, or very long names.")
        return
    for entry in gitobject.parse_tree(data, len(oid) // 2):
        walk.count += 1
        if walk.count > MAX_FILES:
            if walk.count == MAX_FILES + 1:
                walk.find(prefix or ".", "BB110", f"The repository has more than {MAX_FILES} files.")
            return
        problem = gitobject.name_problem(entry.name)
        path = prefix + entry.name.decode("utf-8", "replace")
        if problem or len(path) > MAX_PATH:
            message = f"The name {problem}." if problem else f"The path is longer than {MAX_PATH} characters."
            walk.find(path, "BB107", message, "Rename it.")
            continue
        twin = folded.setdefault(path.casefold(), path)
        if twin != path:
            walk.find(path, "BB107", f"{path} and {twin} differ only in upper and lower case.", "Rename one of them.")
            continue
        _entry(reader, entry, path, depth, walk)


def _entry(reader: git.ObjectReader, entry: gitobject.TreeEntry, path: str, depth: int, walk: _Walk) -> None:
    match entry.mode:
        case gitobject.MODE_TREE:
            if depth >= MAX_DEPTH:
                walk.find(path, "BB107", f"The path is deeper than {MAX_DEPTH} folders.")
            else:
                _tree(reader, entry.oid, f"{path}/", depth + 1, walk)
        case gitobject.MODE_SYMLINK:
            walk.find(path, "BB106", "This is a symbolic link; only plain files are read.", "Commit the file itself.")
        case gitobject.MODE_SUBMODULE:
            walk.find(path, "BB106", "This is a submodule; only plain files are read.", "Commit the files themselves.")
        case _:
            _blob(reader, entry.oid, path, walk)


def _blob(reader: git.ObjectReader, oid: str, path: str, walk: _Walk) -> None:
    data = reader.read_bounded(oid, "blob", MAX_FILE)
    if data is None:
        walk.find(path, "BB105", f"The file is larger than {MAX_FILE >> 20} MiB.", "Put large data into an image.")
        return
    walk.total += len(data)
    if walk.total > MAX_TOTAL:
        if walk.total - len(data) <= MAX_TOTAL:
            walk.find(path, "BB110", f"The files of the repository are more than {MAX_TOTAL >> 20} MiB together.")
        return
    walk.files[path] = data
