"""The short way of `bbhv validate` says what the long one says."""

import json
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
    "deep": b"[" * 100_000, "wide": GOOD + b" " * (64 << 10),
    "life": GOOD[:-1] + b', "lifecycle": {"confirmWithinSec": 5}}',
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


@pytest.mark.parametrize(
    "name", ["metadata.json", "system.json", "acme.json", "loader/entries/a.conf", "extension-release.a", "os-release"]
)
def test_a_file_that_is_too_large_is_a_finding(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).touch()
    with open(tmp_path / name, "r+b") as file:
        file.truncate(1 << 33)
    status, text = said(checking.validate, [str(tmp_path / name)], capsys)
    assert status == 3 and f"{name}: error[BB105]: " in text


def test_both_ways_say_the_same_of_what_is_no_plain_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_bytes(GOOD)
    (tmp_path / "link").mkdir()
    (tmp_path / "link/metadata.json").symlink_to("../file")
    (tmp_path / "folder/metadata.json").mkdir(parents=True)
    for name in ("link/metadata.json", "folder/metadata.json", "nothing/metadata.json", "file"):
        words = [str(tmp_path / name)]
        assert said(validating.validate, words, capsys) == said(checking.validate, words, capsys)


@pytest.mark.parametrize("name", sorted(FILES.keys() - {"large"}))  # of a repository, that is not even read
def test_a_metadata_json_has_the_findings_that_its_repository_has(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "metadata.json").write_bytes(FILES[name])
    alone, whole = (said(validating.validate, [place, "--json=short"], capsys)[1]
                    for place in (str(tmp_path / "metadata.json"), str(tmp_path)))
    assert json.loads(alone)["findings"] == json.loads(whole)["findings"]


def test_what_is_there_and_not_read_is_not_said_to_be_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "metadata.json").write_bytes(FILES["large"])
    (tmp_path / "infrastructure").mkdir()
    (tmp_path / "infrastructure/data.volume").symlink_to("x")
    (tmp_path / "containers").mkdir()
    text = "[Exec]\nBoot=yes\n[X-Bitbuilder]\nImage=debian-13\nVolume=data:/srv\n"
    (tmp_path / "containers/web.nspawn").write_text(text)
    _, out = said(validating.validate, [str(tmp_path), "--json=short"], capsys)
    assert sorted(one["code"] for one in json.loads(out)["findings"]) == ["BB105", "BB106"]


def test_a_good_file_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "metadata.json").write_bytes(GOOD)
    assert said(validating.validate, [str(tmp_path / "metadata.json")], capsys) == (0, "No findings.\n")
    two = [str(tmp_path / "metadata.json"), str(tmp_path / "other/metadata.json")]
    assert said(validating.validate, two, capsys) == said(checking.validate, two, capsys)
