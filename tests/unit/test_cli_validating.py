"""The short way of `bbhv validate` says what the long one says."""

from pathlib import Path

import pytest

from bbhv.cli import checking, validating
from bbhv.cli.main import Call, parse
from bbhv.cli.output import Output
from bbhv.errors import BbhvError

GOOD = b'{"apiVersion": "bitbuilder.io/v1", "tenant": "acme"}'
FILES = {
    "good": GOOD, "blank": b"", "wrong": b'{"apiVersion": "bitbuilder.io/v1", "tennant": "acme"}', "odd": b"\xff",
    "twice": GOOD[:-1] + b', "tenant": "b"}', "mark": b"\xef\xbb\xbf" + GOOD, "large": GOOD + b" " * (1 << 20),
    "deep": b"[" * 100_000,
}  # fmt: skip


def said(function: object, words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[object, str]:
    verb, arguments, options = parse(["validate", *words])
    assert verb is not None and callable(function)
    call = Call(verb, arguments, options)
    try:
        status: object = function(call, Output(call.get("--json", "off"), quiet=call.has("--quiet")))
    except BbhvError as error:
        status = str(error)
    return status, capsys.readouterr().out


@pytest.mark.parametrize("options", [[], ["--quiet"], ["--json=short"], ["--format=github"], ["--no-pager"]], ids=str)
@pytest.mark.parametrize("name", FILES)
def test_both_ways_say_the_same(
    name: str, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "metadata.json"
    path.write_bytes(FILES[name])
    words = [*options, str(path)]
    assert said(validating.validate, words, capsys) == said(checking.validate, words, capsys)


def test_both_ways_say_the_same_of_what_is_no_plain_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_bytes(GOOD)
    (tmp_path / "link").mkdir()
    (tmp_path / "link/metadata.json").symlink_to("../file")
    (tmp_path / "folder/metadata.json").mkdir(parents=True)
    for name in ("link/metadata.json", "folder/metadata.json", "nothing/metadata.json", "file"):
        words = [str(tmp_path / name)]
        assert said(validating.validate, words, capsys) == said(checking.validate, words, capsys)


def test_a_good_file_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "metadata.json").write_bytes(GOOD)
    assert said(validating.validate, [str(tmp_path / "metadata.json")], capsys) == (0, "No findings.\n")
    two = [str(tmp_path / "metadata.json"), str(tmp_path / "other/metadata.json")]
    assert said(validating.validate, two, capsys) == said(checking.validate, two, capsys)
