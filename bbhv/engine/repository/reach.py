"""Reaching a git server: which unit may talk to it, with which credential, and how many at the same time.

A key or a password is a credential of the host, found by its name in the credential stores. systemd hands it to the
one unit that fetches for this tenant; it is in no argument, in no file of ours, and in no other unit.
"""

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from zlib import crc32

from ...errors import BbhvError, BusyError, NotYetError
from ...host import files, git, run
from ...host.lock import Lock
from ...model.fetching import PROTOCOLS, Request, server
from ...model.registration import Fetch
from ...records import dataclass, field
from .. import paths

CONNECTIONS = 4
FOR_IMAGES = CONNECTIONS - 1  # they take long, and no repository waits for them
PAUSE = 0.1
PATIENCE = 30
_STORES = tuple(f"{root}/credstore" for root in ("/etc", "/run", "/usr/local/lib", "/usr/lib"))
# System credentials, as they came and encrypted.
GIVEN = (paths.CREDENTIALS, "/run/credentials/@encrypted")
# systemd.exec(5): where the users that DynamicUser= makes come from.
_DYNAMIC = range(61184, 65520)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository that the host follows, where its clone is, how it is reached, and how long that may take."""

    name: str
    url: str
    branch: str
    clone: git.Clone
    allow_file: bool
    fetch: Fetch = field(default_factory=Fetch)
    seconds: int = 300
    fetched: Callable[[], None] = field(default=lambda: None, compare=False)  # called when its server is free again

    @property
    def subject(self) -> str:
        """What a sentence calls it."""
        return f"{self.url} (branch {self.branch})"

    @property
    def way(self) -> int:
        """A number of how it is reached: another one when the operator has changed something about it."""
        return crc32(repr((self.url, self.branch, self.fetch)).encode())

    def configuration(self, kind: git.Algorithm) -> str:
        """The clone's configuration, whole."""
        return git.configuration(self.url, self.branch, kind, (*PROTOCOLS, "file") if self.allow_file else PROTOCOLS)

    def request(self) -> Request:
        """What git is asked for."""
        return Request(
            url=self.url, branch=self.branch, credential=self.fetch.credential,
            user=self.fetch.user, known_hosts="\n".join(self.fetch.known_hosts), ca=self.fetch.ca,
            patience=str(max(1, min(PATIENCE, self.seconds))),
        )  # fmt: skip


def properties(repository: Repository) -> tuple[str, ...]:
    """What the unit that fetches gets beyond its sandbox. Raises BbhvError when the credential is nowhere."""
    given = _credential(repository.fetch.credential)
    if not repository.url.startswith("ssh:"):
        return given
    return (*given, f"BindReadOnlyPaths={_users()}:/etc/passwd")


def _credential(name: str) -> tuple[str, ...]:
    if not name:
        return ()
    if any(os.path.exists(f"{folder}/{name}") for folder in (*(f"{one}.encrypted" for one in _STORES), GIVEN[1])):
        return (f"LoadCredentialEncrypted={name}",)
    if any(os.path.exists(f"{folder}/{name}") for folder in (*_STORES, GIVEN[0])):
        return (f"LoadCredential={name}",)
    raise BbhvError(
        f"The credential {name} that fetching needs is in none of this host's credential stores.",
        hint=f"systemd-creds encrypt --name={name} - /etc/credstore.encrypted/{name}",
    )


def _users() -> str:
    """A list of users in which those that systemd makes for units have names: ssh does nothing for who has none."""
    path = f"{paths.RUN}/passwd"
    if not os.path.exists(path):
        users = "".join(f"_{number}:x:{number}:{number}::/:/usr/sbin/nologin\n" for number in _DYNAMIC)
        files.write(path, f"root:x:0:0::/:/usr/sbin/nologin\n{users}".encode())
    return path


@contextmanager
def slot(url: str, places: int = CONNECTIONS, until: float = math.inf) -> Iterator[None]:
    """One of the connections that this host has to a server at the same time: it has CONNECTIONS, and who takes one of
    fewer `places` leaves the others to those who need one for a short time only. Waits for it when all are taken.

    Raises NotYetError when there is none until then, by the monotonic clock.
    """
    name = server(url)
    if not name:
        yield
        return
    first = os.urandom(1)[0] % places
    locks = [Lock(f"{paths.RUN_LOCK}/_to-{name}.{(first + one) % places}", name) for one in range(places)]
    while (lock := next((lock for lock in locks if _is_free(lock)), None)) is None:
        if time.monotonic() >= until:
            message = f"{name} is busy: this host fetches from it as often as it may at the same time."
            raise NotYetError(message, hint="The next sync tries again.")
        run.pause(PAUSE)
    with lock:
        yield


def _is_free(lock: Lock) -> bool:
    try:
        lock.take("fetching", wait=False)
    except BusyError:
        return False
    return True
