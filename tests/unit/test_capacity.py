"""What workloads may use against what their tenant has: errors for what can never be, a warning for what is shared."""

import pytest

from bbhv.findings import Finding
from bbhv.model import grants
from bbhv.model.registration import Grants
from bbhv.model.tenant import Tenant, read_tenant
from bbhv.records import replace

from .model import FILES, GRANTS, METADATA_SCHEMA, registration

ROOMY = replace(GRANTS, machines=2, images=("debian-*", "disk"))


def tenant(*, db: str = "", vm: str | None = None, limits: str = "") -> Tenant:
    """A tenant with the container db, and perhaps the machine vm."""
    files = {"metadata.json": FILES["metadata.json"]}
    files["containers/db.nspawn"] = f"[Exec]\nBoot=yes\n[X-Bitbuilder]\nImage=disk\n{db}\n".encode()
    if vm is not None:
        files["machines/vm.vmspawn"] = f"[X-Bitbuilder]\nImage=disk\n[VM]\n{vm}\n".encode()
    if limits:
        files["infrastructure/tenant.slice"] = f"[Slice]\n{limits}\n".encode()
    found, findings = read_tenant(files, "acme", METADATA_SCHEMA)
    assert found is not None, findings
    return found


def check(one: Tenant, given: Grants = ROOMY) -> tuple[Finding, ...]:
    return grants.check(one, registration(given), allow_file=True, offered=("disk",))


def told(one: Tenant, given: Grants = ROOMY) -> list[str]:
    return [f"{item.place.file}:{item.place.line} {item.severity} {item.code}" for item in check(one, given)]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("MemoryMax=4G", []),
        ("MemoryMax=4097M", ["containers/db.nspawn:5 error BB401", "containers/db.nspawn:5 warning BB401"]),
        ("MemoryMax=infinity", []),
        ("CPUQuota=200%", []),
        ("CPUQuota=201%", ["containers/db.nspawn:5 error BB401"]),
        ("TasksMax=4096", []),
        ("TasksMax=4097", ["containers/db.nspawn:5 error BB401"]),
        ("TasksMax=infinity", []),
    ],
)
def test_the_limit_of_one_workload_is_at_most_the_grant(line: str, found: list[str]) -> None:
    assert told(tenant(db=line)) == found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("RAM=4G", []),
        ("RAM=5G", ["machines/vm.vmspawn:4 error BB401", "machines/vm.vmspawn:4 warning BB401"]),
        ("CPUs=2", []),
        ("CPUs=3", ["machines/vm.vmspawn:4 error BB401"]),
    ],
)
def test_the_hardware_of_a_machine_is_at_most_the_grant(line: str, found: list[str]) -> None:
    assert told(tenant(vm=line)) == found


def test_a_part_of_a_cpu_runs_one() -> None:
    assert told(tenant(vm="CPUs=1"), replace(ROOMY, cpus=0.5)) == []
    assert told(tenant(vm="CPUs=2"), replace(ROOMY, cpus=1.5)) == []


def test_the_default_memory_of_a_machine_counts_too() -> None:
    found = check(tenant(vm="CPUs=1"), replace(ROOMY, memory=1 << 30))
    assert [item.severity for item in found] == ["error", "warning"]
    assert found[0].message.startswith("RAM=2G, which is the default, is more than the 1G")


def test_the_tenants_own_slice_is_a_limit_of_its_own_making() -> None:
    assert told(tenant(db="MemoryMax=1G", limits="MemoryMax=1G")) == []
    assert told(tenant(db="MemoryMax=2G", limits="MemoryMax=1G")) == ["containers/db.nspawn:5 warning BB401"]
    assert told(tenant(vm="RAM=2G", limits="MemoryMax=1G")) == [
        "machines/vm.vmspawn:4 error BB209", "machines/vm.vmspawn:4 warning BB401"
    ]
    assert told(tenant(vm="RAM=2G", limits="MemoryMax=infinity")) == []


def test_memory_that_is_promised_twice_is_a_warning_at_the_workload_that_is_too_much() -> None:
    assert told(tenant(db="MemoryMax=2G", vm="RAM=2G")) == []
    assert told(tenant(db="MemoryMax=2G", vm="RAM=2049M")) == ["machines/vm.vmspawn:4 warning BB401"]
    found = check(tenant(db="MemoryMax=3G", vm="RAM=2G"))
    assert "With vm the workloads may use 5G of memory, but the tenant has 4G" in found[0].message
    assert found[0].hint


def test_what_a_machine_may_use_besides_its_memory_counts() -> None:
    machine = "RAM=2G\n[X-Bitbuilder]\nMemoryMax=3G"
    assert told(tenant(db="MemoryMax=1G", vm=machine)) == []
    assert told(tenant(db="MemoryMax=1025M", vm=machine)) == ["machines/vm.vmspawn:4 warning BB401"]


def test_what_has_no_limit_and_what_is_shared_at_every_instant_is_not_added_up() -> None:
    assert told(tenant(db="MemoryMax=infinity\nCPUQuota=200%\nTasksMax=4096", vm="RAM=4G\nCPUs=2")) == []


def test_machines_are_counted() -> None:
    assert told(tenant(vm="CPUs=1"), GRANTS)[0] == "machines/vm.vmspawn:0 error BB401"


def test_every_image_of_a_machine_is_granted_or_its_own() -> None:
    one = tenant(vm="Linux=kernel\nInitrd=initrd")
    assert told(one) == ["machines/vm.vmspawn:4 error BB402", "machines/vm.vmspawn:5 error BB402"]
    assert [item.message.split()[2] for item in check(one)] == ["kernel", "initrd"]


def test_an_image_that_only_machines_use_is_not_mounted_by_the_host() -> None:
    digest = "5" * 64
    files = {
        "metadata.json": FILES["metadata.json"],
        "infrastructure/disk.image": f"[Image]\nSource=file:///srv/images/d\nSHA256={digest}\nFormat=raw\n".encode(),
        "machines/vm.vmspawn": b"[X-Bitbuilder]\nImage=disk\n",
    }
    one, findings = read_tenant(files, "acme", METADATA_SCHEMA)
    assert one is not None, findings
    assert told(one) == []
    files["containers/web.nspawn"] = b"[Exec]\nBoot=yes\n[X-Bitbuilder]\nImage=disk\n"
    both, _ = read_tenant(files, "acme", METADATA_SCHEMA)
    assert both is not None
    assert told(both) == ["infrastructure/disk.image:4 error BB404"]
