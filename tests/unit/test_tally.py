"""How often callers were refused: what is counted, by whom, and what is there after a restart."""

import threading
from pathlib import Path

from bbhv.engine.tally import Tally, counts


def test_what_was_counted_is_there_when_the_service_comes_back(tmp_path: Path) -> None:
    assert counts(str(tmp_path)) == {} and counts(str(tmp_path / "none")) == {}
    for _ in range(2):
        one, other = Tally("_host", str(tmp_path)), Tally("acme", str(tmp_path))
        for _ in range(5):
            one.add()
        other.add()
    assert counts(str(tmp_path)) == {"_host": 10, "acme": 2}


def test_threads_lose_no_count(tmp_path: Path) -> None:
    one = Tally("_host", str(tmp_path))

    def add() -> None:
        for _ in range(500):
            one.add()

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts(str(tmp_path)) == {"_host": 2000}


def test_a_file_that_is_damaged_begins_anew_and_no_folder_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "_host").write_bytes(b"\xff" * 21)
    one = Tally("_host", str(tmp_path))
    one.add()
    assert counts(str(tmp_path)) == {"_host": 1}
    Tally("_host", str(tmp_path / "none")).add()
    assert not (tmp_path / "none").exists()
