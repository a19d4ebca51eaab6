"""What the host remembers: links win over the state file, nothing is half written, old generations go."""

from pathlib import Path

import pytest

from bbhv.engine.storage.state import Hold, Outcome, Quarantined, State, Store, Trial, decode, encode
from bbhv.model.authority import Proof, Voucher
from bbhv.model.manifest import Manifest
from bbhv.records import replace

FULL = State(
    trial=Trial(8, "a" * 40, 2, True, 99, "boot", True),
    quarantine=(Quarantined("b" * 40, "it failed", 5),),
    hold=Hold("rollback", "c" * 40, "root", 7, "a newer commit"),
    outcome=Outcome(
        word="refused", commit="d" * 40, message="2 errors", findings=({"file": "x", "line": 1},), when_usec=9
    ),
    tried="e" * 40,
    images=("f" * 64,),
    proof=Proof("9" * 64, 12),
    vouchers=(Voucher("f" * 64, "7" * 64, "8" * 40),),
)


def store(path: Path, generations: int = 0) -> Store:
    """A tenant's folder with so many generations."""
    made = Store(str(path / "acme"))
    made.make()
    for number in range(1, generations + 1):
        assert (
            made.write(Manifest(tenant="acme", commit=f"{number:040}", inputs="", version="1"), {"a.slice": "x"})
            == number
        )
    return made


SUSPENDED = replace(FULL, hold=Hold("suspend", "", "alice", 9, "bbhv resume", under=FULL.hold))


@pytest.mark.parametrize(
    "state", [State(), FULL, replace(FULL, trial=None), replace(FULL, hold=None, outcome=None), SUSPENDED]
)
def test_a_state_comes_back_as_it_was(state: State) -> None:
    assert decode(encode(state)) == state


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b'{"version": 2}', b'{"version": 1}', encode(FULL).replace(b"8", b'"8"', 1)]
)
def test_a_damaged_state_is_not_believed(data: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        decode(data)


def test_a_lost_or_damaged_state_file_leaves_what_the_links_say(tmp_path: Path) -> None:
    made = store(tmp_path, 2)
    made.point("current", 2)
    made.point("good", 1)
    assert made.load() == State(trial=Trial(2, f"{2:040}"))
    (tmp_path / "acme/state.json").write_text("nonsense")
    assert made.load() == State(trial=Trial(2, f"{2:040}"))


def test_a_dangling_link_counts_as_none(tmp_path: Path) -> None:
    made = store(tmp_path, 1)
    (tmp_path / "acme/current").symlink_to("generations/9")
    (tmp_path / "acme/good").symlink_to("/etc/passwd")
    assert made.number("current") is None and made.number("good") is None and made.load() == State()


def test_a_generation_is_written_whole_and_numbered_on(tmp_path: Path) -> None:
    made = store(tmp_path, 2)
    assert made.numbers() == [1, 2] and made.units(2) == {"a.slice": "x"}
    manifest = made.manifest(2)
    assert manifest is not None and manifest.commit == f"{2:040}"
    assert made.manifest(3) is None and made.manifest(None) is None


def test_what_a_crash_left_half_written_is_swept(tmp_path: Path) -> None:
    made = store(tmp_path, 1)
    (tmp_path / "acme/generations/.#2.abc").mkdir()
    (tmp_path / "acme/.#state.json.abc").write_text("half")
    made.make()
    assert made.numbers() == [1]
    assert sorted(p.name for p in (tmp_path / "acme").iterdir()) == ["generations"]


def test_old_generations_go_but_never_one_that_is_used(tmp_path: Path) -> None:
    made = store(tmp_path, 9)
    made.point("good", 2)
    made.point("current", 1)
    made.save(State(trial=Trial(3, "x")))
    made.prune(3)
    assert made.numbers() == [1, 2, 3, 7, 8, 9]


@pytest.mark.parametrize("hold", [Hold("rollback", f"{4:040}", "root", 1, "a newer commit"), None])
@pytest.mark.parametrize("suspended", [False, True])
def test_the_generation_that_a_rollback_left_is_kept(hold: Hold | None, suspended: bool, tmp_path: Path) -> None:
    made = store(tmp_path, 8)
    made.point("current", 1)
    made.point("good", 1)
    state = State(hold=Hold("suspend", "", "root", 2, "bbhv resume", under=hold) if suspended else hold)
    made.save(state)
    made.prune(2)
    assert made.numbers() == ([1, 4, 7, 8] if hold else [1, 7, 8])


def test_a_state_of_an_earlier_version_has_nothing_under_its_hold() -> None:
    before = encode(FULL).replace(b',"under":null', b"")
    assert before != encode(FULL) and decode(before) == FULL


def test_where_a_generation_came_from_is_told_or_not_known(tmp_path: Path) -> None:
    made = store(tmp_path, 2)
    manifest = Manifest(tenant="acme", commit="", inputs="", version="1")
    assert made.origin(made.write(manifest, {}, verb="apply")) == "apply"
    for text in ("", "[]", '{"verb": 1}', '{"verb":'):
        (tmp_path / "acme/generations/2/origin.json").write_text(text)
        assert made.origin(2) == ""
    assert made.origin(9) == ""


def test_an_unchanged_state_is_not_written_again(tmp_path: Path) -> None:
    made = store(tmp_path)
    made.save(FULL)
    before = (tmp_path / "acme/state.json").stat().st_ino
    made.save(FULL)
    assert (tmp_path / "acme/state.json").stat().st_ino == before
    assert (tmp_path / "acme/state.json").stat().st_mode & 0o777 == 0o600


def test_a_suspension_outlives_a_lost_or_damaged_state_file(tmp_path: Path) -> None:
    made = store(tmp_path)
    file, second = tmp_path / "acme/state.json", tmp_path / "acme/suspended"
    made.save(SUSPENDED)
    for lose in (file.unlink, lambda: file.write_text("nonsense")):
        lose()
        assert made.load() == State(hold=SUSPENDED.hold)
    second.write_text("nonsense")
    hold = made.load().hold
    assert hold and (hold.verb, hold.until) == ("suspend", "bbhv resume")
    made.save(SUSPENDED)
    assert made.load() == SUSPENDED
    made.save(FULL)  # resumed, and what was below counts again
    assert not second.exists() and made.load() == FULL
    file.unlink()
    assert made.load() == State()


def test_the_second_memory_of_a_suspension_alone_does_not_win(tmp_path: Path) -> None:
    made = store(tmp_path)
    made.save(SUSPENDED)
    kept = (tmp_path / "acme/suspended").read_bytes()
    made.save(FULL)
    (tmp_path / "acme/suspended").write_bytes(kept)  # as a crash within the resumption leaves it
    assert made.load() == FULL
    made.save(FULL)
    assert not (tmp_path / "acme/suspended").exists()
