"""Portable services: what a tenant may say about them, what contradicts itself, and which profiles are granted."""

import pytest

from bbhv.findings import Finding
from bbhv.kinds.portable import MAX_UNIT, Portable, read_portable, unit
from bbhv.kinds.source import Source
from bbhv.kinds.values import Unreadable
from bbhv.model import grants
from bbhv.model.registration import Grants, Registration
from bbhv.model.tenant import read_tenant

from .model import FILES, METADATA_SCHEMA

FILE = "services/agent.portable"


def read(text: str) -> tuple[Portable | None, tuple[Finding, ...]]:
    return read_portable(Source(
        tenant="acme", name="agent", file=FILE, data=text.encode(), metadata_schema=METADATA_SCHEMA
    ))  # fmt: skip


def said(findings: tuple[Finding, ...]) -> list[tuple[str, int]]:
    assert all(one.message.endswith(".") for one in findings)
    return [(one.code, one.place.line) for one in findings]


def test_the_shortest_service_names_its_image() -> None:
    found, findings = read("[Portable]\nImage=agent\n")
    assert findings == () and found is not None
    assert (found.profile, found.prefixes, found.after) == ("strict", ("agent",), ())
    assert [name for name, _ in found.images] == ["agent"]


def test_a_service_without_an_image_is_none() -> None:
    found, findings = read("[Portable]\nProfile=strict\nUnit=agent.service\n")
    assert found is None and said(findings) == [("BB208", 1)]


@pytest.mark.parametrize("name", ["agent.service", "agent-web.socket", "agent@1.service", "agent.a.timer"])
def test_a_unit_of_the_image_starts_with_its_prefix(name: str) -> None:
    assert read(f"[Portable]\nImage=agent\nUnit={name}\n")[1] == ()


@pytest.mark.parametrize(
    ("lines", "where"),
    [
        ("Unit=web.service", 3),
        ("Unit=agents.service", 3),
        ("Unit=agent_1.service", 3),
        ("Prefix=web\nUnit=agent.service", 4),
        ("Unit=agent.service\nUnit=ssh.service", 4),
    ],
)
def test_a_unit_that_the_image_would_not_bring_is_a_contradiction(lines: str, where: int) -> None:
    found, findings = read(f"[Portable]\nImage=agent\n{lines}\n")
    assert found is None and said(findings) == [("BB209", where)]
    assert "Prefix=" in findings[0].hint


def test_prefixes_can_be_named() -> None:
    found, findings = read("[Portable]\nImage=agent-13\nPrefix=agent\nPrefix=web\nUnit=web.service\n")
    assert findings == () and found is not None
    assert found.prefixes == ("agent", "web")


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("[Portable]\nImage=agent\nUnit=agent.service\nUnit=agent.service\n", "BB304", 4),
        ("[Portable]\nImage=agent\nPrefix=agent\nPrefix=agent\n", "BB304", 4),
        ("[Portable]\nImage=agent\nExtension=a\nExtension=a\n", "BB304", 4),
        ("[Portable]\nImage=agent\n[X-Bitbuilder]\nVolume=a:/srv\nVolume=b:/srv\n", "BB304", 5),
        ("[Portable]\nImage=agent\n[X-Bitbuilder]\nAfter=agent\n", "BB302", 4),
    ],
)
def test_what_collides_within_a_service_is_found(text: str, code: str, line: int) -> None:
    found, findings = read(text)
    assert found is None and said(findings) == [(code, line)]


def test_one_volume_may_be_seen_at_two_places() -> None:
    assert read("[Portable]\nImage=agent\n[X-Bitbuilder]\nVolume=a:/srv/a\nVolume=a:/srv/b\n")[1] == ()


def test_the_name_of_a_unit_has_a_bound() -> None:
    assert unit("x" * (MAX_UNIT - len(".service")) + ".service")
    with pytest.raises(Unreadable):
        unit("x" * MAX_UNIT + ".service")


def checked(text: str, granted: Grants) -> list[tuple[str, str]]:
    """The findings of the grants about a tenant with this one service."""
    files = {"metadata.json": FILES["metadata.json"], FILE: text.encode()}
    tenant, findings = read_tenant(files, "acme", METADATA_SCHEMA)
    assert tenant is not None, findings
    registration = Registration(tenant="acme", repository="file:///x", grants=granted)
    found = grants.check(tenant, registration, allow_file=True, offered={"agent"})
    return [(one.code, one.hint) for one in found if one.code in ("BB402", "BB406")]


def test_a_profile_that_is_granted_may_be_asked_for() -> None:
    granted = Grants(images=("*",), service_profiles=("strict", "ours"))
    for line in ("", "Profile=strict\n", "Profile=ours\n"):
        assert checked(f"[Portable]\nImage=agent\n{line}", granted) == []


@pytest.mark.parametrize(
    ("profile", "profiles", "hint"),
    [
        ("strict", (), "Ask the operator for one."),
        ("default", ("strict",), "Granted: strict."),
        ("default", ("strict", "trusted"), "Granted: strict."),
        ("trusted", ("strict",), "Write Profile=strict. It cannot be granted."),
        ("trusted", ("strict", "trusted"), "Write Profile=strict. It cannot be granted."),
    ],
)
def test_a_profile_without_a_grant_is_refused_and_trusted_always(
    profile: str, profiles: tuple[str, ...], hint: str
) -> None:
    granted = Grants(images=("*",), service_profiles=profiles)
    assert checked(f"[Portable]\nImage=agent\nProfile={profile}\n", granted) == [("BB406", hint)]


def test_the_image_of_a_service_must_be_granted_like_any_other() -> None:
    granted = Grants(images=("debian-*",), service_profiles=("strict",))
    assert [code for code, _ in checked("[Portable]\nImage=agent\n", granted)] == ["BB402"]
