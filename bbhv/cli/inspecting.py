"""Which paths are images, boot files or extension trees rather than repositories; what is in them is artefacts.py's.

The readers of images are only loaded when there is one: most of what is validated is a repository.
"""

import os
from typing import Callable, NamedTuple

from ..findings import Finding

IMAGE_SUFFIXES = (".raw", ".img", ".squashfs", ".erofs", ".ext4")
RELEASE_FOLDERS = ("usr/lib/extension-release.d", "etc/extension-release.d")
ENTRIES = "loader/entries"


class Row(NamedTuple):
    """What a path is when it looks like this; the function that checks it is called the same in artefacts.py."""

    function: str
    recognise: Callable[[str], bool]


def _is_tree(path: str) -> bool:
    repository = any(os.path.lexists(f"{path}/{name}") for name in ("metadata.json", "system.json"))
    return not repository and any(os.path.isdir(f"{path}/{folder}") for folder in RELEASE_FOLDERS)


def _is_entry(path: str) -> bool:
    return path.lower().endswith(".conf") and os.path.dirname(os.path.abspath(path)).endswith(f"/{ENTRIES}")


FOLDERS = (
    Row("check_tree", _is_tree),
    Row("check_boot_folder", lambda path: os.path.isdir(f"{path}/{ENTRIES}")),
)
FILES = (
    Row("check_image", lambda path: path.lower().endswith(IMAGE_SUFFIXES)),
    Row("check_program", lambda path: path.lower().endswith(".efi")),
    Row("check_entry", _is_entry),
    Row("check_release", lambda path: os.path.basename(path).startswith(("extension-release.", "os-release"))),
)


def inspect(path: str) -> tuple[Finding, ...] | None:
    """The findings of an image, a boot file or an extension tree; None when the path is nothing of that kind.

    Raises NotFoundError or BbhvError when the path is no plain file that can be read.
    """
    rows = FOLDERS if os.path.isdir(path) and not os.path.islink(path.rstrip("/")) else FILES
    row = next((row for row in rows if row.recognise(path)), None)
    if row is None:
        return None
    from . import artefacts

    return artefacts.CHECKS[row.function](path)
