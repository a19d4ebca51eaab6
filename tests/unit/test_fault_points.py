"""The points of a trace, and what was hit: which calls of which thread count, and as what."""

from pathlib import Path

import pytest

from tests.host.inside import faults
from tests.host.inside.faults import Point

TRACE = """\
10 openat(AT_FDCWD</>, "/usr/lib/python3/os.py", O_RDONLY|O_CLOEXEC) = 3</usr/lib/python3/os.py>
10 openat(AT_FDCWD</>, "/run/bitbuilder/lock/acme", O_RDWR|O_CREAT|O_CLOEXEC, 0600) = 3</run/bitbuilder/lock/acme>
10 clone3({flags=CLONE_VM|CLONE_FS|CLONE_THREAD, stack=0x7f, stack_size=0x1}, 88 <unfinished ...>
11 rename("/var/lib/tenants/acme/.#good", "/var/lib/tenants/acme/good") = 0
10 <... clone3 resumed> => {parent_tid=[11]}, 88) = 11
10 clone3({flags=CLONE_VM|CLONE_FS|CLONE_THREAD, stack=0x7f, stack_size=0x1} => {parent_tid=[12]}, 88) = 12
12 fsync(4</var/lib/tenants/acme>)      = 0
12 write(1</dev/null>, "said", 4)       = 4
12 vfork( <unfinished ...>
13 openat(AT_FDCWD</>, "/proc/self/fd", O_RDONLY|O_DIRECTORY) = 5</proc/13/fd>
12 <... vfork resumed>)                 = 13
12 fsync(4</var/lib/tenants/acme>)      = 0
10 openat(AT_FDCWD</>, "/etc/bitbuilder/bitbuilder.conf", O_RDONLY|O_CLOEXEC) = 3</etc/bitbuilder/bitbuilder.conf>
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "trace"
    path.write_text(TRACE)
    return path


def calls(found: list[Point]) -> list[tuple[str, str, int]]:
    return [(point.kind, point.call, point.when) for point in found if point.action == "EIO"]


def test_points_are_what_the_first_thread_does_after_it_was_loaded(log: Path) -> None:
    assert calls(faults.points("change", log)) == [("create", "openat", 2), ("open", "openat", 3)]


def test_with_threads_a_point_is_one_number_of_a_call_in_any_of_them_and_in_no_program(log: Path) -> None:
    found = calls(faults.points("together", log, threads=True))
    assert found == [
        ("open", "openat", 1), ("create", "openat", 2), ("rename", "rename", 1), ("sync", "fsync", 1),
        ("sync", "fsync", 2), ("open", "openat", 3),
    ]  # fmt: skip


def test_every_point_can_be_written_down_and_read_again(log: Path) -> None:
    found = faults.points("change", log)
    assert [Point.parse(str(point)) for point in found] == found


@pytest.mark.parametrize(
    ("trace", "struck"),
    [
        ("10 fsync(3</a>) = 0\n10 fsync(4</b>) = -1 EIO (I/O error) (INJECTED)\n", "fsync(4</b>) = -1 EIO"),
        ("10 fsync(3</a>) = 0\n10 fsync(4</b>) = ?\n10 +++ killed by SIGKILL +++\n", "fsync(4</b>) = ?"),
        ("10 fsync(3</a>) = 0\n10 +++ exited with 0 +++\n", ""),
    ],
)
def test_what_was_hit_is_told_from_what_went_well(log: Path, trace: str, struck: str) -> None:
    log.write_text(trace)
    assert faults.hit(log).startswith(struck) and bool(faults.hit(log)) == bool(struck)


def test_no_class_and_no_action_comes_late_in_a_sample(log: Path) -> None:
    found = faults.points("change", log)
    groups = {(point.kind, point.action) for point in found}
    first = faults.sample(found, len(groups), 1)
    assert {(point.kind, point.action) for point in first} == groups
    assert faults.sample(found, 5, 1) == faults.sample(found, 9, 1)[:5]
