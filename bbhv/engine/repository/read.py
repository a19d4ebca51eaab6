"""Read: the files of a commit, by object id, each checked and bounded; never through a work tree."""

from ...findings import Finding
from ...formats import gitobject
from ...host import git
from ...model.harvest import Harvest, MAX_FILE, MAX_FILES, MAX_TREE
from .verify import VerifiedCommit

_Folders = list[tuple[str, str, int]]


def read(commit: VerifiedCommit) -> tuple[dict[str, bytes], tuple[Finding, ...]]:
    """The plain files by path. What is no plain file, has an odd name or is too large is a finding.

    Raises DamagedError when an object is missing or is not what its id says, GitFormatError for a malformed tree.
    """
    with commit.clone.reading() as reader:
        return read_tree(reader, commit.tree)


def read_tree(reader: git.ObjectReader, tree: str) -> tuple[dict[str, bytes], tuple[Finding, ...]]:
    """The plain files below a tree, for whoever may look at a commit that nobody verified. Raises as `read`."""
    harvest = Harvest()
    folders: _Folders = [(tree, "", 1)]
    large: set[str] = set()  # read once: a blob that git unpacks to gigabytes may have thousands of names
    while folders:
        oid, prefix, depth = folders.pop()
        data = reader.read_bounded(oid, "tree", MAX_TREE)
        if data is None:
            harvest.find(prefix or ".", "BB110", f"The folder has more than {MAX_FILES} files, or very long names.")
            continue
        found: _Folders = []
        for entry in gitobject.parse_tree(data, len(oid) // 2):
            if not harvest.goes_on(prefix):
                return harvest.result()
            path = harvest.takes(prefix, entry.name)
            if path is None:
                continue
            if entry.mode != gitobject.MODE_TREE:
                _file(reader, entry, path, harvest, large)
            elif harvest.descends(path, depth):
                found.append((entry.oid, f"{path}/", depth + 1))
        folders += reversed(found)
    return harvest.result()


def _file(
    reader: git.ObjectReader, entry: gitobject.TreeEntry, path: str, harvest: Harvest, large: set[str]
) -> None:
    match entry.mode:
        case gitobject.MODE_SYMLINK:
            harvest.leave(path, "a symbolic link")
        case gitobject.MODE_SUBMODULE:
            harvest.leave(path, "a submodule")
        case _:
            data = None if entry.oid in large else reader.read_bounded(entry.oid, "blob", MAX_FILE)
            if data is None:
                large.add(entry.oid)
            harvest.add(path, data)
