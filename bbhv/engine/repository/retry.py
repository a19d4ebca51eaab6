"""When a repository that could not be fetched is asked for again: remembered in memory, until the next boot.

    /run/bitbuilder/retry/acme          failures in a row, and until when nobody asks
    /run/bitbuilder/retry/acme.image    the same of the servers of its images
"""

import os
import time

from ...errors import BbhvError
from ...host import files
from ...model.backoff import Retry, decode, encode
from .. import paths


def of_images(tenant: str) -> str:
    """The name under which is remembered what was with a tenant's images."""
    return f"{tenant}.image"


def load(name: str) -> Retry:
    """What is remembered of a tenant."""
    try:
        return decode(files.read(f"{paths.RUN_RETRY}/{name}", 100) or b"")
    except BbhvError:
        return Retry()


def waits(name: str, way: int) -> bool:
    """Whether it is too early to ask for a tenant's repository again in the same `way`."""
    retry = load(name)
    return retry.way == way and retry.waits(_now_usec())


def failed(name: str, way: int) -> None:
    """Remembers one more failure."""
    _save(name, load(name).again(name, _now_usec(), way))


def postpone(name: str, way: int, seconds: int) -> None:
    """Asks nobody for a while, without a failure: what is needed came by another way."""
    _save(name, Retry(0, _now_usec() + seconds * 10**6, way))


def _save(name: str, retry: Retry) -> None:
    files.make_private(paths.RUN_RETRY)
    files.write(f"{paths.RUN_RETRY}/{name}", encode(retry), 0o600)


def forget(name: str) -> None:
    """Fetching worked."""
    if os.path.lexists(f"{paths.RUN_RETRY}/{name}"):
        files.discard(f"{paths.RUN_RETRY}/{name}")


def when_usec(name: str) -> int | None:
    """When a tenant that could not be fetched is asked for again, in microseconds since the epoch, or None."""
    retry, now = load(name), _now_usec()
    if not retry.failures or not retry.waits(now):
        return None
    return time.time_ns() // 1000 + retry.next_usec - now


def _now_usec() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
