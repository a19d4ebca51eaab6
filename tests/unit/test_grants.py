"""Grants: nothing is given by default, and every excess is found where it was asked for."""

from collections.abc import Collection

import pytest

from bbhv.model import grants
from bbhv.model.registration import Grants
from bbhv.model.tenant import Tenant, read_tenant
from bbhv.records import replace

from .model import FILES, GRANTS, METADATA_SCHEMA, registration, told


def tenant(**files: str) -> Tenant:
    changed = dict(FILES)
    changed.update({path.replace("__", "/").replace("_", "."): text.encode() for path, text in files.items()})
    found, findings = read_tenant(changed, "acme", METADATA_SCHEMA)
    assert found is not None, findings
    return found


def check(
    one: Tenant, given: Grants = GRANTS, *, allow_file: bool = True, offered: Collection[str] = ("debian-13",)
) -> list[str]:
    return told(grants.check(one, registration(given), allow_file=allow_file, offered=offered))


def test_a_tenant_within_its_grants_has_no_findings() -> None:
    assert check(tenant()) == []


def test_nothing_is_granted_by_default() -> None:
    assert check(tenant(), Grants()) == [
        "containers/db.nspawn:0 BB401",
        "containers/web.nspawn:0 BB401",
        "containers/web.nspawn:5 BB402",
        "infrastructure/data.volume:0 BB404",
        "infrastructure/own.image:2 BB403",
        "tenants/acme.json:0 BB404",
        "tenants/acme.json:0 BB404",
        "tenants/acme.json:0 BB404",
    ]


def test_a_tenant_that_runs_nothing_needs_no_grant() -> None:
    found, _ = read_tenant({"metadata.json": FILES["metadata.json"]}, "acme", METADATA_SCHEMA)
    assert found is not None
    assert check(found, Grants()) == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("MemoryMax=4G", []),
        ("MemoryMax=4097M", ["infrastructure/tenant.slice:2 BB401"]),
        ("MemoryMax=infinity", []),
        ("CPUQuota=200%", []),
        ("CPUQuota=200.01%", ["infrastructure/tenant.slice:2 BB401"]),
        ("TasksMax=4096", []),
        ("TasksMax=4097", ["infrastructure/tenant.slice:2 BB401"]),
    ],
)
def test_a_limit_of_the_slice_is_at_most_the_grant(line: str, found: list[str]) -> None:
    assert check(tenant(infrastructure__tenant_slice=f"[Slice]\n{line}\n")) == found


def test_containers_are_counted() -> None:
    assert check(tenant(), replace(GRANTS, containers=1)) == ["containers/web.nspawn:0 BB401"]


def test_volumes_are_added_up() -> None:
    one = tenant(infrastructure__more_volume="[Volume]\nSize=20G\n")
    assert check(one) == ["infrastructure/more.volume:0 BB401"]


@pytest.mark.parametrize(
    ("pattern", "offered", "found"),
    [
        ("debian-*", ("debian-13",), []),
        ("debian-13", ("debian-13", "other"), []),
        ("debian-*", (), ["containers/web.nspawn:5 BB402"]),
        ("fedora-*", ("debian-13",), ["containers/web.nspawn:5 BB402"]),
        ("debian", ("debian-13",), ["containers/web.nspawn:5 BB402"]),
    ],
)
def test_an_offered_image_must_be_there_and_granted(pattern: str, offered: tuple[str, ...], found: list[str]) -> None:
    assert check(tenant(), replace(GRANTS, images=(pattern,)), offered=offered) == found


def test_not_there_and_not_granted_look_the_same_to_a_tenant() -> None:
    missing = grants.check(tenant(), registration(), allow_file=True, offered=())
    denied = grants.check(tenant(), registration(), allow_file=True, offered=("other",))
    assert missing == denied


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("file:///srv/images/", []),
        ("file:///srv/images", []),
        ("file:///srv/", []),
        ("file:///srv/image", ["infrastructure/own.image:2 BB403"]),
        ("https://h/", ["infrastructure/own.image:2 BB403"]),
    ],
)
def test_a_source_lies_below_a_granted_prefix(prefix: str, found: list[str]) -> None:
    assert check(tenant(), replace(GRANTS, image_sources=(prefix,))) == found


@pytest.mark.parametrize(
    ("url", "allow_file", "found"),
    [
        ("https://h/own.sig", True, []),
        ("https://other/own.sig", True, ["infrastructure/own.image:5 BB403"]),
        ("file:///srv/images/own.tar.sig", True, []),
        ("file:///srv/own.tar.sig", True, ["infrastructure/own.image:5 BB403"]),
        ("file:///srv/images/own.sig", False, ["infrastructure/own.image:2 BB403", "infrastructure/own.image:5 BB403"]),
    ],
)
def test_a_signature_comes_from_where_an_image_may_come_from(url: str, allow_file: bool, found: list[str]) -> None:
    one = tenant(infrastructure__own_image=f"{FILES['infrastructure/own.image'].decode()}Signature={url}\n")
    sources = replace(GRANTS, image_sources=("file:///srv/images/", "https://h/"))
    assert check(one, sources, allow_file=allow_file) == found


def test_a_file_of_the_host_needs_the_hosts_word_too() -> None:
    assert check(tenant(), allow_file=False) == ["infrastructure/own.image:2 BB403"]


def test_a_file_system_image_needs_the_grant_to_be_mounted() -> None:
    raw = FILES["infrastructure/own.image"].decode().replace("Format=tar", "Format=raw")
    one = tenant(infrastructure__own_image=raw)
    assert check(one) == ["infrastructure/own.image:4 BB404"]
    assert check(one, replace(GRANTS, mount_images=True)) == []


def test_an_image_that_may_be_larger_than_all_storage_is_found() -> None:
    large = FILES["infrastructure/own.image"].decode() + "Size=16G\n"
    assert check(tenant(infrastructure__own_image=large), replace(GRANTS, storage=1 << 34)) == []
    found = check(tenant(infrastructure__own_image=large), replace(GRANTS, storage=(1 << 34) - 1))
    assert [one for one in found if "own.image" in one] == ["infrastructure/own.image:5 BB401"]


def test_the_least_share_of_a_cpu_is_still_a_share() -> None:
    assert Grants(cpus=0.5).cpu_quota == 5000
    assert Grants(cpus=0.000001).cpu_quota == 1
    assert Grants().cpu_quota is None
