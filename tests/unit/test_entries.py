"""What a workload has logged, as a person and a program see it, and what of an entry of the journal is told."""

import json
import os
import time
from collections.abc import Iterator

import pytest

from bbhv.cli import entries
from bbhv.cli.main import Call, parse
from bbhv.cli.output import Output
from bbhv.errors import UsageError
from bbhv.formats import logentry
from bbhv.formats.jsontext import Json

from .test_output_schemas import problems

JOURNAL: dict[str, Json] = {
    "__REALTIME_TIMESTAMP": "1700000000123456", "__CURSOR": "s=1;i=2;b=3;m=4;t=5;x=6", "PRIORITY": "6",
    "_SYSTEMD_UNIT": "x.service",
    "SYSLOG_IDENTIFIER": "web", "_COMM": "httpd", "_PID": "42", "SYSLOG_PID": "7", "MESSAGE": "hello",
}  # fmt: skip
ENTRY: dict[str, Json] = {"whenUSec": 1700000000123456, "cursor": "b=3;m=4;t=5;x=6", "unit": "x.service", "priority": 6,
                          "identifier": "web", "pid": 42, "message": "hello"}  # fmt: skip


def told(**changes: Json) -> Json:
    """What is told of an entry with these fields; None takes one away."""
    fields = {name: value for name, value in {**JOURNAL, **changes}.items() if value is not None}
    return logentry.entry(json.dumps(fields))


def call(*words: str) -> Call:
    verb, arguments, options = parse(["logs", *words])
    assert verb is not None
    return Call(verb, arguments, options)


@pytest.fixture(autouse=True)
def time_zone() -> Iterator[None]:
    """Times are those of UTC."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    yield
    del os.environ["TZ"]
    os.environ.update({"TZ": before} if before is not None else {})
    time.tzset()


def test_an_entry_is_told_with_who_says_it() -> None:
    assert told() == ENTRY
    assert told(SYSLOG_IDENTIFIER=None, _PID=None) == {**ENTRY, "identifier": "httpd", "pid": 7}
    assert told(_PID=None, SYSLOG_PID="99999999999") == {**ENTRY, "pid": None}
    assert told(_PID=None, SYSLOG_PID="x", MESSAGE=[104, 255]) == {**ENTRY, "pid": None, "message": "h\ufffd"}
    assert told(UNIT="y.service", PRIORITY="9", SYSLOG_IDENTIFIER="n" * 300) == {
        **ENTRY, "unit": "y.service", "priority": 5, "identifier": "n" * 256
    }
    assert logentry.entry("no JSON") is None and logentry.entry("[]") is None


def test_what_was_said_since_a_moment_is_what_came_then_or_later() -> None:
    rows: list[Json] = [
        {"__MONOTONIC_TIMESTAMP": "9", "MESSAGE": "before"}, {"__MONOTONIC_TIMESTAMP": "10", "MESSAGE": "then"},
        {"MESSAGE": "who knows when"}, [], {"__MONOTONIC_TIMESTAMP": "100", "MESSAGE": [255, 104]},
    ]  # fmt: skip
    assert logentry.messages("\n".join([*map(json.dumps, rows), "no JSON", ""]), 10) == "then\n\ufffdh\n"
    assert logentry.messages("", 0) == ""


def test_entries_are_told_as_the_schema_says() -> None:
    for entry in (told(), told(_PID=None, SYSLOG_PID=None, MESSAGE=None)):
        assert problems("logs", {"entry": entry}) == []
    assert problems("logs", {"entry": None}) != []


def test_a_person_sees_a_line_for_each_and_what_follows_is_no_line_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = (ENTRY, {**ENTRY, "pid": None, "message": "one\nNov 14 two\x1b[31m"})
    assert entries.show(found, Output()) == 0
    head = f"Nov 14 22:13:20 {os.uname().nodename} web"
    first, second, third = capsys.readouterr().out.splitlines()
    assert (first, second) == (f"{head}[42]: hello", f"{head}: one")
    assert third == " " * len(f"{head}: ") + "Nov 14 two\\x1b[31m"


def test_a_program_gets_an_object_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert entries.show((ENTRY, ENTRY, None), Output("short")) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [{"entry": ENTRY}] * 2


def test_who_interrupts_what_is_followed_has_seen_enough() -> None:
    def interrupted() -> Iterator[Json]:
        yield ENTRY
        raise KeyboardInterrupt

    assert entries.show(interrupted(), Output(quiet=True)) == 0


def test_a_workload_or_a_tenant_is_named_and_lines_are_counted() -> None:
    assert entries.whose(call("acme")) == ("acme", "") and entries.whose(call("web.acme")) == ("acme", "web")
    assert [entries.lines(call(*words)) for words in (["a"], ["a", "-n5"], ["a", "-nall"], ["a", "--since=-1h"])] == [
        "100", "5", "all", "all"
    ]
    for words in (["Acme"], ["a.b.c"], ["web."]):
        with pytest.raises(UsageError):
            entries.whose(call(*words))
    for lines in ("-1", "1e9", "9999999999", "²"):
        with pytest.raises(UsageError):
            entries.lines(call("a", f"--lines={lines}"))
