"""Ingesting: git takes a pack apart in a sandbox of its own, without a network, with limits in every direction.

`git index-pack --strict` reads the pack from a pipe. It ends well only when every object is sound, and when all that
its objects link to is there: in the pack, or among the clone's objects, of which the same was said when they came. So
what the tip reaches is there when the tip itself is.
"""

import errno
import os

from ...errors import BbhvError, RefusedError
from ...formats import bundle
from ...host import git, systemd
from ...names import is_object_id
from .. import confined, sandboxes
from .reach import Repository

MEMORY = "512M"
SECONDS = 300
CPU_SECONDS = 240
MAX_OBJECTS = 1_000_000
# What is the disk's fault, and not the pack's. Neither is taken; only the word of the outcome hangs on it.
_OF_THE_HOST = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


def header(source: int) -> bundle.Header:
    """The header of a bundle; the file stands at its pack afterwards. Raises BundleFormatError."""
    data = os.pread(source, bundle.MAX_HEADER + 1, 0)
    try:
        head = bundle.parse_header(data)
    except bundle.BundleIncompleteError:
        raise bundle.BundleFormatError("The bundle ends within its header.") from None
    os.lseek(source, head.size, os.SEEK_SET)
    return head


def ingest(
    repository: Repository, have: str | None, source: int, tip: str, staging: str
) -> tuple[str, dict[str, str]]:
    """The name of the pack that a file holds from where it stands, and the paths of its checked parts in `staging`.

    Whether it holds the tip is not asked. Raises RefusedError when it is not taken; BbhvError, OSError.
    """
    objects = f"{repository.clone.gitdir}/objects" if have else ""
    workplace, checked = f"{staging}/ingest", f"{staging}/checked"
    failed = f"The ingest of {repository.subject} failed"
    count = bundle.pack_objects(os.pread(source, bundle.PACK_HEADER, os.lseek(source, 0, os.SEEK_CUR)))
    if count > MAX_OBJECTS:
        message = f"{failed}: The pack has {count} objects, more than the {MAX_OBJECTS} that are taken."
        raise RefusedError(message, hint="Start a new history.")
    confined.furnish(workplace, git.algorithm(tip), "", bool(objects))
    sandbox = systemd.Sandbox(
        memory=MEMORY, cpu=CPU_SECONDS, file_size=sandboxes.PACK_LIMIT * 2, seconds=SECONDS
    )
    work = confined.Work(step="ingest", name=repository.name, workplace=workplace, objects=objects)
    arguments = (
        "-c", "core.bigFileThreshold=16m", "index-pack", "--stdin", "--fix-thin", "--strict",
        f"--max-input-size={sandboxes.PACK_LIMIT}", "--threads=1",
    )  # fmt: skip
    said = confined.run_git(work, arguments, sandbox, {}, feed=source)
    what, _, name = said.words.rstrip("\n").rpartition("\n")[2].partition("\t")
    if not said.ended or what != "pack" or not is_object_id(name):
        why = said.why(SECONDS).removeprefix("fatal: ")
        if any(os.strerror(number) in why for number in _OF_THE_HOST):
            raise BbhvError(f"{failed}: {why}.", hint=sandboxes.AGAIN)
        raise RefusedError(f"{failed}: The pack was refused by git index-pack: {why}.", hint=sandboxes.AGAIN)
    os.mkdir(checked)
    return name, confined.take(workplace, name, checked)
