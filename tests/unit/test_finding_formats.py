"""The formats of findings: what a person, a program and a pipeline read, and that no text of a tenant breaks out."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urljoin

import pytest

from bbhv.cli import formats
from bbhv.cli.formats import MAX_RECORDS, Report, github, sarif, uri
from bbhv.cli.output import Output
from bbhv.cli.verbs import FORMATS
from bbhv.errors import UsageError
from bbhv.findings import CODES, MAX_SHOWN, Finding, Place, ordered
from bbhv.formats.jsontext import Json
from bbhv.version import VERSION

ROOT = Path(__file__).parents[2]
BAD = Finding(Place("containers/web.nspawn", 3, 7), "BB205", "Boot=: 'ys' is not a boolean.", "Write yes or no.")
ODD = Finding(Place("docs"), "BB108", "It has no place.", "", "warning")
NOTE = "Not checked: the grant."
REPORT = Report(findings=(BAD, ODD), notes=(NOTE,))
# What would end a line, a command, a property, a string or a fence, or drive a terminal.
HOSTILE = ("\n::error::mine", "\r::stop-commands::x", "%0A::error::", "::set-output name=a::b", ",line=1", ":", "\"}]}",
           "```\n# mine", "\x1b[31m", "\x9b2J", "\x00", "\u2028", "\u202e", "\x85", "\udcff", "##[error]mine", "\ufeff",
           "[mine](https://example.com/)", "[mine\\](0)", "{0}", "{{0}}")


def bbhv(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    return subprocess.run([sys.executable, "-m", "bbhv", *words], cwd=cwd, env=environment, capture_output=True,
                          text=True, timeout=60, check=False)


def members(value: Json) -> dict[str, Json]:
    assert isinstance(value, dict)
    return value


def items(value: Json) -> list[Json]:
    assert isinstance(value, list)
    return value


def run_of(report: Report) -> dict[str, Json]:
    log = sarif(report)
    assert log["version"] == "2.1.0"
    (run,) = items(log["runs"])
    return members(run)


def shown(report: Report, form: str, capsys: pytest.CaptureFixture[str]) -> str:
    formats.show(report, form, Output())
    return capsys.readouterr().out


def hostile(text: str) -> Finding:
    return Finding(Place(f"containers/{text}.nspawn", 1, 2), "BB205", f"Value {text}.", f"Hint {text}.")


# What each format says


def test_every_format_of_the_option_can_be_shown() -> None:
    assert tuple(formats.FORMATS) == FORMATS


def test_text_has_a_line_for_each_finding_then_what_was_not_checked_then_the_count(
    capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(REPORT, "text", capsys).splitlines() == [str(BAD), str(ODD), NOTE, "1 error, 1 warning."]


def test_json_has_all_findings_their_number_and_what_was_not_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(shown(REPORT, "json", capsys)) == {
        "findings": [BAD.as_json(), ODD.as_json()], "total": 2, "notes": [NOTE],
    }  # fmt: skip


def test_github_shows_each_finding_beside_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(REPORT, "github", capsys).splitlines() == [
        "::error file=containers/web.nspawn,line=3,col=7,title=BB205::Boot=: 'ys' is not a boolean. Write yes or no.",
        "::warning file=docs,title=BB108::It has no place.",
        f"::notice::{NOTE}",
        "1 error, 1 warning.",
    ]


def test_sarif_is_one_run_of_bbhv_with_a_rule_for_each_code_that_occurs(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(shown(REPORT, "sarif", capsys)) == sarif(REPORT)
    run = run_of(REPORT)
    driver = members(members(run["tool"])["driver"])
    assert (driver["name"], driver["version"], "informationUri" in driver) == ("bbhv", VERSION, False)
    rules = [members(rule) for rule in items(driver["rules"])]
    assert [rule["id"] for rule in rules] == ["BB108", "BB205"]
    assert members(rules[1]["shortDescription"]) == {"text": "Value cannot be read."}
    help_text = str(members(rules[1]["help"])["text"])
    assert "MemoryMax=512 MiB" in help_text and "`" not in help_text.replace("```", "")
    assert str(members(rules[1]["help"])["markdown"]).count("\n```\n") == 4


def test_sarif_names_the_place_of_each_finding_and_no_line_where_none_is_known() -> None:
    results = [members(result) for result in items(run_of(REPORT)["results"])]
    assert results == [
        {"ruleId": "BB205", "ruleIndex": 1, "level": "error",
         "message": {"text": "Boot=: 'ys' is not a boolean. Write yes or no."},
         "locations": [{"physicalLocation": {"artifactLocation": {"uri": "containers/web.nspawn"},
                                             "region": {"startLine": 3, "startColumn": 7}}}]},
        {"ruleId": "BB108", "ruleIndex": 0, "level": "warning", "message": {"text": "It has no place."},
         "locations": [{"physicalLocation": {"artifactLocation": {"uri": "docs"}}}]},
    ]  # fmt: skip
    whole = Report(findings=(Finding(Place("a", 4), "BB102", "x"),))
    assert '"region": {"startLine": 4}}' in json.dumps(run_of(whole))


def test_sarif_says_what_was_not_checked_and_how_many_findings_there_are() -> None:
    run = run_of(REPORT)
    assert run["invocations"] == [{
        "executionSuccessful": True,
        "toolExecutionNotifications": [{"level": "note", "message": {"text": NOTE}}],
    }]  # fmt: skip
    assert run["properties"] == {"total": 2}
    assert items(run_of(Report(findings=()))["results"]) == []


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_rule(code: str) -> None:
    run = run_of(Report(findings=(Finding(Place("a"), code, "x"),)))
    (rule,) = items(members(members(run["tool"])["driver"])["rules"])
    texts = members(rule)
    assert {"id", "shortDescription", "fullDescription", "help"} == texts.keys()
    assert all(str(members(texts[part])["text"]).strip() for part in ("shortDescription", "fullDescription", "help"))


# Bounds


def test_a_person_is_shown_so_many_findings_and_a_program_more_and_both_are_told_how_many_there_are(
    capsys: pytest.CaptureFixture[str]
) -> None:
    many = Report(findings=tuple(Finding(Place("a", line), "BB102", "x") for line in range(1, MAX_RECORDS + 11)))
    lines = shown(many, "text", capsys).splitlines()
    assert len(lines) == MAX_SHOWN + 2 and lines[MAX_SHOWN:] == ["… and 4810 more", "5010 errors, 0 warnings."]
    lines = shown(many, "github", capsys).splitlines()
    assert lines[MAX_SHOWN:] == ["::notice::4810 more findings are not shown.", "5010 errors, 0 warnings."]
    reply = json.loads(shown(many, "json", capsys))
    assert (len(reply["findings"]), reply["total"]) == (MAX_RECORDS, MAX_RECORDS + 10)
    run = run_of(many)
    assert (len(items(run["results"])), run["properties"]) == (MAX_RECORDS, {"total": MAX_RECORDS + 10})


@pytest.mark.parametrize("form", FORMATS)
def test_no_number_of_warnings_keeps_an_error_from_being_shown(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    warnings = (Finding(Place("a", line), "BB108", "x", severity="warning") for line in range(1, MAX_RECORDS + 11))
    findings = (*warnings, Finding(Place("z", 1), "BB102", "This is what rejects it."))
    assert shown(Report(findings=findings), form, capsys).count("This is what rejects it.") == 1


def test_findings_of_one_place_are_in_one_order_whatever_came_first() -> None:
    twins = [Finding(Place("a", 1), "BB102", "x", hint) for hint in "abcdefgh"]
    assert ordered(reversed(twins)) == ordered(twins) == tuple(twins)


# Hostile texts


def command(line: str) -> tuple[str, dict[str, str], str]:
    """A line as the runner of GitHub Actions reads it: the command, its properties and its message."""
    assert line.startswith("::")
    head, _, data = line[2:].partition("::")
    name, _, rest = head.partition(" ")
    properties = dict(part.split("=", 1) for part in rest.split(",")) if rest else {}
    decoded = {key: value.replace("%3A", ":").replace("%2C", ",").replace("%25", "%")
               for key, value in properties.items()}
    return name, decoded, data.replace("%25", "%")


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_github_reads_one_command_whatever_a_tenant_wrote(text: str) -> None:
    line = github(hostile(text))
    assert len(line.splitlines()) == 1 and line.isprintable()
    name, properties, data = command(line)
    assert name == "error" and list(properties) == ["file", "line", "col", "title"]
    assert (properties["line"], properties["col"], properties["title"]) == ("1", "2", "BB205")
    shown_text = "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode()
                         for c in text)
    assert properties["file"] == f"containers/{shown_text}.nspawn"
    assert data == f"Value {shown_text}. Hint {shown_text}."


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_sarif_is_json_with_one_result_whatever_a_tenant_wrote(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(findings=(hostile(text),))
    log = json.loads(shown(report, "sarif", capsys))
    (result,) = log["runs"][0]["results"]
    message = result["message"]["text"]
    assert message.isprintable() and "](" not in message
    assert set(message.replace("{{", "").replace("}}", "")).isdisjoint("{}")
    address = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert address.isascii() and not set(address) & set(' "<>\\^`{|}\n\r:')
    assert unquote(address, errors="surrogateescape") == f"containers/{text}.nspawn"


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_json_and_text_keep_one_finding_one_whatever_a_tenant_wrote(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report(findings=(hostile(text),))
    reply = shown(report, "json", capsys)
    assert reply.removesuffix("\n").isprintable()
    assert json.loads(reply)["findings"] == [hostile(text).as_json()]
    lines = shown(report, "text", capsys).splitlines()
    assert len(lines) == 2 and all(map(str.isprintable, lines))


PLACES = {
    "a b": "a%20b", "a%b": "a%25b", "a:b": "a%3Ab", "a#b?c": "a%23b%3Fc", "../x": "../x", "./x": "x",
    "\u00e4": "%C3%A4", "/srv/a b": "file:///srv/a%20b",
}  # fmt: skip


@pytest.mark.parametrize("path", PLACES)
def test_a_place_is_a_reference_that_leads_back_to_its_path(path: str) -> None:
    assert uri(path) == PLACES[path]
    assert unquote(urljoin("file:///repository/all/", uri(path))) == "file://" + os.path.normpath(
        os.path.join("/repository/all", path)
    )


# The command line


def test_the_exit_status_is_the_same_in_every_format(tmp_path: Path) -> None:
    bbhv("init", "good", cwd=tmp_path)
    bbhv("init", "bad", cwd=tmp_path)
    (tmp_path / "bad/containers/web.nspawn").write_text("[Exec]\nBoot=ys\n")
    for form in FORMATS:
        assert bbhv("validate", "good", f"--format={form}", cwd=tmp_path).returncode == 0
        done = bbhv("validate", "bad", f"--format={form}", cwd=tmp_path)
        assert (done.returncode, done.stderr) == (3, "") and "BB205" in done.stdout


def test_format_and_json_together_lay_json_out_or_contradict_each_other(tmp_path: Path) -> None:
    bbhv("init", "good", cwd=tmp_path)
    for words, lines in ((("--format=sarif", "--json=pretty"), 20), (("--format=sarif",), 1), (("--json=short",), 1),
                         (("--format=json", "--json=pretty"), 4)):
        done = bbhv("validate", "good", *words, cwd=tmp_path)
        assert len(done.stdout.splitlines()) >= lines and isinstance(json.loads(done.stdout), dict)
        assert lines > 1 or len(done.stdout.splitlines()) == 1
    for form in ("text", "github"):
        done = bbhv("validate", "good", f"--format={form}", "--json=short", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.splitlines()[0] == f"bbhv: --format={form} is not JSON, as --json=short wants it."
    with pytest.raises(UsageError):
        formats.chosen("text", "pretty")
    assert [formats.chosen(*pair) for pair in (("", "off"), ("", "short"), ("github", "off"))] == [
        "text", "json", "github"
    ]


def kept(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if "error" in line]


def test_quiet_leaves_only_the_findings(tmp_path: Path) -> None:
    bbhv("init", "bad", cwd=tmp_path)
    (tmp_path / "bad/containers/web.nspawn").write_text("[Exec]\nBoot=ys\n[X-Bitbuilder]\nImage=a\n")
    for form in ("text", "github"):
        lines = bbhv("validate", "bad", "-q", f"--format={form}", cwd=tmp_path).stdout.splitlines()
        assert lines and kept(lines) == lines
