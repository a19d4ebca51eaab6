"""Events: one value, the same for who listens, for a reply, and in the journal; and nobody else can make one."""

import json
import re
import socket
import threading
from pathlib import Path

import pytest

from bbhv.cli.pages import telling
from bbhv.engine import events as engine
from bbhv.errors import UsageError
from bbhv.formats.jsontext import Json
from bbhv.host import journal
from bbhv.model.events import (
    FIELDS, MAX_MESSAGE, MAX_STEPS, OUTCOMES, ROWS, Event, Kind, Stage, Step, from_fields, from_line, is_ours, told,
)  # fmt: skip

from .test_output_schemas import DEFINED, members, problems

CATALOG = Path(__file__).parents[2] / "sysext/usr/lib/systemd/catalog/bitbuilder.catalog"
COMMIT = "0123456789abcdef" * 2 + "01234567"
TRACE = (Step(Stage.FETCHED, 1_700_000_000_000_001), Step(Stage.VERIFIED, 1_700_000_000_000_002))
ROLLED_BACK = Event(
    tenant="acme", kind=Kind.OUTCOME, outcome="rolled-back", commit=COMMIT, generation=7,
    message="web.acme ended: status 1", when_usec=1_700_000_000_000_003, trace=TRACE,
)  # fmt: skip
ROOT = {"_UID": "0", "_TRANSPORT": "journal", "_SYSTEMD_UNIT": "tenant-sync.service", "_SYSTEMD_SLICE": "system.slice"}


def examples() -> list[Event]:
    """An event of each row of the table, and those with the least and the most in them."""
    some = [Event(tenant="team-a", kind=Kind.OUTCOME if word in OUTCOMES else Kind(word),
                  outcome=word if word in OUTCOMES else "", when_usec=5, message=f"about {word}") for word in ROWS]
    full = Event(tenant="a" * 24, kind=Kind.OUTCOME, outcome="failed", commit="f" * 64, generation=10**17,
                 message=told("\U0001f98a" * MAX_MESSAGE), when_usec=10**17,
                 trace=tuple(Step(Stage.SUPPLIED, 10**17 + number) for number in range(MAX_STEPS)))
    return [*some, full, ROLLED_BACK, Event(tenant="a", kind=Kind.STEP, when_usec=0)]


@pytest.mark.parametrize("event", examples(), ids=lambda event: event.word)
def test_what_is_read_back_from_the_journal_is_what_was_written(event: Event) -> None:
    assert from_fields(event.fields()) == event
    line = json.dumps({**event.fields(), **ROOT, "__CURSOR": "s=1;i=2;b=3;m=4;t=5;x=6"})
    assert from_line(line.encode()) == ("b=3;m=4;t=5;x=6", event)


@pytest.mark.parametrize("event", examples(), ids=lambda event: event.word)
def test_an_event_is_told_as_the_schema_says_and_fits_into_a_datagram(event: Event) -> None:
    assert problems("monitor", {"event": event.as_json(), "cursor": "b=3;m=4"}) == []
    entry = journal.entry(event.fields())
    assert entry.count(b"\n") == len(event.fields()) and len(entry) < journal.MOST // 2


def test_the_schema_knows_every_kind_outcome_and_step() -> None:
    known = members(members(DEFINED["event"])["properties"])
    assert members(known["kind"])["enum"] == [kind.value for kind in Kind]
    assert members(known["outcome"])["enum"] == [*OUTCOMES, None]
    steps = members(members(DEFINED["runstep"])["properties"])
    assert members(steps["step"])["enum"] == [stage.value for stage in Stage]


def test_the_fields_are_those_of_the_journal_with_a_sentence_for_people() -> None:
    assert ROLLED_BACK.fields() == {
        "MESSAGE": "acme: rolled-back: web.acme ended: status 1", "MESSAGE_ID": ROWS["rolled-back"].id,
        "PRIORITY": "4", "SYSLOG_IDENTIFIER": "bbhv", "OBJECT_SYSTEMD_UNIT": "tenant@acme.service",
        "BITBUILDER_TENANT": "acme", "BITBUILDER_EVENT": "outcome", "BITBUILDER_OUTCOME": "rolled-back",
        "BITBUILDER_COMMIT": COMMIT, "BITBUILDER_GENERATION": "7", "BITBUILDER_REASON": "web.acme ended: status 1",
        "BITBUILDER_USEC": "1700000000000003",
        "BITBUILDER_TRACE": "fetched=1700000000000001 verified=1700000000000002",
    }  # fmt: skip
    step = Event(tenant="acme", kind=Kind.STEP, when_usec=5, trace=TRACE)
    assert step.sentence == "acme: verified"


def test_a_message_is_one_harmless_line_that_ends() -> None:
    assert told("a\n  b\x1b[31m\tc\0") == r"a b\x1b[31m c\x00"
    for text in ("x" * (MAX_MESSAGE + 1), "\x1b" * MAX_MESSAGE, "é " * MAX_MESSAGE):
        assert len(told(text)) <= MAX_MESSAGE and told(told(text)) == told(text) and told(text)[-1] == "…"


WRONG = {
    "no tenant": {"BITBUILDER_TENANT": ""}, "a tenant of no such name": {"BITBUILDER_TENANT": "../acme"},
    "no id": {"MESSAGE_ID": ""}, "another id": {"MESSAGE_ID": ROWS["applied"].id},
    "an id of nobody": {"MESSAGE_ID": "0" * 32}, "another kind": {"BITBUILDER_EVENT": "hold"},
    "no kind of ours": {"BITBUILDER_EVENT": "party"}, "another outcome": {"BITBUILDER_OUTCOME": "applied"},
    "half a commit": {"BITBUILDER_COMMIT": COMMIT[:12]}, "a commit in capitals": {"BITBUILDER_COMMIT": "A" * 40},
    "a generation below nothing": {"BITBUILDER_GENERATION": "-1"},
    "a generation that is no number": {"BITBUILDER_GENERATION": "٣"},
    "a generation without end": {"BITBUILDER_GENERATION": "9" * 19}, "no time": {"BITBUILDER_USEC": ""},
    "a time that is a fraction": {"BITBUILDER_USEC": "1.5"},
    "two lines": {"BITBUILDER_REASON": "a\nb"}, "what drives a terminal": {"BITBUILDER_REASON": "\x1b[2J"},
    "too long a message": {"BITBUILDER_REASON": "x" * (MAX_MESSAGE + 1)},
    "a step of nobody": {"BITBUILDER_TRACE": "danced=5"}, "a step without a time": {"BITBUILDER_TRACE": "fetched"},
    "half a trace": {"BITBUILDER_TRACE": "fetched=5 "},
    "too many steps": {"BITBUILDER_TRACE": " ".join(["fetched=5"] * (MAX_STEPS + 1))},
}  # fmt: skip


@pytest.mark.parametrize("changed", WRONG.values(), ids=WRONG)
def test_what_is_not_exactly_an_event_is_none(changed: dict[str, str]) -> None:
    assert from_fields({**ROLLED_BACK.fields(), **changed}) is None


def test_an_outcome_word_belongs_to_outcomes_alone() -> None:
    hold = Event(tenant="acme", kind=Kind.HOLD, when_usec=5)
    assert from_fields(hold.fields()) == hold
    assert from_fields({**hold.fields(), "BITBUILDER_OUTCOME": "applied"}) is None


FORGED = {
    "a root inside a container": {"_UID": "524288"}, "nobody known": {"_UID": ""},
    "a line on standard output": {"_TRANSPORT": "stdout"}, "syslog": {"_TRANSPORT": "syslog"},
    "the kernel": {"_TRANSPORT": "kernel"},
    "the slice of all tenants": {"_SYSTEMD_SLICE": "tenants.slice"},
    "the slice of a tenant": {"_SYSTEMD_SLICE": "tenants-acme.slice"},
    "a group below it": {"_SYSTEMD_SLICE": "", "_SYSTEMD_CGROUP": "/tenants.slice/tenants-acme.slice/x/payload"},
    "what runs a container": {"_SYSTEMD_UNIT": "tenant-container@web.acme.service"},
    "what runs a machine": {"_SYSTEMD_UNIT": "tenant-machine@db.acme.service"},
    "a script": {"_SYSTEMD_UNIT": "tenant-script@health.acme.service"},
    "what unpacks an archive": {"_SYSTEMD_UNIT": "bitbuilder-unpack-acme-1-a1b2c3.service"},
    "what fetches": {"_SYSTEMD_UNIT": "bitbuilder-fetch-acme-1-a1b2c3.service"},
}  # fmt: skip


@pytest.mark.parametrize("changed", FORGED.values(), ids=FORGED)
def test_nobody_but_root_of_the_host_outside_of_what_runs_for_tenants_is_believed(changed: dict[str, str]) -> None:
    entry: dict[str, str] = {**ROLLED_BACK.fields(), **ROOT}
    assert is_ours(entry) and from_line(json.dumps(entry).encode())
    assert not is_ours({**entry, **changed}) and from_line(json.dumps({**entry, **changed}).encode()) is None


@pytest.mark.parametrize("unit", ["tenant@acme.service", "tenant-sync@acme.service", "tenant-confirm@acme.service",
                                  "bitbuilder-act@0-1-0.service", "session-4.scope", "bitbuilder-requests.service",
                                  "tenant-manager.service", ""])  # fmt: skip
def test_whoever_runs_the_engine_is_believed(unit: str) -> None:
    assert is_ours({**ROOT, "_SYSTEMD_UNIT": unit})


@pytest.mark.parametrize("line", [
    b"", b"{", b"[]", b"null", b'"x"', b"{}", b"\xff", b"[" * 100_000,
    json.dumps({**ROLLED_BACK.fields(), **ROOT, "BITBUILDER_TENANT": ["acme", "other"]}).encode(),
    json.dumps({**ROLLED_BACK.fields(), **ROOT, "_UID": 0}).encode(),
    json.dumps({**ROLLED_BACK.fields(), **ROOT})[:-1].encode() + b', "_UID": "0"}',
])  # fmt: skip
def test_a_line_that_is_no_event_is_passed_over(line: bytes) -> None:
    assert from_line(line) is None


def test_what_is_looked_at_is_asked_for() -> None:
    entry: dict[str, str] = {**ROLLED_BACK.fields(), **ROOT, "_SYSTEMD_CGROUP": "/"}
    assert from_fields({name: value for name, value in entry.items() if name in FIELDS}) == ROLLED_BACK
    assert set(ROOT) <= set(FIELDS)


# The journal


def test_an_entry_has_lines_and_where_a_value_has_several_its_length() -> None:
    assert journal.entry({"A": "x", "B": "a\nb", "C": ""}) == b"A=x\nB\n\x03\0\0\0\0\0\0\0a\nb\nC=\n"
    assert journal.entry({"A": "\udcff"}) == b"A=\\udcff\n"
    assert journal.entry({"A": "x", "B": "y" * journal.MOST, "C": "z"}) == b"A=x\n"


def test_an_entry_is_one_datagram(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "socket"))
        assert journal.send(ROLLED_BACK.fields(), str(tmp_path / "socket"))
        assert server.recv(1 << 20) == journal.entry(ROLLED_BACK.fields())


def test_no_journal_and_one_that_takes_nothing_stop_nobody(tmp_path: Path) -> None:
    assert not journal.send(ROLLED_BACK.fields(), str(tmp_path / "none"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "socket"))
        sent = 0
        while journal.send(ROLLED_BACK.fields(), str(tmp_path / "socket")):
            sent += 1
        assert 0 < sent < 10_000


# Who listens


def test_who_listens_hears_every_event_of_the_process_while_he_listens() -> None:
    heard: list[tuple[int, Event]] = []
    other = threading.Thread(target=engine.emit, args=(ROLLED_BACK,), kwargs={"lasting": False})
    engine.emit(ROLLED_BACK, lasting=False)
    with engine.listening(lambda event: heard.append((threading.get_ident(), event))):
        with engine.listening(lambda event: heard.append((0, event))):
            other.start()
            other.join()
        engine.emit(ROLLED_BACK, lasting=False)
    engine.emit(ROLLED_BACK, lasting=False)
    assert [event for _, event in heard] == [ROLLED_BACK] * 3
    assert [thread == threading.get_ident() for thread, _ in heard] == [False, False, True]


def test_who_fails_while_he_listens_harms_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    heard: list[Event] = []

    def fails(event: Event) -> None:
        raise RuntimeError("\x1b no")

    with engine.listening(fails), engine.listening(heard.append):
        engine.emit(ROLLED_BACK, lasting=False)
    assert heard == [ROLLED_BACK]
    assert "Somebody who listens to events failed: RuntimeError: \\x1b no" in capfd.readouterr().err


# Who follows


def asked(tenants: list[str] | None = None, cursor: str = "", lines: str = "0", since: str = "",
          steps: bool = False) -> tuple[str, ...]:
    return engine.command(tenants, cursor, lines, since, steps)


def test_the_journal_is_asked_for_what_root_wrote_about_these_tenants() -> None:
    words = asked(["beta", "acme"])
    assert {"_UID=0", "_TRANSPORT=journal", "--follow", "--lines=0", "--all", "--output=json"} <= set(words)
    assert [word for word in words if word.startswith("BITBUILDER_TENANT=")] == [
        "BITBUILDER_TENANT=acme", "BITBUILDER_TENANT=beta"
    ]
    ids = {word.partition("=")[2] for word in words if word.startswith("MESSAGE_ID=")}
    assert ids == {row.id for word, row in ROWS.items() if word != "step"}
    assert f"MESSAGE_ID={ROWS['step'].id}" in asked(steps=True)
    assert not any(word.startswith("BITBUILDER_TENANT=") for word in asked([f"t{n}" for n in range(1000)]))


def test_a_cursor_goes_before_a_number_of_lines_and_can_only_be_one() -> None:
    cursor = "s=0639b46d;i=59a04;b=4cb76;m=1;t=5;x=ff"
    assert f"--after-cursor={cursor}" in asked(cursor=cursor) and "--lines=all" in asked(cursor=cursor, lines="5")
    assert "--since=-1h" in asked(since="-1h", lines="all")
    for bad in ("s=0 --file=/etc/shadow", "S=1", "s=1\n", "s" * 401):
        with pytest.raises(UsageError):
            asked(cursor=bad)


# The words about them


def test_every_id_is_one_of_its_own() -> None:
    assert len({row.id for row in ROWS.values()}) == len(ROWS)
    assert all(re.fullmatch("[0-9a-f]{32}", row.id) for row in ROWS.values())
    assert all(len(f"Subject: {row.says}") <= 80 for row in ROWS.values())


def test_the_catalogue_explains_every_event_and_only_with_fields_that_it_has() -> None:
    text = CATALOG.read_text(encoding="utf-8")
    entries = dict(re.findall(r"^-- ([0-9a-f]{32})\n((?:(?!-- ).*\n)*)", text, re.MULTILINE))
    assert list(entries) == [row.id for row in ROWS.values()]
    every = {name for event in examples() for name in event.fields()}
    for row in ROWS.values():
        head, _, body = entries[row.id].partition("\n\n")
        keys = dict(line.split(": ", 1) for line in head.splitlines())
        assert keys["Subject"] == row.says and keys["Documentation"] == "man:bbhv(1)"
        assert set(re.findall("@([A-Z_]+)@", body)) <= every and "@BITBUILDER_TENANT@" in body
        assert max(map(len, body.splitlines())) <= 80


def test_the_manual_explains_every_field() -> None:
    told_of = {name for name, _ in telling.FIELDS}
    others = {"PRIORITY", "SYSLOG_IDENTIFIER", "OBJECT_SYSTEMD_UNIT"}
    assert told_of == {name for event in examples() for name in event.fields()} - others
    words: list[Json] = [stage.value for stage in Stage]
    assert all(f"`{word}" in dict(telling.FIELDS)["BITBUILDER_TRACE"] for word in words)
