"""What has come of images from servers, when that was interrupted, or is going on.

    /var/lib/bitbuilder/images/.partial/<tenant>/<sha256>         the bytes so far
    /var/lib/bitbuilder/images/.partial/<tenant>/<sha256>.json    the image's name, its source, size and ETag

They are a tenant's own: what another one downloaded is not taken from here. The file is locked while it grows.
"""

import fcntl
import json
import math
import os
import time
from collections.abc import Collection

from ...formats.jsontext import Json
from ...host import files
from .. import paths

KEEP_SEC = 7 * 86400


def folder(tenant: str) -> str:
    """Where what is not whole of a tenant's images is."""
    return f"{paths.PARTIAL}/{tenant}"


def sweep(tenants: Collection[str]) -> None:
    """Removes what has come for other tenants than these, and what nobody has gone on with for long; not while somebody
    does."""
    for tenant in _names(paths.PARTIAL):
        names = _names(folder(tenant))
        for digest in {name.partition(".")[0] for name in names}:
            if tenant not in tenants or _age(tenant, digest) > KEEP_SEC:
                _give_up(f"{folder(tenant)}/{digest}")
        if not _names(folder(tenant)):
            files.remove_tree(folder(tenant))


def _age(tenant: str, digest: str) -> float:
    """For how many seconds nothing has come of an image."""
    try:
        return time.time() - os.stat(f"{folder(tenant)}/{digest}").st_mtime
    except FileNotFoundError:
        return math.inf


def _give_up(path: str) -> None:
    """Removes what is there of an image, unless somebody has locked it."""
    try:
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            forget(path)
    except FileNotFoundError:
        forget(path)
    except BlockingIOError:
        return


def keep(tenant: str, digests: Collection[str]) -> None:
    """Removes what has come for a tenant of other images than these, which it wants no more."""
    for name in _names(folder(tenant)):
        if name.partition(".")[0] not in digests:
            files.discard(f"{folder(tenant)}/{name}")


def of_others(tenant: str, digest: str) -> list[str]:
    """The paths of what has come for a tenant of other images than this."""
    return [f"{folder(tenant)}/{name}" for name in _names(folder(tenant)) if name.partition(".")[0] != digest]


def going(tenant: str) -> Json:
    """The image that a tenant fetches at this moment, or None."""
    for name in _names(folder(tenant)):
        path = f"{folder(tenant)}/{name}"
        told = about(path) if not name.endswith(".json") else {}
        if told:
            try:
                with open(path, "rb") as file:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                    continue
            except FileNotFoundError:
                continue  # it has become an image of the store
            except BlockingIOError:
                received = os.stat(path).st_size
                return {"image": str(told.get("name")), "received": received, "size": told.get("size") or None}
    return None


def _names(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except FileNotFoundError:
        return []


def forget(path: str) -> None:
    """Removes what is left of a file that is not needed here any more."""
    files.discard(path)
    files.discard(f"{path}.json")


def about(path: str, source: str = "") -> dict[str, Json]:
    """What is noted about a partial file, if it is about this source."""
    try:
        found = json.loads(files.read(f"{path}.json") or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) and source in ("", found.get("source")) else {}
