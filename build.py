#!/usr/bin/env python3
"""Build, test, measure and show this project: the one entry point. `python3 build.py` lists the verbs.

Needs Python 3.11 and git, nothing else: every verb first makes what it needs and keeps it by its content, small things
in .cache/ and dist/, large ones in the machine's cache (tests/host/harness/cache.py). Two builds are bit-identical.
"""

import argparse
import ast
import base64
import io
import json
import lzma
import marshal
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import tokenize
import xml.etree.ElementTree as ElementTree
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from bbhv import importer
from tests.host.harness import cache, machine, trees
from tests.host.harness.shell import BuildError, Progress, run

ROOT = Path(__file__).resolve().parent
CACHE = ROOT / ".cache"
DIST = ROOT / "dist"
SHEBANG = b"#!/usr/bin/python3 -IS\n"
INSTALLED = "/usr/bin/bbhv"
EPOCH = (1980, 1, 1, 0, 0, 0)
# Two files that the archive has and the repository has not, or has empty.
DOORS = {
    "__main__.py": "from bbhv.__main__ import main\nmain()\n",
    "bbhv/__init__.py": "from bbhv.importer import install\ninstall(__spec__.loader)\n",
}
# What is source only: what only people wait for, and seldom. Bytecode is two thirds of the archive.
SLOW = (
    "bbhv/advice/", "bbhv/cli/pages/", "bbhv/formats/characters/", "bbhv/formats/images/", "bbhv/formats/pages/",
    *(f"bbhv/cli/{name}.py" for name in ("artefacts asking checking completion encrypting entering entries "
                                         "explaining figures folder formats help hooks inspecting making manual "
                                         "measuring monitoring planning plans purging receiving repositories "
                                         "shelf storing validating watching").split()),
    *(f"bbhv/formats/{name}.py" for name in ("openmetrics", "openpgp", "varlink_text", "versions", "schema/nearest")),
    "bbhv/kinds/workloads/vmspawn.py",
    *(f"bbhv/engine/{name}.py" for name in ("doctor", "metrics", "usage", "storage/arriving", "storage/download",
                                             "storage/unpack", "storage/vouching", "tenant/foreseeing", "tenant/holds",
                                             "tenant/purge", "tenant/volumes")),
    "bbhv/host/inspect.py",
    *(f"bbhv/model/{name}.py" for name in ("facts fleet imagetrust metrics planview rawimages sources "
                                           "template usage").split()),
)
# Of marshal. What later versions write depends on how often an object is used in this process.
FORMAT = 2
# How much bytes must have in common to count, and how many the dictionary takes at once. Measured: 5 % of all bytecode.
PART, PIECE = 8, 64
# Data inside the archive: a rescue shell and a laptop have this one file only.
DATA = ("schemas/*", "templates/**/*")
TIERS = ("unit", "host", "vm")
# What the tests inside a host import that is not ours.
KIT = ("pytest", "varlink")

# Runs in the Python that the archive is for: sources in, unchecked-hash bytecode out (PEP 552), both as JSON. Without
# columns, which only underline a place in a traceback, without docstrings and without the annotations of functions,
# which nobody reads when the program runs, it is a third smaller.
COMPILER = """
import ast, base64, importlib.util, json, marshal, sys
out = {}
for name, path, source in json.load(sys.stdin):
    tree = ast.parse(source, path)
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.returns = None
    code = compile(tree, path, "exec", dont_inherit=True, optimize=2)
    head = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + importlib.util.source_hash(source.encode())
    out[name] = base64.b64encode(head + marshal.dumps(code)).decode()
json.dump(out, sys.stdout)
"""


@dataclass(frozen=True, slots=True)
class Target:
    """What the product is built for: the command of a Python, and where the results go."""

    python: tuple[str, ...]
    dist: Path

    @property
    def archive(self) -> Path:
        """The zipapp."""
        return self.dist / "bbhv"

    @property
    def sysext(self) -> Path:
        """The extension image."""
        return self.dist / "bbhv.raw"


def release_target(release: str, progress: Progress) -> Target:
    """The target for a test host: bytecode by the Python of its own tree."""
    tree = trees.host_tree(release, progress)
    return Target(("chroot", str(tree), "/usr/bin/python3"), DIST / release)


# Artifacts


def kept(path: Path, key: str, make: Callable[[Path], None]) -> Path:
    """Make a file, unless it is there and was made from the same inputs. It appears whole or not at all."""
    stamp = CACHE / "keys" / str(path.resolve()).replace("/", "_")
    if path.exists() and stamp.exists() and stamp.read_text() == key:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    stamp.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=path.parent) as scratch:
        make(Path(scratch) / path.name)
        (Path(scratch) / path.name).rename(path)
    stamp.write_text(key)
    return path


def bare(source: str) -> str:
    """A module without its comments and docstrings, everything else in its line, so that tracebacks are right.

    In the archive it is for interpreters; people read the repository.
    """
    lines = source.split("\n")
    for node in ast.walk(ast.parse(source)):
        body = node.body if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) else []
        first = body[0] if body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            start, end = first.lineno - 1, first.end_lineno or first.lineno
            lines[start:end] = [lines[start][: first.col_offset] + "0", *[""] * (end - start - 1)]
    text = "\n".join(lines)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            lines[token.start[0] - 1] = lines[token.start[0] - 1][: token.start[1]].rstrip()
    return "\n".join(lines)


def compiled(python: tuple[str, ...], sources: Mapping[str, str]) -> dict[str, bytes]:
    """The .pyc files of sources for the given Python, by the path of the source."""
    wanted = json.dumps([(name, f"{INSTALLED}/{name}", source) for name, source in sorted(sources.items())])
    found = run([*python, "-IS", "-X", "no_debug_ranges", "-c", COMPILER], data=wanted).stdout
    return {name: base64.b64decode(code) for name, code in json.loads(found).items()}


def module_name(path: str) -> str:
    """What a source is called when it is imported."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def common(texts: Collection[bytes]) -> bytes:
    """A dictionary for zlib: pieces of texts whose parts are in many others, the best one last, where it costs least.

    A piece of which others have most already is left out.
    """
    def parts(piece: bytes) -> set[bytes]:
        return {piece[at:at + PART] for at in range(len(piece) - PART + 1)}

    known = [parts(text) for text in texts]
    shared = Counter(part for found in known for part in found)
    pieces = {text[at:at + PIECE] for text in texts for at in range(0, len(text), PIECE)}
    worth = {piece: sum(shared[part] - 1 for part in parts(piece)) for piece in pieces}
    chosen: list[bytes] = []
    taken: set[bytes] = set()
    for piece in sorted(pieces, key=lambda piece: (-worth[piece], piece)):
        new = parts(piece) - taken
        if 2 * sum(shared[part] - 1 for part in new) >= worth[piece]:
            chosen.append(piece)
            taken |= new
    return b"".join(chosen[:(1 << zlib.MAX_WBITS) // PIECE][::-1])


def deflated(texts: Mapping[str, bytes]) -> tuple[bytes, dict[str, bytes]]:
    """Texts that are alike, each deflated on its own with a dictionary, which comes first."""
    dictionary = common(texts.values())
    found = {}
    for name, text in texts.items():
        squeeze = zlib.compressobj(9, zdict=dictionary)
        found[name] = squeeze.compress(text) + squeeze.flush()
    return zlib.compress(dictionary, 9), found


def library(sources: Mapping[str, str], code: Mapping[str, bytes]) -> dict[str, bytes]:
    """The two files of the archive that bbhv/importer.py imports modules from."""
    fast = {path: source for path, source in sources.items() if not path.startswith(SLOW)}
    slow = {path: source for path, source in sources.items() if path not in fast}
    dictionary, found = deflated({path: code[path][16:] for path in fast})
    pieces = {module_name(path): (path.endswith("/__init__.py"), found.get(path)) for path in sources}
    magic = next(iter(code.values()))[:4]
    return {
        importer.MODULES: marshal.dumps((magic, dictionary, pieces, texts(slow)), FORMAT),
        importer.SOURCES: texts(fast),
    }


def texts(sources: Mapping[str, str]) -> bytes:
    """Sources together, by the names of their modules."""
    named = {module_name(path): source for path, source in sources.items()}
    return lzma.compress(marshal.dumps(named, FORMAT), preset=9 | lzma.PRESET_EXTREME)


def archive_bytes(python: tuple[str, ...], root: Path = ROOT) -> bytes:
    """The zipapp: the modules as bbhv/importer.py wants them, those of the shortest ways as plain files, the data."""
    sources = {str(path.relative_to(root)): bare(path.read_text()) for path in sorted(root.glob("bbhv/**/*.py"))}
    code = compiled(python, sources | DOORS)
    files = library({path: source for path, source in sources.items() if path not in DOORS}, code)
    for path, source in (sources | DOORS).items():
        if path in DOORS or module_name(path) in importer.SHORT:
            files.update({path: source.encode(), f"{path}c": code[path]})
    for top in (root, root / "sysext/usr/lib/bitbuilder"):
        found = [path for pattern in DATA for path in sorted(top.glob(pattern)) if path.is_file()]
        files.update((str(path.relative_to(top)), path.read_bytes()) for path in found)
    out = io.BytesIO()
    out.write(SHEBANG)
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name, EPOCH)
            # The shortest ways need no zlib, and what is compressed already does not shrink.
            plain = name.endswith(".pyc") or name in (importer.MODULES, importer.SOURCES)
            entry.compress_type = zipfile.ZIP_STORED if plain else zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, data, compresslevel=9)
    return out.getvalue()


def zipapp(target: Target, progress: Progress) -> Path:
    """dist/bbhv, for the Python of the target."""
    version = run([*target.python, "-IS", "-c", "import sys; print(sys.version, sys.implementation.cache_tag)"]).stdout
    key = cache.digest(version, cache.digest_files(ROOT, "bbhv/**/*.py", "build.py", "schemas/*", "sysext/**/*"))

    def make(path: Path) -> None:
        with progress.step(f"writing {target.archive.relative_to(ROOT)} for Python {version.split()[0]}"):
            path.write_bytes(archive_bytes(target.python))
            path.chmod(0o755)

    return kept(target.archive, key, make)


def made_of_tables() -> dict[str, str]:
    """The files of the extension that the program's own tables are made into: its manual pages and its completion."""
    from bbhv.cli import completion, manual

    return {**manual.files(), "usr/share/bash-completion/completions/bbhv": completion.bash_completion()}


def stage(archive: Path, tree: Path) -> None:
    """Lay out the extension: the archive, sysext/, units/, schemas/ and what is made of tables, whatever the umask."""
    layers = {"sysext": "", "units": "usr/lib/systemd/system", "schemas": "usr/lib/bitbuilder/schemas"}
    for source, where in layers.items():
        shutil.copytree(ROOT / source, tree / where, symlinks=True, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for name, text in made_of_tables().items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text, encoding="ascii")
    (tree / INSTALLED[1:]).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(archive, tree / INSTALLED[1:])
    for path in [tree, *tree.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def pack(archive: Path, image: Path) -> None:
    """Write the extension image around an archive."""
    # mksquashfs does not accept this variable beside its own options for times.
    environment = {key: value for key, value in os.environ.items() if key != "SOURCE_DATE_EPOCH"}
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch) / "tree"
        stage(archive, tree)
        run(["mksquashfs", tree, image, "-quiet", "-no-progress", "-all-root", "-no-xattrs", "-comp", "zstd",
             "-mkfs-time", "0", "-all-time", "0", "-processors", "1"], env=environment)
    image.chmod(0o644)


def sysext(target: Target, progress: Progress) -> Path:
    """dist/bbhv.raw: the product as one squashfs image."""
    archive = zipapp(target, progress)
    layers = cache.digest_files(ROOT, "sysext/**/*", "units/**/*", "schemas/**/*", "build.py")

    def make(path: Path) -> None:
        with progress.step(f"writing {target.sysext.relative_to(ROOT)}"):
            pack(archive, path)

    return kept(target.sysext, cache.digest(cache.digest(archive.read_bytes()), layers), make)


def testkit(progress: Progress) -> Path:
    """dist/bbhv-testkit.pyz: the tests that run inside a host and what they import, in one file."""
    python = machine.venv(ROOT, progress)
    sources = ("tests/__init__.py", "tests/host/__init__.py", "tests/host/inside/**/*")
    key = cache.digest(cache.digest_files(ROOT, *sources, "build.py"), (ROOT / ".venv/packages").read_text())

    def make(path: Path) -> None:
        with progress.step("writing dist/bbhv-testkit.pyz"), tempfile.TemporaryDirectory() as scratch:
            site = Path(scratch) / "site"
            run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", site, *KIT])
            for name in ("tests/__init__.py", "tests/host/__init__.py"):
                (site / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, site / name)
            shutil.copytree(ROOT / "tests/host/inside", site / "tests/host/inside",
                            ignore=shutil.ignore_patterns("__pycache__"))
            if native := sorted(site.rglob("*.so")):
                raise BuildError(f"The test kit must run on every Python, but {native[0].name} is native code.")
            run([python, "-m", "shiv", "--site-packages", site, "--reproducible", "--compressed",
                 "--python", "/usr/bin/env python3", "--entry-point", "tests.host.inside.kit:main", "-o", path])

    return kept(DIST / "bbhv-testkit.pyz", key, make)


# Tests


@dataclass(frozen=True, slots=True)
class Tally:
    """How many tests passed and failed. A skipped test counts as failed: it saw nothing."""

    passed: int = 0
    failed: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.passed + other.passed, self.failed + other.failed)


def tally(reports: Sequence[Path], failed: bool) -> Tally:
    """The sum of JUnit reports. A run that failed without a failed test in its reports counts as one failure."""
    passed = bad = 0
    for report in reports:
        for suite in ElementTree.parse(report).iter("testsuite"):
            wrong = sum(int(suite.get(what, "0")) for what in ("failures", "errors", "skipped"))
            bad += wrong
            passed += int(suite.get("tests", "0")) - wrong
    return Tally(passed, bad or int(failed))


def reports_directory(name: str) -> Path:
    """An empty directory for the reports of one run."""
    path = CACHE / "reports" / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def test_unit(options: argparse.Namespace, progress: Progress) -> Tally:
    """The pure and fast tests, and the linters, which are tests."""
    machine.provide(progress)
    python, reports = machine.venv(ROOT, progress), reports_directory("unit")
    argv = [str(python), "-m", "pytest", "tests/unit", f"--junitxml={reports}/unit.xml", *_selection(options)]
    status = subprocess.run(argv, cwd=ROOT, check=False).returncode
    return tally(sorted(reports.glob("*.xml")), status != 0)


def test_host(options: argparse.Namespace, progress: Progress) -> Tally:
    """The tests on real hosts, all releases at once: those inside, through the test kit, then those from outside."""
    machine.prepare_hosts(progress)
    python, kit = machine.venv(ROOT, progress), testkit(progress)
    trees.guest(progress)
    runs = []
    for release in options.release or trees.RELEASES:
        image, reports = sysext(release_target(release, progress), progress), reports_directory(release)
        argv = [python, "-m", "tests.host.harness.runner", release, image, kit, reports, "--", *_selection(options)]
        runs.append((release, reports, [str(word) for word in argv]))
    results: list[Tally] = []

    def follow(release: str, reports: Path, argv: list[str]) -> None:
        status = relay(argv, f"[{release}] ")
        results.append(tally(sorted(reports.glob("*.xml")), status != 0))

    threads = [threading.Thread(target=follow, args=arguments) for arguments in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(results, Tally())


def test_vm(_options: argparse.Namespace, _progress: Progress) -> Tally:
    """The tests in a virtual machine of its own kernel."""
    raise BuildError("It has no tests yet.")


def relay(argv: list[str], prefix: str, out: TextIO = sys.stdout) -> int:
    """Run a program and pass its lines on with a prefix. Returns its exit status."""
    process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               errors="replace", bufsize=1)
    with process:
        assert process.stdout
        for line in process.stdout:
            print(prefix + line, end="", file=out, flush=True)
    return process.returncode


def _selection(options: argparse.Namespace) -> list[str]:
    return [*(["-k", options.k] if options.k else []), *options.rest]


# Verbs


def verb_setup(_options: argparse.Namespace, progress: Progress) -> int:
    """install what development needs: .venv, and as root the Debian packages"""
    machine.venv(ROOT, progress)
    machine.provide(progress)
    progress.say("Ready.")
    return 0


def _target(options: argparse.Namespace, progress: Progress) -> Target:
    if options.for_release:
        machine.prepare_hosts(progress)
        return release_target(options.for_release, progress)
    return Target(tuple(options.python.split()), DIST)


def verb_zipapp(options: argparse.Namespace, progress: Progress) -> int:
    """dist/bbhv: the program, one file"""
    print(zipapp(_target(options, progress), progress))
    return 0


def verb_sysext(options: argparse.Namespace, progress: Progress) -> int:
    """dist/bbhv.raw: the product, one extension image"""
    machine.provide(progress)
    print(sysext(_target(options, progress), progress))
    return 0


def verb_testkit(_options: argparse.Namespace, progress: Progress) -> int:
    """dist/bbhv-testkit.pyz: the tests for inside a host and what they import, one file"""
    print(testkit(progress))
    return 0


def verb_test(options: argparse.Namespace, progress: Progress) -> int:
    """run tests: unit, host, vm; without a tier unit and host"""
    tiers = {"unit": test_unit, "host": test_host, "vm": test_vm}
    total = Tally()
    for tier in [options.tier] if options.tier else ["unit", "host"]:
        progress.say(f"Tests: {tier}")
        try:
            total += tiers[tier](options, progress)
        except BuildError as error:
            print(f"The tier {tier} cannot run. {error}", file=sys.stderr)
            total += Tally(failed=1)
    print(f"{total.passed} passed, {total.failed} failed", flush=True)
    return int(total.failed > 0 or total.passed == 0)


def verb_lint(_options: argparse.Namespace, progress: Progress) -> int:
    """mypy --strict over bbhv/, build.py and tests/"""
    return subprocess.run([machine.venv(ROOT, progress), "-m", "mypy"], cwd=ROOT, check=False).returncode


def verb_demo(options: argparse.Namespace, progress: Progress) -> int:
    """show it all on a throw-away host"""
    from tests.host.harness import demo
    from tests.host.harness.host import Host

    machine.prepare_hosts(progress)
    release = options.for_release or "sid"
    image = sysext(release_target(release, progress), progress)
    with Host(release, progress=progress) as host:
        demo.run(host, image, progress)
    return 0


def verb_shell(options: argparse.Namespace, progress: Progress) -> int:
    """boot a throw-away host with the product, for a shell or the command after --"""
    from tests.host.harness.host import Host

    machine.prepare_hosts(progress)
    release = options.for_release or "sid"
    image = sysext(release_target(release, progress), progress)
    with Host(release, progress=progress) as host:
        with progress.step(f"booting {host.name}"):
            host.install(image)
            host.boot(expect=None)
        argv = host.command(options.rest or ["bash", "-l"], {"TERM": os.environ.get("TERM", "dumb")})
        return subprocess.run(argv, check=False).returncode


def verb_bench(options: argparse.Namespace, progress: Progress) -> int:
    """measure what must be fast; results in dist/bench/"""
    from tests.host.harness import bench

    machine.prepare_hosts(progress)
    python = machine.venv(ROOT, progress)
    sysext(Target(tuple(options.python.split()), DIST), progress)
    for release in trees.RELEASES:
        sysext(release_target(release, progress), progress)
    return bench.run_all(ROOT, python, DIST, [*options.only, *options.rest])


def verb_clean(options: argparse.Namespace, progress: Progress) -> int:
    """remove dist/, .cache/ and .venv/; with --all also the machine's cache of trees"""
    for path in (DIST, CACHE, ROOT / ".venv", *ROOT.rglob("__pycache__"), *([cache.home()] if options.all else [])):
        if path.exists():
            progress.say(f"removing {path}")
            shutil.rmtree(path)
    return 0


VERBS: dict[str, Callable[[argparse.Namespace, Progress], int]] = {
    name.removeprefix("verb_"): function for name, function in list(globals().items()) if name.startswith("verb_")
}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="build.py", description="Build, test, measure and show this project.",
                                  epilog="Every verb makes what it needs first. After --: arguments for pytest or "
                                         "the command.")
    verbs = top.add_subparsers(dest="verb", metavar="VERB")
    for name, function in VERBS.items():
        text = (function.__doc__ or "").strip()
        verb = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        verb.set_defaults(run=function)
        if name in ("zipapp", "sysext", "bench"):
            verb.add_argument("--python", default="/usr/bin/python3", metavar="CMD",
                              help="the Python that the bytecode is for (default: %(default)s)")
        if name in ("zipapp", "sysext", "demo", "shell"):
            verb.add_argument("--release", dest="for_release", choices=trees.RELEASES, help="for this test host")
        if name == "test":
            verb.add_argument("tier", nargs="?", choices=TIERS)
            verb.add_argument("--release", action="append", choices=trees.RELEASES, help="only on this test host")
            verb.add_argument("-k", metavar="EXPRESSION", help="only tests that match")
        if name == "bench":
            verb.add_argument("only", nargs="*", metavar="BENCH", help="only these, such as fuzz (default: all)")
        if name == "clean":
            verb.add_argument("--all", action="store_true", help="also the cached trees, which take a minute to make")
    return top


def main(arguments: list[str]) -> int:
    """The entry point; returns the exit status."""
    rest: list[str] = []
    if "--" in arguments:
        cut = arguments.index("--")
        arguments, rest = arguments[:cut], arguments[cut + 1:]
    top = parser()
    options = top.parse_args(arguments, argparse.Namespace(rest=rest))
    if not options.verb:
        top.print_help()
        return 2
    try:
        return int(options.run(options, Progress()))
    except BuildError as error:
        print(f"build.py {options.verb}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main(sys.argv[1:]))
