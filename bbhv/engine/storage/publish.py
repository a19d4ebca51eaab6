"""Publishing: what the generator will see in /run, always one whole generation per tenant.

    /run/bitbuilder/generations/acme.7/     the units of a generation
    /run/bitbuilder/units/acme -> ../generations/acme.7

Everything here is in memory and made again at boot, so nothing is fsynced. What a link pointed to before stays until
systemd has read the new units; `tidy` removes it afterwards.
"""

import os
from typing import Callable, Mapping

from ...errors import BbhvError
from ...host import files, log
from ...names import tenant_slice
from .. import paths

_PRIVATE = (
    paths.RUN_UNITS, paths.RUN_GENERATIONS, paths.RUN_LOCK, paths.RUN_STOPPED, paths.RUN_SUSPENDED,
    paths.RUN_REQUESTS, paths.RUN_WANTED, paths.RUN_REASONS, paths.RUN_CONTROL, paths.RUN_SYNCED,
)  # fmt: skip
_STOPPING = b"stopping\n"


def prepare() -> None:
    """Makes the folders, with the owners and modes that the generator trusts."""
    files.make_dir(paths.RUN, 0o755)
    for folder in _PRIVATE:
        files.make_private(folder)


def publish(name: str, number: int, units: Mapping[str, str]) -> bool:
    """Shows these units to the generator, in one step; says whether systemd has to read its units again.

    What counts is what systemd has read, not what the link says: a crash may have come between the two.
    """
    folder = _loaded(name)
    same = folder is not None and files.read_tree(f"{paths.RUN_GENERATIONS}/{folder}") == dict(units)
    if not same or folder is None:
        folder = _write(f"{name}.{number}", units)
    files.link(f"../generations/{folder}", f"{paths.RUN_UNITS}/{name}", durable=False)
    return not same


def problem(name: str, units: Callable[[], Mapping[str, str]], *, closely: bool) -> str:
    """Why what systemd has read of a tenant is not these units, or an empty text. Changes nothing.

    The files are read, and the units are called for, only when something was touched since they were published, which
    the kernel notes in times that nobody can set; or when asked to look `closely`.
    """
    folder, link = _loaded(name), files.read_link(f"{paths.RUN_UNITS}/{name}")
    if link is None:
        return "its units are not published in /run"
    if folder is None or folder != os.path.basename(link):
        return "systemd has not read its published units"
    path = f"{paths.RUN_GENERATIONS}/{folder}"
    if not closely and _touched(path) <= os.lstat(f"{paths.RUN_UNITS}/{name}").st_ctime_ns:
        return ""
    return "" if files.read_tree(path) == dict(units()) else "its published units were changed"


def _touched(folder: str) -> int:
    """When something in a folder was last changed in any way, in nanoseconds since the epoch."""
    with os.scandir(folder) as entries:
        found = [(entry, entry.stat(follow_symlinks=False).st_ctime_ns) for entry in entries]
    times = [_touched(entry.path) if entry.is_dir(follow_symlinks=False) else time for entry, time in found]
    return max([os.stat(folder).st_mtime_ns, *times, *(time for _, time in found)])


def _write(folder: str, units: Mapping[str, str]) -> str:
    path = f"{paths.RUN_GENERATIONS}/{folder}"
    if os.path.isdir(path):
        if files.read_tree(path) == dict(units):
            return folder
        folder += f"-{os.urandom(4).hex()}"  # the number was used before, by a tenant of this name that is gone
    files.write_tree(f"{paths.RUN_GENERATIONS}/{folder}", units, durable=False)
    return folder


def withdraw(name: str) -> bool:
    """Hides a tenant's units from the generator; says whether systemd has to read its units again."""
    files.discard(f"{paths.RUN_UNITS}/{name}")
    return _loaded(name) is not None


def _loaded(name: str) -> str | None:
    """The folder whose units systemd has read: what the generator linked at the last daemon-reload."""
    target = files.read_link(f"{paths.GENERATED}/{tenant_slice(name)}")
    folder = os.path.basename(os.path.dirname(target)) if target and os.path.exists(target) else ""
    return folder if folder.startswith(f"{name}.") else None


def mark_stopped(name: str, stopped: bool) -> None:
    """Remembers until the next boot that somebody stopped a tenant, so that no sync starts it again."""
    path = f"{paths.RUN_STOPPED}/{name}"
    if stopped:
        files.write(path, b"", 0o600)
    else:
        files.discard(path)


def mark_stopping(name: str) -> None:
    """Remembers that somebody stops a tenant, until `mark_stopped`: whoever finds this brings it to its end."""
    files.write(f"{paths.RUN_STOPPED}/{name}", _STOPPING, 0o600)


def is_stopping(name: str) -> bool:
    """Whether a stop was begun and not ended. Only under the tenant's lock."""
    return files.read(f"{paths.RUN_STOPPED}/{name}") == _STOPPING


def mark_suspended(name: str, suspended: bool) -> None:
    """Makes systemd pass over the start of a suspended tenant (its unit has a condition), or not any more."""
    _mark(f"{paths.RUN_SUSPENDED}/{name}", suspended)


def is_suspended(name: str) -> bool:
    """Whether the tenant is marked as suspended."""
    return os.path.exists(f"{paths.RUN_SUSPENDED}/{name}")


def _mark(path: str, wanted: bool) -> None:
    if not wanted:
        files.discard(path)
    elif not os.path.exists(path):
        files.write(path, b"", 0o600)


def is_stopped(name: str) -> bool:
    """Whether somebody stopped the tenant since boot."""
    return os.path.exists(f"{paths.RUN_STOPPED}/{name}")


def tidy(name: str) -> None:
    """Removes what is not linked any more, and what a crash left. Only under the tenant's lock, after a daemon-reload.

    It is in nobody's way: what cannot be removed stays until the next time.
    """
    try:
        used = os.path.basename(files.read_link(f"{paths.RUN_UNITS}/{name}") or "")
        files.sweep(paths.RUN_UNITS, name)
        files.sweep(paths.RUN_GENERATIONS, name)
        for entry in os.listdir(paths.RUN_GENERATIONS):
            owner, _, number = entry.rpartition(".")
            if owner == name and number[:1].isdigit() and entry != used:
                files.remove_tree(f"{paths.RUN_GENERATIONS}/{entry}")
    except (BbhvError, OSError) as error:
        why = f"{error.strerror}." if isinstance(error, OSError) else error
        log.write("warning", f"{name}: what ran before is still in {paths.RUN_GENERATIONS}: {why}")
