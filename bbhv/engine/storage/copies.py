"""Copies: the roots and disks that are kept for workloads, one for each image that a generation begins with.

A generation with another image begins another copy; the one before stays as long as a generation is kept that has it,
so that going back finds it. Of what is no longer declared nothing is removed: that needs an operator's word.
"""

import os
import re

from ...host import files, log, removal
from ...model.retention import copies
from .state import Store

# Where the copies of a workload are, below the tenant's folder, and what they are called.
_PLACES = {"container": ("roots/{}", ""), "machine": ("machines/{}/kept", ".raw")}
_COPY = re.compile(r"[0-9a-f]{32}")


def prune(store: Store, keep: int) -> None:
    """Removes all but the newest `keep` generations, and the copies that none of these has.

    Raises OSError or BbhvError when one cannot be removed.
    """
    store.prune(keep)
    manifests = [store.manifest(number) for number in store.numbers()]
    good = store.manifest(store.number("good"))
    whole = [one for one in manifests if one is not None]
    if good is None or len(whole) != len(manifests):
        return
    for one in good.workloads:
        place, ending = _PLACES[one.kind]
        wanted = {f"{name}{ending}" for name in copies(whole, one.kind, one.name)}
        folder = os.path.realpath(f"{store.folder}/{place.format(one.name)}")
        for name in _names(folder):
            left = name.startswith(files.PREFIX)
            if left or (name not in wanted and name.endswith(ending) and _COPY.fullmatch(name.removesuffix(ending))):
                _remove(f"{folder}/{name}", left)


def _remove(path: str, left: bool) -> None:
    """Takes the name away before what had it; `left` is what an interruption left without a name."""
    gone = path if left else files.temporary(path)
    if not left:
        os.rename(path, gone)
        files.fsync_dir(files.parent(path))
        log.write("info", f"Removed {path}: no generation that is kept begins with its image.")
    removal.remove(gone)


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
