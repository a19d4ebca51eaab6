"""The units that are shipped: what they have in common is the same in each."""

from pathlib import Path

import pytest

from bbhv.engine import paths
from bbhv.ipc.table import How
from bbhv.ipc.work import sockets
from bbhv.model.host import HostFacts

UNITS = Path(__file__).parents[2] / "units"
ENGINE = (
    "bitbuilder-act@.service", "bitbuilder-requests.service", "tenant-confirm@.service", "tenant-manager.service",
    "tenant-sync.service", "tenant-sync@.service", "tenant@.service",
)  # fmt: skip
FIRST, LAST = "CapabilityBoundingSet=~CAP_SYS_MODULE ", "SystemCallErrorNumber="


def sandbox(unit: str) -> list[str]:
    """The lines of the engine's sandbox."""
    lines = (UNITS / unit).read_text(encoding="utf-8").splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith(FIRST))
    end = next(number for number, line in enumerate(lines) if line.startswith(LAST))
    return lines[begin : end + 1]


def test_all_units_of_the_engine_have_one_sandbox() -> None:
    found = {unit: sandbox(unit) for unit in ENGINE}
    assert len(found["tenant@.service"]) > 15
    assert [unit for unit in ENGINE if found[unit] != found["tenant@.service"]] == []


def test_whoever_runs_the_engine_has_it() -> None:
    own = ("serve", "serve --tenant=%i", "network up %i", "answer look")  # these need less, and have less
    calls = {path.name for path in UNITS.glob("*.service") for line in path.read_text(encoding="utf-8").splitlines()
             if line.startswith("ExecStart=/usr/bin/bbhv ") and line.split(None, 1)[1] not in own}  # fmt: skip
    assert calls == set(ENGINE)


def settings(unit: str) -> list[str]:
    """The settings of the service in a unit, without comments."""
    lines = (UNITS / unit).read_text(encoding="utf-8").partition("[Service]\n")[2].splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_what_answers_containers_may_do_no_more_than_what_answers_the_host_and_has_one_tenant_before_it() -> None:
    host, inside = settings("bitbuilder-varlink.service"), settings("bitbuilder-varlink@.service")
    assert [line for line in host if line not in inside] == ["ExecStart=/usr/bin/bbhv serve", "MemoryMax=512M"]
    assert [line for line in inside if line not in host] == [
        "ExecStart=/usr/bin/bbhv serve --tenant=%i",
        "TemporaryFileSystem=/var/lib/tenants:ro,mode=0700",
        "BindReadOnlyPaths=/var/lib/tenants/%i",
        "MemoryMax=256M",
        "CPUQuota=100%",
        "CPUWeight=20",
    ]


@pytest.mark.parametrize("kind", [How.LOOK, How.ACT])
def test_the_addresses_of_units_that_answer_are_those_of_their_sockets(kind: How) -> None:
    for tenant, unit in (("", f"bitbuilder-{kind.value}.socket"), ("acme", f"bitbuilder-{kind.value}@.socket")):
        lines = (UNITS / unit).read_text(encoding="utf-8").replace("%i", tenant).splitlines()
        assert f"ListenStream={sockets(tenant)[kind]}" in lines


def test_the_socket_of_a_tenant_is_where_its_containers_have_it_mounted_from() -> None:
    lines = (UNITS / "bitbuilder-varlink@.socket").read_text(encoding="utf-8").splitlines()
    folder = HostFacts(systemd_version=257).control("%i")
    assert f"ListenStream={folder}/io.bitbuilder.Hypervisor" in lines
    assert folder == f"{paths.RUN_CONTROL}/%i"
