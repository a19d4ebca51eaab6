"""What a host must have for the storage of a tenant."""

from collections.abc import Mapping

import pytest

from bbhv.model import hoststorage
from bbhv.model.compile import compile_tenant
from bbhv.model.grants import check, stored
from bbhv.model.host import HostFacts
from bbhv.model.tenant import Tenant, read_tenant
from bbhv.records import replace

from .model import COMMIT, FACTS, FILES, GRANTS, METADATA_SCHEMA, registration, told
from .test_compile import as_systemd_runs, settings
from .test_machine_unit import HOST

MACHINE = b"[X-Bitbuilder]\nImage=vm-disk\nVolume=disk\n"


def tenant(changes: Mapping[str, bytes]) -> Tenant:
    found, findings = read_tenant({**FILES, **changes}, "acme", METADATA_SCHEMA)
    assert found is not None, findings
    return found


WITH_DRIVE = {"infrastructure/disk.volume": b"[Volume]\nUse=machine\nSize=1G\n", "machines/vm.vmspawn": MACHINE}
BARE = {"mkfs.ext4": "", "setquota": ""}


@pytest.mark.parametrize(("facts", "found"), [
    (HOST, []), (FACTS, []), (replace(HOST, tools=BARE), ["warning data", "warning disk", "error disk"]),
    (replace(FACTS, tools=BARE), ["warning data"]),
    (replace(HOST, tools={**BARE, "setquota": "/usr/sbin/setquota"}), ["error disk"]),
])  # fmt: skip
def test_without_the_program_a_drive_is_an_error_and_a_folder_has_no_bound(facts: HostFacts, found: list[str]) -> None:
    findings = list(hoststorage.findings(tenant(WITH_DRIVE), facts))
    assert [f"{one.severity} {one.message.split()[1]}" for one in findings] == found


def test_a_drive_is_made_once_and_attached_by_its_name() -> None:
    facts = replace(HOST, offered={**HOST.offered, **FACTS.offered}, uid_bases=FACTS.uid_bases)
    units = compile_tenant(tenant(WITH_DRIVE), registration(replace(GRANTS, machines=1)), facts, COMMIT, "1").units
    infra = units["tenant-infra@acme.service.d/10-bitbuilder.conf"]
    path, seen = "/var/lib/tenants/acme/volumes/disk.raw", "/run/bitbuilder/volumes/disk"
    made = f"/usr/lib/bitbuilder/storage drive {path} {1 << 30}"
    assert made in settings(infra, "Service", "ExecStart") and made in settings(infra, "Service", "ExecReload")
    unit = units["tenant-machine@vm.acme.service.d/10-bitbuilder.conf"]
    assert f"-{path}:{seen}" in settings(unit, "Service", "BindPaths")
    assert settings(unit, "Service", "ExecStartPre")[1] == f"+/usr/lib/bitbuilder/machine lend vm.acme {seen} {1 << 30}"
    assert f"--extra-drive=raw:{seen}" in as_systemd_runs(settings(unit, "Service", "ExecStart")[0])


@pytest.mark.parametrize(("storage", "found"), [
    (None, ["containers/web.nspawn:9 BB404", "infrastructure/data.volume:0 BB404"]), (1 << 30, []),
    ((1 << 30) - 1, ["infrastructure/data.volume:0 BB401"]),
])  # fmt: skip
def test_what_is_kept_needs_storage_that_is_granted(storage: int | None, found: list[str]) -> None:
    kept = tenant({"containers/web.nspawn": FILES["containers/web.nspawn"] + b"Persistent=yes\n"})
    one = registration(replace(GRANTS, storage=storage))
    assert told(check(kept, one, allow_file=True, offered=["debian-13"])) == found


def test_the_disk_of_a_machine_needs_storage_also_when_it_is_not_kept() -> None:
    lone = tenant({"machines/vm.vmspawn": b"[X-Bitbuilder]\nImage=vm-disk\n", "infrastructure/data.volume": b""})
    one = registration(replace(GRANTS, storage=None, machines=1, images=("*",)))
    found = told(check(lone, one, allow_file=True, offered=["debian-13", "vm-disk"]))
    assert "machines/vm.vmspawn:2 BB404" in found


def test_images_and_the_repository_count_as_well() -> None:
    volume, mebi = tenant({}), 1 << 20
    assert stored(volume, replace(GRANTS, storage=(1 << 30) + 3 * mebi), 2 * mebi, mebi) == ()
    assert stored(volume, replace(GRANTS, storage=None), 2 * mebi, mebi) == ()
    (found,) = stored(volume, replace(GRANTS, storage=1 << 30), 2 * mebi, 5)
    assert found.message == (
        "The tenant needs 1G for what it declares, 2M for its images, 1M for its repository, "
        "but 1G of storage are granted."
    )
