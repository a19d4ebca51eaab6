"""Every reader of untrusted bytes against mutated input: nothing but its documented error, and no promise broken.

The rows are in tests/fuzz; `build.py bench fuzz` runs them longer.
"""

import random

import pytest

from bbhv.formats import conffile
from tests.fuzz.mutate import mutated
from tests.fuzz.targets import TARGETS, Target


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_reader_takes_any_bytes(target: Target) -> None:
    accepted = sum(target.check(data) for data in mutated(target.seeds(), target.rounds))
    assert accepted >= target.floor


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_reader_takes_good_input_cut_off_anywhere(target: Target) -> None:
    data = min(target.seeds(), key=len)
    for length in range(0, len(data), max(1, len(data) // 200)):
        target.check(data[:length])


def test_configuration_listings() -> None:
    rng = random.Random(4)
    parts = ["/etc/x", "/run/x", "/usr/x", "/", "a.conf", "a.conf.d", "b.conf", ".conf", "..", "\udcff.conf", ""]
    for _ in range(2500):
        files: dict[str, bytes | None] = {
            "/".join(rng.choices(parts, k=rng.randint(1, 4))): rng.choice((None, b"", b"x")) for _ in range(8)
        }
        chosen = conffile.order("a", files, ("/etc/x", "/run/x", "/usr/x"))
        assert all(files[path] for path in chosen) and len(set(chosen)) == len(chosen)
