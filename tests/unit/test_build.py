"""The archive and the extension: the same inputs give the same bytes, and what must be inside is inside."""

import ast
import importlib.util
import io
import lzma
import marshal
import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path
from types import CodeType

import pytest

import build
from bbhv import importer

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
    assert len(archive) < 1_140_000  # and then it is below 1.18 MB for Python 3.14, whose bytecode is the largest
    entries = opened(archive).infolist()
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert {(entry.date_time, entry.external_attr >> 16) for entry in entries} == {(build.EPOCH, 0o100644)}


def modules() -> dict[str, str]:
    """The text that the archive should have of each module, by its name; the package itself is one of the doors."""
    paths = {str(path.relative_to(build.ROOT)): path for path in build.ROOT.glob("bbhv/**/*.py")}
    return {build.module_name(name): build.bare(path.read_text()) for name, path in paths.items()
            if name not in build.DOORS}


def test_the_shortest_ways_through_the_program_do_not_decompress(archive: bytes) -> None:
    stored = {entry.filename for entry in opened(archive).infolist() if entry.compress_type == zipfile.ZIP_STORED}
    files = {"bbhv/__init__.pyc", "bbhv/__main__.pyc", "bbhv/engine/__init__.pyc", "bbhv/engine/generator.pyc",
             "bbhv/importer.pyc", "bbhv/version.pyc"}
    assert stored == files | {"__main__.pyc", importer.MODULES, importer.SOURCES}
    assert {build.module_name(name.removesuffix("c")) for name in files} == importer.SHORT


def test_a_file_that_is_imported_from_the_archive_is_there_as_source_and_as_unchecked_bytecode(archive: bytes) -> None:
    with opened(archive) as found:
        names = {name for name in found.namelist() if name.endswith(".pyc")}
        assert names == {f"{name}c" for name in found.namelist() if name.endswith(".py")}
        for name in names:
            code = found.read(name)
            flags = int.from_bytes(code[4:8], "little")
            assert (code[:4], flags) == (importlib.util.MAGIC_NUMBER, 1)
            assert code[8:16] == importlib.util.source_hash(found.read(name.removesuffix("c")))


def test_every_module_is_in_the_archive_the_fast_ones_as_bytecode_and_all_of_them_as_source(archive: bytes) -> None:
    with opened(archive) as found:
        magic, dictionary, pieces, others = marshal.loads(found.read(importer.MODULES))
        sources = marshal.loads(lzma.decompress(found.read(importer.SOURCES)))
    assert magic == importlib.util.MAGIC_NUMBER
    slow = {build.module_name(str(path.relative_to(build.ROOT))) for path in build.ROOT.glob("bbhv/**/*.py")
            if str(path.relative_to(build.ROOT)).startswith(build.SLOW)}
    assert slow and {name for name, (_, piece) in pieces.items() if piece is None} == slow
    assert {**sources, **marshal.loads(lzma.decompress(others))} == modules()
    assert pieces.keys() == modules().keys() and sources.keys() == pieces.keys() - slow
    for name, (package, piece) in pieces.items():
        path = f"{name.replace('.', '/')}{'/__init__' if package else ''}.py"
        assert (build.ROOT / path).is_file()
        if piece:
            code = zlib.decompressobj(zdict=zlib.decompress(dictionary)).decompress(piece)
            assert marshal.loads(code).co_filename == f"{build.INSTALLED}/{path}"


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


def for_another_python(archive: bytes) -> bytes:
    """The archive as a Python of another magic number finds it."""
    out = io.BytesIO(build.SHEBANG)
    out.seek(0, io.SEEK_END)
    with opened(archive) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == importer.MODULES:
                data = marshal.dumps((b"\0\0\r\n", *marshal.loads(data)[1:]), 2)
            target.writestr(name, b"\0\0\r\n" + data[4:] if name.endswith(".pyc") else data)
    return out.getvalue()


@pytest.fixture(scope="module")
def archives(archive: bytes, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two files: the archive with bytecode for this Python, and one with bytecode for another."""
    folder = tmp_path_factory.mktemp("archives")
    found = {"native": folder / "native", "foreign": folder / "foreign"}
    found["native"].write_bytes(archive)
    found["foreign"].write_bytes(for_another_python(archive))
    return found


def python(*words: str | Path, status: int = 0) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-IS", *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == status, done.stderr
    return done.stdout


def test_every_module_can_be_imported_from_its_bytecode_and_from_source_by_another_python(
    archives: dict[str, Path]
) -> None:
    probe = ("import importlib, sys; sys.path[:0] = [sys.argv[1]]\n"
             "for name in sys.argv[2:]:\n    module = importlib.import_module(name)\n"
             "    print(name, module.__file__, *getattr(module, '__path__', []))\n"
             "print(sys.modules['bbhv.errors'].BbhvError.__init__.__code__.co_filename)")
    for way, place in archives.items():
        said = python("-c", probe, place, *modules()).splitlines()
        assert said.pop() == f"{build.INSTALLED if way == 'native' else place}/bbhv/errors.py"
        assert len(said) == len(modules())
        for line in said:
            name, file, *below = line.split()
            path = file.removeprefix(f"{place}/").removesuffix("c")
            assert path.endswith(".py") and build.module_name(path) == name
            assert (build.ROOT / path).is_file()
            assert below == ([os.path.dirname(f"{place}/{path}")] if path.endswith("/__init__.py") else [])


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["help", "status"], ["explain"], ["validate", "/usr"]])
def test_the_program_says_the_same_with_another_python(archives: dict[str, Path], words: list[str]) -> None:
    said = [python(path, *words, status=3 * ("validate" in words)) for path in archives.values()]
    assert said[0] and said[0] == said[1]


def test_the_generator_runs_with_another_python_and_reads_no_more_of_the_archive_with_its_own(
    archives: dict[str, Path], tmp_path: Path
) -> None:
    probe = ("import sys; sys.path[:0] = [sys.argv.pop(1)]; from bbhv.engine import generator\n"
             "print(generator.main(sys.argv[1:]), {'zlib', 'lzma', 'typing'} & sys.modules.keys())")
    assert python("-c", probe, archives["native"], tmp_path, tmp_path, tmp_path) == "0 set()\n"
    launcher = tmp_path / "launcher"
    launcher.write_text(LAUNCHER.read_text().replace(build.INSTALLED, str(archives["foreign"])))
    assert python(launcher, tmp_path, tmp_path, tmp_path) == ""


@pytest.mark.parametrize("way", ["native", "foreign"])
@pytest.mark.parametrize("change", ["replaced", "removed"])
def test_an_archive_that_goes_away_gives_nothing_wrong_to_who_has_begun(
    archives: dict[str, Path], way: str, change: str, tmp_path: Path
) -> None:
    place = tmp_path / "bbhv"
    shutil.copy(archives[way], place)
    probe = """
import importlib, os, sys
sys.path[:0] = [sys.argv[1]]
import bbhv.errors
os.unlink(sys.argv[1])
if sys.argv[2] == "replaced":
    with open(sys.argv[1], "wb") as file:
        file.write(bytes(2_000_000))
for name in sys.argv[3:]:
    importlib.import_module(name)
try:
    sys.modules["bbhv.names"].parse_name("A B")
except Exception:
    import traceback
    print(traceback.format_exc())
"""
    said = python("-c", probe, place, change, *modules())
    assert "bbhv.names.InvalidNameError" in said


@pytest.mark.parametrize("packed", [
    b"", b"no xz", lzma.compress(b""), lzma.compress(b"?"), lzma.compress(marshal.dumps({"a": "b"})[:-1]),
    lzma.compress(marshal.dumps(5)), lzma.compress(marshal.dumps({})),
])  # fmt: skip
def test_sources_that_are_damaged_are_told_from_a_defect(archive: bytes, packed: bytes, tmp_path: Path) -> None:
    place = tmp_path / "bbhv"
    with opened(archive) as source, zipfile.ZipFile(place, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == importer.MODULES:
                data = marshal.dumps((*marshal.loads(data)[:3], packed), 2)
            target.writestr(name, packed if name == importer.SOURCES else data)
    found = importer.Archive(str(place))
    for name in ("bbhv.names", "bbhv.formats.versions"):
        with pytest.raises(ImportError, match="is damaged, or was replaced: ."):
            found.get_source(name)
    place.unlink()
    with pytest.raises(ImportError, match="is damaged, or was replaced: .|can't read"):
        found.get_source("bbhv.names")


@pytest.mark.parametrize("way", ["native", "foreign"])
def test_a_traceback_shows_the_lines_of_fast_and_of_slow_modules(archives: dict[str, Path], way: str) -> None:
    probe = ("import sys, traceback; sys.path[:0] = [sys.argv[1]]\n"
             "from bbhv import names\nfrom bbhv.formats import versions\n"
             "for wrong in (lambda: names.parse_name('A B'), lambda: versions.compare(1, 2)):\n"
             "    try: wrong()\n    except Exception: print(traceback.format_exc())\n")
    said = python("-c", probe, archives[way])
    assert "bbhv/names.py\", line" in said and "    raise InvalidNameError(" in said
    _, _, after = said.rpartition("bbhv/formats/versions.py\", line ")
    number, line = after.splitlines()[0].split(",")[0], after.splitlines()[1].strip()
    assert line == (build.ROOT / "bbhv/formats/versions.py").read_text().splitlines()[int(number) - 1].strip()


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
