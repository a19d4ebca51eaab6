"""A root with nothing in it, for sandboxes that see only what they are lent: systemd mounts all of that into it.

It is in memory, made once after boot, and nobody but root writes to it. The folders are there so that systemd has
nothing to make, the links because every program expects them.
"""

import os

from ..host import files
from . import paths

LENT = (paths.WORKPLACE, paths.OBJECTS)
FOLDERS = (
    "usr", "etc", "dev", "proc", "sys", "tmp", "run/systemd/resolve", "srv", "root",
    "var/lib/ca-certificates", *(path.lstrip("/") for path in LENT), "var/tmp",
)  # fmt: skip


def prepare() -> str:
    """Makes it, unless it is there: what is made last says that it is whole. Returns its path."""
    if not os.path.isdir(f"{paths.RUN_ROOT}/{FOLDERS[-1]}"):
        files.make_dir(paths.RUN_ROOT)
        for name, target in _links():
            files.link(target, f"{paths.RUN_ROOT}/{name}", durable=False)
        for folder in FOLDERS:
            files.make_dir(f"{paths.RUN_ROOT}/{folder}")
    return paths.RUN_ROOT


def _links() -> list[tuple[str, str]]:
    """The links of the host's own root that lead into /usr, such as bin and lib64."""
    found = [(name, (files.read_link(f"/{name}") or "").lstrip("/")) for name in sorted(os.listdir("/"))]
    return [(name, target) for name, target in found if target.startswith("usr/")]
