"""The load paths of verifiers (UAPI.11) as they lie on this host: listed and read, no link followed.

What others than root could change is left out. There is a bound, and beyond it an error: a listing that is cut off
could miss a mask.
"""

import os
import stat
from collections.abc import Iterable

from ..errors import BbhvError
from ..findings import Finding, Place
from ..formats.voa import Node

MAX_NODES = 20_000
MAX_DEPTH = 6


def listing(roots: Iterable[str]) -> tuple[dict[str, Node], tuple[Finding, ...]]:
    """Everything at and below the load paths, by absolute path, and what was left out. Raises BbhvError."""
    nodes: dict[str, Node] = {}
    findings: list[Finding] = []
    for root in roots:
        folders = [(root, 1)] if os.path.isdir(root) and not os.path.islink(root) else []
        while folders:
            folder, depth = folders.pop()
            with os.scandir(folder) as entries:
                for entry in entries:
                    node = _node(entry, findings)
                    if node is None:
                        continue
                    nodes[entry.path] = node
                    if node.kind == "directory" and depth < MAX_DEPTH:
                        folders.append((entry.path, depth + 1))
                    if len(nodes) > MAX_NODES:
                        raise BbhvError(f"There are more than {MAX_NODES} files below {root}.", hint="Remove some.")
    return nodes, tuple(findings)


def _node(entry: "os.DirEntry[str]", findings: list[Finding]) -> Node | None:
    status = entry.stat(follow_symlinks=False)
    if stat.S_ISLNK(status.st_mode):
        return Node("link", os.readlink(entry.path))
    if status.st_uid not in (0, os.geteuid()) or status.st_mode & 0o022:
        message = "Others than root can change it, ignoring."
        findings.append(Finding(Place(entry.path), "BB505", message, "chown root, chmod go-w.", severity="warning"))
        return None
    return Node("directory" if stat.S_ISDIR(status.st_mode) else "file")
