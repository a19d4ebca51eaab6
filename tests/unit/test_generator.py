"""The generator: links whole generations, trusts only root, and imports next to nothing."""

import os
import subprocess
import sys
from pathlib import Path

from bbhv.engine.generator import generate, main

ROOT = Path(__file__).parents[2]
OS = {"os", "os.path", "posixpath", "genericpath", "stat", "_stat", "_collections_abc"}


def show(root: Path, tenant: str, number: int, *units: str) -> None:
    """Publishes units as activation does."""
    folder = root / "run/bitbuilder/generations" / f"{tenant}.{number}"
    folder.mkdir(parents=True)
    for unit in units:
        (folder / unit).mkdir() if unit.endswith(".d") else (folder / unit).write_text("[Unit]\n")
    links = root / "run/bitbuilder/units"
    links.mkdir(parents=True, exist_ok=True)
    (links / tenant).symlink_to(f"../generations/{tenant}.{number}")


def run(root: Path) -> tuple[Path, list[str]]:
    """Runs the generator on a root of its own."""
    out = root / "out"
    out.mkdir()
    return out, generate(str(out), f"{root}/")


def test_it_links_the_units_of_every_tenant_and_wants_the_tenants(tmp_path: Path) -> None:
    show(tmp_path, "acme", 7, "tenants-acme.slice", "tenant-container@web.acme.service.d")
    show(tmp_path, "shop", 1, "tenants-shop.slice")
    out, problems = run(tmp_path)
    assert problems == []
    assert sorted(p.name for p in out.iterdir()) == [
        "tenant-container@web.acme.service.d", "tenants-acme.slice", "tenants-shop.slice", "tenants.target.wants",
    ]  # fmt: skip
    assert (out / "tenants-acme.slice").resolve() == tmp_path / "run/bitbuilder/generations/acme.7/tenants-acme.slice"
    assert sorted(os.listdir(out / "tenants.target.wants")) == ["tenant@acme.service", "tenant@shop.service"]


def test_a_registration_in_the_image_is_wanted_by_its_name_alone(tmp_path: Path) -> None:
    folder = tmp_path / "usr/lib/bitbuilder/tenants"
    folder.mkdir(parents=True)
    for name in ("edge.json", "README", "Bad.json", "a b.json"):
        (folder / name).write_text("not even JSON")
    out, problems = run(tmp_path)
    assert os.listdir(out / "tenants.target.wants") == ["tenant@edge.service"] and problems == []


def test_what_others_can_write_is_ignored_and_the_rest_goes_on(tmp_path: Path) -> None:
    show(tmp_path, "acme", 1, "tenants-acme.slice")
    show(tmp_path, "evil", 1, "tenants-evil.slice")
    (tmp_path / "run/bitbuilder/generations/evil.1").chmod(0o777)
    show(tmp_path, "half", 1, "tenants-half.slice", "other.service")
    (tmp_path / "run/bitbuilder/generations/half.1/other.service").chmod(0o666)
    (tmp_path / "run/bitbuilder/units/gone").symlink_to("../generations/gone.1")
    out, problems = run(tmp_path)
    found = sorted(p.name for p in out.iterdir())
    assert found == ["tenants-acme.slice", "tenants-half.slice", "tenants.target.wants"]
    assert len(problems) == 3 and all(problem.endswith("skipping") for problem in problems)


def test_two_tenants_with_one_unit_do_not_stop_each_other(tmp_path: Path) -> None:
    show(tmp_path, "acme", 1, "same.service")
    show(tmp_path, "shop", 1, "same.service", "tenants-shop.slice")
    out, problems = run(tmp_path)
    assert (out / "tenants-shop.slice").is_symlink() and len(problems) == 1


def test_the_kernel_command_line_switches_it_off(tmp_path: Path) -> None:
    show(tmp_path, "acme", 1, "tenants-acme.slice")
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cmdline").write_text("root=/dev/sda bitbuilder=no quiet\n")
    out, problems = run(tmp_path)
    assert list(out.iterdir()) == [] and problems == []


def test_it_writes_into_the_first_folder_only_because_the_second_would_win_over_the_operator(tmp_path: Path) -> None:
    show(tmp_path, "acme", 1, "tenants-acme.slice")
    folders = [tmp_path / name for name in ("normal", "early", "late")]
    for folder in folders:
        folder.mkdir()
    assert main([str(folder) for folder in folders], f"{tmp_path}/") == 0
    assert [sorted(os.listdir(folder)) for folder in folders] == [
        [".bitbuilder-generator", "tenants-acme.slice", "tenants.target.wants"],
        [],
        [],
    ]
    assert float((folders[0] / ".bitbuilder-generator").read_text()) > 0  # the processor time of this process


def test_nothing_to_do_is_silent(tmp_path: Path) -> None:
    out, problems = run(tmp_path)
    assert list(out.iterdir()) == [] and problems == []


def test_it_imports_only_os_and_sys() -> None:
    code = (
        "import sys; before = set(sys.modules); sys.path.insert(0, sys.argv[1])\n"
        "import bbhv.engine.generator\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    said = subprocess.run([sys.executable, "-IS", "-c", code, ROOT], capture_output=True, text=True, check=True).stdout
    assert set(said.split()) - OS == {"bbhv", "bbhv.engine", "bbhv.engine.generator"}
