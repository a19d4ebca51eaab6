"""Housekeeping: the packs of a clone become one when there are many, without a network and without a moment's doubt.

A sandboxed unit writes the new pack from the clone's objects, which it reads. The old packs go only after the new one
is durable and everything that is used was found in it alone; a crash in between leaves packs too many, never one too
few.
"""

import os

from ...errors import BbhvError
from ...host import files, git, log, systemd
from ...names import is_object_id
from .. import paths, sandboxes
from ..tenant.job import sentence
from .reach import Repository

MOST_PACKS = 30
SECONDS = 300


def consolidate(repository: Repository, most: int = MOST_PACKS) -> bool:
    """Makes one pack of them when there are more than `most`; says whether it did. A failure is a warning.

    Only under the lock of whose repository it is.
    """
    if len(repository.clone.packs()) <= most:
        return False
    try:
        _consolidate(repository)
    except (BbhvError, OSError) as error:
        why = sentence(error, repository.clone.path)
        log.write("warning", f"{repository.name}: the packs of {repository.clone.path} stay as they are: {why}")
        return False
    return True


def _consolidate(repository: Repository) -> None:
    clone = repository.clone
    before, tips = clone.packs(), _tips(repository)
    objects = f"{clone.gitdir}/objects"
    sandbox = systemd.Sandbox(
        properties=sandboxes.lend(objects), memory="512M", cpu=SECONDS, file_size=sandboxes.PACK_LIMIT * 2,
        seconds=SECONDS,
    )  # fmt: skip
    staging = files.temporary(f"{files.parent(clone.path)}/incoming")
    files.make_dir(f"{staging}/objects/pack", 0o700)
    try:
        work = ("repack", objects, *tips)
        with sandboxes.unit("repack", repository.name, clone.path, work, sandbox, None) as packing:
            texts, parts = sandboxes.read_frames(packing.process, staging)
            packing.finish()
        name = texts["name"]
        for part, path in parts.items():
            parts[part] = f"{staging}/objects/pack/pack-{name}.{part}"
            os.rename(path, parts[part])
        if not tips or not is_object_id(name) or not all(clone.is_whole(tip, f"{staging}/objects") for tip in tips):
            raise BbhvError("the new pack does not hold all that is used")
        clone.store_pack(name, parts, git.MAX_CLONE * 2)
        clone.drop_packs(before - {f"pack-{name}"})
    except (ValueError, KeyError) as error:
        raise BbhvError(f"the unit handed over nonsense: {error}") from None
    finally:
        files.remove_tree(staging)


def _tips(repository: Repository) -> list[str]:
    """The commits that are used: what came in, what was accepted, what was good, what is checked out.

    One that is not whole cannot be kept. Raises BbhvError when nobody can say whether one is.
    """
    clone, branch = repository.clone, repository.branch
    pulled = (f"refs/heads/{branch}", f"refs/remotes/origin/{branch}")
    found = [clone.head(), *map(clone.ref, (paths.REF_INCOMING, paths.REF_TRIED, paths.REF_GOOD, *pulled))]
    whole = {oid: clone.is_whole(oid) for oid in dict.fromkeys(filter(None, found))}
    unknown = [oid for oid, one in whole.items() if one is None]
    if unknown:
        raise BbhvError(f"nobody can say whether all of commit {unknown[0][:12]} is there")
    return [oid for oid, one in whole.items() if one]
