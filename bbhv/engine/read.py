"""Read: the files of a verified commit, by object id, each checked and bounded; never through a work tree."""

from ..findings import Finding
from ..formats import gitobject
from ..harvest import MAX_FILE, MAX_FILES, MAX_TREE, Harvest
from ..host import git
from .verify import VerifiedCommit


def read(commit: VerifiedCommit) -> tuple[dict[str, bytes], tuple[Finding, ...]]:
    """The plain files by path. What is no plain file, has an odd name or is too large is a finding.

    Raises DamagedError when an object is missing or is not what its id says.
    """
    harvest = Harvest()
    with git.ObjectReader(commit.clone.gitdir) as reader:
        _tree(reader, commit.tree, "", 1, harvest)
    return harvest.files, tuple(harvest.findings)


def _tree(reader: git.ObjectReader, oid: str, prefix: str, depth: int, harvest: Harvest) -> None:
    data = reader.read_bounded(oid, "tree", MAX_TREE)
    if data is None:
        harvest.find(prefix or ".", "BB110", f"The folder has more than {MAX_FILES} files, or very long names.")
        return
    for entry in gitobject.parse_tree(data, len(oid) // 2):
        if not harvest.goes_on(prefix):
            return
        path = harvest.takes(prefix, entry.name)
        if path is not None:
            _entry(reader, entry, path, depth, harvest)


def _entry(reader: git.ObjectReader, entry: gitobject.TreeEntry, path: str, depth: int, harvest: Harvest) -> None:
    match entry.mode:
        case gitobject.MODE_TREE:
            if harvest.descends(path, depth):
                _tree(reader, entry.oid, f"{path}/", depth + 1, harvest)
        case gitobject.MODE_SYMLINK:
            harvest.leave(path, "a symbolic link")
        case gitobject.MODE_SUBMODULE:
            harvest.leave(path, "a submodule")
        case _:
            harvest.add(path, reader.read_bounded(entry.oid, "blob", MAX_FILE))
