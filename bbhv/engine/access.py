"""Who may ask for what: the operators everything, whom a registration names in `access` only what is its tenant's.

The registrations are read at most once a second, so that whoever asks without a right cannot keep the host at reading.
"""

import grp
import os
import pwd
import time
from collections.abc import Callable, Collection, Mapping, Sequence

from ..errors import NotFoundError
from ..model.registration import Registration
from ..model.requests import admits, folders
from . import world
from .world import World

FRESH = 1.0


class Access:
    """What is known of the registrations, not older than a second."""

    def __init__(self, load: Callable[[], World] = world.load, clock: Callable[[], float] = time.monotonic) -> None:
        self._load = load
        self._clock = clock
        self._world: World | None = None
        self._read = 0.0

    def _now(self) -> World:
        if self._world is None or self._clock() - self._read >= FRESH:
            self._world, self._read = self._load(), self._clock()
        return self._world

    def admitted(self, uid: int, groups: Sequence[int]) -> tuple[str, ...]:
        """The tenants that a user of this host, who is no operator, may see and change."""
        known = sorted(self._now().registrations.items())
        return tuple(name for name, one in known if _admitted(one, uid, groups))

    def meant(self, tenant: str, repository: str) -> tuple[str, ...]:
        """The tenants that are meant: the one of a name, or, without one, those of a repository here."""
        host = self._now()
        if tenant:
            return tuple(one for one in (tenant,) if one in host.registrations or one in host.refused)
        return _of_repository(host.registrations, repository)


def chosen_by_root(tenant: str | None, repository: str) -> tuple[str, ...]:
    """The tenants that are meant. Raises NotFoundError when there is none."""
    found = Access().meant(tenant or "", repository)
    if not found:
        raise NotFoundError(f"No tenant {tenant} is registered on this host." if tenant is not None else
                            f"No tenant's repository is {repository}.")
    return found


def _of_repository(registrations: Mapping[str, Registration], repository: str) -> tuple[str, ...]:
    """The tenants whose repository is the one in this folder, whatever links lead there."""
    try:
        path = os.path.realpath(repository)
    except ValueError:
        return ()  # no path has a NUL or half of a character in it
    return tuple(name for name, one in sorted(registrations.items()) if path in map(os.path.realpath, folders(one)))


def _admitted(registration: Registration, uid: int, groups: Collection[int]) -> bool:
    names = (_name(grp.getgrgid, gid) for gid in groups) if registration.access_groups else ()
    return admits(registration, _name(pwd.getpwuid, uid), names)


def _name(look_up: Callable[[int], object], number: int) -> str:
    """The name of a user or group, or an empty text when this host has none for the number."""
    try:
        found = look_up(number)
    except KeyError:
        return ""
    return str(getattr(found, "pw_name", "") or getattr(found, "gr_name", ""))
