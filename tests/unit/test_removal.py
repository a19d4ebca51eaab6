"""Removal of what others filled: deep, wide, full of links, and nothing outside of it is touched."""

import os
import resource
from pathlib import Path

import pytest

from bbhv.errors import BbhvError
from bbhv.host import removal
from bbhv.host.removal import remove


def deepen(top: Path, levels: int) -> None:
    """Nests folders far beyond the longest path that has a name, each with a file in it."""
    top.mkdir()
    handle = os.open(top, os.O_DIRECTORY)
    for _ in range(levels):
        os.mkdir("deeper", dir_fd=handle)
        os.close(os.open("file", os.O_CREAT, dir_fd=handle))
        inner = os.open("deeper", os.O_DIRECTORY, dir_fd=handle)
        os.close(handle)
        handle = inner
    os.close(handle)


def test_a_tree_that_is_nested_beyond_every_limit_goes(tmp_path: Path) -> None:
    deepen(tmp_path / "data", 6000)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    try:
        remove(str(tmp_path / "data"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_a_wide_tree_goes(tmp_path: Path) -> None:
    for number in range(removal.CHUNK + 10):
        (tmp_path / f"data/d{number % 300}").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"data/d{number % 300}/{number}").mkdir()
        (tmp_path / f"data/f{number}").touch()
    remove(str(tmp_path / "data"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", ["data/link", "data/sub/link", "data/.#0.1"])
def test_no_link_is_followed(where: str, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    (tmp_path / "data/sub").mkdir(parents=True)
    (tmp_path / where).symlink_to(outside)
    remove(str(tmp_path / "data"))
    assert [path.name for path in tmp_path.iterdir()] == ["outside"] and (outside / "kept").exists()


def test_what_is_a_link_or_a_file_itself_goes_alone(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    (tmp_path / "pipe").touch()
    remove(str(tmp_path / "link"))
    remove(str(tmp_path / "pipe"))
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_what_cannot_be_removed_is_named(tmp_path: Path) -> None:
    with pytest.raises(BbhvError, match="/proc/self/task: .* cannot be removed"):
        remove("/proc/self/task")


def test_what_is_mounted_below_a_path_is_found() -> None:
    assert "/proc" in removal.mounted("/proc") and "/proc" not in removal.mounted("/proc/self")
    assert removal.mounted("/pro") == ()
