"""Requests: which tenants a call means by a repository, and whom a registration admits. Pure."""

from collections.abc import Iterable

from ..kinds.urls import file_path
from ..kinds.values import Unreadable
from .registration import Registration


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
