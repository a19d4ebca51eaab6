"""The units that are shipped: what they have in common is the same in each."""

from pathlib import Path

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
    own = ("serve", "network up %i", "answer look")  # these need less, and have less
    calls = {path.name for path in UNITS.glob("*.service") for line in path.read_text(encoding="utf-8").splitlines()
             if line.startswith("ExecStart=/usr/bin/bbhv ") and line.split(None, 1)[1] not in own}  # fmt: skip
    assert calls == set(ENGINE)
