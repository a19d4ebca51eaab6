"""Requests, from whoever has pushed to systemd, without a poll and without one that is lost.

    /run/bitbuilder/requests/acme   asked for by a caller of the API; bitbuilder-requests.path starts who takes it
    /run/bitbuilder/wanted/acme     tenant-sync@acme is to run; it removes this before it looks at the repository

Who wants a sync leaves the mark, then starts the unit. When the unit runs already, the start does nothing, and the sync
that runs may have looked before the push; so the unit looks for the mark again when it ends (ExecStopPost=). A start
that comes while that happens is queued by systemd. The API has no right to act on systemd: it only leaves names.
"""

import os

from ..errors import BbhvError
from ..host import files, log, systemd
from ..names import is_name
from . import paths


def leave(tenant: str) -> None:
    """Leaves a request for root to take; one that is there already says the same."""
    try:
        handle = os.open(f"{paths.RUN_REQUESTS}/{tenant}", os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        hint = "See: systemctl status bitbuilder-requests.path tenant-manager.service"
        raise BbhvError(f"{paths.RUN_REQUESTS}: {error.strerror}.", hint=hint) from error
    os.close(handle)


def want(tenants: tuple[str, ...]) -> str:
    """Has these tenants synced soon, and says what systemd will not do, if anything."""
    for tenant in tenants:
        files.write(f"{paths.RUN_WANTED}/{tenant}", b"", 0o600)
    return systemd.urge("start", [_unit(tenant) for tenant in tenants])


def begin(tenant: str) -> None:
    """What was asked for so far is done by whoever calls this, from now on."""
    files.discard(f"{paths.RUN_WANTED}/{tenant}")


def carry_out() -> None:
    """Takes every request, then starts the units that do what was asked for, each tenant's on its own.

    What is no request is removed. Nothing that one of them raises keeps the others waiting.
    """
    for name in sorted(_names(paths.RUN_REQUESTS)):
        request = name if is_name(name) else None
        try:
            if request is None:
                log.write("warning", f"{paths.RUN_REQUESTS}: {ascii(name[:80])} is no request, removing it.")
                files.remove_tree(f"{paths.RUN_REQUESTS}/{name}")
                continue
            files.write(f"{paths.RUN_WANTED}/{request}", b"", 0o600)
            files.remove_tree(f"{paths.RUN_REQUESTS}/{name}")
        except (BbhvError, OSError) as error:
            log.write("error", f"{name}: {error}")
    units = [_unit(tenant) for tenant in sorted(_names(paths.RUN_WANTED)) if is_name(tenant)]
    systemd.urge("start", units)


def _unit(tenant: str) -> str:
    return f"tenant-sync@{tenant}.service"


def _names(folder: str) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if not name.startswith(files.PREFIX)]
    except FileNotFoundError:
        return []
