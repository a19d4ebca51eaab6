"""Publishing: what the generator will see in /run, always one whole generation per tenant.

    /run/bitbuilder/generations/acme.7/     the units of a generation
    /run/bitbuilder/units/acme -> ../generations/acme.7

Everything here is in memory and made again at boot, so nothing is fsynced. What a link pointed to before stays until
systemd has read the new units; `tidy` removes it afterwards.
"""

import os
from typing import Mapping

from ..host import files
from . import paths


def prepare() -> None:
    """Makes the folders, with the owners and modes that the generator trusts."""
    files.make_dir(paths.RUN, 0o755)
    for folder in (paths.RUN_UNITS, paths.RUN_GENERATIONS, paths.RUN_LOCK, paths.RUN_STOPPED):
        files.make_dir(folder, 0o700)


def publish(name: str, number: int | str, units: Mapping[str, str]) -> None:
    """Shows these units to the generator, in one step."""
    folder = f"{paths.RUN_GENERATIONS}/{name}.{number}"
    if not os.path.isdir(folder):
        files.write_tree(folder, units, durable=False)
    files.link(f"../generations/{name}.{number}", f"{paths.RUN_UNITS}/{name}", durable=False)


def withdraw(name: str) -> bool:
    """Hides a tenant's units from the generator; says whether there were any."""
    if not os.path.lexists(f"{paths.RUN_UNITS}/{name}"):
        return False
    files.discard(f"{paths.RUN_UNITS}/{name}")
    return True


def published(name: str) -> str | None:
    """What the generator sees of a tenant: the number of its generation, or None."""
    target = files.read_link(f"{paths.RUN_UNITS}/{name}")
    return target.rpartition(".")[2] if target else None


def mark_stopped(name: str, stopped: bool) -> None:
    """Remembers until the next boot that somebody stopped a tenant, so that no sync starts it again."""
    path = f"{paths.RUN_STOPPED}/{name}"
    if stopped:
        files.write(path, b"", 0o600)
    else:
        files.discard(path)


def is_stopped(name: str) -> bool:
    """Whether somebody stopped the tenant since boot."""
    return os.path.exists(f"{paths.RUN_STOPPED}/{name}")


def tidy(name: str) -> None:
    """Removes what is not linked any more. Only under the tenant's lock, after a daemon-reload."""
    used = os.path.basename(files.read_link(f"{paths.RUN_UNITS}/{name}") or "")
    for entry in os.listdir(paths.RUN_GENERATIONS):
        owner, _, number = entry.rpartition(".")
        if owner == name and number.isdigit() and entry != used:
            files.remove_tree(f"{paths.RUN_GENERATIONS}/{entry}")
