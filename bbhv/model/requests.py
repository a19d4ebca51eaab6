"""Requests: what a caller may ask the host to do for a tenant, which tenants a call means, and who may ask.

A request is a name, VERB.TENANT, and nothing else: there can be one of each at a time, so that whoever asks a thousand
times asks for no more than once. Pure; the names travel by a folder in /run.
"""

from collections.abc import Iterable

from ..kinds.urls import file_path
from ..kinds.values import Unreadable
from ..names import is_name
from ..records import dataclass
from .registration import Registration

VERBS = ("sync", "confirm")


@dataclass(frozen=True, slots=True)
class Request:
    """Something that is to be done for a tenant."""

    verb: str
    tenant: str

    @property
    def name(self) -> str:
        """The name of the file that says it."""
        return f"{self.verb}.{self.tenant}"


def read(name: str) -> Request | None:
    """The request that a file of this name is, or None."""
    verb, _, tenant = name.partition(".")
    return Request(verb, tenant) if verb in VERBS and is_name(tenant) else None


def admits(registration: Registration, user: str, groups: Iterable[str]) -> bool:
    """Whether a registration's `access` names a user, or one of the groups that the user is in."""
    return bool(user and user in registration.access_users) or not set(groups).isdisjoint(registration.access_groups)


def folders(registration: Registration) -> tuple[str, ...]:
    """Where git looks for the repository that a file:// URL names (git-clone(1), GIT URLS); none for another URL."""
    try:
        path = file_path(registration.repository).rstrip("/")
    except Unreadable:
        return ()
    return path, f"{path}.git", f"{path}/.git", f"{path}.git/.git"
