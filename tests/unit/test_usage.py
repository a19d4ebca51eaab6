"""Usage: what the files of a control group say, and how it is told beside what is granted."""

import os
from pathlib import Path

import pytest

from bbhv.cli import figures
from bbhv.engine import usage as engine
from bbhv.model.registration import Grants
from bbhv.model.usage import Measured, OfTenant, OfWorkload, measured, number

from .test_output_schemas import problems

TEXTS = {
    "memory.current": "12345678\n", "memory.peak": "23456789\n", "memory.max": "1073741824\n",
    "cpu.stat": "usage_usec 1234567\nuser_usec 1000000\nsystem_usec 234567\n", "cpu.max": "50000 100000\n",
    "pids.current": "7\n", "pids.max": "max\n",
    "io.stat": "8:0 rbytes=100 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n259:1 rbytes=11 wbytes=3 rios=0\n253:7 \n",
}  # fmt: skip
FOUND = Measured(
    memory=12345678, memory_peak=23456789, memory_limit=1 << 30, cpu_usec=1234567, cpu_limit=500_000, tasks=7,
    read_bytes=111, written_bytes=23,
)  # fmt: skip
GRANTS = Grants(cpus=1.5, memory=4 << 30, tasks=4096, storage=20 << 30)
ACME = OfTenant(
    id="acme", measured=FOUND, storage=5 << 20, grants=GRANTS, workloads=(OfWorkload("web", "container", FOUND),)
)


def test_the_files_of_the_kernel_become_numbers() -> None:
    assert measured(TEXTS) == FOUND


def test_what_is_not_counted_is_not_known_and_no_error() -> None:
    assert measured({}) == Measured()
    assert measured({"cpu.stat": TEXTS["cpu.stat"]}) == Measured(cpu_usec=1234567)
    assert measured({"io.stat": ""}) == Measured(read_bytes=0, written_bytes=0)
    assert measured({name: "max\n" for name in TEXTS if name != "io.stat"}) == Measured()


@pytest.mark.parametrize("text", ["", "\n", "max", "-1", "1.5", "0x10", "٣", "9" * 20, "1 2", "\0", "usage", None])
def test_what_is_no_count_is_none(text: str | None) -> None:
    assert number(text) is None


@pytest.mark.parametrize("text", ["max 100000", "50000", "50000 0", "a b", "50000 100000 1", "-1 100000"])
def test_a_quota_that_is_none_bounds_nothing(text: str) -> None:
    assert measured({"cpu.max": text}).cpu_limit is None


def test_usage_is_told_beside_the_grant_as_the_schema_says() -> None:
    told = ACME.as_json()
    assert told["memory"] == {"current": 12345678, "peak": 23456789, "limit": 1 << 30, "granted": 4 << 30}
    assert told["cpu"] == {"usedUSec": 1234567, "limitUSecPerSec": 500_000, "grantedUSecPerSec": 1_500_000}
    assert told["tasks"] == {"current": 7, "limit": None, "granted": 4096}
    assert told["storage"] == {"current": 5 << 20, "granted": 20 << 30}
    assert problems("usage", {"tenants": [told, OfTenant(id="none").as_json()]}) == []
    assert problems("usage", {"tenants": [{**told, "memory": {}}]}) != []


def test_a_person_sees_a_dash_for_what_nobody_knows() -> None:
    lines = (row for one in (ACME, OfTenant(id="none")) for row in figures.rows(one.as_json()))
    rows = [[text for text, _ in row] for row in lines]
    assert all(len(row) == len(figures.HEADS) for row in rows)
    assert rows == [
        ["acme", "11 MiB / 4096 MiB", "22 MiB", "1.23 s / 1.5 CPUs", "7 / 4096", "5 MiB / 20480 MiB", "1 KiB", "1 KiB"],
        ["  web", "11 MiB / 1024 MiB", "22 MiB", "1.23 s", "7", "-", "1 KiB", "1 KiB"],
        ["none", "- / -", "-", "-", "- / -", "- / -", "-", "-"],
    ]


def test_what_is_kept_is_added_up_where_no_file_system_counts_it(tmp_path: Path) -> None:
    assert engine.storage(str(tmp_path), closely=True) == 0
    (tmp_path / "volumes/data").mkdir(parents=True)
    (tmp_path / "volumes/data/file").write_bytes(os.urandom(300_000))
    assert engine.storage(str(tmp_path), closely=False) is None
    found = engine.storage(str(tmp_path), closely=True)
    assert found is not None and 300_000 <= found < 400_000
    (tmp_path / "volumes").rename(tmp_path / "storage")
    assert engine.storage(str(tmp_path), closely=True) == found


def test_what_is_not_mounted_takes_what_its_file_takes(tmp_path: Path) -> None:
    with open(tmp_path / "storage.raw", "wb") as file:
        file.write(os.urandom(100_000))
        file.truncate(1 << 30)
    (tmp_path / "storage").mkdir()
    found = engine.storage(str(tmp_path), closely=False)
    assert found is not None and 100_000 <= found < 1 << 20
