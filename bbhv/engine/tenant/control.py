"""The socket on which the containers of a tenant reach the API: gone with the last one that may.

systemd makes it, because the units of such containers uphold it, and stops it when nobody needs it any more. What it
leaves is the folder, which containers have mounted: it has to be the same one when a socket comes back.
"""

import os

from ...errors import BbhvError
from ...host import files, log, systemd
from ...model.insiders import controls
from ...model.manifest import Manifest
from ...names import control_service, control_socket
from .. import paths


def forget(tenant: str) -> None:
    """Takes away what there is of the API of a tenant that is gone, with the count of whom it refused."""
    settle(tenant, None)
    files.discard(f"{paths.RUN_TALLY}/{tenant}")


def settle(tenant: str, manifest: Manifest | None) -> None:
    """Takes socket and folder away, unless a container of this generation needs them. After a daemon-reload.

    Nobody is in the way of what cannot be removed: it stays until the next time.
    """
    folder = f"{paths.RUN_CONTROL}/{tenant}"
    if controls(manifest) or not os.path.isdir(folder):
        return
    try:
        systemd.forget([control_socket(tenant), control_service(tenant)])
        files.remove_tree(folder)
    except (BbhvError, OSError) as error:
        log.write("warning", f"{tenant}: the socket of its API is still in {folder}: {error}")
