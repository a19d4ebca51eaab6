"""The archive and the extension: the same inputs give the same bytes, and what must be inside is inside."""

import ast
import importlib.util
import io
import marshal
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import CodeType

import pytest

import build

PYTHON = (sys.executable,)
LAUNCHER = build.ROOT / "sysext/usr/lib/systemd/system-generators/bitbuilder-generator"
RELEASE = build.ROOT / "sysext/usr/lib/extension-release.d/extension-release.bbhv"


@pytest.fixture(scope="module")
def archive() -> bytes:
    """The archive for the Python that runs this test."""
    return build.archive_bytes(PYTHON)


def opened(archive: bytes) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(archive))


def test_two_builds_of_the_archive_in_two_places_are_bit_identical(archive: bytes, tmp_path: Path) -> None:
    for part in ("bbhv", "schemas", "sysext"):
        shutil.copytree(build.ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    assert build.archive_bytes(PYTHON, tmp_path) == archive


def test_two_builds_of_the_extension_are_bit_identical(archive: bytes, tmp_path: Path) -> None:
    program = tmp_path / "bbhv"
    program.write_bytes(archive)
    program.chmod(0o755)
    images = [tmp_path / "one.raw", tmp_path / "two.raw"]
    for image in images:
        build.pack(program, image)
    assert images[0].read_bytes() == images[1].read_bytes()
    assert images[0].stat().st_size < 2_000_000


def test_the_archive_is_small_and_sorted_and_has_no_dates(archive: bytes) -> None:
    assert len(archive) < 1_100_000
    entries = opened(archive).infolist()
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert {(entry.date_time, entry.external_attr >> 16) for entry in entries} == {(build.EPOCH, 0o100644)}


def test_the_shortest_ways_through_the_program_do_not_decompress(archive: bytes) -> None:
    stored = {entry.filename for entry in opened(archive).infolist() if entry.compress_type == zipfile.ZIP_STORED}
    assert {"__main__.pyc", "bbhv/__main__.pyc", "bbhv/engine/generator.pyc"} <= stored


def test_every_module_is_in_the_archive_and_the_fast_ones_with_unchecked_bytecode_beside_them(archive: bytes) -> None:
    with opened(archive) as found:
        names = set(found.namelist())
        sources = {name for name in names if name.endswith(".py")}
        modules = {str(path.relative_to(build.ROOT)) for path in build.ROOT.glob("bbhv/**/*.py")}
        assert sources == modules | {"__main__.py"}
        fast = {name for name in sources if not name.startswith(build.SLOW)}
        assert {name for name in names if name.endswith(".pyc")} == {f"{name}c" for name in fast}
        for name in sorted(fast):
            code = found.read(f"{name}c")
            flags = int.from_bytes(code[4:8], "little")
            assert (code[:4], flags) == (importlib.util.MAGIC_NUMBER, 1)
            assert code[8:16] == importlib.util.source_hash(found.read(name))


def plain(source: str) -> tuple[str, list[int]]:
    """What a module does, and the line of each statement; a constant that nobody uses is none."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            body[:] = [one for one in body if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))]
    return ast.dump(tree), [node.lineno for node in ast.walk(tree) if isinstance(node, ast.stmt)]


def test_a_source_in_the_archive_does_the_same_in_the_same_lines() -> None:
    odd = '"""a # b\n"""\nx = "# c"  # d\n\n\ndef f():\n    "e"\n\n\nclass C: "f"\n'
    assert build.bare(odd) == '0\n\nx = "# c"\n\n\ndef f():\n    0\n\n\nclass C: 0\n'
    for path in sorted(build.ROOT.glob("bbhv/**/*.py")):
        source = path.read_text(encoding="utf-8")
        assert plain(build.bare(source)) == plain(source), path
        assert build.bare(source).count("\n") == source.count("\n"), path


def test_bytecode_names_its_source_by_the_installed_path(archive: bytes) -> None:
    with opened(archive) as found:
        code = marshal.loads(found.read("bbhv/errors.pyc")[16:])
    assert isinstance(code, CodeType)
    assert code.co_filename == "/usr/bin/bbhv/bbhv/errors.py"


def test_a_module_is_imported_from_its_bytecode_and_from_source_by_another_python(
    archive: bytes, tmp_path: Path
) -> None:
    foreign = tmp_path / "foreign"
    with opened(archive) as source, zipfile.ZipFile(foreign, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, b"\0\0\r\n" + data[4:] if name.endswith(".pyc") else data)
    native = tmp_path / "native"
    native.write_bytes(archive)
    probe = ("import sys; sys.path[:0] = sys.argv[1:]; from bbhv import errors; "
             "print(errors.BbhvError.__init__.__code__.co_filename)")
    seen = {
        place: subprocess.run([sys.executable, "-IS", "-c", probe, place], capture_output=True, text=True, timeout=60,
                              check=True).stdout.strip()
        for place in (native, foreign)
    }
    assert seen == {native: "/usr/bin/bbhv/bbhv/errors.py", foreign: f"{foreign}/bbhv/errors.py"}


def test_the_extension_fits_every_distribution_and_has_the_manager_reload() -> None:
    lines = RELEASE.read_text().splitlines()
    assert {"ID=_any", "EXTENSION_RELOAD_MANAGER=1"} <= set(lines)


def test_the_generator_launcher_does_nothing_where_the_archive_is_missing(tmp_path: Path) -> None:
    text = LAUNCHER.read_text()
    assert text.count(build.INSTALLED) == 1
    launcher = tmp_path / "launcher"
    launcher.write_text(text.replace(build.INSTALLED, str(tmp_path / "absent")))
    done = subprocess.run([sys.executable, "-IS", launcher, tmp_path], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_without_a_verb_the_help_fits_one_screen() -> None:
    done = subprocess.run([sys.executable, build.ROOT / "build.py"], capture_output=True, text=True, timeout=60,
                          check=False)
    assert done.returncode == 2
    assert len(done.stdout.splitlines()) <= 40
    assert all(f"\n    {verb}" in done.stdout for verb in build.VERBS)


def test_a_bench_is_chosen_by_its_name() -> None:
    assert build.parser().parse_args(["bench", "fuzz", "schema"]).only == ["fuzz", "schema"]
    assert build.parser().parse_args(["bench"]).only == []


def test_a_run_without_failures_in_its_report_that_failed_counts_as_a_failure(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text('<testsuites><testsuite tests="4" failures="1" errors="0" skipped="1"/></testsuites>')
    assert build.tally([report], failed=True) == build.Tally(passed=2, failed=2)
    assert build.tally([], failed=True) == build.Tally(passed=0, failed=1)
    assert build.tally([], failed=False) == build.Tally()
