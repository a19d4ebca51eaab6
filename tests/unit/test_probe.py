"""What is asked of workloads, what systemd says about it, and what an HTTP server may answer."""

from collections.abc import Mapping

import pytest

from bbhv.formats import httpstatus
from bbhv.kinds.workloads.health import check
from bbhv.model.manifest import Health, ImageRef, Manifest, Workload
from bbhv.model.probe import Answer, Probe, answer, probes, sentence
from bbhv.records import replace

IMAGE = ImageRef(name="i", format="offered", source="", sha256="", identity="x", path="/x")
UNIT = "tenant-container@web.acme.service"
WEB = Workload(
    name="web", kind="container", unit=UNIT, after=(), image=IMAGE,
    settings={"Exec.User": "www", "Exec.SystemCallFilter": "~@keyring\n~kexec_load"},
    health=Health(check="exec:/bin/ok -q", grace_sec=2.0, interval_sec=3.0, timeout_sec=4.0),
)  # fmt: skip
MANIFEST = Manifest(tenant="acme", commit="c" * 40, inputs="", version="1", workloads=(WEB,))


def probe(text: str) -> Probe:
    return Probe(unit="u", tenant="acme", workload="web", of=UNIT, check=check(text), timeout_sec=4.0)


def test_a_probe_knows_what_its_workload_asked_for() -> None:
    [one] = probes(MANIFEST, {UNIT})
    assert (one.unit, one.of, str(one.check)) == ("tenant-health@web.acme.service", UNIT, "exec:/bin/ok -q")
    assert (one.grace_sec, one.interval_sec, one.timeout_sec) == (2.0, 3.0, 4.0)
    assert (one.user, one.denied) == ("www", ("~@keyring", "~kexec_load"))


def test_only_what_is_watched_is_asked_and_a_unit_alone_needs_no_probe() -> None:
    assert probes(MANIFEST, {"another"}) == ()
    plain = replace(MANIFEST, workloads=(replace(WEB, health=Health()),))
    assert probes(plain, {UNIT}) == ()
    scripted = replace(plain, scripts={"health": "5" * 64, "provision": "5" * 64})
    assert [one.unit for one in probes(scripted, {UNIT})] == ["tenant-script@health.acme.service"]
    assert probes(scripted, ()) == (), "where nothing is watched, nothing is asked"


@pytest.mark.parametrize(
    ("text", "found", "said"),
    [
        ("tcp:80", {"ActiveState": "active"}, Answer(True)),
        ("tcp:80", {"ActiveState": "activating", "StatusText": ""}, Answer(None, "no answer yet")),
        ("tcp:80", {"ActiveState": "activating", "StatusText": "2 refused"},
         Answer(None, "refused (2 attempts)", settled=True)),
        ("http:80/", {"ActiveState": "activating", "StatusText": "1 \x1b[2J"},
         Answer(None, "\\x1b[2J (1 attempt)", settled=True)),
        ("http:80/", {"ActiveState": "activating", "StatusText": "x refused"}, Answer(None, "no answer yet")),
        ("console:up", {"ActiveState": "activating", "StatusText": "8"},
         Answer(None, "none of 8 lines of the console has it", settled=True)),
        ("console:up", {"ActiveState": "activating", "StatusText": "x"},
         Answer(None, "the console has said nothing yet")),
        ("tcp:80", {"ActiveState": "inactive", "Job": "7"}, Answer(None, "it was not asked yet")),
        ("tcp:80", {}, Answer(False, "the check ended by itself (no result)", settled=True)),
        ("script:health", {"ActiveState": "deactivating", "Result": "timeout", "NRestarts": "1"},
         Answer(None, "it still runs (2 attempts)")),
        ("tcp:80", {"ActiveState": "failed", "Result": "oom-kill", "Job": "0"},
         Answer(False, "the check ended by itself (oom-kill)", settled=True)),
        ("exec:/x", {"ActiveState": "activating", "SubState": "start", "NRestarts": "2"},
         Answer(None, "it still runs (3 attempts)")),
        ("exec:/x", {"ActiveState": "activating", "SubState": "auto-restart", "NRestarts": "0", "ExecMainCode": "1",
                     "ExecMainStatus": "3", "Result": "exit-code"},
         Answer(None, "exit status 3 (1 attempt)", settled=True)),
        ("exec:/x", {"ActiveState": "activating", "SubState": "auto-restart", "NRestarts": "1", "ExecMainCode": "1",
                     "ExecMainStatus": "217", "Result": "exit-code"},
         Answer(None, "exit status 217, there is no such user (2 attempts)", settled=True)),
        ("script:health", {"ActiveState": "activating", "SubState": "auto-restart", "ExecMainCode": "1",
                           "ExecMainStatus": "127", "Result": "exit-code"},
         Answer(None, "exit status 127 (1 attempt)", settled=True)),
        ("exec:/x", {"ActiveState": "activating", "SubState": "auto-restart", "ExecMainCode": "2",
                     "ExecMainStatus": "11", "Result": "signal"},
         Answer(None, "killed by signal 11 (1 attempt)", settled=True)),
        ("exec:/x", {"ActiveState": "activating", "SubState": "auto-restart", "ExecMainCode": "2",
                     "ExecMainStatus": "9", "Result": "timeout"},
         Answer(None, "not done within 4 s (1 attempt)", settled=True)),
    ],
)  # fmt: skip
def test_what_systemd_says_of_a_probe_is_understood(text: str, found: Mapping[str, str], said: Answer) -> None:
    assert answer(probe(text), found) == said


def test_a_sentence_names_the_workload_and_the_check() -> None:
    assert sentence(probe("tcp:80"), "connection refused (2 attempts)") == (
        "web: tcp:80: connection refused (2 attempts)"
    )
    assert sentence(replace(probe("script:health"), workload=""), "x") == "script:health: x, see: journalctl -u u"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", None), (b"HTT", None), (b"HTTP/1.1", None), (b"HTTP/1.1 200", None), (b"HTTP/1.1 200 OK\r\n", 200),
        (b"HTTP/1.0 404\r\nx", 404), (b"HTTP/1.1 503 \n", 503), (b"HTTP/1.1 302 Found\r\n" + b"x" * 9999, 302),
    ],
)  # fmt: skip
def test_the_status_of_an_answer_is_read(data: bytes, status: int | None) -> None:
    assert httpstatus.status_of(data) == status


@pytest.mark.parametrize(
    "data",
    [
        b"x", b"HTTP/2 200\r\n", b"HTTP/1.1\r\n", b"HTTP/1.1 2000\r\n", b"HTTP/1.1 2\xb2\xb2 x\r\n", b"\n", b"\0" * 600,
        b"HTTP/1.1 " + b"2" * 600, b"http/1.1 200 OK\r\n",
    ],
)  # fmt: skip
def test_what_is_no_answer_is_none(data: bytes) -> None:
    with pytest.raises(ValueError):
        httpstatus.status_of(data)


def test_every_beginning_of_an_answer_waits_for_the_rest() -> None:
    whole = b"HTTP/1.1 200 OK\r\n"
    assert [httpstatus.status_of(whole[:size]) for size in range(len(whole))] == [None] * len(whole)
