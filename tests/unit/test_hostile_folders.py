"""Folders that are made to break whoever reads them: a finding each, never a traceback, bounded memory and time.

Memory is what the kernel says of a process of its own, CPU time too: both are the same on a busy machine.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from bbhv.model import bounds, harvest
from tests.bench import declarations

ROOT = Path(__file__).parents[2]
MEMORY = 64e6
SECONDS = 10.0
# Runs the program, and says on standard error what it took of memory (in KiB, the highest) and of CPU time.
MEASURED = """
import sys, time
sys.path.insert(0, sys.argv.pop(1))
from bbhv.cli.main import run
status = run(sys.argv[1:])
sys.stdout.flush()
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
sys.stderr.write(f"\\n{peak.split()[1]} {time.process_time()}")
sys.exit(status)
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a run said: its exit status, the findings as "file CODE", and how many there were in all."""

    status: int
    codes: list[str]
    text: str


def validate(folder: Path, *options: str) -> Seen:
    done = subprocess.run(
        [sys.executable, "-ISc", MEASURED, ROOT, "validate", folder.name, *options], cwd=folder.parent, check=False,
        capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    said, peak, seconds = done.stderr.rpartition("\n")[0], *done.stderr.rpartition("\n")[2].split()
    assert int(peak) * 1024 < MEMORY and float(seconds) < SECONDS and said == "", (peak, seconds, said)
    lines = [line for line in done.stdout.splitlines() if ": error[" in line or ": warning[" in line]
    codes = [f"{line.partition(':')[0].partition('/')[2]} {re.findall(r': (?:error|warning).(BB[0-9]+)', line)[0]}"
             for line in lines]
    return Seen(done.returncode, codes, done.stdout)


@pytest.fixture
def acme(tmp_path: Path) -> Path:
    """A tenant's repository without a mistake."""
    return declarations.write(tmp_path / "acme", 4)


def fill(folder: Path, count: int, name: Callable[[int], str], text: str = "") -> None:
    """Files with the same text, which are names of one: that is quicker to make."""
    folder.mkdir(parents=True, exist_ok=True)
    first = folder / name(0)
    first.write_text(text)
    for number in range(1, count):
        os.link(first, folder / name(number))


def test_things_that_are_no_plain_files_are_named_and_never_opened(acme: Path) -> None:
    (acme / "containers/shadow.nspawn").symlink_to("/etc/shadow")
    (acme / "containers/zero.nspawn").symlink_to("/dev/zero")
    (acme / "network").symlink_to("/etc")
    (acme / "machines").mkdir()
    os.mkfifo(acme / "machines/fifo.vmspawn")
    seen = validate(acme)
    assert (seen.status, seen.codes) == (3, [
        "containers/shadow.nspawn BB106", "containers/zero.nspawn BB106", "machines/fifo.vmspawn BB106",
        "network BB106",
    ])


def test_a_folder_that_may_not_be_read_or_is_gone_is_a_finding(acme: Path) -> None:
    (acme / "scripts").symlink_to("nowhere")
    assert validate(acme).codes == ["scripts BB106"]


def test_a_terabyte_of_nothing_is_too_large(acme: Path) -> None:
    for name in ("metadata.json", "containers/huge.nspawn", "docs.md"):
        with open(acme / name, "wb") as file:
            file.truncate(1 << 40)
    assert validate(acme).codes == ["containers/huge.nspawn BB105", "docs.md BB105", "metadata.json BB105"]


def test_names_of_any_bytes_are_shown_escaped(acme: Path) -> None:
    for name in (b"new\nline", b"\x1b[2J", b"\xff\xfe", b"x" * 255, "\u202egnp.exe".encode(), b".git "):
        (acme / os.fsdecode(name)).write_text("")
    seen = validate(acme)
    assert seen.status == 3 and "\x1b" not in seen.text and "\u202e" not in seen.text
    assert {code.split()[-1] for code in seen.codes} == {"BB107", "BB108"} and "new\\nline" in seen.text


def test_lines_of_ten_megabytes_and_a_gigabyte_of_brackets_end_at_once(acme: Path) -> None:
    (acme / "containers/a.nspawn").write_text("[Exec]\nParameters=" + "x" * (10 << 20))
    (acme / "containers/b.nspawn").write_text("[Exec]\nParameters=" + "x" * (1 << 19))
    (acme / "containers/c.nspawn").write_text("[Exec]\nParameters=" + "'x\\\n" * 10_000)
    (acme / "metadata.json").write_text("[" * (1 << 20))
    codes = validate(acme).codes
    assert {"containers/a.nspawn BB105", "containers/b.nspawn BB105", "metadata.json BB105"} <= set(codes)


def test_nested_folders_end_where_the_format_does(acme: Path) -> None:
    path = acme
    for _ in range(200):
        path /= "d"
        path.mkdir()
    assert validate(acme).codes == ["/".join("d" * harvest.MAX_DEPTH) + " BB107"]


def test_twenty_thousand_files_are_the_most(acme: Path) -> None:
    fill(acme / "docs", harvest.MAX_FILES + 5, lambda n: f"f{n}")
    assert validate(acme).codes.count("docs BB110") == 1


def test_more_bytes_than_are_held_are_not_held(acme: Path) -> None:
    fill(acme / "extensions/sysext/tools/usr", 64, lambda n: f"f{n}", "x" * (1 << 20))
    codes = validate(acme).codes
    assert len([code for code in codes if code.startswith("extensions/") and code.endswith("BB110")]) == 1


def test_long_paths_of_wide_letters_count_as_the_memory_they_take(acme: Path) -> None:
    fill(acme.joinpath("docs", *["\U0001f600" * 60] * 6), 4_600, lambda n: f"{'x' * 100}{n}")
    assert any(code.endswith("BB110") for code in validate(acme).codes)


@pytest.mark.parametrize(("count", "lines"), [
    (1500, "Environment=A=1\n" * 60), (40, f"Environment={'A= ' * 200}\n" * 100)
])  # fmt: skip
def test_more_settings_than_are_held_are_not_read(acme: Path, count: int, lines: str) -> None:
    fill(acme / "containers", count, lambda n: f"l{n}.nspawn", f"[Exec]\nBoot=yes\n{lines}[X-Bitbuilder]\nImage=i0\n")
    seen = validate(acme)
    assert any(code.endswith("BB110") for code in seen.codes) and "together; the rest was not read" in seen.text


@pytest.mark.parametrize("text", ["[Exec]\n" + "".join(f"Nonsense{n}=1\n" for n in range(60)), "nonsense\n" * 60,
                                  "[Exec]\nBoot=yes\n[X-Bitbuilder]\nImage=a\n" +
                                  "".join(f"Volume=v{n}:/v{n}\n" for n in range(60))],
                         ids=["keys", "syntax", "references"])
def test_more_problems_than_anybody_reads_are_not_looked_for(acme: Path, text: str) -> None:
    fill(acme / "containers", 600, lambda n: f"l{n}.nspawn", text)
    seen = validate(acme)
    bad = int(seen.text.splitlines()[-1].split()[0])
    assert len(seen.codes) == 200 and bounds.MAX_FINDINGS <= bad < bounds.MAX_FINDINGS + 100


def test_thousands_of_names_that_are_nearly_right_are_told_in_time(acme: Path) -> None:
    fill(acme / "containers", 2000, lambda n: f"like-{n:04}.nspawn", "[Exec]\nBoot=yes\n[X-Bitbuilder]\nImage=i0\n")
    for number in range(20):
        after = "".join(f"After=lik-{number * 100 + step:04}\n" for step in range(100))
        (acme / f"containers/x{number}.nspawn").write_text(f"[Exec]\nBoot=yes\n[X-Bitbuilder]\nImage=i0\n{after}")
    seen = validate(acme)
    assert set(code.split()[1] for code in seen.codes) == {"BB301"} and "Did you mean like-0000?" in seen.text


def test_a_name_as_long_as_its_file_is_shown_short(acme: Path) -> None:
    (acme / "containers/x.nspawn").write_text(f"[Exec]\n{'k' * 60_000}=1\n[{'s' * 4000}]\n")
    seen = validate(acme)
    assert {"containers/x.nspawn BB201", "containers/x.nspawn BB202"} <= set(seen.codes) and len(seen.text) < 3000


def test_of_a_file_that_is_too_large_to_be_read_nothing_else_is_said(acme: Path) -> None:
    for name in ("containers/large.nspawn", "network/large.network", "infrastructure/large.image"):
        (acme / name).parent.mkdir(exist_ok=True)
        (acme / name).write_text(f"# {'x' * 70_000}\n")
    codes = [code for code in validate(acme).codes if "large" in code and "BB211" not in code]
    assert codes == ["containers/large.nspawn BB105", "infrastructure/large.image BB105", "network/large.network BB105"]


def test_thousands_of_workloads_that_wait_for_each_other_are_told_in_a_few_findings(acme: Path) -> None:
    folder = acme / "containers"
    for number in range(2000):
        after = "".join(f"After=r{(number + step) % 2000}\n" for step in range(1, 12))
        (folder / f"r{number}.nspawn").write_text(f"[Exec]\nBoot=yes\n[X-Bitbuilder]\nImage=i0\n{after}")
    codes = validate(acme).codes
    assert 0 < codes.count("containers/r0.nspawn BB302") <= len(codes) < 200


def test_thousands_of_registrations_are_compared_in_bounds(tmp_path: Path) -> None:
    grants = {"ports": [f"tcp:{n}" for n in range(1000, 1100)], "vlans": list(range(1, 100)),
              "uplinks": [f"e{n}" for n in range(200)], "subnets": ["10.0.0.0/8"]}  # fmt: skip
    tenants = tmp_path / "system/tenants"
    tenants.mkdir(parents=True)
    for number in range(1500):
        value = {"apiVersion": "bitbuilder.io/v1", "tenant": f"t{number}", "repository": "https://x.example/y",
                 "trust": {"commits": "unsigned"}, "grants": grants}  # fmt: skip
        (tenants / f"t{number}.json").write_text(json.dumps(value))
    seen = validate(tmp_path / "system")
    assert "tenants/t1.json BB115" in seen.codes and "tenants/t1.json BB305" in seen.codes and len(seen.codes) <= 200


def test_a_tenant_of_a_fleet_may_be_as_hostile(acme: Path, tmp_path: Path) -> None:
    fill(acme / "docs", 17, lambda n: f"f{n}", "x" * (1 << 20))
    tenants = tmp_path / "system/tenants"
    tenants.mkdir(parents=True)
    for name in ("acme", "shop"):
        value = {"apiVersion": "bitbuilder.io/v1", "tenant": name, "repository": "https://x.example/y"}
        (tenants / f"{name}.json").write_text(json.dumps(value))
    (tmp_path / "shop").symlink_to("acme")
    seen = validate(tmp_path / "system", f"--tenants={tmp_path}")
    assert seen.status == 3 and "BB110" in seen.text
