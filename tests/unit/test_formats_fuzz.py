"""Every reader of untrusted bytes against mutated input: nothing but its documented error, and no promise broken.

The rows are in tests/fuzz; `build.py bench fuzz` runs them longer.
"""

import ast
import random
from pathlib import Path

import pytest

from bbhv.formats import conffile
from tests.fuzz import targets
from tests.fuzz.mutate import mutated
from tests.fuzz.targets import TARGETS, Target

FORMATS = Path(conffile.__file__).parent


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_reader_takes_any_bytes(target: Target) -> None:
    accepted = sum(target.check(data) for data in mutated(target.seeds(), target.rounds))
    assert accepted >= target.floor


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_reader_takes_good_input_cut_off_anywhere(target: Target) -> None:
    data = min(target.seeds(), key=len)
    for length in range(0, len(data), max(1, len(data) // 200)):
        target.check(data[:length])


# What is read through another module, or below, or is no reader.
ELSEWHERE = {"conffile", "gitconfig", "jsonscan", "jsonvalue", "nft", "nsswitch", "rtnetlink", "images/verity"}


def test_every_reader_has_a_row() -> None:
    imported = {
        f"{node.module}.{name.name}" for path in Path(targets.__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom)
        for name in node.names
    }  # fmt: skip
    named = {name.removeprefix("bbhv.formats.").replace(".", "/") for name in imported}
    paths = (*FORMATS.glob("*.py"), *FORMATS.glob("images/*.py"))
    found = {str(path.relative_to(FORMATS).with_suffix("")) for path in paths if path.stem != "__init__"}
    assert {one for one in found if not any(f"{name}/".startswith(f"{one}/") for name in named)} == ELSEWHERE


def test_configuration_listings() -> None:
    rng = random.Random(4)
    parts = ["/etc/x", "/run/x", "/usr/x", "/", "a.conf", "a.conf.d", "b.conf", ".conf", "..", "\udcff.conf", ""]
    for _ in range(2500):
        files: dict[str, bytes | None] = {
            "/".join(rng.choices(parts, k=rng.randint(1, 4))): rng.choice((None, b"", b"x")) for _ in range(8)
        }
        chosen = conffile.order("a", files, ("/etc/x", "/run/x", "/usr/x"))
        assert all(files[path] for path in chosen) and len(set(chosen)) == len(chosen)
