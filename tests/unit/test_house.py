"""The house of DESIGN.md section 10, enforced: floors, purity, sizes, one owner for each dangerous thing.

The rules read the syntax trees, so an import inside a function or under TYPE_CHECKING counts like any other.
"""

import ast
import importlib
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WORDS, FORMATS, KINDS, MODEL, HOST, ENGINE, DOORS, ENTRY = range(8)
FLOORS = {
    "bbhv": WORDS, "bbhv.errors": WORDS, "bbhv.findings": WORDS, "bbhv.names": WORDS, "bbhv.formats": FORMATS,
    "bbhv.kinds": KINDS, "bbhv.model": MODEL, "bbhv.advice": MODEL, "bbhv.host": HOST, "bbhv.engine": ENGINE,
    "bbhv.ipc": DOORS, "bbhv.cli": DOORS, "bbhv.__main__": ENTRY, "bbhv.importer": ENTRY,
}
# What touches the system. Time counts: the same input must give the same bytes.
EFFECTS = frozenset(
    "asyncio concurrent ctypes fcntl getpass glob grp http io locale logging mmap multiprocessing os pathlib platform "
    "posix pwd random resource select selectors shutil signal socket socketserver sqlite3 ssl subprocess sys syslog "
    "tarfile tempfile termios threading time urllib uuid zipfile".split()
)
EFFECT_CALLS = frozenset({"open", "print", "input", "exec", "eval", "__import__", "breakpoint"})
STARTS_PROGRAMS = frozenset(
    "system popen fork forkpty posix_spawn posix_spawnp execv execve execvp execvpe spawnv spawnve spawnl".split()
)
# Beginnings of the names by which a test would avoid seeing the real thing.
EVASIONS = ("monkey", "Magic", "skip", "xfa", "importorsk", "sleep", "unittest")


@dataclass(frozen=True, slots=True)
class Module:
    """One source file: its dotted name, its text and its syntax tree."""

    name: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        return self.text.count("\n")

    @property
    def floor(self) -> int:
        return floor(self.name)


def load(path: Path) -> Module:
    parts = path.relative_to(ROOT).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    text = path.read_text(encoding="utf-8")
    return Module(name, path, text, ast.parse(text, str(path)))


def floor(name: str) -> int:
    """The floor of a module: its own entry, else that of the nearest folder; a file that lies freely is a word."""
    while name not in FLOORS:
        name = name.rpartition(".")[0]
    return FLOORS[name]


MODULES = {module.name: module for module in map(load, sorted((ROOT / "bbhv").rglob("*.py")))}
TESTS = [load(path) for path in sorted((ROOT / "tests").rglob("*.py"))]


def imported(tree: ast.AST, module: str, package: bool = False) -> Iterator[tuple[int, str]]:
    """Line and absolute dotted name of everything that a syntax tree imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                parts = parts[: len(parts) - node.level + package]
                base = ".".join([*parts, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def imports(module: Module) -> Iterator[tuple[str, str]]:
    """Place and target of each import: the module's name for ours, else the name as written."""
    for line, target in imported(module.tree, module.name, module.path.name == "__init__.py"):
        if target.split(".")[0] == "bbhv":
            while target not in MODULES and "." in target:
                target = target.rpartition(".")[0]
        yield f"{module.path.relative_to(ROOT)}:{line}", target


def calls(module: Module) -> Iterator[tuple[str, str]]:
    """Place and full name of each call."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            yield f"{module.path.relative_to(ROOT)}:{node.lineno}", ast.unparse(node.func)


def functions() -> Iterator[tuple[int, str]]:
    """Length and place of each function."""
    for module in MODULES.values():
        for node in ast.walk(module.tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                size = (node.end_lineno or node.lineno) - node.lineno + 1
                yield size, f"{module.path.relative_to(ROOT)}:{node.lineno} {node.name}"


def test_relative_imports_are_resolved() -> None:
    source = "from ..names import x\nfrom . import unitfile\nimport os\nif os:\n  from ..engine.sync import run"
    tree = ast.parse(source)
    assert [target for _, target in imported(tree, "bbhv.formats.git")] == [
        "bbhv.names.x", "bbhv.formats.unitfile", "os", "bbhv.engine.sync.run"
    ]
    tree = ast.parse("from .sync import run")
    assert [target for _, target in imported(tree, "bbhv.engine", package=True)] == ["bbhv.engine.sync.run"]


def test_modules_have_the_floor_of_their_folder() -> None:
    names = ("bbhv.names", "bbhv.formats.unitfile", "bbhv.model.compile", "bbhv.host.run", "bbhv.cli", "bbhv.__main__")
    assert [floor(name) for name in names] == [WORDS, FORMATS, MODEL, HOST, DOORS, ENTRY]


def test_a_module_imports_only_from_its_own_floor_and_those_above() -> None:
    wrong = [
        f"{place} imports {target}" for module in MODULES.values() for place, target in imports(module)
        if target in MODULES and MODULES[target].floor > module.floor
    ]
    assert wrong == []


def test_there_is_no_import_cycle() -> None:
    graph = {module.name: {target for _, target in imports(module) if target in MODULES} for module in MODULES.values()}
    try:
        TopologicalSorter({name: targets - {name} for name, targets in graph.items()}).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_only_the_standard_library_is_imported() -> None:
    known = sys.stdlib_module_names | {"bbhv"}
    wrong = [f"{place} {target}" for module in MODULES.values() for place, target in imports(module)
             if target.split(".")[0] not in known]
    assert wrong == []


def test_the_pure_floors_touch_nothing() -> None:
    wrong = []
    for module in MODULES.values():
        if module.floor <= MODEL:
            wrong += [f"{place} imports {target}" for place, target in imports(module)
                      if target.split(".")[0] in EFFECTS]
            wrong += [f"{place} calls {name}" for place, name in calls(module) if name in EFFECT_CALLS]
    assert wrong == []


def test_the_pure_floors_are_at_least_half_of_the_code() -> None:
    total = sum(module.lines for module in MODULES.values())
    pure = sum(module.lines for module in MODULES.values() if module.floor <= MODEL)
    assert pure * 2 >= total, f"{pure} of {total} lines are pure"


def test_one_module_starts_programs() -> None:
    owners = {place.split(":")[0] for module in MODULES.values() for place, target in imports(module)
              if target.split(".")[0] in ("subprocess", "multiprocessing", "pty", "asyncio")}
    owners |= {place.split(":")[0] for module in MODULES.values() for place, name in calls(module)
               if name.startswith(("os.", "posix.")) and name.split(".")[-1] in STARTS_PROGRAMS}
    assert owners == {"bbhv/host/run.py"}


def test_one_place_exits() -> None:
    exits = [place for module in MODULES.values() for place, name in calls(module)
             if name in ("sys.exit", "exit", "quit", "os._exit")]
    for module in MODULES.values():
        exits += [f"{module.path.relative_to(ROOT)}:{node.lineno}" for node in ast.walk(module.tree)
                  if isinstance(node, ast.Raise) and node.exc and "SystemExit" in ast.unparse(node.exc)]
    assert [place.split(":")[0] for place in exits] == ["bbhv/__main__.py"], exits


def test_no_module_and_no_function_is_too_long() -> None:
    wrong = [f"{module.path.relative_to(ROOT)} has {module.lines} lines" for module in MODULES.values()
             if module.lines > 450]
    wrong += [f"{place} has {size} lines" for size, place in functions() if size > 60]
    assert wrong == []


def test_functions_are_short_as_a_rule() -> None:
    sizes = sorted(size for size, _ in functions())
    assert statistics.median(sizes) <= 10
    assert sizes[int(len(sizes) * 0.9)] <= 30


def test_every_module_says_what_it_promises_and_packages_are_empty() -> None:
    wrong = []
    for module in MODULES.values():
        if module.path.name == "__init__.py":
            wrong += [str(module.path)] if module.text else []
        elif not ast.get_docstring(module.tree):
            wrong.append(f"{module.path} has no docstring")
    assert wrong == []


def test_nothing_is_left_undone() -> None:
    marks = ("TODO", "FIXME", "XXX", "HACK", "NotImplementedError", "type: ignore", "noqa")
    wrong = [f"{module.path.relative_to(ROOT)}:{number} {mark}" for module in MODULES.values()
             for number, line in enumerate(module.text.splitlines(), 1) for mark in marks if mark in line]
    assert wrong == []


def test_the_dataclasses_of_the_pure_floors_are_frozen() -> None:
    wrong = []
    for module in filter(lambda module: module.floor <= MODEL, MODULES.values()):
        for node in filter(lambda node: isinstance(node, ast.ClassDef), ast.walk(module.tree)):
            assert isinstance(node, ast.ClassDef)
            for text in map(ast.unparse, node.decorator_list):
                if text.startswith("dataclass") and not ("frozen=True" in text and "slots=True" in text):
                    wrong.append(f"{module.path.relative_to(ROOT)}:{node.lineno} {text}")
    assert wrong == []


def test_lines_fit() -> None:
    wrong = [f"{module.path.relative_to(ROOT)}:{number} has {len(line)} characters"
             for module in [*MODULES.values(), *TESTS, load(ROOT / "build.py")]
             for number, line in enumerate(module.text.splitlines(), 1) if len(line) > 120]
    assert wrong == []


def test_no_test_looks_away() -> None:
    wrong = []
    for module in TESTS:
        for node in ast.walk(module.tree):
            names = [node.attr] if isinstance(node, ast.Attribute) else []
            names += [node.id] if isinstance(node, ast.Name) else []
            names += [node.arg] if isinstance(node, ast.arg) else []
            wrong += [f"{module.path.relative_to(ROOT)} {name}" for name in names if name.startswith(EVASIONS)]
        wrong += [f"{place} {target}" for place, target in imports(module)
                  if any(part.startswith(EVASIONS) for part in target.split("."))]
    assert wrong == []


def programs_of(module: Module) -> Iterator[str]:
    """The texts in a module that are programs of their own, which the type checker does not see."""
    for node in ast.walk(module.tree):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and "\nfrom bbhv." in text and "\nprint(" in text:
            yield text


def test_programs_inside_of_tests_import_what_there_is() -> None:
    found = [(module.name, name) for module in TESTS for text in programs_of(module)
             for _, name in imported(ast.parse(text), module.name) if name.startswith("bbhv.")]
    assert len(found) > 5
    for where, name in found:
        module, _, attribute = name.rpartition(".")
        assert name in MODULES or hasattr(importlib.import_module(module), attribute), f"{where}: {name}"


def test_the_types_are_strict() -> None:
    done = subprocess.run([sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True, timeout=600,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr
