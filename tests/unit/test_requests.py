"""Requests: what is one, which tenants a call means, and who may ask for them."""

import grp
import os
import pwd
from pathlib import Path

import pytest

from bbhv.engine.access import FRESH, Access
from bbhv.engine.world import World
from bbhv.findings import Finding, Place
from bbhv.model import requests
from bbhv.model.hostconf import HostSettings
from bbhv.model.registration import Registration

ME = pwd.getpwuid(os.getuid()).pw_name
MINE = grp.getgrgid(os.getgid()).gr_name
STRANGER = 4_000_000


def registration(tenant: str, url: str, users: tuple[str, ...] = (), groups: tuple[str, ...] = ()) -> Registration:
    return Registration(tenant=tenant, repository=url, access_users=users, access_groups=groups)


@pytest.mark.parametrize(("url", "first"), [
    ("file:///srv/git/acme.git", "/srv/git/acme.git"), ("file:///srv/git/acme/", "/srv/git/acme"),
    ("file:///srv/git/a%20b", "/srv/git/a b"),
])  # fmt: skip
def test_a_local_repository_is_looked_for_where_git_does(url: str, first: str) -> None:
    assert requests.folders(registration("acme", url)) == (first, f"{first}.git", f"{first}/.git", f"{first}.git/.git")


def test_a_repository_elsewhere_is_in_no_folder() -> None:
    assert requests.folders(registration("acme", "https://git.example.com/acme.git")) == ()


def test_access_names_users_and_groups() -> None:
    one = registration("acme", "", ("alice",), ("ops",))
    assert requests.admits(one, "alice", ()) and requests.admits(one, "bob", ("users", "ops"))
    assert not requests.admits(one, "bob", ("users", "alice")) and not requests.admits(one, "ops", ())
    assert not requests.admits(registration("acme", "", ("",), ()), "", ())


class Host:
    """A host whose registrations are counted how often they are read."""

    def __init__(self, *registrations: Registration, refused: str = "") -> None:
        self.registrations = {one.tenant: one for one in registrations}
        self.refused = {refused: (Finding(Place("x"), "BB502", "Wrong.", ""),)} if refused else {}
        self.reads, self.time = 0, 100.0

    def load(self) -> World:
        self.reads += 1
        return World(settings=HostSettings(), registrations=self.registrations, refused=self.refused)

    def access(self) -> Access:
        return Access(self.load, lambda: self.time)


def test_a_tenant_is_meant_also_with_a_wrong_registration() -> None:
    access = Host(registration("acme", "file:///srv/a"), refused="beta").access()
    assert access.meant("acme", "") == ("acme",) and access.meant("beta", "") == ("beta",)
    assert access.meant("other", "") == ()


def test_a_user_is_admitted_to_the_tenants_that_name_him_or_his_group() -> None:
    host = Host(registration("acme", "file:///srv/a", (ME,)), registration("beta", "file:///srv/a", (), (MINE,)),
                registration("other", "file:///srv/a"), refused="wrong")
    access = host.access()
    assert access.admitted(os.getuid(), ()) == ("acme",)
    assert access.admitted(STRANGER, (STRANGER, os.getgid())) == ("beta",)
    assert access.admitted(os.getuid(), (os.getgid(),)) == ("acme", "beta")
    assert access.admitted(STRANGER, (STRANGER,)) == ()
    assert access.meant("", "/srv/a") == ("acme", "beta", "other")


def test_who_asks_without_a_right_cannot_keep_the_host_at_reading() -> None:
    host = Host(registration("acme", "file:///srv/a"))
    access = host.access()
    assert [access.admitted(STRANGER, ()) for _ in range(100)] == [()] * 100
    assert host.reads == 1
    host.time += FRESH
    assert access.meant("acme", "") == ("acme",) and host.reads == 2


def test_links_to_a_repository_lead_to_it(tmp_path: Path) -> None:
    (tmp_path / "real" / "acme.git").mkdir(parents=True)
    (tmp_path / "git").symlink_to("real")
    access = Host(registration("acme", f"file://{tmp_path}/git/acme")).access()
    assert access.meant("", str(tmp_path / "real" / "acme.git")) == ("acme",)
    assert access.meant("", "/x\0y") == ()
